// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_TIME_HPP
#define GCD_DETAIL_NATIVE_TIME_HPP
/// @file
/// Raw dispatch times without libdispatch: nanoseconds of a clock, with the clock in the two highest bits.

#include <gcd/config.hpp>
#include <gcd/detail/types.hpp>

#include <cstdint>
#include <ctime>
#include <limits>

namespace gcd::inline GCD_ABI::detail::native {

inline constexpr std::uint64_t time_forever = ~std::uint64_t{0};
/// "Now" of the clocks that have no zero of their own.
inline constexpr std::uint64_t continuous_now = std::uint64_t{1} << 63U;
inline constexpr std::uint64_t wall_now = ~std::uint64_t{1};
/// Longest time that can be expressed.
inline constexpr std::int64_t last_time = (std::int64_t{1} << 62U) - 2;

GCD_HIDDEN inline std::int64_t read_clock(clockid_t on) noexcept {
    timespec now{};
    ::clock_gettime(on, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

GCD_HIDDEN inline timespec to_timespec(std::int64_t nanoseconds) noexcept {
    return {static_cast<std::time_t>(nanoseconds / 1'000'000'000), static_cast<long>(nanoseconds % 1'000'000'000)};
}

GCD_HIDDEN inline clock time_clock(std::uint64_t raw) noexcept {
    if (raw == time_forever || raw >> 63U == 0) return clock::uptime;
    return raw >> 62U == 3 ? clock::wall : clock::continuous;
}

GCD_HIDDEN inline clockid_t clock_id(clock on) noexcept {
    switch (on) {
    case clock::wall: return CLOCK_REALTIME;
    case clock::continuous: return CLOCK_BOOTTIME;
    default: return CLOCK_MONOTONIC;
    }
}

/// Nanoseconds on a clock as a raw time; what lies outside saturates at "now" and "for ever".
GCD_HIDDEN inline std::uint64_t time_from(clock on, std::int64_t nanoseconds) noexcept {
    if (nanoseconds > last_time) return time_forever;
    const auto count = static_cast<std::uint64_t>(nanoseconds < 1 ? 1 : nanoseconds);
    switch (on) {
    case clock::wall: return std::uint64_t{0} - (count < 2 ? 2 : count);
    case clock::continuous: return continuous_now | count;
    default: return count;
    }
}

GCD_HIDDEN inline bool is_now(std::uint64_t raw) noexcept {
    return raw == 0 || raw == continuous_now || raw == wall_now;
}

/// The nanoseconds of a raw time that is not for ever; of now for the three that mean "now".
GCD_HIDDEN inline std::int64_t time_nanoseconds(std::uint64_t raw) noexcept {
    if (is_now(raw)) return read_clock(clock_id(time_clock(raw)));
    switch (time_clock(raw)) {
    case clock::wall: return static_cast<std::int64_t>(std::uint64_t{0} - raw);
    case clock::continuous: return static_cast<std::int64_t>(raw & ~continuous_now);
    default: return static_cast<std::int64_t>(raw);
    }
}

GCD_HIDDEN inline std::uint64_t time_now(clock on) { return time_from(on, read_clock(clock_id(on))); }

/// Times before 1970 become the first microsecond.
GCD_HIDDEN inline std::uint64_t time_wall(std::int64_t since_epoch) {
    constexpr std::int64_t first = 1'000;
    return time_from(clock::wall, since_epoch < first ? first : since_epoch);
}

GCD_HIDDEN inline std::uint64_t time_add(std::uint64_t raw, std::int64_t delta) {
    if (raw == time_forever || delta == std::numeric_limits<std::int64_t>::max()) return time_forever;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(time_nanoseconds(raw), delta, &sum))
        return delta < 0 ? time_from(time_clock(raw), 0) : time_forever;
    return time_from(time_clock(raw), sum);
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
