// SPDX-License-Identifier: MIT
#include <gcd/group.hpp>

#include <gcd/apply.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::counted;
using gcd_test::latch;
using gcd_test::live_count;
using gcd_test::race;

TEST_CASE("a group waits for all of its items", "[group]") {
    const gcd::group group;
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::queue global = gcd::queue::global_queue();
    std::atomic<int> ran{0};
    for (int i = 0; i < 300; ++i)
        for (const gcd::queue* each : {&serial, &concurrent, &global}) group.run_async(*each, [&] { ++ran; });
    REQUIRE(group.wait_for(gcd_test::bound));
    CHECK(ran == 900);
}

TEST_CASE("an empty group is waited for at once", "[group]") {
    const gcd::group group;
    group.wait();
    CHECK(group.wait_for(0s));
    CHECK(group.wait_for(-1s));
    CHECK(group.wait_until(gcd::time{}));
    CHECK(group.wait_until(gcd::time::forever()));
    event ran;
    group.notify(gcd::queue::global_queue(), [&] { ran.set(); });
    CHECK(ran.wait());
}

TEST_CASE("a limited wait ends without the group", "[group]") {
    const gcd::group group;
    gcd::group::token entered = group.enter();
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(group.wait_for(20ms));
    CHECK(std::chrono::steady_clock::now() - began >= 20ms);
    CHECK_FALSE(group.wait_for(0s));
    CHECK_FALSE(group.wait_for(-1h));
    CHECK_FALSE(group.wait_until(gcd::time::from_now(1ms)));
    CHECK_FALSE(group.wait_until(gcd::time::now(gcd::clock::wall) + 1ms));
    CHECK_FALSE(group.wait_until(gcd::time{}));
    entered.leave();
    CHECK(group.wait_for(0s));
}

TEST_CASE("a token leaves at its end, once", "[group]") {
    const gcd::group group;
    {
        gcd::group::token first = group.enter();
        gcd::group::token second = group.enter();
        const gcd::group::token moved = std::move(first);
        second.leave();
        second.leave();
        CHECK_FALSE(group.wait_for(0s));
    }
    CHECK(group.wait_for(0s));
    CHECK_THROWS_AS(group.leave(), std::logic_error);

    gcd::group::token assigned = group.enter();
    assigned = group.enter();
    CHECK_FALSE(group.wait_for(0s));
    assigned.leave();
    CHECK(group.wait_for(0s));
}

TEST_CASE("a released entry is balanced by a plain leave", "[group]") {
    const gcd::group group;
    group.enter().release();
    CHECK_FALSE(group.wait_for(0s));
    group.leave();
    CHECK(group.wait_for(0s));
    CHECK_THROWS_AS(group.leave(), std::logic_error);
}

TEST_CASE("a leave without an enter is an error", "[group]") {
    const gcd::group group;
    CHECK_THROWS_AS(group.leave(), std::logic_error);
    {
        const gcd::group::token entered = group.enter();
        group.leave();
        CHECK_THROWS_AS(group.leave(), std::logic_error);
    }
    CHECK(group.wait_for(0s));
    event ran;
    group.run_async(gcd::queue::global_queue(), [&] { ran.set(); });
    CHECK(ran.wait());
    CHECK(group.wait_for(gcd_test::bound));
}

TEST_CASE("of racing leaves exactly as many win as were entered", "[group]") {
    for (int round = 0; round < 500; ++round) {
        const gcd::group group;
        group.enter().release();
        const auto leave = [&] { group.leave(); };
        const int won = race(leave, leave);
        if (won != 1) FAIL(won << " leaves won");
        REQUIRE(group.wait_for(0s));
    }
}

TEST_CASE("a group is used again after it was empty", "[group]") {
    const gcd::group group;
    const gcd::queue concurrent{"", {.concurrent = true}};
    std::atomic<int> ran{0};
    std::atomic<int> notified{0};
    for (int round = 1; round <= 100; ++round) {
        for (int i = 0; i < 4; ++i) group.run_async(concurrent, [&] { ++ran; });
        group.notify(concurrent, [&] { ++notified; });
        REQUIRE(group.wait_for(gcd_test::bound));
        if (ran != round * 4) FAIL("wait returned before all items had run");
    }
    CHECK(await([&] { return notified == 100; }));
}

TEST_CASE("notify runs each callable once, when the count is zero", "[group]") {
    const gcd::group group;
    const gcd::queue serial;
    std::atomic<int> notified{0};
    std::atomic<int> early{0};
    std::atomic<bool> left{false};
    gcd::group::token entered = group.enter();
    for (int i = 0; i < 50; ++i)
        group.notify(serial, [&] {
            if (!left) ++early;
            ++notified;
        });
    serial.run_sync([] {});
    CHECK(notified == 0);
    left = true;
    entered.leave();
    CHECK(await([&] { return notified == 50; }));
    CHECK(early == 0);
    {
        const gcd::group::token again = group.enter();
    }
    serial.run_sync([] {});
    CHECK(notified == 50);
}

TEST_CASE("notify with several queues reaches each", "[group]") {
    const gcd::group group;
    const gcd::queue first{"first"};
    const gcd::queue second{"second", {.concurrent = true}};
    latch done{2};
    std::atomic<int> right{0};
    gcd::group::token entered = group.enter();
    group.notify(first, [&] {
        if (first.is_current()) ++right;
        done.count_down();
    });
    group.notify(second, [&] {
        if (second.is_current()) ++right;
        done.count_down();
    });
    entered.leave();
    CHECK(done.wait());
    CHECK(right == 2);
}

TEST_CASE("notifications stand in their queues before a wait returns", "[group]") {
    // A serial queue runs in order: what stands in it when wait returns has run after one more run_sync.
    const gcd::queue serial;
    const gcd::queue workers = gcd::queue::global_queue();
    for (int round = 0; round < 3000; ++round) {
        const gcd::group group;
        bool notified = false;
        group.run_async(workers, [] {});
        group.notify(serial, [&] { notified = true; });
        group.wait();
        if (!serial.run_sync([&] { return notified; })) FAIL("round " << round << ": wait came first");
    }
}

TEST_CASE("a wait that finds the count at zero comes after the notifications too", "[group]") {
    const gcd::queue serial;
    for (int round = 0; round < 1000; ++round) {
        const gcd::group group;
        bool notified = false;
        gcd::group::token entered = group.enter();
        group.notify(serial, [&] { notified = true; });
        std::atomic<bool> go{false};
        std::thread leaving{[&, token = std::move(entered)]() mutable {
            while (!go) std::this_thread::yield();
            token.leave();
        }};
        go = true;
        while (!group.wait_for(0s)) std::this_thread::yield();
        const bool seen = serial.run_sync([&] { return notified; });
        leaving.join();
        if (!seen) FAIL("round " << round << ": wait came first");
    }
}

TEST_CASE("a notification waits for entries made before it", "[group]") {
    // Another thread takes the count to zero all the while; that mustn't set off what waits for our entry, nor lose it.
    const gcd::group group;
    const gcd::queue serial;
    std::atomic<bool> stop{false};
    std::thread busy{[&] {
        while (!stop) {
            const gcd::group::token brief = group.enter();
        }
    }};
    int early = 0;
    bool lost = false;
    for (int round = 0; round < 3000 && !lost; ++round) {
        struct state {
            std::atomic<bool> left{false};
            std::atomic<bool> ran{false};
            std::atomic<bool> ran_early{false};
        };
        const auto own = std::make_shared<state>();
        gcd::group::token entered = group.enter();
        group.notify(serial, [own] {
            if (!own->left) own->ran_early = true;
            own->ran = true;
        });
        serial.run_sync([] {});
        own->left = true;
        entered.leave();
        lost = !await([&] {
            for (int spin = 0; spin < 100 && !own->ran; ++spin) std::this_thread::yield();
            return own->ran.load();
        });
        early += own->ran_early ? 1 : 0;
    }
    stop = true;
    busy.join();
    CHECK_FALSE(lost);
    CHECK(early == 0);
}

TEST_CASE("enter, leave, notify and wait go together from many threads", "[group]") {
    const gcd::group group;
    const gcd::queue serial;
    std::atomic<int> notified{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                const gcd::group::token entered = group.enter();
                group.run_async(serial, [] {});
                group.notify(serial, [&] { ++notified; });
                static_cast<void>(group.wait_for(0s));
            }
        });
    for (std::thread& thread : threads) thread.join();
    REQUIRE(group.wait_for(gcd_test::bound));
    serial.run_sync([] {});
    CHECK(notified == 4000);
}

TEST_CASE("items under way keep the group", "[group][lifetime]") {
    event release;
    event notified;
    const gcd::queue serial;
    {
        const gcd::group brief;
        brief.run_async(serial, [&] { static_cast<void>(release.wait()); });
        brief.notify(gcd::queue::global_queue(), [&] { notified.set(); });
    }
    CHECK_FALSE(notified.is_set());
    release.set();
    CHECK(notified.wait());
}

TEST_CASE("a token keeps the group", "[group][lifetime]") {
    event notified;
    {
        auto brief = std::make_unique<gcd::group>();
        gcd::group::token entered = brief->enter();
        brief->notify(gcd::queue::global_queue(), [&] { notified.set(); });
        brief.reset();
        CHECK_FALSE(notified.is_set());
    }
    CHECK(notified.wait());
}

TEST_CASE("a group dropped with released entries drops its notifications", "[group][lifetime]") {
    live_count live;
    std::atomic<bool> ran{false};
    const gcd::queue serial;
    {
        const gcd::group dropped;
        for (int i = 0; i < 10; ++i) dropped.enter().release();
        dropped.notify(serial, [&, held = counted{live}] { ran = true; });
        CHECK(live() == 1);
    }
    CHECK(live() == 0);
    serial.run_sync([] {});
    CHECK_FALSE(ran);
}

TEST_CASE("a group may end as soon as a wait has returned", "[group][lifetime]") {
    for (int round = 0; round < 2000; ++round) {
        auto group = std::make_unique<gcd::group>();
        group->enter().release();
        gcd::group* const raw = group.get();
        gcd::queue::global_queue().run_async([second = group->retain()] { second.leave(); });
        raw->wait();
        group.reset();
    }
    SUCCEED();
}

TEST_CASE("group items and notifications are destroyed once", "[group]") {
    live_count live;
    {
        const gcd::group group;
        const gcd::queue concurrent{"", {.concurrent = true}};
        for (int i = 0; i < 100; ++i) {
            group.run_async(concurrent, [held = counted{live}] {});
            group.notify(concurrent, [held = counted{live}] {});
        }
        group.wait();
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("bad arguments of a group are refused and leave the count alone", "[group]") {
    live_count live;
    const gcd::group group;
    gcd::queue moved;
    const gcd::queue serial = std::move(moved);
    const std::function<void()> empty;
    CHECK_THROWS_AS(group.run_async(serial, empty), std::invalid_argument);
    CHECK_THROWS_AS(group.notify(serial, empty), std::invalid_argument);
    CHECK_THROWS_AS(group.run_async(moved, [held = counted{live}] {}), std::logic_error);
    CHECK_THROWS_AS(group.notify(moved, [held = counted{live}] {}), std::logic_error);
    CHECK(live() == 0);
    CHECK(group.wait_for(0s));
}

TEST_CASE("a group handle that was moved from answers with logic_error", "[group]") {
    live_count live;
    gcd::group first;
    const gcd::group second = std::move(first);
    const gcd::queue serial;
    CHECK_THROWS_AS(first.retain(), std::logic_error);
    CHECK_THROWS_AS(first.enter(), std::logic_error);
    CHECK_THROWS_AS(first.leave(), std::logic_error);
    CHECK_THROWS_AS(first.wait(), std::logic_error);
    CHECK_THROWS_AS(first.wait_for(1s), std::logic_error);
    CHECK_THROWS_AS(first.wait_until(gcd::time{}), std::logic_error);
    CHECK_THROWS_AS(first.run_async(serial, [held = counted{live}] {}), std::logic_error);
    CHECK_THROWS_AS(first.notify(serial, [held = counted{live}] {}), std::logic_error);
    CHECK(live() == 0);
    const gcd::group third = second.retain();
    {
        const gcd::group::token entered = third.enter();
    }
    CHECK(second.wait_for(0s));
}

TEST_CASE("a notification may enter the group again and ask for another", "[group]") {
    const gcd::group group;
    const gcd::queue serial;
    event second;
    std::function<void()> again = [&] { second.set(); };
    group.notify(serial, [&] {
        const gcd::group::token entered = group.enter();
        group.notify(serial, again);
    });
    CHECK(second.wait());
}

TEST_CASE("a leave can't take the count of an item", "[group]") {
    const gcd::queue queue{"items"};
    const gcd::group group;
    {
        const gcd::suspension held = queue.suspended();
        group.run_async(queue, [] {});
        CHECK_THROWS_AS(group.leave(), std::logic_error);
        CHECK_FALSE(group.wait_for(gcd::duration{}));
    }
    group.wait();
    CHECK_THROWS_AS(group.leave(), std::logic_error);
}

TEST_CASE("a wait without a limit inside an item of the group is refused", "[group]") {
    const gcd::group group;
    const gcd::group other;
    const gcd::queue queue{"items"};
    const gcd::queue inner{"inner"};
    std::atomic<int> refused{0};
    const auto try_to_wait = [&] {
        try {
            group.wait();
        } catch (const gcd::would_deadlock&) {
            ++refused;
        }
    };
    group.run_async(queue, try_to_wait);
    group.run_async(queue, [&] { inner.run_sync(try_to_wait); });
    group.run_async(queue, [&] { gcd::apply(4, [&](std::size_t) { try_to_wait(); }); });
    group.run_async(queue, [&] {
        // With a limit it may be asked, and other groups may be waited for.
        if (!group.wait_for(1ms)) other.wait();
        ++refused;
    });
    REQUIRE(group.wait_for(gcd_test::bound));
    CHECK(refused == 7);
    group.wait();
}

TEST_CASE("the finalizer of a notification's queue may use the group", "[group]") {
    for (int round = 0; round < 200; ++round) {
        const auto group = std::make_shared<gcd::group>();
        const auto told = std::make_shared<event>();
        {
            const gcd::queue last;
            last.set_context(nullptr, [=] { group->notify(gcd::queue::global_queue(), [=] { told->set(); }); });
            group->run_async(gcd::queue::global_queue(), [] {});
            group->notify(last, [] {});
        }
        REQUIRE(told->wait());
    }
}
