// SPDX-License-Identifier: MIT
/// @file
/// The rows that asio can do, with a thread pool and strands.

#include "rows.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <algorithm>
#include <future>
#include <semaphore>
#include <thread>
#include <utility>

namespace {

asio::thread_pool& pool() {
    static auto* threads = new asio::thread_pool{std::max(1U, std::thread::hardware_concurrency())};
    return *threads;
}

/// A strand, or the pool itself.
struct lane {
    asio::any_io_executor executor;
};

struct api {
    using queue = lane;
    struct group {};
    struct semaphore {
        explicit semaphore(long value) : units{value} {}
        mutable std::counting_semaphore<> units;
    };

    static queue serial(const queue* = nullptr) { return {asio::make_strand(pool())}; }
    static queue global() { return {pool().get_executor()}; }
    template <class F> static void async(const queue& on, F&& body) { asio::post(on.executor, std::forward<F>(body)); }
    /// There is no sync; a row that drains waits for an item of its own.
    template <class F> static void sync(const queue& on, F&& body) {
        std::promise<void> done;
        asio::post(on.executor, [&] {
            body();
            done.set_value();
        });
        done.get_future().wait();
    }
    static void semaphore_wait(const semaphore& on) { on.units.acquire(); }
    static void semaphore_signal(const semaphore& on) { on.units.release(); }
};

using rows = bench::rows<api>;

constexpr bench::row table[] = {
    {"serial_async", rows::serial_async},     {"ping_pong", rows::ping_pong},
    {"ping_pong_idle", rows::ping_pong_idle}, {"two_queue_hop", rows::two_queue_hop},
    {"four_producers", rows::four_producers}, {"thousand_queues", rows::thousand_queues},
    {"global_async", rows::global_async},     {"skynet", rows::skynet},
};

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, table); }
