// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "catch.hpp"
#include "child.hpp"

#include <memory>

#include <unistd.h>

using gcd_test::holds_in_child;
using gcd_test::is_refused;

TEST_CASE("objects of the parent are refused in the child of a fork", "[fork]") {
    const gcd::queue queue{"fork"};
    const gcd::group group;
    const gcd::semaphore semaphore{1};
    queue.run_sync([] {});
    CHECK(holds_in_child([&] {
        return is_refused([&] { queue.run_async([] {}); }) && is_refused([&] { queue.run_sync([] {}); }) &&
               is_refused([&] { group.wait(); }) && is_refused([&] { semaphore.signal(); });
    }));
    CHECK(queue.run_sync([] { return 1; }) == 1);
}

TEST_CASE("new objects are refused in the child of a process that had used libdispatch", "[fork]") {
    gcd::queue{"fork"}.run_sync([] {});
    CHECK(holds_in_child([] {
        return is_refused([] { const gcd::queue made{"child"}; }) && is_refused([] { const gcd::workloop made; }) &&
               is_refused([] { const gcd::group made; }) && is_refused([] { const gcd::semaphore made{1}; }) &&
               is_refused([] { gcd::apply(10, [](std::size_t) {}); });
    }));
}

TEST_CASE("handles of the parent can end in the child of a fork", "[fork]") {
    auto queue = std::make_unique<gcd::queue>("fork");
    auto group = std::make_unique<gcd::group>();
    queue->suspend();
    CHECK(holds_in_child([&] {
        queue.reset();
        group.reset();
        return true;
    }));
    queue->resume();
}

TEST_CASE("a semaphore's guard of the parent can end in the child of a fork", "[fork]") {
    const gcd::semaphore semaphore{1};
    auto guard = std::make_unique<gcd::semaphore::guard>(semaphore.acquire());
    CHECK(holds_in_child([&] {
        guard.reset();
        return true;
    }));
}

TEST_CASE("the main queue of the parent is not served in the child of a fork", "[fork][main]") {
    const gcd::queue used{"fork"};
    CHECK(holds_in_child([] {
        ::alarm(5);
        return is_refused([] { gcd::run_main(); });
    }));
}
