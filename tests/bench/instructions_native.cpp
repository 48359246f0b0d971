// SPDX-License-Identifier: MIT
/// @file
/// One operation of the native engine, many times: what instructions.py counts the instructions of, and how often the
/// heap is asked for memory. Usage: instructions_native ROW COUNT, which prints the latter.
///
/// Each row of the library stands beside the same call of the engine without a handle.

#include "counted_rows.hpp"

#include <gcd/group.hpp>
#include <gcd/queue.hpp>
#include <gcd/semaphore.hpp>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc{};
}

} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto unit = static_cast<std::size_t>(alignment);
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

namespace engine = gcd::detail::backend;

using gcd_bench::ran;

/// What the callables of the rows capture: 32 bytes.
struct captured {
    long* counter = &ran;
    std::array<long, 3> rest{1, 2, 3};
    void operator()() const { *counter += rest[0]; }
};

/// In rounds, so that the nodes of one are those of the round before. The queue is suspended meanwhile: no thread is
/// woken in between, and counts don't vary.
template <class Submit> void in_rounds(long count, const gcd::queue& queue, Submit&& submit) {
    constexpr long round = 1'000;
    for (long done = 0; done < count; done += round) {
        queue.suspend();
        for (long i = 0; i < round; ++i) submit();
        queue.resume();
        queue.run_sync([] {});
    }
}

void async_engine(long count) {
    const gcd::queue queue{"bench"};
    auto* object = gcd::detail::access::object_of(&queue);
    in_rounds(count, queue, [&] { engine::queue_async(object, gcd::detail::make_work<engine::memory>(captured{})); });
}

void async_gcd(long count) {
    const gcd::queue queue{"bench"};
    in_rounds(count, queue, [&] { queue.run_async(captured{}); });
}

template <class Sync> void sync_engine(long count, const gcd::queue& queue, Sync&& sync) {
    auto* object = gcd::detail::access::object_of(&queue);
    for (long i = 0; i < count; ++i) {
        auto add = [] { ++ran; };
        gcd::detail::borrowed_call<decltype(add)> body{add};
        sync(object, body);
        body.take();
    }
}

void serial_engine(long count) { sync_engine(count, gcd::queue{"bench"}, engine::queue_sync); }

void serial_gcd(long count) {
    const gcd::queue queue{"bench"};
    for (long i = 0; i < count; ++i) queue.run_sync([] { ++ran; });
}

void barrier_engine(long count) {
    sync_engine(count, gcd::queue{"bench", {.concurrent = true}}, engine::queue_barrier_sync);
}

void barrier_gcd(long count) {
    const gcd::queue queue{"bench", {.concurrent = true}};
    for (long i = 0; i < count; ++i) queue.barrier_sync([] { ++ran; });
}

void group_engine(long count) {
    auto* object = engine::group_create();
    for (long i = 0; i < count; ++i, ++ran) {
        engine::group_enter(object);
        engine::group_leave(object);
    }
    engine::release(object);
}

void group_gcd(long count) {
    const gcd::group group;
    for (long i = 0; i < count; ++i, ++ran) {
        group.enter().release();
        group.leave();
    }
}

void semaphore_engine(long count) {
    auto* object = engine::semaphore_create(1);
    for (long i = 0; i < count; ++i, ++ran) {
        engine::semaphore_wait(object, ~std::uint64_t{0});
        engine::semaphore_signal(object);
    }
    engine::release(object);
}

void semaphore_gcd(long count) {
    const gcd::semaphore semaphore{1};
    for (long i = 0; i < count; ++i, ++ran) {
        semaphore.wait();
        semaphore.signal();
    }
}

constexpr gcd_bench::counted_row rows[] = {
    {"async.engine", async_engine},   {"async.gcd", async_gcd},           {"sync.engine", serial_engine},
    {"sync.gcd", serial_gcd},         {"barrier.engine", barrier_engine}, {"barrier.gcd", barrier_gcd},
    {"group.engine", group_engine},   {"group.gcd", group_gcd},           {"semaphore.engine", semaphore_engine},
    {"semaphore.gcd", semaphore_gcd},
};

} // namespace

int main(int argc, char** argv) {
    const int status = gcd_bench::run_row(rows, argc, argv);
    if (status == 0) std::printf("%ld\n", allocations.load());
    return status;
}
