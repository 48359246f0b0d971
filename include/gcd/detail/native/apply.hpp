// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_APPLY_HPP
#define GCD_DETAIL_NATIVE_APPLY_HPP
/// @file
/// The parallel for loop: the caller takes part, and workers that have nothing else to do help.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/loop.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/native/sync.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace gcd::inline GCD_ABI::detail::native {

struct apply_loop;

/// An item that helps with a loop; they stand behind it in one piece of memory.
struct apply_helper : work {
    apply_loop* loop;
};

/// One loop. The caller and its helpers take chunks from `next` until it reaches the end, or one of them has stopped
/// it. The caller owns the loop's contents and is there until the last helper inside has left; the memory is owned by
/// the caller and all helpers that were submitted, as those that come too late find the door closed.
struct apply_loop {
    /// Fields of `door`.
    enum : std::uint32_t {
        one_inside = 1, ///< a helper that has come in
        inside_mask = 0xFFF,
        one_owner = 0x1000, ///< the caller, until the end of its wait, and each helper until it has left
        owners_mask = 0xFFF000,
        asleep = std::uint32_t{1} << 30U, ///< the caller sleeps until nobody is inside
        closed = std::uint32_t{1} << 31U, ///< no helper comes in any more
    };
    static_assert(most_threads < inside_mask);

    loop_body* body;
    queue_object* queue;
    frame* caller = nullptr;
    loop_chunks chunks;
    /// All changes acq_rel. A helper comes in by a swap from an open door, and leaves in the step that gives up its
    /// part of the memory; the caller that reads a closed door with nobody inside (acquire) has all they did before it.
    /// Who gives up the last part frees the memory, so that a helper touches the loop no more after it has left.
    std::atomic<std::uint32_t> door;

    bool come_in() noexcept {
        std::uint32_t seen = door.load(std::memory_order_relaxed);
        do {
            if ((seen & closed) != 0 || chunks.is_taken()) return false;
        } while (
            !door.compare_exchange_weak(seen, seen + one_inside, std::memory_order_acq_rel, std::memory_order_relaxed));
        return true;
    }
    /// A helper's end. Waking an address that is gone is harmless.
    void go_out(bool was_inside) noexcept {
        const std::uint32_t less = one_owner + (was_inside ? one_inside : 0U);
        const std::uint32_t now = door.fetch_sub(less, std::memory_order_acq_rel) - less;
        if ((now & owners_mask) == 0)
            free();
        else if (was_inside && (now & (asleep | inside_mask)) == asleep)
            sys::futex_wake(&door, 1);
    }
    /// The caller's end.
    void close_and_wait() noexcept {
        std::uint32_t seen = door.fetch_or(closed, std::memory_order_acq_rel);
        for (brief_wait wait; (seen & inside_mask) != 0 && wait.again();) seen = door.load(std::memory_order_acquire);
        if ((seen & inside_mask) != 0) {
            const blocking_region blocked;
            seen = door.fetch_or(asleep, std::memory_order_acq_rel) | asleep;
            while ((seen & inside_mask) != 0) {
                sys::futex_wait(door, seen);
                seen = door.load(std::memory_order_acquire);
            }
        }
        if ((seen & owners_mask) == one_owner ||
            (door.fetch_sub(one_owner, std::memory_order_acq_rel) & owners_mask) == one_owner)
            free();
    }
    static std::size_t size(std::size_t helpers) noexcept {
        return sizeof(apply_loop) + helpers * sizeof(apply_helper);
    }
    apply_helper* helper(std::size_t index) noexcept { return reinterpret_cast<apply_helper*>(this + 1) + index; }
    void free() noexcept { memory::deallocate(this, size(chunks.threads - 1)); }
};
static_assert(std::is_trivially_destructible_v<apply_loop> && sizeof(apply_loop) % alignof(apply_helper) == 0);

GCD_HIDDEN inline void run_apply_helper(work* base, op what) noexcept {
    apply_loop* loop = static_cast<apply_helper*>(base)->loop;
    const bool comes_in = what == op::run && loop->come_in();
    if (comes_in) {
        const scoped_frame inside{loop->queue, false, loop->caller};
        run_share(*loop->body, loop->chunks, nullptr);
    }
    loop->go_out(comes_in);
}

/// Everything that a loop needs, before its turn has come: from then on nothing can fail.
GCD_HIDDEN inline apply_loop* make_apply_loop(std::size_t iterations, lane* on, loop_body& body) {
    const unsigned level = pool_level_from_outside(on);
    queue_object* pool_queue = global_of_level(level);
    const std::size_t width = on->home().of_level(level).limit->load(std::memory_order_relaxed);
    const std::size_t helpers = std::min(iterations, std::max<std::size_t>(width, 2)) - 1;
    auto* loop = ::new (memory::allocate(apply_loop::size(helpers)))
        apply_loop{.body = &body,
                   .queue = on,
                   .chunks = {iterations, helpers + 1},
                   .door = static_cast<std::uint32_t>((helpers + 1) * apply_loop::one_owner)};
    for (std::size_t i = 0; i < helpers; ++i)
        ::new (loop->helper(i)) apply_helper{{.fn = &run_apply_helper, .queue = pool_queue}, loop};
    return loop;
}

/// The loop on this thread and on the pool's; its memory goes with it. True if it was given up.
GCD_HIDDEN inline bool run_apply(apply_loop* loop, lane* on, const give_up* ask) {
    const unsigned level = pool_level(on);
    pool& workers = on->home().of_level(level);
    loop->caller = innermost_frame;
    for (std::size_t i = 0; i + 1 < loop->chunks.threads; ++i) workers.submit_helper(loop->helper(i), level);
    bool given_up = false;
    {
        const scoped_frame inside{on, false, innermost_frame};
        given_up = run_share(*loop->body, loop->chunks, ask);
    }
    loop->close_and_wait();
    return given_up;
}

/// The parallel loop as one body, for a caller that has taken its turn on the queue.
struct parallel_loop : call {
    apply_loop* loop;
    lane* on;
    const give_up* ask;
    bool given_up = false;

    parallel_loop(apply_loop* made, lane* lane_of_loop, const give_up* asked)
        : call{&invoke}, loop{made}, on{lane_of_loop}, ask{asked} {}
    parallel_loop(const parallel_loop&) = delete;
    parallel_loop& operator=(const parallel_loop&) = delete;
    /// The turn may never have come.
    ~parallel_loop() {
        if (loop != nullptr) loop->free();
    }

    static void invoke(void* base) noexcept {
        auto* self = static_cast<parallel_loop*>(static_cast<call*>(base));
        self->enter();
        self->given_up = run_apply(std::exchange(self->loop, nullptr), self->on, self->ask);
        self->leave();
    }
};

/// The main queue on the main thread, null elsewhere.
GCD_HIDDEN inline queue_object* main_queue_here() { return is_main_thread() ? queue_main() : nullptr; }

GCD_HIDDEN inline void apply(std::size_t iterations, queue_object* queue, loop_body& body) {
    lane* on = as_lane(checked(queue, "gcd::apply"));
    if (on->inactive.load(std::memory_order_acquire)) throw_inactive(on, "apply");
    if (iterations == 0) return;
    const give_up* ask = current_interruption();
    const main_frame main{main_queue_here()};
    bool given_up = false;
    if (on->kind == object_kind::global_queue) {
        given_up = run_apply(make_apply_loop(iterations, on, body), on, ask);
    } else if (walk_targets(on, [](queue_object* seen) { return seen->serial; })) {
        serial_loop loop{body, iterations};
        sync_from(on, loop, false, "apply");
        given_up = loop.given_up;
    } else {
        parallel_loop loop{make_apply_loop(iterations, on, body), on, ask};
        sync_from(on, loop, false, "apply");
        given_up = loop.given_up;
    }
    if (given_up) throw interrupted{};
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
