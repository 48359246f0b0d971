// SPDX-License-Identifier: MIT
#ifndef GCD_BENCH_EVENT_ROWS_HPP
#define GCD_BENCH_EVENT_ROWS_HPP
/// @file
/// The rows of timers and descriptors, as rows.hpp has those of queues.

#include "harness.hpp"
#include "rows.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace bench {

template <class Api> struct event_rows {
    using queue = typename Api::queue;
    using steady = std::chrono::steady_clock;

    /// A timer that is made, armed for much later, cancelled and gone.
    static double timer_arm_cancel() {
        const queue on = Api::serial();
        return timed(some, [&] {
            for (long i = 0; i < some; ++i) {
                const auto timer = Api::timer(on, std::chrono::hours{1}, [] {});
                Api::cancel(timer);
            }
        });
    }

    /// To submit them, and to run them once their time has come.
    static double afters_one_deadline() {
        constexpr long count = 10'000;
        const queue on = Api::serial();
        long ran = 0;
        flag done;
        steady::time_point first;
        const auto begin = steady::now();
        const auto due = begin + std::chrono::milliseconds{200};
        for (long i = 0; i < count; ++i)
            Api::after(on, due, [&] {
                if (ran == 0) first = steady::now();
                if (++ran == count) done.raise();
            });
        const auto submitted = steady::now();
        while (steady::now() < due) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        done.await();
        expect(ran, count);
        const std::chrono::duration<double, std::nano> spent = (submitted - begin) + (steady::now() - first);
        return spent.count() / static_cast<double>(count);
    }

    /// The median of how late the handler of a timer runs.
    static double timer_lateness() {
        const queue on = Api::serial();
        std::vector<double> late;
        for (int round = 0; round < 200; ++round) {
            flag done;
            const auto due = steady::now() + std::chrono::milliseconds{2};
            steady::time_point ran;
            const auto timer = Api::timer(on, due - steady::now(), [&] {
                ran = steady::now();
                done.raise();
            });
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
            done.await();
            late.push_back(std::chrono::duration<double, std::nano>(ran - due).count());
        }
        std::nth_element(late.begin(), late.begin() + 100, late.end());
        return late[100];
    }

    /// A byte to a handler, and back to the thread that waits for it.
    static double pipe_echo() {
        constexpr long count = 10'000;
        const queue on = Api::serial();
        int there[2];
        int back[2];
        expect(::pipe2(there, O_CLOEXEC) + ::pipe2(back, O_CLOEXEC), 0);
        const auto reader = Api::reader(on, there[0], [&] {
            char byte = 0;
            expect(::read(there[0], &byte, 1), 1);
            expect(::write(back[1], &byte, 1), 1);
        });
        const double spent = timed(count, [&] {
            char byte = 'x';
            for (long i = 0; i < count; ++i) {
                expect(::write(there[1], &byte, 1), 1);
                expect(::read(back[0], &byte, 1), 1);
            }
        });
        Api::cancel(reader);
        return spent;
    }

    static constexpr row table[] = {
        {"timer_arm_cancel", timer_arm_cancel},
        {"afters_one_deadline", afters_one_deadline},
        {"timer_lateness", timer_lateness},
        {"pipe_echo", pipe_echo},
    };
};

} // namespace bench

#endif
