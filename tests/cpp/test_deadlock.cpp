// SPDX-License-Identifier: MIT
#include <gcd/queue.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/apply.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

// Each refused form would trap or hang in libdispatch; each allowed one must go through.

using event = gcd_test::signal;
using gcd_test::await;

namespace {

/// How an item gets hold of a queue.
using hold = std::function<void(const gcd::queue&, const std::function<void()>&)>;

const hold by_sync = [](const gcd::queue& on, const std::function<void()>& body) { on.run_sync(body); };
const hold by_barrier_sync = [](const gcd::queue& on, const std::function<void()>& body) { on.barrier_sync(body); };
const hold by_async = [](const gcd::queue& on, const std::function<void()>& body) {
    event done;
    on.run_async([&] {
        body();
        done.set();
    });
    if (!done.wait(2 * gcd_test::bound)) std::terminate();
};
const hold by_barrier_async = [](const gcd::queue& on, const std::function<void()>& body) {
    event done;
    on.barrier_async([&] {
        body();
        done.set();
    });
    if (!done.wait(2 * gcd_test::bound)) std::terminate();
};
const std::vector<hold> all{by_sync, by_barrier_sync, by_async, by_barrier_async};
const std::vector<hold> barriers{by_barrier_sync, by_barrier_async};
const std::vector<hold> readers{by_sync, by_async};

/// True if the call was refused, and its body didn't run.
bool refused(const std::function<void(const std::function<void()>&)>& call) {
    // A loop's body runs on several threads.
    std::atomic<bool> ran{false};
    try {
        call([&] { ran = true; });
    } catch (const gcd::would_deadlock&) {
        return !ran;
    }
    return false;
}
bool sync_refused(const gcd::queue& onto) {
    return refused([&](const auto& body) { onto.run_sync(body); });
}
bool barrier_refused(const gcd::queue& onto) {
    return refused([&](const auto& body) { onto.barrier_sync(body); });
}
bool apply_refused(const gcd::queue& onto) {
    return refused([&](const auto& body) { gcd::apply(2, onto, [&](std::size_t) { body(); }); });
}
bool all_refused(const gcd::queue& onto) { return sync_refused(onto) && barrier_refused(onto) && apply_refused(onto); }
bool none_refused(const gcd::queue& onto) {
    return !sync_refused(onto) && !barrier_refused(onto) && !apply_refused(onto);
}

/// What the check says inside an item of the queue.
bool inside(const hold& how, const gcd::queue& on, const std::function<bool()>& check) {
    bool result = false;
    how(on, [&] { result = check(); });
    return result;
}

} // namespace

TEST_CASE("a serial queue that this thread holds is refused", "[deadlock]") {
    const gcd::queue serial{"held"};
    for (const hold& how : all) CHECK(inside(how, serial, [&] { return all_refused(serial); }));
    CHECK(none_refused(serial));
}

TEST_CASE("the message names both queues", "[deadlock]") {
    const gcd::queue outer{"outer"};
    const gcd::queue inner{"inner", {.target = &outer}};
    CHECK_THROWS_WITH(outer.run_sync([&] { inner.run_sync([] {}); }),
                      gcd_test::ContainsSubstring("inner") && gcd_test::ContainsSubstring("outer"));
}

TEST_CASE("a serial target that this thread holds is refused", "[deadlock]") {
    const gcd::queue target{"target"};
    const gcd::queue serial{"serial", {.target = &target}};
    const gcd::queue concurrent{"concurrent", {.concurrent = true, .target = &target}};
    for (const hold& how : all) {
        CHECK(inside(how, serial, [&] { return all_refused(target); }));
        CHECK(inside(how, concurrent, [&] { return all_refused(target); }));
        CHECK(inside(how, target, [&] { return all_refused(serial); }));
        CHECK(inside(how, target, [&] { return all_refused(concurrent); }));
        CHECK(inside(how, concurrent, [&] { return all_refused(concurrent); }));
    }
}

TEST_CASE("siblings that share a serial target are refused", "[deadlock]") {
    const gcd::queue root{"root"};
    const gcd::queue middle{"middle", {.concurrent = true, .target = &root}};
    const gcd::queue first{"first", {.target = &middle}};
    const gcd::queue second{"second", {.target = &root}};
    for (const hold& how : all) {
        CHECK(inside(how, first, [&] { return all_refused(second); }));
        CHECK(inside(how, second, [&] { return all_refused(first); }));
        CHECK(inside(how, second, [&] { return all_refused(middle); }));
    }
}

TEST_CASE("a queue held further out is refused", "[deadlock]") {
    const gcd::queue a{"a"};
    const gcd::queue b{"b"};
    const gcd::queue c{"c", {.concurrent = true}};
    for (const hold& how : all) {
        CHECK(inside(how, a, [&] { return c.run_sync([&] { return all_refused(a); }); }));
        const auto in_c = [&] { return c.barrier_sync([&] { return all_refused(a); }); };
        CHECK(inside(how, a, [&] { return b.run_sync(in_c); }));
    }
}

TEST_CASE("a barrier inside a reader of the same queue is refused", "[deadlock]") {
    const gcd::queue store{"store", {.concurrent = true}};
    for (const hold& how : readers) {
        CHECK(inside(how, store, [&] { return barrier_refused(store); }));
        CHECK(inside(how, store, [&] { return !sync_refused(store); }));
        CHECK(inside(how, store, [&] { return !apply_refused(store); }));
    }
}

TEST_CASE("whatever goes onto a queue inside its own barrier is refused", "[deadlock]") {
    const gcd::queue store{"store", {.concurrent = true}};
    for (const hold& how : barriers) CHECK(inside(how, store, [&] { return all_refused(store); }));
    CHECK(none_refused(store));
}

TEST_CASE("a queue that goes through one whose barrier this thread runs is refused", "[deadlock]") {
    const gcd::queue store{"store", {.concurrent = true}};
    const gcd::queue through{"through", {.target = &store}};
    for (const hold& how : barriers) CHECK(inside(how, store, [&] { return sync_refused(through); }));
    for (const hold& how : readers) CHECK(inside(how, store, [&] { return none_refused(through); }));
}

TEST_CASE("nested readers, unrelated queues and shared concurrent targets are allowed", "[deadlock]") {
    const gcd::queue store{"store", {.concurrent = true}};
    const gcd::queue other{"other"};
    const gcd::queue global = gcd::queue::global_queue();
    const gcd::queue first{"first", {.target = &store}};
    const gcd::queue second{"second", {.target = &store}};
    for (const hold& how : all) {
        CHECK(inside(how, store, [&] { return none_refused(other); }));
        CHECK(inside(how, other, [&] { return none_refused(store); }));
        CHECK(inside(how, other, [&] { return none_refused(global); }));
        CHECK(inside(how, global, [&] { return none_refused(other); }));
        CHECK(inside(how, global, [&] { return none_refused(global); }));
        CHECK(inside(how, first, [&] { return none_refused(second); }));
        CHECK(inside(how, first, [&] { return !sync_refused(store); }));
    }
    CHECK(store.run_sync([&] { return store.run_sync([&] { return store.run_sync([] { return 3; }); }); }) == 3);
}

TEST_CASE("a nested reader goes on though a barrier stands in line", "[deadlock]") {
    // The barrier waits for the outer reader, so the inner one mustn't wait for the barrier.
    struct state {
        gcd::queue store{"store", {.concurrent = true}};
        event reading;
        event waiting;
        event read;
        event written;
    };
    const std::vector<std::function<void(const gcd::queue&)>> nested{
        [](const gcd::queue& store) { store.run_sync([] {}); },
        [](const gcd::queue& store) { gcd::apply(8, store, [](std::size_t) {}); },
        [](const gcd::queue& store) { gcd::apply(8, [&](std::size_t) { store.run_sync([] {}); }); },
        [](const gcd::queue& store) {
            const auto read = [&](std::size_t) { store.run_sync([] {}); };
            gcd::apply(8, store, [&](std::size_t) { gcd::apply(8, store, read); });
        },
    };
    for (const auto& each : nested) {
        const auto shared = std::make_shared<state>();
        shared->store.run_async([shared, each] {
            shared->reading.set();
            static_cast<void>(shared->waiting.wait());
            each(shared->store);
            shared->read.set();
        });
        REQUIRE(shared->reading.wait());
        shared->store.barrier_async([shared] { shared->written.set(); });
        CHECK_FALSE(shared->written.is_set());
        shared->waiting.set();
        CHECK(shared->read.wait());
        CHECK(shared->written.wait());
    }
}

TEST_CASE("a queue is free again once its item has ended", "[deadlock]") {
    const gcd::queue serial;
    const gcd::queue other;
    CHECK_THROWS_AS(serial.run_sync([&] { serial.run_sync([] {}); }), gcd::would_deadlock);
    CHECK_THROWS_AS(serial.run_sync([]() { throw 1; }), int);
    CHECK(none_refused(serial));
    CHECK(other.run_sync([&] { return none_refused(serial); }));
}

TEST_CASE("another thread may wait for a queue that an item of it waits with", "[deadlock]") {
    const gcd::queue serial;
    // What this thread holds says nothing about others: the item of another queue only waits its turn.
    const gcd::queue other;
    event started;
    event ran;
    serial.run_sync([&] {
        other.run_async([&] {
            started.set();
            serial.run_sync([&] { ran.set(); });
        });
        static_cast<void>(started.wait());
    });
    CHECK(ran.wait());
    other.run_sync([] {});
}

TEST_CASE("asynchronous submission is never refused", "[deadlock]") {
    const gcd::queue serial;
    const gcd::queue store{"", {.concurrent = true}};
    event done;
    serial.run_sync(
        [&] { serial.run_async([&] { store.barrier_async([&] { store.barrier_async([&] { done.set(); }); }); }); });
    CHECK(done.wait());
}

TEST_CASE("the helpers of apply hold what their caller holds", "[deadlock][apply]") {
    const gcd::queue serial{"serial"};
    const gcd::queue store{"store", {.concurrent = true}};
    const gcd::queue other{"other"};
    constexpr int count = 64;
    const auto in_loop = [&](const std::function<bool()>& check) {
        std::atomic<int> right{0};
        gcd::apply(count, [&](std::size_t) {
            std::this_thread::yield();
            if (check()) ++right;
        });
        return right == count;
    };
    for (const hold& how : all) {
        CHECK(inside(how, serial, [&] { return in_loop([&] { return sync_refused(serial); }); }));
        CHECK(inside(how, serial, [&] { return in_loop([&] { return barrier_refused(serial); }); }));
        CHECK(inside(how, serial, [&] { return in_loop([&] { return apply_refused(serial); }); }));
        CHECK(inside(how, serial, [&] { return in_loop([&] { return !sync_refused(other); }); }));
    }
    for (const hold& how : readers)
        CHECK(inside(how, store, [&] { return in_loop([&] { return barrier_refused(store); }); }));
    for (const hold& how : barriers)
        CHECK(inside(how, store, [&] { return in_loop([&] { return sync_refused(store); }); }));
    std::atomic<int> right{0};
    gcd::apply(count, store, [&](std::size_t) {
        if (barrier_refused(store) && !sync_refused(store)) ++right;
    });
    CHECK(right == count);
}

TEST_CASE("the helpers of an apply of the main thread can't wait for the main queue", "[deadlock][apply][main]") {
    // The main thread waits for them, so nobody would serve it.
    const gcd::queue main = gcd::queue::main_queue();
    const gcd::queue through{"", {.target = &main}};
    const gcd::queue store{"", {.concurrent = true}};
    std::atomic<int> right{0};
    const auto check = [&](std::size_t) {
        std::this_thread::yield();
        if (sync_refused(main) && sync_refused(through)) ++right;
    };
    gcd::apply(64, check);
    gcd::apply(64, store, check);
    store.run_sync([&] { gcd::apply(64, store, check); });
    CHECK(right == 3 * 64);
}

TEST_CASE("an inner loop's helpers hold what the outer loop's caller holds", "[deadlock][apply]") {
    const gcd::queue serial{"serial"};
    std::atomic<int> right{0};
    serial.run_sync([&] {
        gcd::apply(8, [&](std::size_t) {
            gcd::apply(8, [&](std::size_t) {
                if (sync_refused(serial)) ++right;
            });
        });
    });
    CHECK(right == 64);
}

TEST_CASE("the rule follows a retargeted queue", "[deadlock][target]") {
    const gcd::queue target{"target"};
    const gcd::queue serial{"serial"};
    CHECK_FALSE(target.run_sync([&] { return sync_refused(serial); }));
    serial.set_target_queue(target);
    CHECK(target.run_sync([&] { return sync_refused(serial); }));
    serial.set_target_queue(gcd::queue::global_queue());
    CHECK_FALSE(target.run_sync([&] { return sync_refused(serial); }));
}
