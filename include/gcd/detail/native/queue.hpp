// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_QUEUE_HPP
#define GCD_DETAIL_NATIVE_QUEUE_HPP
/// @file
/// Queues and workloops on lanes.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/sched/drain.hpp>
#include <gcd/detail/native/sched/lane.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gcd::inline GCD_ABI::detail {

namespace native {

GCD_HIDDEN void retain(group_object* group) noexcept;
GCD_HIDDEN void release(group_object* group) noexcept;
GCD_HIDDEN void retain(semaphore_object* semaphore) noexcept;
GCD_HIDDEN void release(semaphore_object* semaphore) noexcept;
GCD_HIDDEN void retain(source_object* source) noexcept;
GCD_HIDDEN void release(source_object* source) noexcept;

[[noreturn]] GCD_HIDDEN inline void throw_busy_parent(const char* what) {
    throw std::logic_error(
        message({what, ": this process is the child of one in which the object had work under way, and whose "
                       "threads are not here; make a new one after fork()"}));
}

/// A lane without work is the child's as it was the parent's, with all it goes through. With topology_lock.
GCD_HIDDEN inline void adopt_lane(lane* inherited, const char* what) {
    constexpr std::uint64_t work_under_way =
        lane::all_dirty | lane::enqueued | lane::exclusive | lane::blocked | lane::readers_mask;
    if (!is_inherited(inherited)) return;
    if (queue_object* target = inherited->target.load(std::memory_order_relaxed)) adopt_lane(as_lane(target), what);
    if ((inherited->state.load(std::memory_order_relaxed) & work_under_way) != 0 || !inherited->hold.is_free() ||
        !inherited->seems_empty() || !is_left_free(inherited->lock))
        throw_busy_parent(what);
    inherited->native = &the_pool();
    inherited->generation.store(fork_generation.load(std::memory_order_relaxed), std::memory_order_release);
}

/// The same, by way of the pool that it has.
GCD_HIDDEN inline void adopt_queue(queue_object* inherited, const char* what) {
    lane* queue = as_lane(inherited);
    const std::lock_guard hold{topology_lock};
    queue->home().code.adopt(queue, what);
}

// --- life ---------------------------------------------------------------------------------------------------------

/// Queues of the system are never destroyed, so that nobody counts their handles.
[[gnu::always_inline]] inline bool is_everlasting(const queue_object* queue) noexcept {
    return queue->kind == object_kind::global_queue || queue->kind == object_kind::main_queue;
}

GCD_HIDDEN inline void retain(queue_object* queue) noexcept {
    if (!is_everlasting(queue)) queue->handles.fetch_add(1, std::memory_order_relaxed);
}

/// The last handle lets pending work run: it resumes and activates. In the child of a fork it leaves what the parent
/// had under way alone. Nobody else has a handle now, so that what its lock guards is this thread's.
GCD_HIDDEN inline void release(queue_object* queue) noexcept {
    if (is_everlasting(queue)) return;
    // With the only one nobody else is there to change the count.
    if (queue->handles.load(std::memory_order_acquire) != 1 &&
        queue->handles.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    if (is_inherited(queue)) return;
    lane* of = as_lane(queue);
    // Without other owners, and with nothing under way, nobody can come to this lane any more.
    if (of->keeps.load(std::memory_order_acquire) == 1 && of->state.load(std::memory_order_acquire) == lane::kept &&
        of->seems_empty())
        return destroy(of);
    if (queue->inactive.load(std::memory_order_relaxed) || queue->suspensions != 0) {
        queue->suspensions = 0;
        queue->inactive.store(false, std::memory_order_release);
        unblock(of, lane::suspended | lane::inactive_bit);
    }
    let_go(queue);
}

inline std::uint64_t first_state(bool inactive) noexcept {
    return std::uint64_t{lane::kept} | (inactive ? std::uint64_t{lane::inactive_bit} : 0);
}

GCD_HIDDEN inline queue_object* queue_create(const queue_config& config) {
    check_label(config.label);
    check_qos(config.qos, config.relative_priority);
    if (config.has_target) check_depth(checked(config.target, "gcd::queue: target"));
    auto* made =
        new lane{object_kind::queue, config.label, config.concurrent, the_pool(), first_state(config.inactive)};
    made->qos = config.qos;
    made->relative_priority = config.relative_priority;
    made->born_inactive = config.inactive;
    made->inactive.store(config.inactive, std::memory_order_relaxed);
    if (config.target != nullptr) {
        keep(config.target);
        set_first_target(made, config.target);
    }
    made->look_closer();
    return made;
}

/// The queues that nobody makes: made at their first use.
struct GCD_VISIBLE system_queues {
    std::atomic<lane*> by_level[levels] = {};
    std::atomic<lane*> main{nullptr};
};
GCD_VISIBLE inline constinit system_queues queues_of_system{};

GCD_HIDDEN inline queue_object* system_queue(std::atomic<lane*>& place, object_kind kind, const char* label,
                                             gcd::qos qos) {
    lane* known = place.load(std::memory_order_acquire);
    if (known == nullptr) {
        auto* made = new lane{kind, label, kind == object_kind::global_queue, the_pool(), lane::kept | lane::of_system};
        made->qos = qos;
        if (place.compare_exchange_strong(known, made, std::memory_order_acq_rel))
            known = made;
        else
            delete made;
    }
    if (is_inherited(known)) adopt_queue(known, "gcd::queue");
    return known;
}

GCD_HIDDEN inline queue_object* global_of_level(unsigned level) {
    static constexpr struct {
        const char* label;
        gcd::qos qos;
    } known[levels] = {{"com.apple.root.background-qos", gcd::qos::background},
                       {"com.apple.root.utility-qos", gcd::qos::utility},
                       {"com.apple.root.default-qos", gcd::qos::default_class},
                       {"com.apple.root.user-initiated-qos", gcd::qos::user_initiated},
                       {"com.apple.root.user-interactive-qos", gcd::qos::user_interactive}};
    return system_queue(queues_of_system.by_level[level], object_kind::global_queue, known[level].label,
                        known[level].qos);
}

GCD_HIDDEN inline queue_object* queue_global(gcd::qos value) {
    check_qos(value, 0);
    return global_of_level(level_of(value));
}

GCD_HIDDEN inline queue_object* queue_global(queue_priority value) {
    check_priority(value);
    switch (value) {
    case queue_priority::high: return global_of_level(level_initiated);
    case queue_priority::low: return global_of_level(level_utility);
    case queue_priority::background: return global_of_level(level_background);
    default: return global_of_level(level_default);
    }
}

GCD_HIDDEN inline queue_object* queue_main() {
    return system_queue(queues_of_system.main, object_kind::main_queue, "com.apple.main-thread",
                        gcd::qos::user_interactive);
}

GCD_HIDDEN inline void* queue_native(queue_object* queue) {
    static_cast<void>(checked(queue, "gcd::queue::native_handle"));
    throw_not_supported("gcd::queue::native_handle: the native engine has no dispatch_queue_t");
}

GCD_HIDDEN inline queue_object* queue_from_native(void* native) {
    if (native == nullptr) throw std::invalid_argument("gcd::queue::from_native: the queue is null");
    throw_not_supported("gcd::queue::from_native: the native engine has no dispatch_queue_t");
}

GCD_HIDDEN inline queue_object* queue_adopt_native(void* native) { return queue_from_native(native); }

/// Keeps an object in use while a call waits on it.
template <class Object> struct in_use {
    Object* object;
    explicit in_use(Object* used) noexcept : object{used} { retain(object); }
    in_use(const in_use&) = delete;
    in_use& operator=(const in_use&) = delete;
    ~in_use() { release(object); }
};

// --- submission -----------------------------------------------------------------------------------------------------

/// Submits work to the queue that it was accepted for.
[[gnu::always_inline]] inline void submit(work* item) {
    lane* onto = as_lane(item->queue);
    const unsigned level = level_of(onto->qos);
    if (onto->kind == object_kind::global_queue)
        onto->home().of_level(level).submit_item(item, level);
    else
        push_item(onto, item, level);
}

/// As checked, for a call that has work to drop when it throws.
template <class Object> [[gnu::always_inline]] inline Object* checked_or_drop(Object* held, const char* what,
                                                                              work* item) {
    if (held != nullptr && !is_inherited(held)) [[likely]]
        return held;
    try {
        return checked(held, what);
    } catch (...) {
        drop(item);
        throw;
    }
}

[[noreturn, gnu::noinline]] GCD_HIDDEN inline void refuse(queue_object* queue, const char* what, work* item) {
    drop(item);
    throw_takes_no_work(queue, what);
}

/// Takes the work for the queue, or drops it and throws.
[[gnu::always_inline]] inline void accept(queue_object* queue, const char* what, work* item) {
    static_cast<void>(checked_or_drop(queue, what, item));
    if (queue->inactive.load(std::memory_order_relaxed) && queue->kind == object_kind::workloop) [[unlikely]]
        refuse(queue, what, item);
    item->queue = queue;
}

GCD_HIDDEN inline void queue_async(queue_object* queue, work* item) {
    accept(queue, "gcd::queue::run_async", item);
    submit(item);
}

GCD_HIDDEN inline void queue_barrier_async(queue_object* queue, work* item) {
    accept(queue, "gcd::queue::barrier_async", item);
    item->exclusive = queue->kind == object_kind::queue && queue->concurrent;
    submit(item);
}

// --- state ----------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void queue_suspend(queue_object* queue) {
    require_own_queue(checked(queue, "gcd::queue::suspend"), "gcd::queue::suspend");
    const std::lock_guard hold{queue->lock};
    if (queue->suspensions++ == 0) change_bits(as_lane(queue), 0, lane::suspended);
}

GCD_HIDDEN inline void queue_resume(queue_object* queue) {
    require_own_queue(checked(queue, "gcd::queue::resume"), "gcd::queue::resume");
    const std::lock_guard hold{queue->lock};
    if (take_suspension(queue)) unblock(as_lane(queue), lane::suspended);
}

GCD_HIDDEN inline void queue_activate(queue_object* queue) {
    static_cast<void>(checked(queue, "gcd::queue::activate"));
    const std::lock_guard hold{queue->lock};
    require_inactive(queue);
    queue->inactive.store(false, std::memory_order_release);
    queue->look_closer();
    unblock(as_lane(queue), lane::inactive_bit);
}

/// With the lock: takes the former targets that nobody is on his way through any more: the token, a sync, a reader, or a
/// walker. A lane that is seen idle after the exchange shows its new target to all who come later.
GCD_HIDDEN inline void take_unused_targets(lane* of, std::vector<queue_object*>& into) {
    constexpr std::uint64_t in_use = lane::enqueued | lane::exclusive | lane::readers_mask | lane::asymmetric;
    if (!of->attached || of->attached->retired.empty()) return;
    std::vector<queue_object*>& retired = of->attached->retired;
    if constexpr (has_asymmetric_sync) close(of);
    if (of->walkers.load(std::memory_order_seq_cst) != 0 || (of->state.load(std::memory_order_seq_cst) & in_use) != 0)
        return;
    into.insert(into.end(), retired.begin(), retired.end());
    retired.clear();
}

/// With the topology's lock: whether something that goes through the new target may still be on its way through the
/// queue, of a time when that was its target. Each would wait for the other. So what lanes are on their way through, now
/// or still, never leads in a circle. Gives what is found to be unused besides.
GCD_HIDDEN inline bool still_goes_through(queue_object* target, const queue_object* queue,
                                          std::vector<queue_object*>& unused) {
    std::vector<queue_object*> on_the_way;
    const auto add = [&on_the_way](queue_object* next) {
        if (next != nullptr && std::find(on_the_way.begin(), on_the_way.end(), next) == on_the_way.end())
            on_the_way.push_back(next);
    };
    add(target);
    for (std::size_t i = 0; i != on_the_way.size(); ++i) {
        queue_object* each = on_the_way[i];
        if (each == queue) return true;
        add(each->target.load(std::memory_order_seq_cst));
        const std::lock_guard hold{each->lock};
        take_unused_targets(as_lane(each), unused);
        if (!each->attached) continue;
        for (queue_object* former : each->attached->retired) add(former);
    }
    return false;
}

GCD_HIDDEN inline void queue_set_target(queue_object* queue, queue_object* target) {
    require_own_queue(checked(queue, "gcd::queue::set_target_queue"), "gcd::queue::set_target_queue");
    static_cast<void>(checked(target, "gcd::queue::set_target_queue: target"));
    // Let go of without the locks, as finalizers may run.
    struct let_go_of {
        std::vector<queue_object*> all;
        ~let_go_of() {
            for (queue_object* former : all) let_go(former);
        }
    } unused;
    {
        const std::lock_guard topology{topology_lock};
        check_target(queue, target);
        if (still_goes_through(target, queue, unused.all))
            throw std::logic_error(
                message({"gcd::queue::set_target_queue: ", describe(queue),
                         " was a target before, and work that stands in its line since then goes through ",
                         describe(target), ", for which it would wait; try again when that has run"}));
        const std::lock_guard hold{queue->lock};
        require_retargetable(queue);
        make_room_for_former_target(queue);
        keep(target);
        exchange_target(queue, target);
        queue->look_closer();
        take_unused_targets(as_lane(queue), unused.all);
    }
}

// --- where this thread is -----------------------------------------------------------------------------------------

GCD_HIDDEN inline queue_object* queue_current() { return innermost_queue(); }

GCD_HIDDEN inline std::string queue_current_label() {
    if (queue_object* queue = innermost_queue()) return queue->label;
    return on_main_thread() ? "com.apple.main-thread" : "";
}

GCD_HIDDEN inline bool queue_is_current(queue_object* queue) {
    static_cast<void>(checked(queue, "gcd::queue::is_current"));
    return is_within(queue);
}

// --- workloops ------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline queue_object* workloop_create(std::string_view label, bool inactive,
                                                autorelease_frequency frequency) {
    check_label(label);
    check_frequency(frequency);
    auto* made = new lane{object_kind::workloop, label, false, the_pool(), first_state(inactive)};
    made->born_inactive = inactive;
    made->inactive.store(inactive, std::memory_order_relaxed);
    made->look_closer();
    return made;
}

GCD_HIDDEN inline void workloop_set_autorelease_frequency(queue_object* queue, autorelease_frequency frequency) {
    const std::lock_guard hold{checked(queue, "gcd::workloop::set_autorelease_frequency")->lock};
    check_frequency(queue, frequency);
}

// --- the pool -------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void begin_waiting_for_lock() noexcept {
    if (worker* on = this_worker())
        on->waiting_for_lock.store(on->waiting_for_lock.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}
GCD_HIDDEN inline void end_waiting_for_lock() noexcept {
    if (worker* on = this_worker())
        on->waiting_for_lock.store(on->waiting_for_lock.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

/// In the child of a fork the worker ends with its item, and keeps nothing.
GCD_HIDDEN inline bool leave_carried(const carried_lock* lock) noexcept {
    worker* on = this_worker();
    if (on == nullptr || fork_generation.load(std::memory_order_relaxed) != on->owner->generation) return false;
    on->carried = lock;
    return true;
}
GCD_HIDDEN inline bool take_carried(const carried_lock* lock) noexcept {
    worker* on = this_worker();
    if (on == nullptr || on->carried == nullptr) return false;
    if (on->carried != lock) {
        release_carried(*on);
        return false;
    }
    on->carried = nullptr;
    return true;
}

GCD_HIDDEN inline void set_max_threads(unsigned count) { the_pool().set_limit(count); }

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
