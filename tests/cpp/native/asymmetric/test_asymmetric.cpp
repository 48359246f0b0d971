// SPDX-License-Identifier: MIT
// Queues that are taken by membarrier: a program of its own, built with GCD_ASYMMETRIC_SYNC.
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"
#include "counted.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <string_view>
#include <thread>

namespace native = gcd::detail::native;
using gcd_test::await;
using gcd_test::counted;
using gcd_test::holds_in_child;
using gcd_test::is_refused;
using gcd_test::latch;
using gcd_test::live_count;
using native::barrier_support;

static_assert(native::has_asymmetric_sync, "built with GCD_ASYMMETRIC_SYNC, and not for the thread sanitizer");

namespace {

/// Of all tests of this program: queues are opened by the first sync that can.
const bool eager = (native::quiet_syncs_to_open = 1, true);

native::lane* lane_of(const gcd::queue& queue) { return native::as_lane(gcd::detail::access::object_of(queue)); }

bool is_open(const gcd::queue& queue) { return lane_of(queue)->state.load() == native::lane::open; }

/// The system is asked by another thread where there are several.
bool opens(const gcd::queue& queue) {
    return await([&] {
        queue.barrier_sync([] {});
        return is_open(queue);
    });
}

/// A sync on an open queue by a thread of its own, which goes on until this ends.
class holder {
public:
    template <class F> holder(const gcd::queue& queue, F&& last) {
        REQUIRE(opens(queue));
        thread_ = std::thread{[this, &queue, last] {
            queue.barrier_sync([&] {
                was_open_ = is_open(queue);
                entered_.count_down();
                static_cast<void>(released_.wait());
                last();
            });
        }};
        REQUIRE(entered_.wait());
        REQUIRE(was_open_);
    }
    explicit holder(const gcd::queue& queue) : holder{queue, [] {}} {}
    void end() {
        released_.count_down();
        thread_.join();
    }
    ~holder() {
        if (thread_.joinable()) end();
    }

private:
    latch entered_{1};
    latch released_{1};
    bool was_open_ = false;
    std::thread thread_;
};

/// How the system's membarrier fails, while it lives; the library knows nothing of it before and after.
class refusal {
public:
    explicit refusal(int error, barrier_support known) {
        error_ = error;
        asked_ = 0;
        native::barriers_known = known;
        gcd::detail::sys::fault_hook = [](const char* call) {
            if (std::string_view{call} != "membarrier") return 0;
            ++asked_;
            return error_.load();
        };
    }
    refusal(const refusal&) = delete;
    refusal& operator=(const refusal&) = delete;
    ~refusal() {
        gcd::detail::sys::fault_hook = nullptr;
        native::barriers_known = barrier_support::unknown;
    }
    static int asked() { return asked_; }

private:
    static inline std::atomic<int> error_{0};
    static inline std::atomic<int> asked_{0};
};

} // namespace

TEST_CASE("syncs that meet nobody open their queue, and go on with it open", "[asymmetric]") {
    REQUIRE(eager);
    const gcd::queue target{"target"};
    const gcd::queue serial{"serial", {.target = &target}};
    const gcd::queue store{"store", {.concurrent = true}};
    const gcd::workloop loop{"loop"};
    for (const gcd::queue* each : {&serial, &store, static_cast<const gcd::queue*>(&loop)}) {
        REQUIRE(opens(*each));
        int ran = 0;
        each->barrier_sync([&] {
            CHECK(is_open(*each));
            ++ran;
        });
        CHECK(ran == 1);
        CHECK(is_open(*each));
    }
    CHECK(is_open(target));
    CHECK(serial.run_sync([] { return 3; }) == 3);
    CHECK_THROWS_AS(serial.run_sync([]() -> int { throw std::out_of_range{""}; }), std::out_of_range);
    CHECK(is_open(serial));
}

TEST_CASE("a sync comes after what its thread has submitted to an open queue", "[asymmetric]") {
    const gcd::queue queue{"order"};
    int ran = 0;
    for (int i = 0; i < 2'000; ++i) {
        if (i % 3 == 0) queue.run_sync([] {});
        queue.run_async([&] { ++ran; });
        if (queue.run_sync([&] { return ran; }) != i + 1) FAIL("overtaken");
    }
}

TEST_CASE("a submission to an open queue that is held doesn't wait, and runs afterwards", "[asymmetric]") {
    const gcd::queue queue{"held"};
    latch ran{1};
    std::atomic<bool> body_over{false};
    bool was_over = false;
    holder held{queue, [&] { body_over = true; }};
    queue.run_async([&] {
        was_over = body_over;
        ran.count_down();
    });
    CHECK_FALSE(body_over);
    CHECK_FALSE(is_open(queue));
    CHECK_FALSE(ran.try_wait());
    held.end();
    CHECK(ran.wait());
    CHECK(was_over);
    CHECK(opens(queue));
}

TEST_CASE("what the holder of an open queue submits runs after it", "[asymmetric]") {
    const gcd::queue queue{"inside"};
    REQUIRE(opens(queue));
    latch ran{1};
    bool body_over = false;
    bool was_over = false;
    queue.run_sync([&] {
        queue.run_async([&] {
            was_over = body_over;
            ran.count_down();
        });
        body_over = true;
    });
    CHECK(ran.wait());
    CHECK(was_over);
}

TEST_CASE("a suspension of an open queue holds back all but the sync that is in", "[asymmetric]") {
    const gcd::queue queue{"suspended"};
    std::atomic<bool> ran{false};
    holder held{queue};
    queue.suspend();
    held.end();
    CHECK_FALSE(is_open(queue));
    std::thread waiting{[&] { queue.run_sync([&] { ran = true; }); }};
    CHECK(await([&] { return !lane_of(queue)->seems_empty(); }));
    CHECK_FALSE(ran);
    queue.resume();
    waiting.join();
    CHECK(ran);
    CHECK(opens(queue));
    // Without anybody in.
    queue.suspend();
    ran = false;
    queue.run_async([&] { ran = true; });
    CHECK_FALSE(ran);
    queue.resume();
    queue.run_sync([] {});
    CHECK(ran);
}

TEST_CASE("a former target stays while a sync through it holds the open queue", "[asymmetric]") {
    live_count live;
    const gcd::queue other{"other"};
    {
        auto target = std::make_unique<gcd::queue>("target");
        target->set_context(std::make_shared<counted>(live));
        const gcd::queue queue{"moving", {.target = target.get()}};
        holder held{queue};
        queue.set_target_queue(other);
        target.reset();
        CHECK(live() == 1);
        held.end();
        queue.run_sync([] {});
        // The next change looks for it.
        queue.set_target_queue(gcd::queue::global_queue());
        CHECK(await([&] {
            queue.set_target_queue(gcd::queue::global_queue());
            return live() == 0;
        }));
        queue.run_sync([] {});
    }
    CHECK(live() == 0);
}

TEST_CASE("a deadlock on an open queue is refused", "[asymmetric]") {
    const gcd::queue target{"target"};
    const gcd::queue queue{"queue", {.target = &target}};
    const gcd::queue store{"store", {.concurrent = true}};
    REQUIRE(opens(queue));
    REQUIRE(opens(store));
    REQUIRE(is_open(target));
    queue.run_sync([&] {
        CHECK_THROWS_AS(queue.run_sync([] {}), gcd::would_deadlock);
        CHECK_THROWS_AS(target.run_sync([] {}), gcd::would_deadlock);
    });
    store.barrier_sync([&] { CHECK_THROWS_AS(store.run_sync([] {}), gcd::would_deadlock); });
    CHECK(queue.run_sync([] { return 1; }) == 1);
}

TEST_CASE("a wait for the holder of an open queue can be given up", "[asymmetric]") {
    const gcd::queue queue{"given up"};
    bool ran = false;
    holder held{queue};
    {
        const gcd::interruptible asking{[] { return true; }};
        CHECK_THROWS_AS(queue.run_sync([&] { ran = true; }), gcd::interrupted);
    }
    held.end();
    CHECK_FALSE(ran);
    CHECK(queue.run_sync([] { return 1; }) == 1);
}

TEST_CASE("the last handle of an open queue may go while a sync is in", "[asymmetric]") {
    live_count live;
    for (const bool by_holder : {true, false}) {
        auto queue = std::make_unique<gcd::queue>("last");
        queue->set_context(std::make_shared<counted>(live));
        const gcd::queue* used = queue.get();
        if (by_holder) {
            REQUIRE(opens(*queue));
            used->run_sync([&] {
                queue.reset();
                CHECK(live() == 1);
            });
        } else {
            // As the target of another one, which keeps it.
            const gcd::queue child{"child", {.target = used}};
            holder held{child};
            queue.reset();
            CHECK(live() == 1);
        }
        CHECK(live() == 0);
    }
    // Idle.
    {
        const gcd::queue idle{"idle"};
        idle.set_context(std::make_shared<counted>(live));
        REQUIRE(opens(idle));
    }
    CHECK(live() == 0);
}

TEST_CASE("a reader needs no help to get into an open queue", "[asymmetric]") {
    const gcd::queue store{"store", {.concurrent = true}};
    REQUIRE(opens(store));
    store.run_sync([&] {
        CHECK_FALSE(is_open(store));
        CHECK(lane_of(store)->state.load() == (native::lane::kept | native::lane::one_reader));
    });
    CHECK(opens(store));
    int ran = 0;
    CHECK(store.try_run_sync([&] { ++ran; }));
    CHECK(opens(store));
    CHECK(store.try_barrier_sync([&] { ++ran; }));
    CHECK(ran == 2);
    holder held{store};
    CHECK_FALSE(store.try_run_sync([&] { ++ran; }));
    CHECK_FALSE(store.try_barrier_sync([&] { ++ran; }));
    held.end();
    CHECK(ran == 2);
}

TEST_CASE("an open queue is the child's if nobody was in", "[asymmetric][fork]") {
    const gcd::queue queue{"forked"};
    REQUIRE(opens(queue));
    const auto works = [&] {
        int ran = 0;
        for (int i = 0; i < 3; ++i)
            queue.run_sync([&] {
                ++ran;
                queue.run_async([&] { ++ran; });
            });
        queue.run_sync([] {});
        return ran == 6 && opens(queue);
    };
    CHECK(holds_in_child(works));
    CHECK(works());
    bool held = false;
    queue.run_sync([&] { held = holds_in_child([&] { return is_refused([&] { queue.run_async([] {}); }); }); });
    CHECK(held);
    holder inside{queue};
    CHECK(holds_in_child([&] { return is_refused([&] { queue.run_async([] {}); }); }));
}

TEST_CASE("a system without membarrier has the plain protocol", "[asymmetric][fault]") {
    const refusal refused{ENOSYS, barrier_support::unknown};
    const gcd::queue queue{"plain"};
    CHECK(await([&] {
        queue.run_sync([] {});
        return native::barriers_known == barrier_support::refused;
    }));
    for (int i = 0; i < 10; ++i) queue.run_sync([] {});
    CHECK_FALSE(is_open(queue));
    CHECK(refused.asked() == 1);
}

TEST_CASE("a queue that is open when the system begins to refuse loses nothing", "[asymmetric][fault]") {
    const gcd::queue queue{"refused"};
    latch ran{1};
    holder held{queue};
    const refusal refused{EPERM, barrier_support::registered};
    queue.run_async([&] { ran.count_down(); });
    CHECK(refused.asked() == 2);
    CHECK(native::barriers_known == barrier_support::refused);
    CHECK_FALSE(ran.try_wait());
    held.end();
    CHECK(ran.wait());
    for (int i = 0; i < 10; ++i) queue.run_sync([] {});
    CHECK_FALSE(is_open(queue));
}

TEST_CASE("where there are other threads one of the pool's asks the system", "[asymmetric]") {
    latch over{1};
    std::thread other{[&] { static_cast<void>(over.wait()); }};
    native::barriers_known = barrier_support::unknown;
    const gcd::queue queue{"asking"};
    queue.run_sync([] {});
    CHECK_FALSE(is_open(queue));
    CHECK(opens(queue));
    CHECK(native::barriers_known == barrier_support::registered);
    over.count_down();
    other.join();
}
