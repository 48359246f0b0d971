// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_MEMORY_HPP
#define GCD_DETAIL_NATIVE_MEMORY_HPP
/// @file
/// Memory of work nodes and lanes, and what the engine knows of each thread.
///
/// They come from two magazines for each thread and size; the consumer of a node puts it into its own magazine. Full
/// and empty magazines are exchanged at a depot behind a lock, once in 64 nodes. The first ones come out of a region in
/// which each has cache lines of its own; when that is used up, and for larger nodes, it is the heap's turn. What the
/// depot has too many of goes back to the heap. Under the address sanitizer all come from the heap, so that it sees
/// what is used too late.
///
/// A node that is given back is kept aside until the same thread gives back another one: an item stays in its list
/// while it runs, and until its consumer, which is the thread that ran it, has taken it out a few instructions later.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/sync/futex.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

namespace gcd::inline GCD_ABI::detail::native {

struct worker;

/// Whole cache lines. The last is for lanes.
inline constexpr std::size_t node_size[] = {64, 128, 384};
inline constexpr unsigned node_sizes = 3;
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

/// Magazines that no thread uses now, and nodes that have not been used yet. One for all libraries of the process;
/// never destroyed.
struct GCD_VISIBLE node_depot {
    static constexpr std::size_t region_size = std::size_t{4} << 20U;
    /// Of a size's full magazines no more are kept than hold so many bytes; further nodes go back to the heap.
    static constexpr std::size_t most_kept = std::size_t{4} << 20U;

    futex_lock lock;
    magazine* full[node_sizes] = {};
    magazine* empty[node_sizes] = {};
    unsigned full_count[node_sizes] = {};
    /// Set with the first use (release), read where a node's origin is asked for (acquire).
    std::atomic<char*> region{nullptr};
    std::size_t region_used = 0;

    /// The rest under the lock, save where it is said. A "full" magazine has nodes, mostly as many as it can.

    magazine* take_full(unsigned size_class) noexcept {
        magazine* taken = full[size_class];
        if (taken == nullptr) return nullptr;
        full[size_class] = taken->next;
        --full_count[size_class];
        return taken;
    }
    bool give_full(unsigned size_class, magazine* given) noexcept {
        if (full_count[size_class] >= most_kept / magazine::capacity / node_size[size_class]) return false;
        given->next = full[size_class];
        full[size_class] = given;
        ++full_count[size_class];
        return true;
    }
    magazine* take_empty(unsigned size_class) noexcept {
        magazine* taken = empty[size_class];
        if (taken != nullptr) empty[size_class] = taken->next;
        return taken;
    }
    void give_empty(unsigned size_class, magazine* given) noexcept {
        given->next = empty[size_class];
        empty[size_class] = given;
    }

    /// Nodes for a whole magazine, one after the other; null if the region is used up. Half of it is for work alone,
    /// of which more is on its way between threads than of lanes.
    char* take_fresh(unsigned size_class) noexcept {
        const std::size_t wanted = node_size[size_class] * magazine::capacity;
        const std::size_t open = size_class + 1 == node_sizes ? region_size / 2 : region_size;
        char* start = region.load(std::memory_order_relaxed);
        if (start == nullptr) {
            start = static_cast<char*>(sys::reserve_memory(region_size));
            if (start == nullptr) return nullptr;
            region.store(start, std::memory_order_release);
        }
        if (region_used + wanted > open) return nullptr;
        char* fresh = start + region_used;
        region_used += wanted;
        return fresh;
    }

    /// Without the lock.
    void to_heap(void* node) noexcept {
        const char* start = region.load(std::memory_order_acquire);
        const auto offset = reinterpret_cast<std::uintptr_t>(node) - reinterpret_cast<std::uintptr_t>(start);
        if (start == nullptr || offset >= region_size) ::operator delete(node);
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

/// At the end of a thread its magazines go to the depot, those that are not quite full with the full ones.
GCD_HIDDEN void end_thread_state(thread_state* state) noexcept;

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

/// Has the cache line brought here from where it was written last, while this thread goes on.
[[gnu::always_inline]] inline void fetch_for_writing(const void* line) noexcept {
#if defined(__x86_64__)
    // Without -mprfchw compilers ask for a line to be read, and the first write would have to ask again. What doesn't
    // know the instruction takes it for a nop.
    __asm__ volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
    __builtin_prefetch(line, 1);
#endif
}

/// Of work nodes and lanes.
struct GCD_HIDDEN memory {
    [[gnu::always_inline]] static void* allocate(std::size_t size) {
        const unsigned size_class = class_of(size);
        if (size_class == node_sizes) return ::operator new(size);
        thread_state* state = this_thread();
        magazine* from = state != nullptr ? state->loaded[size_class] : nullptr;
        if (from == nullptr || from->count == 0) [[unlikely]]
            return refill(state, size_class);
        void* taken = from->nodes[--from->count];
        // Another thread has mostly had it last, and a locked instruction waits for the writes before it.
        if (from->count >= look_ahead) fetch_for_writing(from->nodes[from->count - look_ahead]);
        return taken;
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
    static constexpr unsigned look_ahead = 4;

    static constexpr unsigned class_of(std::size_t size) noexcept {
        unsigned size_class = 0;
        while (size_class != node_sizes && (!nodes_are_cached || size > node_size[size_class])) ++size_class;
        return size_class;
    }

    [[gnu::noinline]] static void* refill(thread_state* state, unsigned size_class) {
        const std::size_t size = node_size[size_class];
        if (state == nullptr) return ::operator new(size);
        magazine*& loaded = state->loaded[size_class];
        std::swap(loaded, state->spare[size_class]);
        if (loaded == nullptr) loaded = new magazine;
        if (loaded->count == 0) {
            char* fresh = nullptr;
            {
                const std::lock_guard hold{depot.lock};
                if (magazine* full = depot.take_full(size_class)) {
                    depot.give_empty(size_class, loaded);
                    loaded = full;
                } else {
                    fresh = depot.take_fresh(size_class);
                }
            }
            if (fresh != nullptr)
                for (loaded->count = 0; loaded->count != magazine::capacity; ++loaded->count)
                    loaded->nodes[magazine::capacity - 1 - loaded->count] = fresh + loaded->count * size;
            else if (loaded->count == 0)
                return ::operator new(size);
        }
        return loaded->nodes[--loaded->count];
    }

    [[gnu::noinline]] static void drain(thread_state* state, unsigned size_class, void* pointer) noexcept {
        magazine*& loaded = state->loaded[size_class];
        std::swap(loaded, state->spare[size_class]);
        if (loaded == nullptr) loaded = new (std::nothrow) magazine;
        if (loaded == nullptr) return depot.to_heap(pointer);
        if (loaded->is_full()) put_down(loaded, size_class);
        loaded->nodes[loaded->count++] = pointer;
    }

    /// A full magazine for an empty one. What the depot doesn't take goes to the heap.
    static void put_down(magazine*& full, unsigned size_class) noexcept {
        magazine* empty = nullptr;
        {
            const std::lock_guard hold{depot.lock};
            empty = depot.take_empty(size_class);
        }
        if (empty == nullptr) empty = new (std::nothrow) magazine;
        if (empty != nullptr) {
            const std::lock_guard hold{depot.lock};
            if (depot.give_full(size_class, full)) {
                full = empty;
                return;
            }
            depot.give_empty(size_class, empty);
        }
        while (full->count != 0) depot.to_heap(full->nodes[--full->count]);
    }

    /// On a thread whose state is gone; there is one at a time at most, the main thread in its static destructors.
    static void put_aside_late(void* pointer) noexcept {
        static constinit std::atomic<void*> aside{nullptr};
        depot.to_heap(aside.exchange(pointer, std::memory_order_acq_rel));
    }
};

GCD_HIDDEN inline void end_thread_state(thread_state* state) noexcept {
    if (state->aside != nullptr) depot.to_heap(state->aside);
    for (unsigned size_class = 0; size_class < node_sizes; ++size_class)
        for (magazine* each : {state->loaded[size_class], state->spare[size_class]}) {
            if (each == nullptr) continue;
            if (each->count != 0) {
                const std::lock_guard hold{depot.lock};
                if (depot.give_full(size_class, each)) continue;
            }
            while (each->count != 0) depot.to_heap(each->nodes[--each->count]);
            const std::lock_guard hold{depot.lock};
            depot.give_empty(size_class, each);
        }
    delete state;
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
