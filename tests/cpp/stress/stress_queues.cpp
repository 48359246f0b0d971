// SPDX-License-Identifier: MIT
/// @file
/// A tree of queues under everything at once: asynchronous items, barriers, syncs (nested ones too), suspensions,
/// groups.
///
/// Holds: what is exclusive is alone; items of one thread on a serial queue start in the order of their submission;
/// what went in came out, once.

#include <gcd/gcd.hpp>

#include "stress.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace gcd_test;

constexpr std::size_t producers = 4;

/// A queue, and what can be seen of it from inside its items.
struct watched {
    gcd::queue queue;
    bool concurrent;
    std::atomic<int> inside{0};
    /// Number of the last item of each producer.
    std::array<std::atomic<std::uint64_t>, producers> last{};
    std::array<std::uint64_t, producers> submitted{};

    watched(bool side_by_side, const gcd::queue* target)
        : queue{"stress", {.concurrent = side_by_side, .target = target}}, concurrent{side_by_side} {}

    void enter(bool alone) {
        const int before = inside.fetch_add(alone ? 1'000 : 1);
        must(alone ? before == 0 : before < 1'000, "an exclusive item was not alone");
    }
    void leave(bool alone) { inside.fetch_sub(alone ? 1'000 : 1); }
};

struct world {
    std::vector<std::unique_ptr<watched>> queues;
    std::atomic<std::uint64_t> went_in{0};
    std::atomic<std::uint64_t> came_out{0};
    std::atomic<bool> stop{false};

    void add(bool side_by_side, std::size_t target) {
        queues.push_back(
            std::make_unique<watched>(side_by_side, target < queues.size() ? &queues[target]->queue : nullptr));
    }
};

void item(world& in, watched& on, bool alone, std::size_t producer, std::uint64_t number) {
    on.enter(alone);
    if (!on.concurrent && number != 0) {
        must(on.last[producer].load() < number, "items of one thread ran out of order");
        on.last[producer].store(number);
    }
    on.leave(alone);
    in.came_out.fetch_add(1);
}

void produce(world& in, std::size_t self, std::uint64_t seed) {
    chance dice{seed + self};
    while (!in.stop.load(std::memory_order_relaxed)) {
        watched& on = *in.queues[dice.below(in.queues.size())];
        const bool barrier = dice.one_in(8);
        const bool alone = barrier || !on.concurrent;
        in.went_in.fetch_add(1);
        // Keeps the lists from growing for ever.
        const bool waits = dice.one_in(6) || in.went_in.load() - in.came_out.load() > 100'000;
        const std::uint64_t number = ++on.submitted[self];
        if (waits) {
            const auto body = [&] { item(in, on, alone, self, number); };
            if (barrier)
                on.queue.barrier_sync(body);
            else
                on.queue.run_sync(body);
        } else {
            auto body = [&in, &on, alone, self, number] { item(in, on, alone, self, number); };
            if (barrier)
                on.queue.barrier_async(body);
            else
                on.queue.run_async(body);
        }
        if (dice.one_in(500)) {
            const gcd::suspension held = on.queue.suspended();
            std::this_thread::yield();
        }
        if (dice.one_in(2'000)) {
            const gcd::group together;
            for (int i = 0; i < 10; ++i) {
                in.went_in.fetch_add(1);
                together.run_async(in.queues[dice.below(in.queues.size())]->queue, [&in] { in.came_out.fetch_add(1); });
            }
            together.wait();
        }
        if (dice.one_in(3'000)) {
            std::atomic<int> ran{0};
            gcd::apply(20, on.queue, [&ran](std::size_t) { ran.fetch_add(1); });
            must(ran == 20, "an apply lost iterations");
        }
    }
}

} // namespace

int main() {
    world in;
    in.add(false, ~std::size_t{0}); // 0: serial
    in.add(true, ~std::size_t{0});  // 1: concurrent
    in.add(false, 0);               // 2: serial on serial
    in.add(true, 0);                // 3: concurrent on serial
    in.add(false, 1);               // 4: serial on concurrent
    in.add(true, 1);                // 5: concurrent on concurrent
    in.add(false, 4);               // 6: three deep
    in.add(true, 5);                // 7: three deep
    in.add(false, 7);               // 8: four deep
    in.add(false, ~std::size_t{0}); // 9
    const std::uint64_t seed = stress_seed();
    std::vector<std::thread> threads;
    for (std::size_t self = 0; self < producers; ++self)
        threads.emplace_back([&in, self, seed] { produce(in, self, seed); });
    std::this_thread::sleep_for(stress_time());
    in.stop = true;
    for (std::thread& each : threads) each.join();
    for (const auto& each : in.queues) each->queue.barrier_sync([] {});
    while (in.came_out.load() < in.went_in.load()) std::this_thread::yield();
    must(in.came_out.load() == in.went_in.load(), "an item ran twice");
    std::printf("%llu items\n", static_cast<unsigned long long>(in.went_in.load()));
}
