// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using gcd_test::await;
using gcd_test::counted;
using gcd_test::latch;
using gcd_test::live_count;
using event = gcd_test::signal;

namespace {

std::atomic<int> plain_calls{0};
void plain_function() { ++plain_calls; }

struct member_caller {
    event* done;
    void operator()() const { done->set(); }
};

} // namespace

TEST_CASE("a queue handle is moved, never copied", "[queue]") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<gcd::queue>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<gcd::queue>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<gcd::queue>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<gcd::queue>);
}

TEST_CASE("a serial queue runs items one at a time in submission order", "[queue]") {
    const gcd::queue serial{"test.serial"};
    constexpr int count = 1000;
    std::vector<int> order;
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    latch done{count};
    for (int i = 0; i < count; ++i)
        serial.run_async([&, i] {
            if (inside.fetch_add(1) != 0) overlapped = true;
            order.push_back(i);
            inside.fetch_sub(1);
            done.count_down();
        });
    REQUIRE(done.wait());
    CHECK_FALSE(overlapped);
    REQUIRE(order.size() == count);
    for (int i = 0; i < count; ++i)
        if (order[static_cast<std::size_t>(i)] != i) FAIL("item " << i << " ran out of order");
}

TEST_CASE("a concurrent queue runs items side by side", "[queue]") {
    const gcd::queue concurrent{"test.concurrent", {.concurrent = true}};
    CHECK(concurrent.is_concurrent());
    latch both{2};
    latch ended{2};
    std::atomic<int> met{0};
    for (int i = 0; i < 2; ++i)
        concurrent.run_async([&] {
            if (both.arrive_and_wait()) ++met;
            ended.count_down();
        });
    REQUIRE(ended.wait(2 * gcd_test::bound));
    CHECK(met == 2);
}

TEST_CASE("a queue has the label, QoS and relative priority it was made with", "[queue]") {
    const gcd::queue plain;
    CHECK(plain.label().empty());
    CHECK(plain.qos() == gcd::qos::unspecified);
    CHECK(plain.relative_priority() == 0);
    CHECK_FALSE(plain.is_concurrent());
    CHECK_FALSE(plain.is_inactive());
    CHECK_FALSE(plain.is_suspended());

    const gcd::queue labelled{"com.example.label", {.qos = gcd::qos::utility, .relative_priority = -15}};
    CHECK(labelled.label() == "com.example.label");
    CHECK(labelled.qos() == gcd::qos::utility);
    CHECK(labelled.relative_priority() == -15);

    for (const gcd::qos each : {gcd::qos::background, gcd::qos::utility, gcd::qos::default_class,
                                gcd::qos::user_initiated, gcd::qos::user_interactive})
        CHECK(gcd::queue("", {.qos = each}).qos() == each);
}

TEST_CASE("bad queue options are refused", "[queue]") {
    CHECK_THROWS_AS(gcd::queue(std::string_view{"a\0b", 3}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue("", {.qos = static_cast<gcd::qos>(0x22)}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue("", {.qos = gcd::qos::utility, .relative_priority = 1}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue("", {.qos = gcd::qos::utility, .relative_priority = -16}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue("", {.relative_priority = -1}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue::global_queue(static_cast<gcd::qos>(1)), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue::global_queue(static_cast<gcd::queue_priority>(7)), std::invalid_argument);
}

TEST_CASE("global queues are found by QoS and by priority", "[queue]") {
    for (const gcd::qos each : {gcd::qos::background, gcd::qos::utility, gcd::qos::default_class,
                                gcd::qos::user_initiated, gcd::qos::user_interactive, gcd::qos::unspecified}) {
        const gcd::queue global = gcd::queue::global_queue(each);
        CHECK(global.is_concurrent());
        CHECK_FALSE(global.label().empty());
        event ran;
        global.run_async([&] { ran.set(); });
        CHECK(ran.wait());
    }
    for (const gcd::queue_priority each : {gcd::queue_priority::high, gcd::queue_priority::normal,
                                           gcd::queue_priority::low, gcd::queue_priority::background}) {
        event ran;
        gcd::queue::global_queue(each).run_async([&] { ran.set(); });
        CHECK(ran.wait());
    }
    CHECK(gcd::queue::global_queue() == gcd::queue::global_queue(gcd::qos::default_class));
    CHECK(gcd::queue::global_queue() == gcd::queue::global_queue(gcd::queue_priority::normal));
    CHECK_FALSE(gcd::queue::global_queue() == gcd::queue::global_queue(gcd::qos::background));
}

TEST_CASE("every kind of callable can be submitted", "[queue]") {
    const gcd::queue serial;
    event done;
    plain_calls = 0;
    serial.run_async(plain_function);
    serial.run_async(&plain_function);
    const std::function<void()> stored = plain_function;
    serial.run_async(stored);
    serial.run_async(std::function<int()>{[] { return 7; }});
    int mutations = 0;
    serial.run_async([value = 0, &mutations]() mutable { mutations = ++value; });
    serial.run_async([owned = std::make_unique<int>(42), &mutations] { mutations += *owned; });
    serial.run_async(member_caller{&done});
    REQUIRE(done.wait());
    CHECK(plain_calls == 3);
    CHECK(mutations == 43);
}

TEST_CASE("an empty callable is refused at the call", "[queue]") {
    const gcd::queue serial;
    const std::function<void()> empty;
    void (*const null)() = nullptr;
    CHECK_THROWS_AS(serial.run_async(empty), std::invalid_argument);
    CHECK_THROWS_AS(serial.run_async(null), std::invalid_argument);
    CHECK_THROWS_AS(serial.barrier_async(empty), std::invalid_argument);
    CHECK_THROWS_AS(serial.barrier_async(null), std::invalid_argument);
    CHECK_THROWS_AS(serial.run_sync(empty), std::invalid_argument);
    CHECK_THROWS_AS(serial.run_sync(null), std::invalid_argument);
    CHECK_THROWS_AS(serial.barrier_sync(empty), std::invalid_argument);
    CHECK_THROWS_AS(serial.barrier_sync(null), std::invalid_argument);
}

TEST_CASE("a handle that was moved from answers with logic_error", "[queue]") {
    gcd::queue first{"moved"};
    const gcd::queue second = std::move(first);
    const gcd::specific_key<int> key;
    const auto nothing = [] {};
    CHECK(second.label() == "moved");
    CHECK_THROWS_AS(first.retain(), std::logic_error);
    CHECK_THROWS_AS(first.run_async(nothing), std::logic_error);
    CHECK_THROWS_AS(first.run_sync(nothing), std::logic_error);
    CHECK_THROWS_AS(first.barrier_async(nothing), std::logic_error);
    CHECK_THROWS_AS(first.barrier_sync(nothing), std::logic_error);
    CHECK_THROWS_AS(first.suspend(), std::logic_error);
    CHECK_THROWS_AS(first.resume(), std::logic_error);
    CHECK_THROWS_AS(first.suspended(), std::logic_error);
    CHECK_THROWS_AS(first.activate(), std::logic_error);
    CHECK_THROWS_AS(first.is_inactive(), std::logic_error);
    CHECK_THROWS_AS(first.is_suspended(), std::logic_error);
    CHECK_THROWS_AS(first.is_concurrent(), std::logic_error);
    CHECK_THROWS_AS(first.is_current(), std::logic_error);
    CHECK_THROWS_AS(first.set_target_queue(second), std::logic_error);
    CHECK_THROWS_AS(second.set_target_queue(first), std::logic_error);
    CHECK_THROWS_AS(first.set_context(nullptr), std::logic_error);
    CHECK_THROWS_AS(first.context(), std::logic_error);
    CHECK_THROWS_AS(first.set_specific(key, 1), std::logic_error);
    CHECK_THROWS_AS(first.get_specific(key), std::logic_error);
    CHECK_THROWS_AS(first.label(), std::logic_error);
    CHECK_THROWS_AS(first.qos(), std::logic_error);
    CHECK_THROWS_AS(first.relative_priority(), std::logic_error);
    CHECK_THROWS_AS(gcd::queue("", {.target = &first}), std::logic_error);
    first = gcd::queue{"again"};
    CHECK(first.label() == "again");
}

TEST_CASE("a refused submission destroys the callable", "[queue]") {
    live_count live;
    gcd::queue gone;
    const gcd::queue taken = std::move(gone);
    CHECK_THROWS_AS(gone.run_async([held = counted{live}] {}), std::logic_error);
    CHECK(live() == 0);
    CHECK_THROWS_AS(gone.barrier_async([held = counted{live}] {}), std::logic_error);
    CHECK(live() == 0);
}

TEST_CASE("captures are destroyed once the item has run", "[queue]") {
    live_count live;
    const gcd::queue concurrent{"", {.concurrent = true}};
    for (int i = 0; i < 100; ++i) {
        concurrent.run_async([held = counted{live}] {});
        concurrent.barrier_async([held = counted{live}] {});
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("a second owner is the same queue", "[queue]") {
    gcd::queue second;
    {
        const gcd::queue first{"shared"};
        second = first.retain();
        CHECK(first == second);
        CHECK_FALSE(first == gcd::queue("shared"));
    }
    CHECK(second.run_sync([] { return 3; }) == 3);
}

TEST_CASE("items submitted from many threads all run", "[queue]") {
    const gcd::queue serial;
    constexpr int each = 5000;
    int sum = 0; // unguarded on purpose: the queue is the lock
    latch done{4 * each};
    std::vector<std::thread> producers;
    for (int t = 0; t < 4; ++t)
        producers.emplace_back([&] {
            for (int i = 0; i < each; ++i)
                serial.run_async([&] {
                    ++sum;
                    done.count_down();
                });
        });
    for (std::thread& producer : producers) producer.join();
    REQUIRE(done.wait(4 * gcd_test::bound));
    CHECK(sum == 4 * each);
}

TEST_CASE("a barrier waits for earlier readers and keeps later ones back", "[queue]") {
    const gcd::queue store{"test.store", {.concurrent = true}};
    constexpr int readers = 4;
    event release;
    latch reading{2};
    std::atomic<int> before{0};
    std::atomic<int> after{0};
    int seen_before = -1;
    int seen_after = -1;
    latch done{readers};
    for (int i = 0; i < readers; ++i)
        store.run_async([&] {
            reading.count_down();
            static_cast<void>(release.wait());
            ++before;
        });
    store.barrier_async([&] {
        seen_before = before;
        seen_after = after;
    });
    for (int i = 0; i < readers; ++i)
        store.run_async([&] {
            ++after;
            done.count_down();
        });
    REQUIRE(reading.wait());
    CHECK(after == 0);
    release.set();
    REQUIRE(done.wait());
    CHECK(seen_before == readers);
    CHECK(seen_after == 0);
    CHECK(after == readers);
}

TEST_CASE("a barrier runs alone", "[queue]") {
    const gcd::queue store{"", {.concurrent = true}};
    std::atomic<int> inside{0};
    std::atomic<int> broken{0};
    int value = 0; // written by barriers, read by readers, no other lock
    constexpr int rounds = 2000;
    latch done{rounds};
    for (int i = 0; i < rounds; ++i) {
        if (i % 10 == 0)
            store.barrier_async([&] {
                if (inside.fetch_add(1000) != 0) ++broken;
                ++value;
                inside.fetch_sub(1000);
                done.count_down();
            });
        else
            store.run_async([&] {
                if (inside.fetch_add(1) >= 1000 || value < 0) ++broken;
                inside.fetch_sub(1);
                done.count_down();
            });
    }
    REQUIRE(done.wait());
    CHECK(broken == 0);
    CHECK(value == rounds / 10);
}

TEST_CASE("a barrier on a serial or global queue is an ordinary item", "[queue]") {
    std::vector<int> order;
    event done;
    const gcd::queue serial;
    serial.run_async([&] { order.push_back(1); });
    serial.barrier_async([&] { order.push_back(2); });
    serial.run_async([&] {
        order.push_back(3);
        done.set();
    });
    REQUIRE(done.wait());
    CHECK(order == std::vector<int>{1, 2, 3});
    done.reset();
    gcd::queue::global_queue().barrier_async([&] { done.set(); });
    CHECK(done.wait());
}
