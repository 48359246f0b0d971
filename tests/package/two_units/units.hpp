// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_UNITS_HPP
#define GCD_TEST_UNITS_HPP

#include <gcd/gcd.hpp>

#include <cstddef>

// What each unit says of the types that it shares with the others.
struct sizes {
    std::size_t queue = sizeof(gcd::queue);
    std::size_t group = sizeof(gcd::group);
    std::size_t semaphore = sizeof(gcd::semaphore);

    bool operator==(const sizes&) const = default;
};

sizes sizes_in_one();
sizes sizes_in_two();
sizes sizes_in_gnu();

// Each makes a queue or uses one that another unit has made.
gcd::queue make_in_one();
int use_in_two(const gcd::queue& work);
int use_in_gnu(const gcd::queue& work);

#endif
