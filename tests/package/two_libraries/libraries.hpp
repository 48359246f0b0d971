// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_LIBRARIES_HPP
#define GCD_TEST_LIBRARIES_HPP

#include <gcd/gcd.hpp>

#define GCD_TEST_EXPORT __attribute__((visibility("default")))

// The library `maker`.
GCD_TEST_EXPORT gcd::queue maker_make();
GCD_TEST_EXPORT void maker_throw(const gcd::queue& work);

// The library `user`.
GCD_TEST_EXPORT int user_count(const gcd::queue& work, int items);
GCD_TEST_EXPORT bool user_catches(const gcd::queue& work);

#endif
