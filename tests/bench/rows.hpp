// SPDX-License-Identifier: MIT
#ifndef GCD_BENCH_ROWS_HPP
#define GCD_BENCH_ROWS_HPP
/// @file
/// The rows of the benchmark, over anything that has queues, groups and semaphores: what is measured, and how much of
/// it.
///
/// An `Api` names the types and functions (rows_gcd.cpp and rows_dispatch.cpp have one each). Every row counts what it
/// has done and fails on a wrong count. A row gives nanoseconds for each operation.

#include "harness.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace bench {

inline constexpr long many = 1'000'000;
inline constexpr long some = 200'000;
inline constexpr long few = 20'000;

/// Waits without sleeping in the kernel for long: what is measured is the other side.
class flag {
public:
    void raise() { raised_.store(true, std::memory_order_release); }
    void await() const {
        while (!raised_.load(std::memory_order_acquire)) std::this_thread::yield();
    }

private:
    std::atomic<bool> raised_{false};
};

template <class Api> struct rows {
    using queue = typename Api::queue;

    static double serial_async() {
        const queue on = Api::serial();
        long ran = 0;
        return timed(many, [&] {
            for (long i = 0; i < many; ++i) Api::async(on, [&ran] { ++ran; });
            Api::sync(on, [] {});
            expect(ran, many);
        });
    }

    static double sync_serial() {
        const queue on = Api::serial();
        return timed(many, [&] { sync_many(on, many); });
    }

    static double sync_reader() {
        const queue on = Api::concurrent();
        return timed(many, [&] { sync_many(on, many); });
    }

    static double sync_barrier() {
        const queue on = Api::concurrent();
        long ran = 0;
        return timed(many, [&] {
            for (long i = 0; i < many; ++i) Api::barrier_sync(on, [&ran] { ++ran; });
            expect(ran, many);
        });
    }

    static double sync_two_levels() {
        const queue outer = Api::serial();
        const queue inner = Api::serial(&outer);
        return timed(many, [&] { sync_many(inner, many); });
    }

    /// One thread submits without waiting, another one waits for each.
    static double sync_against_async() {
        const queue on = Api::serial();
        long ran = 0;
        return timed(2 * some, [&] {
            std::thread other([&] {
                for (long i = 0; i < some; ++i) Api::async(on, [&ran] { ++ran; });
            });
            for (long i = 0; i < some; ++i) Api::sync(on, [&ran] { ++ran; });
            other.join();
            Api::sync(on, [] {});
            expect(ran, 2 * some);
        });
    }

    static double group_async() {
        const queue on = Api::global();
        const typename Api::group all;
        std::atomic<long> ran{0};
        return timed(some, [&] {
            for (long i = 0; i < some; ++i) Api::group_async(all, on, [&ran] { ran.fetch_add(1, relaxed); });
            Api::group_wait(all);
            expect(ran.load(), some);
        });
    }

    static double group_enter_leave() {
        const typename Api::group all;
        return timed(many, [&] {
            for (long i = 0; i < many; ++i) {
                Api::group_enter(all);
                Api::group_leave(all);
            }
        });
    }

    static double concurrent_async() { return concurrent(some, 0); }
    static double concurrent_async_barrier() { return concurrent(some, 10); }

    static double apply_empty() {
        std::vector<unsigned char> ran(many);
        const double spent = timed(many, [&] { Api::apply(many, [&](std::size_t index) { ++ran[index]; }); });
        expect(std::count(ran.begin(), ran.end(), 1), many);
        return spent;
    }

    static double apply_eight() {
        std::atomic<long> ran{0};
        return timed(few, [&] {
            for (long i = 0; i < few; ++i) Api::apply(8, [&](std::size_t) { ran.fetch_add(1, relaxed); });
            expect(ran.load(), 8 * few);
        });
    }

    static double apply_microseconds() {
        std::atomic<long> ran{0};
        return timed(few, [&] {
            Api::apply(few, [&](std::size_t) {
                spin(std::chrono::microseconds{1});
                ran.fetch_add(1, relaxed);
            });
            expect(ran.load(), few);
        });
    }

    static double semaphore() {
        const typename Api::semaphore one{1};
        return timed(many, [&] {
            for (long i = 0; i < many; ++i) {
                Api::semaphore_wait(one);
                Api::semaphore_signal(one);
            }
        });
    }

    static double ping_pong() { return ping_pong_after({}, some / 4); }
    static double ping_pong_idle() { return ping_pong_after(std::chrono::milliseconds{1}, 200); }

    static double two_queue_hop() {
        struct hops {
            queue one = Api::serial();
            queue other = Api::serial();
            long left = some;
            flag done;

            void hop(bool here) {
                if (--left == 0) return done.raise();
                Api::async(here ? other : one, [this, here] { hop(!here); });
            }
        } state;
        return timed(some, [&] {
            Api::async(state.one, [&state] { state.hop(true); });
            state.done.await();
        });
    }

    static double create_release() {
        return timed(some, [&] {
            for (long i = 0; i < some; ++i) static_cast<void>(Api::serial());
        });
    }

    static double four_producers() {
        const queue on = Api::serial();
        long ran = 0;
        return timed(4 * some, [&] {
            std::vector<std::thread> producers;
            for (int p = 0; p < 4; ++p)
                producers.emplace_back([&] {
                    for (long i = 0; i < some; ++i) Api::async(on, [&ran] { ++ran; });
                });
            for (std::thread& each : producers) each.join();
            Api::sync(on, [] {});
            expect(ran, 4 * some);
        });
    }

    static double thousand_queues() {
        std::vector<queue> all;
        for (int i = 0; i < 1'000; ++i) all.push_back(Api::serial());
        return timed(some, [&] { fill(all, some); });
    }

    /// Three levels of serial queues over two concurrent ones.
    static double nested_tree() {
        const queue root = Api::concurrent();
        std::vector<queue> middle;
        std::vector<queue> leaves;
        for (int i = 0; i < 10; ++i) middle.push_back(Api::serial(&root));
        for (int i = 0; i < 100; ++i) leaves.push_back(Api::serial(&middle[static_cast<std::size_t>(i % 10)]));
        return timed(some, [&] { fill(leaves, some); });
    }

    static double global_async() {
        const queue on = Api::global();
        std::atomic<long> ran{0};
        flag done;
        return timed(some, [&] {
            for (long i = 0; i < some; ++i)
                Api::async(on, [&] {
                    if (ran.fetch_add(1, relaxed) + 1 == some) done.raise();
                });
            done.await();
        });
    }

    /// A tree of tasks ten wide and five deep, each of which submits the next ones.
    static double skynet() {
        struct tree {
            queue on = Api::global();
            std::atomic<long> leaves{0};
            flag done;

            void grow(int depth) {
                if (depth == 0) {
                    if (leaves.fetch_add(1, relaxed) + 1 == 100'000) done.raise();
                    return;
                }
                for (int i = 0; i < 10; ++i) Api::async(on, [this, depth] { grow(depth - 1); });
            }
        } state;
        return timed(111'110, [&] {
            state.grow(5);
            state.done.await();
        });
    }

    static constexpr row table[] = {
        {"serial_async", serial_async},
        {"sync_serial", sync_serial},
        {"sync_reader", sync_reader},
        {"sync_barrier", sync_barrier},
        {"sync_two_levels", sync_two_levels},
        {"sync_against_async", sync_against_async},
        {"group_async", group_async},
        {"group_enter_leave", group_enter_leave},
        {"concurrent_async", concurrent_async},
        {"concurrent_async_barrier", concurrent_async_barrier},
        {"apply_empty", apply_empty},
        {"apply_eight", apply_eight},
        {"apply_microseconds", apply_microseconds},
        {"semaphore", semaphore},
        {"ping_pong", ping_pong},
        {"ping_pong_idle", ping_pong_idle},
        {"two_queue_hop", two_queue_hop},
        {"create_release", create_release},
        {"four_producers", four_producers},
        {"thousand_queues", thousand_queues},
        {"nested_tree", nested_tree},
        {"global_async", global_async},
        {"skynet", skynet},
    };

private:
    static constexpr auto relaxed = std::memory_order_relaxed;

    static void sync_many(const queue& on, long count) {
        long ran = 0;
        for (long i = 0; i < count; ++i) Api::sync(on, [&ran] { ++ran; });
        expect(ran, count);
    }

    static double concurrent(long count, long barrier_every) {
        const queue on = Api::concurrent();
        std::atomic<long> ran{0};
        return timed(count, [&] {
            const auto body = [&ran] { ran.fetch_add(1, relaxed); };
            for (long i = 0; i < count; ++i) {
                if (barrier_every != 0 && i % barrier_every == 0)
                    Api::barrier_async(on, body);
                else
                    Api::async(on, body);
            }
            Api::barrier_sync(on, [] {});
            expect(ran.load(), count);
        });
    }

    /// One producer over many queues, round robin, to the end of all.
    static void fill(const std::vector<queue>& all, long count) {
        std::atomic<long> ran{0};
        flag done;
        for (long i = 0; i < count; ++i)
            Api::async(all[static_cast<std::size_t>(i) % all.size()], [&] {
                if (ran.fetch_add(1, relaxed) + 1 == count) done.raise();
            });
        done.await();
    }

    /// There and back: an item on a queue, and the thread that waits for it.
    static double ping_pong_after(std::chrono::milliseconds idle, long count) {
        const queue on = Api::serial();
        const typename Api::semaphore back{0};
        double spent = 0;
        for (long i = 0; i < count; ++i) {
            if (idle.count() != 0) std::this_thread::sleep_for(idle);
            spent += timed(1, [&] {
                Api::async(on, [&back] { Api::semaphore_signal(back); });
                Api::semaphore_wait(back);
            });
        }
        return spent / static_cast<double>(count);
    }
};

} // namespace bench

#endif
