// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using gcd_test::counted;
using gcd_test::latch;
using gcd_test::live_count;
using event = gcd_test::signal;

namespace {

int forty_two() { return 42; }

struct odd_error {
    int code;
};

} // namespace

TEST_CASE("run_sync gives the callable's value", "[queue][sync]") {
    const gcd::queue serial;
    CHECK(serial.run_sync([] { return 42; }) == 42);
    CHECK(serial.run_sync(forty_two) == 42);
    CHECK(serial.run_sync(&forty_two) == 42);
    CHECK(serial.run_sync(std::function<std::string()>{[] { return "text"; }}) == "text");
    CHECK(*serial.run_sync([] { return std::make_unique<int>(7); }) == 7);
    CHECK(serial.barrier_sync([] { return 43; }) == 43);
    CHECK(gcd::queue::global_queue().run_sync([] { return 44; }) == 44);
    CHECK(gcd::queue("", {.concurrent = true}).barrier_sync([] { return std::string(100, 'x'); }).size() == 100);
}

TEST_CASE("run_sync gives references, const values and nothing", "[queue][sync]") {
    const gcd::queue serial;
    int target = 1;
    auto by_reference = [&]() -> int& { return target; };
    STATIC_REQUIRE(std::is_same_v<decltype(serial.run_sync(by_reference)), int&>);
    serial.run_sync(by_reference) = 2;
    CHECK(target == 2);

    auto by_const_reference = [&]() -> const int& { return target; };
    STATIC_REQUIRE(std::is_same_v<decltype(serial.run_sync(by_const_reference)), const int&>);
    CHECK(&serial.run_sync(by_const_reference) == &target);

    auto by_rvalue = [&]() -> int&& { return std::move(target); };
    STATIC_REQUIRE(std::is_same_v<decltype(serial.run_sync(by_rvalue)), int&&>);
    CHECK(serial.run_sync(by_rvalue) == 2);

    const auto const_value = []() -> const std::string { return "fixed"; };
    CHECK(serial.run_sync(const_value) == "fixed");

    auto nothing = [&] { target = 3; };
    STATIC_REQUIRE(std::is_void_v<decltype(serial.run_sync(nothing))>);
    serial.run_sync(nothing);
    CHECK(target == 3);
}

TEST_CASE("run_sync borrows the callable", "[queue][sync]") {
    const gcd::queue serial;
    auto counter = [count = 0]() mutable { return ++count; };
    CHECK(serial.run_sync(counter) == 1);
    CHECK(serial.run_sync(counter) == 2);
    CHECK(counter() == 3);
    CHECK(serial.run_sync([owned = std::make_unique<int>(9)] { return *owned; }) == 9);
}

TEST_CASE("results of run_sync are destroyed once", "[queue][sync]") {
    live_count live;
    const gcd::queue serial;
    for (int i = 0; i < 10; ++i) {
        const counted held = serial.run_sync([&] { return counted{live}; });
        CHECK(live() == 1);
    }
    CHECK(live() == 0);
}

TEST_CASE("run_sync brings the exception back", "[queue][sync]") {
    const gcd::queue serial;
    CHECK_THROWS_AS(serial.run_sync([] { throw std::out_of_range{"far"}; }), std::out_of_range);
    CHECK_THROWS_WITH(serial.barrier_sync([]() -> int { throw std::runtime_error{"exact words"}; }), "exact words");
    try {
        serial.run_sync([] { throw odd_error{17}; });
        FAIL("nothing was thrown");
    } catch (const odd_error& error) {
        CHECK(error.code == 17);
    }
    const gcd::queue concurrent{"", {.concurrent = true}};
    CHECK_THROWS_AS(concurrent.barrier_sync([] { throw odd_error{1}; }), odd_error);
    CHECK_THROWS_AS(gcd::queue::global_queue().run_sync([] { throw odd_error{1}; }), odd_error);
    CHECK(serial.run_sync([] { return 1; }) == 1);
    CHECK(concurrent.barrier_sync([] { return 2; }) == 2);
}

TEST_CASE("an exception passes through nested run_sync", "[queue][sync]") {
    const gcd::queue outer;
    const gcd::queue inner;
    CHECK_THROWS_AS(outer.run_sync([&] { inner.run_sync([] { throw odd_error{2}; }); }), odd_error);
    CHECK(outer.run_sync([&] { return inner.run_sync([] { return 5; }); }) == 5);
}

TEST_CASE("run_sync runs on the caller's thread", "[queue][sync]") {
    const auto here = std::this_thread::get_id();
    const auto where = [] { return std::this_thread::get_id(); };
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::queue targeted{"", {.target = &serial}};
    CHECK(serial.run_sync(where) == here);
    CHECK(concurrent.run_sync(where) == here);
    CHECK(concurrent.barrier_sync(where) == here);
    CHECK(targeted.run_sync(where) == here);
    CHECK(gcd::queue::global_queue().run_sync(where) == here);
    event started;
    event release;
    serial.run_async([&] {
        started.set();
        static_cast<void>(release.wait());
    });
    REQUIRE(started.wait());
    std::thread releasing{[&] { release.set(); }};
    CHECK(serial.run_sync(where) == here);
    releasing.join();
}

TEST_CASE("run_sync doesn't overtake what its thread submitted before", "[queue][sync]") {
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::queue targeted{"", {.target = &serial}};
    for (const gcd::queue* each : {&serial, &concurrent, &targeted})
        for (int round = 0; round < 2000; ++round) {
            std::atomic<int> submitted{0};
            each->run_async([&] { submitted.fetch_add(1, std::memory_order_relaxed); });
            each->run_async([&] { submitted.fetch_add(1, std::memory_order_relaxed); });
            const int seen = each->barrier_sync([&] { return submitted.load(std::memory_order_relaxed); });
            if (seen != 2) FAIL("barrier_sync came before " << 2 - seen << " earlier items");
        }
    for (int round = 0; round < 2000; ++round) {
        bool ran = false;
        serial.run_async([&] { ran = true; });
        if (!serial.run_sync([&] { return ran; })) FAIL("run_sync overtook an earlier item");
    }
    for (int round = 0; round < 2000; ++round) {
        bool ran = false;
        concurrent.barrier_async([&] { ran = true; });
        if (!concurrent.run_sync([&] { return ran; })) FAIL("run_sync overtook an earlier barrier");
    }
}

TEST_CASE("run_sync excludes other items of a serial queue", "[queue][sync]") {
    const gcd::queue serial;
    int value = 0; // the queue is the lock
    std::vector<std::thread> threads;
    latch asynchronous{4 * 500};
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                serial.run_sync([&] { ++value; });
                serial.run_async([&] {
                    ++value;
                    asynchronous.count_down();
                });
            }
        });
    for (std::thread& thread : threads) thread.join();
    REQUIRE(asynchronous.wait());
    CHECK(serial.run_sync([&] { return value; }) == 4 * 1000);
}

TEST_CASE("readers run side by side, barrier_sync alone", "[queue][sync]") {
    const gcd::queue store{"", {.concurrent = true}};
    latch both{2};
    std::atomic<int> met{0};
    const auto read = [&] {
        store.run_sync([&] {
            if (both.arrive_and_wait()) ++met;
        });
    };
    std::thread first{read};
    std::thread second{read};
    first.join();
    second.join();
    CHECK(met == 2);

    int value = 0;
    std::atomic<bool> torn{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) store.barrier_sync([&] { value += 2; });
        });
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i)
                if (store.run_sync([&] { return value; }) % 2 != 0) torn = true;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(torn);
    CHECK(value == 2000);
}

TEST_CASE("run_sync on an inactive queue is an error, not a hang", "[queue][sync]") {
    const gcd::queue lazy{"lazy", {.inactive = true}};
    CHECK_THROWS_AS(lazy.run_sync([] {}), std::logic_error);
    CHECK_THROWS_AS(lazy.barrier_sync([] {}), std::logic_error);
    const gcd::queue lazy_store{"lazy", {.concurrent = true, .inactive = true}};
    CHECK_THROWS_AS(lazy_store.barrier_sync([] {}), std::logic_error);
    CHECK_THROWS_WITH(lazy.run_sync([] {}), gcd_test::ContainsSubstring("activate"));
    lazy.activate();
    CHECK(lazy.run_sync([] { return 1; }) == 1);
}

TEST_CASE("run_sync waits for a suspended queue", "[queue][sync]") {
    const gcd::queue serial;
    serial.suspend();
    std::atomic<bool> ran{false};
    event about;
    std::thread waiting{[&] {
        about.set();
        serial.run_sync([&] { ran = true; });
    }};
    REQUIRE(about.wait());
    CHECK_FALSE(ran);
    serial.resume();
    waiting.join();
    CHECK(ran);
}

TEST_CASE("the last handle may end inside the queue's own sync", "[queue][sync]") {
    for (const bool concurrent : {false, true})
        for (const bool barrier : {false, true}) {
            auto queue = std::make_unique<gcd::queue>("last", gcd::queue_options{.concurrent = concurrent});
            const gcd::queue* used = queue.get();
            bool ran = false;
            const auto end = [&] {
                queue.reset();
                ran = true;
            };
            if (barrier)
                used->barrier_sync(end);
            else
                used->run_sync(end);
            CHECK(ran);
        }
}
