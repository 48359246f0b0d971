// SPDX-License-Identifier: MIT
#ifndef GCD_SOURCE_HPP
#define GCD_SOURCE_HPP
/// @file
/// Sources: a handler that runs on a queue whenever an event has happened. One header for each kind of event:
/// timer.hpp, signal_source.hpp, fd_source.hpp, process_source.hpp.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/fwd.hpp>
#include <gcd/queue.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

namespace gcd::inline GCD_ABI {

/// What a source stores to be run at each event; receives the event's data in raw form.
using event_handler = std::function<void(std::uint64_t)>;

/// Watches for one kind of event. Move-only handle; all operations are const and thread-safe.
///
/// Made stopped; start() begins. The event handler runs on the queue, never twice at the same time, and takes up what
/// happened since its last run. After cancel() it does not start again; the cancel handler runs after it, once, when
/// nothing is registered with the system any more. The handle's end cancels, without waiting; a handler that runs then
/// keeps what it needs alive.
///
/// An `Event` describes what to watch; `Event::data` is what its handler may take.
/// @see dispatch_source_t
template <class Event> class source {
public:
    using data_type = typename Event::data;

    /// A stopped source. The handler is callable without arguments, or with `Event::data`.
    /// @throws std::invalid_argument if the event's values are out of range, or the handler is empty.
    /// @see dispatch_source_create @see dispatch_source_set_event_handler_f
    template <class F>
        requires std::invocable<std::decay_t<F>&> || std::invocable<std::decay_t<F>&, typename Event::data>
    source(const Event& event, const queue& on, F&& handler)
        : object_{detail::backend::source_create(config_for<std::decay_t<F>>(event), detail::access::object_of(on),
                                                 as_event_handler(std::forward<F>(handler)))} {}

    source(source&&) noexcept = default;
    source& operator=(source&&) noexcept = default;
    /// Cancels; does not wait. @see dispatch_source_cancel
    ~source() = default;

    /// A second owner of the same source; the last one's end cancels it.
    [[nodiscard]] source retain() const { return source{object_.retain()}; }

    /// Sets what runs on the queue after cancellation, once, also if the source was never started. Replaces an earlier
    /// one; without effect once the source is cancelled. All handlers are destroyed after it.
    /// @throws std::invalid_argument if it is empty. @see dispatch_source_set_cancel_handler_f
    template <std::invocable F> void set_cancel_handler(F&& handler) const {
        detail::backend::source_set_cancel_handler(object_.get(), detail::to_function<>(std::forward<F>(handler)));
    }

    /// Sets what runs on the queue, before any event handler, once events are being watched for.
    /// @throws std::logic_error once the source was started.
    /// @see dispatch_source_set_registration_handler_f
    template <std::invocable F> void set_registration_handler(F&& handler) const {
        detail::backend::source_set_registration_handler(object_.get(),
                                                         detail::to_function<>(std::forward<F>(handler)));
    }

    /// Begins to watch: no event after its return is missed. Again while started: nothing. Doesn't wait for the queue.
    /// @throws std::logic_error after cancel().
    /// @throws std::system_error if the system refuses, e.g. a descriptor that is not open.
    /// @see dispatch_activate
    void start() const { detail::backend::source_start(object_.get()); }

    /// Holds events back from the handler until resume(), before start() too. Nests. Cancellation is not held back.
    /// @see dispatch_suspend
    void suspend() const { detail::backend::source_suspend(object_.get()); }
    /// Ends one suspend(). @throws std::logic_error if there is none. @see dispatch_resume
    void resume() const { detail::backend::source_resume(object_.get()); }

    /// Ends the watch. Doesn't wait for a handler that runs. Again: nothing. A descriptor that was watched may be
    /// closed as soon as this has returned. @see dispatch_source_cancel
    void cancel() const { detail::backend::source_cancel(object_.get()); }

    /// Cancels, and waits for an event handler that runs; the cancel handler may still be to come.
    /// @throws would_deadlock inside the event handler. @throws interrupted; see interruptible.
    /// @see dispatch_source_cancel
    void cancel_and_wait() const { detail::backend::source_cancel_and_wait(object_.get()); }

    /// True once cancel() was called. @see dispatch_source_testcancel
    [[nodiscard]] bool is_cancelled() const { return detail::backend::source_is_cancelled(object_.get()); }

    /// What the latest run of the handler was given; zero before the first. @see dispatch_source_get_data
    [[nodiscard]] data_type data() const { return Event::to_data(detail::backend::source_data(object_.get())); }

    /// The descriptor, signal or process that is watched. @see dispatch_source_get_handle
    [[nodiscard]] int handle() const
        requires requires { typename Event::handle_type; }
    {
        return detail::backend::source_handle(object_.get());
    }

    /// Gives a timer other values, started or not; what was pending is cleared, delays count from this call.
    /// @see dispatch_source_set_timer
    void set_timer(const Event& event) const
        requires requires { typename Event::timer_type; }
    {
        detail::backend::source_set_timer(object_.get(), event.config().timer);
    }

private:
    explicit source(detail::ref<detail::source_object> object) noexcept : object_{std::move(object)} {}

    template <class F> static detail::source_config config_for(const Event& event) {
        detail::source_config config = event.config();
        config.carries = detail::carries_lock<F>;
        return config;
    }

    /// Around the callable itself, so that a small one needs no memory of its own.
    template <class F> static event_handler as_event_handler(F&& handler) {
        using plain = std::decay_t<F>;
        detail::require_callable(handler, "gcd: the handler is empty");
        if constexpr (std::invocable<plain&, data_type>)
            return detail::to_function<std::uint64_t>(
                [call = plain(std::forward<F>(handler))](std::uint64_t raw) mutable { call(Event::to_data(raw)); });
        else
            return detail::to_function<std::uint64_t>(
                [call = plain(std::forward<F>(handler))](std::uint64_t) mutable { call(); });
    }

    detail::ref<detail::source_object> object_;
};

} // namespace gcd::inline GCD_ABI

#endif
