// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "catch.hpp"

#include <string_view>
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

TEST_CASE("what the native engine lacks is refused at the call", "[native]") {
    const gcd::queue serial;
    const auto nothing = [](auto&&...) {};
    CHECK(refused([&] { gcd::data{std::string_view{"text"}}; }));
    CHECK(refused([&] { gcd::io_channel(0, gcd::io_type::stream, &serial); }));
    CHECK(refused([&] { gcd::read_async(0, 1, serial, nothing); }));
}

TEST_CASE("the native engine has no native handles", "[native]") {
    const gcd::queue serial;
    int nothing = 0;
    CHECK(refused([&] { static_cast<void>(serial.native_handle()); }));
    CHECK(refused([&] { static_cast<void>(gcd::queue::from_native(&nothing)); }));
}
