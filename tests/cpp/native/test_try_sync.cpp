// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <stdexcept>
#include <thread>

using event = gcd_test::signal;

namespace {

constexpr auto nothing = [] {};

/// Both kinds say the same of the queue.
bool can_be_had(const gcd::queue& queue) {
    const bool plain = queue.try_run_sync(nothing);
    CHECK(queue.try_barrier_sync(nothing) == plain);
    return plain;
}

} // namespace

TEST_CASE("try_run_sync runs in place on an idle queue", "[native][sync]") {
    const gcd::queue serial;
    const gcd::queue concurrent{"concurrent", {.concurrent = true}};
    const gcd::queue target;
    const gcd::queue through{"through", {.target = &target}};
    for (const gcd::queue* queue : {&serial, &concurrent, &through}) {
        std::thread::id ran;
        REQUIRE(queue->try_run_sync([&] {
            ran = std::this_thread::get_id();
            CHECK(queue->is_current());
        }));
        CHECK(ran == std::this_thread::get_id());
        CHECK(can_be_had(*queue));
        CHECK_THROWS_AS(queue->try_run_sync([] { throw std::runtime_error("error"); }), std::runtime_error);
        CHECK(can_be_had(*queue));
    }
}

TEST_CASE("try_run_sync doesn't wait", "[native][sync]") {
    const gcd::queue queue;
    queue.suspend();
    CHECK_FALSE(can_be_had(queue));
    queue.resume();
    CHECK(can_be_had(queue));

    queue.run_sync([&] { CHECK_FALSE(can_be_had(queue)); });

    const gcd::queue inactive{"inactive", {.inactive = true}};
    CHECK_FALSE(can_be_had(inactive));
    inactive.activate();
    CHECK(can_be_had(inactive));

    event began;
    event may_end;
    queue.run_async([&] {
        began.set();
        static_cast<void>(may_end.wait());
    });
    REQUIRE(began.wait());
    CHECK_FALSE(can_be_had(queue));
    const gcd::queue through{"through", {.target = &queue}};
    CHECK_FALSE(can_be_had(through));
    may_end.set();
    queue.run_sync(nothing);
    CHECK(gcd_test::await([&] { return can_be_had(through); }));
}

TEST_CASE("try_run_sync never overtakes what the thread has submitted", "[native][sync]") {
    const gcd::queue queue;
    for (int i = 0; i < 10'000; ++i) {
        bool before = false;
        queue.run_async([&] { before = true; });
        if (!queue.try_run_sync([&] { CHECK(before); })) queue.run_sync([&] { CHECK(before); });
    }
}

TEST_CASE("readers are no hindrance for try_run_sync, but for try_barrier_sync", "[native][sync]") {
    const gcd::queue queue{"concurrent", {.concurrent = true}};
    queue.run_sync([&] {
        std::thread{[&] {
            CHECK(queue.try_run_sync(nothing));
            CHECK_FALSE(queue.try_barrier_sync(nothing));
        }}.join();
    });
    CHECK(queue.try_barrier_sync([&] { CHECK_FALSE(queue.try_run_sync(nothing)); }));
}
