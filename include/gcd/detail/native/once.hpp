// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_ONCE_HPP
#define GCD_DETAIL_NATIVE_ONCE_HPP
/// @file
/// Running something once.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstdint>

namespace gcd::inline GCD_ABI::detail::native {

/// The state of a gcd::once. fresh → running by the thread that will run the callable (acquire), → awaited by one that
/// waits for it; → done (release), or back to fresh if the callable threw. Read anywhere with acquire.
class GCD_VISIBLE once_state {
public:
    constexpr once_state() = default;
    bool is_done() const noexcept { return state_.load(std::memory_order_acquire) == done; }

private:
    friend void once_run(once_state&, call&);
    static constexpr std::uint32_t fresh = 0, running = 1, awaited = 2, done = 3;

    std::atomic<std::uint32_t> state_{fresh};
    /// The item that runs the callable. Relaxed: only its own thread, and threads that work for it, can find it among
    /// their frames.
    std::atomic<const frame*> runner_{nullptr};
};

/// Runs the body if nobody has completed one, waits while another thread runs one.
GCD_HIDDEN inline void once_run(once_state& once, call& body) {
    const give_up* ask = current_interruption();
    for (;;) {
        std::uint32_t seen = once_state::fresh;
        if (once.state_.compare_exchange_strong(seen, once_state::running, std::memory_order_acquire)) break;
        if (seen == once_state::done) return;
        const frame* runner = once.runner_.load(std::memory_order_relaxed);
        for (const frame* inside = innermost_frame; inside != nullptr; inside = inside->previous)
            if (inside == runner)
                throw would_deadlock(
                    "gcd::once: called from inside its own callable, for which it would wait for ever");
        if (seen == once_state::running &&
            !once.state_.compare_exchange_strong(seen, once_state::awaited, std::memory_order_relaxed))
            continue;
        const blocking_region blocked;
        deadline{time_forever}.sleep(once.state_, once_state::awaited, ask != nullptr);
        if (ask != nullptr && once.state_.load(std::memory_order_relaxed) == once_state::awaited && ask->asked(ask))
            throw interrupted{};
    }
    once.runner_.store(&body, std::memory_order_relaxed);
    body.fill_without_queue(innermost_frame, ask);
    body.run(&body);
    once.runner_.store(nullptr, std::memory_order_relaxed);
    const std::uint32_t before =
        once.state_.exchange(body.threw ? once_state::fresh : once_state::done, std::memory_order_acq_rel);
    if (before == once_state::awaited) sys::futex_wake(&once.state_, most_sleepers);
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
