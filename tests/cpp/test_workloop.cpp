// SPDX-License-Identifier: MIT
#include <gcd/workloop.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/apply.hpp>
#include <gcd/group.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using event = gcd_test::signal;
using gcd_test::latch;

TEST_CASE("a workloop runs items one at a time", "[workloop]") {
    const gcd::workloop loop{"test.workloop"};
    CHECK(loop.label() == "test.workloop");
    CHECK_FALSE(loop.is_concurrent());
    CHECK_FALSE(loop.is_inactive());
    int value = 0; // the workloop is the lock
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    latch done{2 * 1000};
    const auto item = [&] {
        if (inside.fetch_add(1) != 0) overlapped = true;
        ++value;
        inside.fetch_sub(1);
        done.count_down();
    };
    std::thread other{[&] {
        for (int i = 0; i < 1000; ++i) loop.run_async(item);
    }};
    for (int i = 0; i < 1000; ++i) loop.run_async(item);
    other.join();
    REQUIRE(done.wait());
    CHECK_FALSE(overlapped);
    CHECK(value == 2000);
}

TEST_CASE("a workloop does what a queue does", "[workloop]") {
    const gcd::workloop loop{"loop"};
    CHECK(loop.run_sync([] { return 42; }) == 42);
    CHECK(loop.barrier_sync([] { return std::make_unique<int>(1); }) != nullptr);
    CHECK_THROWS_AS(loop.run_sync([] { throw std::out_of_range{""}; }), std::out_of_range);
    CHECK(loop.run_sync([&] { return loop.is_current() && gcd::current_label() == "loop"; }));
    latch done{2};
    loop.barrier_async([&] { done.count_down(); });
    const gcd::group group;
    group.run_async(loop, [&] { done.count_down(); });
    CHECK(group.wait_for(5s));
    CHECK(done.wait());
    event notified;
    group.notify(loop, [&] { notified.set(); });
    CHECK(notified.wait());

    const gcd::specific_key<int> key;
    loop.set_specific(key, 6);
    CHECK(*loop.run_sync([&] { return gcd::get_specific(key); }) == 6);
    std::atomic<int> finalized{0};
    loop.set_context(std::make_shared<int>(1), [&] { ++finalized; });
    loop.set_context(nullptr);
    CHECK(finalized == 1);
}

TEST_CASE("apply on a workloop runs in order", "[workloop][apply]") {
    const gcd::workloop loop;
    std::vector<std::size_t> order;
    gcd::apply(100, loop, [&](std::size_t i) { order.push_back(i); });
    REQUIRE(order.size() == 100);
    for (std::size_t i = 0; i < 100; ++i)
        if (order[i] != i) FAIL("iteration " << i << " came out of order");
}

TEST_CASE("an inactive workloop takes no work", "[workloop]") {
    const gcd::workloop loop{"lazy", {.inactive = true}};
    const gcd::group group;
    CHECK(loop.is_inactive());
    CHECK_THROWS_AS(loop.run_async([] {}), std::logic_error);
    CHECK_THROWS_AS(loop.barrier_async([] {}), std::logic_error);
    CHECK_THROWS_AS(loop.run_sync([] {}), std::logic_error);
    CHECK_THROWS_AS(loop.barrier_sync([] {}), std::logic_error);
    CHECK_THROWS_AS(group.run_async(loop, [] {}), std::logic_error);
    CHECK_THROWS_AS(group.notify(loop, [] {}), std::logic_error);
    CHECK_THROWS_AS(gcd::apply(1, loop, [](std::size_t) {}), std::logic_error);
    CHECK_THROWS_WITH(loop.run_async([] {}),
                      gcd_test::ContainsSubstring("lazy") && gcd_test::ContainsSubstring("activate"));
    CHECK(group.wait_for(0s));
    loop.activate();
    CHECK_FALSE(loop.is_inactive());
    CHECK(loop.run_sync([] { return 1; }) == 1);
    CHECK_THROWS_AS(loop.activate(), std::logic_error);
}

TEST_CASE("a workloop can't be suspended or retargeted", "[workloop]") {
    const gcd::workloop loop;
    const gcd::queue target;
    CHECK_THROWS_AS(loop.suspend(), std::logic_error);
    CHECK_THROWS_AS(loop.resume(), std::logic_error);
    CHECK_THROWS_AS(loop.suspended(), std::logic_error);
    CHECK_THROWS_AS(loop.set_target_queue(target), std::logic_error);
    CHECK(loop.run_sync([] { return true; }));
}

TEST_CASE("the autorelease frequency is set before activation", "[workloop]") {
    const gcd::workloop loop{"frequent",
                             {.inactive = true, .autorelease_frequency = gcd::autorelease_frequency::work_item}};
    loop.set_autorelease_frequency(gcd::autorelease_frequency::never);
    loop.set_autorelease_frequency(gcd::autorelease_frequency::inherit);
    CHECK_THROWS_AS(loop.set_autorelease_frequency(static_cast<gcd::autorelease_frequency>(3)), std::invalid_argument);
    loop.activate();
    CHECK_THROWS_AS(loop.set_autorelease_frequency(gcd::autorelease_frequency::never), std::logic_error);
    const auto unknown = static_cast<gcd::autorelease_frequency>(9);
    CHECK_THROWS_AS(gcd::workloop("", {.autorelease_frequency = unknown}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::workloop(std::string_view{"\0", 1}), std::invalid_argument);
}

TEST_CASE("a workloop's handles are those of a queue", "[workloop]") {
    gcd::workloop loop{"shared"};
    const gcd::workloop second = loop.retain();
    const gcd::queue as_queue = loop.retain();
    CHECK(second == loop);
    CHECK(as_queue == loop);
    CHECK_THROWS_AS(as_queue.suspend(), std::logic_error);
    const gcd::workloop moved = std::move(loop);
    CHECK_THROWS_AS(loop.run_async([] {}), std::logic_error);
    CHECK_THROWS_AS(loop.set_autorelease_frequency(gcd::autorelease_frequency::never), std::logic_error);
    CHECK_THROWS_AS(loop.retain(), std::logic_error);
    CHECK(moved.run_sync([] { return true; }));
}

TEST_CASE("a workloop dropped with work runs it, dropped inactive it ends quietly", "[workloop]") {
    latch done{50};
    {
        const gcd::workloop brief;
        for (int i = 0; i < 50; ++i) brief.run_async([&] { done.count_down(); });
    }
    CHECK(done.wait());
    for (int i = 0; i < 20; ++i) const gcd::workloop lazy{"", {.inactive = true}};
}

TEST_CASE("run_sync onto a workloop that this thread holds is refused", "[workloop][deadlock]") {
    const gcd::workloop loop;
    const gcd::queue through{"", {.target = &loop}};
    CHECK_THROWS_AS(loop.run_sync([&] { loop.run_sync([] {}); }), gcd::would_deadlock);
    CHECK_THROWS_AS(through.run_sync([&] { loop.run_sync([] {}); }), gcd::would_deadlock);
    CHECK_THROWS_AS(loop.run_sync([&] { through.run_sync([] {}); }), gcd::would_deadlock);
    CHECK_THROWS_AS(loop.run_sync([&] { gcd::apply(2, loop, [](std::size_t) {}); }), gcd::would_deadlock);
}
