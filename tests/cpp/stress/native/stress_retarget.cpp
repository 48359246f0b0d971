// SPDX-License-Identifier: MIT
/// @file
/// Queues that come and go, and change their targets, while they are used from several threads. Native only:
/// libdispatch can lose a sync on a queue that is retargeted (docs/differences.md).

#include <gcd/gcd.hpp>

#include "stress.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

using namespace gcd_test;

struct state {
    std::vector<gcd::queue> targets;
    std::vector<gcd::queue> movers;
    std::atomic<std::uint64_t> went_in{0};
    std::atomic<std::uint64_t> came_out{0};
    std::atomic<bool> stop{false};
};

void use(state& in, std::uint64_t seed) {
    chance dice{seed};
    while (!in.stop.load(std::memory_order_relaxed)) {
        const gcd::queue& mover = in.movers[dice.below(in.movers.size())];
        in.went_in.fetch_add(1);
        switch (dice.below(5)) {
        case 0: mover.run_sync([&in] { in.came_out.fetch_add(1); }); break;
        case 1: mover.barrier_sync([&in] { in.came_out.fetch_add(1); }); break;
        case 2: mover.barrier_async([&in] { in.came_out.fetch_add(1); }); break;
        default: mover.run_async([&in] { in.came_out.fetch_add(1); });
        }
        if (dice.one_in(20)) mover.set_target_queue(in.targets[dice.below(in.targets.size())]);
        if (dice.one_in(50)) {
            // The last handle goes while items are under way.
            const gcd::queue brief{"brief", {.concurrent = dice.one_in(2), .target = &mover}};
            for (int i = 0; i < 3; ++i) {
                in.went_in.fetch_add(1);
                brief.run_async([&in] { in.came_out.fetch_add(1); });
            }
            if (dice.one_in(3)) brief.suspend();
            if (dice.one_in(3)) {
                in.went_in.fetch_add(1);
                const gcd::group all;
                all.run_async(mover, [&in] { in.came_out.fetch_add(1); });
                all.wait();
            }
        }
        if (in.went_in.load() - in.came_out.load() > 50'000) mover.run_sync([] {});
    }
}

} // namespace

int main() {
    state in;
    for (int i = 0; i < 6; ++i) in.targets.emplace_back("target", gcd::queue_options{.concurrent = i % 2 == 1});
    in.targets.push_back(gcd::queue::global_queue());
    for (int i = 0; i < 8; ++i) in.movers.emplace_back("mover", gcd::queue_options{.concurrent = i % 2 == 1});
    const std::uint64_t seed = stress_seed();
    std::vector<std::thread> threads;
    for (std::uint64_t self = 0; self < 4; ++self) threads.emplace_back([&in, seed, self] { use(in, seed + self); });
    std::this_thread::sleep_for(stress_time());
    in.stop = true;
    for (std::thread& each : threads) each.join();
    while (in.came_out.load() < in.went_in.load()) std::this_thread::yield();
    must(in.came_out.load() == in.went_in.load(), "an item ran twice");
    std::printf("%llu items\n", static_cast<unsigned long long>(in.went_in.load()));
}
