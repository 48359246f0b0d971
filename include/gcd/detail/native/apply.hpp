// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_APPLY_HPP
#define GCD_DETAIL_NATIVE_APPLY_HPP
/// @file
/// The parallel for loop: the caller takes part, and workers that have nothing else to do help.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/native/sync.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>

namespace gcd::inline GCD_ABI::detail::native {

struct apply_loop;

/// An item that helps with a loop; they stand behind it in one piece of memory.
struct apply_helper : work {
    apply_loop* loop;
};

/// One loop. The caller and its helpers take chunks from `next` until it reaches the end, or one of them has stopped
/// it. The caller owns the loop's contents and is there until the last helper inside has left; the memory is owned by
/// all helpers that were submitted, as those that come too late find the door closed.
struct apply_loop {
    loop_body* body;
    queue_object* queue;
    frame* caller;
    std::size_t end;
    std::size_t threads;
    /// The next index that nobody has taken. Relaxed: `door` orders what the threads do.
    std::atomic<std::size_t> next{0};
    /// The body threw, or the caller gave up: no further call begins.
    std::atomic<bool> stopped{false};
    /// Helpers inside, and the highest bit once the caller has closed it. A helper comes in with acq_rel, by a swap
    /// from an open door, and leaves with acq_rel; the caller that reads a closed door with nobody inside (acquire) has
    /// all they did before it.
    std::atomic<std::uint32_t> door{0};
    std::atomic<unsigned> owners;

    static constexpr std::uint32_t closed = std::uint32_t{1} << 31U;

    /// Chunks shrink towards the end, so that the threads end together.
    bool take(std::size_t& first, std::size_t& last) noexcept {
        std::size_t from = next.load(std::memory_order_relaxed);
        do {
            if (from >= end) return false;
            last = from + std::max<std::size_t>(1, (end - from) / (threads * 4));
        } while (!next.compare_exchange_weak(from, last, std::memory_order_relaxed));
        first = from;
        return true;
    }

    bool come_in() noexcept {
        std::uint32_t seen = door.load(std::memory_order_relaxed);
        do {
            if ((seen & closed) != 0 || next.load(std::memory_order_relaxed) >= end) return false;
        } while (!door.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel, std::memory_order_relaxed));
        return true;
    }
    void go_out() noexcept {
        if (door.fetch_sub(1, std::memory_order_acq_rel) == (closed | 1)) sys::futex_wake(&door, 1);
    }
    void close_and_wait() noexcept {
        std::uint32_t seen = door.fetch_or(closed, std::memory_order_acq_rel) | closed;
        for (brief_wait wait; seen != closed && wait.again();) seen = door.load(std::memory_order_acquire);
        if (seen == closed) return;
        const blocking_region blocked;
        while ((seen = door.load(std::memory_order_acquire)) != closed) sys::futex_wait(door, seen);
    }
    static std::size_t size(std::size_t helpers) noexcept {
        return sizeof(apply_loop) + helpers * sizeof(apply_helper);
    }
    apply_helper* helper(std::size_t index) noexcept { return reinterpret_cast<apply_helper*>(this + 1) + index; }
    void disown() noexcept {
        if (owners.fetch_sub(1, std::memory_order_acq_rel) == 1) memory::deallocate(this, size(threads - 1));
    }
};
static_assert(std::is_trivially_destructible_v<apply_loop> && sizeof(apply_loop) % alignof(apply_helper) == 0);

/// Between calls of the body, on the calling thread only: true once the loop is to be given up.
struct apply_asking {
    const give_up* ask;
    std::int64_t due = ask != nullptr ? read_clock(CLOCK_MONOTONIC) + deadline::ask_period : 0;

    bool operator()() {
        if (ask == nullptr || read_clock(CLOCK_MONOTONIC) < due) return false;
        due = read_clock(CLOCK_MONOTONIC) + deadline::ask_period;
        return ask->asked(ask);
    }
};

/// One thread's part; true if the caller has given up.
GCD_HIDDEN inline bool run_apply_share(apply_loop& loop, apply_asking asked) {
    std::size_t first = 0;
    std::size_t last = 0;
    while (loop.take(first, last)) {
        for (std::size_t index = first; index != last; ++index) {
            if (loop.stopped.load(std::memory_order_relaxed)) return false;
            const bool given_up = asked();
            if (given_up || !loop.body->run(loop.body, index)) loop.stopped.store(true, std::memory_order_relaxed);
            if (given_up) return true;
        }
    }
    return false;
}

GCD_HIDDEN inline void run_apply_helper(work* base, op what) noexcept {
    apply_loop* loop = static_cast<apply_helper*>(base)->loop;
    if (what == op::run && loop->come_in()) {
        {
            const scoped_frame inside{loop->queue, false, loop->caller};
            run_apply_share(*loop, {nullptr});
        }
        loop->go_out();
    }
    loop->disown();
}

/// The loop on this thread and on the pool's. True if it was given up.
GCD_HIDDEN inline bool run_apply(std::size_t iterations, lane* on, loop_body& body, const give_up* ask) {
    const unsigned level = pool_level(on);
    pool& workers = on->home->of_level(level);
    const std::size_t width = workers.limit->load(std::memory_order_relaxed);
    const std::size_t helpers = std::min(iterations, std::max<std::size_t>(width, 2)) - 1;
    auto* loop =
        ::new (memory::allocate(apply_loop::size(helpers))) apply_loop{.body = &body,
                                                                       .queue = on,
                                                                       .caller = innermost_frame,
                                                                       .end = iterations,
                                                                       .threads = helpers + 1,
                                                                       .owners = static_cast<unsigned>(helpers + 1)};
    queue_object* pool_queue = global_of_level(level);
    for (std::size_t i = 0; i < helpers; ++i)
        workers.submit_helper(
            ::new (loop->helper(i)) apply_helper{{.fn = &run_apply_helper, .queue = pool_queue}, loop}, level);
    bool given_up = false;
    {
        const scoped_frame inside{on, false, innermost_frame};
        given_up = run_apply_share(*loop, {ask});
    }
    loop->close_and_wait();
    loop->disown();
    release(pool_queue);
    return given_up;
}

/// The whole loop as one body, in order: how a serial queue runs it.
struct serial_loop : call {
    loop_body& body;
    std::size_t end;
    apply_asking asked;
    bool given_up = false;

    serial_loop(loop_body& from, std::size_t iterations, const give_up* ask)
        : call{&invoke}, body{from}, end{iterations}, asked{ask} {}

    static void invoke(void* base) noexcept {
        auto* self = static_cast<serial_loop*>(static_cast<call*>(base));
        self->enter();
        for (std::size_t index = 0; index != self->end && !self->given_up; ++index) {
            if (!self->body.run(&self->body, index)) break;
            self->given_up = self->asked();
        }
        self->leave();
    }
};

/// The parallel loop as one body, for a caller that has taken its turn on the queue.
struct parallel_loop : call {
    loop_body& body;
    lane* on;
    std::size_t end;
    const give_up* ask;
    bool given_up = false;

    parallel_loop(loop_body& from, lane* lane_of_loop, std::size_t iterations, const give_up* asked)
        : call{&invoke}, body{from}, on{lane_of_loop}, end{iterations}, ask{asked} {}

    static void invoke(void* base) noexcept {
        auto* self = static_cast<parallel_loop*>(static_cast<call*>(base));
        self->enter();
        self->given_up = run_apply(self->end, self->on, self->body, self->ask);
        self->leave();
    }
};

/// Puts a frame for the main queue round a loop that the main thread starts: while it waits for its helpers, they
/// can't wait for the main queue.
class apply_on_main {
public:
    apply_on_main() {
        if (!is_main_thread()) return;
        queue_object* main = queue_main();
        frame_.emplace(main, false);
        release(main); // its state stays as long as the process
    }

private:
    std::optional<scoped_frame> frame_;
};

GCD_HIDDEN inline void apply(std::size_t iterations, queue_object* queue, loop_body& body) {
    lane* on = as_lane(checked(queue, "gcd::apply"));
    if (on->inactive.load(std::memory_order_acquire)) throw_inactive(on, "apply");
    if (iterations == 0) return;
    const give_up* ask = current_interruption();
    const apply_on_main main;
    bool given_up = false;
    if (on->kind == object_kind::global_queue) {
        given_up = run_apply(iterations, on, body, ask);
    } else if (walk_targets(on, [](queue_object* seen) { return seen->serial; })) {
        serial_loop loop{body, iterations, ask};
        sync_from(on, loop, false, "apply");
        given_up = loop.given_up;
    } else {
        parallel_loop loop{body, on, iterations, ask};
        sync_from(on, loop, false, "apply");
        given_up = loop.given_up;
    }
    if (given_up) throw interrupted{};
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
