// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

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
using gcd_test::await;
using gcd_test::counted;
using gcd_test::latch;
using gcd_test::live_count;
using gcd_test::race;

TEST_CASE("a suspended queue starts nothing until it is resumed", "[queue][suspend]") {
    for (const bool concurrent : {false, true}) {
        const gcd::queue held{"held", {.concurrent = concurrent}};
        const gcd::queue other;
        std::atomic<bool> ran{false};
        event done;
        held.suspend();
        CHECK(held.is_suspended());
        held.run_async([&] {
            ran = true;
            done.set();
        });
        other.run_sync([] {});
        CHECK_FALSE(ran);
        held.resume();
        CHECK_FALSE(held.is_suspended());
        CHECK(done.wait());
    }
}

TEST_CASE("the running item goes on after suspend", "[queue][suspend]") {
    const gcd::queue serial;
    event started;
    event release;
    event ended;
    event second;
    serial.run_async([&] {
        started.set();
        static_cast<void>(release.wait());
        ended.set();
    });
    serial.run_async([&] { second.set(); });
    REQUIRE(started.wait());
    serial.suspend();
    release.set();
    CHECK(ended.wait());
    CHECK_FALSE(second.is_set());
    serial.resume();
    CHECK(second.wait());
}

TEST_CASE("a queue may suspend itself from an item", "[queue][suspend]") {
    const gcd::queue serial;
    event suspended;
    event second;
    serial.run_async([&] {
        serial.suspend();
        suspended.set();
    });
    serial.run_async([&] { second.set(); });
    REQUIRE(suspended.wait());
    CHECK_FALSE(second.is_set());
    serial.resume();
    CHECK(second.wait());
}

TEST_CASE("suspensions nest", "[queue][suspend]") {
    const gcd::queue serial;
    event ran;
    for (int i = 0; i < 200; ++i) serial.suspend();
    serial.run_async([&] { ran.set(); });
    for (int i = 0; i < 199; ++i) serial.resume();
    CHECK(serial.is_suspended());
    CHECK_FALSE(ran.is_set());
    serial.resume();
    CHECK(ran.wait());
}

TEST_CASE("a resume without a suspend is an error", "[queue][suspend]") {
    const gcd::queue serial{"balanced"};
    CHECK_THROWS_AS(serial.resume(), std::logic_error);
    CHECK_THROWS_WITH(serial.resume(), gcd_test::ContainsSubstring("balanced"));
    serial.suspend();
    serial.resume();
    CHECK_THROWS_AS(serial.resume(), std::logic_error);
    const gcd::queue lazy{"", {.inactive = true}};
    CHECK_THROWS_AS(lazy.resume(), std::logic_error);
    CHECK(serial.run_sync([] { return true; }));
}

TEST_CASE("suspend and resume from many threads stay balanced", "[queue][suspend]") {
    const gcd::queue serial;
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) {
                serial.suspend();
                serial.run_async([&] { ++ran; });
                serial.resume();
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(serial.is_suspended());
    CHECK(await([&] { return ran == 8000; }));
    CHECK_THROWS_AS(serial.resume(), std::logic_error);
}

TEST_CASE("of racing resumes exactly one wins", "[queue][suspend]") {
    const gcd::queue serial;
    for (int round = 0; round < 500; ++round) {
        serial.suspend();
        const auto resume = [&] { serial.resume(); };
        const int won = race(resume, resume);
        if (won != 1) FAIL(won << " resumes won");
    }
}

TEST_CASE("a suspension resumes at its end", "[queue][suspend]") {
    const gcd::queue serial;
    event ran;
    {
        const gcd::suspension outer = serial.suspended();
        {
            gcd::suspension inner = serial.suspended();
            const gcd::suspension moved = std::move(inner);
            serial.run_async([&] { ran.set(); });
        }
        CHECK(serial.is_suspended());
        CHECK_FALSE(ran.is_set());
    }
    CHECK_FALSE(serial.is_suspended());
    CHECK(ran.wait());
}

TEST_CASE("a suspension keeps its queue, and is harmless once somebody else has resumed", "[queue][suspend]") {
    event ran;
    {
        auto brief = std::make_unique<gcd::queue>();
        const gcd::suspension held = brief->suspended();
        brief->run_async([&] { ran.set(); });
        brief.reset();
        CHECK_FALSE(ran.is_set());
    }
    CHECK(ran.wait());
    const gcd::queue serial;
    {
        const gcd::suspension held = serial.suspended();
        serial.resume();
    }
    CHECK_FALSE(serial.is_suspended());
    CHECK(serial.run_sync([] { return true; }));
}

TEST_CASE("queues of the system can't be suspended or activated", "[queue][suspend]") {
    const gcd::queue own;
    const gcd::queue global = gcd::queue::global_queue();
    const gcd::queue main = gcd::queue::main_queue();
    for (const gcd::queue* each : {&global, &main}) {
        CHECK_THROWS_AS(each->suspend(), std::logic_error);
        CHECK_THROWS_AS(each->resume(), std::logic_error);
        CHECK_THROWS_AS(each->suspended(), std::logic_error);
        CHECK_THROWS_AS(each->activate(), std::logic_error);
        CHECK_THROWS_AS(each->set_target_queue(own), std::logic_error);
    }
}

TEST_CASE("an inactive queue holds its items until activate", "[queue][inactive]") {
    for (const bool concurrent : {false, true}) {
        const gcd::queue lazy{"lazy", {.concurrent = concurrent, .inactive = true}};
        CHECK(lazy.is_inactive());
        std::atomic<int> ran{0};
        latch done{2};
        lazy.run_async([&] {
            ++ran;
            done.count_down();
        });
        lazy.barrier_async([&] {
            ++ran;
            done.count_down();
        });
        gcd::queue{}.run_sync([] {});
        CHECK(ran == 0);
        lazy.activate();
        CHECK_FALSE(lazy.is_inactive());
        CHECK(done.wait());
    }
}

TEST_CASE("activate on what isn't inactive is an error", "[queue][inactive]") {
    const gcd::queue active{"running"};
    CHECK_THROWS_AS(active.activate(), std::logic_error);
    CHECK_THROWS_WITH(active.activate(), gcd_test::ContainsSubstring("running"));
    const gcd::queue lazy{"", {.inactive = true}};
    lazy.activate();
    CHECK_THROWS_AS(lazy.activate(), std::logic_error);
}

TEST_CASE("of racing activations exactly one wins", "[queue][inactive]") {
    for (int round = 0; round < 200; ++round) {
        const gcd::queue lazy{"", {.inactive = true}};
        const auto activate = [&] { lazy.activate(); };
        const int won = race(activate, activate);
        if (won != 1) FAIL(won << " activations won");
        lazy.run_sync([] {});
    }
}

TEST_CASE("suspensions made while inactive hold after activation", "[queue][inactive][suspend]") {
    const gcd::queue lazy{"", {.inactive = true}};
    event ran;
    for (int i = 0; i < 200; ++i) lazy.suspend();
    CHECK(lazy.is_suspended());
    lazy.run_async([&] { ran.set(); });
    const gcd::queue target;
    lazy.set_target_queue(target);
    lazy.activate();
    CHECK_FALSE(lazy.is_inactive());
    CHECK(lazy.is_suspended());
    for (int i = 0; i < 199; ++i) lazy.resume();
    target.run_sync([] {});
    CHECK_FALSE(ran.is_set());
    lazy.resume();
    CHECK(ran.wait());
}

TEST_CASE("suspend and resume on an inactive queue don't activate it", "[queue][inactive][suspend]") {
    const gcd::queue lazy{"", {.inactive = true}};
    lazy.suspend();
    lazy.resume();
    CHECK(lazy.is_inactive());
    CHECK_THROWS_AS(lazy.resume(), std::logic_error);
    lazy.activate();
    CHECK(lazy.run_sync([] { return true; }));
}

TEST_CASE("work of a queue dropped while suspended runs", "[queue][lifetime]") {
    live_count live;
    latch done{100};
    {
        const gcd::queue dropped;
        for (int i = 0; i < 5; ++i) dropped.suspend();
        for (int i = 0; i < 100; ++i) dropped.run_async([&, held = counted{live}] { done.count_down(); });
    }
    CHECK(done.wait());
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("work of a queue dropped while inactive runs", "[queue][lifetime]") {
    latch done{100};
    {
        const gcd::queue dropped{"", {.inactive = true}};
        for (int i = 0; i < 100; ++i) dropped.run_async([&] { done.count_down(); });
    }
    CHECK(done.wait());
    done.count_down(-2);
    {
        const gcd::queue both{"", {.concurrent = true, .inactive = true}};
        both.suspend();
        both.run_async([&] { done.count_down(); });
        both.run_async([&] { done.count_down(); });
    }
    CHECK(done.wait());
}

TEST_CASE("a queue dropped idle, suspended or inactive ends quietly", "[queue][lifetime]") {
    for (int i = 0; i < 100; ++i) {
        const gcd::queue idle;
        const gcd::queue suspended;
        suspended.suspend();
        const gcd::queue inactive{"", {.inactive = true}};
        const gcd::queue both{"", {.inactive = true}};
        both.suspend();
        const gcd::queue targeted{"", {.target = &idle, .inactive = true}};
    }
    SUCCEED();
}

TEST_CASE("only the last handle ends a suspension", "[queue][lifetime]") {
    event ran;
    gcd::queue last;
    {
        const gcd::queue first;
        last = first.retain();
        first.suspend();
        first.run_async([&] { ran.set(); });
    }
    CHECK(last.is_suspended());
    CHECK_FALSE(ran.is_set());
    last.resume();
    CHECK(ran.wait());
}

TEST_CASE("the last handle may end inside an item of its queue", "[queue][lifetime]") {
    for (int round = 0; round < 100; ++round) {
        event done;
        auto only = std::make_shared<gcd::queue>();
        only->run_async([&done, only] { done.set(); });
        only.reset();
        REQUIRE(done.wait());
    }
}

TEST_CASE("a context is kept and given back", "[queue][context]") {
    const gcd::queue serial;
    CHECK(serial.context() == nullptr);
    const auto value = std::make_shared<std::string>("context");
    serial.set_context(value);
    CHECK(std::static_pointer_cast<std::string>(serial.context()) == value);
    CHECK(serial.retain().context() == value);
    serial.set_context(nullptr);
    CHECK(serial.context() == nullptr);
    CHECK(value.use_count() == 1);
}

TEST_CASE("the finalizer runs once, before set_context returns when replaced", "[queue][context]") {
    std::atomic<int> first{0};
    std::atomic<int> second{0};
    {
        const gcd::queue serial;
        serial.set_context(std::make_shared<int>(1), [&] { ++first; });
        CHECK(first == 0);
        serial.set_context(std::make_shared<int>(2), [&] { ++second; });
        CHECK(first == 1);
        CHECK(second == 0);
        serial.run_async([] {});
    }
    CHECK(await([&] { return second == 1; }));
    CHECK(first == 1);
}

TEST_CASE("the finalizer runs when the last reference ends, after the work", "[queue][context]") {
    std::atomic<int> ran{0};
    std::atomic<int> seen{-1};
    event release;
    {
        const gcd::queue serial;
        serial.set_context(nullptr, [&] { seen = ran.load(); });
        serial.run_async([&] { static_cast<void>(release.wait()); });
        for (int i = 0; i < 10; ++i) serial.run_async([&] { ++ran; });
    }
    CHECK(seen == -1);
    release.set();
    CHECK(await([&] { return seen == 10; }));
}

TEST_CASE("context and finalizer go with the queue", "[queue][context]") {
    live_count live;
    {
        const gcd::queue serial;
        serial.set_context(std::make_shared<counted>(live), [held = std::make_shared<counted>(live)] {});
        CHECK(live() == 2);
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("racing set_context calls run every finalizer once", "[queue][context]") {
    std::atomic<int> finalized{0};
    {
        const gcd::queue serial;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 500; ++i) serial.set_context(std::make_shared<int>(i), [&] { ++finalized; });
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(finalized == 4 * 500 - 1);
    }
    CHECK(await([&] { return finalized == 4 * 500; }));
}

TEST_CASE("the context of a global queue belongs to the queue", "[queue][context]") {
    int finalized = 0;
    {
        gcd::queue::global_queue(gcd::qos::utility).set_context(std::make_shared<int>(5), [&] { ++finalized; });
    }
    const auto found = gcd::queue::global_queue(gcd::qos::utility).context();
    REQUIRE(found != nullptr);
    CHECK(*std::static_pointer_cast<int>(found) == 5);
    CHECK(finalized == 0);
    gcd::queue::global_queue(gcd::qos::utility).set_context(nullptr);
    CHECK(finalized == 1);
}
