// SPDX-License-Identifier: MIT
//
// The library on one page: a queue, a value back from it, a group, a parallel loop, a timer.

#include <gcd/gcd.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>

int main() {
    using namespace std::chrono_literals;

    gcd::queue work{"com.example.work"};
    work.run_async([] { std::puts("hello from a queue"); });
    const int answer = work.run_sync([] { return 6 * 7; });
    std::printf("the queue answered %d\n", answer);

    std::atomic<int> finished{0};
    gcd::group group;
    for (int i = 0; i < 4; ++i) group.run_async(gcd::queue::global_queue(), [&finished] { ++finished; });
    group.wait();
    std::printf("%d items of the group have finished\n", finished.load());

    std::atomic<std::size_t> sum{0};
    gcd::apply(100, [&sum](std::size_t i) { sum += i; });
    std::printf("the sum of 0 to 99 is %zu\n", sum.load());

    gcd::semaphore three_ticks{0};
    int ticks = 0;
    gcd::timer ticker{{.interval = 20ms}, work, [&] {
                          if (++ticks == 3) three_ticks.signal();
                      }};
    ticker.start();
    three_ticks.wait();
    ticker.cancel_and_wait();
    std::puts("the timer has ticked 3 times");
}
