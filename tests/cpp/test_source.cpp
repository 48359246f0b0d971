// SPDX-License-Identifier: MIT
/// @file
/// What all sources share: their handlers, start, suspension, owners and queues.

#include "await.hpp"
#include "catch.hpp"
#include "sources.hpp"
#include "temp.hpp"

#include <gcd/fd_source.hpp>
#include <gcd/queue.hpp>
#include <gcd/timer.hpp>
#include <gcd/workloop.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using gcd::read_event;
using gcd::timer_event;
using gcd_test::await;
using gcd_test::drain;
using gcd_test::ended;
using gcd_test::far;
using gcd_test::pass;

namespace {

/// Names, in the order in which they were added.
class record {
public:
    void add(const std::string& name) {
        const std::lock_guard hold{lock_};
        names_ += (names_.empty() ? "" : " ") + name;
    }
    [[nodiscard]] std::string names() const {
        const std::lock_guard hold{lock_};
        return names_;
    }

private:
    mutable std::mutex lock_;
    std::string names_;
};

} // namespace

TEST_CASE("registration, event and cancel handlers run in this order, on the queue", "[source]") {
    const gcd::queue queue{"source"};
    record order;
    std::atomic<bool> elsewhere{false};
    gcd_test::signal cancelled;
    gcd_test::signal fired;
    gcd::timer tick{{.interval = far}, queue, [&] {
                        order.add("event");
                        if (!queue.is_current()) elsewhere = true;
                        fired.set();
                    }};
    tick.set_registration_handler([&] {
        order.add("registration");
        if (!queue.is_current()) elsewhere = true;
    });
    tick.set_cancel_handler([&] {
        order.add("cancel");
        if (!queue.is_current()) elsewhere = true;
        cancelled.set();
    });
    tick.start();
    REQUIRE(fired.wait());
    tick.cancel();
    REQUIRE(cancelled.wait());
    drain(queue);
    CHECK(order.names() == "registration event cancel");
    CHECK_FALSE(elsewhere);
}

TEST_CASE("a later handler replaces an earlier one, and may be move-only", "[source]") {
    const gcd::queue queue{"source"};
    record order;
    gcd_test::signal cancelled;
    gcd::timer tick{{.interval = far, .start_delay = far}, queue, [held = std::make_unique<int>(1)] {}};
    tick.set_registration_handler([&] { order.add("first"); });
    tick.set_registration_handler([&, name = std::make_unique<std::string>("second")] { order.add(*name); });
    tick.set_cancel_handler([&] { order.add("third"); });
    tick.set_cancel_handler([&, name = std::make_unique<std::string>("fourth")] {
        order.add(*name);
        cancelled.set();
    });
    tick.start();
    CHECK_THROWS_AS(tick.set_registration_handler([] {}), std::logic_error);
    CHECK_THROWS_AS(tick.set_cancel_handler(std::function<void()>{}), std::invalid_argument);
    REQUIRE(await([&] { return order.names() == "second"; }));
    tick.cancel();
    tick.set_cancel_handler([&] { order.add("late"); });
    REQUIRE(cancelled.wait());
    drain(queue);
    CHECK(order.names() == "second fourth");
}

TEST_CASE("an empty handler is refused", "[source]") {
    const gcd::queue queue{"source"};
    CHECK_THROWS_AS((gcd::timer{{.interval = 1s}, queue, std::function<void()>{}}), std::invalid_argument);
    void (*none)() = nullptr;
    CHECK_THROWS_AS((gcd::timer{{.interval = 1s}, queue, none}), std::invalid_argument);
}

TEST_CASE("start twice and cancel twice are harmless, start after cancel is an error", "[source]") {
    const gcd::queue queue{"source"};
    std::atomic<int> registered{0};
    std::atomic<int> cancelled{0};
    gcd::timer tick{{.interval = far, .start_delay = far}, queue, [] {}};
    tick.set_registration_handler([&] { ++registered; });
    tick.set_cancel_handler([&] { ++cancelled; });
    CHECK_FALSE(tick.is_cancelled());
    tick.start();
    tick.start();
    REQUIRE(await([&] { return registered == 1; }));
    tick.cancel();
    CHECK(tick.is_cancelled());
    tick.cancel();
    REQUIRE(await([&] { return cancelled == 1; }));
    CHECK_THROWS_AS(tick.start(), std::logic_error);
    drain(queue);
    CHECK(registered == 1);
    CHECK(cancelled == 1);

    const gcd::timer unstarted{{.interval = far}, queue, [] {}};
    unstarted.cancel();
    CHECK(unstarted.is_cancelled());
    CHECK_THROWS_AS(unstarted.start(), std::logic_error);
}

TEST_CASE("a handle that was moved from is a clear error", "[source]") {
    const gcd::queue queue{"source"};
    gcd::timer tick{{.interval = far}, queue, [] {}};
    const gcd::timer other = std::move(tick);
    CHECK_THROWS_AS(tick.start(), std::logic_error); // NOLINT(bugprone-use-after-move)
    CHECK_THROWS_AS(tick.cancel(), std::logic_error);
    CHECK_THROWS_AS(tick.cancel_and_wait(), std::logic_error);
    CHECK_THROWS_AS(tick.suspend(), std::logic_error);
    CHECK_THROWS_AS(tick.resume(), std::logic_error);
    CHECK_THROWS_AS(tick.is_cancelled(), std::logic_error);
    CHECK_THROWS_AS(tick.data(), std::logic_error);
    CHECK_THROWS_AS(tick.set_timer({.interval = far}), std::logic_error);
    CHECK_THROWS_AS(tick.set_cancel_handler([] {}), std::logic_error);
    CHECK_THROWS_AS(tick.retain(), std::logic_error);
    gcd::queue gone{"gone"};
    const gcd::queue taken = std::move(gone);
    CHECK_THROWS_AS((gcd::timer{{.interval = far}, gone, [] {}}), std::logic_error); // NOLINT(bugprone-use-after-move)
}

TEST_CASE("suspensions nest, before start too", "[source]") {
    const gcd::queue queue{"source"};
    std::atomic<int> runs{0};
    const ended<gcd::timer> tick{timer_event{.interval = 1ms}, queue, [&] { ++runs; }};
    CHECK_THROWS_AS(tick->resume(), std::logic_error);
    tick->suspend();
    tick->start();
    for (int i = 0; i < 200; ++i) tick->suspend();
    for (int i = 0; i < 200; ++i) tick->resume();
    REQUIRE(pass(10ms));
    CHECK(runs == 0);
    tick->resume();
    CHECK(await([&] { return runs > 0; }));
    CHECK_THROWS_AS(tick->resume(), std::logic_error);
}

TEST_CASE("a second owner keeps a source going", "[source]") {
    const gcd::queue queue{"source"};
    std::atomic<int> runs{0};
    auto first = std::make_unique<gcd::timer>(timer_event{.interval = 1ms}, queue, [&] { ++runs; });
    const gcd::timer second = first->retain();
    first->start();
    first.reset();
    CHECK_FALSE(second.is_cancelled());
    const int now = runs;
    CHECK(await([&] { return runs > now + 2; }));
    second.cancel_and_wait();
}

TEST_CASE("a source outlives the handle of its queue", "[source]") {
    std::atomic<int> runs{0};
    auto queue = std::make_unique<gcd::queue>("source");
    const ended<gcd::timer> tick{timer_event{.interval = 1ms}, *queue, [&] { ++runs; }};
    queue.reset();
    tick->start();
    CHECK(await([&] { return runs >= 2; }));
}

TEST_CASE("inside a handler the queue is current, and a sync onto it is a deadlock", "[source]") {
    const gcd::queue target{"target"};
    const gcd::queue queue{"source", {.target = &target}};
    std::atomic<int> refused{0};
    std::atomic<bool> current{false};
    gcd_test::signal done;
    const ended<gcd::timer> tick{timer_event{.interval = far}, queue, [&] {
                                     current = queue.is_current() && target.is_current();
                                     for (const gcd::queue* onto : {&queue, &target}) {
                                         try {
                                             onto->run_sync([] {});
                                         } catch (const gcd::would_deadlock&) {
                                             ++refused;
                                         }
                                     }
                                     done.set();
                                 }};
    tick->start();
    REQUIRE(done.wait());
    CHECK(current);
    CHECK(refused == 2);
}

TEST_CASE("an exception that leaves a handler goes to the exception handler", "[source]") {
    static std::atomic<int> reported{0};
    reported = 0;
    const gcd::exception_handler former = gcd::set_exception_handler([](std::exception_ptr) { ++reported; });
    const gcd::queue queue{"source"};
    gcd_test::signal cancelled;
    {
        gcd::timer tick{{.interval = far}, queue, [] { throw std::runtime_error("event"); }};
        tick.set_registration_handler([] { throw std::runtime_error("registration"); });
        tick.set_cancel_handler([&] {
            cancelled.set();
            throw std::runtime_error("cancel");
        });
        tick.start();
        CHECK(await([&] { return reported == 2; }));
    }
    CHECK(cancelled.wait());
    drain(queue);
    CHECK(reported == 3);
    gcd::set_exception_handler(former);
}

TEST_CASE("start waits neither for a busy nor for an inactive queue", "[source]") {
    std::atomic<int> runs{0};
    SECTION("busy, from inside its own item") {
        const gcd::queue queue{"source"};
        gcd_test::pipe ends;
        const ended<gcd::read_source> source{read_event{ends.read.get()}, queue, [&] { ++runs; }};
        queue.run_sync([&] { source->start(); });
        gcd_test::write_all(ends.write.get(), "x");
        CHECK(await([&] { return runs > 0; }));
    }
    SECTION("inactive") {
        const gcd::queue queue{"source", {.inactive = true}};
        const ended<gcd::timer> tick{timer_event{.interval = 1ms}, queue, [&] { ++runs; }};
        tick->start();
        REQUIRE(pass(10ms));
        CHECK(runs == 0);
        queue.activate();
        CHECK(await([&] { return runs > 0; }));
    }
}

TEST_CASE("a source stands on a workloop", "[source]") {
    std::atomic<int> runs{0};
    SECTION("active") {
        const gcd::workloop loop{"loop"};
        const ended<gcd::timer> tick{timer_event{.interval = 1ms}, loop, [&] { ++runs; }};
        tick->start();
        CHECK(await([&] { return runs > 0; }));
    }
    SECTION("inactive, and given up without a start") {
        const gcd::workloop loop{"loop", {.inactive = true}};
        gcd_test::signal cancelled;
        {
            const gcd::timer tick{{.interval = 1ms}, loop, [] {}};
            tick.set_cancel_handler([&] { cancelled.set(); });
        }
        CHECK(cancelled.wait());
    }
    SECTION("inactive: refused until it is activated") {
        const gcd::workloop loop{"loop", {.inactive = true}};
        const ended<gcd::timer> tick{timer_event{.interval = 1ms}, loop, [&] { ++runs; }};
        CHECK_THROWS_AS(tick->start(), std::logic_error);
        loop.activate();
        tick->start();
        CHECK(await([&] { return runs > 0; }));
    }
}

TEST_CASE("a source may be used from many threads", "[source]") {
    const gcd::queue queue{"source", {.concurrent = true}};
    for (int round = 0; round < 50; ++round) {
        std::atomic<int> cancelled{0};
        gcd::timer tick{{.interval = 50us}, queue, [] {}};
        tick.set_cancel_handler([&] { ++cancelled; });
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i)
            threads.emplace_back([&, i, own = tick.retain()] {
                for (int k = 0; k < 20; ++k) {
                    try {
                        own.start();
                    } catch (const std::logic_error&) {
                    }
                    own.suspend();
                    own.set_timer({.interval = 30us});
                    static_cast<void>(own.data());
                    own.resume();
                    if (i == 0 && k == 15) own.cancel();
                }
                own.cancel_and_wait();
            });
        for (auto& thread : threads) thread.join();
        REQUIRE(await([&] { return cancelled == 1; }));
        drain(queue);
    }
}
