// SPDX-License-Identifier: MIT
#include <gcd/once.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/apply.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

using event = gcd_test::signal;
using gcd_test::latch;

namespace {

constinit gcd::once global_once;

} // namespace

TEST_CASE("once runs one callable", "[once]") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<gcd::once>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<gcd::once>);
    gcd::once once;
    int ran = 0;
    CHECK_FALSE(once.is_done());
    once([&] { ++ran; });
    CHECK(once.is_done());
    once([&] { ++ran; });
    once([&, owned = std::make_unique<int>(1)] { ++ran; });
    CHECK(ran == 1);
    global_once([&] { ++ran; });
    global_once([&] { ++ran; });
    CHECK(ran == 2);
}

TEST_CASE("once runs one callable for many threads, and all see its effect", "[once]") {
    for (int round = 0; round < 200; ++round) {
        gcd::once once;
        int value = 0; // written by the callable alone
        std::atomic<int> ran{0};
        std::atomic<int> unseen{0};
        latch together{4};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                static_cast<void>(together.arrive_and_wait());
                once([&] {
                    ++ran;
                    std::this_thread::yield();
                    value = 42;
                });
                if (value != 42) ++unseen;
            });
        for (std::thread& thread : threads) thread.join();
        if (ran != 1 || unseen != 0) FAIL("ran " << ran << " times, unseen by " << unseen);
    }
}

TEST_CASE("once lets the exception out and may be tried again", "[once]") {
    gcd::once once;
    CHECK_THROWS_AS(once([] { throw std::out_of_range{""}; }), std::out_of_range);
    CHECK_FALSE(once.is_done());
    CHECK_THROWS_AS(once([] { throw 5; }), int);
    int ran = 0;
    once([&] { ++ran; });
    CHECK(ran == 1);
    CHECK(once.is_done());
}

TEST_CASE("after an exception one of the waiters tries", "[once]") {
    gcd::once once;
    event inside;
    event release;
    std::atomic<int> ran{0};
    std::atomic<int> threw{0};
    std::thread first{[&] {
        try {
            once([&] {
                inside.set();
                static_cast<void>(release.wait());
                throw std::runtime_error{""};
            });
        } catch (const std::runtime_error&) {
            ++threw;
        }
    }};
    REQUIRE(inside.wait());
    std::vector<std::thread> others;
    for (int t = 0; t < 3; ++t) others.emplace_back([&] { once([&] { ++ran; }); });
    release.set();
    first.join();
    for (std::thread& other : others) other.join();
    CHECK(threw == 1);
    CHECK(ran == 1);
}

TEST_CASE("once called from inside its own callable is refused", "[once][deadlock]") {
    gcd::once once;
    bool refused = false;
    once([&] {
        try {
            once([] {});
        } catch (const gcd::would_deadlock&) {
            refused = true;
        }
    });
    CHECK(refused);
    CHECK(once.is_done());

    gcd::once through;
    const gcd::queue serial;
    CHECK_THROWS_AS(through([&] { serial.run_sync([&] { through([] {}); }); }), gcd::would_deadlock);
    CHECK_FALSE(through.is_done());
}

TEST_CASE("once called by the helpers of an apply inside its own callable is refused", "[once][deadlock][apply]") {
    gcd::once once;
    std::atomic<int> refused{0};
    once([&] {
        gcd::apply(64, [&](std::size_t) {
            std::this_thread::yield();
            try {
                once([] {});
            } catch (const gcd::would_deadlock&) {
                ++refused;
            }
        });
    });
    CHECK(refused == 64);
    CHECK(once.is_done());
}

TEST_CASE("different onces nest", "[once]") {
    gcd::once outer;
    gcd::once inner;
    int ran = 0;
    outer([&] { inner([&] { ++ran; }); });
    inner([&] { ++ran; });
    CHECK(ran == 1);
}

TEST_CASE("an empty callable of once is refused", "[once]") {
    gcd::once once;
    void (*const null)() = nullptr;
    CHECK_THROWS_AS(once(std::function<void()>{}), std::invalid_argument);
    CHECK_THROWS_AS(once(null), std::invalid_argument);
    CHECK_FALSE(once.is_done());
    int ran = 0;
    once([&] { return ++ran; });
    CHECK(ran == 1);
}
