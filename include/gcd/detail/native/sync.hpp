// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SYNC_HPP
#define GCD_DETAIL_NATIVE_SYNC_HPP
/// @file
/// Running a borrowed callable in its turn on a queue.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sched/drain.hpp>
#include <gcd/detail/native/sched/lane.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstdint>

namespace gcd::inline GCD_ABI::detail::native {

// --- taking a lane and giving it back -----------------------------------------------------------------------------

/// Takes an idle lane alone. The lists are looked at first: what this thread has submitted before is in one, or has
/// run; its producer may not have marked the lane yet, if another one was there before it.
[[gnu::always_inline]] inline bool try_take(lane* of) noexcept {
    if (!of->seems_empty(has_asymmetric_sync ? std::memory_order_acquire : std::memory_order_relaxed)) return false;
    if constexpr (has_asymmetric_sync)
        if (of->state.load(std::memory_order_relaxed) == lane::open) return of->hold.enter(of->state, lane::open);
    std::uint64_t idle = lane::kept;
    return of->state.compare_exchange_strong(idle, lane::kept | lane::exclusive, std::memory_order_seq_cst,
                                             std::memory_order_relaxed);
}

/// Becomes a reader of a concurrent lane on which nothing but readers is under way.
[[gnu::always_inline]] inline bool try_read(lane* of) noexcept {
    if (!of->items.seems_empty()) return false;
    for (;;) {
        // Mostly there is no other: a guess is cheaper than a load, which would wait for the last change to come
        // through.
        std::uint64_t seen = lane::kept;
        while ((seen & ~std::uint64_t{lane::readers_mask}) == lane::kept)
            if (of->state.compare_exchange_weak(seen, seen + lane::one_reader, std::memory_order_seq_cst,
                                                std::memory_order_relaxed))
                return true;
        if (!has_asymmetric_sync || seen != lane::open || !close(of)) return false;
    }
}

[[gnu::noinline]] GCD_HIDDEN inline void give_back_slowly(lane* of) {
    constexpr std::uint64_t in_the_way = lane::enqueued | lane::suspended | lane::inactive_bit;
    std::uint64_t seen = of->state.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    bool ready = false;
    do {
        next = seen & ~std::uint64_t{lane::exclusive};
        ready = (next & lane::all_dirty) != 0 && (next & in_the_way) == 0;
        if (ready) next |= lane::enqueued;
    } while (!of->state.compare_exchange_weak(seen, next, std::memory_order_seq_cst, std::memory_order_relaxed));
    if (ready)
        schedule(of);
    else if (is_dead(next))
        destroy(of);
}

[[gnu::always_inline]] inline void give_back_by_word(lane* of, std::uint64_t idle) {
    std::uint64_t alone = lane::kept | lane::exclusive;
    if (!of->state.compare_exchange_strong(alone, idle, std::memory_order_release, std::memory_order_relaxed))
        [[unlikely]]
        give_back_slowly(of);
}

/// Where lanes may be opened: gives back one that wasn't open, and opens it when it is time.
[[gnu::noinline]] GCD_HIDDEN inline void give_back_closed(lane* of) {
    if (++of->quiet_syncs < quiet_syncs_to_open.load(std::memory_order_relaxed))
        return give_back_by_word(of, lane::kept);
    of->quiet_syncs = 0;
    const barrier_support known = barriers_known.load(std::memory_order_seq_cst);
    if (known == barrier_support::unknown) of->home().prepare_barriers();
    give_back_by_word(of, known == barrier_support::registered ? lane::open : lane::kept);
}

[[gnu::always_inline]] inline void give_back(lane* of) {
    if constexpr (!has_asymmetric_sync) return give_back_by_word(of, lane::kept);
    if (!of->hold.is_inside()) return give_back_closed(of);
    if (!of->hold.leave(of->state, lane::open, lane::closing)) [[unlikely]]
        give_back_slowly(of);
}

/// One turn on a lane: alone, or beside other readers.
class turn {
public:
    turn(lane* of, bool alone) noexcept : of_{of}, alone_{alone} {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    [[gnu::always_inline]] ~turn() {
        if (of_ == nullptr) return;
        if (alone_)
            give_back(of_);
        else
            end_readers(of_, 1);
    }

private:
    lane* of_;
    bool alone_;
};

/// Stands in line. @throws interrupted
[[gnu::noinline]] GCD_HIDDEN inline void wait_for_turn(lane* of, bool alone, unsigned level, const give_up* ask) {
    if (ask == nullptr) {
        waiter here{alone, false};
        push(of, &here, level);
        static_cast<void>(await_turn(&here, nullptr));
        return;
    }
    auto* shared = new waiter{alone, true};
    push(of, shared, level);
    const bool given_up = !await_turn(shared, ask);
    disown(shared);
    if (given_up) throw interrupted{};
}

/// True if this thread, or one that waits for it, is inside an item of that lane or of one that goes through it. As a
/// reader it then has the turn, for as long as this call lasts; waiting for another one behind a barrier, which waits
/// for the first, would never end.
GCD_HIDDEN inline bool has_turn_through(const lane* of) {
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen->queue != nullptr && walk_targets(seen->queue, [of](queue_object* each) { return each == of; }))
            return true;
    return false;
}

/// Who takes a turn, for what, and how it is called in messages.
struct sync_request {
    lane* onto;
    call& body;
    bool barrier;
    const char* what;
    const give_up* ask;
};

/// Takes the turn; only who can't have it at once looks whether it would wait for itself. False if it has it already.
GCD_HIDDEN inline bool take_turn(lane* of, bool alone, unsigned level, const sync_request& request) {
    if (alone ? try_take(of) : try_read(of)) return true;
    if (queue_object* held = find_held_anywhere(request.onto, request.barrier))
        throw_deadlock(request.what, request.onto, held);
    if (!alone && has_turn_through(of)) return false;
    // Which may only have met another one on its way out.
    if constexpr (has_asymmetric_sync)
        if (alone && close(of) && try_take(of)) return true;
    wait_for_turn(of, alone, level, request.ask);
    return true;
}

// --- syncs --------------------------------------------------------------------------------------------------------

/// A body that runs on the main thread, as an item, while its caller waits.
///
/// `word`: waiting → parked by the caller. → running by the item, or → abandoned by the caller: one of the two. → done
/// by the item, its last touch of the node. Shared, as the list may still hold it when the caller has given up.
struct call_on_main : work {
    enum : std::uint32_t { waiting, parked, running, running_parked, done, abandoned };
    call& body;
    std::atomic<std::uint32_t> word{waiting};
    std::atomic<int> owners{2};

    call_on_main(call& from, bool alone)
        : work{.fn = &invoke, .exclusive = alone, .kind = work_kind::borrowed}, body{from} {}

    static void disown(call_on_main* node) noexcept {
        if (node->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node;
    }

    static void invoke(work* base, op what) noexcept {
        auto* self = static_cast<call_on_main*>(base);
        std::uint32_t seen = self->word.load(std::memory_order_relaxed);
        while (seen != abandoned && !self->word.compare_exchange_weak(seen, seen == parked ? running_parked : running,
                                                                      std::memory_order_acq_rel)) {
        }
        if (seen != abandoned) {
            if (what == op::run) self->body.run(&self->body);
            self->word.store(done, std::memory_order_release);
            sys::futex_wake(&self->word, 1);
        }
        disown(self);
    }

    bool wait(const give_up* ask) {
        const blocking_region blocked;
        const deadline endless{time_forever};
        for (;;) {
            std::uint32_t seen = word.load(std::memory_order_acquire);
            if (seen == done) return true;
            if (seen == waiting) {
                word.compare_exchange_strong(seen, parked, std::memory_order_acq_rel);
                continue;
            }
            endless.sleep(word, seen, ask != nullptr && seen == parked);
            if (ask == nullptr || word.load(std::memory_order_acquire) != parked || !ask->asked(ask)) continue;
            seen = parked;
            if (word.compare_exchange_strong(seen, abandoned, std::memory_order_acq_rel)) return false;
        }
    }
};

GCD_HIDDEN inline void sync_on_main(lane* of, call& body, bool alone, const give_up* ask) {
    // The caller is asked on its own thread only.
    body.fill_unmarked(of, alone, innermost_frame, nullptr);
    auto* node = new call_on_main{body, alone && of->concurrent};
    node->queue = of;
    push(of, node, level_of(of->qos));
    const bool done = node->wait(ask);
    call_on_main::disown(node);
    if (!done) throw interrupted{};
}

/// With the turn on `of`: takes those on the lanes further out, and runs the body. False, and nothing was run, if the
/// main queue is among them.
GCD_HIDDEN inline bool sync_outwards(lane* of, const sync_request& request) {
    lane* outer = target_lane(of);
    if (outer == nullptr) {
        request.body.run(&request.body);
        return true;
    }
    if (outer->kind == object_kind::main_queue) return false;
    const bool taken = take_turn(outer, outer->serial, level_of(of->qos), request);
    const turn held{taken ? outer : nullptr, outer->serial};
    return sync_outwards(outer, request);
}

/// The whole way, for who could not have the turn at once.
[[gnu::noinline]] GCD_HIDDEN inline void sync_slowly(lane* onto, call& body, bool barrier, const char* what) {
    if (onto->inactive.load(std::memory_order_acquire)) throw_inactive(onto, what);
    frame* caller = innermost_frame;
    const give_up* ask = current_interruption();
    if (onto->kind == object_kind::global_queue) {
        body.fill_unmarked(onto, false, caller, ask);
        return body.run(&body);
    }
    const sync_request request{onto, body, barrier, what, ask};
    const bool alone = onto->serial || barrier;
    for (;;) {
        if (ends_in_main_queue(onto)) {
            if (queue_object* held = find_held_anywhere(onto, barrier)) throw_deadlock(what, onto, held);
            return sync_on_main(onto, body, barrier, ask);
        }
        const bool taken = take_turn(onto, alone, level_of(onto->qos), request);
        const turn held{taken ? onto : nullptr, alone};
        body.fill_unmarked(onto, barrier, caller, ask);
        if (!taken) return body.run(&body);
        if (sync_outwards(onto, request)) return;
    }
}

/// With the turn on a queue that has a target.
[[gnu::noinline]] GCD_HIDDEN inline bool sync_through_target(lane* onto, call& body, bool barrier, const char* what) {
    const turn held{onto, onto->serial || barrier};
    // Mostly there is one more level, serial and idle.
    lane* outer = target_lane(onto);
    if (outer != nullptr && outer->serial && try_take(outer)) {
        const turn outer_held{outer, true};
        return sync_outwards(outer, {onto, body, barrier, what, body.interruption});
    }
    return sync_outwards(onto, {onto, body, barrier, what, body.interruption});
}

/// What can be had at once. The lanes of the system are never idle, so that they take the other way.
[[gnu::always_inline]] inline void sync_from(queue_object* queue, call& body, bool barrier, const char* what) {
    lane* onto = as_lane(checked(queue, what));
    const bool alone = onto->serial || barrier;
    if (!(alone ? try_take(onto) : try_read(onto))) [[unlikely]]
        return sync_slowly(onto, body, barrier, what);
    frame* caller = innermost_frame;
    body.fill_unmarked(onto, barrier, caller, caller != nullptr ? caller->interruption : nullptr);
    if (onto->target.load(std::memory_order_seq_cst) != nullptr) [[unlikely]] {
        if (!sync_through_target(onto, body, barrier, what)) sync_slowly(onto, body, barrier, what);
        return;
    }
    body.run(&body);
    if (alone)
        give_back(onto);
    else
        end_readers(onto, 1);
}

[[gnu::always_inline]] inline void queue_sync(queue_object* queue, call& body) {
    sync_from(queue, body, false, "run_sync");
}

/// On queues that aren't ours alone a barrier is an ordinary item.
[[gnu::always_inline]] inline bool is_barrier_on(const queue_object* queue) noexcept {
    return queue == nullptr || queue->kind == object_kind::queue;
}

[[gnu::always_inline]] inline void queue_barrier_sync(queue_object* queue, call& body) {
    sync_from(queue, body, is_barrier_on(queue), "barrier_sync");
}

/// Of the targets, one that is serial and idle is taken too. The lanes of the system are never idle.
[[gnu::always_inline]] inline bool try_sync_from(queue_object* queue, call& body, bool barrier, const char* what) {
    lane* onto = as_lane(checked(queue, what));
    const bool alone = onto->serial || barrier;
    if (!(alone ? try_take(onto) : try_read(onto))) return false;
    const turn held{onto, alone};
    frame* caller = innermost_frame;
    body.fill_unmarked(onto, barrier, caller, caller != nullptr ? caller->interruption : nullptr);
    lane* outer = target_lane(onto);
    if (outer == nullptr) {
        body.run(&body);
        return true;
    }
    if (!outer->serial || !try_take(outer)) return false;
    const turn outer_held{outer, true};
    if (target_lane(outer) != nullptr) return false;
    body.run(&body);
    return true;
}

GCD_HIDDEN inline bool queue_try_sync(queue_object* queue, call& body) {
    return try_sync_from(queue, body, false, "try_run_sync");
}
GCD_HIDDEN inline bool queue_try_barrier_sync(queue_object* queue, call& body) {
    return try_sync_from(queue, body, is_barrier_on(queue), "try_barrier_sync");
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
