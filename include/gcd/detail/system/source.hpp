// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_SOURCE_HPP
#define GCD_DETAIL_SYSTEM_SOURCE_HPP
/// @file
/// Sources on libdispatch.
///
/// The dispatch source is made by start(): one that was never started has no part in libdispatch that would have to be
/// activated before it may go. Cancellation is never held up by a suspension; its end, the completion, runs on the
/// source's queue, gives the system's resources back, runs the cancel handler and destroys the handlers.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/time.hpp>
#include <gcd/detail/system/watch.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

struct GCD_VISIBLE source_object : object {
    /// Bits of `state`.
    enum : unsigned {
        cancelled = 1, ///< set by cancel, for good
        running = 2,   ///< set by a delivery before it looks at `cancelled`, cleared after the event handler
        awaited = 4,   ///< set by cancel_and_wait under the lock: the delivery that ends is to announce it
    };

    std::mutex lock;
    source_config config;      ///< the timer part under the lock
    queue_object* const queue; ///< with one engine reference
    /// Run and destroyed by deliveries and the completion, which libdispatch never runs side by side.
    std::function<void(std::uint64_t)> on_event;
    std::function<void()> on_cancel;       ///< under the lock
    std::function<void()> on_registration; ///< under the lock until started
    system::source_watch watch;
    std::size_t suspensions = 0; ///< under the lock; libdispatch sees one while it is above zero
    bool started = false;        ///< under the lock

    /// A delivery sets `running` and looks at `cancelled` in one step, a cancel sets `cancelled`: by the order of these
    /// two either the delivery sees it and calls nothing, or it had begun before. acq_rel throughout: who finds
    /// `running` cleared also sees what the handler did.
    std::atomic<unsigned> state{0};
    /// The frame of the delivery that runs, so that a call can tell that it comes out of the handler. Relaxed: only its
    /// own thread, and threads that work for it, can find it among their frames.
    std::atomic<frame*> active{nullptr};
    /// Of the latest delivery. Relaxed: a number.
    std::atomic<std::uint64_t> data{0};
    /// Who needs the memory: all handles together, and the dispatch source or the completion. Whoever lowers it to zero
    /// (acq_rel) frees it.
    std::atomic<int> keeps{1};
    std::condition_variable idle;

    source_object(const source_config& from, queue_object* on, std::function<void(std::uint64_t)> event)
        : object{object_kind::source}, config{from}, queue{on}, on_event(std::move(event)) {}
};

namespace system {

// --- life ---------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void let_go(source_object* source) noexcept {
    if (source->keeps.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    let_go(source->queue);
    delete source;
}

GCD_HIDDEN inline source_object* source_create(const source_config& config, queue_object* on,
                                               std::function<void(std::uint64_t)> event) {
    static_cast<void>(checked(on, "gcd::source: queue"));
    begin_use("gcd::source"); // the queue may come from another library, which is not ours to pin
    auto* source = new source_object{config, on, std::move(event)};
    keep(on);
    return source;
}

GCD_HIDDEN inline void retain(source_object* source) noexcept {
    source->handles.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN void cancel_checked(source_object* source) noexcept;

/// The last handle cancels. In the child of a fork libdispatch's part can't be ended, and stays.
GCD_HIDDEN inline void release(source_object* source) noexcept {
    if (source->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (is_inherited(source)) return;
    cancel_checked(source);
    dispatch::orders_before(source);
    if (source->native != nullptr) dispatch::release(source->native);
    let_go(source);
}

// --- what libdispatch calls ---------------------------------------------------------------------------------------

/// Runs a handler that runs once. An exception goes to the process' exception handler.
GCD_HIDDEN inline void run_once(const std::function<void()>& callable) noexcept {
    if (!callable) return;
    try {
        callable();
    } catch (...) {
        report_exception();
    }
}

GCD_HIDDEN inline bool take_data(source_object* source, std::uint64_t& data) noexcept {
    if (source->config.kind != source_kind::timer) return source->watch.take(source->native, data);
    data = dispatch::source_data(source->native);
    return true;
}

/// The event handler of every dispatch source.
GCD_HIDDEN inline void deliver_event(void* context) noexcept {
    auto* source = static_cast<source_object*>(context);
    std::uint64_t data = 0;
    const unsigned before = source->state.fetch_or(source_object::running, std::memory_order_acq_rel);
    if ((before & source_object::cancelled) == 0 && take_data(source, data)) {
        source->data.store(data, std::memory_order_relaxed);
        handler_frame inside{source->queue};
        source->active.store(&inside, std::memory_order_relaxed);
        try {
            source->on_event(data);
        } catch (...) {
            report_exception();
        }
        source->active.store(nullptr, std::memory_order_relaxed);
    }
    const unsigned after = source->state.fetch_and(~unsigned{source_object::running}, std::memory_order_acq_rel);
    if ((after & source_object::awaited) == 0) return;
    const std::lock_guard hold{source->lock};
    source->idle.notify_all();
}

GCD_HIDDEN inline void deliver_registration(void* context) noexcept {
    auto* source = static_cast<source_object*>(context);
    const handler_frame inside{source->queue};
    run_once(std::exchange(source->on_registration, nullptr));
}

/// The end of a cancellation: libdispatch looks at nothing of ours any more, and no handler will be called again.
GCD_HIDDEN inline void complete(source_object* source) noexcept {
    const handler_frame inside{source->queue};
    std::function<void()> last;
    {
        const std::lock_guard hold{source->lock};
        source->watch.close();
        last.swap(source->on_cancel);
    }
    run_once(last);
    last = nullptr;
    source->on_event = nullptr;
    source->on_registration = nullptr;
}

GCD_HIDDEN inline void deliver_cancel(void* context) noexcept { complete(static_cast<source_object*>(context)); }

/// The completion of a source that was never started.
GCD_HIDDEN inline void complete_unstarted(void* context) noexcept {
    auto* source = static_cast<source_object*>(context);
    complete(source);
    let_go(source);
}

GCD_HIDDEN inline void end_source(void* context) noexcept {
    auto* source = static_cast<source_object*>(context);
    dispatch::orders_after(source);
    let_go(source);
}

// --- timers -------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void arm(source_object* source) {
    const timer_config& timer = source->config.timer;
    const std::uint64_t start = timer.start_is_absolute ? timer.start
                                : timer.start_delay > 0 ? time_add(time_read(clock::uptime), timer.start_delay)
                                                        : time_read(clock::uptime);
    const bool endless = !timer.repeating || timer.interval == std::numeric_limits<std::int64_t>::max();
    dispatch::source_set_timer(source->native, start,
                               endless ? time_forever : static_cast<std::uint64_t>(timer.interval),
                               static_cast<std::uint64_t>(timer.leeway));
}

GCD_HIDDEN inline void source_set_timer(source_object* source, const timer_config& timer) {
    const std::lock_guard hold{checked(source, "gcd::timer::set_timer")->lock};
    source->config.timer = timer;
    if (source->started) arm(source);
}

// --- handlers -----------------------------------------------------------------------------------------------------

/// The former handler ends outside the lock.
GCD_HIDDEN inline void source_set_cancel_handler(source_object* source, std::function<void()> callable) {
    const std::lock_guard hold{checked(source, "gcd::source::set_cancel_handler")->lock};
    if ((source->state.load(std::memory_order_acquire) & source_object::cancelled) == 0)
        source->on_cancel.swap(callable);
}

GCD_HIDDEN inline void source_set_registration_handler(source_object* source, std::function<void()> callable) {
    const std::lock_guard hold{checked(source, "gcd::source::set_registration_handler")->lock};
    if (source->started)
        throw std::logic_error("gcd::source::set_registration_handler: the source was started already; set it before");
    if ((source->state.load(std::memory_order_acquire) & source_object::cancelled) == 0)
        source->on_registration.swap(callable);
}

// --- state --------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void check_queue_takes_sources(const queue_object* queue) {
    if (queue->kind == object_kind::workloop && queue->inactive.load(std::memory_order_acquire))
        throw std::logic_error("gcd::source::start: the workloop " + describe(queue) +
                               " is inactive and takes no work before activate()");
}

/// Registers with the system, then lets libdispatch look at it.
GCD_HIDDEN inline void source_start(source_object* source) {
    const std::lock_guard hold{checked(source, "gcd::source::start")->lock};
    if ((source->state.load(std::memory_order_acquire) & source_object::cancelled) != 0)
        throw std::logic_error("gcd::source::start: the source was cancelled; make a new one");
    if (source->started) return;
    check_queue_takes_sources(source->queue);
    source->watch.start(source->config);
    void* native = source->config.kind == source_kind::timer
                       ? dispatch::source_create_timer(source->queue->native)
                       : source->watch.make_native(source->config, source->queue->native);
    if (native == nullptr) {
        source->watch.stop();
        source->watch.close();
        throw_errno(EINVAL, "gcd::source::start");
    }
    source->native = native;
    source->keeps.fetch_add(1, std::memory_order_relaxed);
    dispatch::set_context(native, source);
    dispatch::set_finalizer(native, &end_source);
    dispatch::source_set_event_handler(native, &deliver_event);
    dispatch::source_set_cancel_handler(native, &deliver_cancel);
    if (source->on_registration) dispatch::source_set_registration_handler(native, &deliver_registration);
    if (source->config.kind == source_kind::timer) arm(source);
    if (source->suspensions != 0) dispatch::suspend(native);
    source->started = true;
    dispatch::activate(native);
}

GCD_HIDDEN inline void source_suspend(source_object* source) {
    const std::lock_guard hold{checked(source, "gcd::source::suspend")->lock};
    const bool cancelled = (source->state.load(std::memory_order_acquire) & source_object::cancelled) != 0;
    if (source->suspensions++ == 0 && source->started && !cancelled) dispatch::suspend(source->native);
}

GCD_HIDDEN inline void source_resume(source_object* source) {
    const std::lock_guard hold{checked(source, "gcd::source::resume")->lock};
    if (source->suspensions == 0)
        throw std::logic_error(
            "gcd::source::resume: the source is not suspended; each resume() needs a suspend() before it");
    const bool cancelled = (source->state.load(std::memory_order_acquire) & source_object::cancelled) != 0;
    if (--source->suspensions == 0 && source->started && !cancelled) dispatch::resume(source->native);
}

/// Where the completion of an unstarted source runs: an inactive workloop would refuse it.
GCD_HIDDEN inline void* completion_queue(const queue_object* queue) {
    const bool refuses = queue->kind == object_kind::workloop && queue->inactive.load(std::memory_order_acquire);
    return refuses ? dispatch::global_queue(0) : queue->native;
}

GCD_HIDDEN inline void cancel_checked(source_object* source) noexcept {
    const std::lock_guard hold{source->lock};
    const unsigned before = source->state.fetch_or(source_object::cancelled, std::memory_order_acq_rel);
    if ((before & source_object::cancelled) != 0) return;
    if (!source->started) {
        source->keeps.fetch_add(1, std::memory_order_relaxed);
        dispatch::async(completion_queue(source->queue), source, &complete_unstarted);
        return;
    }
    source->watch.stop();
    dispatch::source_cancel(source->native);
    if (source->suspensions != 0) dispatch::resume(source->native);
}

GCD_HIDDEN inline void source_cancel(source_object* source) { cancel_checked(checked(source, "gcd::source::cancel")); }

/// True on the thread of the running handler, and on those that work for it.
GCD_HIDDEN inline bool is_inside(const source_object* source) noexcept {
    const frame* active = source->active.load(std::memory_order_relaxed);
    if (active == nullptr) return false;
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen == active) return true;
    return false;
}

GCD_HIDDEN inline void source_cancel_and_wait(source_object* source) {
    const in_use<source_object> used{checked(source, "gcd::source::cancel_and_wait")};
    if (is_inside(source))
        throw would_deadlock("gcd::source::cancel_and_wait: called inside the source's own event handler, which it "
                             "would wait for; use cancel() there");
    const give_up* ask = current_interruption();
    cancel_checked(source);
    std::unique_lock hold{source->lock};
    while ((source->state.fetch_or(source_object::awaited, std::memory_order_acq_rel) & source_object::running) != 0) {
        if (ask == nullptr) {
            source->idle.wait(hold);
            continue;
        }
        source->idle.wait_for(hold, std::chrono::milliseconds{50});
        hold.unlock();
        if (ask->asked(ask)) throw interrupted{};
        hold.lock();
    }
}

GCD_HIDDEN inline bool source_is_cancelled(source_object* source) {
    return (checked(source, "gcd::source::is_cancelled")->state.load(std::memory_order_acquire) &
            source_object::cancelled) != 0;
}

GCD_HIDDEN inline std::uint64_t source_data(source_object* source) {
    return checked(source, "gcd::source::data")->data.load(std::memory_order_relaxed);
}

GCD_HIDDEN inline int source_handle(source_object* source) {
    return checked(source, "gcd::source::handle")->config.handle;
}

} // namespace system
} // namespace gcd::inline GCD_ABI::detail

#endif
