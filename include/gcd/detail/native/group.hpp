// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_GROUP_HPP
#define GCD_DETAIL_NATIVE_GROUP_HPP
/// @file
/// Groups.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sched/drain.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

namespace native {

/// Work that waits for a group's zero, and its queue, which is kept for it.
struct notification {
    work* const item;
    queue_object* const queue;
    notification* next = nullptr;

    static void* operator new(std::size_t size) { return memory::allocate(size); }
    static void operator delete(void* pointer) noexcept { memory::deallocate(pointer, sizeof(notification)); }
};

} // namespace native

struct GCD_VISIBLE group_object : object {
    /// Fields of `state`: the count in the lower half, the rest in the upper one.
    enum : std::uint64_t {
        one = 1, ///< entered and not left: items, and entries of enter()
        count_mask = (std::uint64_t{1} << 32U) - 1,
        notified = std::uint64_t{1} << 32U, ///< there are notifications
        waited = std::uint64_t{1} << 33U,   ///< threads sleep on the upper half
        kept = std::uint64_t{1} << 34U,     ///< there is a handle
        one_zero = std::uint64_t{1} << 35U, ///< how often the count reached zero while threads slept, modulo 16
        zeros_mask = std::uint64_t{15} << 35U,
        one_entry = std::uint64_t{1} << 39U, ///< how many of the count a leave() may take
        most_entries = (std::uint64_t{1} << 25U) - 1,
    };

    /// The group's word. Lowered (acq_rel) by a compare-and-swap, so that who would take the count to zero under
    /// `notified` submits the notifications first, and they stand in their queues before anyone finds zero. `notified`
    /// is set under the lock, from a count above zero only. Whoever makes a change that leaves neither `kept` nor a
    /// count frees the group. Who takes it to zero otherwise touches it no more: a thread that waits may end it at
    /// once.
    std::atomic<std::uint64_t> state{kept};
    native::futex_lock lock;
    /// Guarded by `lock`.
    native::notification* first_notification = nullptr;
    native::notification* last_notification = nullptr;

    group_object() : object{object_kind::group} {}

    static std::uint64_t entries(std::uint64_t seen) noexcept { return seen / one_entry; }
    static std::uint64_t zeros(std::uint64_t seen) noexcept { return seen & zeros_mask; }
    /// What waiting threads sleep on.
    std::atomic<std::uint32_t>& upper_half() noexcept {
        constexpr int upper = std::endian::native == std::endian::little ? 1 : 0;
        return reinterpret_cast<std::atomic<std::uint32_t>*>(&state)[upper];
    }
};

namespace native {

GCD_HIDDEN inline group_object* group_create() {
    the_pool();
    return new group_object;
}

GCD_HIDDEN inline void retain(group_object* group) noexcept { group->handles.fetch_add(1, std::memory_order_relaxed); }

GCD_HIDDEN inline void destroy(group_object* ended) noexcept {
    while (notification* due = ended->first_notification) {
        ended->first_notification = due->next;
        let_go(due->queue);
        drop(due->item);
        delete due;
    }
    delete ended;
}

/// What is still entered without an item can't be left by anyone any more; notifications for it are dropped.
GCD_HIDDEN inline void release(group_object* group) noexcept {
    if (group->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    std::uint64_t seen = group->state.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        const std::uint64_t entries = group_object::entries(seen);
        next = (seen - entries * (group_object::one_entry + group_object::one)) & ~std::uint64_t{group_object::kept};
    } while (!group->state.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));
    if ((next & group_object::count_mask) == 0) destroy(group);
}

/// With the lock: what has been waiting for zero.
GCD_HIDDEN inline notification* take_notifications(group_object* group) noexcept {
    notification* due = group->first_notification;
    group->first_notification = group->last_notification = nullptr;
    group->state.fetch_and(~std::uint64_t{group_object::notified}, std::memory_order_relaxed);
    return due;
}

GCD_HIDDEN inline void submit_notifications(const notification* due) {
    for (; due != nullptr; due = due->next) submit(due->item);
}

/// Without the lock: a queue may end, and with it what its user has given it.
GCD_HIDDEN inline void let_go_of_queues(notification* due) {
    while (due != nullptr) {
        const notification* told = due;
        due = told->next;
        let_go(told->queue);
        delete told;
    }
}

/// Submits the notifications if taking `by` away, which is the caller's, would leave nothing. Gives the state
/// afterwards, in which there are none or others are entered: nobody else can take the count to zero meanwhile.
[[gnu::noinline]] GCD_HIDDEN inline std::uint64_t settle(group_object* group, std::uint64_t by) {
    std::unique_lock hold{group->lock};
    // One look only: a second one might find the caller's part alone, with the notifications still there. What the
    // others did is ordered by the lock, which was held when `notified` was set, and by all who have left since.
    std::uint64_t seen = group->state.load(std::memory_order_relaxed);
    if ((seen & group_object::count_mask) != by) return seen;
    notification* due = take_notifications(group);
    submit_notifications(due);
    seen = group->state.load(std::memory_order_relaxed);
    hold.unlock();
    let_go_of_queues(due);
    return seen;
}

/// The state with `less` taken from it. At zero those who wait are let go.
[[gnu::always_inline]] inline std::uint64_t lowered(std::uint64_t seen, std::uint64_t less) noexcept {
    const std::uint64_t next = seen - less;
    if ((next & (group_object::count_mask | group_object::waited)) != group_object::waited) [[likely]]
        return next;
    return (next & ~(group_object::waited | group_object::zeros_mask)) |
           ((next + group_object::one_zero) & group_object::zeros_mask);
}

/// After the change from `seen` to `next`.
[[gnu::always_inline]] inline void end_at_zero(group_object* group, std::uint64_t seen, std::uint64_t next) {
    if ((next & group_object::count_mask) != 0) return;
    if ((next & group_object::kept) == 0) return destroy(group);
    if ((seen & group_object::waited) != 0) sys::futex_wake(&group->upper_half(), most_sleepers);
}

GCD_HIDDEN inline void group_count_down(group_object* group, std::uint64_t by) {
    std::uint64_t seen = group->state.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        if ((seen & group_object::notified) != 0) [[unlikely]]
            seen = settle(group, by);
        next = lowered(seen, by);
    } while (!group->state.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));
    end_at_zero(group, seen, next);
}

GCD_HIDDEN inline void group_enter(group_object* group) {
    constexpr std::uint64_t entry = group_object::one_entry + group_object::one;
    const std::uint64_t before = checked(group, "gcd::group::enter")->state.fetch_add(entry, std::memory_order_relaxed);
    if (group_object::entries(before) != group_object::most_entries) [[likely]]
        return;
    group->state.fetch_sub(entry, std::memory_order_relaxed);
    throw std::logic_error("gcd::group::enter: entered too often without a leave()");
}

/// The entry and its part of the count go in one step; with notifications the entry first, so that this part is nobody
/// else's while they are submitted.
GCD_HIDDEN inline void group_leave(group_object* group) {
    static_cast<void>(checked(group, "gcd::group::leave"));
    std::uint64_t seen = group->state.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        if (group_object::entries(seen) == 0) throw_not_entered();
        next = (seen & group_object::notified) != 0 ? seen - group_object::one_entry
                                                    : lowered(seen, group_object::one_entry + group_object::one);
    } while (!group->state.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));
    if ((seen & group_object::notified) != 0) return group_count_down(group, 1);
    end_at_zero(group, seen, next);
}

GCD_HIDDEN inline void group_async(group_object* group, queue_object* queue, work* item) {
    accept(queue, "gcd::group::run_async", item);
    static_cast<void>(checked_or_drop(group, "gcd::group::run_async", item));
    group->state.fetch_add(group_object::one, std::memory_order_relaxed);
    item->group = group;
    submit(item);
}

GCD_HIDDEN inline void group_notify(group_object* group, queue_object* queue, work* item) {
    accept(queue, "gcd::group::notify", item);
    static_cast<void>(checked_or_drop(group, "gcd::group::notify", item));
    notification* added = nullptr;
    try {
        added = new notification{item, queue};
    } catch (...) {
        drop(item);
        throw;
    }
    keep(queue);
    std::unique_lock hold{group->lock};
    (group->last_notification != nullptr ? group->last_notification->next : group->first_notification) = added;
    group->last_notification = added;
    std::uint64_t seen = group->state.load(std::memory_order_acquire);
    while ((seen & group_object::count_mask) != 0)
        if (group->state.compare_exchange_weak(seen, seen | group_object::notified, std::memory_order_acq_rel,
                                               std::memory_order_acquire))
            return;
    notification* due = take_notifications(group);
    // Without the lock: one of them may have the group's last handle.
    hold.unlock();
    submit_notifications(due);
    let_go_of_queues(due);
}

GCD_HIDDEN inline bool group_wait(group_object* group, std::uint64_t limit) {
    static_cast<void>(checked(group, "gcd::group::wait"));
    const auto is_zero = [group] {
        return (group->state.load(std::memory_order_acquire) & group_object::count_mask) == 0;
    };
    if (is_zero()) return true;
    if (limit == 0) return false;
    const in_use<group_object> used{group};
    const deadline end{limit};
    const give_up* ask = current_interruption();
    for (brief_wait wait; wait.again();)
        if (is_zero()) return true;
    const blocking_region blocked;
    std::uint64_t seen = group->state.load(std::memory_order_acquire);
    const std::uint64_t zeros = group_object::zeros(seen);
    for (;;) {
        // Zero may have come and gone since the last look; that counts.
        if ((seen & group_object::count_mask) == 0 || group_object::zeros(seen) != zeros) return true;
        if ((seen & group_object::waited) == 0) {
            if (!group->state.compare_exchange_weak(seen, seen | group_object::waited, std::memory_order_acq_rel,
                                                    std::memory_order_acquire))
                continue;
            seen |= group_object::waited;
        }
        end.sleep(group->upper_half(), static_cast<std::uint32_t>(seen >> 32U), ask != nullptr);
        seen = group->state.load(std::memory_order_acquire);
        if (end.has_passed()) return (seen & group_object::count_mask) == 0 || group_object::zeros(seen) != zeros;
        if (ask != nullptr && (seen & group_object::count_mask) != 0 && ask->asked(ask)) throw interrupted{};
    }
}

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
