// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_SEMAPHORE_HPP
#define GCD_DETAIL_SYSTEM_SEMAPHORE_HPP
/// @file
/// Semaphores: the value is ours, waiting is libdispatch's.
///
/// The dispatch semaphore is made with zero and counts wake-ups only. So its end can't trap, whatever the value.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/time.hpp>
#include <gcd/detail/types.hpp>

#include <atomic>
#include <limits>
#include <stdexcept>

namespace gcd::inline GCD_ABI::detail {

struct GCD_VISIBLE semaphore_object : object {
    /// Units there are; below zero, how many threads wait. Lowered (acquire) by a wait, raised (release) by a signal,
    /// which gives a wake-up if it was below zero. A wait that ends without a unit raises it again, as long as it is
    /// below zero; otherwise a wake-up is on its way to it, and it takes that.
    std::atomic<long> value;

    explicit semaphore_object(long units) : object{object_kind::semaphore}, value{units} {}
};

namespace system {

GCD_HIDDEN inline semaphore_object* semaphore_create(long value) {
    check_units(value);
    begin_use("gcd::semaphore");
    auto* semaphore = new semaphore_object{value};
    semaphore->native = dispatch::semaphore_create(0);
    return semaphore;
}

GCD_HIDDEN inline void retain(semaphore_object* semaphore) noexcept {
    semaphore->handles.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN inline void release(semaphore_object* semaphore) noexcept {
    if (semaphore->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    dispatch::release(semaphore->native);
    delete semaphore;
}

/// True if this thread no longer counts as waiting; false if a signal has meant it.
GCD_HIDDEN inline bool stop_waiting(semaphore_object* semaphore) noexcept {
    long value = semaphore->value.load(std::memory_order_relaxed);
    while (value < 0)
        if (semaphore->value.compare_exchange_weak(value, value + 1, std::memory_order_relaxed)) return true;
    dispatch::semaphore_wait(semaphore->native, time_forever);
    return false;
}

[[gnu::noinline]] GCD_HIDDEN inline bool semaphore_park(semaphore_object* semaphore, std::uint64_t limit) {
    const in_use<semaphore_object> used{semaphore};
    try {
        if (limit != 0 && wait_in_slices(limit, current_interruption(), [semaphore](std::uint64_t until) {
                return dispatch::semaphore_wait(semaphore->native, until) == 0;
            }))
            return true;
    } catch (const interrupted&) {
        if (stop_waiting(semaphore)) throw;
        return true;
    }
    return !stop_waiting(semaphore);
}

GCD_HIDDEN inline bool semaphore_wait(semaphore_object* semaphore, std::uint64_t limit) {
    static_cast<void>(checked(semaphore, "gcd::semaphore::wait"));
    if (semaphore->value.fetch_sub(1, std::memory_order_acquire) > 0) return true;
    return semaphore_park(semaphore, limit);
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
    dispatch::semaphore_signal(semaphore->native);
    return true;
}

} // namespace system
} // namespace gcd::inline GCD_ABI::detail

#endif
