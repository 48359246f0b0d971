// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <gcd/apply.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::counted;
using gcd_test::live_count;

namespace {

constinit gcd::specific_key<int> number_key;
constinit gcd::specific_key<std::string> text_key;

} // namespace

TEST_CASE("a specific is found under its key", "[specific]") {
    const gcd::queue serial;
    CHECK(serial.get_specific(number_key) == nullptr);
    serial.set_specific(number_key, 7);
    serial.set_specific(text_key, "seven");
    REQUIRE(serial.get_specific(number_key) != nullptr);
    CHECK(*serial.get_specific(number_key) == 7);
    CHECK(*serial.get_specific(text_key) == "seven");
    serial.set_specific(number_key, 8);
    CHECK(*serial.get_specific(number_key) == 8);
    serial.set_specific(number_key, nullptr);
    CHECK(serial.get_specific(number_key) == nullptr);
    serial.set_specific(number_key, std::shared_ptr<int>{});
    CHECK(*serial.get_specific(text_key) == "seven");
    CHECK(*serial.retain().get_specific(text_key) == "seven");
    CHECK(gcd::queue{}.get_specific(text_key) == nullptr);
}

TEST_CASE("two keys of one type are two keys", "[specific]") {
    const gcd::specific_key<int> first;
    const gcd::specific_key<int> second;
    const gcd::queue serial;
    serial.set_specific(first, 1);
    CHECK(serial.get_specific(second) == nullptr);
}

TEST_CASE("the running item finds the values of its queue", "[specific]") {
    const gcd::queue serial;
    serial.set_specific(number_key, 5);
    CHECK(gcd::get_specific(number_key) == nullptr);
    CHECK(*serial.run_sync([] { return gcd::get_specific(number_key); }) == 5);
    std::shared_ptr<int> found;
    event done;
    serial.run_async([&] {
        found = gcd::get_specific(number_key);
        done.set();
    });
    REQUIRE(done.wait());
    REQUIRE(found != nullptr);
    CHECK(*found == 5);
    CHECK(gcd::get_specific(number_key) == nullptr);
}

TEST_CASE("the look-up goes through the targets, innermost first", "[specific]") {
    const gcd::queue root{"root"};
    const gcd::queue middle{"middle", {.concurrent = true, .target = &root}};
    const gcd::queue leaf{"leaf", {.target = &middle}};
    const auto look = [&] { return leaf.run_sync([] { return gcd::get_specific(number_key); }); };
    CHECK(look() == nullptr);
    root.set_specific(number_key, 1);
    CHECK(*look() == 1);
    middle.set_specific(number_key, 2);
    CHECK(*look() == 2);
    leaf.set_specific(number_key, 3);
    CHECK(*look() == 3);
    const auto values = leaf.run_sync([] { return gcd::get_all_specific(number_key); });
    REQUIRE(values.size() == 3);
    CHECK(*values[0] == 3);
    CHECK(*values[1] == 2);
    CHECK(*values[2] == 1);
    leaf.set_specific(number_key, std::shared_ptr<int>{});
    CHECK(*look() == 2);
    CHECK(gcd::queue{}.run_sync([] { return gcd::get_all_specific(number_key); }).empty());
    CHECK(gcd::get_all_specific(number_key).empty());
}

TEST_CASE("the queue's own look-up doesn't ask its targets", "[specific]") {
    const gcd::queue root;
    const gcd::queue leaf{"", {.target = &root}};
    root.set_specific(number_key, 1);
    CHECK(leaf.get_specific(number_key) == nullptr);
    CHECK(leaf.run_sync([&] { return leaf.get_specific(number_key) == nullptr; }));
}

TEST_CASE("the innermost queue answers for nested items", "[specific]") {
    const gcd::queue outer{"outer"};
    const gcd::queue inner{"inner"};
    outer.set_specific(number_key, 1);
    inner.set_specific(text_key, std::string("inner"));
    outer.run_sync([&] {
        const bool right = inner.run_sync(
            [] { return gcd::get_specific(number_key) == nullptr && gcd::get_specific(text_key) != nullptr; });
        CHECK(right);
        CHECK(gcd::get_specific(number_key) != nullptr);
        CHECK(gcd::get_specific(text_key) == nullptr);
    });
}

TEST_CASE("the helpers of apply find the values of its queue", "[specific][apply]") {
    const gcd::queue root;
    root.set_specific(number_key, 4);
    const gcd::queue concurrent{"", {.concurrent = true}};
    concurrent.set_specific(text_key, std::string("loop"));
    std::atomic<int> right{0};
    root.run_sync([&] {
        gcd::apply(32, concurrent, [&](std::size_t) {
            if (gcd::get_specific(text_key) != nullptr && gcd::get_specific(number_key) == nullptr) ++right;
        });
    });
    CHECK(right == 32);
}

TEST_CASE("specifics work on global queues, for all handles", "[specific]") {
    const gcd::specific_key<int> key;
    gcd::queue::global_queue(gcd::qos::utility).set_specific(key, 11);
    const gcd::queue again = gcd::queue::global_queue(gcd::qos::utility);
    CHECK(*again.get_specific(key) == 11);
    CHECK(gcd::queue::global_queue().get_specific(key) == nullptr);
    const gcd::queue leaf{"", {.target = &again}};
    CHECK(*leaf.run_sync([&] { return gcd::get_specific(key); }) == 11);
    again.set_specific(key, std::shared_ptr<int>{});
}

TEST_CASE("specifics are destroyed when replaced, removed, or with their queue", "[specific]") {
    live_count live;
    const gcd::specific_key<counted> key;
    {
        const gcd::queue serial;
        serial.set_specific(key, counted{live});
        CHECK(live() == 1);
        serial.set_specific(key, counted{live});
        CHECK(live() == 1);
        const std::shared_ptr<counted> kept = serial.get_specific(key);
        serial.set_specific(key, std::shared_ptr<counted>{});
        CHECK(live() == 1);
        serial.set_specific(key, kept);
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("specifics may be set and read from many threads", "[specific]") {
    const gcd::queue serial;
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; ++i) {
                serial.set_specific(number_key, 6);
                const auto found = serial.get_specific(number_key);
                if (found == nullptr || *found != 6) ++wrong;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("a queue is current inside its items and those that go through it", "[specific]") {
    const gcd::queue root{"root"};
    const gcd::queue leaf{"leaf", {.target = &root}};
    const gcd::queue other{"other"};
    CHECK_FALSE(leaf.is_current());
    CHECK(leaf.run_sync([&] { return leaf.is_current() && root.is_current() && !other.is_current(); }));
    CHECK(root.run_sync([&] { return root.is_current() && !leaf.is_current(); }));
    CHECK(leaf.run_sync([&] { return other.run_sync([&] { return leaf.is_current() && other.is_current(); }); }));
    CHECK_FALSE(leaf.is_current());
}

TEST_CASE("current_label names the innermost queue", "[specific]") {
    const gcd::queue outer{"outer"};
    const gcd::queue inner{"inner"};
    const gcd::queue unlabelled;
    CHECK(outer.run_sync([] { return gcd::current_label(); }) == "outer");
    CHECK(outer.run_sync([&] { return inner.run_sync([] { return gcd::current_label(); }); }) == "inner");
    CHECK(unlabelled.run_sync([] { return gcd::current_label(); }).empty());
    std::string label;
    event done;
    outer.run_async([&] {
        label = gcd::current_label();
        done.set();
    });
    REQUIRE(done.wait());
    CHECK(label == "outer");
    static_cast<void>(gcd::current_label());
}
