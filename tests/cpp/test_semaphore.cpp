// SPDX-License-Identifier: MIT
#include <gcd/semaphore.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/queue.hpp>

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::latch;

TEST_CASE("a semaphore gives as many units as it has", "[semaphore]") {
    const gcd::semaphore units{3};
    units.wait();
    CHECK(units.try_wait());
    CHECK(units.wait_for(0s));
    CHECK_FALSE(units.try_wait());
    CHECK_FALSE(units.signal());
    CHECK(units.try_wait());
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("a limited wait ends without a unit", "[semaphore]") {
    const gcd::semaphore units{0};
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(units.wait_for(20ms));
    CHECK(std::chrono::steady_clock::now() - began >= 20ms);
    CHECK_FALSE(units.wait_for(-1s));
    CHECK_FALSE(units.wait_until(gcd::time{}));
    CHECK_FALSE(units.wait_until(gcd::time::from_now(1ms)));
    CHECK_FALSE(units.wait_until(gcd::time::now(gcd::clock::wall) + 1ms));
    // None of these waits has cost a unit.
    CHECK_FALSE(units.signal());
    CHECK(units.try_wait());
}

TEST_CASE("a signal wakes a waiter", "[semaphore]") {
    const gcd::semaphore units{0};
    event woken;
    std::thread waiting{[&] {
        units.wait();
        woken.set();
    }};
    // True says that somebody waited; until then each signal is taken back.
    CHECK(await([&] {
        if (units.signal()) return true;
        return !units.try_wait();
    }));
    CHECK(woken.wait());
    waiting.join();
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("a guard gives its unit back", "[semaphore]") {
    const gcd::semaphore units{1};
    {
        gcd::semaphore::guard held = units.acquire();
        const gcd::semaphore::guard moved = std::move(held);
        CHECK_FALSE(units.try_wait());
    }
    CHECK(units.try_wait());
    CHECK_FALSE(units.try_wait());
    units.signal();
    {
        auto brief = std::make_unique<gcd::semaphore>(1);
        const gcd::semaphore::guard held = brief->acquire();
        brief.reset();
    }
    SUCCEED();
}

TEST_CASE("a semaphore limits how many are inside", "[semaphore]") {
    const gcd::semaphore units{2};
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                const gcd::semaphore::guard held = units.acquire();
                const int now = inside.fetch_add(1) + 1;
                for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                }
                std::this_thread::yield();
                inside.fetch_sub(1);
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(most <= 2);
    CHECK(units.try_wait());
    CHECK(units.try_wait());
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("no unit is lost or made between signals and limited waits", "[semaphore]") {
    const gcd::semaphore units{0};
    std::atomic<long> signalled{0};
    std::atomic<long> taken{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 5000; ++i) {
                units.signal();
                ++signalled;
                if (i % 64 == t) std::this_thread::yield();
            }
        });
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&, t] {
            int i = 0;
            while (!stop)
                if (++i % 3 == t ? units.wait_for(50us) : units.try_wait()) ++taken;
        });
    threads[0].join();
    threads[1].join();
    const bool all = await([&] { return taken == signalled; });
    stop = true;
    threads[2].join();
    threads[3].join();
    CHECK(all);
    CHECK(taken == 10000);
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("blocked waiters each get one unit", "[semaphore]") {
    const gcd::semaphore units{0};
    std::atomic<int> through{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                units.wait();
                ++through;
            }
        });
    for (int i = 0; i < 4000; ++i) units.signal();
    for (std::thread& thread : threads) thread.join();
    CHECK(through == 4000);
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("a semaphore may end at any value", "[semaphore]") {
    {
        const gcd::semaphore units{5};
        for (int i = 0; i < 5; ++i) units.wait();
    }
    {
        const gcd::semaphore units{0};
        for (int i = 0; i < 5; ++i) units.signal();
    }
    SUCCEED();
}

TEST_CASE("a semaphore may end as soon as a wait has returned", "[semaphore]") {
    const gcd::queue serial;
    for (int round = 0; round < 3000; ++round) {
        const gcd::semaphore done{0};
        serial.run_async([&done] { done.signal(); });
        done.wait();
    }
    SUCCEED();
}

TEST_CASE("bad values of a semaphore are refused", "[semaphore]") {
    CHECK_THROWS_AS(gcd::semaphore(-1), std::invalid_argument);
    CHECK_THROWS_AS(gcd::semaphore(std::numeric_limits<long>::min()), std::invalid_argument);
    const gcd::semaphore full{std::numeric_limits<long>::max()};
    CHECK_THROWS_AS(full.signal(), std::logic_error);
    CHECK(full.try_wait());
    CHECK_FALSE(full.signal());
    CHECK_THROWS_AS(full.signal(), std::logic_error);
}

TEST_CASE("a semaphore handle that was moved from answers with logic_error", "[semaphore]") {
    gcd::semaphore first{1};
    const gcd::semaphore second = std::move(first);
    CHECK_THROWS_AS(first.wait(), std::logic_error);
    CHECK_THROWS_AS(first.wait_for(1s), std::logic_error);
    CHECK_THROWS_AS(first.wait_until(gcd::time{}), std::logic_error);
    CHECK_THROWS_AS(first.try_wait(), std::logic_error);
    CHECK_THROWS_AS(first.signal(), std::logic_error);
    CHECK_THROWS_AS(first.acquire(), std::logic_error);
    CHECK_THROWS_AS(first.retain(), std::logic_error);
    const gcd::semaphore third = second.retain();
    third.wait();
    CHECK_FALSE(second.try_wait());
}
