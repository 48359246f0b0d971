// SPDX-License-Identifier: MIT
//
// A concurrent queue runs items side by side; a barrier among them runs alone: a lock for readers and writers.

#include <gcd/gcd.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>

int main() {
    using namespace std::chrono_literals;
    gcd::queue store{"com.example.store", {.concurrent = true}};

    // Each reader waits for the other one: it works only because both are inside.
    gcd::semaphore first_is_in{0};
    gcd::semaphore second_is_in{0};
    std::atomic<int> met{0};
    store.run_async([&] {
        first_is_in.signal();
        if (second_is_in.wait_for(30s)) ++met;
    });
    store.run_async([&] {
        second_is_in.signal();
        if (first_is_in.wait_for(30s)) ++met;
    });

    int value = 0;
    std::atomic<int> readers{0};
    std::atomic<bool> alone{true};
    auto read = [&] {
        ++readers;
        static_cast<void>(value); // never while the writer runs
        --readers;
    };
    for (int i = 0; i < 20; ++i) {
        store.run_async(read);
        if (i % 5 == 4)
            store.barrier_async([&] {
                if (readers != 0) alone = false;
                ++value;
            });
    }
    // As a barrier it waits for everything before it.
    const int seen = store.barrier_sync([&value] { return value; });

    std::printf("readers that met: %d\n", met.load());
    std::printf("writes: %d\n", seen);
    std::printf("writers were alone: %s\n", alone ? "yes" : "no");
    return met == 2 && seen == 4 && alone ? 0 : 1;
}
