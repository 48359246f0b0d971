// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "counted.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd_test::await;
using gcd_test::counted;
using gcd_test::latch;
using gcd_test::live_count;

TEST_CASE("a workloop takes the highest class first, and within one the first that came", "[native][workloop][qos]") {
    const gcd::workloop loop{"loop"};
    const gcd::queue background{"", {.qos = gcd::qos::background, .target = &loop}};
    const gcd::queue utility{"", {.qos = gcd::qos::utility, .target = &loop}};
    const gcd::queue initiated{"", {.qos = gcd::qos::user_initiated, .target = &loop}};
    const gcd::queue interactive{"", {.qos = gcd::qos::user_interactive, .target = &loop}};
    latch started{1};
    latch filled{1};
    latch ended{9};
    std::string order;
    loop.run_async([&] {
        started.count_down();
        static_cast<void>(filled.wait());
        ended.count_down();
    });
    REQUIRE(started.wait());
    const auto note = [&](const gcd::queue& on, char what) {
        on.run_async([&order, &ended, what] {
            order += what;
            ended.count_down();
        });
    };
    note(background, 'a');
    note(background, 'b');
    note(loop, 'm');
    note(utility, 'e');
    note(utility, 'f');
    note(interactive, 'x');
    note(initiated, 's');
    note(interactive, 'y');
    filled.count_down();
    REQUIRE(ended.wait());
    CHECK(order == "xysmefab");
}

TEST_CASE("a sync of a higher class goes before lower work that waits in a workloop", "[native][workloop][qos]") {
    const gcd::workloop loop{"loop"};
    const gcd::queue background{"", {.qos = gcd::qos::background, .target = &loop}};
    const gcd::queue interactive{"", {.qos = gcd::qos::user_interactive, .target = &loop}};
    latch started{1};
    latch filled{1};
    std::string order;
    loop.run_async([&] {
        started.count_down();
        static_cast<void>(filled.wait());
    });
    REQUIRE(started.wait());
    background.run_async([&] { order += 'b'; });
    std::thread waiter([&] { interactive.run_sync([&] { order += 'i'; }); });
    // Until the waiter stands in line there is a token of the background queue only.
    CHECK(await([&] {
        return !gcd::detail::native::as_lane(gcd::detail::access::object_of(loop))
                    ->by_level[gcd::detail::native::level_interactive]
                    .seems_empty();
    }));
    filled.count_down();
    waiter.join();
    loop.run_sync([] {});
    background.run_sync([] {});
    CHECK(order == "ib");
}

TEST_CASE("a queue may be retargeted while threads wait in syncs on it", "[native][targets]") {
    const gcd::queue one{"one"};
    const gcd::queue other{"other", {.concurrent = true}};
    const gcd::queue moving{"moving"};
    std::atomic<bool> stop{false};
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            for (int j = 0; j < 2'000; ++j) moving.run_sync([&] { ++ran; });
        });
    std::thread mover([&] {
        while (!stop) {
            moving.set_target_queue(one);
            moving.set_target_queue(other);
        }
    });
    for (std::thread& each : threads) each.join();
    stop = true;
    mover.join();
    CHECK(ran == 4'000);
}

TEST_CASE("a target may end while others look at the queue without a turn on it", "[native][targets]") {
    const gcd::queue queue{"moving", {.concurrent = GENERATE(false, true)}};
    std::atomic<bool> stop{false};
    std::thread mover([&] {
        for (int i = 0; i < 1'000; ++i) {
            const gcd::queue brief{"brief", {.concurrent = true}};
            queue.set_target_queue(brief);
            queue.set_target_queue(gcd::queue::global_queue());
        }
        stop = true;
    });
    std::atomic<int> ran{0};
    int expected = 0;
    while (!stop) {
        gcd::apply(2, queue, [&ran](std::size_t) { ++ran; });
        expected += 2;
        if (queue.try_run_sync([&ran] { ++ran; })) ++expected;
        const gcd::timer timer{{.interval = 1h, .start_delay = 1h}, queue, [] {}};
        timer.start();
    }
    mover.join();
    CHECK(ran == expected);
}

TEST_CASE("a target that nobody else keeps stays while its former children need it", "[native][targets]") {
    live_count live;
    {
        const gcd::queue child{"child"};
        for (int i = 0; i < 100; ++i) {
            gcd::queue target{"target"};
            target.set_context(std::make_shared<counted>(live));
            child.set_target_queue(target);
            child.run_async([] {});
        }
        child.run_sync([] {});
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("a long row of one child's items lets the target's others in between", "[native][targets]") {
    const gcd::queue target{"target"};
    const gcd::queue greedy{"greedy", {.target = &target}};
    const gcd::queue modest{"modest", {.target = &target}};
    std::atomic<bool> modest_ran{false};
    latch ended{1};
    std::atomic<int> left{1'000'000};
    struct again {
        static void run(const gcd::queue& on, std::atomic<int>& count, std::atomic<bool>& seen, latch& done) {
            if (seen || --count == 0) return done.count_down();
            on.run_async([&] { run(on, count, seen, done); });
        }
    };
    greedy.run_async([&] {
        modest.run_async([&] { modest_ran = true; });
        again::run(greedy, left, modest_ran, ended);
    });
    REQUIRE(ended.wait());
    CHECK(modest_ran);
    CHECK(left > 0);
}

namespace {

/// Keeps the queue busy, an item at a time, until it is stopped, or for so long that a test has failed by then.
class busy {
public:
    explicit busy(const gcd::queue& on) : on_{on} { next(); }
    busy(const busy&) = delete;
    busy& operator=(const busy&) = delete;
    ~busy() {
        stop();
        CHECK(ended_.wait());
    }

    [[nodiscard]] bool begins() const { return begun_.wait(); }
    void stop() { stopped_ = true; }
    [[nodiscard]] bool has_ended() const { return ended_.is_set(); }

private:
    void next() {
        on_.run_async([this] {
            if (ran_ == 0) begun_.set();
            if (stopped_ || ++ran_ == 1'000'000'000)
                ended_.set();
            else
                next();
        });
    }

    const gcd::queue& on_;
    std::atomic<bool> stopped_{false};
    int ran_ = 0;
    gcd_test::signal begun_;
    gcd_test::signal ended_;
};

} // namespace

TEST_CASE("a busy queue holds up nobody further out than its target", "[native][targets]") {
    gcd_test::signal ran;
    const auto run = [&ran] { ran.set(); };
    SECTION("an item of a serial queue") {
        const gcd::queue outer{"outer"};
        const gcd::queue between{"between", {.target = &outer}};
        const gcd::queue deep{"deep", {.target = &between}};
        const gcd::queue inner{"inner", {.target = &deep}};
        busy items{inner};
        REQUIRE(items.begins());
        outer.run_async(run);
        CHECK(ran.wait());
    }
    SECTION("a barrier of a concurrent queue") {
        const gcd::queue outer{"outer", {.concurrent = true}};
        const gcd::queue between{"between", {.target = &outer}};
        const gcd::queue inner{"inner", {.target = &between}};
        busy items{inner};
        REQUIRE(items.begins());
        outer.barrier_async(run);
        CHECK(ran.wait());
    }
    SECTION("what goes through another target since") {
        const gcd::queue outer{"outer"};
        const gcd::queue other{"other"};
        const gcd::queue between{"between", {.target = &outer}};
        const gcd::queue inner{"inner", {.target = &between}};
        busy items{inner};
        REQUIRE(items.begins());
        between.set_target_queue(other);
        // The former one is free, and the new one is in use.
        CHECK(await([&] { return outer.try_run_sync([] {}) && !other.try_run_sync([] {}); }));
    }
}

TEST_CASE("the main queue is drained to an end while a queue that goes through it stays busy",
          "[native][targets][main]") {
    const gcd::queue main = gcd::queue::main_queue();
    const gcd::queue between{"between", {.target = &main}};
    const gcd::queue inner{"inner", {.target = &between}};
    bool ran = false;
    {
        busy items{inner};
        gcd::drain_main_queue();
        main.run_async([&ran] { ran = true; });
        const auto drained = [](const auto& done) {
            return await([&done] {
                gcd::drain_main_queue();
                return done();
            });
        };
        CHECK(drained([&ran] { return ran; }));
        items.stop();
        CHECK(drained([&items] { return items.has_ended(); }));
    }
}

TEST_CASE("a queue that goes to another global queue takes its backlog along", "[native][targets][qos]") {
    const gcd::queue background = gcd::queue::global_queue(gcd::qos::background);
    const gcd::queue queue{"moving", {.target = &background}};
    const auto is_nice = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid))) > 0; };
    std::atomic<int> seen{-1};
    std::atomic<bool> nice_now{false};
    busy items{queue};
    queue.run_async([&] { seen = is_nice() ? 1 : 0; });
    CHECK(await([&] { return seen == 1; }));
    queue.set_target_queue(gcd::queue::global_queue());
    CHECK(await([&] {
        gcd_test::signal told;
        queue.run_async([&] {
            nice_now = is_nice();
            told.set();
        });
        return told.wait() && !nice_now;
    }));
}

TEST_CASE("the last handle may go inside the item that was submitted through it", "[native][queue]") {
    live_count live;
    for (int i = 0; i < 200; ++i) {
        auto queue = std::make_unique<gcd::queue>("brief");
        queue->set_context(std::make_shared<counted>(live));
        gcd::queue* raw = queue.get();
        raw->run_async([held = std::move(queue)] {});
    }
    CHECK(await([&] { return live() == 0; }));
}

TEST_CASE("a former target's finalizer may change targets itself", "[native][targets]") {
    const gcd::queue child{"child"};
    const gcd::queue other{"other"};
    std::atomic<bool> finalized{false};
    {
        const gcd::queue target{"target"};
        target.set_context(std::make_shared<int>(1), [&] {
            other.set_target_queue(gcd::queue::global_queue());
            finalized = true;
        });
        child.set_target_queue(target);
    }
    child.run_sync([] {});
    child.set_target_queue(other);
    CHECK(await([&] { return finalized.load(); }));
}

TEST_CASE("queues whose work waits in each other's line are refused, whichever way round", "[native][targets]") {
    const gcd::queue first{"first"};
    const gcd::queue second{"second", {.target = &first}};
    const gcd::queue between{"between", {.target = &second}};
    std::atomic<int> ran{0};
    first.suspend();
    second.run_async([&] { ++ran; });
    // From now on elsewhere, but its item waits for the first one.
    second.set_target_queue(gcd::queue::global_queue());
    for (const gcd::queue* target : {&second, &between})
        CHECK_THROWS_WITH(first.set_target_queue(*target), gcd_test::ContainsSubstring("stands in its line"));
    first.run_async([&] { ++ran; });
    first.resume();
    CHECK(await([&] { return ran == 2; }));
    // And is allowed as soon as that has run.
    const auto goes = [&] {
        try {
            first.set_target_queue(between);
            return true;
        } catch (const std::logic_error&) {
            return false;
        }
    };
    CHECK(await(goes));
    first.run_async([&] { ++ran; });
    second.run_async([&] { ++ran; });
    CHECK(await([&] { return ran == 4; }));
}

TEST_CASE("a sync in line at a former target keeps that from going through its queue", "[native][targets]") {
    const gcd::queue first{"first"};
    const gcd::queue second{"second", {.target = &first}};
    first.suspend();
    std::atomic<bool> about{false};
    std::atomic<bool> ran{false};
    std::thread waits{[&] {
        about = true;
        second.run_sync([&] { ran = true; });
    }};
    CHECK(await([&] { return about.load(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    second.set_target_queue(gcd::queue::global_queue());
    try {
        first.set_target_queue(second);
    } catch (const std::logic_error&) {
        // Refused, unless the other thread has not come as far yet. Either way nobody waits for ever.
    }
    first.resume();
    waits.join();
    CHECK(ran);
}

TEST_CASE("a workloop that is idle is had at once by a sync", "[native][workloop]") {
    const gcd::workloop loop{"loop"};
    const auto here = std::this_thread::get_id();
    CHECK(loop.run_sync([] { return std::this_thread::get_id(); }) == here);
}
