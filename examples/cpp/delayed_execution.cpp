// SPDX-License-Identifier: MIT
//
// after() submits later: after a span of time, or at a point of a clock.

#include <gcd/gcd.hpp>

#include <chrono>
#include <cstdio>

int main() {
    using namespace std::chrono_literals;
    using std::chrono::steady_clock;
    using std::chrono::system_clock;

    gcd::queue work{"com.example.work"};
    gcd::group all;
    const auto start = steady_clock::now();
    auto report = [start](const char* what, std::chrono::milliseconds due) {
        const bool early = steady_clock::now() - start < due;
        std::printf("%s%s\n", what, early ? " (too early)" : "");
    };

    work.after(200ms, [&, entry = all.enter()] { report("second: 200 ms from now", 200ms); });
    work.after(50ms, [&, entry = all.enter()] { report("first: 50 ms from now", 50ms); });
    work.after(start + 300ms, [&, entry = all.enter()] { report("third: a point of the steady clock", 300ms); });
    // Follows the calendar: if the clock is set, the item moves with it.
    work.after(system_clock::now() + 400ms, [entry = all.enter()] { std::puts("fourth: a calendar time"); });
    work.after(gcd::time::from_now(500ms), [&, entry = all.enter()] { report("fifth: a dispatch time", 500ms); });
    work.after(-1s, [entry = all.enter()] { std::puts("at once: a delay below zero"); });

    all.wait();
    std::puts("all have run");
}
