// SPDX-License-Identifier: MIT
#ifndef GCD_TIME_HPP
#define GCD_TIME_HPP
/// @file
/// Spans and points of time: gcd::duration and gcd::time.

#include <gcd/config.hpp>
#include <gcd/detail/types.hpp>

#include <chrono>
#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

namespace gcd::inline GCD_ABI {

/// A span of time in nanoseconds, signed; the largest value means "for ever".
/// Converts from every `std::chrono::duration` (floating point ones too) and saturates at both ends of its range;
/// a NaN is `std::invalid_argument`.
class duration {
public:
    constexpr duration() = default;
    /// From any duration of the standard library, saturating. @throws std::invalid_argument for NaN.
    template <class Rep, class Period>
    constexpr duration(std::chrono::duration<Rep, Period> span) : nanoseconds_{convert(span)} {}

    /// Longer than any wait.
    static constexpr duration forever() { return duration{max}; }
    /// From nanoseconds.
    static constexpr duration nanoseconds(std::int64_t count) { return duration{count}; }
    /// From seconds, saturating. @throws std::invalid_argument for NaN.
    static constexpr duration seconds(double count) { return std::chrono::duration<double>{count}; }

    /// Nanoseconds.
    constexpr std::int64_t count() const { return nanoseconds_; }
    /// True for the largest value.
    constexpr bool is_forever() const { return nanoseconds_ == max; }
    /// As the standard library has it.
    explicit constexpr operator std::chrono::nanoseconds() const { return std::chrono::nanoseconds{nanoseconds_}; }

    /// The sum, saturating; for ever with anything is for ever.
    friend constexpr duration operator+(duration a, duration b) {
        std::int64_t sum = 0;
        if (a.is_forever() || b.is_forever()) return forever();
        if (!__builtin_add_overflow(a.nanoseconds_, b.nanoseconds_, &sum)) return duration{sum};
        return duration{a.nanoseconds_ < 0 ? min : max};
    }
    /// The other way, saturating.
    constexpr duration operator-() const { return duration{nanoseconds_ == min ? max : -nanoseconds_}; }
    /// The difference, saturating; for ever less anything is for ever.
    friend constexpr duration operator-(duration a, duration b) { return a.is_forever() ? forever() : a + -b; }
    /// By length.
    friend constexpr auto operator<=>(duration, duration) = default;

private:
    static constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
    static constexpr std::int64_t min = std::numeric_limits<std::int64_t>::min();

    explicit constexpr duration(std::int64_t count) : nanoseconds_{count} {}

    template <class Rep, class Period> static constexpr std::int64_t convert(std::chrono::duration<Rep, Period> span) {
        using factor = std::ratio_divide<Period, std::nano>;
        if constexpr (std::is_floating_point_v<Rep>) {
            const long double value = static_cast<long double>(span.count()) * factor::num / factor::den;
            if (value != value) throw std::invalid_argument("gcd::duration: not a number");
            if (value >= 9223372036854775807.0L) return max;
            if (value <= -9223372036854775808.0L) return min;
            return static_cast<std::int64_t>(value);
        } else {
            std::int64_t product = 0;
            if (__builtin_mul_overflow(span.count(), static_cast<std::int64_t>(factor::num), &product))
                return span.count() < Rep{0} ? min : max;
            return product / factor::den;
        }
    }

    std::int64_t nanoseconds_ = 0;
};

/// A point in time: the 64-bit `dispatch_time_t`, which brings its clock. A value; thread-safe as an int is.
/// The empty time is "now" of the uptime clock. Arithmetic saturates at "now" and "forever".
/// @see dispatch_time_t
class time {
public:
    constexpr time() = default;
    /// The point now, on that clock. @throws std::system_error (not_supported) where the system lacks the clock.
    /// @see dispatch_time
    static time now(clock on = clock::uptime);
    /// A point that is never reached. @see DISPATCH_TIME_FOREVER
    static constexpr time forever() { return from_raw(~std::uint64_t{0}); }
    /// A calendar time. Points before 1970 become the earliest that can be expressed. @see dispatch_walltime
    static time wall(std::chrono::system_clock::time_point at);
    /// A calendar time, in nanoseconds since 1970. @see dispatch_walltime
    static time wall(duration since_epoch);
    /// A point that lies a span of time from now, on the uptime clock. @see dispatch_time
    static time from_now(duration span) { return now() + span; }

    /// From what dispatch_time() or raw() gave.
    static constexpr time from_raw(std::uint64_t raw) {
        time made;
        made.raw_ = raw;
        return made;
    }
    /// The value as libdispatch has it. Its unit is the machine's tick (a nanosecond, save on Apple silicon).
    constexpr std::uint64_t raw() const { return raw_; }
    /// True for the point that is never reached.
    constexpr bool is_forever() const { return raw_ == ~std::uint64_t{0}; }
    /// Which clock it is read on; uptime for "forever".
    constexpr clock which() const {
        if (is_forever() || raw_ >> 63U == 0) return clock::uptime;
        return raw_ >> 62U == 3 ? clock::wall : clock::continuous;
    }
    /// The point `span` later (earlier if negative) on the same clock. @see dispatch_time
    friend time operator+(time at, duration span);
    /// The point `span` earlier on the same clock. @see dispatch_time
    friend time operator-(time at, duration span) { return at + -span; }
    /// The same clock and the same point.
    friend constexpr bool operator==(time, time) = default;

private:
    std::uint64_t raw_ = 0;
};

/// When a timer or a delayed item starts: after a span of time, or at a gcd::time, which brings its clock.
class start_time {
public:
    /// After a span of time.
    constexpr start_time(duration delay) : delay_{delay} {}
    /// After a duration of the standard library.
    template <class Rep, class Period>
    constexpr start_time(std::chrono::duration<Rep, Period> delay) : delay_{delay} {}
    /// At a point in time.
    constexpr start_time(gcd::time at) : at_{at}, absolute_{true} {}

    /// Made from a point in time.
    constexpr bool is_absolute() const { return absolute_; }
    /// The span of time; zero for a point.
    constexpr duration delay() const { return delay_; }
    /// The point in time, if there is one.
    constexpr gcd::time at() const { return at_; }
    /// The point meant, reckoned from now for a delay; a negative delay is now.
    gcd::time resolve() const;

private:
    duration delay_{};
    gcd::time at_{};
    bool absolute_ = false;
};

} // namespace gcd::inline GCD_ABI

#include <gcd/detail/backend.hpp>

namespace gcd::inline GCD_ABI {

inline time time::now(clock on) { return from_raw(detail::backend::time_now(on)); }

inline time time::wall(duration since_epoch) { return from_raw(detail::backend::time_wall(since_epoch.count())); }

inline time time::wall(std::chrono::system_clock::time_point at) { return wall(duration{at.time_since_epoch()}); }

inline time operator+(time at, duration span) {
    return time::from_raw(detail::backend::time_add(at.raw(), span.count()));
}

inline time start_time::resolve() const {
    if (absolute_) return at_;
    return delay_ > duration{} ? gcd::time::from_now(delay_) : gcd::time::now();
}

} // namespace gcd::inline GCD_ABI

#endif
