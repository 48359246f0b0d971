// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

using namespace std::chrono_literals;
using gcd_test::latch;

TEST_CASE("a million hops between two queues", "[native][scenario]") {
    struct game {
        gcd::queue ping{"ping"};
        gcd::queue pong{"pong"};
        long left = 1'000'000;
        latch over{1};

        void hit(bool by_ping) {
            if (--left == 0) return over.count_down();
            (by_ping ? pong : ping).run_async([this, by_ping] { hit(!by_ping); });
        }
    } one;
    one.ping.run_async([&one] { one.hit(true); });
    REQUIRE(one.over.wait(60s));
    CHECK(one.left == 0);
}

TEST_CASE("a thousand queues in a tree share what is submitted to their leaves", "[native][scenario]") {
    // Ten, a hundred and nine hundred queues over one, serial and concurrent in turn.
    std::vector<gcd::queue> all;
    all.emplace_back("root", gcd::queue_options{.concurrent = true});
    for (std::size_t i = 1; i <= 1'010; ++i)
        all.emplace_back("branch", gcd::queue_options{.concurrent = i % 2 == 0, .target = &all[(i - 1) / 10]});
    constexpr int rounds = 20;
    const gcd::group done;
    std::atomic<int> ran{0};
    for (int round = 0; round < rounds; ++round)
        for (std::size_t i = 101; i < all.size(); ++i) done.run_async(all[i], [&ran] { ++ran; });
    CHECK(done.wait_for(60s));
    CHECK(ran == rounds * static_cast<int>(all.size() - 101));
    // With a barrier at the root nothing of the tree is left over.
    CHECK(all[0].barrier_sync([&ran] { return ran.load(); }) == ran);
}

TEST_CASE("a barrier on a target keeps out all that goes through it", "[native][targets]") {
    const gcd::queue target{"target", {.concurrent = true}};
    std::vector<gcd::queue> children;
    for (int i = 0; i < 4; ++i)
        children.emplace_back("child", gcd::queue_options{.concurrent = i % 2 == 0, .target = &target});
    std::atomic<int> inside{0};
    std::atomic<int> wrong{0};
    const gcd::group done;
    for (int i = 0; i < 2'000; ++i) {
        for (const gcd::queue& child : children)
            done.run_async(child, [&] {
                ++inside;
                --inside;
            });
        if (i % 20 == 0)
            target.barrier_async([&] {
                if (inside != 0) ++wrong;
            });
    }
    CHECK(done.wait_for(60s));
    target.barrier_sync([] {});
    CHECK(wrong == 0);
}

TEST_CASE("a barrier on one child lets its sibling on the same target run beside it", "[native][targets]") {
    const gcd::queue target{"target", {.concurrent = true}};
    const gcd::queue one{"one", {.concurrent = true, .target = &target}};
    const gcd::queue other{"other", {.concurrent = true, .target = &target}};
    latch sibling_ran{1};
    latch barrier_ran{1};
    bool beside = false;
    one.barrier_async([&] {
        beside = sibling_ran.wait();
        barrier_ran.count_down();
    });
    other.run_async([&] { sibling_ran.count_down(); });
    REQUIRE(barrier_ran.wait(2 * gcd_test::bound));
    CHECK(beside);
}
