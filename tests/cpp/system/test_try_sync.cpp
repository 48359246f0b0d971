// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "catch.hpp"

#include <functional>
#include <stdexcept>
#include <utility>

TEST_CASE("libdispatch gives no turn without a wait", "[system][sync]") {
    const gcd::queue serial;
    const gcd::queue concurrent{"concurrent", {.concurrent = true}};
    const gcd::queue global = gcd::queue::global_queue();
    bool ran = false;
    for (const gcd::queue* queue : {&serial, &concurrent, &global}) {
        CHECK_FALSE(queue->try_run_sync([&] { ran = true; }));
        CHECK_FALSE(queue->try_barrier_sync([&] { ran = true; }));
        CHECK(queue->run_sync([] { return 7; }) == 7);
    }
    CHECK_FALSE(ran);
}

TEST_CASE("what try_run_sync takes is checked all the same", "[system][sync]") {
    const gcd::queue queue;
    CHECK_THROWS_AS(queue.try_run_sync(std::function<void()>{}), std::invalid_argument);
    CHECK_THROWS_AS(queue.try_barrier_sync(std::function<void()>{}), std::invalid_argument);
    gcd::queue moved;
    const gcd::queue taken = std::move(moved);
    CHECK_THROWS_AS(moved.try_run_sync([] {}), std::logic_error);
}
