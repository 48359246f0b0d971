// SPDX-License-Identifier: MIT
//
// A serial queue runs its items one at a time, in the order of submission: what only its items touch needs no lock.

#include <gcd/gcd.hpp>

#include <cstddef>
#include <cstdio>
#include <vector>

int main() {
    gcd::queue log{"com.example.log"};

    std::vector<int> order;
    for (int i = 0; i < 5; ++i) log.run_async([&order, i] { order.push_back(i); });
    // Waits for its turn, so all items above have run.
    log.run_sync([&order] {
        std::printf("order:");
        for (int i : order) std::printf(" %d", i);
        std::puts("");
    });

    // Four threads' worth of submissions add to one plain integer.
    int count = 0;
    gcd::apply(4, [&](std::size_t) {
        for (int i = 0; i < 1000; ++i) log.run_async([&count] { ++count; });
    });
    std::printf("count: %d\n", log.run_sync([&count] { return count; }));

    // A wait that could never end is refused before it begins.
    log.run_sync([&log] {
        try {
            log.run_sync([] {});
        } catch (const gcd::would_deadlock&) {
            std::puts("waiting for oneself: refused");
        }
    });
}
