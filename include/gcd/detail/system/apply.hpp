// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_APPLY_HPP
#define GCD_DETAIL_SYSTEM_APPLY_HPP
/// @file
/// The parallel for loop on libdispatch.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/sync.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

namespace gcd::inline GCD_ABI::detail::system {

/// One loop, shared by the threads that dispatch_apply puts on it. They take chunks from `next` until it reaches the
/// end, or one of them has stopped the loop. dispatch_apply returns after the last of them, and orders what they did
/// before that, so that the words here need no order of their own.
struct apply_loop {
    loop_body& body;
    queue_object* queue;
    frame* caller;
    const give_up* ask;
    std::size_t end;
    std::size_t threads;
    /// The next index that nobody has taken.
    std::atomic<std::size_t> next{0};
    /// The body threw, or the caller gave up: no further call begins.
    std::atomic<bool> stopped{false};
    std::atomic<bool> given_up{false};

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
};

/// Between calls of the body, on the calling thread only: true once the loop is to be given up.
struct apply_asking {
    const give_up* ask;
    std::chrono::steady_clock::time_point due = std::chrono::steady_clock::now() + ask_period;

    bool operator()() {
        if (ask == nullptr || std::chrono::steady_clock::now() < due) return false;
        due = std::chrono::steady_clock::now() + ask_period;
        return ask->asked(ask);
    }
};

GCD_HIDDEN inline void run_apply_share(void* context, std::size_t) noexcept {
    auto& loop = *static_cast<apply_loop*>(context);
    apply_asking asked{loop.caller == innermost_frame ? loop.ask : nullptr};
    const scoped_frame inside{loop.queue, false, loop.caller};
    std::size_t first = 0;
    std::size_t last = 0;
    while (loop.take(first, last)) {
        for (std::size_t index = first; index != last; ++index) {
            if (loop.stopped.load(std::memory_order_relaxed)) return;
            const bool given_up = asked();
            if (given_up) loop.given_up.store(true, std::memory_order_relaxed);
            if (given_up || !loop.body.run(&loop.body, index)) loop.stopped.store(true, std::memory_order_relaxed);
        }
    }
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

/// The parallel loop as one body, for a caller that has taken its turn on the queue. It goes to a global queue: on its
/// own queue it would stand in line a second time, behind a barrier that waits for this turn.
struct parallel_loop : call {
    apply_loop& loop;

    explicit parallel_loop(apply_loop& from) : call{&invoke}, loop{from} {}

    static void invoke(void* base) noexcept {
        auto* self = static_cast<parallel_loop*>(static_cast<call*>(base));
        self->enter();
        self->loop.caller = self;
        dispatch::apply(self->loop.threads, dispatch::global_queue(static_cast<std::intptr_t>(self->loop.queue->qos)),
                        &self->loop, &run_apply_share);
        self->leave();
    }
};

/// Puts a frame for the main queue round a loop that the main thread starts: while it waits for its helpers, they
/// can't wait for the main queue.
class apply_on_main {
public:
    apply_on_main() {
        if (!on_main_thread()) return;
        queue_object* main = queue_main();
        frame_.emplace(main, false);
        release(main); // its state stays as long as the process
    }

private:
    std::optional<scoped_frame> frame_;
};

GCD_HIDDEN inline void apply(std::size_t iterations, queue_object* queue, loop_body& body) {
    look_closer(checked(queue, "gcd::apply"), false, "apply");
    if (iterations == 0) return;
    const give_up* ask = current_interruption();
    if (walk_targets(queue, [](queue_object* seen) { return seen->serial; })) {
        serial_loop loop{body, iterations, ask};
        queue_sync(queue, loop);
        if (loop.given_up) throw interrupted{};
        return;
    }
    static const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
    const apply_on_main main;
    apply_loop loop{body, queue, innermost_frame, ask, iterations, std::min(iterations, processors)};
    if (queue->kind == object_kind::queue && has_turn(queue)) {
        parallel_loop turn{loop};
        turn.fill(queue, false, innermost_frame, ask);
        turn.run(&turn);
    } else if (ask != nullptr && queue->kind == object_kind::queue) {
        parallel_loop turn{loop};
        sync_handed_off(queue, turn, false, ask);
    } else {
        dispatch::apply(loop.threads, queue->native, &loop, &run_apply_share);
    }
    if (loop.given_up.load(std::memory_order_relaxed)) throw interrupted{};
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
