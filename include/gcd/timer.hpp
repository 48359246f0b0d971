// SPDX-License-Identifier: MIT
#ifndef GCD_TIMER_HPP
#define GCD_TIMER_HPP
/// @file
/// Timers.

#include <gcd/source.hpp>
#include <gcd/time.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>

namespace gcd::inline GCD_ABI {

/// When a timer fires.
struct timer_event {
    /// Times that have come since the handler's last run.
    struct data {
        std::uint64_t fired = 0; ///< more than 1 if the handler came late
    };
    using timer_type = void;

    /// Between firings; above zero if repeating.
    duration interval{};
    /// Until the first firing, from start() on; or a point in time, which brings its clock. Without one a repeating
    /// timer fires at once, and a one-shot after its interval; a one-shot does so for a delay of zero as well.
    std::optional<start_time> start_delay{};
    /// How much later than due it may fire, so that wake-ups can be shared; at most half the interval counts.
    /// @note libdispatch on Linux: no effect
    duration leeway{};
    /// Fires every interval; otherwise once.
    bool repeating = true;

    /// Checks the values. @throws std::invalid_argument
    detail::source_config config() const {
        if (interval < duration{}) throw std::invalid_argument("gcd::timer: the interval is negative");
        if (repeating && interval == duration{})
            throw std::invalid_argument("gcd::timer: the interval of a repeating timer must be above zero");
        if (leeway < duration{}) throw std::invalid_argument("gcd::timer: the leeway is negative");
        detail::source_config made{.kind = detail::source_kind::timer};
        made.timer.interval = interval.count();
        made.timer.leeway = leeway.count();
        made.timer.repeating = repeating;
        if (start_delay && start_delay->is_absolute()) {
            made.timer.start_is_absolute = true;
            made.timer.start = start_delay->at().raw();
        } else {
            const duration delay = start_delay ? start_delay->delay() : duration{};
            made.timer.start_delay = !repeating && delay <= duration{} ? interval.count() : delay.count();
        }
        return made;
    }
    static data to_data(std::uint64_t raw) { return {raw}; }
};

/// Runs a handler after a time, once or again and again. @see DISPATCH_SOURCE_TYPE_TIMER
using timer = source<timer_event>;

} // namespace gcd::inline GCD_ABI

#endif
