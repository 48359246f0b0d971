// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_DRAIN_HPP
#define GCD_DETAIL_NATIVE_SCHED_DRAIN_HPP
/// @file
/// The consumer's side of a lane: what whoever runs its token does.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/sched/lane.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/native/sched/worker.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace gcd::inline GCD_ABI::detail::native {

/// Of the groups: so many of the group's items have ended.
GCD_HIDDEN void group_count_down(group_object* group, std::uint64_t by);

/// So many items of a lane run before the token goes to the end of its target, if others wait there; fewer when it is time
/// for a fair turn.
inline constexpr unsigned drain_budget = 64;

/// Where a token is run: as an item of `of` (null: of the pool), which is drained further out.
struct drain_frame {
    lane* of;
    const drain_frame* outer;
    worker* on;                  ///< null on the main thread
    const work* until = nullptr; ///< the last node to be run, or null

    /// A lane further out was suspended: what goes through it stops between two items.
    [[nodiscard]] bool is_stopped() const noexcept {
        for (const drain_frame* seen = this; seen != nullptr && seen->of != nullptr; seen = seen->outer)
            if ((seen->of->state.load(std::memory_order_relaxed) & lane::suspended) != 0) return true;
        return false;
    }
    /// The lane that is drained here, or one further out, goes another way now, and what goes through it is to follow.
    [[nodiscard]] bool leads_astray(const lane* inner) const noexcept {
        for (const drain_frame* seen = this;; seen = seen->outer) {
            const lane* to = seen != nullptr ? seen->of : nullptr;
            if (target_lane(inner) != to) return true;
            if (to == nullptr) return false;
            inner = to;
        }
    }
    /// Others wait for the turn of this token, or of one further out, which it holds up; or a row that has an end is to come
    /// to it. What waits for the pool's threads meanwhile the monitor notices.
    [[nodiscard]] bool others_wait() const noexcept {
        if (of == nullptr) return on != nullptr && on->owner->others_wait(*on);
        for (const drain_frame* seen = this; seen != nullptr; seen = seen->outer)
            if (seen->of != nullptr ? !seen->of->seems_empty() : seen->until != nullptr) return true;
        return false;
    }
    [[nodiscard]] bool is_time_for_others() const noexcept {
        return on != nullptr && on->fair_turn.load(std::memory_order_relaxed);
    }
    /// Then: whether others wait anywhere.
    [[nodiscard]] bool gives_way() const noexcept {
        if (others_wait() || on->owner->others_wait(*on)) return true;
        on->fair_turn.store(false, std::memory_order_relaxed);
        return false;
    }
};

// --- what a worker owes -------------------------------------------------------------------------------------------

/// So many items of a concurrent lane, or syncs of readers, have ended.
GCD_HIDDEN inline void end_readers(lane* of, std::uint64_t count) {
    const std::uint64_t less = count * lane::one_reader;
    const std::uint64_t now = of->state.fetch_sub(less, std::memory_order_acq_rel) - less;
    if ((now & lane::readers_mask) != 0) return;
    if ((now & lane::blocked) != 0) {
        // Nobody becomes a reader while the token exists, so that this is the last one once.
        of->state.fetch_and(~std::uint64_t{lane::blocked}, std::memory_order_acq_rel);
        schedule(of);
    } else if (is_dead(now)) {
        destroy(of);
    }
}

GCD_HIDDEN inline void pay_group(worker& on) {
    if (on.held.leaves == 0) return;
    group_object* group = std::exchange(on.held.group, nullptr);
    group_count_down(group, std::exchange(on.held.leaves, 0));
}

GCD_HIDDEN inline void pay_readers(worker& on) {
    if (on.held.readers == 0) return;
    lane* of = std::exchange(on.held.readers_of, nullptr);
    end_readers(of, std::exchange(on.held.readers, 0));
}

GCD_HIDDEN inline bool pay_held_back(worker& on) {
    release_carried(on);
    if ((on.held.leaves | on.held.readers) == 0) return false;
    pay_group(on);
    pay_readers(on);
    return true;
}

/// Before an item runs: what is owed for others than its own group and lane.
[[gnu::always_inline]] inline void pay_others(worker* on, const work* item, const lane* of) {
    if (on == nullptr) return;
    const group_object* group = item->group;
    if (on->carried != nullptr && !item->carries) [[unlikely]]
        release_carried(*on);
    if (on->held.leaves != 0 && on->held.group != group) pay_group(*on);
    if (on->held.readers != 0 && on->held.readers_of != of) pay_readers(*on);
}

[[gnu::always_inline]] inline void leave_group(worker* on, group_object* group) {
    if (group == nullptr) return;
    if (on == nullptr) return group_count_down(group, 1);
    on->held.group = group;
    ++on->held.leaves;
}

// --- running ------------------------------------------------------------------------------------------------------

/// An item of the lane, on this thread. Its memory is given back, and stays readable until this thread gives back more.
[[gnu::always_inline]] inline void run_item(lane* of, work* item, worker* on) {
    pay_others(on, item, of);
    const scoped_frame inside{of, item->exclusive};
    item->fn(item, op::run);
}

/// As above, with nothing further out: the worker's own frame serves.
[[gnu::always_inline]] inline void run_outermost(lane* of, work* item, worker& on) {
    pay_others(&on, item, of);
    on.outermost.queue = of;
    item->fn(item, op::run);
    on.outermost.queue = nullptr;
}

// --- taking the token and giving it up ----------------------------------------------------------------------------

/// The lists that have become dirty since the last look.
inline unsigned take_dirty(lane* of) noexcept {
    return static_cast<unsigned>(of->state.fetch_and(~std::uint64_t{lane::all_dirty}, std::memory_order_acq_rel) &
                                 lane::all_dirty);
}

/// With empty lists: the token ceases to exist, and zero is given; the lane may be gone. If a list has become dirty,
/// gives those.
inline unsigned leave(lane* of) {
    std::uint64_t seen = of->state.load(std::memory_order_relaxed);
    for (;;) {
        if ((seen & lane::all_dirty) != 0) return take_dirty(of);
        const std::uint64_t next = seen & ~std::uint64_t{lane::enqueued};
        if (!of->state.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed))
            continue;
        if (is_dead(next)) destroy(of);
        return 0;
    }
}

/// On the pool, with empty lists and nothing else to do: waits a little before the token is given up. A producer that
/// goes on finds the lane in use and marks it, which costs it and the consumer a fraction of what a token's way through
/// the pool does; and as nobody looks for a while, there will be several items. Gives the lists that have become dirty.
GCD_HIDDEN inline unsigned linger(lane* of, const drain_frame& in) noexcept {
    constexpr int looks = 4;
    if (in.of != nullptr || in.on == nullptr) return 0;
    for (int look = 0; look < looks && !in.others_wait(); ++look) {
        release_carried(*in.on);
        pause_for_others();
        if ((of->state.load(std::memory_order_relaxed) & lane::all_dirty) != 0) return take_dirty(of);
    }
    return 0;
}

/// With items: the token ceases to exist because nothing may start. False if that has changed meanwhile.
inline bool put_down(lane* of, unsigned known) noexcept {
    std::uint64_t seen = of->state.load(std::memory_order_relaxed);
    for (;;) {
        if ((seen & (lane::suspended | lane::inactive_bit)) == 0) return false;
        const std::uint64_t next = (seen | known) & ~std::uint64_t{lane::enqueued};
        if (of->state.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed))
            return true;
    }
}

/// With items: the token goes to the end of the target, which may be another one now.
inline void pass_on(lane* of, unsigned known) {
    of->state.fetch_or(known, std::memory_order_release);
    schedule(of);
}

/// As pass_on, but to the end of what this worker has at hand, behind the items that came out of the lane.
inline void pass_behind(lane* of, unsigned known, worker& on) {
    of->state.fetch_or(known, std::memory_order_release);
    of->token.queue = nullptr;
    work* token = &of->token;
    on.owner->submit_own(on, &token, 1, of->level_taken);
}

/// The lane goes over to a thread that waits for it, which has been taken out of its list. False if it has given up;
/// otherwise the token is no more, and the lane may be gone.
inline bool hand_over(lane* of, waiter* to, unsigned known) {
    if (!claim(to)) return false;
    std::uint64_t seen = of->state.load(std::memory_order_relaxed);
    while (!of->state.compare_exchange_weak(seen, ((seen & ~std::uint64_t{lane::enqueued}) | lane::exclusive) | known,
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    grant(to);
    return true;
}

/// Why a token that could take an item doesn't.
enum class stop : unsigned char { none, put_down, elsewhere };

[[gnu::always_inline]] inline stop reason_to_stop(lane* of, const drain_frame& in, std::uint64_t seen) {
    if ((seen & (lane::suspended | lane::inactive_bit)) != 0) [[unlikely]]
        return stop::put_down;
    if (in.is_stopped() || in.leads_astray(of)) [[unlikely]]
        return stop::elsewhere;
    // From one global queue to another.
    if (in.of == nullptr && in.on != nullptr && pool_level(of) != of->level_taken) [[unlikely]]
        return stop::elsewhere;
    return stop::none;
}

// --- draining -----------------------------------------------------------------------------------------------------

/// True if the token has been passed on because others wait: where this was an item of another lane, they may wait further
/// out, so that the other one is to look.
GCD_HIDDEN bool drain(lane* of, const drain_frame& in);

/// Items that stand first in a list, one after the other, in place, until something else is first or has to be looked
/// at. True if the list still has nodes; `last` is the node that ran last.
GCD_HIDDEN inline bool run_row(lane* of, work_list& list, work*& last, const drain_frame& in, unsigned& budget) {
    const std::uint64_t look_closer =
        lane::suspended | lane::inactive_bit | (of->by_level != nullptr ? std::uint64_t{lane::all_dirty} : 0U);
    const queue_object* target = of->target.load(std::memory_order_relaxed);
    work* node = last;
    for (;;) {
        group_object* group = node->group;
        pay_others(in.on, node, of);
        node->fn(node, op::run);
        const bool more = list.detach(node);
        leave_group(in.on, group);
        last = node;
        if (!more || node == in.until) return more;
        node = list.first();
        if (--budget == 0 || in.is_time_for_others() || node->kind != work_kind::item || is_inherited(of) ||
            (of->state.load(std::memory_order_acquire) & look_closer) != 0 ||
            of->target.load(std::memory_order_relaxed) != target || (in.of != nullptr && in.is_stopped()))
            return true;
    }
}

/// A row of sources that are due has mostly left the caches: what lies around the node of the one after next is on its
/// way while these two run.
[[gnu::always_inline]] inline void fetch_ahead(const work* node) noexcept {
    const auto* around = reinterpret_cast<const char*>(node);
    if (node == nullptr) return;
    __builtin_prefetch(around - 128);
    __builtin_prefetch(around - 64);
    __builtin_prefetch(around);
    __builtin_prefetch(around + 64);
}

/// One item at a time. A workloop takes the highest level first.
GCD_HIDDEN inline bool drain_serial(lane* of, const drain_frame& in) {
    unsigned known = take_dirty(of);
    unsigned budget = drain_budget;
    // One for all its items, as they are all the same seen from inside.
    const scoped_frame inside{of, false};
    for (;;) {
        if (known == 0) known = linger(of, in);
        if (known == 0) known = leave(of);
        if (known == 0) return false;
        // In the child of a fork that an item has made, the rest is the parent's.
        if (is_inherited(of)) [[unlikely]]
            return false;
        const std::uint64_t seen = of->state.load(std::memory_order_acquire);
        switch (reason_to_stop(of, in, seen)) {
        case stop::none: break;
        case stop::put_down:
            if (put_down(of, known)) return false;
            continue;
        case stop::elsewhere: pass_on(of, known); return false;
        }
        if ((in.is_time_for_others() && in.gives_way()) || (budget == 0 && in.others_wait())) {
            pass_on(of, known);
            return true;
        }
        if (budget == 0) budget = drain_budget;
        if (of->by_level != nullptr && (seen & lane::all_dirty) != 0) known |= take_dirty(of);
        const unsigned level = 31U - static_cast<unsigned>(__builtin_clz(known));
        work_list& list = of->list_of(level);
        work* node = list.first();
        bool more = false;
        waiter* waits = nullptr;
        if (node->kind == work_kind::item) [[likely]] {
            more = run_row(of, list, node, in, budget);
        } else {
            --budget;
            more = list.detach(node);
            if (node->kind == work_kind::borrowed) {
                if (more) fetch_ahead(list.first()->next.load(std::memory_order_relaxed));
                pay_others(in.on, node, of);
                node->fn(node, op::run);
            } else if (node->kind == work_kind::token) {
                if (drain(static_cast<lane_token*>(node)->of, {of, &in, in.on})) budget = 0;
            } else {
                waits = static_cast<waiter*>(node);
            }
        }
        if (!more) known &= ~(1U << level);
        if (waits != nullptr && hand_over(of, waits, known)) return false;
        if (node == in.until) {
            if (known == 0) known = leave(of);
            if (known != 0) pass_on(of, known);
            return false;
        }
    }
}

inline bool is_barrier(const work* node) noexcept { return node->exclusive; }

/// Before a barrier: true if there are no readers. Otherwise the last of them will have the token.
inline bool begin_alone(lane* of) noexcept {
    std::uint64_t seen = of->state.load(std::memory_order_acquire);
    while ((seen & lane::readers_mask) != 0)
        if (of->state.compare_exchange_weak(seen, seen | lane::blocked | lane::dirty, std::memory_order_acq_rel,
                                            std::memory_order_acquire))
            return false;
    return true;
}

/// An item or a token that has left the list of a concurrent lane, as a reader of it. The lane may be gone afterwards.
GCD_HIDDEN inline void run_reader(lane* of, work* node, const drain_frame& in) {
    if (node->kind == work_kind::token) {
        drain(static_cast<lane_token*>(node)->of, {of, &in, in.on});
        return end_readers(of, 1);
    }
    group_object* group = node->group;
    run_item(of, node, in.on);
    leave_group(in.on, group);
    end_readers(of, 1);
}

/// Under another lane, or on the main thread: one item as the item of the target that this is, with the token passed on
/// first, so that the target decides whether another one runs beside it.
GCD_HIDDEN inline void drain_one(lane* of, work* node, const drain_frame& in) {
    const bool more = of->items.detach(node);
    of->state.fetch_add(lane::one_reader, std::memory_order_acq_rel);
    if (more)
        pass_on(of, lane::dirty);
    else if (const unsigned known = leave(of))
        pass_on(of, known);
    run_reader(of, node, in);
}

/// On the pool: all that may run side by side, as many as fit, into the worker's ring, where others can take them.
GCD_HIDDEN inline void drain_batch(lane* of, work* node, const drain_frame& in) {
    constexpr std::size_t most = 96;
    work* batch[most];
    std::size_t count = 0;
    bool more = true;
    do {
        more = of->items.detach(node);
        batch[count++] = node;
        if (!more) break;
        node = of->items.first();
    } while (count < most && !is_barrier(node) && node->kind != work_kind::waiter);
    of->state.fetch_add(count * lane::one_reader, std::memory_order_acq_rel);
    worker& on = *in.on;
    if (count > 1) on.owner->submit_own(on, batch + 1, count - 1, pool_level(of));
    // Short items have a row of followers by the time they have run; the token waits for them behind the batch.
    if (more || on.owner->items_are_short())
        pass_behind(of, more ? unsigned{lane::dirty} : 0U, on);
    else if (const unsigned known = leave(of))
        pass_behind(of, known, on);
    run_pooled(batch[0], on);
}

GCD_HIDDEN inline bool drain_concurrent(lane* of, const drain_frame& in) {
    // It would wait for itself.
    if (in.on != nullptr && in.on->held.readers_of == of) pay_readers(*in.on);
    unsigned known = take_dirty(of);
    for (;;) {
        if (known == 0) known = linger(of, in);
        if (known == 0) known = leave(of);
        if (known == 0) return false;
        if (is_inherited(of)) [[unlikely]]
            return false;
        switch (reason_to_stop(of, in, of->state.load(std::memory_order_acquire))) {
        case stop::none: break;
        case stop::put_down:
            if (put_down(of, known)) return false;
            continue;
        case stop::elsewhere: pass_on(of, known); return false;
        }
        work* node = of->items.first();
        if (!is_barrier(node)) {
            if (node->kind != work_kind::waiter) {
                if (in.of == nullptr && in.on != nullptr)
                    drain_batch(of, node, in);
                else
                    drain_one(of, node, in);
                return false;
            }
            known = of->items.detach(node) ? unsigned{lane::dirty} : 0U;
            auto* reader = static_cast<waiter*>(node);
            if (!claim(reader)) continue;
            of->state.fetch_add(lane::one_reader, std::memory_order_acq_rel);
            grant(reader);
            continue;
        }
        if (!begin_alone(of)) return false;
        bool more = false;
        if (node->kind == work_kind::waiter) {
            more = of->items.detach(node);
            known = more ? unsigned{lane::dirty} : 0U;
            if (hand_over(of, static_cast<waiter*>(node), known)) return false;
            continue;
        }
        if (node->kind == work_kind::borrowed) {
            more = of->items.detach(node);
            pay_others(in.on, node, of);
            node->fn(node, op::run);
        } else {
            group_object* group = node->group;
            run_item(of, node, in.on);
            more = of->items.detach(node);
            leave_group(in.on, group);
        }
        known = more ? unsigned{lane::dirty} : 0U;
        // A long row of barriers gives way too.
        if (known != 0 && (in.others_wait() || (in.is_time_for_others() && in.gives_way()))) {
            pass_on(of, known);
            return true;
        }
    }
}

GCD_HIDDEN inline bool drain(lane* of, const drain_frame& in) {
    return of->serial ? drain_serial(of, in) : drain_concurrent(of, in);
}

/// What a worker has taken: an item of a global queue, an item or a child of a concurrent queue on the pool, or the
/// token of a lane whose target the pool is.
GCD_HIDDEN inline void run_pooled(work* item, worker& on) {
    lane* of = as_lane(item->queue);
    if (item->kind == work_kind::token) {
        pay_others(&on, item, of);
        lane* child = static_cast<lane_token*>(item)->of;
        drain(child, {of, nullptr, &on});
    } else {
        group_object* group = item->group;
        run_outermost(of, item, on);
        leave_group(&on, group);
        if (of->kind == object_kind::global_queue) return;
    }
    if (of == nullptr) return;
    on.held.readers_of = of;
    ++on.held.readers;
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
