// SPDX-License-Identifier: MIT
#include "count.hpp"

int main() {
    const gcd::queue work{"mixed"};
    return count_on(work) == 42 ? 0 : 1;
}
