// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_WORKER_HPP
#define GCD_DETAIL_NATIVE_SCHED_WORKER_HPP
/// @file
/// What a worker of the pool owns.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/sched/ring.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <utility>

#include <sys/types.h>

namespace gcd::inline GCD_ABI::detail::native {

struct pool;
struct lane;

/// Ends of items that this worker owes. A group's count and a queue's readers matter only when they reach zero, which
/// they can't while an item of the same group or queue runs; so they are paid once for a row of such items.
struct held_back {
    group_object* group = nullptr;
    std::uint64_t leaves = 0;
    lane* readers_of = nullptr;
    std::uint64_t readers = 0;
};

/// Never freed, as thieves look at it without asking; a thread that starts takes one that has been left.
struct worker {
    pool* owner = nullptr;
    unsigned index = 0;

    /// The item that this worker submitted last: the next one it takes itself, so that a chain of queues stays on one
    /// processor. Exchanged by the owner, swapped to null by a thief (both seq_cst).
    std::atomic<work*> slot{nullptr};
    /// How often in a row the owner got back what it put into the slot; zero once a thief was faster. While it is high
    /// nobody is woken for the slot. Relaxed: a hint.
    std::atomic<unsigned> own_slot{0};
    work_ring ring;

    /// What it sleeps on: 1 once it has been woken.
    std::atomic<std::uint32_t> wake{0};
    /// Guarded by the pool's lock; the monitor looks at the second without it.
    worker* next_parked = nullptr;
    std::atomic<bool> is_parked{false};

    /// Items taken since the start; written by the owner, read by the monitor. Relaxed: it only has to change.
    std::atomic<std::uint64_t> taken{0};
    /// For the monitor. `thread` is zero while no thread has this worker; the clock is written before it (release).
    std::atomic<pid_t> thread{0};
    clockid_t cpu_clock{};
    /// How much nicer than the thread that starts it its thread is to be.
    int nicer_by = 0;
    /// What the monitor has seen last, and for how many ticks nothing has been taken here although something lies here.
    std::int64_t cpu_seen = 0;
    std::uint64_t taken_seen = 0;
    unsigned still = 0;
    /// From the monitor to the owner: a queue that is drained gives way to what waits, and another place comes first, once.
    /// Relaxed: a hint.
    std::atomic<bool> fair_turn{false};

    /// Calls under way that count this worker out, and those during which it needs no replacement. The owner's, save
    /// that the monitor looks (relaxed).
    std::atomic<unsigned> blocked{0};
    std::atomic<unsigned> waiting_for_lock{0};

    /// Of a guest (pool::begin_guest): it looks into its slot at once, so that nobody need be woken for that. The
    /// owner's.
    bool looks_at_once = false;

    held_back held;
    /// What the item before has left to the next one of its kind. Released before anything else is run, and before the
    /// worker looks for work elsewhere, so that nobody waits for a lock that a thread keeps for nothing.
    const carried_lock* carried = nullptr;
    unsigned turns = 0;
    unsigned fair_turns = 0;
    unsigned urgent_ahead = 0;  ///< items above the usual level that stand first in the ring, at most
    std::size_t last_batch = 0; ///< how many items came out of a list last
    /// When the worker last looked at the clock, and how many items it had taken by then; zero if it has been idle
    /// since.
    std::int64_t learned_when = 0;
    std::uint64_t learned_at = 0;
    /// The frame of an item that the pool has run on its own; without a queue otherwise. Linked as long as the thread
    /// is.
    frame outermost{nullptr, false, nullptr, nullptr};
};

/// Before anything that is not an item which asks for the lock.
[[gnu::noinline]] GCD_HIDDEN inline void release_carried(worker& on) noexcept {
    if (const carried_lock* lock = std::exchange(on.carried, nullptr)) lock->release();
}
GCD_HIDDEN inline void release_carried_here() noexcept {
    if (worker* on = this_worker()) release_carried(*on);
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
