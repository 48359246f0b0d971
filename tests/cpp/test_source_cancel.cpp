// SPDX-License-Identifier: MIT
/// @file
/// How sources end: cancel, cancel_and_wait, the end of a handle, and what is left behind.

#include "await.hpp"
#include "catch.hpp"
#include "sources.hpp"
#include "temp.hpp"

#include <gcd/blocking.hpp>
#include <gcd/fd_source.hpp>
#include <gcd/queue.hpp>
#include <gcd/signal_source.hpp>
#include <gcd/timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd::read_event;
using gcd::timer_event;
using gcd_test::await;
using gcd_test::drain;
using gcd_test::ended;
using gcd_test::far;
using gcd_test::pass;

namespace {

std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* directory = ::opendir("/dev/fd");
    if (directory == nullptr) return 0;
    while (::readdir(directory) != nullptr) ++count;
    ::closedir(directory);
    return count;
}

} // namespace

TEST_CASE("cancellation is not held up by a suspension", "[source]") {
    const gcd::queue queue{"source"};
    gcd_test::signal cancelled;
    std::atomic<int> runs{0};
    const gcd::timer tick{{.interval = 1ms}, queue, [&] { ++runs; }};
    tick.set_cancel_handler([&] { cancelled.set(); });
    tick.suspend();
    SECTION("before start") {}
    SECTION("started") { tick.start(); }
    tick.cancel();
    REQUIRE(cancelled.wait());
    tick.resume();
    CHECK_THROWS_AS(tick.resume(), std::logic_error);
    drain(queue);
    CHECK(runs == 0);
}

TEST_CASE("the end of a handle cancels, whatever the state, and the cancel handler runs", "[source]") {
    const gcd::queue queue{"source"};
    gcd_test::signal cancelled;
    std::atomic<int> runs{0};
    {
        gcd::timer tick{{.interval = 1ms}, queue, [&] { ++runs; }};
        tick.set_cancel_handler([&] { cancelled.set(); });
        SECTION("never started") {}
        SECTION("never started and suspended") { tick.suspend(); }
        SECTION("started") { tick.start(); }
        SECTION("suspended") {
            tick.start();
            tick.suspend();
            tick.suspend();
        }
        SECTION("suspended and started") {
            tick.suspend();
            tick.start();
        }
        SECTION("running") {
            tick.start();
            REQUIRE(await([&] { return runs > 0; }));
        }
        SECTION("cancelled") { tick.cancel(); }
        SECTION("moved over") {
            tick = gcd::timer{{.interval = far}, queue, [] {}};
        }
    }
    CHECK(cancelled.wait());
    drain(queue);
}

TEST_CASE("a source may be destroyed inside its own handler", "[source]") {
    const gcd::queue queue{"source"};
    gcd_test::signal cancelled;
    std::atomic<int> runs{0};
    std::unique_ptr<gcd::timer> tick;
    tick = std::make_unique<gcd::timer>(timer_event{.interval = 1ms}, queue, [&, kept = std::string(100, 'k')] {
        tick.reset();
        if (kept == std::string(100, 'k')) ++runs;
    });
    tick->set_cancel_handler([&] { cancelled.set(); });
    tick->start();
    REQUIRE(cancelled.wait());
    drain(queue);
    CHECK(runs == 1);
}

TEST_CASE("handlers are destroyed after the cancel handler, so that a source may own itself", "[source]") {
    const gcd::queue queue{"source"};
    const auto witness = std::make_shared<int>(0);
    std::atomic<long> at_cancel{0};
    const std::weak_ptr<int> seen = witness;
    std::weak_ptr<gcd::timer> gone;
    {
        auto own = std::make_shared<std::shared_ptr<gcd::timer>>();
        *own = std::make_shared<gcd::timer>(timer_event{.interval = far, .start_delay = far}, queue, [own, witness] {});
        gone = *own;
        (*own)->set_cancel_handler([own, witness, &at_cancel] { at_cancel = witness.use_count(); });
        SECTION("started") { (*own)->start(); }
        SECTION("never started") {}
        CHECK(witness.use_count() == 3);
        (*own)->cancel();
    }
    REQUIRE(await([&] { return gone.expired(); }));
    REQUIRE(await([&] { return witness.use_count() == 1; }));
    CHECK(at_cancel == 3);
}

TEST_CASE("no event handler begins after cancel has returned, none runs after the cancel handler", "[source]") {
    const gcd::queue queue{"source", {.concurrent = true}};
    for (int round = 0; round < 300; ++round) {
        std::atomic<bool> over{false};
        std::atomic<bool> late{false};
        std::atomic<bool> inside{false};
        std::atomic<int> runs{0};
        gcd_test::signal cancelled;
        gcd::timer tick{{.interval = 20us}, queue, [&] {
                            inside = true;
                            if (over) late = true;
                            ++runs;
                            inside = false;
                        }};
        tick.set_cancel_handler([&] {
            if (inside) late = true;
            cancelled.set();
        });
        tick.start();
        while (runs < round % 5) std::this_thread::yield();
        tick.cancel_and_wait();
        if (inside) late = true;
        over = true;
        REQUIRE(cancelled.wait());
        drain(queue);
        REQUIRE_FALSE(late);
    }
}

TEST_CASE("cancel_and_wait waits for the running handler", "[source]") {
    const gcd::queue queue{"source"};
    gcd_test::signal begun;
    gcd_test::signal go;
    std::atomic<bool> ended_too_early{false};
    std::atomic<bool> finished{false};
    const gcd::timer tick{{.interval = 1ms}, queue, [&] {
                              begun.set();
                              static_cast<void>(go.wait());
                              finished = true;
                          }};
    tick.start();
    REQUIRE(begun.wait());
    std::vector<std::thread> waiters;
    for (int i = 0; i < 3; ++i)
        waiters.emplace_back([&] {
            tick.cancel_and_wait();
            if (!finished) ended_too_early = true;
        });
    REQUIRE(await([&] { return tick.is_cancelled(); }));
    REQUIRE(pass(5ms));
    go.set();
    for (auto& waiter : waiters) waiter.join();
    CHECK_FALSE(ended_too_early);
    tick.cancel_and_wait();
}

TEST_CASE("cancel_and_wait does not wait for a suspended queue", "[source]") {
    const gcd::queue queue{"source"};
    std::atomic<int> cancelled{0};
    const gcd::timer tick{{.interval = 1ms}, queue, [] {}};
    tick.set_cancel_handler([&] { ++cancelled; });
    queue.suspend();
    tick.start();
    REQUIRE(pass(5ms));
    tick.cancel_and_wait();
    CHECK(cancelled == 0);
    queue.resume();
    CHECK(await([&] { return cancelled == 1; }));
}

TEST_CASE("cancel_and_wait inside the handler is refused, on threads that work for it too", "[source]") {
    const gcd::queue queue{"source"};
    const gcd::queue other{"other"};
    std::atomic<int> refused{0};
    gcd_test::signal done;
    gcd::timer* self = nullptr;
    const auto attempt = [&] {
        try {
            self->cancel_and_wait();
        } catch (const gcd::would_deadlock&) {
            ++refused;
        }
    };
    gcd::timer tick{{.interval = far}, queue, [&] {
                        attempt();
                        other.run_sync(attempt);
                        done.set();
                    }};
    self = &tick;
    tick.start();
    REQUIRE(done.wait());
    CHECK(refused == 2);
    CHECK_FALSE(tick.is_cancelled());
    tick.cancel_and_wait();
}

TEST_CASE("a cancel_and_wait can be given up", "[source]") {
    const gcd::queue queue{"source"};
    gcd_test::signal begun;
    gcd_test::signal go;
    const gcd::timer tick{{.interval = far}, queue, [&] {
                              begun.set();
                              static_cast<void>(go.wait());
                          }};
    tick.start();
    REQUIRE(begun.wait());
    {
        std::atomic<int> asked{0};
        const gcd::interruptible limit{[&] { return ++asked >= 2; }};
        CHECK_THROWS_AS(tick.cancel_and_wait(), gcd::interrupted);
        CHECK(asked == 2);
    }
    CHECK(tick.is_cancelled());
    go.set();
    tick.cancel_and_wait();
}

TEST_CASE("sources that come and go leave no descriptor behind", "[source]") {
    const gcd::queue queue{"source"};
    gcd_test::pipe ends;
    const auto rounds = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const gcd::read_source source{read_event{ends.read.get()}, queue, [] {}};
            const gcd::signal_source usr1{gcd::signal_event{SIGUSR1}, queue, [] {}};
            const gcd::timer tick{{.interval = 1ms}, queue, [] {}};
            gcd_test::latch cancelled{3};
            source.set_cancel_handler([&] { cancelled.count_down(); });
            usr1.set_cancel_handler([&] { cancelled.count_down(); });
            tick.set_cancel_handler([&] { cancelled.count_down(); });
            source.start();
            usr1.start();
            tick.start();
            source.cancel();
            usr1.cancel();
            tick.cancel();
            if (!cancelled.wait()) return false;
        }
        return true;
    };
    REQUIRE(rounds(10));
    const std::size_t before = open_descriptors();
    REQUIRE(rounds(10'000));
    // libdispatch may have opened one or two of its own.
    CHECK(open_descriptors() <= before + 4);
}
