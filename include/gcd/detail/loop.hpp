// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LOOP_HPP
#define GCD_DETAIL_LOOP_HPP
/// @file
/// What the engines' parallel loops have in common: how the indices are shared out, and how one thread goes through its
/// share.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/types.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace gcd::inline GCD_ABI::detail {

/// The indices of a loop, taken by several threads.
struct loop_chunks {
    std::size_t end;
    std::size_t threads;
    /// The next index that nobody has taken. Relaxed: who waits for the threads orders what they have done.
    std::atomic<std::size_t> next{0};

    loop_chunks(std::size_t iterations, std::size_t sharers) noexcept : end{iterations}, threads{sharers} {}

    [[nodiscard]] bool is_taken() const noexcept { return next.load(std::memory_order_relaxed) >= end; }

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

/// Calls the body for a range of indices. The thread that is to ask looks at the clock before each; true if it was told
/// to give the loop up.
GCD_HIDDEN inline bool run_range(loop_body& body, std::size_t first, std::size_t last, const give_up* ask,
                                 std::chrono::steady_clock::time_point& due) noexcept {
    constexpr std::chrono::milliseconds period{50};
    if (ask == nullptr) {
        body.run(&body, first, last);
        return false;
    }
    for (std::size_t index = first; index != last; ++index) {
        const auto now = std::chrono::steady_clock::now();
        if (due == std::chrono::steady_clock::time_point{}) due = now + period;
        if (now >= due) {
            if (ask->asked(ask)) {
                body.stopped.store(true, std::memory_order_relaxed);
                return true;
            }
            due = std::chrono::steady_clock::now() + period;
        }
        if (!body.run(&body, index, index + 1)) return false;
    }
    return false;
}

/// One thread's share of a loop. `ask` is null on all threads but the caller's; true if that was told to give it up.
GCD_HIDDEN inline bool run_share(loop_body& body, loop_chunks& chunks, const give_up* ask) noexcept {
    std::chrono::steady_clock::time_point due{};
    std::size_t first = 0;
    std::size_t last = 0;
    while (!body.stopped.load(std::memory_order_relaxed) && chunks.take(first, last))
        if (run_range(body, first, last, ask, due)) return true;
    return false;
}

/// The whole loop as one call, in order: how a serial queue runs it.
struct serial_loop : call {
    loop_body& body;
    std::size_t end;
    bool given_up = false;

    serial_loop(loop_body& from, std::size_t iterations) noexcept : call{&invoke}, body{from}, end{iterations} {}

    static void invoke(void* base) noexcept {
        auto* self = static_cast<serial_loop*>(static_cast<call*>(base));
        std::chrono::steady_clock::time_point due{};
        self->enter();
        // None where the main thread runs it for another one, which asks itself.
        self->given_up = run_range(self->body, 0, self->end, self->interruption, due);
        self->leave();
    }
};

/// Stands round a loop that the main thread starts: while that waits for its helpers, they can't wait for the main
/// queue.
struct main_frame : frame {
    /// @param main the main queue on the main thread, null elsewhere
    explicit main_frame(queue_object* main) noexcept : frame{main, false, innermost_frame, current_interruption()} {
        if (main != nullptr) enter();
    }
    ~main_frame() {
        if (queue != nullptr) leave();
    }
};

} // namespace gcd::inline GCD_ABI::detail

#endif
