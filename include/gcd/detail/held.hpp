// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_HELD_HPP
#define GCD_DETAIL_HELD_HPP
/// @file
/// What this thread holds: a chain of frames, one for each item it is inside of, innermost first.
///
/// The frames live on the stack of the thread that runs the item. The helpers of an apply link to the frame of the
/// caller, which waits for them, so that what the caller holds is seen from inside the loop's body too.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <stdexcept>

#if GCD_OS_APPLE
#include <pthread.h>
#else
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gcd::inline GCD_ABI::detail {

struct frame;

/// The innermost frame of this thread; null outside of any item. One for all libraries that share this ABI, so
/// that a deadlock across them is seen too.
GCD_VISIBLE inline constinit thread_local frame* innermost_frame = nullptr;

/// An item that this thread is inside of. `queue` is null where a frame only carries an interruption, and in a
/// group_frame.
struct frame {
    queue_object* queue;
    frame* previous;
    /// Asked by blocking calls; inherited from the frame around it.
    const give_up* interruption;
    frame* restored;
    /// The item runs as a barrier. Without a queue: the frame is a group_frame.
    bool exclusive;

    /// Unlinked, and not filled in yet.
    frame() noexcept {}
    frame(queue_object* on, bool barrier, frame* caller, const give_up* asked) noexcept
        : queue{on}, previous{caller}, interruption{asked}, exclusive{barrier} {}
    frame(const frame&) = delete;
    frame& operator=(const frame&) = delete;

    /// For an item whose caller waits: filled in on the caller's thread, linked on the thread that runs it.
    [[gnu::always_inline]] void fill(queue_object* on, bool barrier, frame* caller, const give_up* asked) noexcept {
        queue = on;
        previous = caller;
        interruption = asked;
        exclusive = barrier;
    }
    [[gnu::always_inline]] void enter() noexcept {
        restored = innermost_frame;
        innermost_frame = this;
    }
    [[gnu::always_inline]] void leave() noexcept { innermost_frame = restored; }
};

/// A callable that a blocking call borrows, on the caller's stack, together with the frame of the item that it becomes.
/// The engine fills the frame in; `run` enters it, calls, keeps what is thrown, and leaves it. Takes the call itself.
struct call : frame {
    void (*run)(void*) noexcept;
    bool threw = false;

    explicit call(void (*how)(void*) noexcept) noexcept : run{how} {}

    /// As frame::fill; a call also tells, while it runs, that the queue is taken. Readers do so too, without a meaning.
    [[gnu::always_inline]] void fill(queue_object* on, bool barrier, frame* caller, const give_up* asked) noexcept {
        frame::fill(on, barrier, caller, asked);
        mark_ = &on->taken;
    }
    /// For an engine that doesn't ask who has taken a queue.
    [[gnu::always_inline]] void fill_unmarked(queue_object* on, bool barrier, frame* caller,
                                              const give_up* asked) noexcept {
        frame::fill(on, barrier, caller, asked);
        mark_ = &unmarked_;
    }
    /// For a call that takes no queue's turn.
    void fill_without_queue(frame* caller, const give_up* asked) noexcept {
        fill_unmarked(nullptr, false, caller, asked);
    }
    [[gnu::always_inline]] void enter() noexcept {
        frame::enter();
        mark_->store(true, std::memory_order_relaxed);
    }
    [[gnu::always_inline]] void leave() noexcept {
        mark_->store(false, std::memory_order_relaxed);
        frame::leave();
    }

private:
    std::atomic<bool>* mark_;
    std::atomic<bool> unmarked_;
};

/// A frame that is linked as long as it lives.
struct scoped_frame : frame {
    /// An item on this thread.
    scoped_frame(queue_object* on, bool barrier) noexcept
        : frame{on, barrier, innermost_frame, innermost_frame != nullptr ? innermost_frame->interruption : nullptr} {
        enter();
    }
    /// An item on behalf of a caller, who waits for it; the caller is asked on its own thread only.
    scoped_frame(queue_object* on, bool barrier, frame* caller) noexcept
        : frame{on, barrier, caller, caller != nullptr && caller == innermost_frame ? caller->interruption : nullptr} {
        enter();
    }
    /// An interruption for the calls inside.
    explicit scoped_frame(const give_up* asked) noexcept : frame{nullptr, false, innermost_frame, asked} { enter(); }
    ~scoped_frame() { leave(); }
};

/// The frame of a handler, which nobody counts as pending.
struct handler_frame : scoped_frame {
    explicit handler_frame(queue_object* on, bool barrier = false) noexcept : scoped_frame{on, barrier} { mark(true); }
    ~handler_frame() { mark(false); }

private:
    void mark(bool taken) noexcept {
        if (queue->serial || exclusive) queue->taken.store(taken, std::memory_order_relaxed);
    }
};

/// Further in than the frame of an item: which group it belongs to.
struct group_frame : scoped_frame {
    const group_object* const group;

    explicit group_frame(const group_object* of) noexcept : scoped_frame{nullptr, true}, group{of} {}
};

/// True inside an item of that group, which counts until it has returned.
GCD_HIDDEN inline bool inside_item_of(const group_object* group) noexcept {
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen->queue == nullptr && seen->exclusive && static_cast<const group_frame*>(seen)->group == group)
            return true;
    return false;
}

/// What a blocking call of this thread has to ask, or null.
GCD_HIDDEN inline const give_up* current_interruption() noexcept {
    return innermost_frame != nullptr ? innermost_frame->interruption : nullptr;
}

/// The queue of the innermost item, or null.
GCD_HIDDEN inline queue_object* innermost_queue() noexcept {
    for (frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen->queue != nullptr) return seen->queue;
    return nullptr;
}

/// True on the process' main thread.
GCD_HIDDEN inline bool on_main_thread() noexcept {
#if GCD_OS_APPLE
    return ::pthread_main_np() != 0;
#else
    return ::getpid() == static_cast<pid_t>(::syscall(SYS_gettid));
#endif
}

/// The queue that this thread holds and that a sync onto `onto` would wait for; null if there is none.
///
/// A sync waits for every serial queue on its way outwards, and as a barrier for `onto` itself. A frame holds every
/// serial queue on its way, and as a barrier its own queue. They meet in a deadlock where the same queue is on both
/// ways and either side needs it alone. The main thread holds the main queue.
[[gnu::noinline]] GCD_HIDDEN inline queue_object* find_held_anywhere(queue_object* onto, bool barrier) {
    queue_object* culprit = nullptr;
    walk_targets(onto, [&](queue_object* wanted) {
        const bool needed = wanted->serial || (wanted == onto && barrier);
        for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous) {
            queue_object* own = seen->queue;
            if (own != nullptr && walk_targets(own, [&](queue_object* held) {
                    return held == wanted && (needed || (held == own && seen->exclusive));
                })) {
                culprit = own;
                return true;
            }
        }
        if (wanted->kind == object_kind::main_queue && on_main_thread()) culprit = wanted;
        return culprit != nullptr;
    });
    return culprit;
}

/// As above; the common case, in which neither side goes further than one target, without the walks.
[[gnu::noinline]] GCD_HIDDEN inline queue_object* find_held(queue_object* onto, bool barrier) {
    const bool needed = onto->serial || barrier;
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous) {
        queue_object* own = seen->queue;
        if (own == nullptr) continue;
        if (own == onto && (needed || seen->exclusive)) return own;
        if (own->wary.load(std::memory_order_relaxed)) return find_held_anywhere(onto, barrier);
    }
    if (!onto->wary.load(std::memory_order_relaxed)) return nullptr;
    onto->walkers.fetch_add(1, std::memory_order_seq_cst);
    queue_object* target = onto->target.load(std::memory_order_seq_cst);
    queue_object* held = nullptr;
    if (target == nullptr || target->wary.load(std::memory_order_relaxed))
        held = find_held_anywhere(onto, barrier);
    else
        for (const frame* seen = innermost_frame; seen != nullptr && held == nullptr; seen = seen->previous)
            if (seen->queue == target && (target->serial || seen->exclusive)) held = target;
    onto->walkers.fetch_sub(1, std::memory_order_release);
    return held;
}

/// True if this thread, or one that waits for it, is inside an item of that queue: a reader, where a sync wasn't
/// refused. A reader further in uses that turn, since a barrier in between would wait for the outer one.
GCD_HIDDEN inline bool has_turn(const queue_object* on) noexcept {
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen->queue == on) return true;
    return false;
}

GCD_HIDDEN inline void require_main_thread(const char* what) {
    if (!on_main_thread()) throw std::logic_error(message({what, ": must be called on the main thread"}));
}

GCD_HIDDEN inline bool ends_in_main_queue(queue_object* queue) {
    return walk_targets(queue, [](queue_object* seen) { return seen->kind == object_kind::main_queue; });
}

/// True inside an item of the main queue. No other one starts before that has returned.
GCD_HIDDEN inline bool inside_main_queue() {
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen->queue != nullptr && ends_in_main_queue(seen->queue)) return true;
    return false;
}

/// Before the main queue is served; `running` tells that it is already, further out.
GCD_HIDDEN inline void require_no_main_loop(bool running) {
    require_main_thread("gcd::run_main");
    if (running) throw std::logic_error("gcd::run_main: it is under way already, further out");
    if (inside_main_queue())
        throw std::logic_error("gcd::run_main: called inside an item of the main queue, which starts no other item "
                               "before that one has returned");
}

/// True inside an item of that queue, or of one that goes through it; and on the main thread for the main queue.
GCD_HIDDEN inline bool is_within(const queue_object* queue) {
    const auto found = [queue](const queue_object* seen) { return seen == queue; };
    for (const frame* inside = innermost_frame; inside != nullptr; inside = inside->previous)
        if (inside->queue != nullptr && walk_targets(inside->queue, found)) return true;
    return queue->kind == object_kind::main_queue && on_main_thread();
}

[[noreturn, gnu::noinline]] GCD_HIDDEN inline void throw_deadlock(const char* what, queue_object* onto,
                                                                  queue_object* held) {
    throw would_deadlock(message({what, " on the queue ", describe(onto),
                                  " would deadlock: this thread already holds the queue ", describe(held)}));
}

} // namespace gcd::inline GCD_ABI::detail

#endif
