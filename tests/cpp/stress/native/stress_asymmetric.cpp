// SPDX-License-Identifier: MIT
/// @file
/// The asymmetric mode of lanes (sync/asymmetric.hpp) on the real processor and with the real membarrier.
///
/// First the hold alone, with one thread that comes and goes and one that closes the lane, timed to meet where the one
/// goes: each time exactly one of the two must give back. Control: without the barrier both soon believe it of the
/// other. Then whole queues that are opened whenever nobody is about.

#define GCD_ASYMMETRIC_SYNC 1
#include <gcd/gcd.hpp>

#include "stress.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace gcd_test;
namespace native = gcd::detail::native;
using native::lane;

// --- the hold -------------------------------------------------------------------------------------------------------

struct no_barriers {
    static void light() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
    static bool heavy() noexcept { return true; }
    struct patience {
        static bool again() noexcept { return false; }
    };
};

template <class Barriers> class meeting {
public:
    /// How often the lane was closed, how often with somebody in, and whether nobody has given it back then.
    struct outcome {
        std::uint64_t closed = 0;
        std::uint64_t held = 0;
        bool lost = false;
    };

    outcome run(std::chrono::seconds time, std::uint64_t seed) {
        std::thread coming{[this] { come_and_go(); }};
        const outcome seen = close_again_and_again(time, seed);
        stop_.store(true, std::memory_order_relaxed);
        coming.join();
        return seen;
    }

private:
    void come_and_go() {
        for (std::uint64_t round = 1; !stop_.load(std::memory_order_relaxed); ++round) {
            if (state_.load(std::memory_order_relaxed) == lane::open && hold_.enter(state_, lane::open)) {
                // What is stored before has to become visible before, and these lines are with the other thread.
                for (busy_line& each : busy_) each.value.store(round, std::memory_order_relaxed);
                if (!hold_.leave(state_, lane::open, lane::closing)) {
                    const std::uint64_t before =
                        state_.fetch_and(~std::uint64_t{lane::exclusive}, std::memory_order_acq_rel);
                    must((before & lane::exclusive) != 0, "both have given back");
                }
            }
            rounds_.store(round, std::memory_order_release);
        }
    }

    outcome close_again_and_again(std::chrono::seconds time, std::uint64_t seed) {
        chance dice{seed};
        outcome seen;
        const auto end = std::chrono::steady_clock::now() + time;
        while (!seen.lost && std::chrono::steady_clock::now() < end) {
            for (busy_line& each : busy_) each.value.store(0, std::memory_order_relaxed);
            // Once the other is in, and up to some hundred nanoseconds later.
            while (hold_.is_free() && std::chrono::steady_clock::now() < end) native::pause();
            for (std::uint64_t wait = dice.below(400); wait != 0; --wait)
                std::atomic_signal_fence(std::memory_order_seq_cst);
            std::uint64_t word = lane::open;
            must(state_.compare_exchange_strong(word, lane::kept | lane::exclusive | lane::closing,
                                                std::memory_order_seq_cst),
                 "an open lane is changed by who closes it alone");
            ++seen.closed;
            if (hold_.is_held()) {
                ++seen.held;
                state_.fetch_and(~std::uint64_t{lane::closing}, std::memory_order_acq_rel);
                seen.lost = !is_given_back();
            } else {
                state_.fetch_and(~std::uint64_t{lane::exclusive | lane::closing}, std::memory_order_acq_rel);
            }
            must(seen.lost || state_.load(std::memory_order_acquire) == lane::kept, "the lane is idle");
            state_.store(lane::open, std::memory_order_release);
        }
        return seen;
    }

    /// False if the other thread has been round twice without.
    bool is_given_back() {
        const std::uint64_t first = rounds_.load(std::memory_order_acquire);
        for (;;) {
            const bool passed = rounds_.load(std::memory_order_acquire) >= first + 2;
            if ((state_.load(std::memory_order_acquire) & lane::exclusive) == 0) return true;
            if (passed) return false;
            native::pause();
        }
    }

    struct alignas(64) busy_line {
        std::atomic<std::uint64_t> value{0};
    };

    alignas(64) std::atomic<std::uint64_t> state_{lane::open};
    native::basic_hold<std::atomic, Barriers, native::link_wait> hold_;
    alignas(64) std::atomic<std::uint64_t> rounds_{0};
    alignas(64) std::atomic<bool> stop_{false};
    busy_line busy_[4];
};

// --- queues ---------------------------------------------------------------------------------------------------------

struct state {
    std::vector<gcd::queue> queues;
    std::vector<std::uint64_t> inside; ///< of each queue's items: nothing but the queue orders them
    std::atomic<std::uint64_t> went_in{0};
    std::atomic<std::uint64_t> came_out{0};
    std::atomic<std::uint64_t> in_open{0};
    std::atomic<bool> stop{false};
};

bool is_open(const gcd::queue& queue) {
    return native::as_lane(gcd::detail::access::object_of(queue))->state.load(std::memory_order_relaxed) == lane::open;
}

void use(state& in, std::uint64_t seed, bool mostly_syncs) {
    chance dice{seed};
    while (!in.stop.load(std::memory_order_relaxed)) {
        const std::size_t which = dice.below(in.queues.size());
        const gcd::queue& queue = in.queues[which];
        const auto item = [&in, which] {
            in.inside[which] += 1;
            in.came_out.fetch_add(1, std::memory_order_relaxed);
        };
        in.went_in.fetch_add(1, std::memory_order_relaxed);
        switch (mostly_syncs ? 0 : dice.below(5)) {
        case 1: queue.barrier_async(item); break;
        case 2:
            queue.suspend();
            queue.barrier_async(item);
            queue.resume();
            break;
        case 3:
            queue.barrier_sync([&] {
                in.went_in.fetch_add(1, std::memory_order_relaxed);
                queue.barrier_async(item);
                item();
            });
            break;
        default:
            for (std::uint64_t more = dice.below(20); more != 0; --more)
                queue.barrier_sync([&] {
                    in.inside[which] += 1;
                    if (is_open(queue)) in.in_open.fetch_add(1, std::memory_order_relaxed);
                    in.inside[which] -= 1;
                });
            queue.barrier_sync(item);
        }
        if (!mostly_syncs)
            for (std::uint64_t wait = dice.below(2'000); wait != 0; --wait) native::pause();
        if (dice.one_in(100)) {
            // The last handle goes while another queue that goes through it is in use.
            auto target = std::make_unique<gcd::queue>("target");
            const gcd::queue brief{"brief", {.target = target.get()}};
            for (int i = 0; i < 3; ++i) brief.run_sync([] {});
            std::thread other{[&brief] {
                for (int i = 0; i < 3; ++i) brief.run_async([] {});
            }};
            target.reset();
            for (int i = 0; i < 3; ++i) brief.run_sync([] {});
            other.join();
        }
        if (in.went_in.load() - in.came_out.load() > 50'000) queue.barrier_sync([] {});
    }
}

void use_queues(std::chrono::seconds time, std::uint64_t seed) {
    state in;
    const gcd::queue outer{"outer"};
    for (int i = 0; i < 4; ++i)
        in.queues.emplace_back("open",
                               gcd::queue_options{.concurrent = i % 2 == 1, .target = i == 2 ? &outer : nullptr});
    in.inside.resize(in.queues.size());
    std::vector<std::thread> threads;
    for (std::uint64_t self = 0; self < 4; ++self)
        threads.emplace_back([&in, seed, self] { use(in, seed + self, self % 2 == 0); });
    std::this_thread::sleep_for(time);
    in.stop = true;
    for (std::thread& each : threads) each.join();
    while (in.came_out.load() < in.went_in.load()) std::this_thread::yield();
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < in.queues.size(); ++i) {
        in.queues[i].barrier_sync([] {});
        all += in.inside[i];
    }
    must(in.came_out.load() == in.went_in.load(), "an item ran twice");
    must(all == in.came_out.load(), "two items ran at once");
    must(in.in_open.load() != 0, "no queue was ever open");
    std::printf("%llu items, %llu syncs on open queues\n", static_cast<unsigned long long>(all),
                static_cast<unsigned long long>(in.in_open.load()));
}

template <class Outcome> void print(const char* what, const Outcome& seen) {
    std::printf("%s: closed %llu times, %llu with a holder in\n", what, static_cast<unsigned long long>(seen.closed),
                static_cast<unsigned long long>(seen.held));
}

} // namespace

int main() {
    if (!native::has_asymmetric_sync) {
        std::puts("the thread sanitizer has no such queues");
        return 0;
    }
    const std::uint64_t seed = stress_seed();
    const std::chrono::seconds time = stress_time();
    native::register_barriers();
    if (native::barriers_known != native::barrier_support::registered) {
        std::puts("this system has no membarrier");
        return 0;
    }
    if (std::thread::hardware_concurrency() > 1) {
        // Both are fast: a broken one is found within a second.
        const auto without = std::make_unique<meeting<no_barriers>>()->run(time + std::chrono::seconds{20}, seed);
        must(without.lost, "the control: without the barrier nothing was lost");
        print("lost without the barrier", without);
    }
    const auto with = std::make_unique<meeting<native::process_barriers>>()->run(time, seed);
    must(!with.lost, "nobody has given back");
    print("none with it", with);
    native::quiet_syncs_to_open = 1;
    use_queues(time, seed);
}
