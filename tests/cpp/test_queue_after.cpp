// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <gcd/error.hpp>
#include <gcd/main_queue.hpp>
#include <gcd/workloop.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <stdexcept>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::counted;
using gcd_test::latch;
using gcd_test::live_count;

TEST_CASE("after runs the item no earlier than asked", "[queue]") {
    using steady = std::chrono::steady_clock;
    const gcd::queue serial;
    const auto began = steady::now();
    steady::time_point at[4];
    latch done{4};
    serial.after(30ms, [&] {
        at[0] = steady::now();
        done.count_down();
    });
    serial.after(began + 30ms, [&] {
        at[1] = steady::now();
        done.count_down();
    });
    serial.after(gcd::time::from_now(30ms), [&] {
        at[2] = steady::now();
        done.count_down();
    });
    // The calendar may be stepped, so only that it runs.
    serial.after(std::chrono::system_clock::now() + 30ms, [&] {
        at[3] = steady::now();
        done.count_down();
    });
    REQUIRE(done.wait());
    CHECK(at[0] - began >= 30ms);
    CHECK(at[1] - began >= 30ms);
    CHECK(at[2] - began >= 30ms);
    CHECK(at[3] > began);
}

TEST_CASE("after with a delay or a point in the past runs at once", "[queue]") {
    const gcd::queue serial;
    latch done{7};
    const auto item = [&] { done.count_down(); };
    serial.after(0s, item);
    serial.after(-1h, item);
    serial.after(gcd::duration::nanoseconds(std::numeric_limits<std::int64_t>::min()), item);
    serial.after(std::chrono::steady_clock::now() - 1h, item);
    serial.after(std::chrono::steady_clock::time_point::min(), item);
    serial.after(std::chrono::system_clock::time_point::min(), item);
    serial.after(gcd::time{}, item);
    CHECK(done.wait());
}

TEST_CASE("after for ever drops the item", "[queue]") {
    live_count live;
    std::atomic<bool> ran{false};
    const gcd::queue serial;
    serial.after(gcd::duration::forever(), [&, held = counted{live}] { ran = true; });
    serial.after(std::chrono::hours::max(), [&, held = counted{live}] { ran = true; });
    serial.after(gcd::time::forever(), [&, held = counted{live}] { ran = true; });
    serial.after(std::chrono::steady_clock::time_point::max(), [&, held = counted{live}] { ran = true; });
    serial.after(std::chrono::system_clock::time_point::max(), [&, held = counted{live}] { ran = true; });
    CHECK(live() == 0);
    serial.run_sync([] {});
    CHECK_FALSE(ran);
}

TEST_CASE("a pending after keeps its queue", "[queue]") {
    event done;
    {
        const gcd::queue brief;
        brief.after(20ms, [&] { done.set(); });
    }
    CHECK(done.wait());
}

TEST_CASE("after refuses an empty callable and a handle that was moved from", "[queue]") {
    live_count live;
    gcd::queue gone;
    const gcd::queue serial = std::move(gone);
    const std::function<void()> empty;
    void (*const null)() = nullptr;
    CHECK_THROWS_AS(serial.after(1ms, empty), std::invalid_argument);
    CHECK_THROWS_AS(serial.after(gcd::time::now(), null), std::invalid_argument);
    CHECK_THROWS_AS(gone.after(1ms, [held = counted{live}] {}), std::logic_error);
    CHECK(live() == 0);
}

TEST_CASE("captures are destroyed once a delayed item has run", "[queue]") {
    live_count live;
    const gcd::queue concurrent{"", {.concurrent = true}};
    for (int i = 0; i < 100; ++i) concurrent.after(1ms, [held = counted{live}] {});
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("an exception of a delayed item goes to the exception handler", "[queue][error]") {
    static event received;
    received.reset();
    const gcd::exception_handler former = gcd::set_exception_handler([](std::exception_ptr) { received.set(); });
    const gcd::queue serial;
    serial.after(1ms, [] { throw std::runtime_error{"after"}; });
    CHECK(received.wait());
    gcd::set_exception_handler(former);
}

TEST_CASE("after reaches the main queue", "[queue][main]") {
    const auto here = std::this_thread::get_id();
    const gcd::queue main = gcd::queue::main_queue();
    bool right = false;
    main.after(5ms, [&] {
        right = std::this_thread::get_id() == here && main.is_current();
        gcd::stop_main();
    });
    gcd::run_main();
    CHECK(right);
}

TEST_CASE("many afters each fire, none before its time", "[scenario]") {
    const gcd::queue concurrent{"", {.concurrent = true}};
    std::atomic<int> early{0};
    latch done{500};
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 500; ++i)
        concurrent.after((i * 37) % 100 * 1ms, [&, i] {
            if (std::chrono::steady_clock::now() - began < (i * 37) % 100 * 1ms) ++early;
            done.count_down();
        });
    CHECK(done.wait(2 * gcd_test::bound));
    CHECK(early == 0);
}

TEST_CASE("after works on a workloop once it is active", "[queue][workloop]") {
    const gcd::workloop loop{"lazy", {.inactive = true}};
    event done;
    CHECK_THROWS_AS(loop.after(1ms, [] {}), std::logic_error);
    loop.activate();
    loop.after(5ms, [&] { done.set(); });
    CHECK(done.wait());
}
