// SPDX-License-Identifier: MIT
/// @file
/// The rows on this library, with the engine it is built for: bench_rows_gcd on libdispatch, bench_rows_native on its
/// own, bench_rows_native_asymmetric on that with syncs by membarrier.

#include "event_rows.hpp"
#include "io_rows.hpp"
#include "rows.hpp"

#include <gcd/gcd.hpp>

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

struct api {
    using queue = gcd::queue;
    using group = gcd::group;
    using semaphore = gcd::semaphore;

    static queue serial(const queue* target = nullptr) { return queue{"bench", {.target = target}}; }
    static queue concurrent() { return queue{"bench", {.concurrent = true}}; }
    static queue global() { return queue::global_queue(); }

    template <class F> static void async(const queue& on, F&& body) { on.run_async(std::forward<F>(body)); }
    template <class F> static void barrier_async(const queue& on, F&& body) { on.barrier_async(std::forward<F>(body)); }
    template <class F> static void sync(const queue& on, F&& body) { on.run_sync(std::forward<F>(body)); }
    template <class F> static void barrier_sync(const queue& on, F&& body) { on.barrier_sync(std::forward<F>(body)); }
    template <class F> static void apply(std::size_t count, F&& body) { gcd::apply(count, std::forward<F>(body)); }
    template <class F> static void group_async(const group& in, const queue& on, F&& body) {
        in.run_async(on, std::forward<F>(body));
    }
    static void group_enter(const group& in) { in.enter().release(); }
    static void group_leave(const group& in) { in.leave(); }
    static void group_wait(const group& in) { in.wait(); }
    static void semaphore_wait(const semaphore& on) { on.wait(); }
    static void semaphore_signal(const semaphore& on) { on.signal(); }

    template <class F> static gcd::timer timer(const queue& on, std::chrono::nanoseconds delay, F&& body) {
        gcd::timer made{{.interval = delay, .repeating = false}, on, std::forward<F>(body)};
        made.start();
        return made;
    }
    template <class F> static gcd::read_source reader(const queue& on, int fd, F&& body) {
        gcd::read_source made{{fd}, on, std::forward<F>(body)};
        made.start();
        return made;
    }
    template <class Source> static void cancel(const Source& source) { source.cancel(); }
    template <class F> static void after(const queue& on, std::chrono::steady_clock::time_point due, F&& body) {
        on.after(due, std::forward<F>(body));
    }

    static std::size_t read_to_end(int fd) {
        const queue on = serial();
        const semaphore done{0};
        std::size_t total = 0;
        const gcd::io_channel channel{fd, gcd::io_type::stream, &on};
        channel.read(gcd::io_channel::unlimited, [&](bool last, const gcd::data& chunk, int) {
            total += chunk.size();
            if (last) done.signal();
        });
        done.wait();
        return total;
    }
    static std::size_t write(int fd, const std::vector<std::byte>& bytes, std::size_t times) {
        const queue on = serial();
        const semaphore done{0};
        std::size_t total = 0;
        std::size_t left = times;
        const gcd::data piece{bytes, on, [] {}};
        const gcd::io_channel channel{fd, gcd::io_type::stream, &on};
        for (std::size_t i = 0; i != times; ++i)
            channel.write(piece, [&](bool last, const gcd::data& rest, int) {
                if (!last) return;
                total += bytes.size() - rest.size();
                if (--left == 0) done.signal();
            });
        done.wait();
        return total;
    }
};

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, {bench::rows<api>::table, bench::event_rows<api>::table, bench::io_rows<api>::table});
}
