// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>

using namespace std::chrono_literals;
using gcd_test::holds_in_child;
using gcd_test::is_refused;
using gcd_test::latch;

namespace {

/// Everything that an idle engine can do.
bool works() {
    const gcd::queue serial{"child"};
    const gcd::queue concurrent{"child", {.concurrent = true, .target = &serial}};
    int ran = 0;
    serial.run_async([&ran] { ++ran; });
    concurrent.run_sync([&ran] { ++ran; });
    const gcd::group group;
    std::atomic<int> counted{0};
    group.run_async(gcd::queue::global_queue(), [&counted] { ++counted; });
    group.run_async(gcd::queue::global_queue(gcd::qos::background), [&counted] { ++counted; });
    if (!group.wait_for(5s)) return false;
    gcd::apply(100, [&counted](std::size_t) { ++counted; });
    gcd::queue::main_queue().run_async([&ran] { ++ran; });
    gcd::stop_main();
    gcd::run_main();
    return ran == 3 && counted == 102;
}

} // namespace

TEST_CASE("the child of a fork has an engine of its own", "[native][fork]") {
    REQUIRE(works());
    CHECK(holds_in_child([] { return works(); }));
    CHECK(holds_in_child([] { return holds_in_child([] { return works(); }); }));
    CHECK(works());
}

TEST_CASE("idle objects of the parent are the child's", "[native][fork]") {
    const gcd::queue target{"target"};
    const gcd::queue queue{"queue", {.target = &target}};
    const gcd::queue suspended{"suspended"};
    const gcd::group group;
    const gcd::semaphore semaphore{1};
    queue.run_sync([] {});
    suspended.suspend();
    CHECK(holds_in_child([&] {
        int ran = 0;
        queue.run_async([&ran] { ++ran; });
        queue.run_sync([&ran] { ++ran; });
        suspended.run_async([&ran] { ++ran; });
        suspended.resume();
        suspended.run_sync([&ran] { ++ran; });
        group.run_async(queue, [&ran] { ++ran; });
        group.wait();
        semaphore.wait();
        return ran == 5 && !semaphore.signal();
    }));
    suspended.resume();
    CHECK(queue.run_sync([] { return 1; }) == 1);
}

TEST_CASE("objects with work under way in the parent are refused in the child", "[native][fork]") {
    const gcd::queue queue{"busy"};
    const gcd::group group;
    latch started{1};
    latch released{1};
    group.run_async(queue, [&] {
        started.count_down();
        static_cast<void>(released.wait());
    });
    REQUIRE(started.wait());
    CHECK(holds_in_child([&] {
        return is_refused([&] { queue.run_async([] {}); }) && is_refused([&] { queue.run_sync([] {}); }) &&
               is_refused([&] { group.wait(); }) && works();
    }));
    released.count_down();
    CHECK(group.wait_for(5s));
}

TEST_CASE("what was submitted in the parent runs there alone", "[native][fork]") {
    auto queue = std::make_unique<gcd::queue>("held");
    std::atomic<int> ran{0};
    queue->suspend();
    queue->run_async([&ran] { ++ran; });
    CHECK(holds_in_child([&] {
        queue.reset();
        return works() && ran == 0;
    }));
    queue->resume();
    queue->run_sync([] {});
    CHECK(ran == 1);
}

TEST_CASE("a fork inside an item leaves the parent's other work to the parent", "[native][fork]") {
    const gcd::queue queue{"forking"};
    std::atomic<int> ran{0};
    bool held = false;
    queue.suspend();
    queue.run_async(
        [&] { held = holds_in_child([&] { return is_refused([&] { queue.run_async([] {}); }) && works(); }); });
    queue.run_async([&ran] { ++ran; });
    queue.resume();
    queue.run_sync([] {});
    CHECK(held);
    CHECK(ran == 1);
}
