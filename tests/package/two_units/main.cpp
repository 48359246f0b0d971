// SPDX-License-Identifier: MIT
#include "units.hpp"

#include <cstdio>

int main() {
    if (sizes_in_one() != sizes{} || sizes_in_two() != sizes{} || sizes_in_gnu() != sizes{}) {
        std::puts("the units disagree about the size of a type");
        return 1;
    }
    const gcd::queue work = make_in_one();
    const int sum = use_in_two(work) + use_in_gnu(work) + work.run_sync([] { return 20; });
    return sum == 42 ? 0 : 1;
}
