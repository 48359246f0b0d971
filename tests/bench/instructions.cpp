// SPDX-License-Identifier: MIT
/// @file
/// One operation, many times: what instructions.py counts the instructions of. Usage: instructions ROW COUNT
///
/// Each row of the library stands beside the same thing done with libdispatch's C functions by hand.

#include "counted_rows.hpp"

#include <gcd/group.hpp>
#include <gcd/queue.hpp>
#include <gcd/semaphore.hpp>

namespace {

namespace c = gcd::detail::dispatch;

using gcd_bench::ran;

// A submission by hand: a context on the heap, with as much in it as the lambda captures.
struct context {
    long* counter;
};

void run_context(void* raw) {
    auto* held = static_cast<context*>(raw);
    ++*held->counter;
    delete held;
}

void count_one(void* raw) { ++*static_cast<long*>(raw); }

// The queue is suspended while it is filled, so that no thread is woken in between and counts don't vary.
void async_by_hand(long count) {
    const gcd::queue queue{"bench"};
    void* native = queue.native_handle();
    queue.suspend();
    for (long i = 0; i < count; ++i) c::async(native, new context{&ran}, &run_context);
    queue.resume();
    c::sync(native, nullptr, [](void*) {});
}

void async_with_gcd(long count) {
    const gcd::queue queue{"bench"};
    queue.suspend();
    for (long i = 0; i < count; ++i) queue.run_async([counter = &ran] { ++*counter; });
    queue.resume();
    c::sync(queue.native_handle(), nullptr, [](void*) {});
}

void sync_by_hand(long count) {
    const gcd::queue queue{"bench"};
    for (long i = 0; i < count; ++i) c::sync(queue.native_handle(), &ran, &count_one);
}

void sync_with_gcd(long count) {
    const gcd::queue queue{"bench"};
    for (long i = 0; i < count; ++i) queue.run_sync([] { ++ran; });
}

void nested_by_hand(long count) {
    const gcd::queue target{"target"};
    const gcd::queue inner{"inner", {.target = &target}};
    const gcd::queue outer{"outer"};
    outer.run_sync([&] {
        for (long i = 0; i < count; ++i) c::sync(inner.native_handle(), &ran, &count_one);
    });
}

void nested_with_gcd(long count) {
    const gcd::queue target{"target"};
    const gcd::queue inner{"inner", {.target = &target}};
    const gcd::queue outer{"outer"};
    outer.run_sync([&] {
        for (long i = 0; i < count; ++i) inner.run_sync([] { ++ran; });
    });
}

void semaphore_by_hand(long count) {
    void* semaphore = c::semaphore_create(1);
    for (long i = 0; i < count; ++i, ++ran) {
        c::semaphore_wait(semaphore, ~std::uint64_t{0});
        c::semaphore_signal(semaphore);
    }
    c::release(semaphore);
}

void semaphore_with_gcd(long count) {
    const gcd::semaphore semaphore{1};
    for (long i = 0; i < count; ++i, ++ran) {
        semaphore.wait();
        semaphore.signal();
    }
}

constexpr gcd_bench::counted_row rows[] = {
    {"async.c", async_by_hand},         {"async.gcd", async_with_gcd},         {"sync.c", sync_by_hand},
    {"sync.gcd", sync_with_gcd},        {"nested.c", nested_by_hand},          {"nested.gcd", nested_with_gcd},
    {"semaphore.c", semaphore_by_hand}, {"semaphore.gcd", semaphore_with_gcd},
};

} // namespace

int main(int argc, char** argv) { return gcd_bench::run_row(rows, argc, argv); }
