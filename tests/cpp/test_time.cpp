// SPDX-License-Identifier: MIT
#include <gcd/time.hpp>

#include "catch.hpp"

#include <gcd/config.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
using fractional = std::chrono::duration<double>;
using days = std::chrono::duration<std::int64_t, std::ratio<86400>>;

} // namespace

TEST_CASE("a duration converts from every chrono duration", "[time]") {
    CHECK(gcd::duration{}.count() == 0);
    CHECK(gcd::duration{1s}.count() == 1'000'000'000);
    CHECK(gcd::duration{-3ms}.count() == -3'000'000);
    CHECK(gcd::duration{5ns}.count() == 5);
    CHECK(gcd::duration{std::chrono::duration<int, std::pico>{2500}}.count() == 2);
    CHECK(gcd::duration{0.5s}.count() == 500'000'000);
    CHECK(gcd::duration{std::chrono::duration<float, std::milli>{1.5F}}.count() == 1'500'000);
    CHECK(gcd::duration{std::chrono::duration<unsigned, std::ratio<1, 3>>{3}}.count() == 1'000'000'000);
    CHECK(gcd::duration::seconds(0.25).count() == 250'000'000);
    CHECK(gcd::duration::nanoseconds(7).count() == 7);
    CHECK(static_cast<std::chrono::nanoseconds>(gcd::duration{2s}) == 2s);
    STATIC_REQUIRE(gcd::duration{2min}.count() == 120'000'000'000);
}

TEST_CASE("a duration saturates at both ends", "[time]") {
    CHECK(gcd::duration{std::chrono::hours::max()}.is_forever());
    CHECK(gcd::duration{std::chrono::hours::min()}.count() == least);
    CHECK(gcd::duration{std::chrono::nanoseconds::max()}.is_forever());
    CHECK(gcd::duration{std::chrono::nanoseconds::min()}.count() == least);
    CHECK(gcd::duration{days{200'000}}.is_forever());
    CHECK(gcd::duration{days{-200'000}}.count() == least);
    CHECK(gcd::duration{fractional{1e300}}.is_forever());
    CHECK(gcd::duration{fractional{-1e300}}.count() == least);
    CHECK(gcd::duration{fractional{std::numeric_limits<double>::infinity()}}.is_forever());
    CHECK(gcd::duration{fractional{-std::numeric_limits<double>::infinity()}}.count() == least);
    CHECK(gcd::duration{std::chrono::duration<std::uint64_t, std::nano>{~std::uint64_t{0}}}.is_forever());
    CHECK(gcd::duration::seconds(1e11).is_forever());
}

TEST_CASE("a duration that isn't a number is refused", "[time]") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(gcd::duration{fractional{nan}}, std::invalid_argument);
    CHECK_THROWS_AS(gcd::duration::seconds(nan), std::invalid_argument);
    CHECK_THROWS_AS((gcd::duration{std::chrono::duration<float, std::milli>{static_cast<float>(nan)}}),
                    std::invalid_argument);
}

TEST_CASE("arithmetic of durations saturates", "[time]") {
    const gcd::duration forever = gcd::duration::forever();
    const gcd::duration lowest = gcd::duration::nanoseconds(least);
    CHECK(forever.count() == most);
    CHECK((gcd::duration{1s} + 500ms).count() == 1'500'000'000);
    CHECK((gcd::duration{1s} - 3s).count() == -2'000'000'000);
    CHECK((forever + 1s).is_forever());
    CHECK((forever - 1s).is_forever());
    CHECK((gcd::duration{1s} + forever).is_forever());
    CHECK((gcd::duration::nanoseconds(most - 1) + 5ns).is_forever());
    CHECK((lowest - 5ns).count() == least);
    CHECK((-lowest).count() == most);
    CHECK((-gcd::duration{4ns}).count() == -4);
    CHECK(gcd::duration{1ms} < gcd::duration{1s});
    CHECK(gcd::duration{1000ms} == gcd::duration{1s});
    CHECK(gcd::duration{10h} < forever);
}

TEST_CASE("the clocks run", "[time]") {
    for (const gcd::clock each : {gcd::clock::uptime, gcd::clock::wall}) {
        const gcd::time now = gcd::time::now(each);
        CHECK(now.which() == each);
        CHECK_FALSE(now.is_forever());
        CHECK(now == gcd::time::from_raw(now.raw()));
    }
    const std::uint64_t first = gcd::time::now().raw();
    CHECK(gcd::time::now().raw() >= first);
#if GCD_OS_LINUX
    CHECK(gcd::time::now(gcd::clock::continuous).which() == gcd::clock::continuous);
#else
    CHECK_THROWS_AS(gcd::time::now(gcd::clock::continuous), std::system_error);
#endif
}

TEST_CASE("a wall time is the calendar's", "[time]") {
    // Wall times are stored as the negated nanoseconds since 1970.
    const auto of = [](gcd::time at) { return std::uint64_t{0} - at.raw(); };
    CHECK(of(gcd::time::wall(1'700'000'000s)) == 1'700'000'000'000'000'000ULL);
    const auto before = std::chrono::system_clock::now();
    const std::uint64_t now = of(gcd::time::now(gcd::clock::wall));
    CHECK(now + 1'000'000'000 >= static_cast<std::uint64_t>(gcd::duration{before.time_since_epoch()}.count()));
    CHECK(gcd::time::wall(before) == gcd::time::wall(gcd::duration{before.time_since_epoch()}));
    CHECK(gcd::time::wall(before).which() == gcd::clock::wall);
    CHECK(of(gcd::time::wall(100s) + 5s) == 105'000'000'000ULL);
    CHECK(of(gcd::time::wall(100s) - 5s) == 95'000'000'000ULL);
}

TEST_CASE("wall times saturate", "[time]") {
    CHECK(gcd::time::wall(gcd::duration::forever()).is_forever());
    CHECK(gcd::time::wall(std::chrono::system_clock::time_point::max()).is_forever());
    const gcd::time earliest = gcd::time::wall(std::chrono::system_clock::time_point::min());
    CHECK(earliest.which() == gcd::clock::wall);
    CHECK(earliest == gcd::time::wall(-1s));
    CHECK(earliest == gcd::time::wall(0s));
    CHECK(earliest.raw() > gcd::time::wall(1s).raw());
    const gcd::time below = gcd::time::wall(10s) - 20s;
    CHECK(below.which() == gcd::clock::wall);
    CHECK(below.raw() > gcd::time::wall(1s).raw());
    CHECK((gcd::time::wall(10s) + gcd::duration::nanoseconds(most - 1)).is_forever());
    CHECK((gcd::time::wall(10s) + gcd::duration::nanoseconds(least)).which() == gcd::clock::wall);
}

TEST_CASE("arithmetic of times saturates at now and for ever", "[time]") {
    const gcd::time now = gcd::time::now();
    CHECK((now + 1s).raw() > now.raw());
    CHECK((now - 1ms).raw() < now.raw());
    CHECK((now + gcd::duration::forever()).is_forever());
    CHECK((now + std::chrono::hours::max()).is_forever());
    CHECK((now + gcd::duration::nanoseconds(most - 1)).is_forever());
    CHECK((gcd::time::forever() + 1s).is_forever());
    CHECK((gcd::time::forever() - 1s).is_forever());
    for (const gcd::duration far : {gcd::duration::nanoseconds(least), gcd::duration{std::chrono::hours::min()},
                                    -gcd::duration::forever(), gcd::duration{-100h * 24 * 365}}) {
        const gcd::time past = now + far;
        CHECK_FALSE(past.is_forever());
        CHECK(past.raw() <= now.raw());
        CHECK(past.which() == gcd::clock::uptime);
    }
    CHECK(gcd::time::from_now(1h).raw() > now.raw());
    CHECK(gcd::time::from_now(gcd::duration::forever()).is_forever());
    // The empty time is now, also as the base of a sum.
    CHECK((gcd::time{} + 1s).raw() >= (now + 1s).raw());
}

#if GCD_OS_LINUX
TEST_CASE("continuous times saturate", "[time]") {
    const gcd::time now = gcd::time::now(gcd::clock::continuous);
    CHECK((now + 1s).which() == gcd::clock::continuous);
    CHECK((now + 1s).raw() > now.raw());
    CHECK((now - 1ms).which() == gcd::clock::continuous);
    CHECK((now + gcd::duration::forever()).is_forever());
    CHECK((now + gcd::duration::nanoseconds(most - 1)).is_forever());
    const gcd::time past = now + gcd::duration::nanoseconds(least);
    CHECK(past.which() == gcd::clock::continuous);
    CHECK(past.raw() <= now.raw());
}
#endif

TEST_CASE("a start time is a delay or a point", "[time]") {
    CHECK_FALSE(gcd::start_time{2s}.is_absolute());
    CHECK(gcd::start_time{2s}.delay() == gcd::duration{2s});
    const gcd::time at = gcd::time::wall(100s);
    CHECK(gcd::start_time{at}.is_absolute());
    CHECK(gcd::start_time{at}.resolve() == at);
    const gcd::time now = gcd::time::now();
    CHECK(gcd::start_time{1h}.resolve().raw() >= (now + 1h).raw());
    CHECK(gcd::start_time{gcd::duration::forever()}.resolve().is_forever());
    const gcd::time negative = gcd::start_time{-1h}.resolve();
    CHECK(negative.raw() >= now.raw());
    CHECK(negative.raw() <= gcd::time::now().raw());
}
