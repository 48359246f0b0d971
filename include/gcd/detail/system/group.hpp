// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_GROUP_HPP
#define GCD_DETAIL_SYSTEM_GROUP_HPP
/// @file
/// Groups: counted here, waited for in libdispatch.
///
/// The count stands beside dispatch_group's, so that an unbalanced leave can be refused, and the notifications are
/// ours, so that they stand in their queues before a wait returns: whoever takes our count to zero submits them, and
/// only then leaves the dispatch group, whose count is the one that waits look at. Entering goes the other way round
/// (first dispatch_group, then our count), so that dispatch_group's count is never below ours.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/time.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI::detail {

struct GCD_VISIBLE group_object : object {
    /// Work that waits for zero; each holds a reference on its dispatch queue. Guarded by `lock`.
    std::vector<work*> notifications;
    std::mutex lock;
    /// Entered and not left. Whoever takes it from one to zero (seq_cst) then reads `notified` (seq_cst); whoever adds
    /// a notification sets `notified` and then reads the count (both seq_cst). One of the two sees the other, and
    /// submits; the list is taken under the lock, so that each is submitted once.
    std::atomic<long> count{0};
    /// How many of `count` a leave() may take: those of enter(). An item takes its own when it has run.
    std::atomic<long> entries{0};
    /// There may be notifications.
    std::atomic<bool> notified{false};

    group_object() : object{object_kind::group} {}
};

namespace system {

GCD_HIDDEN inline group_object* group_create() {
    begin_use("gcd::group");
    auto* group = new group_object;
    group->native = dispatch::group_create();
    return group;
}

GCD_HIDDEN inline void retain(group_object* group) noexcept { group->handles.fetch_add(1, std::memory_order_relaxed); }

/// Work under way holds a count; so what is still entered here can't be left by anyone.
GCD_HIDDEN inline void release(group_object* group) noexcept {
    if (group->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for (work* item : group->notifications) {
        let_go(item->queue);
        drop(item);
    }
    for (long left = group->count.load(std::memory_order_relaxed); left > 0; --left)
        dispatch::group_leave(group->native);
    dispatch::release(group->native);
    delete group;
}

GCD_HIDDEN inline void submit_notifications(group_object* group) {
    std::vector<work*> due;
    {
        const std::lock_guard hold{group->lock};
        // Entered again meanwhile: a notification may have been added since, and it waits for that entry too.
        if (group->count.load(std::memory_order_seq_cst) != 0) return;
        due.swap(group->notifications);
        group->notified.store(false, std::memory_order_relaxed);
        // Inside the lock, so that nobody who finds the list empty returns before the items stand in their queues.
        for (work* item : due) {
            queue_object* queue = item->queue;
            submit(item);
            let_go(queue);
        }
    }
}

/// One more, for an item or for an enter().
GCD_HIDDEN inline void group_count_up(group_object* group) {
    dispatch::group_enter(group->native);
    group->count.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN inline void group_count_down(group_object* group) {
    if (group->count.fetch_sub(1, std::memory_order_seq_cst) == 1 && group->notified.load(std::memory_order_seq_cst))
        submit_notifications(group);
    dispatch::group_leave(group->native);
}

GCD_HIDDEN inline void group_enter(group_object* group) {
    group_count_up(checked(group, "gcd::group::enter"));
    group->entries.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN inline void group_leave(group_object* group) {
    static_cast<void>(checked(group, "gcd::group::leave"));
    long entries = group->entries.load(std::memory_order_relaxed);
    do {
        if (entries == 0) throw_not_entered();
    } while (!group->entries.compare_exchange_weak(entries, entries - 1, std::memory_order_relaxed));
    group_count_down(group);
}

GCD_HIDDEN inline void group_async(group_object* group, queue_object* queue, work* item) {
    accept(queue, "gcd::group::run_async", item);
    if (group == nullptr) {
        drop(item);
        throw_moved_from("gcd::group::run_async");
    }
    group_count_up(group);
    retain(group);
    item->group = group;
    submit(item);
}

GCD_HIDDEN inline void group_notify(group_object* group, queue_object* queue, work* item) {
    accept(queue, "gcd::group::notify", item);
    if (group == nullptr) {
        drop(item);
        throw_moved_from("gcd::group::notify");
    }
    {
        std::unique_lock hold{group->lock};
        try {
            group->notifications.push_back(item);
        } catch (...) {
            hold.unlock();
            drop(item);
            throw;
        }
        keep(queue);
        group->notified.store(true, std::memory_order_seq_cst);
    }
    if (group->count.load(std::memory_order_seq_cst) == 0) submit_notifications(group);
}

GCD_HIDDEN inline bool group_wait(group_object* group, std::uint64_t limit) {
    const in_use<group_object> used{checked(group, "gcd::group::wait")};
    return wait_in_slices(limit, current_interruption(),
                          [group](std::uint64_t until) { return dispatch::group_wait(group->native, until) == 0; });
}

} // namespace system
} // namespace gcd::inline GCD_ABI::detail

#endif
