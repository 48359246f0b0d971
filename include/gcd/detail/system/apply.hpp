// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_APPLY_HPP
#define GCD_DETAIL_SYSTEM_APPLY_HPP
/// @file
/// The parallel for loop on libdispatch.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/loop.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/sync.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace gcd::inline GCD_ABI::detail::system {

/// One loop, shared by the threads that dispatch_apply puts on it. dispatch_apply returns after the last of them, and
/// orders what they did before that.
struct apply_loop {
    loop_body& body;
    queue_object* queue;
    frame* caller;
    const give_up* ask;
    loop_chunks chunks;
    std::atomic<bool> given_up{false};
};

GCD_HIDDEN inline void run_apply_share(void* context, std::size_t) noexcept {
    auto& loop = *static_cast<apply_loop*>(context);
    const give_up* ask = loop.caller == innermost_frame ? loop.ask : nullptr;
    const scoped_frame inside{loop.queue, false, loop.caller};
    if (run_share(loop.body, loop.chunks, ask)) loop.given_up.store(true, std::memory_order_relaxed);
}

/// The parallel loop as one body, for a caller that has taken its turn on the queue. It goes to a global queue: on its
/// own queue it would stand in line a second time, behind a barrier that waits for this turn.
struct parallel_loop : call {
    apply_loop& loop;

    explicit parallel_loop(apply_loop& from) : call{&invoke}, loop{from} {}

    static void invoke(void* base) noexcept {
        auto* self = static_cast<parallel_loop*>(static_cast<call*>(base));
        self->enter();
        self->loop.caller = self;
        dispatch::apply(self->loop.chunks.threads,
                        dispatch::global_queue(static_cast<std::intptr_t>(self->loop.queue->qos)), &self->loop,
                        &run_apply_share);
        self->leave();
    }
};

/// The main queue on the main thread, null elsewhere; its state stays as long as the process.
GCD_HIDDEN inline queue_object* main_queue_here() {
    if (!on_main_thread()) return nullptr;
    queue_object* main = queue_main();
    release(main);
    return main;
}

GCD_HIDDEN inline void apply(std::size_t iterations, queue_object* queue, loop_body& body) {
    look_closer(checked(queue, "gcd::apply"), false, "apply");
    if (iterations == 0) return;
    const give_up* ask = current_interruption();
    if (walk_targets(queue, [](queue_object* seen) { return seen->serial; })) {
        serial_loop loop{body, iterations};
        queue_sync(queue, loop);
        if (loop.given_up) throw interrupted{};
        return;
    }
    static const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
    const main_frame main{main_queue_here()};
    apply_loop loop{body, queue, innermost_frame, ask, {iterations, std::min(iterations, processors)}};
    if (queue->kind == object_kind::queue && has_turn(queue)) {
        parallel_loop turn{loop};
        turn.fill(queue, false, innermost_frame, ask);
        turn.run(&turn);
    } else if (ask != nullptr && queue->kind == object_kind::queue) {
        parallel_loop turn{loop};
        sync_handed_off(queue, turn, false, ask);
    } else {
        dispatch::apply(loop.chunks.threads, queue->native, &loop, &run_apply_share);
    }
    if (loop.given_up.load(std::memory_order_relaxed)) throw interrupted{};
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
