// SPDX-License-Identifier: MIT
/// @file
/// The rows that asio can do, with a thread pool and strands.

#include "event_rows.hpp"
#include "rows.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
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

    template <class F>
    static std::shared_ptr<asio::steady_timer> timer(const queue& on, std::chrono::nanoseconds delay, F&& body) {
        auto made = std::make_shared<asio::steady_timer>(on.executor, delay);
        made->async_wait([body = std::forward<F>(body)](const asio::error_code& error) mutable {
            if (!error) body();
        });
        return made;
    }
    static void cancel(const std::shared_ptr<asio::steady_timer>& timer) { timer->cancel(); }
    template <class F> static void after(const queue& on, std::chrono::steady_clock::time_point due, F&& body) {
        auto made = std::make_unique<asio::steady_timer>(on.executor, due);
        asio::steady_timer& timer = *made;
        timer.async_wait(
            [body = std::forward<F>(body), kept = std::move(made)](const asio::error_code&) mutable { body(); });
    }

    using watched = std::shared_ptr<asio::posix::stream_descriptor>;
    template <class F> static void wait(const watched& descriptor, F body) {
        descriptor->async_wait(asio::posix::stream_descriptor::wait_read,
                               [descriptor, body](const asio::error_code& error) mutable {
                                   if (error) return;
                                   // asio may tell of the same bytes twice.
                                   asio::posix::stream_descriptor::bytes_readable readable;
                                   descriptor->io_control(readable);
                                   if (readable.get() != 0) body();
                                   wait(descriptor, body);
                               });
    }
    template <class F> static watched reader(const queue& on, int fd, F&& body) {
        auto made = std::make_shared<asio::posix::stream_descriptor>(on.executor, fd);
        wait(made, std::forward<F>(body));
        return made;
    }
    static void cancel(const watched& descriptor) { descriptor->cancel(); }
};

using rows = bench::rows<api>;
using event_rows = bench::event_rows<api>;

constexpr bench::row table[] = {
    {"serial_async", rows::serial_async},
    {"ping_pong", rows::ping_pong},
    {"ping_pong_idle", rows::ping_pong_idle},
    {"two_queue_hop", rows::two_queue_hop},
    {"four_producers", rows::four_producers},
    {"thousand_queues", rows::thousand_queues},
    {"global_async", rows::global_async},
    {"skynet", rows::skynet},
    {"timer_arm_cancel", event_rows::timer_arm_cancel},
    {"afters_one_deadline", event_rows::afters_one_deadline},
    {"timer_lateness", event_rows::timer_lateness},
    {"pipe_echo", event_rows::pipe_echo},
};

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, {table}); }
