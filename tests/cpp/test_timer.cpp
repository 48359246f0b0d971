// SPDX-License-Identifier: MIT
/// @file
/// Timers: when they fire, how often, and what they tell.

#include "await.hpp"
#include "catch.hpp"
#include "sources.hpp"

#include <gcd/queue.hpp>
#include <gcd/semaphore.hpp>
#include <gcd/time.hpp>
#include <gcd/timer.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

using namespace std::chrono_literals;
using gcd_test::await;
using gcd_test::ended;
using gcd_test::far;
using gcd_test::pass;
using timer = ended<gcd::timer>;
using steady = std::chrono::steady_clock;

TEST_CASE("a repeating timer fires at once and then every interval", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<std::uint64_t> fired{0};
    const auto begin = steady::now();
    const timer tick{gcd::timer_event{.interval = 5ms}, queue,
                     [&](gcd::timer_event::data data) { fired += data.fired; }};
    CHECK(tick->data().fired == 0);
    tick->start();
    REQUIRE(await([&] { return fired >= 4; }));
    CHECK(steady::now() - begin >= 15ms);
    CHECK(tick->data().fired >= 1);
}

TEST_CASE("a start delay counts from start", "[timer]") {
    const gcd::queue queue{"timer"};
    gcd_test::signal fired;
    const timer tick{gcd::timer_event{.interval = far, .start_delay = 30ms}, queue, [&] { fired.set(); }};
    REQUIRE(pass(40ms));
    CHECK_FALSE(fired.is_set());
    const auto begin = steady::now();
    tick->start();
    REQUIRE(fired.wait());
    CHECK(steady::now() - begin >= 30ms);
}

TEST_CASE("a one-shot timer fires once, after its interval or its delay", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> fired{0};
    const auto begin = steady::now();
    SECTION("after its interval") {
        const timer once{gcd::timer_event{.interval = 20ms, .repeating = false}, queue, [&] { ++fired; }};
        once->start();
        REQUIRE(await([&] { return fired == 1; }));
        CHECK(steady::now() - begin >= 20ms);
        REQUIRE(pass(50ms));
        CHECK(fired == 1);
    }
    SECTION("after its interval, for a delay of zero") {
        const timer once{gcd::timer_event{.interval = 20ms, .start_delay = 0s, .repeating = false}, queue,
                         [&] { ++fired; }};
        once->start();
        REQUIRE(await([&] { return fired == 1; }));
        CHECK(steady::now() - begin >= 20ms);
    }
    SECTION("after its delay") {
        const timer once{gcd::timer_event{.interval = 1ms, .start_delay = 20ms, .repeating = false}, queue,
                         [&] { ++fired; }};
        once->start();
        REQUIRE(await([&] { return fired == 1; }));
        CHECK(steady::now() - begin >= 20ms);
        REQUIRE(pass(20ms));
        CHECK(fired == 1);
    }
    SECTION("at once, with no interval") {
        const timer once{gcd::timer_event{.interval = 0s, .repeating = false}, queue, [&] { ++fired; }};
        once->start();
        REQUIRE(await([&] { return fired == 1; }));
        REQUIRE(pass(20ms));
        CHECK(fired == 1);
    }
}

TEST_CASE("a timer starts at a point in time, on its clock", "[timer]") {
    const gcd::queue queue{"timer"};
    gcd_test::signal fired;
    SECTION("uptime") {
        const auto begin = steady::now();
        const timer once{gcd::timer_event{.start_delay = gcd::time::from_now(30ms), .repeating = false}, queue,
                         [&] { fired.set(); }};
        once->start();
        REQUIRE(fired.wait());
        CHECK(steady::now() - begin >= 30ms);
    }
    SECTION("wall clock") {
        const auto due = std::chrono::system_clock::now() + 30ms;
        const timer once{gcd::timer_event{.start_delay = gcd::time::wall(due), .repeating = false}, queue,
                         [&] { fired.set(); }};
        once->start();
        REQUIRE(fired.wait());
        CHECK(std::chrono::system_clock::now() >= due);
    }
    SECTION("a point that has passed") {
        const timer once{gcd::timer_event{.start_delay = gcd::time::from_now(-1s), .repeating = false}, queue,
                         [&] { fired.set(); }};
        once->start();
        CHECK(fired.wait());
    }
    SECTION("a repeating timer on the wall clock") {
        gcd::semaphore ticks{0};
        const timer tick{
            gcd::timer_event{.interval = 1ms, .start_delay = gcd::time::wall(std::chrono::system_clock::now())}, queue,
            [&] { ticks.signal(); }};
        tick->start();
        CHECK(ticks.wait_for(5s));
        CHECK(ticks.wait_for(5s));
    }
}

TEST_CASE("too long a time is for ever", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> fired{0};
    SECTION("a start that never comes, until set_timer") {
        const timer tick{gcd::timer_event{.interval = 1ms, .start_delay = gcd::duration::forever()}, queue,
                         [&] { ++fired; }};
        tick->start();
        REQUIRE(pass(20ms));
        CHECK(fired == 0);
        tick->set_timer({.interval = 1ms});
        CHECK(await([&] { return fired >= 2; }));
    }
    SECTION("a time that is never reached") {
        const timer tick{gcd::timer_event{.interval = 1ms, .start_delay = gcd::time::forever()}, queue,
                         [&] { ++fired; }};
        tick->start();
        REQUIRE(pass(20ms));
        CHECK(fired == 0);
    }
    SECTION("an interval that never ends") {
        const timer tick{gcd::timer_event{.interval = gcd::duration::forever(), .leeway = gcd::duration::forever()},
                         queue, [&] { ++fired; }};
        tick->start();
        REQUIRE(await([&] { return fired == 1; }));
        REQUIRE(pass(20ms));
        CHECK(fired == 1);
    }
    SECTION("centuries") {
        const timer tick{
            gcd::timer_event{.interval = std::chrono::hours{2'500'000}, .start_delay = std::chrono::hours{2'500'000}},
            queue, [&] { ++fired; }};
        tick->start();
        REQUIRE(pass(20ms));
        CHECK(fired == 0);
    }
}

TEST_CASE("bad times are refused when the timer is made or set", "[timer]") {
    const gcd::queue queue{"timer"};
    const auto make = [&](const gcd::timer_event& event) { const gcd::timer made{event, queue, [] {}}; };
    CHECK_THROWS_AS(make({.interval = 0s}), std::invalid_argument);
    CHECK_THROWS_AS(make({.interval = -1s}), std::invalid_argument);
    CHECK_THROWS_AS(make({.interval = -1s, .repeating = false}), std::invalid_argument);
    CHECK_THROWS_AS(make({.interval = 1s, .leeway = -1ns}), std::invalid_argument);
    CHECK_THROWS_AS(gcd::duration::seconds(std::nan("")), std::invalid_argument);
    const gcd::timer made{gcd::timer_event{.interval = 1s}, queue, [] {}};
    CHECK_THROWS_AS(made.set_timer({.interval = 0s}), std::invalid_argument);
}

TEST_CASE("a negative delay starts at once", "[timer]") {
    const gcd::queue queue{"timer"};
    gcd_test::signal fired;
    const timer tick{gcd::timer_event{.interval = far, .start_delay = -5s}, queue, [&] { fired.set(); }};
    tick->start();
    CHECK(fired.wait());
}

TEST_CASE("a timer can be set again while it runs", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> fired{0};
    SECTION("sooner") {
        const timer tick{gcd::timer_event{.interval = far, .start_delay = far}, queue, [&] { ++fired; }};
        tick->start();
        tick->set_timer({.interval = 1ms});
        CHECK(await([&] { return fired >= 3; }));
    }
    SECTION("with a delay that counts from the call") {
        const timer tick{gcd::timer_event{.interval = far}, queue, [&] { ++fired; }};
        tick->start();
        REQUIRE(await([&] { return fired == 1; }));
        const auto begin = steady::now();
        tick->set_timer({.interval = far, .start_delay = 20ms});
        REQUIRE(await([&] { return fired == 2; }));
        CHECK(steady::now() - begin >= 20ms);
    }
    SECTION("inside its handler") {
        gcd::timer* self = nullptr;
        gcd::timer tick{{.interval = far}, queue, [&] {
                            if (++fired == 1) self->set_timer({.interval = 1ms});
                        }};
        self = &tick;
        tick.start();
        CHECK(await([&] { return fired >= 3; }));
        tick.cancel_and_wait();
    }
    SECTION("from repeating to one-shot") {
        const timer tick{gcd::timer_event{.interval = 1ms}, queue, [&] { ++fired; }};
        tick->start();
        REQUIRE(await([&] { return fired >= 2; }));
        queue.run_sync([&] {
            tick->set_timer({.interval = 1ms, .repeating = false});
            fired = 0;
        });
        REQUIRE(await([&] { return fired >= 1; }));
        REQUIRE(pass(30ms));
        // What was already on its way when the timer was set may have come too.
        CHECK(fired <= 2);
    }
    SECTION("before start") {
        const timer tick{gcd::timer_event{.interval = far, .start_delay = far}, queue, [&] { ++fired; }};
        tick->set_timer({.interval = 1ms});
        tick->start();
        CHECK(await([&] { return fired >= 2; }));
    }
    SECTION("after cancel, without effect") {
        const timer tick{gcd::timer_event{.interval = far, .start_delay = far}, queue, [&] { ++fired; }};
        tick->start();
        tick->cancel();
        tick->set_timer({.interval = 1ms});
        REQUIRE(pass(10ms));
        CHECK(fired == 0);
    }
}

TEST_CASE("setting a timer clears what was pending", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> fired{0};
    const timer tick{gcd::timer_event{.interval = 1ms, .start_delay = 1ms}, queue, [&] { ++fired; }};
    SECTION("in a suspended timer") {
        tick->suspend();
        tick->start();
        REQUIRE(pass(20ms));
        tick->set_timer({.interval = far, .start_delay = far});
        tick->resume();
    }
    SECTION("in a suspended queue") {
        queue.suspend();
        tick->start();
        REQUIRE(pass(20ms));
        tick->set_timer({.interval = far, .start_delay = far});
        queue.resume();
    }
    REQUIRE(pass(20ms));
    CHECK(fired == 0);
}

TEST_CASE("a suspended timer fires once on resume, and tells how often it was due", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> runs{0};
    std::atomic<std::uint64_t> first{0};
    SECTION("repeating") {
        const timer tick{gcd::timer_event{.interval = 5ms}, queue, [&](gcd::timer_event::data data) {
                             if (runs++ == 0) first = data.fired;
                         }};
        tick->suspend();
        tick->start();
        REQUIRE(pass(40ms));
        CHECK(runs == 0);
        tick->resume();
        REQUIRE(await([&] { return runs >= 1; }));
        CHECK(first >= 2);
    }
    SECTION("suspended after start") {
        const timer tick{gcd::timer_event{.interval = 20ms, .repeating = false}, queue, [&] { ++runs; }};
        tick->start();
        tick->suspend();
        REQUIRE(pass(40ms));
        CHECK(runs == 0);
        tick->resume();
        REQUIRE(await([&] { return runs == 1; }));
        REQUIRE(pass(20ms));
        CHECK(runs == 1);
    }
}

TEST_CASE("a suspended queue holds a timer back", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> runs{0};
    const timer tick{gcd::timer_event{.interval = 1ms}, queue, [&] { ++runs; }};
    queue.suspend();
    tick->start();
    REQUIRE(pass(20ms));
    CHECK(runs == 0);
    queue.resume();
    CHECK(await([&] { return runs >= 1; }));
}

TEST_CASE("a handler never runs beside itself, on a concurrent queue either", "[timer]") {
    const gcd::queue queue{"timer", {.concurrent = true}};
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<int> runs{0};
    const timer tick{gcd::timer_event{.interval = 100us}, queue, [&] {
                         if (++inside > 1) most = 2;
                         const auto until = steady::now() + 300us;
                         while (steady::now() < until) {
                         }
                         --inside;
                         ++runs;
                     }};
    tick->start();
    REQUIRE(await([&] { return runs >= 50; }));
    CHECK(most == 0);
}

TEST_CASE("a timer that is set again while its handler ends fires again", "[timer]") {
    const bool concurrent = GENERATE(false, true);
    const gcd::queue queue{"timer", {.concurrent = concurrent}};
    const gcd::semaphore fired{0};
    // Each run sees what the one before it has done.
    int runs = 0;
    const timer once{gcd::timer_event{.repeating = false}, queue, [&] {
                         ++runs;
                         fired.signal();
                     }};
    constexpr int rounds = 20'000;
    once->start();
    for (int round = 0; round < rounds; ++round) {
        REQUIRE(fired.wait_for(1min));
        once->set_timer({.repeating = false});
    }
    REQUIRE(fired.wait_for(1min));
    once->cancel_and_wait();
    CHECK(runs == rounds + 1);
}
