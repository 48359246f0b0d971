// SPDX-License-Identifier: MIT
/// @file
/// Descriptors that are opened, watched, written, closed and opened again at the same number, and thousands of timers
/// that are armed, set anew and cancelled while they fire, from several threads.

#include <gcd/gcd.hpp>

#include "stress.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace gcd_test;
using namespace std::chrono_literals;

constexpr std::size_t threads = 4;
constexpr std::size_t timers = 10'000;

std::atomic<bool> stop{false};
std::atomic<std::uint64_t> rounds{0};
std::atomic<std::uint64_t> fired{0};

/// One pipe after another under the same numbers. Each source must hear of its own pipe's byte, and of no other's.
void storm(std::uint64_t seed) {
    chance dice{seed};
    const gcd::queue queues[] = {gcd::queue{"serial"}, gcd::queue{"concurrent", {.concurrent = true}}};
    while (!stop.load(std::memory_order_relaxed)) {
        const gcd::queue& queue = queues[dice.below(2)];
        int ends[2];
        must(::pipe(ends) == 0, "no pipe");
        for (const int end : ends) must(::fcntl(end, F_SETFL, O_NONBLOCK) == 0, "the pipe keeps its flags");
        const char mine = static_cast<char>('a' + dice.below(26));
        std::atomic<int> heard{0};
        std::atomic<bool> ended{false};
        const bool leaves_duplicate = dice.one_in(8);
        const int duplicate = leaves_duplicate ? ::fcntl(ends[0], F_DUPFD_CLOEXEC, 0) : -1;
        {
            const gcd::read_source reader{{ends[0]}, queue, [&] {
                                              char byte = 0;
                                              if (::read(ends[0], &byte, 1) != 1) return;
                                              must(byte == mine, "a source has heard of somebody else's byte");
                                              heard.fetch_add(1);
                                          }};
            std::atomic<bool> writable{false};
            const gcd::write_source writer{{ends[1]}, queue, [&] { writable.store(true); }};
            reader.set_cancel_handler([&] { ended.store(true); });
            reader.start();
            writer.start();
            if (!dice.one_in(10)) {
                must(::write(ends[1], &mine, 1) == 1, "the pipe is full");
                if (!dice.one_in(4))
                    while (heard.load() == 0 || !writable.load()) std::this_thread::yield();
            }
            writer.cancel_and_wait();
            // The descriptors are the program's again once cancel has returned.
            reader.cancel_and_wait();
            ::close(ends[0]);
            ::close(ends[1]);
        }
        while (!ended.load()) std::this_thread::yield();
        must(heard.load() <= 1, "a byte was heard of twice");
        if (duplicate >= 0) ::close(duplicate);
        rounds.fetch_add(1, std::memory_order_relaxed);
    }
}

/// Timers of all kinds, each of which is set anew, suspended or replaced now and then.
void churn(std::uint64_t seed) {
    chance dice{seed};
    const gcd::queue serial{"timers"};
    const gcd::queue wide{"timers", {.concurrent = true}};
    const auto event = [&dice] {
        const auto delay = std::chrono::microseconds{dice.below(20'000)};
        return gcd::timer_event{.interval = std::chrono::microseconds{1 + dice.below(50'000)},
                                .start_delay = gcd::duration{delay},
                                .leeway = std::chrono::microseconds{dice.below(2'000)},
                                .repeating = dice.one_in(2)};
    };
    const auto make = [&] {
        gcd::timer made{event(), dice.one_in(2) ? serial : wide,
                        [](gcd::timer_event::data data) { fired.fetch_add(data.fired, std::memory_order_relaxed); }};
        made.start();
        return std::make_unique<gcd::timer>(std::move(made));
    };
    std::vector<std::unique_ptr<gcd::timer>> all;
    for (std::size_t i = 0; i < timers / threads; ++i) all.push_back(make());
    while (!stop.load(std::memory_order_relaxed)) {
        auto& one = all[dice.below(all.size())];
        switch (dice.below(6)) {
        case 0: one->set_timer(event()); break;
        case 1:
            one->suspend();
            one->resume();
            break;
        case 2: one->cancel_and_wait(); [[fallthrough]];
        case 3: one = make(); break;
        case 4:
            serial.after(std::chrono::microseconds{dice.below(3'000)},
                         [] { fired.fetch_add(1, std::memory_order_relaxed); });
            break;
        default: std::this_thread::sleep_for(std::chrono::microseconds{dice.below(200)});
        }
    }
    for (const auto& one : all) one->cancel_and_wait();
}

} // namespace

int main() {
    const std::uint64_t seed = stress_seed();
    std::vector<std::thread> running;
    for (std::uint64_t self = 0; self < threads; ++self) {
        running.emplace_back(storm, seed + self);
        running.emplace_back(churn, seed + threads + self);
    }
    std::this_thread::sleep_for(stress_time());
    stop = true;
    for (std::thread& each : running) each.join();
    must(rounds.load() > 0 && fired.load() > 0, "nothing has happened");
    std::printf("%llu descriptors, %llu firings\n", static_cast<unsigned long long>(rounds.load()),
                static_cast<unsigned long long>(fired.load()));
}
