// SPDX-License-Identifier: MIT
/// @file
/// Putting data together out of many pieces.

#include <gcd/gcd.hpp>

#include "catch.hpp"

#include <cstddef>
#include <string>
#include <string_view>

using namespace gcd::detail::native;

namespace {

std::string text_of(gcd::detail::data_object* gathered) {
    const gcd::data whole = gcd::detail::access::make<gcd::data>(gcd::detail::ref{gathered});
    std::string all;
    for (const auto& region : whole.regions())
        all.append(reinterpret_cast<const char*>(region.bytes.data()), region.bytes.size());
    return all;
}

} // namespace

TEST_CASE("pieces are gathered in the order of their arrival", "[io][gather]") {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789.,;:-_#+*~!$%&/()=";
    data_gather pieces;
    CHECK(pieces.take() == nullptr);
    for (std::size_t count = 1; count <= letters.size(); ++count) {
        for (std::size_t i = 0; i != count; ++i) pieces.add(data_copy(&letters[i], 1));
        CHECK(text_of(pieces.take()) == letters.substr(0, count));
        CHECK(pieces.take() == nullptr);
    }
}

TEST_CASE("pieces are joined with as many others, and given back if nobody takes them", "[io][gather]") {
    gcd::detail::data_object* piece = data_copy("x", 1);
    {
        data_gather pieces;
        for (int i = 0; i != 100; ++i) {
            retain(piece);
            pieces.add(piece);
        }
        // A hundred is 64 and 32 and 4: each is one object, which counts the piece once for each of its regions.
        CHECK(piece->handles.load() == 101);
    }
    CHECK(piece->handles.load() == 1);
    release(piece);
}
