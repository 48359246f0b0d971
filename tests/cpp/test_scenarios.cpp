// SPDX-License-Identifier: MIT
#include <gcd/apply.hpp>
#include <gcd/group.hpp>
#include <gcd/queue.hpp>
#include <gcd/semaphore.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::latch;

TEST_CASE("ping-pong between two queues", "[scenario]") {
    const gcd::queue ping{"ping"};
    const gcd::queue pong{"pong"};
    constexpr int hops = 100'000;
    int count = 0; // only ever touched by the one item under way
    event done;
    std::function<void()> hop = [&] {
        if (++count == hops)
            done.set();
        else
            (count % 2 == 0 ? ping : pong).run_async(std::ref(hop));
    };
    ping.run_async(std::ref(hop));
    CHECK(done.wait(12 * gcd_test::bound));
    CHECK(count == hops);
}

TEST_CASE("ping-pong between two threads with semaphores", "[scenario]") {
    const gcd::semaphore ping{0};
    const gcd::semaphore pong{0};
    constexpr int rounds = 2000;
    int ball = 0; // handed over by the semaphores
    std::thread other{[&] {
        for (int i = 0; i < rounds; ++i) {
            ping.wait();
            ++ball;
            pong.signal();
        }
    }};
    for (int i = 0; i < rounds; ++i) {
        ping.signal();
        pong.wait();
        ++ball;
    }
    other.join();
    CHECK(ball == 2 * rounds);
}

TEST_CASE("a cascade through a chain of queues", "[scenario]") {
    constexpr std::size_t length = 200;
    std::vector<gcd::queue> chain;
    for (std::size_t i = 0; i < length; ++i) chain.emplace_back("", gcd::queue_options{.concurrent = i % 2 == 0});
    latch arrived{50};
    std::function<void(std::size_t)> pass = [&](std::size_t at) {
        if (at == length)
            arrived.count_down();
        else
            chain[at].run_async([&pass, at] { pass(at + 1); });
    };
    for (int i = 0; i < 50; ++i) pass(0);
    CHECK(arrived.wait(4 * gcd_test::bound));
}

TEST_CASE("a starfish: many queues hand their results to one", "[scenario]") {
    constexpr int arms = 100;
    constexpr int laps = 50;
    const gcd::queue body{"body"};
    std::vector<gcd::queue> queues;
    for (int i = 0; i < arms; ++i) queues.emplace_back();
    int collected = 0; // the body is the lock
    latch done{arms};
    std::function<void(int, int)> lap = [&](int arm, int left) {
        queues[static_cast<std::size_t>(arm)].run_async([&, arm, left] {
            body.run_async([&, arm, left] {
                ++collected;
                if (left == 1)
                    done.count_down();
                else
                    lap(arm, left - 1);
            });
        });
    };
    for (int i = 0; i < arms; ++i) lap(i, laps);
    REQUIRE(done.wait(4 * gcd_test::bound));
    CHECK(body.run_sync([&] { return collected; }) == arms * laps);
}

TEST_CASE("items of one queue are spread, those of many are all served", "[scenario]") {
    std::vector<gcd::queue> queues;
    for (int i = 0; i < 500; ++i) queues.emplace_back();
    std::atomic<int> ran{0};
    latch done{500 * 20};
    for (int i = 0; i < 20; ++i)
        for (const gcd::queue& each : queues)
            each.run_async([&] {
                ++ran;
                done.count_down();
            });
    CHECK(done.wait(4 * gcd_test::bound));
    CHECK(ran == 10000);
}

TEST_CASE("every priority is served while all are busy", "[scenario]") {
    latch done{5 * 200};
    for (int i = 0; i < 200; ++i)
        for (const gcd::qos each : {gcd::qos::background, gcd::qos::utility, gcd::qos::default_class,
                                    gcd::qos::user_initiated, gcd::qos::user_interactive})
            gcd::queue::global_queue(each).run_async([&] { done.count_down(); });
    CHECK(done.wait(4 * gcd_test::bound));
}

TEST_CASE("readers and a barrier through targets", "[scenario]") {
    const gcd::queue store{"store", {.concurrent = true}};
    const gcd::queue left{"left", {.concurrent = true, .target = &store}};
    const gcd::queue right{"right", {.target = &store}};
    std::atomic<int> reading{0};
    std::atomic<int> broken{0};
    int value = 0;
    const gcd::group group;
    for (int i = 0; i < 500; ++i) {
        for (const gcd::queue* each : {&left, &right})
            group.run_async(*each, [&] {
                ++reading;
                if (value < 0) ++broken;
                --reading;
            });
        if (i % 10 == 0) {
            gcd::group::token entered = group.enter();
            store.barrier_async([&, token = std::move(entered)] {
                if (reading != 0) ++broken;
                ++value;
            });
        }
    }
    REQUIRE(group.wait_for(4 * gcd_test::bound));
    CHECK(broken == 0);
    CHECK(value == 50);
}

TEST_CASE("a bounded producer and consumer", "[scenario]") {
    const gcd::queue buffer_lock;
    const gcd::semaphore room{4};
    const gcd::semaphore items{0};
    std::vector<int> buffer;
    long sum = 0;
    std::size_t most = 0;
    std::thread consumer{[&] {
        for (int i = 0; i < 1000; ++i) {
            items.wait();
            buffer_lock.run_sync([&] {
                most = std::max(most, buffer.size());
                sum += buffer.back();
                buffer.pop_back();
            });
            room.signal();
        }
    }};
    for (int i = 1; i <= 1000; ++i) {
        room.wait();
        buffer_lock.run_sync([&] { buffer.push_back(i); });
        items.signal();
    }
    consumer.join();
    CHECK(sum == 500500);
    CHECK(most <= 4);
}

TEST_CASE("a barrier inside of a storm of nested work", "[scenario]") {
    const gcd::queue store{"", {.concurrent = true}};
    const gcd::group group;
    std::atomic<int> inside{0};
    std::atomic<int> broken{0};
    for (int i = 0; i < 200; ++i)
        group.run_async(store, [&] {
            ++inside;
            gcd::apply(4, gcd::queue::global_queue(), [&](std::size_t) {
                group.run_async(store, [&] {
                    ++inside;
                    --inside;
                });
            });
            --inside;
        });
    for (int i = 0; i < 20; ++i)
        store.barrier_async([&] {
            if (inside != 0) ++broken;
        });
    REQUIRE(group.wait_for(4 * gcd_test::bound));
    store.barrier_sync([] {});
    CHECK(broken == 0);
}

TEST_CASE("queues come and go under load", "[scenario]") {
    latch done{4 * 500};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) {
                const gcd::queue brief{"brief", {.concurrent = i % 2 == 0, .inactive = (i + t) % 3 == 0}};
                const gcd::queue through{"", {.target = &brief}};
                if (i % 5 == 0) brief.suspend();
                through.run_async([&] { done.count_down(); });
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(done.wait(4 * gcd_test::bound));
}
