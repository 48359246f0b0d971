// SPDX-License-Identifier: MIT
//
// A group counts work of any kind on any queues: wait for its end, or be told of it.

#include <gcd/gcd.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <utility>

int main() {
    using namespace std::chrono_literals;
    gcd::queue pool = gcd::queue::global_queue();
    gcd::queue reports{"com.example.reports"};
    gcd::group downloads;

    std::atomic<int> done{0};
    for (int i = 0; i < 5; ++i) downloads.run_async(pool, [&done] { ++done; });

    // Work that ends elsewhere takes part by a token; it leaves when the token ends.
    pool.after(30ms, [&done, entry = downloads.enter()] { ++done; });

    gcd::semaphore reported{0};
    downloads.notify(reports, [&] {
        std::printf("notified after %d parts\n", done.load());
        reported.signal();
    });

    const bool finished = downloads.wait_for(30s);
    reported.wait();
    std::printf("waited for all: %s\n", finished ? "yes" : "no");

    auto open = downloads.enter();
    std::printf("one open, finished within 10 ms: %s\n", downloads.wait_for(10ms) ? "yes" : "no");
    open.leave();
    std::printf("none open, finished within 10 ms: %s\n", downloads.wait_for(10ms) ? "yes" : "no");
    return done == 6 ? 0 : 1;
}
