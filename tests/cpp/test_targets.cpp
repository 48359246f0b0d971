// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/workloop.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::latch;
using gcd_test::race;

TEST_CASE("queues with a serial target share its turn", "[queue][target]") {
    const gcd::queue target{"shared"};
    const gcd::queue first{"first", {.target = &target}};
    const gcd::queue second{"second", {.concurrent = true, .target = &target}};
    int value = 0; // the target is the lock
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    latch done{3 * 1000};
    const auto item = [&] {
        if (inside.fetch_add(1) != 0) overlapped = true;
        ++value;
        inside.fetch_sub(1);
        done.count_down();
    };
    for (int i = 0; i < 1000; ++i) {
        first.run_async(item);
        second.run_async(item);
        target.run_async(item);
    }
    REQUIRE(done.wait());
    CHECK_FALSE(overlapped);
    CHECK(value == 3000);
}

TEST_CASE("a suspended target holds the queues that go through it", "[queue][target]") {
    const gcd::queue target;
    const gcd::queue serial{"", {.target = &target}};
    event ran;
    target.suspend();
    serial.run_async([&] { ran.set(); });
    gcd::queue{}.run_sync([] {});
    CHECK_FALSE(ran.is_set());
    target.resume();
    CHECK(ran.wait());
}

TEST_CASE("a queue keeps its target", "[queue][target]") {
    event ran;
    event also;
    const gcd::queue serial = [] {
        const gcd::queue inner;
        const gcd::queue middle{"", {.target = &inner}};
        return gcd::queue{"", {.target = &middle}};
    }();
    serial.run_async([&] { ran.set(); });
    CHECK(ran.wait());
    serial.run_sync([&] { also.set(); });
    CHECK(also.is_set());
}

TEST_CASE("a long chain of targets works", "[queue][target]") {
    std::vector<gcd::queue> chain;
    chain.emplace_back("0");
    for (int i = 1; i < 50; ++i) {
        const gcd::queue& last = chain.back();
        gcd::queue next{std::to_string(i), {.concurrent = i % 2 == 0, .target = &last}};
        chain.push_back(std::move(next));
    }
    event ran;
    chain.back().run_async([&] { ran.set(); });
    REQUIRE(ran.wait());
    CHECK(chain.back().run_sync([&] { return chain.front().is_current(); }));
}

TEST_CASE("the target of an active queue changes between items", "[queue][target]") {
    const gcd::queue first{"first"};
    const gcd::queue second{"second"};
    const gcd::queue serial;
    const gcd::specific_key<int> key;
    first.set_specific(key, 1);
    second.set_specific(key, 2);
    for (int round = 0; round < 20; ++round) {
        const gcd::queue& target = round % 2 == 0 ? first : second;
        serial.set_target_queue(target);
        std::shared_ptr<int> found;
        event done;
        serial.run_async([&] {
            found = gcd::get_specific(key);
            done.set();
        });
        REQUIRE(done.wait());
        REQUIRE(found != nullptr);
        CHECK(*found == (round % 2 == 0 ? 1 : 2));
    }
    serial.set_target_queue(gcd::queue::global_queue());
    CHECK(serial.run_sync([&] { return gcd::get_specific(key) == nullptr; }));
}

TEST_CASE("retargeting while items run loses none and keeps their order", "[queue][target]") {
    const gcd::queue first;
    const gcd::queue second{"", {.concurrent = true}};
    const gcd::queue global = gcd::queue::global_queue(gcd::qos::utility);
    const gcd::queue serial;
    constexpr int each = 3000;
    int last[4] = {-1, -1, -1, -1};
    std::atomic<int> disordered{0};
    std::atomic<int> inside{0};
    latch done{4 * each};
    std::vector<std::thread> producers;
    for (int t = 0; t < 4; ++t)
        producers.emplace_back([&, t] {
            for (int i = 0; i < each; ++i)
                serial.run_async([&, t, i] {
                    if (inside.fetch_add(1) != 0 || last[t] != i - 1) ++disordered;
                    last[t] = i;
                    inside.fetch_sub(1);
                    done.count_down();
                });
        });
    for (int i = 0; i < 100; ++i) {
        serial.set_target_queue(first);
        serial.set_target_queue(second);
        serial.set_target_queue(global);
        std::this_thread::yield();
    }
    for (std::thread& producer : producers) producer.join();
    REQUIRE(done.wait(4 * gcd_test::bound));
    CHECK(disordered == 0);
}

TEST_CASE("retargeting goes together with look-ups from inside of items", "[queue][target]") {
    const gcd::specific_key<int> key;
    const gcd::queue serial;
    constexpr int each = 3000;
    std::atomic<int> wrong{0};
    latch done{2 * each};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < each; ++i)
                serial.run_async([&] {
                    const auto found = gcd::get_specific(key);
                    if (found != nullptr && *found != 7) ++wrong;
                    if (!serial.is_current()) ++wrong;
                    done.count_down();
                });
        });
    for (int i = 0; i < 300; ++i) {
        const gcd::queue brief;
        brief.set_specific(key, 7);
        serial.set_target_queue(brief);
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(done.wait(4 * gcd_test::bound));
    CHECK(wrong == 0);
}

TEST_CASE("former targets are let go of", "[queue][target]") {
    const gcd::queue serial;
    std::atomic<int> ended{0};
    for (int i = 0; i < 20; ++i) {
        const gcd::queue target;
        target.set_context(nullptr, [&] { ++ended; });
        serial.set_target_queue(target);
        serial.run_sync([] {});
    }
    serial.set_target_queue(gcd::queue::global_queue());
    serial.run_sync([] {});
    CHECK(await([&] { return ended == 20; }));
}

TEST_CASE("an inactive queue takes targets until it is activated", "[queue][target]") {
    const gcd::queue first{"first"};
    const gcd::queue second{"second"};
    const gcd::queue lazy{"lazy", {.target = &first, .inactive = true}};
    lazy.set_target_queue(second);
    lazy.set_target_queue(first);
    lazy.set_target_queue(second);
    lazy.activate();
    CHECK(lazy.run_sync([&] { return second.is_current() && !first.is_current(); }));
    CHECK_THROWS_AS(lazy.set_target_queue(first), std::logic_error);
    CHECK_THROWS_WITH(lazy.set_target_queue(first), gcd_test::ContainsSubstring("lazy"));
    CHECK(lazy.run_sync([] { return true; }));
}

TEST_CASE("a queue can't be its own target, directly or through others", "[queue][target]") {
    const gcd::queue a{"a"};
    const gcd::queue b{"b", {.target = &a}};
    const gcd::queue c{"c", {.target = &b}};
    CHECK_THROWS_AS(a.set_target_queue(a), std::invalid_argument);
    CHECK_THROWS_AS(a.set_target_queue(b), std::invalid_argument);
    CHECK_THROWS_AS(a.set_target_queue(c), std::invalid_argument);
    const gcd::queue lazy{"", {.inactive = true}};
    CHECK_THROWS_AS(lazy.set_target_queue(lazy), std::invalid_argument);
    CHECK(c.run_sync([] { return true; }));
}

TEST_CASE("two threads can't make a cycle together", "[queue][target]") {
    for (int round = 0; round < 300; ++round) {
        const gcd::queue a;
        const gcd::queue b;
        const int won = race<std::invalid_argument>([&] { a.set_target_queue(b); }, [&] { b.set_target_queue(a); });
        if (won != 1) FAIL(won << " of the two were accepted");
    }
}

TEST_CASE("a workloop is a target like any other", "[queue][target][workloop]") {
    const gcd::workloop loop{"loop"};
    const gcd::queue first{"", {.target = &loop}};
    const gcd::queue second{"", {.concurrent = true}};
    second.set_target_queue(loop);
    int value = 0; // the workloop is the lock
    latch done{3 * 500};
    const auto item = [&] {
        ++value;
        done.count_down();
    };
    for (int i = 0; i < 500; ++i) {
        first.run_async(item);
        second.run_async(item);
        loop.run_async(item);
    }
    REQUIRE(done.wait());
    CHECK(value == 1500);
    CHECK(first.run_sync([&] { return loop.is_current(); }));
}

TEST_CASE("an item may retarget its own queue", "[queue][target]") {
    const gcd::queue target{"target"};
    const gcd::queue serial;
    event second;
    bool through = false;
    serial.run_async([&] { serial.set_target_queue(target); });
    serial.run_async([&] {
        through = target.is_current();
        second.set();
    });
    REQUIRE(second.wait());
    CHECK(through);
}

TEST_CASE("targets nest a thousand deep and no deeper", "[targets]") {
    std::vector<gcd::queue> chain;
    chain.emplace_back("root");
    for (int i = 0; i < 999; ++i) chain.emplace_back("link", gcd::queue_options{.target = &chain.back()});
    const gcd::queue last{"last", {.target = &chain.back()}};
    CHECK(last.run_sync([&] { return chain.front().is_current(); }));
    CHECK_THROWS_AS((gcd::queue{"too deep", {.target = &last}}), std::invalid_argument);
    const gcd::queue other{"other"};
    CHECK_THROWS_AS(other.set_target_queue(last), std::invalid_argument);
}

TEST_CASE("targets nest no deeper from the inner end", "[targets]") {
    std::vector<gcd::queue> chain;
    for (int i = 0; i < 1001; ++i) chain.emplace_back("link");
    for (std::size_t i = 0; i < 1000; ++i) chain[i].set_target_queue(chain[i + 1]);
    const gcd::queue outer{"outer"};
    CHECK_THROWS_AS(chain.back().set_target_queue(outer), std::invalid_argument);
    CHECK(chain.front().run_sync([&] { return chain.back().is_current() && !outer.is_current(); }));
    event ran;
    chain.front().run_async([&] { ran.set(); });
    CHECK(ran.wait());
}

TEST_CASE("what goes through a queue counts as long as it does", "[targets]") {
    const gcd::queue middle{"middle"};
    const gcd::queue outer{"outer"};
    const gcd::queue neighbour{"neighbour", {.target = &middle}};
    std::vector<gcd::queue> outwards;
    outwards.emplace_back("outermost");
    for (int i = 0; i < 600; ++i) outwards.emplace_back("link", gcd::queue_options{.target = &outwards.back()});
    std::vector<gcd::queue> inwards;
    inwards.emplace_back("inner", gcd::queue_options{.target = &middle});
    for (int i = 0; i < 600; ++i) inwards.emplace_back("link", gcd::queue_options{.target = &inwards.back()});
    const auto is_refused = [&] {
        try {
            middle.set_target_queue(outwards.back());
            middle.set_target_queue(outer);
            return false;
        } catch (const std::invalid_argument&) {
            return true;
        }
    };
    CHECK(is_refused());
    SECTION("gone elsewhere") { inwards.front().set_target_queue(outer); }
    SECTION("cut in the middle") { inwards[300].set_target_queue(outer); }
    SECTION("ended") {
        inwards.clear();
        middle.run_sync([] {});
    }
    // What ends does so a moment later on libdispatch.
    CHECK(await([&] { return !is_refused(); }));
    CHECK(neighbour.run_sync([&] { return middle.is_current(); }));
}

TEST_CASE("queues come to and leave one target from several threads", "[targets]") {
    const gcd::queue target{"target"};
    const gcd::queue other{"other"};
    const auto come_and_go = [&] {
        for (int i = 0; i < 500; ++i) {
            const gcd::queue first{"first", {.target = &target}};
            const gcd::queue second{"second", {.target = &first}};
            second.run_async([] {});
            if (i % 3 == 0) first.set_target_queue(other);
            if (i % 7 == 0) second.run_sync([] {});
        }
    };
    CHECK(race(come_and_go, come_and_go) == 2);
    CHECK(target.run_sync([] { return true; }));
}
