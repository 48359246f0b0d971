// SPDX-License-Identifier: MIT
#include "libraries.hpp"

#include <cstdio>

int main() {
    const gcd::queue work = maker_make();
    int count = 0;
    // Items of the program and of both libraries stand in one serial queue.
    for (int i = 0; i < 100; ++i) work.run_async([&count] { ++count; });
    count += work.run_sync([] { return 0; });
    count += user_count(work, 100);
    if (count != 200) {
        std::printf("%d items ran, not 200\n", count);
        return 1;
    }
    // An item that runs through one library's code asks another's who holds the queue.
    if (!work.run_sync([&work] { return work.is_current(); })) return 2;
    return user_catches(work) ? 0 : 3;
}
