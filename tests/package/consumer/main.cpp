// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include <atomic>
#include <cstdio>

int main() {
    std::atomic<int> ran{0};
    gcd::queue work{"consumer.work"};
    gcd::group all;
    for (int i = 0; i < 10; ++i) all.run_async(work, [&ran] { ++ran; });
    all.wait();

    const int sum = work.run_sync([&ran] { return ran.load() + 32; });
    std::printf("gcd %s: %d\n", GCD_VERSION_STRING, sum);
    return sum == 42 ? 0 : 1;
}
