// SPDX-License-Identifier: MIT
//
// The body that every way of compiling gets; PART names the function, so that all link together.
#include <gcd/gcd.hpp>

int PART(const gcd::queue& work);

int PART(const gcd::queue& work) {
    int value = 0;
    gcd::queue other{"apple.part"};
    gcd::group done;
    done.run_async(work, [&value] { value += 1; });
    done.wait();
    return value + other.run_sync([] { return 1; });
}
