// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_CATCH_HPP
#define GCD_TEST_CATCH_HPP
/// @file
/// Catch2, whichever of versions 2 and 3 is installed.
///
/// Version 2's assertions are not thread-safe: record in the item, assert on the test's own thread.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
namespace gcd_test {
using Catch::Matchers::ContainsSubstring;
}
#else
#include <catch2/catch.hpp>
namespace gcd_test {
/// As version 3 names it.
inline auto ContainsSubstring(const std::string& part) { return Catch::Contains(part); }
} // namespace gcd_test
#endif

#endif
