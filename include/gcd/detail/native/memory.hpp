// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_MEMORY_HPP
#define GCD_DETAIL_NATIVE_MEMORY_HPP
/// @file
/// Memory of work nodes, and what the engine knows of each thread.
///
/// Nodes of up to 128 bytes come from two magazines for each thread and size; the consumer of a node puts it into its
/// own magazine. Full and empty magazines are exchanged at a depot behind a lock, once in 64 nodes. Larger nodes come
/// from the heap, as all do under the address sanitizer, which then sees what is used too late.
///
/// A node that is given back is kept aside until the same thread gives back another one: an item stays in its list while
/// it runs, and until its consumer, which is the thread that ran it, has taken it out a few instructions later.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/sync/futex.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

namespace gcd::inline GCD_ABI::detail::native {

struct worker;

inline constexpr std::size_t node_size = 64;
inline constexpr unsigned node_sizes = 2; ///< 64 and 128 bytes
#if defined(GCD_ABI_ASAN)
inline constexpr bool nodes_are_cached = false;
#else
inline constexpr bool nodes_are_cached = true;
#endif

struct magazine {
    static constexpr unsigned capacity = 64;
    magazine* next = nullptr;
    unsigned count = 0;
    void* nodes[capacity];

    bool is_full() const noexcept { return count == capacity; }
};

/// Magazines that no thread uses now. One for all libraries of the process; never destroyed.
struct GCD_VISIBLE node_depot {
    futex_lock lock;
    magazine* full[node_sizes] = {};
    magazine* empty[node_sizes] = {};

    static magazine* pop(magazine*& from) noexcept {
        magazine* taken = from;
        if (taken != nullptr) from = taken->next;
        return taken;
    }
    static void push(magazine*& to, magazine* given) noexcept {
        given->next = to;
        to = given;
    }
};
GCD_VISIBLE inline constinit node_depot depot{};

/// What the engine knows of a thread. Used by that thread alone.
struct thread_state {
    magazine* loaded[node_sizes] = {};
    magazine* spare[node_sizes] = {};
    /// The node that was given back last, and its size class; `node_sizes` for one from the heap.
    void* aside = nullptr;
    unsigned aside_class = 0;
    /// The pool's worker that this thread is, or null.
    worker* as_worker = nullptr;
    /// This is the process' main thread.
    bool is_main = on_main_thread();
};

/// Null before the thread's first use, and `gone_thread` while it ends: then everything works without it.
GCD_VISIBLE inline constinit thread_local thread_state* this_thread_state = nullptr;
GCD_VISIBLE inline constinit thread_state gone_thread{.is_main = false};

/// At the end of a thread its magazines go to the depot.
GCD_HIDDEN inline void end_thread_state(thread_state* state) noexcept {
    if (state->aside != nullptr) {
        if (state->aside_class == node_sizes)
            ::operator delete(state->aside);
        else if (magazine* to = state->loaded[state->aside_class]; to != nullptr && !to->is_full())
            to->nodes[to->count++] = state->aside;
        else
            ::operator delete(state->aside);
    }
    const std::lock_guard hold{depot.lock};
    for (unsigned size = 0; size < node_sizes; ++size)
        for (magazine* each : {state->loaded[size], state->spare[size]}) {
            if (each == nullptr) continue;
            // Neither full nor empty is a state that the depot has a list for: what is left goes to the heap.
            if (!each->is_full())
                while (each->count != 0) ::operator delete(each->nodes[--each->count]);
            node_depot::push(each->is_full() ? depot.full[size] : depot.empty[size], each);
        }
    delete state;
}

struct thread_state_guard {
    thread_state* state = nullptr;
    thread_state_guard() = default;
    thread_state_guard(const thread_state_guard&) = delete;
    thread_state_guard& operator=(const thread_state_guard&) = delete;
    ~thread_state_guard() {
        if (state == nullptr) return;
        this_thread_state = &gone_thread;
        end_thread_state(state);
    }
};

/// Makes the state of a thread that has none. Null if there is no memory for it.
[[gnu::noinline]] GCD_HIDDEN inline thread_state* make_thread_state() noexcept {
    static thread_local thread_state_guard guard;
    auto* made = new (std::nothrow) thread_state;
    if (made == nullptr) return nullptr;
    guard.state = made;
    return this_thread_state = made;
}

/// This thread's state; null where it is gone, or can't be made.
[[gnu::always_inline]] inline thread_state* this_thread() noexcept {
    thread_state* state = this_thread_state;
    if (state == nullptr) [[unlikely]]
        state = make_thread_state();
    return state != &gone_thread ? state : nullptr;
}

/// True on the process' main thread, without asking the system each time.
GCD_HIDDEN inline bool is_main_thread() noexcept {
    const thread_state* state = this_thread();
    return state != nullptr ? state->is_main : on_main_thread();
}

/// The worker that this thread is, or null. Makes nothing.
[[gnu::always_inline]] inline worker* this_worker() noexcept {
    const thread_state* state = this_thread_state;
    return state != nullptr ? state->as_worker : nullptr;
}

/// Work nodes.
struct GCD_HIDDEN memory {
    [[gnu::always_inline]] static void* allocate(std::size_t size) {
        const unsigned size_class = class_of(size);
        if (size_class == node_sizes) return ::operator new(size);
        thread_state* state = this_thread();
        magazine* from = state != nullptr ? state->loaded[size_class] : nullptr;
        if (from != nullptr && from->count != 0) [[likely]]
            return from->nodes[--from->count];
        return refill(state, size_class);
    }

    [[gnu::always_inline]] static void deallocate(void* pointer, std::size_t size) noexcept {
        thread_state* state = this_thread();
        if (state == nullptr) [[unlikely]]
            return put_aside_late(pointer);
        pointer = std::exchange(state->aside, pointer);
        const unsigned size_class = std::exchange(state->aside_class, class_of(size));
        if (size_class == node_sizes) return ::operator delete(pointer);
        if (pointer == nullptr) return;
        magazine* to = state->loaded[size_class];
        if (to != nullptr && !to->is_full()) [[likely]]
            to->nodes[to->count++] = pointer;
        else
            drain(state, size_class, pointer);
    }

private:
    static constexpr unsigned class_of(std::size_t size) noexcept {
        if (!nodes_are_cached || size > 2 * node_size) return node_sizes;
        return size <= node_size ? 0 : 1;
    }

    [[gnu::noinline]] static void* refill(thread_state* state, unsigned size_class) {
        const std::size_t size = node_size << size_class;
        if (state == nullptr) return ::operator new(size);
        std::swap(state->loaded[size_class], state->spare[size_class]);
        if (state->loaded[size_class] == nullptr || state->loaded[size_class]->count == 0) {
            const std::lock_guard hold{depot.lock};
            magazine* full = node_depot::pop(depot.full[size_class]);
            if (full == nullptr) return ::operator new(size);
            magazine*& empty = state->loaded[size_class];
            if (empty != nullptr) node_depot::push(depot.empty[size_class], empty);
            empty = full;
        }
        magazine* from = state->loaded[size_class];
        return from->nodes[--from->count];
    }

    [[gnu::noinline]] static void drain(thread_state* state, unsigned size_class, void* pointer) noexcept {
        std::swap(state->loaded[size_class], state->spare[size_class]);
        magazine*& to = state->loaded[size_class];
        if (to == nullptr || to->is_full()) {
            const std::lock_guard hold{depot.lock};
            magazine* empty = node_depot::pop(depot.empty[size_class]);
            if (empty == nullptr) empty = new (std::nothrow) magazine;
            if (empty == nullptr) return ::operator delete(pointer);
            if (to != nullptr) node_depot::push(depot.full[size_class], to);
            to = empty;
        }
        to->nodes[to->count++] = pointer;
    }

    /// On a thread whose state is gone; there is one at a time at most, the main thread in its static destructors.
    static void put_aside_late(void* pointer) noexcept {
        static constinit std::atomic<void*> aside{nullptr};
        ::operator delete(aside.exchange(pointer, std::memory_order_acq_rel));
    }
};

} // namespace gcd::inline GCD_ABI::detail::native

#endif
