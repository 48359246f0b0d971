// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "catch.hpp"
#include "counted.hpp"

#include <chrono>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;
using gcd_test::counted;
using gcd_test::live_count;

namespace {

/// Whether the call is refused as something that this engine can't do.
template <class F> bool refused(F call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error.code() == std::errc::not_supported;
    }
    return false;
}

} // namespace

TEST_CASE("what the native engine lacks is refused at the call", "[native]") {
    const gcd::queue serial;
    CHECK(refused([&] { serial.after(1ms, [] {}); }));
    CHECK(refused([&] { gcd::timer({.interval = 1ms}, serial, [] {}); }));
    CHECK(refused([&] { gcd::signal_source({10}, serial, [] {}); }));
    CHECK(refused([&] { gcd::read_source({0}, serial, [] {}); }));
    CHECK(refused([&] { gcd::write_source({1}, serial, [] {}); }));
    CHECK(refused([&] { gcd::process_source({.pid = 1}, serial, [] {}); }));
}

TEST_CASE("the native engine has no native handles", "[native]") {
    const gcd::queue serial;
    int nothing = 0;
    CHECK(refused([&] { static_cast<void>(serial.native_handle()); }));
    CHECK(refused([&] { static_cast<void>(gcd::queue::from_native(&nothing)); }));
    CHECK(refused([&] { static_cast<void>(gcd::data{}.native_handle()); }));
    CHECK(refused([&] { static_cast<void>(gcd::data{"text"}.native_handle()); }));
    CHECK(refused([&] { static_cast<void>(gcd::data::from_native(&nothing)); }));
    CHECK_THROWS_AS(gcd::data::from_native(nullptr), std::invalid_argument);
}

TEST_CASE("a refused delayed item is destroyed", "[native]") {
    live_count live;
    const gcd::queue serial;
    CHECK(refused([&] { serial.after(1ms, [held = counted{live}] {}); }));
    CHECK(live() == 0);
}
