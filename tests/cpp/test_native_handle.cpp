// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <gcd/data.hpp>
#include <gcd/workloop.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::latch;

namespace {

void call(void* context) { (*static_cast<std::function<void()>*>(context))(); }

void* create(const char* label) { return dispatch_queue_create(label, nullptr); }
void retain(void* queue) { dispatch_retain(static_cast<dispatch_queue_t>(queue)); }
void release(void* queue) { dispatch_release(static_cast<dispatch_queue_t>(queue)); }

/// Runs it as an item that this library knows nothing of.
void raw_async(void* queue, const std::function<void()>& body) {
    event done;
    std::function<void()> item = [&] {
        body();
        done.set();
    };
    dispatch_async_f(static_cast<dispatch_queue_t>(queue), &item, &call);
    if (!done.wait(2 * gcd_test::bound)) std::terminate();
}

} // namespace

TEST_CASE("a native handle is the dispatch queue", "[native_handle]") {
    const gcd::queue serial{"native"};
    REQUIRE(serial.native_handle() != nullptr);
    CHECK(serial.native_handle() == serial.retain().native_handle());
    bool current = false;
    std::string label;
    raw_async(serial.native_handle(), [&] {
        current = serial.is_current();
        label = gcd::current_label();
    });
    CHECK(current);
    CHECK(label == "native");
    CHECK(gcd::workloop{}.native_handle() != nullptr);
}

TEST_CASE("a queue is found again from its native handle", "[native_handle]") {
    const gcd::queue serial{"again"};
    const gcd::queue again = gcd::queue::from_native(serial.native_handle());
    CHECK(again == serial);
    CHECK(again.label() == "again");
    serial.suspend();
    CHECK(again.is_suspended());
    again.resume();
    const gcd::workloop loop;
    CHECK_THROWS_AS(gcd::queue::from_native(loop.native_handle()).suspend(), std::logic_error);
    CHECK(gcd::queue::from_native(gcd::queue::global_queue().native_handle()) == gcd::queue::global_queue());
    CHECK(gcd::queue::from_native(gcd::queue::main_queue().native_handle()) == gcd::queue::main_queue());
    for (const gcd::qos each : {gcd::qos::background, gcd::qos::utility, gcd::qos::user_initiated,
                                gcd::qos::user_interactive, gcd::qos::unspecified}) {
        const gcd::queue global = gcd::queue::global_queue(each);
        CHECK(gcd::queue::from_native(global.native_handle()) == global);
    }
}

TEST_CASE("a foreign queue serves as any other", "[native_handle]") {
    void* const native = create("foreign");
    gcd::queue foreign = gcd::queue::from_native(native);
    release(native);
    CHECK(foreign.label() == "foreign");
    CHECK(foreign == gcd::queue::from_native(native));
    CHECK(foreign.run_sync([] { return 42; }) == 42);
    CHECK(foreign.run_sync([&] { return foreign.is_current(); }));
    int value = 0;
    latch done{100};
    for (int i = 0; i < 100; ++i)
        foreign.run_async([&] {
            ++value;
            done.count_down();
        });
    REQUIRE(done.wait());
    CHECK(value == 100);
    const gcd::specific_key<int> key;
    foreign.set_specific(key, 9);
    CHECK(*foreign.run_sync([&] { return gcd::get_specific(key); }) == 9);
    std::shared_ptr<int> found;
    raw_async(native, [&] { found = gcd::get_specific(key); });
    REQUIRE(found != nullptr);
    CHECK(*found == 9);
    foreign.suspend();
    CHECK_THROWS_AS(foreign.activate(), std::logic_error);
    foreign.resume();
    CHECK_THROWS_AS(foreign.resume(), std::logic_error);
    const gcd::queue target;
    foreign.set_target_queue(target);
    CHECK(foreign.run_sync([&] { return target.is_current(); }));
}

TEST_CASE("an adopted queue takes the caller's reference over", "[native_handle]") {
    gcd_test::live_count live;
    {
        const gcd::queue adopted = gcd::queue::from_native(create("adopted"), gcd::adopted);
        adopted.set_context(std::make_shared<gcd_test::counted>(live));
        CHECK(adopted.run_sync([] { return 1; }) == 1);
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("state stays with the queue while somebody else keeps it", "[native_handle]") {
    std::atomic<int> finalized{0};
    const gcd::specific_key<int> key;
    void* native = nullptr;
    {
        const gcd::queue brief{"kept"};
        native = brief.native_handle();
        retain(native);
        brief.set_specific(key, 3);
        brief.set_context(nullptr, [&] { ++finalized; });
    }
    CHECK(finalized == 0);
    {
        const gcd::queue again = gcd::queue::from_native(native);
        CHECK(again.label() == "kept");
        CHECK(*again.get_specific(key) == 3);
        again.suspend();
    }
    raw_async(native, [] {});
    CHECK(finalized == 0);
    release(native);
    CHECK(await([&] { return finalized == 1; }));
}

TEST_CASE("racing from_native calls agree on one state", "[native_handle]") {
    for (int round = 0; round < 100; ++round) {
        void* const native = create("raced");
        const gcd::specific_key<int> key;
        latch together{4};
        std::atomic<int> found{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                static_cast<void>(together.arrive_and_wait());
                const gcd::queue one = gcd::queue::from_native(native);
                one.set_specific(key, 1);
                if (gcd::queue::from_native(native).get_specific(key) != nullptr) ++found;
            });
        for (std::thread& thread : threads) thread.join();
        release(native);
        if (found != 4) FAIL("only " << found << " saw the value");
    }
}

TEST_CASE("no queue is no argument", "[native_handle]") {
    CHECK_THROWS_AS(gcd::queue::from_native(nullptr), std::invalid_argument);
    CHECK_THROWS_AS(gcd::queue::from_native(nullptr, gcd::adopted), std::invalid_argument);
}

TEST_CASE("a handle that was moved from has no native handle", "[native_handle]") {
    gcd::queue first;
    const gcd::queue second = std::move(first);
    CHECK_THROWS_AS(first.native_handle(), std::logic_error);
}

TEST_CASE("data crosses over to libdispatch and back", "[native_handle]") {
    const gcd::data bytes = gcd::data{"ab"}.concat(gcd::data{"cd"});
    const gcd::data back = gcd::data::from_native(bytes.native_handle());
    CHECK(back.native_handle() == bytes.native_handle());
    CHECK(back == bytes);
    CHECK(gcd::data::from_native(gcd::data{}.native_handle()).empty());
    CHECK_THROWS_AS(gcd::data::from_native(nullptr), std::invalid_argument);
}
