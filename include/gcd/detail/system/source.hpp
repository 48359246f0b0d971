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
#include <gcd/detail/source_object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/time.hpp>
#include <gcd/detail/system/watch.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <utility>

namespace gcd::inline GCD_ABI::detail::system {

using detail::source_data;
using detail::source_handle;
using detail::source_is_cancelled;
using detail::source_set_cancel_handler;
using detail::source_set_registration_handler;

struct GCD_VISIBLE dispatched_source : source_object {
    source_watch watch;
    using source_object::source_object;
};

GCD_HIDDEN inline dispatched_source* as_dispatched(source_object* object) noexcept {
    return static_cast<dispatched_source*>(object);
}

// --- life ---------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void let_go(source_object* source) noexcept {
    if (source->keeps.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    let_go(source->queue);
    delete as_dispatched(source);
}

GCD_HIDDEN inline source_object* source_create(const source_config& config, queue_object* on,
                                               std::function<void(std::uint64_t)> event) {
    static_cast<void>(checked(on, "gcd::source: queue"));
    begin_use("gcd::source"); // the queue may come from another library, which is not ours to pin
    auto* made = new dispatched_source{config, on, std::move(event)};
    keep(on);
    return made;
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

GCD_HIDDEN inline bool take_data(source_object* source, std::uint64_t& data) noexcept {
    if (source->config.kind != source_kind::timer) return as_dispatched(source)->watch.take(source->native, data);
    data = dispatch::source_data(source->native);
    return true;
}

/// False if the source was cancelled: nothing is to be called. end_delivery() follows in either case.
GCD_HIDDEN inline bool begin_delivery(source_object* source) noexcept {
    return (source->state.fetch_or(source_object::running, std::memory_order_acq_rel) & source_object::cancelled) == 0;
}

GCD_HIDDEN inline void end_delivery(source_object* source) noexcept {
    const unsigned before = source->state.fetch_and(~unsigned{source_object::running}, std::memory_order_acq_rel);
    if ((before & source_object::awaited) == 0) return;
    const std::lock_guard hold{source->lock};
    source->idle.notify_all();
}

/// The event handler of every dispatch source.
GCD_HIDDEN inline void deliver_event(void* context) noexcept {
    auto* source = static_cast<source_object*>(context);
    std::uint64_t data = 0;
    if (begin_delivery(source) && take_data(source, data)) deliver_data(source, data);
    end_delivery(source);
}

GCD_HIDDEN inline void deliver_registration(void* context) noexcept {
    auto* source = static_cast<source_object*>(context);
    deliver_once(source, std::exchange(source->on_registration, nullptr));
}

/// libdispatch looks at nothing of ours any more.
GCD_HIDDEN inline void complete(source_object* source) noexcept {
    detail::complete(source, [source] { as_dispatched(source)->watch.close(); });
}

GCD_HIDDEN inline void deliver_cancel(void* context) noexcept {
    complete(static_cast<source_object*>(context));
    dispatch::orders_before(context); // what ends the source, on whatever thread
}

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

// --- state --------------------------------------------------------------------------------------------------------

/// Registers with the system, then lets libdispatch look at it.
GCD_HIDDEN inline void source_start(source_object* source) {
    const std::lock_guard hold{checked(source, "gcd::source::start")->lock};
    if (!may_start(source)) return;
    source_watch& watch = as_dispatched(source)->watch;
    watch.start(source->config);
    void* native = source->config.kind == source_kind::timer ? dispatch::source_create_timer(source->queue->native)
                                                             : watch.make_native(source->config, source->queue->native);
    if (native == nullptr) {
        watch.stop();
        watch.close();
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
    if (source->suspensions++ == 0 && source->started && !source->is_cancelled()) dispatch::suspend(source->native);
}

GCD_HIDDEN inline void source_resume(source_object* source) {
    const std::lock_guard hold{checked(source, "gcd::source::resume")->lock};
    take_source_suspension(source);
    if (source->suspensions == 0 && source->started && !source->is_cancelled()) dispatch::resume(source->native);
}

/// Where the completion of an unstarted source runs: an inactive workloop would refuse it.
GCD_HIDDEN inline void* completion_queue(const queue_object* queue) {
    return refuses_work(queue) ? dispatch::global_queue(0) : queue->native;
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
    as_dispatched(source)->watch.stop();
    dispatch::source_cancel(source->native);
    if (source->suspensions != 0) dispatch::resume(source->native);
}

GCD_HIDDEN inline void source_cancel(source_object* source) { cancel_checked(checked(source, "gcd::source::cancel")); }

GCD_HIDDEN inline void source_cancel_and_wait(source_object* source) {
    const in_use<source_object> used{checked(source, "gcd::source::cancel_and_wait")};
    cancel_and_wait(source, &cancel_checked);
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
