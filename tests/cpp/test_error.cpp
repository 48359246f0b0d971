// SPDX-License-Identifier: MIT
#include <gcd/error.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <gcd/group.hpp>
#include <gcd/queue.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using gcd_test::await;
using gcd_test::counted;
using gcd_test::live_count;

namespace {

std::mutex received_lock;
std::vector<std::string> received;
std::atomic<int> received_count{0};

void receive(std::exception_ptr error) {
    std::string what = "unknown";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        what = known.what();
    } catch (...) {
    }
    const std::lock_guard hold{received_lock};
    received.push_back(what);
    ++received_count;
}

/// Receives asynchronous exceptions while it lives.
class receiving {
public:
    receiving() : former_(gcd::set_exception_handler(&receive)) {
        const std::lock_guard hold{received_lock};
        received.clear();
        received_count = 0;
    }
    ~receiving() { gcd::set_exception_handler(former_); }

private:
    gcd::exception_handler former_;
};

} // namespace

TEST_CASE("the library's exceptions are standard exceptions", "[error]") {
    STATIC_REQUIRE(std::is_base_of_v<std::logic_error, gcd::would_deadlock>);
    STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, gcd::interrupted>);
    CHECK_FALSE(std::string(gcd::interrupted{}.what()).empty());
}

TEST_CASE("set_exception_handler gives the former function back", "[error]") {
    const gcd::exception_handler first = gcd::set_exception_handler(&receive);
    CHECK(gcd::set_exception_handler(nullptr) == &receive);
    CHECK(gcd::set_exception_handler(first) == nullptr);
}

TEST_CASE("an exception of an asynchronous item goes to the exception handler", "[error]") {
    const receiving active;
    const gcd::queue serial;
    const gcd::queue concurrent{"", {.concurrent = true}};
    serial.run_async([] { throw std::runtime_error{"async"}; });
    serial.barrier_async([] { throw std::runtime_error{"barrier"}; });
    concurrent.barrier_async([] { throw std::runtime_error{"store barrier"}; });
    gcd::queue::global_queue().run_async([] { throw std::runtime_error{"global"}; });
    serial.run_async([] { throw 5; });
    REQUIRE(await([] { return received_count == 5; }));
    const std::lock_guard hold{received_lock};
    for (const char* each : {"async", "barrier", "store barrier", "global", "unknown"})
        CHECK(std::count(received.begin(), received.end(), std::string(each)) == 1);
}

TEST_CASE("a queue goes on after an item has thrown", "[error]") {
    const receiving active;
    const gcd::queue serial;
    for (int i = 0; i < 100; ++i) serial.run_async([] { throw std::runtime_error{"again"}; });
    CHECK(serial.run_sync([] { return received_count.load(); }) == 100);
}

TEST_CASE("a group item that throws still counts as done", "[error][group]") {
    const receiving active;
    const gcd::queue concurrent{"", {.concurrent = true}};
    const gcd::group group;
    for (int i = 0; i < 10; ++i) group.run_async(concurrent, [] { throw std::runtime_error{"in a group"}; });
    CHECK(group.wait_for(gcd_test::bound));
    CHECK(received_count == 10);
    group.notify(concurrent, [] { throw std::runtime_error{"notified"}; });
    CHECK(await([] { return received_count == 11; }));
}

TEST_CASE("an item that throws is destroyed once", "[error]") {
    const receiving active;
    live_count live;
    const gcd::queue serial;
    for (int i = 0; i < 10; ++i) serial.run_async([held = counted{live}] { throw 1; });
    CHECK(await([&] { return live() == 0; }));
    CHECK(received_count == 10);
}

TEST_CASE("exceptions of run_sync don't reach the exception handler", "[error]") {
    const receiving active;
    const gcd::queue serial;
    CHECK_THROWS_AS(serial.run_sync([] { throw std::out_of_range{""}; }), std::out_of_range);
    serial.run_sync([] {});
    CHECK(received_count == 0);
}
