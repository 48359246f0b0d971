// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_COUNT_HPP
#define GCD_TEST_COUNT_HPP

#include <gcd/queue.hpp>

int count_on(const gcd::queue& work);

#endif
