// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_MAIN_HPP
#define GCD_DETAIL_NATIVE_MAIN_HPP
/// @file
/// Serving the main queue: a lane whose token is run by whoever serves it on the main thread, called by an eventfd.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sched/drain.hpp>
#include <gcd/detail/native/sched/lane.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

#include <poll.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail::native {

/// One for all libraries, so that each can stop the loop that another one runs.
struct GCD_VISIBLE main_state {
    /// Readable while the main queue's token waits to be run; -1 before anyone has asked for it. Made under the lock
    /// and published (seq_cst); whoever puts the token there marks `ready` (seq_cst) and then looks for a descriptor,
    /// and who makes one looks at `ready` afterwards, so that one of the two raises it.
    std::atomic<int> event{-1};
    std::atomic<bool> ready{false};
    futex_lock lock;
    /// Used on the main thread only.
    bool running = false;
    bool stopped = false;
    bool draining = false;
};
GCD_VISIBLE inline constinit main_state main_loop{};

GCD_HIDDEN inline void wake_main(lane*) {
    main_loop.ready.store(true, std::memory_order_seq_cst);
    if (const int event = main_loop.event.load(std::memory_order_seq_cst); event >= 0) sys::raise_counter(event);
}

/// In the child of a fork: the descriptor is the parent's too.
GCD_HIDDEN inline void forget_main() noexcept {
    if (const int event = main_loop.event.exchange(-1, std::memory_order_relaxed); event >= 0) sys::close(event);
    main_loop.lock.reset();
    main_loop.running = main_loop.stopped = main_loop.draining = false;
}

GCD_HIDDEN inline int main_descriptor() {
    if (const int known = main_loop.event.load(std::memory_order_acquire); known >= 0) return known;
    the_pool();
    static const int watched = ::pthread_atfork(nullptr, nullptr, &forget_main);
    static_cast<void>(watched);
    const std::lock_guard hold{main_loop.lock};
    if (const int known = main_loop.event.load(std::memory_order_acquire); known >= 0) return known;
    const int made = sys::event_counter(0);
    if (made < 0) throw_errno(errno, "gcd::main_queue_descriptor: eventfd");
    main_loop.event.store(made, std::memory_order_seq_cst);
    if (main_loop.ready.load(std::memory_order_seq_cst)) sys::raise_counter(made);
    return made;
}

/// Runs what is there at the call; a call from inside an item of the main queue does nothing.
GCD_HIDDEN inline void main_drain() {
    require_main_thread("gcd::drain_main_queue");
    std::uint64_t wakeups = 0;
    static_cast<void>(sys::read(main_descriptor(), &wakeups, sizeof(wakeups)));
    if (main_loop.draining || !main_loop.ready.exchange(false, std::memory_order_seq_cst)) return;
    lane* main = as_lane(queue_main());
    main_loop.draining = true;
    drain(main, {nullptr, nullptr, nullptr, main->items.last()});
    main_loop.draining = false;
}

struct GCD_HIDDEN main_running {
    main_running() {
        require_no_main_loop(main_loop.running);
        main_loop.running = true;
    }
    main_running(const main_running&) = delete;
    main_running& operator=(const main_running&) = delete;
    ~main_running() { main_loop.running = main_loop.stopped = false; }
};

GCD_HIDDEN inline void main_run() {
    const main_running running;
    const give_up* ask = current_interruption();
    pollfd ready{main_descriptor(), POLLIN, 0};
    // Stopped before it began: what is there runs all the same.
    if (main_loop.stopped) main_drain();
    while (!main_loop.stopped) {
        ready.revents = 0;
        const int count = ::poll(&ready, 1, chase_threads() || ask != nullptr ? 50 : -1);
        if (count < 0 && errno != EINTR) throw_errno(errno, "gcd::run_main: poll");
        if (count > 0) main_drain();
        if (ask != nullptr && ask->asked(ask)) throw interrupted{};
    }
}

/// The stop is an item of the main queue, so that what was submitted before it has run.
GCD_HIDDEN inline void main_stop() {
    queue_async(queue_main(), make_work<memory>([] { main_loop.stopped = true; }));
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
