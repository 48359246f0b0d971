// SPDX-License-Identifier: MIT
#include "count.hpp"

int count_on(const gcd::queue& work) {
    int count = 0;
    for (int i = 0; i < 42; ++i) work.run_async([&count] { ++count; });
    return work.run_sync([&count] { return count; });
}
