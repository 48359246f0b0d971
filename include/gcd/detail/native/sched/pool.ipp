// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_POOL_IPP
#define GCD_DETAIL_NATIVE_SCHED_POOL_IPP
/// @file
/// A worker's life: what it takes next, searching, parking; and guests, which are workers for a while.

#include <gcd/detail/native/sched/pool.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail::native {

// --- what there is to do ------------------------------------------------------------------------------------------

inline bool pool::has_work_to_take() const noexcept {
    if (queued.load(std::memory_order_seq_cst) != 0) return true;
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i)
        if (!workers[i].load(std::memory_order_acquire)->ring.is_empty()) return true;
    return false;
}

inline bool pool::has_full_slot() const noexcept {
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i)
        if (workers[i].load(std::memory_order_acquire)->slot.load(std::memory_order_seq_cst) != nullptr) return true;
    return false;
}

/// With a batch in hand, which makes the look at the clock cheap: how long items have taken since the last one.
inline void pool::learn(worker& self) noexcept {
    constexpr std::uint64_t enough = 16;
    const std::uint64_t taken = self.taken.load(std::memory_order_relaxed);
    const std::uint64_t done = taken - self.learned_at;
    const std::int64_t now = read_clock(CLOCK_MONOTONIC);
    if (self.learned_when != 0) {
        const auto each = static_cast<std::uint64_t>(now - self.learned_when) / (done + 1);
        if (done >= enough || each >= short_time)
            item_time.store(static_cast<std::uint32_t>(each < unknown_time ? each : unknown_time),
                            std::memory_order_relaxed);
        else
            return;
    }
    self.learned_when = now;
    self.learned_at = taken;
}

/// From the highest level that has items: one to run, and some more into the ring, so that the lock is taken rarely. Or one
/// from the lowest.
inline work* pool::take_injected(worker& self, bool lowest) noexcept {
    constexpr std::size_t most = 64;
    constexpr std::size_t few = 16;
    if (queued.load(std::memory_order_seq_cst) == 0) return nullptr;
    if (self.last_batch < few && items_are_short()) pause_for_others();
    work* taken[most];
    std::size_t count = 0;
    unsigned level = 0;
    bool more = true;
    {
        const std::lock_guard hold{taking};
        const unsigned present = queued.load(std::memory_order_seq_cst);
        if (present == 0) return nullptr;
        level = static_cast<unsigned>(lowest ? __builtin_ctz(present) : 31 - __builtin_clz(present));
        const unsigned bit = 1U << level;
        work_list& from = injected[level];
        // What stands in a ring isn't overtaken by a higher level any more, so it is little below the usual one; and above
        // that only the ring's first, so that these stay in their order.
        const bool one = lowest || (level > level_default && !self.ring.is_empty());
        const std::size_t wanted = std::min(one ? 1 : level < level_default ? 4 : most, self.ring.room() + 1);
        while (more && count < wanted) {
            work* item = from.first();
            if (item->next.load(std::memory_order_acquire) == nullptr) {
                // Maybe the last one. The bit goes before the list is empty, and comes back if it isn't: a producer
                // that finds it empty sets the bit after that.
                queued.fetch_and(~bit, std::memory_order_seq_cst);
                more = from.detach(item);
                if (more) queued.fetch_or(bit, std::memory_order_seq_cst);
            } else {
                more = from.detach(item);
            }
            taken[count++] = item;
        }
    }
    self.last_batch = count;
    if (count > 1) learn(self);
    self.ring.push(taken + 1, count - 1);
    if (level > level_default) self.urgent_ahead += static_cast<unsigned>(count - 1);
    // For a while these were in no place where others look, and whoever parked meanwhile has seen nothing.
    if (more || count > 1) notify();
    return taken[0];
}

inline work* pool::pop_own(worker& self) noexcept {
    work* item = self.ring.pop();
    // Thieves don't count theirs.
    if (self.urgent_ahead != 0) self.urgent_ahead = item != nullptr ? self.urgent_ahead - 1 : 0;
    return item;
}

inline work* pool::take_own(worker& self) noexcept {
    if (self.slot.load(std::memory_order_relaxed) != nullptr) {
        if (work* item = self.slot.exchange(nullptr, std::memory_order_seq_cst)) {
            self.own_slot.store(self.own_slot.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            return item;
        }
    }
    return pop_own(self);
}

/// Half of another worker's ring, into the own one, which is empty; the first of it, or null.
inline work* pool::steal(worker& self, worker& victim) noexcept {
    constexpr std::size_t most = 128;
    work* stolen[most];
    const std::size_t number = victim.ring.steal(stolen, most);
    if (number == 0) return nullptr;
    if (number > 1) self.ring.push(stolen + 1, number - 1);
    return stolen[0];
}

/// The worker that a searching one looks at, what is in its slot, and since when nothing has moved there.
struct slot_watch {
    const worker* of = nullptr;
    const work* item = nullptr;
    std::uint64_t taken = 0;
    std::int64_t since = 0;
};

/// From another worker: half of its ring, or what has lain in its slot for three microseconds while it took nothing;
/// where items are short, the ring's too only then.
inline work* pool::take_foreign(worker& self, slot_watch& watched) noexcept {
    constexpr std::int64_t patience = 3'000;
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 1; i < count; ++i) {
        worker& victim = *workers[(self.index + i) % count].load(std::memory_order_acquire);
        const bool at_once = !items_are_short();
        if (at_once)
            if (work* item = steal(self, victim)) return item;
        work* item = victim.slot.load(std::memory_order_seq_cst);
        if (item == nullptr && (at_once || victim.ring.is_empty())) continue;
        const std::uint64_t taken = victim.taken.load(std::memory_order_relaxed);
        const std::int64_t now = read_clock(CLOCK_MONOTONIC);
        if (watched.of != &victim || watched.item != item || watched.taken != taken) {
            if (watched.of != nullptr && watched.of != &victim) continue;
            watched = {&victim, item, taken, now};
        } else if (now - watched.since >= patience) {
            watched = {};
            item_time.store(unknown_time, std::memory_order_relaxed);
            if (item != nullptr && victim.slot.compare_exchange_strong(item, nullptr, std::memory_order_seq_cst)) {
                victim.own_slot.store(0, std::memory_order_relaxed);
                return item;
            }
            if (work* stolen = steal(self, victim)) return stolen;
        }
    }
    return nullptr;
}

/// Each place in turn, so that nothing which comes to one of them again and again keeps the worker from another. Null: the
/// usual order, every other time, in which what is urgent comes first.
inline work* pool::take_fairly(worker& self) noexcept {
    constexpr unsigned places = 8;
    switch (++self.fair_turns % places) {
    case 0: return pop_own(self);
    case 2: return take_injected(self, false);
    case 4: return take_injected(self, true);
    case 6: return take_own(self);
    default: return nullptr;
    }
}

/// What a worker that is not searching does next: what is urgent, what it has itself, the lists. By number, so that a worker
/// that keeps itself busy doesn't starve those, they come first now and then; by time, and so for long items too, each place
/// has its turn.
inline work* pool::next(worker& self) noexcept {
    constexpr unsigned urgent = ~0U << level_initiated;
    constexpr unsigned fairness = 61;
    const bool lists_first = ++self.turns % fairness == 0;
    if (!lists_first && self.fair_turn.load(std::memory_order_relaxed)) [[unlikely]] {
        self.fair_turn.store(false, std::memory_order_relaxed);
        if (work* item = take_fairly(self)) return item;
    }
    if (!lists_first && self.urgent_ahead != 0)
        if (work* item = pop_own(self)) return item;
    if (lists_first || (queued.load(std::memory_order_relaxed) & urgent) != 0)
        if (work* item = take_injected(self)) return item;
    if (work* item = take_own(self)) return item;
    return take_injected(self);
}

// --- searching and parking ----------------------------------------------------------------------------------------

inline bool pool::begin_search() noexcept {
    std::uint64_t seen = status.load(std::memory_order_relaxed);
    do {
        if (searching(seen) != 0 || running(seen) > width()) return false;
    } while (!status.compare_exchange_weak(seen, seen + one_searching, std::memory_order_seq_cst));
    return true;
}

/// With an item in hand.
inline void pool::end_search() noexcept {
    const std::uint64_t before = status.fetch_sub(one_searching, std::memory_order_seq_cst);
    if (searching(before) != 1) return;
    // Who filled a slot meanwhile has relied on this one; mostly its owner will look into it.
    if (has_work_to_take())
        notify();
    else if (has_full_slot())
        arm_monitor();
}

inline work* pool::search(worker& self) noexcept {
    slot_watch watched;
    brief_wait wait;
    do {
        if (work* item = take_own(self)) return item;
        if (work* item = take_injected(self)) return item;
        if (work* item = take_foreign(self, watched)) return item;
    } while (wait.again());
    return nullptr;
}

/// Returns as a searching worker, once there is something to look for; or retired, with the worker given up.
inline pool::parking pool::park(worker& self, bool was_searching) noexcept {
    bool spare = false;
    {
        const std::lock_guard hold{lock};
        self.wake.store(0, std::memory_order_relaxed);
        self.is_parked = true;
        self.next_parked = std::exchange(first_parked, &self);
        spare = threads > width();
        status.fetch_add(one_parked - one_running - (was_searching ? one_searching : 0), std::memory_order_seq_cst);
    }
    const auto leave_list = [this, &self] {
        worker** link = &first_parked;
        while (*link != &self) link = &(*link)->next_parked;
        *link = self.next_parked;
        self.is_parked = false;
    };
    const std::uint64_t now = status.load(std::memory_order_seq_cst);
    if (searching(now) == 0 && has_work()) {
        // Too many run; or those that run get on with it by themselves; or it stands in a slot that its owner will look
        // into: the monitor sees to it that this is so.
        if (running(now) >= width() || (running(now) != 0 && items_are_short()) || !has_work_to_take()) {
            arm_monitor();
        } else {
            const std::lock_guard hold{lock};
            if (self.is_parked) {
                leave_list();
                status.fetch_add(one_running + one_searching - one_parked, std::memory_order_seq_cst);
                return parking::woken;
            }
        }
    }
    const std::int64_t end = spare ? read_clock(CLOCK_MONOTONIC) + spare_time : 0;
    const timespec until = to_timespec(end);
    while (self.wake.load(std::memory_order_acquire) == 0) {
        if (sys::futex_wait(self.wake, 0, spare ? &until : nullptr) == 0 || !spare) continue;
        if (read_clock(CLOCK_MONOTONIC) < end) continue;
        const std::lock_guard hold{lock};
        if (!self.is_parked || threads <= width()) {
            spare = false; // woken this very moment, or wanted after all
            continue;
        }
        leave_list();
        status.fetch_sub(one_parked, std::memory_order_seq_cst);
        --threads;
        self.thread.store(0, std::memory_order_release);
        return parking::retired;
    }
    return parking::woken;
}

/// `beyond_limit`: the monitor's order to start one although as many as allowed are running.
[[gnu::noinline]] inline void pool::wake_one(bool beyond_limit) noexcept {
    worker* woken = nullptr;
    bool left_to_monitor = false;
    {
        const std::lock_guard hold{lock};
        const std::uint64_t seen = status.load(std::memory_order_seq_cst);
        if (!beyond_limit && searching(seen) != 0) return;
        woken = first_parked;
        if (!beyond_limit && running(seen) >= width()) {
            // More run than when the caller looked, and they may all be about to block.
            woken = nullptr;
            left_to_monitor = true;
        } else if (woken == nullptr) {
            left_to_monitor = threads < most_threads && (nicer_than_here() < 0 || !start_thread());
            if (left_to_monitor) start_wanted.store(true, std::memory_order_seq_cst);
        } else {
            first_parked = woken->next_parked;
            woken->is_parked = false;
            status.fetch_add(one_running + one_searching - one_parked, std::memory_order_seq_cst);
        }
    }
    // None may run now, or can be had, or not from here: the monitor sees to it, and for those who have relied on this
    // one.
    if (left_to_monitor) arm_monitor();
    if (woken == nullptr) return;
    woken->wake.store(1, std::memory_order_release);
    sys::futex_wake(&woken->wake, 1);
}

inline bool pool::is_one_too_many() noexcept {
    unsigned wanted = surplus.load(std::memory_order_relaxed);
    while (wanted != 0)
        if (surplus.compare_exchange_weak(wanted, wanted - 1, std::memory_order_relaxed)) return true;
    return false;
}

inline void pool::run(worker& self) {
    bool is_searching = true;
    for (;;) {
        // In the child of a fork made by an item: the pool's other threads are not here, nor is its work.
        if (fork_generation.load(std::memory_order_relaxed) != generation) return;
        work* item = nullptr;
        if (!is_searching && !is_one_too_many()) item = next(self);
        if (item == nullptr) {
            // What it owes may make a queue ready, which then stands in its own slot.
            if (!is_searching && pay_held_back(self)) continue;
            self.learned_when = 0;
            if (!is_searching) is_searching = begin_search();
            if (is_searching) item = search(self);
        }
        if (item == nullptr) {
            if (park(self, is_searching) == parking::retired) return;
            is_searching = true;
            continue;
        }
        if (std::exchange(is_searching, false)) end_search();
        self.taken.store(self.taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        run_pooled(item, self);
    }
}

// --- guests -------------------------------------------------------------------------------------------------------

inline worker* pool::enlist_guest() noexcept {
    const std::lock_guard hold{lock};
    worker* self = free_worker();
    if (self == nullptr) return nullptr;
    ::pthread_getcpuclockid(::pthread_self(), &self->cpu_clock);
    // As one that sleeps, which the monitor leaves out.
    self->is_parked = true;
    self->thread.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_release);
    return self;
}

inline void pool::dismiss_guest(worker& self) noexcept {
    const std::lock_guard hold{lock};
    self.is_parked = false;
    self.thread.store(0, std::memory_order_release);
}

inline bool pool::begin_guest(worker& self) noexcept {
    const std::uint64_t seen = status.load(std::memory_order_seq_cst);
    thread_state* state = this_thread();
    if (searching(seen) != 0 || running(seen) >= width() || state == nullptr) return false;
    status.fetch_add(one_running, std::memory_order_seq_cst);
    state->as_worker = &self;
    self.is_parked = false;
    self.looks_at_once = true;
    return true;
}

inline bool pool::run_guest(worker& self) {
    constexpr int most = 64;
    self.looks_at_once = false;
    self.outermost.enter();
    for (int count = 0; count < most; ++count) {
        work* item = take_own(self);
        if (item == nullptr && !pay_held_back(self)) break;
        if (item == nullptr) continue;
        self.fair_turn.store(false, std::memory_order_relaxed);
        self.taken.store(self.taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        run_pooled(item, self);
        if (fork_generation.load(std::memory_order_relaxed) != generation) return false;
    }
    pay_held_back(self);
    while (work* item = take_own(self)) submit(item, level_default);
    self.outermost.leave();
    this_thread_state->as_worker = nullptr;
    self.is_parked = true;
    // As in park(): others may have left items to this one.
    status.fetch_sub(one_running, std::memory_order_seq_cst);
    if (has_work()) notify();
    return true;
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
