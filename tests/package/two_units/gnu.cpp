// SPDX-License-Identifier: MIT
#include "units.hpp"

sizes sizes_in_gnu() { return {}; }

int use_in_gnu(const gcd::queue& work) {
    int value = 0;
    gcd::semaphore done{0};
    work.run_async([&] {
        value = 20;
        done.signal();
    });
    done.wait();
    return value;
}
