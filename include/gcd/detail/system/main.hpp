// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_MAIN_HPP
#define GCD_DETAIL_SYSTEM_MAIN_HPP
/// @file
/// Serving the main queue.
///
/// dispatch_main never returns (and ends the main thread on Linux), so it isn't used: macOS has CoreFoundation's run
/// loop, and on Linux libdispatch tells by a descriptor that the main queue has items.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <cerrno>

#if GCD_OS_LINUX
#include <poll.h>
#include <sys/eventfd.h>
#endif

#if GCD_OS_APPLE
// By label, so that a program may include CoreFoundation's own declarations as well.
extern "C" {
int gcd_run_loop_run_in_mode(const void* mode, double seconds, unsigned char once) __asm__("_CFRunLoopRunInMode");
void* gcd_run_loop_main() __asm__("_CFRunLoopGetMain");
void gcd_run_loop_stop(void* loop) __asm__("_CFRunLoopStop");
extern const void* const gcd_run_loop_default_mode __asm__("_kCFRunLoopDefaultMode");
}
#endif

namespace gcd::inline GCD_ABI::detail::system {

/// Used on the main thread only. One for all libraries, so that each can stop the loop that another one runs.
struct GCD_VISIBLE main_state {
    bool running = false;
    bool stopped = false;
};
GCD_VISIBLE inline constinit main_state main_loop{};

struct GCD_HIDDEN main_running {
    main_running() {
        begin_use("gcd::run_main");
        require_no_main_loop(main_loop.running);
        main_loop.running = true;
    }
    main_running(const main_running&) = delete;
    main_running& operator=(const main_running&) = delete;
    ~main_running() { main_loop = {}; }
};

#if GCD_OS_LINUX

GCD_HIDDEN inline int main_descriptor() { return _dispatch_get_main_queue_handle_4CF(); }

/// libdispatch leaves it to us to take the wake-up.
GCD_HIDDEN inline void main_drain() {
    require_main_thread("gcd::drain_main_queue");
    eventfd_t wakeups = 0;
    pollfd ready{main_descriptor(), POLLIN, 0};
    if (::poll(&ready, 1, 0) > 0) ::eventfd_read(ready.fd, &wakeups);
    _dispatch_main_queue_callback_4CF(nullptr);
}

GCD_HIDDEN inline void main_run() {
    const main_running running;
    const give_up* ask = current_interruption();
    // Stopped before it began: what is there runs all the same.
    if (main_loop.stopped) main_drain();
    while (!main_loop.stopped) {
        pollfd ready{main_descriptor(), POLLIN, 0};
        const int count = ::poll(&ready, 1, ask != nullptr ? 50 : -1);
        if (count < 0 && errno != EINTR) throw_errno(errno, "gcd::run_main: poll");
        if (count > 0) main_drain();
        if (ask != nullptr && ask->asked(ask)) throw interrupted{};
    }
}

GCD_HIDDEN inline void wake_main() {}

#else

GCD_HIDDEN inline int main_descriptor() {
    throw_not_supported("gcd::main_queue_descriptor: on macOS the main run loop serves the main queue");
}

GCD_HIDDEN inline void main_drain() {
    throw_not_supported("gcd::drain_main_queue: on macOS the main run loop serves the main queue");
}

GCD_HIDDEN inline void main_run() {
    const main_running running;
    const give_up* ask = current_interruption();
    constexpr double long_time = 1e9;
    constexpr double ask_seconds = 0.05;
    if (main_loop.stopped) gcd_run_loop_run_in_mode(gcd_run_loop_default_mode, 0, 0);
    while (!main_loop.stopped) {
        gcd_run_loop_run_in_mode(gcd_run_loop_default_mode, ask != nullptr ? ask_seconds : long_time, 0);
        if (ask != nullptr && ask->asked(ask)) throw interrupted{};
    }
}

GCD_HIDDEN inline void wake_main() { gcd_run_loop_stop(gcd_run_loop_main()); }

#endif

/// The stop is an item of the main queue, so that what was submitted before it has run.
GCD_HIDDEN inline void main_stop() {
    queue_object* queue = queue_main();
    queue_async(queue, make_work<memory>([] {
                    main_loop.stopped = true;
                    wake_main();
                }));
    release(queue);
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
