// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SEMAPHORE_HPP
#define GCD_DETAIL_NATIVE_SEMAPHORE_HPP
/// @file
/// Semaphores.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <stdexcept>

namespace gcd::inline GCD_ABI::detail {

/// A thread that waits for a unit, on its own stack; in the list as long as it is `queued`, under the lock.
struct semaphore_waiter {
    enum : std::uint32_t { waiting, granted };
    std::atomic<std::uint32_t> word{waiting};
    semaphore_waiter* next = nullptr;
    semaphore_waiter* previous = nullptr;
};

struct GCD_VISIBLE semaphore_object : object {
    /// Units there are; below zero, how many threads wait. Lowered (acquire) by a wait, raised (release) by a signal. A
    /// signal that raises it from below zero owes one waiter a unit: under the lock it grants the first in the list,
    /// or, if those it owes to are not in the list yet, leaves the unit in `owed`. Who gives up takes itself out of
    /// the value again as long as that is below zero; otherwise a unit is on its way to it. So units go to waiters in
    /// the order in which they came to the list, and to nobody who came later.
    std::atomic<long> value;
    native::futex_lock lock;
    semaphore_waiter* first = nullptr; ///< under the lock
    semaphore_waiter* last = nullptr;  ///< under the lock
    long owed = 0;                     ///< under the lock

    explicit semaphore_object(long units) : object{object_kind::semaphore}, value{units} {}
};

namespace native {

GCD_HIDDEN inline semaphore_object* semaphore_create(long value) {
    check_units(value);
    the_pool();
    return new semaphore_object{value};
}

GCD_HIDDEN inline void retain(semaphore_object* semaphore) noexcept {
    semaphore->handles.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN inline void release(semaphore_object* semaphore) noexcept {
    if (semaphore->handles.fetch_sub(1, std::memory_order_acq_rel) == 1) delete semaphore;
}

GCD_HIDDEN inline bool take_unit(semaphore_object* semaphore) noexcept {
    long value = semaphore->value.load(std::memory_order_relaxed);
    while (value > 0)
        if (semaphore->value.compare_exchange_weak(value, value - 1, std::memory_order_acquire,
                                                   std::memory_order_relaxed))
            return true;
    return false;
}

/// Under the lock.
GCD_HIDDEN inline void unlink(semaphore_object* semaphore, semaphore_waiter* leaving) noexcept {
    (leaving->previous != nullptr ? leaving->previous->next : semaphore->first) = leaving->next;
    (leaving->next != nullptr ? leaving->next->previous : semaphore->last) = leaving->previous;
}

/// Stands in line, with the value lowered already. False if the limit has passed without a unit. @throws interrupted
GCD_HIDDEN inline bool stand_in_line(semaphore_object* semaphore, const deadline& end, const give_up* ask) {
    semaphore_waiter here;
    {
        const std::lock_guard hold{semaphore->lock};
        if (semaphore->owed != 0) {
            --semaphore->owed;
            return true;
        }
        here.previous = semaphore->last;
        (here.previous != nullptr ? here.previous->next : semaphore->first) = &here;
        semaphore->last = &here;
    }
    const auto has_unit = [&here] { return here.word.load(std::memory_order_acquire) == semaphore_waiter::granted; };
    // False if a unit has been meant for this thread already.
    const auto leave = [&] {
        const std::lock_guard hold{semaphore->lock};
        if (has_unit()) return false;
        long value = semaphore->value.load(std::memory_order_relaxed);
        while (value < 0)
            if (semaphore->value.compare_exchange_weak(value, value + 1, std::memory_order_relaxed)) {
                unlink(semaphore, &here);
                return true;
            }
        return false;
    };
    bool staying = false;
    while (!has_unit()) {
        // A unit that is meant for this thread comes, however late it is.
        if (staying) {
            deadline{time_forever}.sleep(here.word, semaphore_waiter::waiting, false);
            continue;
        }
        end.sleep(here.word, semaphore_waiter::waiting, ask != nullptr);
        if (has_unit()) continue;
        const bool passed = end.has_passed();
        const bool given_up = !passed && ask != nullptr && ask->asked(ask);
        if (!passed && !given_up) continue;
        if (!leave())
            staying = true;
        else if (given_up)
            throw interrupted{};
        else
            return false;
    }
    // Whoever granted it may still hold the lock, but touches this node no more.
    return true;
}

[[gnu::noinline]] GCD_HIDDEN inline bool semaphore_park(semaphore_object* semaphore, std::uint64_t limit) {
    if (limit == 0) return false;
    const in_use<semaphore_object> used{semaphore};
    for (brief_wait wait; wait.again();)
        if (take_unit(semaphore)) return true;
    const deadline end{limit};
    const give_up* ask = current_interruption();
    if (semaphore->value.fetch_sub(1, std::memory_order_acquire) > 0) return true;
    const blocking_region blocked;
    return stand_in_line(semaphore, end, ask);
}

GCD_HIDDEN inline bool semaphore_wait(semaphore_object* semaphore, std::uint64_t limit) {
    if (take_unit(checked(semaphore, "gcd::semaphore::wait"))) [[likely]]
        return true;
    return semaphore_park(semaphore, limit);
}

[[gnu::noinline]] GCD_HIDDEN inline void grant_unit(semaphore_object* semaphore) noexcept {
    const in_use<semaphore_object> used{semaphore};
    semaphore_waiter* first = nullptr;
    {
        const std::lock_guard hold{semaphore->lock};
        first = semaphore->first;
        if (first == nullptr) {
            ++semaphore->owed;
            return;
        }
        unlink(semaphore, first);
        first->word.store(semaphore_waiter::granted, std::memory_order_release);
    }
    sys::futex_wake(&first->word, 1);
}

GCD_HIDDEN inline bool semaphore_signal(semaphore_object* semaphore) {
    static_cast<void>(checked(semaphore, "gcd::semaphore::signal"));
    const long value = semaphore->value.fetch_add(1, std::memory_order_release);
    if (value >= 0) [[likely]] {
        if (value != std::numeric_limits<long>::max()) [[likely]]
            return false;
        semaphore->value.fetch_sub(1, std::memory_order_relaxed);
        throw_most_units();
    }
    grant_unit(semaphore);
    return true;
}

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
