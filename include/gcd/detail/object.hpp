// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_OBJECT_HPP
#define GCD_DETAIL_OBJECT_HPP
/// @file
/// The state that stands beside every engine object, and the checks that keep misuse from reaching an engine.
///
/// State belongs to the object, never to a handle. `handles` counts the handles (and what else keeps an object in
/// use); an object's memory lives until its engine part is gone, which may be later. Everything cold (suspension,
/// activation, retargeting, context, specifics) is changed under the object's own lock; the engine is called while
/// it is held, so that two threads can't bring the shadow state and the engine out of step.

#include <gcd/config.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/posix/fork_lock.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <pthread.h>

namespace gcd::inline GCD_ABI::detail {

enum class object_kind : unsigned char {
    queue,
    workloop,
    global_queue,
    main_queue,
    foreign_queue,
    group,
    semaphore,
    source,
    channel,
};

/// Raised in each child of a fork (by the atfork hook, in the only thread there is). Objects made before belong to
/// an older generation: their engine's threads are not in this process.
GCD_VISIBLE inline constinit std::atomic<unsigned> fork_generation{0};

/// Keeps the library that this code is in loaded for good: its items and handlers may still be run after a dlclose.
GCD_HIDDEN inline bool pin_image() noexcept {
    Dl_info image{};
    return ::dladdr(reinterpret_cast<void*>(&pin_image), &image) != 0 &&
           ::dlopen(image.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
}

/// For changing targets: a cycle can be made by two threads that each change one of two queues. And for what else spans
/// objects: in a forked child, making those of the parent its own.
GCD_VISIBLE inline constinit std::mutex topology_lock;

/// What has to be done once, before the first object is made.
GCD_HIDDEN inline void prepare_process() {
    static const bool pinned = pin_image();
    static const int watched =
        ::pthread_atfork(nullptr, nullptr, +[] { fork_generation.fetch_add(1, std::memory_order_relaxed); });
    static_cast<void>(pinned);
    static_cast<void>(watched);
    hold_across_forks<topology_lock>();
}

/// What every object of an engine begins with.
struct GCD_VISIBLE object {
    /// Handles, and operations under way that need the object to stay in use. Raised relaxed, lowered acq_rel;
    /// whoever reaches zero retires the object.
    std::atomic<long> handles{1};
    /// Of the process that the object belongs to. It changes in a forked child only, at the first use there, under
    /// topology_lock (release); read anywhere (acquire), so that whoever finds it new finds the rest so too.
    std::atomic<unsigned> generation;
    const object_kind kind;
    /// The engine's own object: a dispatch object on `system`, the pool on `native`.
    void* native = nullptr;

    explicit object(object_kind of) : generation{fork_generation.load(std::memory_order_relaxed)}, kind{of} {}
    object(const object&) = delete;
    object& operator=(const object&) = delete;
};

/// A value that was attached under a key.
struct queue_specific {
    const void* const key;
    std::shared_ptr<void> value;
    queue_specific* next = nullptr;
};

struct queue_object;

/// What most queues never get.
struct queue_attachments {
    std::shared_ptr<void> context;
    std::function<void()> finalizer;
    queue_specific* specifics = nullptr; ///< few, each under another key
    /// Former targets that somebody may still be on his way through, each with one engine reference.
    std::vector<queue_object*> retired;

    queue_attachments() = default;
    queue_attachments(const queue_attachments&) = delete;
    queue_attachments& operator=(const queue_attachments&) = delete;
    ~queue_attachments() {
        while (queue_specific* first = specifics) {
            specifics = first->next;
            delete first;
        }
    }

    /// The link to the one under that key, or to the end.
    queue_specific*& find(const void* key) noexcept {
        queue_specific** link = &specifics;
        while (*link != nullptr && (*link)->key != key) link = &(*link)->next;
        return *link;
    }
};

struct GCD_VISIBLE queue_object : object {
    std::mutex lock;
    std::string label;
    /// Where the items go; null for the engine's default. Written under the lock (seq_cst), read by walkers.
    std::atomic<queue_object*> target{nullptr};
    /// Threads that are looking at `target`. Raised (seq_cst) before the look, lowered (release) after it. Who
    /// exchanges `target` (seq_cst) and then reads zero here (seq_cst) knows that no thread holds the former target:
    /// one that raises the count later reads the new one.
    std::atomic<unsigned> walkers{0};
    /// The first of the queues that go through this one, the next of those that have the same target, and what links to
    /// this one. Under topology_lock. Kept for targets that can get a target themselves.
    queue_object* first_inner = nullptr;
    queue_object* next_inner = nullptr;
    queue_object** linked_at = nullptr;
    /// Nested suspensions; the engine is suspended once while it is above zero.
    std::size_t suspensions = 0;
    /// Created inactive and not activated yet. Written under the lock, read anywhere (acquire).
    std::atomic<bool> inactive{false};
    /// A sync from outside of any item has to look closer: the queue is inactive, has a target, or is the main queue.
    /// Written under the lock after what it summarises, read relaxed: who raced with the change may see either.
    std::atomic<bool> wary{false};
    /// A sync or a handler, which nobody counts, has the queue. Written by whoever has the turn, so that readers, who
    /// have it side by side, say nothing by it. Relaxed: it only says whether a sync is likely to wait.
    std::atomic<bool> taken{false};
    /// Others than its own items may be ahead: it is the target of a queue, or its native handle was given out.
    std::atomic<bool> shared{false};
    bool born_inactive = false;
    bool concurrent = false;
    /// Items run one at a time.
    bool serial = false;
    gcd::qos qos = gcd::qos::unspecified;
    int relative_priority = 0;
    /// Made with the first of them, under the lock; null until then.
    owned<queue_attachments> attached;

    queue_object(object_kind of, std::string_view name, bool may_run_side_by_side)
        : object{of}, label{name}, wary{of == object_kind::main_queue}, concurrent{may_run_side_by_side},
          serial{!may_run_side_by_side && of != object_kind::foreign_queue} {}

    /// With the lock.
    queue_attachments& attachments() {
        if (!attached) attached.reset(new queue_attachments);
        return *attached;
    }

    void look_closer() noexcept {
        wary.store(inactive.load(std::memory_order_relaxed) || target.load(std::memory_order_relaxed) != nullptr ||
                       kind == object_kind::main_queue,
                   std::memory_order_relaxed);
    }
};

[[noreturn]] GCD_HIDDEN inline void throw_moved_from(const char* what) {
    throw std::logic_error(message({what, ": the handle was moved from and holds no object"}));
}

/// True if the object was made in the parent of this process, and is not this one's yet.
[[gnu::always_inline]] inline bool is_inherited(const object* held) noexcept {
    return held->generation.load(std::memory_order_acquire) != fork_generation.load(std::memory_order_relaxed);
}

/// The engine's: an inherited object is this process' from now on, or is refused. @throws std::logic_error
GCD_HIDDEN void adopt(object* inherited, const char* what);

/// The check that every operation makes: the handle holds an object, and the object belongs to this process.
template <class Object> [[gnu::always_inline]] inline Object* checked(Object* held, const char* what) {
    if (held == nullptr) [[unlikely]]
        throw_moved_from(what);
    if (is_inherited(held)) [[unlikely]]
        adopt(held, what);
    return held;
}

/// Calls `see` on the queue and its targets, outwards, until it returns true. Safe against retargeting: each
/// queue is marked as looked at while its target is in use.
template <class F> bool walk_targets(queue_object* from, F&& see) {
    if (see(from)) return true;
    if (from->target.load(std::memory_order_relaxed) == nullptr) return false;
    from->walkers.fetch_add(1, std::memory_order_seq_cst);
    queue_object* next = from->target.load(std::memory_order_seq_cst);
    const bool found = next != nullptr && walk_targets(next, see);
    from->walkers.fetch_sub(1, std::memory_order_release);
    return found;
}

/// For messages: 'label', or the kind where there is none.
GCD_HIDDEN inline std::string describe(const queue_object* queue) {
    if (!queue->label.empty()) return message({"'", queue->label, "'"});
    return "without a label";
}

GCD_HIDDEN inline const char* kind_name(const queue_object* queue) {
    switch (queue->kind) {
    case object_kind::workloop: return "workloop";
    case object_kind::global_queue: return "global queue";
    case object_kind::main_queue: return "main queue";
    case object_kind::foreign_queue: return "foreign queue";
    default: return queue->concurrent ? "concurrent queue" : "serial queue";
    }
}

/// Queues of the system take no suspension and no target.
inline bool is_own_queue(const queue_object* queue) noexcept {
    return queue->kind == object_kind::queue || queue->kind == object_kind::foreign_queue;
}
GCD_HIDDEN inline void require_own_queue(const queue_object* queue, const char* what) {
    if (is_own_queue(queue)) return;
    throw std::logic_error(message({what, ": a ", kind_name(queue), " can't be changed in this way"}));
}

GCD_HIDDEN inline void check_label(std::string_view label) {
    if (label.find('\0') != std::string_view::npos)
        throw std::invalid_argument("gcd: the label contains a NUL character");
}

GCD_HIDDEN inline void check_qos(gcd::qos value, int relative_priority) {
    switch (value) {
    case gcd::qos::unspecified:
        if (relative_priority != 0) throw std::invalid_argument("gcd: a relative priority needs a QoS class");
        break;
    case gcd::qos::background:
    case gcd::qos::utility:
    case gcd::qos::default_class:
    case gcd::qos::user_initiated:
    case gcd::qos::user_interactive: break;
    default: throw std::invalid_argument("gcd: unknown QoS class");
    }
    if (relative_priority > 0 || relative_priority < min_relative_priority)
        throw std::invalid_argument("gcd: the relative priority must lie within -15 and 0");
}

GCD_HIDDEN inline void check_priority(queue_priority value) {
    switch (value) {
    case queue_priority::high:
    case queue_priority::normal:
    case queue_priority::low:
    case queue_priority::background: return;
    }
    throw std::invalid_argument("gcd: unknown queue priority");
}

/// With topology_lock: the queue is no longer, or is from now on, one of those that go through its target.
GCD_HIDDEN inline void unlink_from_target(queue_object* queue) noexcept {
    if (queue->linked_at == nullptr) return;
    *queue->linked_at = queue->next_inner;
    if (queue->next_inner != nullptr) queue->next_inner->linked_at = queue->linked_at;
    queue->next_inner = nullptr;
    queue->linked_at = nullptr;
}
GCD_HIDDEN inline void link_to_target(queue_object* queue, queue_object* target) noexcept {
    if (!is_own_queue(target)) return;
    queue->next_inner = target->first_inner;
    queue->linked_at = &target->first_inner;
    if (queue->next_inner != nullptr) queue->next_inner->linked_at = &queue->next_inner;
    target->first_inner = queue;
}

/// A new queue gets its target.
GCD_HIDDEN inline void set_first_target(queue_object* queue, queue_object* target) noexcept {
    const std::lock_guard topology{topology_lock};
    queue->target.store(target, std::memory_order_relaxed);
    link_to_target(queue, target);
}

/// Nobody asks any more what goes through the queue's target, as far as the queue is concerned, which ends.
GCD_HIDDEN inline void forget_target(queue_object* queue) noexcept {
    const queue_object* target = queue->target.load(std::memory_order_relaxed);
    if (target == nullptr || !is_own_queue(target)) return;
    const std::lock_guard topology{topology_lock};
    unlink_from_target(queue);
}

/// With topology_lock: the length of the longest way on which others come to the queue.
GCD_HIDDEN inline int longest_way_to(const queue_object* queue) noexcept {
    int longest = 0;
    int length = 0;
    for (const queue_object* at = queue;;) {
        if (at->first_inner != nullptr) {
            at = at->first_inner;
            longest = std::max(longest, ++length);
            continue;
        }
        for (; at != queue && at->next_inner == nullptr; --length) at = at->target.load(std::memory_order_relaxed);
        if (at == queue) return longest;
        at = at->next_inner;
    }
}

/// Most targets on the way from a queue outwards. An engine goes through them by recursion.
inline constexpr int most_targets = 1'000;

/// Whether a queue that others come to on that long a way can have the target. Without topology_lock threads that make
/// queues at the same time may exceed the number by as many as they are.
GCD_HIDDEN inline void check_depth(queue_object* target, int longest_way = 0) {
    if (walk_targets(target, [&longest_way](queue_object*) { return ++longest_way > most_targets; }))
        throw std::invalid_argument("gcd: targets are nested more than 1000 deep");
}

/// A new target must be another queue, and must not lead back to the queue itself. With topology_lock.
GCD_HIDDEN inline void check_target(queue_object* queue, queue_object* target) {
    if (walk_targets(target, [queue](queue_object* seen) { return seen == queue; }))
        throw std::invalid_argument("gcd: the queue can't be its own target, directly or through others");
    check_depth(target, longest_way_to(queue));
}

/// With the queue's lock: what exchange_target() needs, so that it can't fail.
GCD_HIDDEN inline void make_room_for_former_target(queue_object* queue) {
    std::vector<queue_object*>& retired = queue->attachments().retired;
    retired.reserve(retired.size() + 1);
}

/// With topology_lock and the queue's lock. The former target is kept until nobody is on his way through it any more.
GCD_HIDDEN inline void exchange_target(queue_object* queue, queue_object* target) noexcept {
    unlink_from_target(queue);
    if (queue_object* former = queue->target.exchange(target, std::memory_order_seq_cst))
        queue->attached->retired.push_back(former);
    link_to_target(queue, target);
}

/// Sets a specific, or removes it for a null value; the former value ends outside the lock.
GCD_HIDDEN inline void store_specific(queue_object* queue, const void* key, std::shared_ptr<void> value) {
    const std::lock_guard hold{queue->lock};
    if (value == nullptr && !queue->attached) return;
    queue_specific*& found = queue->attachments().find(key);
    if (found == nullptr) {
        if (value != nullptr) found = new queue_specific{key, std::move(value)};
        return;
    }
    found->value.swap(value);
    if (found->value != nullptr) return;
    const queue_specific* removed = found;
    found = removed->next;
    delete removed;
}

GCD_HIDDEN inline std::shared_ptr<void> load_specific(queue_object* queue, const void* key) {
    const std::lock_guard hold{queue->lock};
    if (!queue->attached) return nullptr;
    const queue_specific* found = queue->attached->find(key);
    return found != nullptr ? found->value : nullptr;
}

/// Replaces the context. The finalizer of the former one has run when this returns.
GCD_HIDDEN inline void store_context(queue_object* queue, std::shared_ptr<void> context,
                                     std::function<void()> finalizer) {
    {
        const std::lock_guard hold{queue->lock};
        queue->attachments().context.swap(context);
        queue->attachments().finalizer.swap(finalizer);
    }
    if (finalizer) finalizer();
}

GCD_HIDDEN inline std::shared_ptr<void> load_context(queue_object* queue) {
    const std::lock_guard hold{queue->lock};
    return queue->attached ? queue->attached->context : nullptr;
}

/// Hands each value under a key, from the queue outwards, to `see` until it returns true.
template <class F> void visit_current(queue_object* from, const void* key, F&& see) {
    if (from == nullptr) return;
    walk_targets(from, [&](queue_object* queue) {
        // In the child of a fork that an item has made: values that were being changed can't be had.
        if (is_inherited(queue) && !is_left_free(queue->lock)) return false;
        std::shared_ptr<void> value = load_specific(queue, key);
        return value != nullptr && see(std::move(value));
    });
}

GCD_HIDDEN inline bool is_suspended(queue_object* queue) {
    const std::lock_guard hold{queue->lock};
    return queue->suspensions != 0;
}

/// With a queue's last reference its finalizer runs, before context and specifics go.
GCD_HIDDEN inline void run_finalizer(queue_object* queue) noexcept {
    try {
        if (queue->attached && queue->attached->finalizer) queue->attached->finalizer();
    } catch (...) {
        report_exception();
    }
}

// --- changes of a queue's state: the caller holds its lock ----------------------------------------------------------

/// One suspension less; true if it was the last one. @throws std::logic_error if there is none
GCD_HIDDEN inline bool take_suspension(queue_object* queue) {
    if (queue->suspensions == 0)
        throw std::logic_error(message({"gcd::queue::resume: the queue ", describe(queue),
                                        " is not suspended; each resume() needs a suspend() before it"}));
    return --queue->suspensions == 0;
}

GCD_HIDDEN inline void require_inactive(const queue_object* queue) {
    if (!queue->inactive.load(std::memory_order_relaxed))
        throw std::logic_error(message({"gcd::queue::activate: the queue ", describe(queue), " is not inactive"}));
}

GCD_HIDDEN inline void require_retargetable(const queue_object* queue) {
    if (queue->born_inactive && !queue->inactive.load(std::memory_order_relaxed))
        throw std::logic_error(
            message({"gcd::queue::set_target_queue: the queue ", describe(queue),
                     " was created inactive and has been activated; set its target before activate()"}));
}

GCD_HIDDEN inline void check_frequency(autorelease_frequency frequency) {
    if (frequency > autorelease_frequency::never)
        throw std::invalid_argument("gcd::workloop: unknown autorelease frequency");
}

GCD_HIDDEN inline void check_frequency(const queue_object* workloop, autorelease_frequency frequency) {
    check_frequency(frequency);
    if (!workloop->inactive.load(std::memory_order_relaxed))
        throw std::logic_error(message({"gcd::workloop::set_autorelease_frequency: the workloop ", describe(workloop),
                                        " is active; the frequency must be set before activate()"}));
}

// --- what misuse is answered with -----------------------------------------------------------------------------------

[[noreturn]] GCD_HIDDEN inline void throw_takes_no_work(const queue_object* workloop, const char* what) {
    throw std::logic_error(
        message({what, ": the workloop ", describe(workloop), " is inactive and takes no work before activate()"}));
}

[[noreturn, gnu::noinline]] GCD_HIDDEN inline void throw_inactive(const queue_object* queue, const char* what) {
    throw std::logic_error(message(
        {what, " on the queue ", describe(queue), " would wait for ever: it is inactive; call activate() first"}));
}

[[noreturn]] GCD_HIDDEN inline void throw_not_entered() {
    throw std::logic_error("gcd::group::leave: nothing is entered; each leave() needs an enter()");
}

[[noreturn]] GCD_HIDDEN inline void throw_most_units() {
    throw std::logic_error("gcd::semaphore::signal: the value is at its maximum");
}

[[noreturn]] GCD_HIDDEN inline void throw_several_regions() {
    throw std::logic_error("gcd::data::bytes: the data has more than one region; use flattened() or regions()");
}

GCD_HIDDEN inline void require_native_data(const void* native) {
    if (native == nullptr) throw std::invalid_argument("gcd::data::from_native: the data is null");
}

GCD_HIDDEN inline void check_units(long value) {
    if (value < 0) throw std::invalid_argument("gcd::semaphore: the value must be 0 or more");
}

} // namespace gcd::inline GCD_ABI::detail

#endif
