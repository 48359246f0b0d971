// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_QUEUE_HPP
#define GCD_DETAIL_SYSTEM_QUEUE_HPP
/// @file
/// Queues and workloops on libdispatch.
///
/// The state object of a queue hangs on the dispatch queue as a queue specific, and is freed by its destructor, so
/// that it lives as long as the queue, whoever keeps that. All handles together own one dispatch reference: the first
/// takes it, the last gives it back, both under the object's lock.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/time.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

[[noreturn]] GCD_HIDDEN inline void throw_wrong_process(const char* what) {
    throw std::logic_error(
        message({what, ": this process is the child of one that had used libdispatch, whose threads are not here; "
                       "use it after fork() only, or execute another program"}));
}

[[gnu::noinline]] GCD_HIDDEN inline void adopt(object*, const char* what) { throw_wrong_process(what); }

namespace system {

/// Work nodes come from the heap.
struct GCD_HIDDEN memory {
    static void* allocate(std::size_t size) { return ::operator new(size); }
    static void deallocate(void* pointer, std::size_t) noexcept { ::operator delete(pointer); }
};

/// A queue's state with what libdispatch can't be asked for.
struct GCD_VISIBLE counted_queue : queue_object {
    using queue_object::queue_object;

    /// Items submitted, and items run. Relaxed: they only say whether a sync is likely to have its turn at once, and a
    /// thread sees its own submissions. On cache lines of their own: one is written by those who submit, the other by
    /// those who run.
    char apart_from_submitted[64];
    std::atomic<long> submitted{0};
    char apart_from_ran[64];
    std::atomic<long> ran{0};
    char apart_from_others[64];
};

GCD_HIDDEN inline counted_queue* as_counted(queue_object* queue) noexcept { return static_cast<counted_queue*>(queue); }

GCD_HIDDEN void group_count_down(group_object* group);
GCD_HIDDEN void retain(group_object* group) noexcept;
GCD_HIDDEN void release(group_object* group) noexcept;
GCD_HIDDEN void retain(semaphore_object* semaphore) noexcept;
GCD_HIDDEN void release(semaphore_object* semaphore) noexcept;
GCD_HIDDEN void retain(source_object* source) noexcept;
GCD_HIDDEN void release(source_object* source) noexcept;

/// The generation of the process that used the engine first; none yet for `unused_generation`.
inline constexpr unsigned unused_generation = ~0U;
GCD_VISIBLE inline constinit std::atomic<unsigned> used_generation{unused_generation};

/// Before an object is made. In the child of a process that had used it, libdispatch has no threads and starts none.
GCD_HIDDEN inline void begin_use(const char* what) {
    prepare_process();
    const unsigned current = fork_generation.load(std::memory_order_relaxed);
    unsigned seen = unused_generation;
    if (!used_generation.compare_exchange_strong(seen, current, std::memory_order_relaxed) && seen != current)
        throw_wrong_process(what);
}

// --- life ---------------------------------------------------------------------------------------------------------

/// One engine reference more or less, which keeps the state too.
GCD_HIDDEN inline void keep(queue_object* queue) noexcept { dispatch::retain(queue->native); }
GCD_HIDDEN inline void let_go(queue_object* queue) noexcept {
    dispatch::orders_before(queue);
    dispatch::release(queue->native);
}

/// Some queue goes, or went, through the main queue. As long as none does, a thread that is not inside of any item
/// holds nothing that a queue could lead to.
GCD_VISIBLE inline constinit std::atomic<bool> main_is_target{false};

GCD_HIDDEN inline void keep_as_target(queue_object* queue) noexcept {
    keep(queue);
    queue->shared.store(true, std::memory_order_relaxed);
    if (queue->kind == object_kind::main_queue) main_is_target.store(true, std::memory_order_relaxed);
}

GCD_HIDDEN inline void drop_retired_targets(queue_object* queue) {
    if (!queue->attached) return;
    for (queue_object* former : queue->attached->retired) let_go(former);
    queue->attached->retired.clear();
}

/// The dispatch queue is gone, and nothing can look at the state any more.
GCD_HIDDEN inline void end_queue(void* context) noexcept {
    counted_queue* queue = as_counted(static_cast<queue_object*>(context));
    dispatch::orders_after(queue);
    drop_retired_targets(queue);
    forget_target(queue);
    if (queue_object* target = queue->target.load(std::memory_order_relaxed)) let_go(target);
    run_finalizer(queue);
    delete queue;
}

GCD_HIDDEN inline void attach_state(owned<counted_queue> state) {
    queue_object* attached = state.give_up();
    dispatch::orders_before(attached);
    dispatch::set_specific(attached->native, dispatch::state_key(), attached, &end_queue);
}

GCD_HIDDEN inline queue_object* attached_state(void* native) {
    auto* attached = static_cast<queue_object*>(dispatch::get_specific(native, dispatch::state_key()));
    if (attached != nullptr) dispatch::orders_after(attached);
    return attached;
}

GCD_HIDDEN inline void retain(queue_object* queue) noexcept { queue->handles.fetch_add(1, std::memory_order_relaxed); }

GCD_HIDDEN inline void let_go_later(void* context) noexcept { let_go(static_cast<queue_object*>(context)); }

/// libdispatch traps when a queue ends inside a sync of its own.
GCD_HIDDEN inline bool may_be_in_sync(const queue_object* queue) noexcept {
    return queue->taken.load(std::memory_order_relaxed) || has_turn(queue);
}

/// The last handle lets pending work run: it resumes and activates.
GCD_HIDDEN inline void release(queue_object* queue) noexcept {
    long count = queue->handles.load(std::memory_order_relaxed);
    while (count > 1)
        if (queue->handles.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel)) return;
    if (is_inherited(queue)) return;
    void* native = queue->native;
    {
        const std::lock_guard hold{queue->lock};
        if (queue->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (queue->inactive.load(std::memory_order_relaxed)) {
            queue->suspensions = 0;
            queue->inactive.store(false, std::memory_order_release);
            dispatch::activate(native);
        } else if (queue->suspensions != 0) {
            queue->suspensions = 0;
            dispatch::resume(native);
        }
    }
    // A barrier comes after every sync under way.
    if (may_be_in_sync(queue)) return dispatch::barrier_async(native, queue, &let_go_later);
    let_go(queue);
}

/// A handle's count of a queue that may have no handle at the moment.
GCD_HIDDEN inline queue_object* first_handle(queue_object* queue) {
    const std::lock_guard hold{queue->lock};
    if (queue->handles.fetch_add(1, std::memory_order_relaxed) == 0) dispatch::retain(queue->native);
    return queue;
}

GCD_HIDDEN inline queue_object* queue_create(const queue_config& config) {
    check_label(config.label);
    check_qos(config.qos, config.relative_priority);
    if (config.has_target) check_depth(checked(config.target, "gcd::queue: target"));
    begin_use("gcd::queue");
    owned state{new counted_queue{object_kind::queue, config.label, config.concurrent}};
    queue_object* queue = state.get();
    queue->qos = config.qos;
    queue->relative_priority = config.relative_priority;
    queue->born_inactive = config.inactive;
    queue->inactive.store(config.inactive, std::memory_order_relaxed);
    queue->native =
        dispatch::queue_create(queue->label.empty() ? nullptr : queue->label.c_str(), config.concurrent,
                               static_cast<unsigned>(config.qos), config.relative_priority, config.inactive);
    attach_state(std::move(state));
    if (config.target != nullptr) {
        keep_as_target(config.target);
        set_first_target(queue, config.target);
        dispatch::set_target_queue(queue->native, config.target->native);
    }
    queue->look_closer();
    return queue;
}

/// libdispatch doesn't tell the class of its own global queues everywhere. Where two classes share one queue, it is the
/// lower one.
GCD_HIDDEN inline gcd::qos global_qos(void* native) {
    for (const gcd::qos known : {gcd::qos::background, gcd::qos::utility, gcd::qos::default_class,
                                 gcd::qos::user_initiated, gcd::qos::user_interactive})
        if (native == dispatch::global_queue(static_cast<std::intptr_t>(known))) return known;
    return gcd::qos::unspecified;
}

/// The state of a queue of the system, attached when it is first asked for.
GCD_HIDDEN inline queue_object* state_of(void* native, object_kind kind, bool concurrent) {
    if (queue_object* known = attached_state(native)) return known;
    begin_use("gcd::queue"); // before the lock, which another thread may have held when this process was forked
    const std::lock_guard hold{topology_lock};
    if (queue_object* known = attached_state(native)) return known;
    const char* label = dispatch::queue_label(native);
    owned state{new counted_queue{kind, label != nullptr ? label : "", concurrent}};
    queue_object* queue = state.get();
    queue->native = native;
    queue->qos = kind == object_kind::global_queue
                     ? global_qos(native)
                     : static_cast<gcd::qos>(dispatch::queue_qos(native, &queue->relative_priority));
    queue->handles.store(0, std::memory_order_relaxed);
    attach_state(std::move(state));
    return queue;
}

GCD_HIDDEN inline queue_object* global_state(std::intptr_t identifier) {
    return first_handle(state_of(dispatch::global_queue(identifier), object_kind::global_queue, true));
}

GCD_HIDDEN inline queue_object* queue_global(gcd::qos value) {
    check_qos(value, 0);
    return global_state(static_cast<std::intptr_t>(value));
}

GCD_HIDDEN inline queue_object* queue_global(queue_priority value) {
    check_priority(value);
    return global_state(static_cast<std::intptr_t>(value));
}

GCD_HIDDEN inline queue_object* queue_main() {
    return first_handle(state_of(dispatch::main_queue(), object_kind::main_queue, false));
}

GCD_HIDDEN inline queue_object* queue_from_native(void* native) {
    if (native == nullptr) throw std::invalid_argument("gcd::queue::from_native: the queue is null");
    if (native == dispatch::main_queue()) return queue_main();
    constexpr std::array<std::intptr_t, 6> globals{0x21, 0x19, 0x15, 0x11, 0x09, 0x05};
    for (const std::intptr_t identifier : globals)
        if (native == dispatch::global_queue(identifier)) return global_state(identifier);
    return first_handle(state_of(native, object_kind::foreign_queue, false));
}

GCD_HIDDEN inline queue_object* queue_adopt_native(void* native) {
    queue_object* queue = queue_from_native(native);
    dispatch::release(native);
    return queue;
}

GCD_HIDDEN inline void* queue_native(queue_object* queue) {
    checked(queue, "gcd::queue::native_handle")->shared.store(true, std::memory_order_relaxed);
    return queue->native;
}

/// Keeps an object in use while a call waits on it.
template <class Object> struct in_use {
    Object* object;
    explicit in_use(Object* used) noexcept : object{used} { retain(object); }
    in_use(const in_use&) = delete;
    in_use& operator=(const in_use&) = delete;
    ~in_use() { release(object); }
};

// --- submission -----------------------------------------------------------------------------------------------------

/// What libdispatch calls for a piece of work.
template <bool Counted> GCD_HIDDEN void run_work(void* context) noexcept {
    auto* item = static_cast<work*>(context);
    group_object* group = item->group;
    {
        const std::conditional_t<Counted, scoped_frame, handler_frame> inside{item->queue, item->exclusive};
        item->fn(item, op::run);
        if constexpr (Counted) as_counted(inside.queue)->ran.fetch_add(1, std::memory_order_relaxed);
    }
    if (group != nullptr) {
        group_count_down(group);
        release(group);
    }
}

/// Submits work to the queue that it was accepted for. Queues of our own count what is pending.
[[gnu::always_inline]] inline void submit(work* item) {
    queue_object* queue = item->queue;
    if (queue->kind != object_kind::queue) return dispatch::async(queue->native, item, &run_work<false>);
    as_counted(queue)->submitted.fetch_add(1, std::memory_order_relaxed);
    dispatch::async(queue->native, item, &run_work<true>);
}

[[noreturn, gnu::noinline]] GCD_HIDDEN inline void refuse(queue_object* queue, const char* what, work* item) {
    drop(item);
    static_cast<void>(checked(queue, what));
    throw_takes_no_work(queue, what);
}

/// Takes the work for the queue, or drops it and throws.
[[gnu::always_inline]] inline void accept(queue_object* queue, const char* what, work* item) {
    if (queue == nullptr || is_inherited(queue) ||
        (queue->inactive.load(std::memory_order_relaxed) && queue->kind == object_kind::workloop)) [[unlikely]]
        refuse(queue, what, item);
    item->queue = queue;
}

GCD_HIDDEN inline void queue_async(queue_object* queue, work* item) {
    accept(queue, "gcd::queue::run_async", item);
    submit(item);
}

GCD_HIDDEN inline void queue_barrier_async(queue_object* queue, work* item) {
    accept(queue, "gcd::queue::barrier_async", item);
    if (queue->kind != object_kind::queue) return submit(item);
    item->exclusive = queue->concurrent;
    as_counted(queue)->submitted.fetch_add(1, std::memory_order_relaxed);
    dispatch::barrier_async(queue->native, item, &run_work<true>);
}

GCD_HIDDEN inline void queue_after(queue_object* queue, std::uint64_t when, work* item) {
    accept(queue, "gcd::queue::after", item);
    if (when == time_forever) {
        drop(item);
        return;
    }
    dispatch::after(when, queue->native, item, &run_work<false>);
}

// --- state ----------------------------------------------------------------------------------------------------------

/// However deep suspensions nest, libdispatch sees one. An inactive queue is suspended when it is activated.
GCD_HIDDEN inline void queue_suspend(queue_object* queue) {
    require_own_queue(checked(queue, "gcd::queue::suspend"), "gcd::queue::suspend");
    const std::lock_guard hold{queue->lock};
    if (queue->suspensions++ == 0 && !queue->inactive.load(std::memory_order_relaxed)) dispatch::suspend(queue->native);
}

GCD_HIDDEN inline void queue_resume(queue_object* queue) {
    require_own_queue(checked(queue, "gcd::queue::resume"), "gcd::queue::resume");
    const std::lock_guard hold{queue->lock};
    if (take_suspension(queue) && !queue->inactive.load(std::memory_order_relaxed)) dispatch::resume(queue->native);
}

GCD_HIDDEN inline void queue_activate(queue_object* queue) {
    const std::lock_guard hold{checked(queue, "gcd::queue::activate")->lock};
    require_inactive(queue);
    if (queue->suspensions != 0) dispatch::suspend(queue->native);
    queue->inactive.store(false, std::memory_order_release);
    queue->look_closer();
    dispatch::activate(queue->native);
}

GCD_HIDDEN inline void queue_set_target(queue_object* queue, queue_object* target) {
    require_own_queue(checked(queue, "gcd::queue::set_target_queue"), "gcd::queue::set_target_queue");
    static_cast<void>(checked(target, "gcd::queue::set_target_queue: target"));
    const std::lock_guard topology{topology_lock};
    check_target(queue, target);
    const std::lock_guard hold{queue->lock};
    require_retargetable(queue);
    make_room_for_former_target(queue);
    keep_as_target(target);
    dispatch::set_target_queue(queue->native, target->native);
    exchange_target(queue, target);
    queue->look_closer();
    if (queue->walkers.load(std::memory_order_seq_cst) == 0) drop_retired_targets(queue);
}

// --- where this thread is -----------------------------------------------------------------------------------------

/// Items that libdispatch runs for others have no frame; the innermost one's queue is found by its specific.
GCD_HIDDEN inline queue_object* queue_current() {
    if (queue_object* queue = innermost_queue()) return queue;
    return static_cast<queue_object*>(dispatch::current_specific(dispatch::state_key()));
}

GCD_HIDDEN inline std::string queue_current_label() {
    if (queue_object* queue = innermost_queue()) return queue->label;
    const char* label = dispatch::current_label();
    return label != nullptr ? label : "";
}

GCD_HIDDEN inline bool queue_is_current(queue_object* queue) {
    static_cast<void>(checked(queue, "gcd::queue::is_current"));
    if (is_within(queue)) return true;
    queue_object* raw = static_cast<queue_object*>(dispatch::current_specific(dispatch::state_key()));
    return raw != nullptr && walk_targets(raw, [queue](queue_object* seen) { return seen == queue; });
}

// --- workloops ------------------------------------------------------------------------------------------------------

#if GCD_OS_APPLE
GCD_HIDDEN inline void* workloop_native(const char* label) { return dispatch::workloop_create(label); }
GCD_HIDDEN inline void workloop_apply_frequency(void* native, autorelease_frequency frequency) {
    dispatch::workloop_set_autorelease_frequency(native, static_cast<unsigned>(frequency));
}
#else
/// libdispatch's own workloops crash on Linux as the target of a queue, and have no order by QoS.
GCD_HIDDEN inline void* workloop_native(const char* label) { return dispatch::queue_create(label, false, 0, 0, true); }
GCD_HIDDEN inline void workloop_apply_frequency(void*, autorelease_frequency) {}
#endif

GCD_HIDDEN inline queue_object* workloop_create(std::string_view label, bool inactive,
                                                autorelease_frequency frequency) {
    check_label(label);
    check_frequency(frequency);
    begin_use("gcd::workloop");
    owned state{new counted_queue{object_kind::workloop, label, false}};
    queue_object* queue = state.get();
    queue->born_inactive = inactive;
    queue->inactive.store(inactive, std::memory_order_relaxed);
    queue->native = workloop_native(queue->label.empty() ? nullptr : queue->label.c_str());
    attach_state(std::move(state));
    workloop_apply_frequency(queue->native, frequency);
    queue->look_closer();
    if (!inactive) dispatch::activate(queue->native);
    return queue;
}

GCD_HIDDEN inline void workloop_set_autorelease_frequency(queue_object* queue, autorelease_frequency frequency) {
    const std::lock_guard hold{checked(queue, "gcd::workloop::set_autorelease_frequency")->lock};
    check_frequency(queue, frequency);
    workloop_apply_frequency(queue->native, frequency);
}

// --- the pool: libdispatch minds its own ----------------------------------------------------------------------------

GCD_HIDDEN inline void begin_waiting_for_lock() noexcept {}
GCD_HIDDEN inline void end_waiting_for_lock() noexcept {}

GCD_HIDDEN inline bool leave_carried(const carried_lock*) noexcept { return false; }
GCD_HIDDEN inline bool take_carried(const carried_lock*) noexcept { return false; }

GCD_HIDDEN inline void set_max_threads(unsigned) {
    throw_not_supported("gcd::set_max_threads: libdispatch sizes its pool itself");
}

} // namespace system
} // namespace gcd::inline GCD_ABI::detail

#endif
