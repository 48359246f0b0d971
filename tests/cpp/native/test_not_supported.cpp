// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "catch.hpp"

#include <stdexcept>
#include <system_error>

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
