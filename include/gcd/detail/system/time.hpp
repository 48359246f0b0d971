// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_TIME_HPP
#define GCD_DETAIL_SYSTEM_TIME_HPP
/// @file
/// Raw dispatch times.

#include <gcd/config.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <cstdint>
#include <ctime>
#include <limits>

namespace gcd::inline GCD_ABI::detail::system {

inline constexpr std::uint64_t time_forever = ~std::uint64_t{0};
/// What dispatch_time takes as "now, on the clock that includes sleep".
inline constexpr std::uint64_t continuous_now = std::uint64_t{1} << 63U;

GCD_HIDDEN inline clock time_clock(std::uint64_t raw) noexcept {
    if (raw == time_forever || raw >> 63U == 0) return clock::uptime;
    return raw >> 62U == 3 ? clock::wall : clock::continuous;
}

/// Now on a clock, whether or not it is public.
GCD_HIDDEN inline std::uint64_t time_read(clock on) {
    switch (on) {
    case clock::wall: return dispatch::walltime(nullptr, 0);
    case clock::continuous: return dispatch::time(continuous_now, 0);
    default: return dispatch::time(0, 0);
    }
}

#if GCD_OS_APPLE
GCD_HIDDEN inline std::uint64_t time_now(clock on) {
    if (on == clock::continuous) throw_not_supported("gcd::time: macOS has no public clock that includes sleep");
    return time_read(on);
}
#else
GCD_HIDDEN inline std::uint64_t time_now(clock on) { return time_read(on); }
#endif

/// Times before 1970 and the two values that libdispatch reads as "now" become the first microsecond.
GCD_HIDDEN inline std::uint64_t time_wall(std::int64_t since_epoch) {
    constexpr std::int64_t first = 1'000;
    constexpr std::int64_t last = (std::int64_t{1} << 62U) - 1;
    if (since_epoch > last) return time_forever;
    if (since_epoch < first) since_epoch = first;
    const timespec at{static_cast<std::time_t>(since_epoch / 1'000'000'000),
                      static_cast<long>(since_epoch % 1'000'000'000)};
    return dispatch::walltime(&at, 0);
}

GCD_HIDDEN inline std::uint64_t time_add(std::uint64_t raw, std::int64_t delta) {
    if (raw == time_forever || delta == std::numeric_limits<std::int64_t>::max()) return time_forever;
    return dispatch::time(raw, delta);
}

/// The earlier of two times on the same clock. Wall times are stored negated.
GCD_HIDDEN inline std::uint64_t time_earlier(std::uint64_t a, std::uint64_t b) noexcept {
    if (a == time_forever || b == time_forever) return a == time_forever ? b : a;
    return (a < b) != (time_clock(a) == clock::wall) ? a : b;
}

/// Waits in slices of at most 50 ms, and asks between them. `attempt(limit)` waits once and tells whether it got what
/// it waits for. Gives false when the limit has passed, throws interrupted when the wait is given up.
template <class F> bool wait_in_slices(std::uint64_t limit, const give_up* ask, F&& attempt) {
    if (ask == nullptr || limit == 0) return attempt(limit);
    constexpr std::int64_t slice = 50'000'000;
    for (;;) {
        const std::uint64_t now = time_read(time_clock(limit));
        if (time_earlier(now, limit) == limit) return attempt(0);
        if (attempt(time_earlier(time_add(now, slice), limit))) return true;
        if (ask->asked(ask)) throw interrupted{};
    }
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
