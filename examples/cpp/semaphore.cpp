// SPDX-License-Identifier: MIT
//
// A semaphore lets a limited number in. Waiting can have a limit too, and a guard gives back by itself.

#include <gcd/gcd.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

int main() {
    using namespace std::chrono_literals;
    gcd::semaphore connections{2};
    gcd::queue pool = gcd::queue::global_queue();
    gcd::group all;

    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    for (int i = 0; i < 6; ++i)
        all.run_async(pool, [&] {
            const auto taken = connections.acquire();
            const int now = ++inside;
            int seen = most.load();
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            std::this_thread::sleep_for(10ms); // the work
            --inside;
        });
    all.wait();
    std::printf("never more than 2 at a time: %s\n", most <= 2 ? "yes" : "no");

    const auto first = connections.acquire();
    {
        const auto second = connections.acquire();
        std::printf("a third within 20 ms: %s\n", connections.wait_for(20ms) ? "yes" : "no");
    }
    std::printf("after one was given back: %s\n", connections.try_wait() ? "yes" : "no");
    connections.signal();
    return most <= 2 ? 0 : 1;
}
