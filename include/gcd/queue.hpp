// SPDX-License-Identifier: MIT
#ifndef GCD_QUEUE_HPP
#define GCD_QUEUE_HPP
/// @file
/// Queues: where work is submitted, in order (serial) or side by side (concurrent).

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>
#include <gcd/fwd.hpp>
#include <gcd/qos.hpp>
#include <gcd/time.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI {

/// How a queue is made.
struct queue_options {
    bool concurrent = false;              ///< items may run side by side
    gcd::qos qos = gcd::qos::unspecified; ///< quality of service
    int relative_priority = 0;            ///< within the QoS class, -15 to 0; needs a `qos`
    const queue* target = nullptr;        ///< where its items go; null for the system's default
    bool inactive = false;                ///< holds its items until activate()
};

/// Names a value that can be attached to queues; the object's address is its identity, so it is usually a global.
/// @see dispatch_queue_set_specific
template <class T> class specific_key {
public:
    constexpr specific_key() = default;
    specific_key(const specific_key&) = delete;
    specific_key& operator=(const specific_key&) = delete;

private:
    char identity_ = 0;
};

/// A suspension of a queue; resumes it when it ends. Move-only. @see queue::suspended
class [[nodiscard]] suspension;

/// A handle to a queue. Move-only; a second owner is made with retain(). All operations are const: they act on the
/// queue, not on the handle. Every operation may be called from any thread; a handle that was moved from answers
/// with std::logic_error. An empty callable is std::invalid_argument.
///
/// When the last handle of a queue ends, what was submitted still runs, even if the queue was suspended or inactive.
/// @see dispatch_queue_t
class queue {
public:
    /// A new queue. `label` is for debuggers and must not contain NUL.
    /// @throws std::invalid_argument for a bad label, QoS or relative priority.
    /// @see dispatch_queue_create
    explicit queue(std::string_view label = {}, const queue_options& options = {});

    /// The system's concurrent queue of that QoS. Can't be suspended, retargeted or activated.
    /// @see dispatch_get_global_queue
    [[nodiscard]] static queue global_queue(gcd::qos qos = gcd::qos::default_class);
    /// The system's concurrent queue of that priority.
    /// @see dispatch_get_global_queue
    [[nodiscard]] static queue global_queue(queue_priority priority);
    /// The queue whose items run on the main thread, where run_main() or a run loop serves it.
    /// @see dispatch_get_main_queue
    [[nodiscard]] static queue main_queue();

    /// A second owner of the same queue. @see dispatch_retain
    [[nodiscard]] queue retain() const;

    /// Submits the callable and returns at once. On a serial queue items start in the order of submission, one at a
    /// time. An exception that leaves it goes to set_exception_handler's function.
    /// @throws std::logic_error on a workloop that is not active.
    /// @see dispatch_async_f
    template <task F> void run_async(F&& callable) const;

    /// Runs the callable in its turn and waits for it; gives its result (references and move-only values too) and
    /// throws its exception. It runs on the calling thread, unless the targets end in the main queue.
    /// @throws would_deadlock if this thread already holds the queue, or a serial queue that both end in.
    /// @throws std::logic_error if the queue is inactive. @throws interrupted; see interruptible.
    /// @note It waits for ever on a queue that stays suspended, and on the main queue while nobody serves it.
    /// @see dispatch_sync_f
    template <class F> std::invoke_result_t<F&> run_sync(F&& callable) const;

    /// Runs the callable in place if its turn can be had at once, without waiting and without a look at what else the
    /// thread holds; false, and nothing was run, otherwise. Throws what the callable throws; its result is dropped.
    /// Always false on libdispatch, which has no such call.
    template <task F> [[nodiscard]] bool try_run_sync(F&& callable) const;

    /// As run_async, but on a concurrent queue the item waits for all before it and runs alone. On a serial or global
    /// queue it is an ordinary item. @see dispatch_barrier_async_f
    template <task F> void barrier_async(F&& callable) const;

    /// As run_sync, but as a barrier. @see dispatch_barrier_sync_f
    template <class F> std::invoke_result_t<F&> barrier_sync(F&& callable) const;
    /// As try_run_sync, but as a barrier.
    template <task F> [[nodiscard]] bool try_barrier_sync(F&& callable) const;

    /// Submits the callable after a span of time (at once if it is negative; never, and dropped, if it is for ever), or
    /// up to a tenth of it later (at least a millisecond, at most a minute) if that saves a wake-up.
    /// @note libdispatch on Linux: no later than due.
    /// @see dispatch_after_f
    template <task F> void after(duration delay, F&& callable) const;
    /// Submits the callable at a point in time, on its clock. @see dispatch_after_f
    template <task F> void after(gcd::time when, F&& callable) const;
    /// A point of the steady clock becomes a delay at the call. @see dispatch_after_f
    template <task F> void after(std::chrono::steady_clock::time_point when, F&& callable) const;
    /// A point of the system clock follows changes of the calendar. @see dispatch_after_f
    template <task F> void after(std::chrono::system_clock::time_point when, F&& callable) const;

    /// Keeps further items from starting; the running one goes on. Nests, each call needs its resume().
    /// @note On a concurrent queue items that are on their way to the threads already go on too, a hundred at most.
    /// @throws std::logic_error on global and main queues and workloops. @see dispatch_suspend
    void suspend() const;
    /// Ends one suspend(). @throws std::logic_error if there is none. @see dispatch_resume
    void resume() const;
    /// Suspends, and resumes at the end of the returned object. @see dispatch_suspend
    [[nodiscard]] suspension suspended() const;
    /// Lets an inactive queue begin. @throws std::logic_error if it is not inactive. @see dispatch_activate
    void activate() const;
    /// Created inactive and not activated yet.
    [[nodiscard]] bool is_inactive() const;

    /// Sends the items through another queue from now on; takes effect between items. Allowed on queues that were
    /// created active, any number of times, and on inactive ones.
    /// @throws std::logic_error on a queue that was created inactive and has been activated, and on queues of the
    /// system. @throws std::invalid_argument if the target is, or leads to, this queue, or if that would put more than
    /// 1,000 targets in line for any queue.
    /// @note What stands in line at the former target already, an item or a run_sync, goes on waiting there, as long as
    /// that one is suspended. Native engine: to send that one through this queue meanwhile, so that each would wait for
    /// the other, is a std::logic_error.
    /// @note libdispatch on Linux: not while another thread may wait for a turn on the queue (run_sync, barrier_sync,
    /// apply), which it can lose there; asynchronous work may be under way.
    /// @see dispatch_set_target_queue
    void set_target_queue(const queue& target) const;

    /// Attaches a value. The finalizer runs once: before set_context returns when the context is replaced, else when
    /// the queue's last reference ends, on an unspecified thread.
    /// @see dispatch_set_context @see dispatch_set_finalizer_f
    void set_context(std::shared_ptr<void> context, std::function<void()> finalizer = {}) const;
    /// The value attached, or null. @see dispatch_get_context
    [[nodiscard]] std::shared_ptr<void> context() const;

    /// Attaches a value under a key. @see dispatch_queue_set_specific
    template <class T> void set_specific(const specific_key<T>& key, std::type_identity_t<T> value) const;
    /// As set_specific; null removes the value. @see dispatch_queue_set_specific
    template <class T>
    void set_specific(const specific_key<T>& key, std::type_identity_t<std::shared_ptr<T>> value) const;
    /// Removes the value. @see dispatch_queue_set_specific
    template <class T> void set_specific(const specific_key<T>& key, std::nullptr_t) const;
    /// This queue's value, or null; targets are not asked. @see dispatch_queue_get_specific
    template <class T> [[nodiscard]] std::shared_ptr<T> get_specific(const specific_key<T>& key) const;

    /// The label, "" if there is none. @see dispatch_queue_get_label
    [[nodiscard]] std::string label() const;
    /// The QoS that the queue was made with. @see dispatch_queue_get_qos_class
    [[nodiscard]] gcd::qos qos() const;
    /// The relative priority that the queue was made with. @see dispatch_queue_get_qos_class
    [[nodiscard]] int relative_priority() const;
    /// True if this thread is inside an item of this queue, or of a queue that goes through it.
    /// On the main thread, outside of any item, the main queue is current. @see dispatch_assert_queue
    [[nodiscard]] bool is_current() const;
    /// True for concurrent and global queues.
    [[nodiscard]] bool is_concurrent() const;
    /// True while suspend() calls made through this library wait for their resume().
    [[nodiscard]] bool is_suspended() const;

    /// The `dispatch_queue_t`, borrowed. @throws std::system_error (not_supported) on the native engine.
    /// @note libdispatch on Linux: a workloop's is a serial queue.
    [[nodiscard]] void* native_handle() const;
    /// A handle to a `dispatch_queue_t` that comes from elsewhere; keeps a reference of its own. What can't be known
    /// of such a queue (width, target, suspensions) is not checked: there libdispatch's own behaviour stands.
    /// @throws std::invalid_argument for null. @throws std::system_error (not_supported) on the native engine.
    [[nodiscard]] static queue from_native(void* dispatch_queue);
    /// As from_native, but takes over the caller's reference.
    [[nodiscard]] static queue from_native(void* dispatch_queue, adopted_t);

    /// Two handles to one queue.
    friend bool operator==(const queue& a, const queue& b) noexcept { return a.object_.get() == b.object_.get(); }

protected:
    using reference = detail::ref<detail::queue_object>;
    explicit queue(reference object) noexcept : object_{std::move(object)} {}
    reference object_;

private:
    friend struct detail::access;
};

/// Keeps a queue suspended as long as it lives; move-only. See queue::suspended().
/// @see dispatch_suspend @see dispatch_resume
class [[nodiscard]] suspension {
public:
    /// Suspends the queue. @throws std::logic_error as queue::suspend() does.
    explicit suspension(const queue& suspended) : queue_{suspended.retain()} { queue_.suspend(); }
    suspension(suspension&& other) noexcept
        : queue_{std::move(other.queue_)}, held_{std::exchange(other.held_, false)} {}
    suspension& operator=(suspension&&) = delete;
    ~suspension() {
        if (!held_) return;
        try {
            queue_.resume();
        } catch (const std::logic_error&) {
            // A plain resume() has ended it already.
        }
    }

private:
    queue queue_;
    bool held_ = true;
};

/// The value under a key of the innermost queue that this thread runs an item of, or of the first of its targets
/// that has one; null outside of any item. @see dispatch_get_specific
template <class T> [[nodiscard]] std::shared_ptr<T> get_specific(const specific_key<T>& key);
/// All values under a key along that way, innermost first.
template <class T> [[nodiscard]] std::vector<std::shared_ptr<T>> get_all_specific(const specific_key<T>& key);
/// The label of the innermost queue that this thread runs an item of; libdispatch's answer outside of any item.
/// @see dispatch_queue_get_label
[[nodiscard]] std::string current_label();

// What follows is bodies only.

inline queue::queue(std::string_view label, const queue_options& options)
    : object_{
          detail::backend::queue_create({.label = label,
                                         .concurrent = options.concurrent,
                                         .qos = options.qos,
                                         .relative_priority = options.relative_priority,
                                         .target = options.target != nullptr ? options.target->object_.get() : nullptr,
                                         .has_target = options.target != nullptr,
                                         .inactive = options.inactive})} {}

inline queue queue::global_queue(gcd::qos qos) { return queue{reference{detail::backend::queue_global(qos)}}; }

inline queue queue::global_queue(queue_priority priority) {
    return queue{reference{detail::backend::queue_global(priority)}};
}

inline queue queue::main_queue() { return queue{reference{detail::backend::queue_main()}}; }

inline queue queue::retain() const { return queue{object_.retain()}; }

template <task F> void queue::run_async(F&& callable) const {
    detail::backend::queue_async(object_.get(), detail::make_work<detail::backend::memory>(std::forward<F>(callable)));
}

template <task F> void queue::barrier_async(F&& callable) const {
    detail::backend::queue_barrier_async(object_.get(),
                                         detail::make_work<detail::backend::memory>(std::forward<F>(callable)));
}

template <class F> std::invoke_result_t<F&> queue::run_sync(F&& callable) const {
    detail::require_callable(callable, "gcd::queue::run_sync: the callable is empty");
    detail::borrowed_call<std::remove_reference_t<F>> body{callable};
    detail::backend::queue_sync(object_.get(), body);
    return body.take();
}

template <class F> std::invoke_result_t<F&> queue::barrier_sync(F&& callable) const {
    detail::require_callable(callable, "gcd::queue::barrier_sync: the callable is empty");
    detail::borrowed_call<std::remove_reference_t<F>> body{callable};
    detail::backend::queue_barrier_sync(object_.get(), body);
    return body.take();
}

template <task F> bool queue::try_run_sync(F&& callable) const {
    detail::require_callable(callable, "gcd::queue::try_run_sync: the callable is empty");
    detail::borrowed_call<std::remove_reference_t<F>> body{callable};
    if (!detail::backend::queue_try_sync(object_.get(), body)) return false;
    static_cast<void>(body.take());
    return true;
}

template <task F> bool queue::try_barrier_sync(F&& callable) const {
    detail::require_callable(callable, "gcd::queue::try_barrier_sync: the callable is empty");
    detail::borrowed_call<std::remove_reference_t<F>> body{callable};
    if (!detail::backend::queue_try_barrier_sync(object_.get(), body)) return false;
    static_cast<void>(body.take());
    return true;
}

template <task F> void queue::after(gcd::time when, F&& callable) const {
    detail::backend::queue_after(object_.get(), when.raw(),
                                 detail::make_work<detail::backend::memory>(std::forward<F>(callable)));
}

template <task F> void queue::after(duration delay, F&& callable) const {
    after(start_time{delay}.resolve(), std::forward<F>(callable));
}

template <task F> void queue::after(std::chrono::steady_clock::time_point when, F&& callable) const {
    // As gcd::duration, whose difference saturates.
    after(duration{when.time_since_epoch()} - duration{std::chrono::steady_clock::now().time_since_epoch()},
          std::forward<F>(callable));
}

template <task F> void queue::after(std::chrono::system_clock::time_point when, F&& callable) const {
    after(gcd::time::wall(when), std::forward<F>(callable));
}

inline void queue::suspend() const { detail::backend::queue_suspend(object_.get()); }

inline void queue::resume() const { detail::backend::queue_resume(object_.get()); }

inline suspension queue::suspended() const { return suspension{*this}; }

inline void queue::activate() const { detail::backend::queue_activate(object_.get()); }

inline bool queue::is_inactive() const {
    return detail::checked(object_.get(), "gcd::queue::is_inactive")->inactive.load(std::memory_order_acquire);
}

inline void queue::set_target_queue(const queue& target) const {
    detail::backend::queue_set_target(object_.get(), target.object_.get());
}

inline void queue::set_context(std::shared_ptr<void> context, std::function<void()> finalizer) const {
    detail::store_context(detail::checked(object_.get(), "gcd::queue::set_context"), std::move(context),
                          std::move(finalizer));
}

inline std::shared_ptr<void> queue::context() const {
    return detail::load_context(detail::checked(object_.get(), "gcd::queue::context"));
}

template <class T>
void queue::set_specific(const specific_key<T>& key, std::type_identity_t<std::shared_ptr<T>> value) const {
    detail::store_specific(detail::checked(object_.get(), "gcd::queue::set_specific"), &key, std::move(value));
}

template <class T> void queue::set_specific(const specific_key<T>& key, std::type_identity_t<T> value) const {
    set_specific(key, std::make_shared<T>(std::move(value)));
}

template <class T> void queue::set_specific(const specific_key<T>& key, std::nullptr_t) const {
    set_specific(key, std::shared_ptr<T>{});
}

template <class T> std::shared_ptr<T> queue::get_specific(const specific_key<T>& key) const {
    return std::static_pointer_cast<T>(
        detail::load_specific(detail::checked(object_.get(), "gcd::queue::get_specific"), &key));
}

inline std::string queue::label() const { return detail::checked(object_.get(), "gcd::queue::label")->label; }

inline gcd::qos queue::qos() const { return detail::checked(object_.get(), "gcd::queue::qos")->qos; }

inline int queue::relative_priority() const {
    return detail::checked(object_.get(), "gcd::queue::relative_priority")->relative_priority;
}

inline bool queue::is_current() const { return detail::backend::queue_is_current(object_.get()); }

inline bool queue::is_concurrent() const {
    return detail::checked(object_.get(), "gcd::queue::is_concurrent")->concurrent;
}

inline bool queue::is_suspended() const {
    return detail::is_suspended(detail::checked(object_.get(), "gcd::queue::is_suspended"));
}

inline void* queue::native_handle() const { return detail::backend::queue_native(object_.get()); }

inline queue queue::from_native(void* dispatch_queue) {
    return queue{reference{detail::backend::queue_from_native(dispatch_queue)}};
}

inline queue queue::from_native(void* dispatch_queue, adopted_t) {
    return queue{reference{detail::backend::queue_adopt_native(dispatch_queue)}};
}

template <class T> std::vector<std::shared_ptr<T>> get_all_specific(const specific_key<T>& key) {
    std::vector<std::shared_ptr<T>> found;
    detail::visit_current(detail::backend::queue_current(), &key, [&found](std::shared_ptr<void> value) {
        found.push_back(std::static_pointer_cast<T>(std::move(value)));
        return false;
    });
    return found;
}

template <class T> std::shared_ptr<T> get_specific(const specific_key<T>& key) {
    std::shared_ptr<void> found;
    detail::visit_current(detail::backend::queue_current(), &key, [&found](std::shared_ptr<void> value) {
        found = std::move(value);
        return true;
    });
    return std::static_pointer_cast<T>(std::move(found));
}

inline std::string current_label() { return detail::backend::queue_current_label(); }

} // namespace gcd::inline GCD_ABI

/// Two handles to one queue hash alike.
template <> struct std::hash<gcd::queue> {
    std::size_t operator()(const gcd::queue& queue) const noexcept {
        return std::hash<const void*>{}(gcd::detail::access::object_of(queue));
    }
};

#endif
