// SPDX-License-Identifier: MIT
#include <gcd/apply.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::latch;

namespace {

std::atomic<std::size_t> plain_sum{0};
void add_index(std::size_t index) { plain_sum += index; }

/// Runs the loop and says whether each index was seen once.
bool each_once(std::size_t count, const gcd::queue& on) {
    std::vector<std::atomic<int>> seen(count);
    gcd::apply(count, on, [&](std::size_t i) { ++seen[i]; });
    for (const std::atomic<int>& one : seen)
        if (one != 1) return false;
    return true;
}

} // namespace

TEST_CASE("apply calls the body once for each index", "[apply]") {
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::queue to_serial{"", {.concurrent = true, .target = &serial}};
    const gcd::queue to_concurrent{"", {.concurrent = true, .target = &concurrent}};
    const gcd::queue global = gcd::queue::global_queue();
    const gcd::queue background = gcd::queue::global_queue(gcd::qos::background);
    for (const gcd::queue* on : {&serial, &concurrent, &to_serial, &to_concurrent, &global, &background})
        for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 2, 3, 7, 64, 10000})
            CHECK(each_once(count, *on));
}

TEST_CASE("apply without a queue uses the global one", "[apply]") {
    std::atomic<std::size_t> sum{0};
    gcd::apply(101, [&](std::size_t i) { sum += i; });
    CHECK(sum == 5050);
    plain_sum = 0;
    gcd::apply(11, add_index);
    gcd::apply(11, &add_index);
    CHECK(plain_sum == 110);
    gcd::apply(3, [owned = std::make_unique<std::atomic<int>>(0)](std::size_t) { return ++*owned; });
}

TEST_CASE("apply returns after the last call", "[apply]") {
    for (int round = 0; round < 300; ++round) {
        std::vector<int> written(64);
        gcd::apply(written.size(), [&](std::size_t i) { written[i] = static_cast<int>(i) + 1; });
        for (std::size_t i = 0; i < written.size(); ++i)
            if (written[i] != static_cast<int>(i) + 1) FAIL("index " << i << " was not done");
    }
}

TEST_CASE("apply on a serial queue keeps the order and the queue", "[apply]") {
    const gcd::queue serial;
    const gcd::queue through{"", {.concurrent = true, .target = &serial}};
    for (const gcd::queue* on : {&serial, &through}) {
        std::vector<std::size_t> order;
        gcd::apply(100, *on, [&](std::size_t i) {
            if (serial.is_current()) order.push_back(i);
        });
        REQUIRE(order.size() == 100);
        for (std::size_t i = 0; i < 100; ++i)
            if (order[i] != i) FAIL("index " << i << " came out of order");
    }
}

TEST_CASE("the body of apply runs on the queue", "[apply]") {
    const gcd::queue concurrent{"loop", {.concurrent = true}};
    const gcd::specific_key<int> key;
    concurrent.set_specific(key, 3);
    std::atomic<int> right{0};
    gcd::apply(32, concurrent, [&](std::size_t) {
        const auto found = gcd::get_specific(key);
        if (concurrent.is_current() && found != nullptr && *found == 3 && gcd::current_label() == "loop") ++right;
    });
    CHECK(right == 32);
}

TEST_CASE("apply throws the first exception when the calls under way have ended", "[apply]") {
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::queue global = gcd::queue::global_queue();
    for (const gcd::queue* on : {&serial, &concurrent, &global}) {
        std::atomic<int> inside{0};
        std::atomic<int> begun{0};
        CHECK_THROWS_AS(gcd::apply(100000, *on,
                                   [&](std::size_t i) {
                                       ++inside;
                                       ++begun;
                                       if (i == 3) {
                                           --inside;
                                           throw std::out_of_range{"three"};
                                       }
                                       --inside;
                                   }),
                        std::out_of_range);
        CHECK(inside == 0);
        CHECK(begun < 100000);
        CHECK(each_once(10, *on));
    }
    CHECK_THROWS_WITH(gcd::apply(4, [](std::size_t) { throw std::runtime_error{"all of them"}; }), "all of them");
}

TEST_CASE("on a serial queue nothing runs after the call that threw", "[apply]") {
    const gcd::queue serial;
    std::vector<std::size_t> order;
    CHECK_THROWS_AS(gcd::apply(10, serial,
                               [&](std::size_t i) {
                                   order.push_back(i);
                                   if (i == 4) throw 4;
                               }),
                    int);
    CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("apply nests", "[apply]") {
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::queue other{"", {.concurrent = true}};
    const gcd::queue global = gcd::queue::global_queue();
    const std::vector<std::pair<const gcd::queue*, const gcd::queue*>> pairs{{&global, &global},
                                                                             {&concurrent, &concurrent},
                                                                             {&concurrent, &other},
                                                                             {&concurrent, &global},
                                                                             {&global, &concurrent}};
    for (const auto& [outer, inner] : pairs) {
        std::atomic<int> ran{0};
        gcd::apply(10, *outer, [&, on = inner](std::size_t) {
            gcd::apply(10, *on, [&, on](std::size_t) { gcd::apply(10, *on, [&](std::size_t) { ++ran; }); });
        });
        CHECK(ran == 1000);
    }
}

TEST_CASE("apply inside of items and of run_sync", "[apply]") {
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    std::atomic<int> ran{0};
    serial.run_sync([&] { gcd::apply(10, concurrent, [&](std::size_t) { ++ran; }); });
    concurrent.run_sync([&] { gcd::apply(10, concurrent, [&](std::size_t) { ++ran; }); });
    CHECK(ran == 20);
    event done;
    concurrent.run_async([&] {
        gcd::apply(10, concurrent, [&](std::size_t) { ++ran; });
        done.set();
    });
    CHECK(done.wait());
    CHECK(ran == 30);
}

TEST_CASE("apply keeps barriers out", "[apply]") {
    const gcd::queue store{"", {.concurrent = true}};
    std::atomic<int> inside{0};
    std::atomic<int> broken{0};
    std::atomic<bool> stop{false};
    std::atomic<int> pending{0};
    std::thread writer{[&] {
        while (!stop) {
            ++pending;
            store.barrier_async([&] {
                if (inside != 0) ++broken;
                --pending;
            });
            static_cast<void>(await([&] { return pending < 4; }));
        }
    }};
    for (int round = 0; round < 500; ++round)
        gcd::apply(8, store, [&](std::size_t) {
            ++inside;
            std::this_thread::yield();
            --inside;
        });
    stop = true;
    writer.join();
    store.barrier_sync([] {});
    CHECK(broken == 0);
}

TEST_CASE("apply runs side by side", "[apply]") {
    if (std::thread::hardware_concurrency() < 2) return;
    latch both{2};
    std::atomic<int> met{0};
    gcd::apply(2, [&](std::size_t) {
        if (both.arrive_and_wait()) ++met;
    });
    CHECK(met == 2);
}

TEST_CASE("many threads may apply at once", "[apply]") {
    const gcd::queue concurrent{"", {.concurrent = true}};
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                gcd::apply(20, concurrent, [&](std::size_t) { ++ran; });
                gcd::apply(20, [&](std::size_t) { ++ran; });
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(ran == 4 * 50 * 40);
}

TEST_CASE("bad arguments of apply are refused", "[apply]") {
    gcd::queue moved;
    const gcd::queue taken = std::move(moved);
    const gcd::queue lazy{"", {.concurrent = true, .inactive = true}};
    const gcd::queue lazy_serial{"", {.inactive = true}};
    const auto nothing = [](std::size_t) {};
    void (*const null)(std::size_t) = nullptr;
    CHECK_THROWS_AS(gcd::apply(1, moved, nothing), std::logic_error);
    CHECK_THROWS_AS(gcd::apply(1, lazy, nothing), std::logic_error);
    CHECK_THROWS_AS(gcd::apply(1, lazy_serial, nothing), std::logic_error);
    CHECK_THROWS_AS(gcd::apply(1, std::function<void(std::size_t)>{}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::apply(0, null), std::invalid_argument);
}
