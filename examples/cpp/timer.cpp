// SPDX-License-Identifier: MIT
//
// Timers repeat or fire once, can be given other values while they run, and tell when they have ended.

#include <gcd/gcd.hpp>

#include <chrono>
#include <cstdio>

int main() {
    using namespace std::chrono_literals;
    gcd::queue work{"com.example.work"};

    // Five ticks, then the timer is told to end, from inside its own handler.
    gcd::semaphore ended{0};
    gcd::semaphore five{0};
    int ticks = 0;
    gcd::timer ticker{{.interval = 20ms}, work, [&] {
                          if (++ticks <= 5) std::printf("tick %d\n", ticks);
                          if (ticks == 5) five.signal();
                      }};
    ticker.set_cancel_handler([&] {
        std::puts("the ticker has ended");
        ended.signal();
    });
    ticker.start();
    five.wait();
    ticker.cancel();
    ended.wait();

    // The first firing has a delay of its own; a one-shot without one takes its interval.
    gcd::semaphore fired{0};
    gcd::timer once{{.interval = 30ms, .repeating = false}, work, [&](gcd::timer_event::data data) {
                        std::printf("the one-shot fired %llu time\n", static_cast<unsigned long long>(data.fired));
                        fired.signal();
                    }};
    once.start();
    fired.wait();

    // Far too slow at first, then rescheduled.
    gcd::timer slow{{.interval = 1h, .start_delay = 1h}, work, [&] { fired.signal(); }};
    slow.start();
    slow.set_timer({.interval = 1h, .start_delay = 20ms});
    fired.wait();
    std::puts("the rescheduled timer fired");
}
