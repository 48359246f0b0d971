// SPDX-License-Identifier: MIT
#include <gcd/blocking.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <gcd/apply.hpp>
#include <gcd/error.hpp>
#include <gcd/group.hpp>
#include <gcd/once.hpp>
#include <gcd/queue.hpp>
#include <gcd/semaphore.hpp>
#include <gcd/workloop.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using event = gcd_test::signal;
using gcd_test::await;
using gcd_test::latch;

namespace {

const auto always = [] { return true; };
const auto never = [] { return false; };

/// Keeps a queue busy as long as it lives.
class busy {
public:
    explicit busy(const gcd::queue& queue) : queue_(queue) {
        queue_.barrier_async([this] {
            started_.set();
            static_cast<void>(release_.wait(10 * gcd_test::bound));
        });
        static_cast<void>(started_.wait());
    }
    ~busy() {
        release_.set();
        queue_.barrier_sync([] {});
    }

private:
    const gcd::queue& queue_;
    event started_;
    event release_;
};

} // namespace

TEST_CASE("run_sync can be given up, and its item never runs", "[blocking]") {
    const gcd::queue serial;
    const gcd::queue store{"", {.concurrent = true}};
    const gcd::workloop loop;
    std::atomic<int> ran{0};
    const auto item = [&] { ++ran; };
    for (const gcd::queue* each : {&serial, &store, static_cast<const gcd::queue*>(&loop)}) {
        {
            const busy held{*each};
            const gcd::interruptible asking{always};
            CHECK_THROWS_AS(each->run_sync(item), gcd::interrupted);
            CHECK_THROWS_AS(each->barrier_sync(item), gcd::interrupted);
        }
        CHECK(each->run_sync([] { return 1; }) == 1);
        CHECK(ran == 0);
    }
    gcd::queue dropped{"suspended"};
    dropped.suspend();
    {
        const gcd::interruptible asking{always};
        CHECK_THROWS_AS(dropped.run_sync(item), gcd::interrupted);
    }
    dropped.resume();
    dropped.run_sync([] {});
    CHECK(ran == 0);
}

TEST_CASE("what is free or comes free is not given up", "[blocking]") {
    const auto here = std::this_thread::get_id();
    const auto where = [] { return std::this_thread::get_id(); };
    const gcd::queue serial;
    const gcd::queue store{"", {.concurrent = true}};
    std::atomic<int> asked{0};
    const gcd::interruptible asking{[&] {
        ++asked;
        return false;
    }};
    CHECK(serial.run_sync(where) == here);
    CHECK(store.run_sync(where) == here);
    CHECK(store.barrier_sync(where) == here);
    CHECK(gcd::queue::global_queue().run_sync(where) == here);
    CHECK(serial.run_sync([] { return std::make_unique<int>(3); }) != nullptr);
    CHECK_THROWS_AS(serial.run_sync([] { throw std::out_of_range{""}; }), std::out_of_range);

    // It is asked while it waits, and waits on when the answer is no.
    event release;
    serial.run_async([&] { static_cast<void>(release.wait()); });
    std::thread releasing{[&] {
        static_cast<void>(await([&] { return asked > 0; }));
        release.set();
    }};
    CHECK(serial.run_sync(where) == here);
    releasing.join();
    CHECK(asked > 0);
}

TEST_CASE("run_sync that may be given up keeps the order and excludes others", "[blocking]") {
    const gcd::queue serial;
    int value = 0; // the queue is the lock
    latch done{4 * 500};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            const gcd::interruptible asking{never};
            for (int i = 0; i < 500; ++i) {
                bool before = false;
                serial.run_async([&] {
                    ++value;
                    before = true;
                    done.count_down();
                });
                if (t % 2 == 0)
                    serial.run_sync([&] { value += before ? 1 : 1000000; });
                else
                    serial.barrier_sync([&] { value += before ? 1 : 1000000; });
            }
        });
    for (std::thread& thread : threads) thread.join();
    REQUIRE(done.wait());
    CHECK(serial.run_sync([&] { return value; }) == 4 * 1000);
}

TEST_CASE("the deadlock rule holds for calls that may be given up", "[blocking][deadlock]") {
    const gcd::queue serial;
    const gcd::queue store{"", {.concurrent = true}};
    const gcd::interruptible asking{never};
    CHECK_THROWS_AS(serial.run_sync([&] { serial.run_sync([] {}); }), gcd::would_deadlock);
    CHECK_THROWS_AS(store.run_sync([&] { store.barrier_sync([] {}); }), gcd::would_deadlock);
    CHECK_THROWS_AS(gcd::queue::main_queue().run_sync([] {}), gcd::would_deadlock);
    CHECK(store.run_sync([&] { return store.run_sync([] { return 2; }); }) == 2);
}

TEST_CASE("waits for groups and semaphores can be given up", "[blocking]") {
    const gcd::group group;
    const gcd::semaphore units{0};
    gcd::group::token entered = group.enter();
    {
        const gcd::interruptible asking{always};
        CHECK_THROWS_AS(group.wait(), gcd::interrupted);
        CHECK_THROWS_AS(group.wait_for(1h), gcd::interrupted);
        CHECK_THROWS_AS(group.wait_until(gcd::time::now(gcd::clock::wall) + 1h), gcd::interrupted);
        CHECK_THROWS_AS(units.wait(), gcd::interrupted);
        CHECK_THROWS_AS(units.wait_for(1h), gcd::interrupted);
        CHECK_THROWS_AS(units.wait_until(gcd::time::now(gcd::clock::wall) + 1h), gcd::interrupted);
        CHECK_THROWS_AS(units.acquire(), gcd::interrupted);
        // What doesn't wait isn't given up.
        CHECK_FALSE(group.wait_for(0s));
        CHECK_FALSE(units.try_wait());
        units.signal();
        units.wait();
    }
    entered.leave();
    CHECK(group.wait_for(0s));
    CHECK_FALSE(units.signal());
    CHECK(units.try_wait());
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("a wait in slices still sees its limit and its event", "[blocking]") {
    const gcd::interruptible asking{never};
    const gcd::semaphore units{0};
    const gcd::group group;
    gcd::group::token entered = group.enter();
    const auto began = std::chrono::steady_clock::now();
    CHECK_FALSE(units.wait_for(120ms));
    CHECK(std::chrono::steady_clock::now() - began >= 120ms);
    CHECK_FALSE(group.wait_until(gcd::time::now(gcd::clock::wall) + 60ms));
    std::thread signalling{[&] {
        units.signal();
        entered.leave();
    }};
    units.wait();
    group.wait();
    signalling.join();
}

TEST_CASE("no unit is lost when waits are given up", "[blocking][semaphore]") {
    const gcd::semaphore units{0};
    std::atomic<long> taken{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            const gcd::interruptible asking{always};
            while (!stop) {
                try {
                    units.wait();
                    ++taken;
                } catch (const gcd::interrupted&) {
                }
            }
        });
    constexpr int count = 200;
    for (int i = 0; i < count; ++i) {
        units.signal();
        if (i % 8 == 0) std::this_thread::sleep_for(7ms);
    }
    const bool all = await([&] { return taken == count; });
    stop = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(all);
    CHECK_FALSE(units.try_wait());
}

TEST_CASE("apply can be given up", "[blocking][apply]") {
    const gcd::queue serial;
    const gcd::queue store{"", {.concurrent = true}};
    const gcd::queue global = gcd::queue::global_queue();
    for (const gcd::queue* each : {&serial, &store, &global}) {
        std::atomic<int> inside{0};
        std::atomic<long> ran{0};
        {
            const gcd::interruptible asking{always};
            CHECK_THROWS_AS(gcd::apply(100'000'000, *each,
                                       [&](std::size_t) {
                                           ++inside;
                                           ++ran;
                                           std::this_thread::sleep_for(1ms);
                                           --inside;
                                       }),
                            gcd::interrupted);
        }
        CHECK(inside == 0);
        CHECK(ran > 0);
        std::atomic<int> again{0};
        gcd::apply(10, *each, [&](std::size_t) { ++again; });
        CHECK(again == 10);
    }
    std::atomic<int> begun{0};
    {
        const busy held{store};
        const gcd::interruptible asking{always};
        CHECK_THROWS_AS(gcd::apply(4, store, [&](std::size_t) { ++begun; }), gcd::interrupted);
    }
    CHECK(begun == 0);
}

TEST_CASE("an apply that may be given up goes on beside barriers", "[blocking][apply]") {
    const gcd::queue store{"", {.concurrent = true}};
    std::atomic<bool> stop{false};
    std::atomic<int> pending{0};
    std::atomic<int> inside{0};
    std::atomic<int> broken{0};
    std::thread writer{[&] {
        while (!stop) {
            ++pending;
            store.barrier_async([&] {
                if (inside != 0) ++broken;
                --pending;
            });
            static_cast<void>(await([&] { return pending < 3; }));
        }
    }};
    std::atomic<int> ran{0};
    {
        const gcd::interruptible asking{never};
        for (int round = 0; round < 500; ++round)
            gcd::apply(8, store, [&](std::size_t) {
                ++inside;
                ++ran;
                --inside;
            });
    }
    stop = true;
    writer.join();
    store.barrier_sync([] {});
    CHECK(ran == 4000);
    CHECK(broken == 0);
}

TEST_CASE("an apply that may be given up keeps a serial target's order", "[blocking][apply]") {
    const gcd::queue serial;
    const gcd::queue through{"", {.concurrent = true, .target = &serial}};
    std::vector<std::size_t> order;
    const gcd::interruptible asking{never};
    gcd::apply(100, through, [&](std::size_t i) { order.push_back(i); });
    REQUIRE(order.size() == 100);
    for (std::size_t i = 0; i < 100; ++i)
        if (order[i] != i) FAIL("index " << i << " came out of order");
}

TEST_CASE("waiting for another thread's once can be given up", "[blocking][once]") {
    gcd::once once;
    event inside;
    event release;
    std::thread running{[&] {
        once([&] {
            inside.set();
            static_cast<void>(release.wait(10 * gcd_test::bound));
        });
    }};
    REQUIRE(inside.wait());
    {
        const gcd::interruptible asking{always};
        CHECK_THROWS_AS(once([] {}), gcd::interrupted);
    }
    release.set();
    running.join();
    CHECK(once.is_done());
}

TEST_CASE("an interruption ends with its block and belongs to its thread", "[blocking]") {
    const gcd::queue serial;
    {
        const gcd::interruptible asking{always};
        const gcd::interruptible inner{never};
        CHECK(serial.run_sync([] { return 1; }) == 1);
    }
    event release;
    serial.run_async([&] { static_cast<void>(release.wait()); });
    const gcd::semaphore units{0};
    bool other = false;
    {
        const gcd::interruptible asking{always};
        std::thread waiting{[&] { other = serial.run_sync([] { return true; }); }};
        CHECK_THROWS_AS(units.wait(), gcd::interrupted);
        release.set();
        waiting.join();
    }
    CHECK(other);
    CHECK_FALSE(units.wait_for(60ms));
}

TEST_CASE("an interruption is seen inside of nested items", "[blocking]") {
    const gcd::queue serial;
    const gcd::semaphore units{0};
    const gcd::interruptible asking{always};
    CHECK_THROWS_AS(serial.run_sync([&] { units.wait(); }), gcd::interrupted);
    CHECK(serial.run_sync([] { return 1; }) == 1);
}

TEST_CASE("waiting_for_lock may be nested anywhere", "[blocking]") {
    const gcd::waiting_for_lock outer;
    gcd::queue{}.run_sync([] { const gcd::waiting_for_lock inner; });
    SUCCEED();
}

TEST_CASE("run_sync behind another thread's sync can be given up", "[blocking]") {
    const gcd::queue serial;
    const gcd::queue store{"", {.concurrent = true}};
    for (const gcd::queue* each : {&serial, &store}) {
        event inside;
        event release;
        std::thread holder{[&] {
            each->barrier_sync([&] {
                inside.set();
                static_cast<void>(release.wait(10 * gcd_test::bound));
            });
        }};
        REQUIRE(inside.wait());
        {
            const gcd::interruptible asking{always};
            CHECK_THROWS_AS(each->run_sync([] {}), gcd::interrupted);
            CHECK_THROWS_AS(each->barrier_sync([] {}), gcd::interrupted);
        }
        release.set();
        holder.join();
    }
}
