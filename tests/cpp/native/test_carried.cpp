// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

using gcd_test::await;
using gcd_test::latch;

namespace {

/// A lock as an interpreter has it, which counts.
template <int Number> struct interpreter {
    static inline std::mutex lock;
    static inline std::atomic<int> taken{0};
    static inline std::atomic<int> released{0};

    static constexpr gcd::carried_lock as_carried{[]() noexcept {
        ++released;
        lock.unlock();
    }};

    static bool is_free() { return taken == released; }
    static void enter() {
        if (gcd::take_carried(as_carried)) return;
        lock.lock();
        ++taken;
    }
    static void leave() {
        if (!gcd::leave_carried(as_carried)) as_carried.release();
    }
};

/// An item that needs the lock.
template <class Interpreter, class F> struct inside {
    static constexpr const gcd::carried_lock* carries = &Interpreter::as_carried;
    F body;
    void operator()() {
        Interpreter::enter();
        body();
        Interpreter::leave();
    }
};
template <class Interpreter, class F> inside<Interpreter, F> in(F body) { return {std::move(body)}; }

using first = interpreter<1>;
using second = interpreter<2>;

} // namespace

TEST_CASE("a row of items takes a carried lock once", "[native][carried]") {
    constexpr int items = 20;
    const gcd::queue queue;
    const int before = first::taken;
    std::atomic<int> ran{0};
    queue.suspend();
    for (int i = 0; i < items; ++i) queue.run_async(in<first>([&] { ++ran; }));
    queue.resume();
    REQUIRE(await([&] { return ran == items && first::is_free(); }));
    CHECK(first::taken - before == 1);
}

TEST_CASE("a row of a group's items takes a carried lock once", "[native][carried]") {
    constexpr int items = 20;
    const gcd::queue queue;
    const gcd::group group;
    const int before = first::taken;
    queue.suspend();
    for (int i = 0; i < items; ++i) group.run_async(queue, in<first>([] {}));
    queue.resume();
    group.wait();
    REQUIRE(await([] { return first::is_free(); }));
    CHECK(first::taken - before == 1);
}

TEST_CASE("a carried lock goes along from queue to queue", "[native][carried]") {
    constexpr int hops = 20;
    const gcd::queue here;
    const gcd::queue there;
    std::atomic<int> ran{0};
    const int before = first::taken;
    struct hop {
        const gcd::queue& on;
        const gcd::queue& next;
        std::atomic<int>& ran;
        void operator()() const {
            if (++ran < hops) next.run_async(in<first>(hop{next, on, ran}));
        }
    };
    here.run_async(in<first>(hop{here, there, ran}));
    REQUIRE(await([&] { return ran == hops && first::is_free(); }));
    // Another worker may take one of the hops.
    CHECK(first::taken - before < hops);
}

TEST_CASE("a carried lock is released before an item that doesn't ask for it", "[native][carried]") {
    const gcd::queue queue;
    const gcd::queue concurrent{"concurrent", {.concurrent = true}};
    for (const gcd::queue* on : {&queue, &concurrent}) {
        std::atomic<int> held{0};
        latch ended{30};
        on->suspend();
        for (int i = 0; i < 10; ++i) {
            on->barrier_async(in<first>([&] { ended.count_down(); }));
            on->barrier_async([&] {
                if (!first::is_free()) ++held;
                ended.count_down();
            });
            on->barrier_async(in<first>([&] { ended.count_down(); }));
        }
        on->resume();
        CHECK(ended.wait());
        CHECK(held == 0);
    }
}

TEST_CASE("a carried lock is released before a wait for a turn is over", "[native][carried]") {
    const gcd::queue queue;
    bool was_free = false;
    for (int i = 0; i < 10; ++i) queue.run_async(in<first>([] {}));
    queue.run_sync([&] { was_free = await([] { return first::is_free(); }); });
    CHECK(was_free);
}

TEST_CASE("a carried lock is released before one of another kind is asked for", "[native][carried]") {
    const gcd::queue queue;
    std::atomic<int> held{0};
    latch ended{20};
    queue.suspend();
    for (int i = 0; i < 10; ++i) {
        queue.run_async(in<first>([&] {
            if (!second::is_free()) ++held;
            ended.count_down();
        }));
        queue.run_async(in<second>([&] {
            if (!first::is_free()) ++held;
            ended.count_down();
        }));
    }
    queue.resume();
    CHECK(ended.wait());
    CHECK(held == 0);
    CHECK(await([] { return first::is_free() && second::is_free(); }));
}

TEST_CASE("a carried lock is released before a finalizer, a helper of apply and a group's waiter",
          "[native][carried]") {
    std::atomic<int> held{0};
    latch finalized{1};
    const gcd::group group;
    {
        const gcd::queue queue;
        queue.set_context(nullptr, [&] {
            if (!first::is_free()) ++held;
            finalized.count_down();
        });
        queue.suspend();
        for (int i = 0; i < 10; ++i) group.run_async(queue, in<first>([] {}));
        queue.resume();
    }
    CHECK(finalized.wait());
    group.wait();
    CHECK(await([] { return first::is_free(); }));
    const gcd::queue global = gcd::queue::global_queue();
    gcd::apply(100, global, [&](std::size_t index) {
        if (index % 10 == 0) group.run_async(global, in<first>([] {}));
    });
    group.wait();
    CHECK(await([] { return first::is_free(); }));
    CHECK(held == 0);
}

TEST_CASE("a row of events takes a carried lock once, and other handlers don't have it", "[native][carried]") {
    constexpr int count = 20;
    const gcd::queue queue;
    std::atomic<int> fired{0};
    std::atomic<int> held{0};
    latch cancelled{1};
    std::vector<gcd::timer> timers;
    const gcd::timer_event now{.interval = std::chrono::hours{1}, .start_delay = gcd::duration{}};
    queue.suspend();
    for (int i = 0; i < count; ++i) {
        timers.emplace_back(now, queue, in<first>([&] { ++fired; }));
        timers.back().start();
    }
    const int before = first::taken;
    queue.resume();
    REQUIRE(await([&] { return fired == count && first::is_free(); }));
    CHECK(first::taken - before == 1);

    timers.back().set_cancel_handler([&] {
        if (!first::is_free()) ++held;
        cancelled.count_down();
    });
    queue.suspend();
    timers.front().set_timer(now);
    timers.back().cancel();
    queue.resume();
    CHECK(cancelled.wait());
    CHECK(held == 0);
}

TEST_CASE("nothing is carried outside of the pool", "[native][carried]") {
    CHECK_FALSE(gcd::leave_carried(first::as_carried));
    CHECK_FALSE(gcd::take_carried(first::as_carried));
    const gcd::queue queue;
    queue.run_sync([] { CHECK_FALSE(gcd::leave_carried(first::as_carried)); });
}
