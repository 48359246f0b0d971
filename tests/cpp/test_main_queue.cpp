// SPDX-License-Identifier: MIT
#include <gcd/main_queue.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/blocking.hpp>
#include <gcd/group.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#if GCD_OS_LINUX
#include <poll.h>
#endif

// Catch2 runs each case on the main thread. Every case leaves the main queue empty and not stopped.

using gcd_test::await;
using gcd_test::latch;

namespace {

/// Calls it on another thread, and says whether that threw std::logic_error.
template <class F> bool refused_elsewhere(F call) {
    bool refused = false;
    std::thread{[&] {
        try {
            call();
        } catch (const std::logic_error&) {
            refused = true;
        }
    }}.join();
    return refused;
}

} // namespace

TEST_CASE("run_main runs the main queue's items on the main thread", "[main]") {
    const auto here = std::this_thread::get_id();
    const gcd::queue main = gcd::queue::main_queue();
    std::vector<int> order;
    std::atomic<int> elsewhere{0};
    std::thread submitting{[&] {
        for (int i = 0; i < 100; ++i)
            main.run_async([&, i] {
                if (std::this_thread::get_id() != here) ++elsewhere;
                order.push_back(i);
            });
        main.run_async([] { gcd::stop_main(); });
    }};
    gcd::run_main();
    submitting.join();
    CHECK(elsewhere == 0);
    REQUIRE(order.size() == 100);
    for (int i = 0; i < 100; ++i)
        if (order[static_cast<std::size_t>(i)] != i) FAIL("item " << i << " ran out of order");
}

TEST_CASE("stop_main from another thread ends run_main, which may be called again", "[main]") {
    for (int round = 0; round < 20; ++round) {
        std::thread stopping{[] { gcd::stop_main(); }};
        gcd::run_main();
        stopping.join();
    }
    SUCCEED();
}

TEST_CASE("what was submitted before the stop has run when run_main returns", "[main]") {
    const gcd::queue main = gcd::queue::main_queue();
    int ran = 0;
    for (int i = 0; i < 10; ++i) main.run_async([&] { ++ran; });
    gcd::stop_main();
    gcd::run_main();
    CHECK(ran == 10);
}

TEST_CASE("other queues reach the main thread through the main queue", "[main]") {
    const auto here = std::this_thread::get_id();
    const gcd::queue main = gcd::queue::main_queue();
    const gcd::queue through{"through", {.target = &main}};
    const gcd::queue worker;
    const gcd::group group;
    std::atomic<int> right{0};
    const auto check = [&] {
        if (std::this_thread::get_id() == here && main.is_current()) ++right;
    };
    worker.run_async([&] {
        main.run_sync(check);
        main.barrier_sync(check);
        through.run_sync(check);
        main.barrier_async(check);
        through.run_async(check);
        group.run_async(main, check);
        group.wait();
        group.notify(main, check);
        gcd::stop_main();
    });
    gcd::run_main();
    CHECK(right == 7);
    worker.run_sync([] {});
}

TEST_CASE("run_sync onto the main queue brings results and exceptions back", "[main]") {
    int got = 0;
    bool caught = false;
    std::thread asking{[&] {
        const gcd::queue main = gcd::queue::main_queue();
        got = main.run_sync([] { return 42; });
        try {
            main.run_sync([] { throw std::out_of_range{""}; });
        } catch (const std::out_of_range&) {
            caught = true;
        }
        gcd::stop_main();
    }};
    gcd::run_main();
    asking.join();
    CHECK(got == 42);
    CHECK(caught);
}

TEST_CASE("the main thread can't run_sync onto the main queue", "[main][deadlock]") {
    const gcd::queue main = gcd::queue::main_queue();
    const gcd::queue through{"", {.target = &main}};
    const gcd::queue other;
    CHECK(main.is_current());
    CHECK_THROWS_AS(main.run_sync([] {}), gcd::would_deadlock);
    CHECK_THROWS_AS(main.barrier_sync([] {}), gcd::would_deadlock);
    CHECK_THROWS_AS(through.run_sync([] {}), gcd::would_deadlock);
    CHECK_THROWS_AS(other.run_sync([&] { main.run_sync([] {}); }), gcd::would_deadlock);
    bool refused = false;
    main.run_async([&] {
        try {
            main.run_sync([] {});
        } catch (const gcd::would_deadlock&) {
            refused = true;
        }
        gcd::stop_main();
    });
    gcd::run_main();
    CHECK(refused);
}

TEST_CASE("the main queue is itself", "[main]") {
    const gcd::queue main = gcd::queue::main_queue();
    CHECK(main == gcd::queue::main_queue());
    CHECK(main.label() == "com.apple.main-thread");
    CHECK_FALSE(main.is_concurrent());
    bool current = true;
    std::thread{[&] { current = main.is_current(); }}.join();
    CHECK_FALSE(current);
}

TEST_CASE("run_main is refused off the main thread and inside itself", "[main]") {
    CHECK(refused_elsewhere([] { gcd::run_main(); }));
    bool refused = false;
    gcd::queue::main_queue().run_async([&] {
        try {
            gcd::run_main();
        } catch (const std::logic_error&) {
            refused = true;
        }
        gcd::stop_main();
    });
    gcd::run_main();
    CHECK(refused);
}

TEST_CASE("run_main can be interrupted", "[main]") {
    std::atomic<bool> asked{false};
    {
        const gcd::interruptible until{[&] { return asked.exchange(true); }};
        CHECK_THROWS_AS(gcd::run_main(), gcd::interrupted);
    }
    gcd::stop_main();
    gcd::run_main();
}

TEST_CASE("run_sync onto the main queue can be given up, or served late", "[main][blocking]") {
    const auto here = std::this_thread::get_id();
    std::atomic<int> ran{0};
    bool given_up = false;
    std::thread{[&] {
        const gcd::interruptible asking{[] { return true; }};
        try {
            gcd::queue::main_queue().run_sync([&] { ++ran; });
        } catch (const gcd::interrupted&) {
            given_up = true;
        }
    }}.join();
    CHECK(given_up);
    std::thread::id where;
    std::thread patient{[&] {
        const gcd::interruptible asking{[] { return false; }};
        where = gcd::queue::main_queue().run_sync([] { return std::this_thread::get_id(); });
        gcd::stop_main();
    }};
    gcd::run_main();
    patient.join();
    CHECK(where == here);
    CHECK(ran == 0);
}

TEST_CASE("an exception of a main queue item goes to the exception handler", "[main]") {
    static std::atomic<int> received{0};
    received = 0;
    const gcd::exception_handler former = gcd::set_exception_handler([](std::exception_ptr) { ++received; });
    gcd::queue::main_queue().run_async([] { throw 1; });
    gcd::stop_main();
    gcd::run_main();
    gcd::set_exception_handler(former);
    CHECK(received == 1);
}

#if GCD_OS_LINUX

TEST_CASE("a foreign loop serves the main queue through its descriptor", "[main]") {
    const gcd::queue main = gcd::queue::main_queue();
    const int descriptor = gcd::main_queue_descriptor();
    REQUIRE(descriptor >= 0);
    CHECK(descriptor == gcd::main_queue_descriptor());
    gcd::drain_main_queue();
    pollfd ready{descriptor, POLLIN, 0};
    CHECK(::poll(&ready, 1, 0) == 0);
    int ran = 0;
    for (int round = 1; round <= 20; ++round) {
        std::thread{[&] { main.run_async([&] { ++ran; }); }}.join();
        REQUIRE(::poll(&ready, 1, 5000) == 1);
        gcd::drain_main_queue();
        CHECK(ran == round);
    }
    CHECK(::poll(&ready, 1, 0) == 0);
    gcd::drain_main_queue();
}

TEST_CASE("draining inside an item is harmless, off the main thread it is refused", "[main]") {
    int ran = 0;
    const gcd::queue main = gcd::queue::main_queue();
    main.run_async([&] {
        gcd::drain_main_queue();
        ++ran;
    });
    main.run_async([&] { ++ran; });
    CHECK(await([&] {
        gcd::drain_main_queue();
        return ran == 2;
    }));
    CHECK(refused_elsewhere([] { gcd::drain_main_queue(); }));
}

TEST_CASE("a stop that a foreign loop has drained still lets the next run_main serve what is there", "[main]") {
    int ran = 0;
    const gcd::queue main = gcd::queue::main_queue();
    gcd::stop_main();
    gcd::drain_main_queue();
    main.run_async([&] { ++ran; });
    gcd::run_main();
    CHECK(ran == 1);
}

TEST_CASE("run_main is refused inside an item that a foreign loop has drained", "[main]") {
    bool refused = false;
    gcd::queue::main_queue().run_async([&] {
        try {
            gcd::run_main();
        } catch (const std::logic_error&) {
            refused = true;
        }
    });
    gcd::drain_main_queue();
    CHECK(refused);
}

#endif
