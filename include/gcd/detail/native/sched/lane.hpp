// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_LANE_HPP
#define GCD_DETAIL_NATIVE_SCHED_LANE_HPP
/// @file
/// Lanes: what a queue is to the engine. Lists of work, and one word of state.
///
/// A lane with items has one **token**: its own node, which stands in its target (another lane, or the pool) or is
/// being run there, which drains the lane. `docs/design.md` has the whole picture; what each bit of the word means, who
/// changes it and what that pairs with stands at `lane::state`.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/native/sched/worker.hpp>
#include <gcd/detail/native/sync/asymmetric.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/native/sync/list.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gcd::inline GCD_ABI::detail::native {

struct lane;

GCD_HIDDEN void destroy(lane* ended) noexcept;

/// The node that stands for a lane in its target.
struct lane_token : work {
    lane* of;
};

struct GCD_VISIBLE lane : queue_object {
    /// Bits of `state`.
    enum : std::uint64_t {
        dirty = 1,         ///< and the next four: a list has become non-empty, and its head may be read
        all_dirty = 0x1F,  ///< a workloop has a list for each level, others the first only
        enqueued = 0x20,   ///< the token exists
        exclusive = 0x40,  ///< a sync has the lane alone
        blocked = 0x80,    ///< the token waits for the readers, as a barrier is first
        suspended = 0x100, ///< no further item starts
        inactive_bit = 0x200,
        kept = 0x400,        ///< there is a handle, or another owner
        of_system = 0x800,   ///< never idle: the main queue and the global ones, which no sync takes
        asymmetric = 0x1000, ///< taken through `hold`, see sync/asymmetric.hpp; with `kept` and nothing else
        closing = 0x2000,    ///< with `exclusive`: it is being found out whether a sync has it through `hold`
        open = kept | asymmetric,
        one_reader = std::uint64_t{1} << 32U,
        readers_mask = ~std::uint64_t{0} << 32U,
    };

    /// A workloop's items, instead of `items`.
    work_list* const by_level;
    /// Owners: all handles together, lanes whose target it is, work that will be submitted later.
    std::atomic<long> keeps{1};
    /// What is above is mostly read, the list's tail is the producers', its head and what is below the consumer's: each
    /// on cache lines of its own.
    char apart_from_queue[64 - (sizeof(queue_object) + 2 * sizeof(void*)) % 64];
    work_list items;

    /// The lane's word. Every change is a read-modify-write; those that publish or hand over are at least release,
    /// those that take over at least acquire.
    ///
    /// - `dirty`: set by the producer that found the list empty (after it wrote the head), or by a consumer that goes
    ///   away from a list that isn't empty; cleared by the consumer that has the token. If the same step finds neither
    ///   `enqueued`, `exclusive`, `suspended` nor `inactive_bit`, it sets `enqueued` and puts the token into the
    ///   target. Otherwise whoever clears the last of these sees `dirty` in the same step and does it in its place. So
    ///   no item is left lying.
    /// - `enqueued`: cleared by the consumer, in a step that fails if a list has become dirty; or handed over as
    ///   `exclusive` to a thread that waits.
    /// - `exclusive`: set from idle by a sync (which has looked at the lists first: they hold what its own thread
    ///   submitted before), or by the hand-over. Cleared by the sync.
    /// - readers: items of a concurrent lane that have left its list and not ended, and syncs. Raised by the consumer,
    ///   and by a sync from a state without any other bit than `kept`; lowered at their end, where who reaches zero
    ///   under `blocked` has the token.
    /// - `suspended`, `inactive_bit`: under the object's lock.
    /// - `asymmetric`, where the build has it: set by a sync that gives back, when it and others before it have met
    ///   nobody. Everybody else takes it out before anything else of the word is changed: close().
    /// - `kept`: cleared with the last owner. Whoever makes a change that leaves neither it nor any of token, sync,
    ///   readers and dirty lists frees the lane; only one change can do that.
    std::atomic<std::uint64_t> state;
    lane_hold hold;
    /// Syncs since the lane was open last; of whoever has the turn.
    std::uint32_t quiet_syncs = 0;
    unsigned level_taken = 0; ///< at which the pool has got the token last; of whoever has that
    lane_token token;

    lane(object_kind of, std::string_view name, bool may_run_side_by_side, pool& from, std::uint64_t first_state = kept)
        : queue_object{of, name, may_run_side_by_side},
          by_level{of == object_kind::workloop ? new work_list[levels] : nullptr}, state{first_state},
          token{{.fn = nullptr, .kind = work_kind::token, .carries = true}, this} {
        native = &from;
    }
    ~lane() { delete[] by_level; }

    static void* operator new(std::size_t) { return memory::allocate(sizeof(lane)); }
    [[gnu::always_inline]] static void operator delete(void* pointer) noexcept {
        memory::deallocate(pointer, sizeof(lane));
    }

    [[nodiscard]] pool& home() const noexcept { return *static_cast<pool*>(native); }
    work_list& list_of(unsigned level) noexcept { return by_level != nullptr ? by_level[level] : items; }
    std::uint64_t dirty_bit(unsigned level) const noexcept { return by_level != nullptr ? dirty << level : dirty; }
    [[nodiscard]] bool seems_empty(std::memory_order by = std::memory_order_relaxed) const noexcept {
        if (by_level == nullptr) return items.seems_empty(by);
        for (unsigned level = 0; level < levels; ++level)
            if (!by_level[level].seems_empty(by)) return false;
        return true;
    }
};

GCD_HIDDEN inline lane* as_lane(queue_object* queue) noexcept { return static_cast<lane*>(queue); }

/// The lane that this one's token goes through, or null for the pool. seq_cst: pairs with a retarget, which exchanges
/// the target and then looks whether the lane is idle. Who has taken the lane out of idleness and then reads its target
/// either reads the new one, or is seen, and the former one is kept.
GCD_HIDDEN inline lane* target_lane(const lane* of) noexcept {
    queue_object* target = of->target.load(std::memory_order_seq_cst);
    return target == nullptr || target->kind == object_kind::global_queue ? nullptr : as_lane(target);
}

/// At which level the pool takes the lane's token.
GCD_HIDDEN inline unsigned pool_level(const lane* of) noexcept {
    if (of->qos != gcd::qos::unspecified) return level_of(of->qos);
    const queue_object* target = of->target.load(std::memory_order_seq_cst);
    return level_of(target != nullptr ? target->qos : gcd::qos::unspecified);
}

/// The same for who has taken no turn, so that the target may change, and end, meanwhile.
GCD_HIDDEN inline unsigned pool_level_from_outside(lane* of) noexcept {
    gcd::qos found = gcd::qos::unspecified;
    walk_targets(of, [of, &found](const queue_object* seen) {
        found = seen->qos;
        return found != gcd::qos::unspecified || seen != of;
    });
    return level_of(found);
}

// --- life ---------------------------------------------------------------------------------------------------------

/// Clears and sets bits, one of the two, for who has neither turn nor token; gives the word before.
std::uint64_t change_bits(lane* of, std::uint64_t cleared, std::uint64_t set);

inline bool is_dead(std::uint64_t state) noexcept {
    return (state & (lane::kept | lane::enqueued | lane::exclusive | lane::all_dirty | lane::readers_mask)) == 0;
}

GCD_HIDDEN inline void keep(queue_object* queue) noexcept {
    as_lane(queue)->keeps.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN inline void let_go(queue_object* queue) noexcept {
    lane* of = as_lane(queue);
    if (of->keeps.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::uint64_t before = change_bits(of, lane::kept, 0);
    if (is_dead(before & ~std::uint64_t{lane::kept})) destroy(of);
}

GCD_HIDDEN inline void drop_retired_targets(queue_object* queue) {
    if (!queue->attached) return;
    for (queue_object* former : queue->attached->retired) let_go(former);
    queue->attached->retired.clear();
}

GCD_HIDDEN inline void destroy(lane* ended) noexcept {
    drop_retired_targets(ended);
    forget_target(ended);
    if (queue_object* target = ended->target.load(std::memory_order_relaxed)) let_go(target);
    release_carried_here();
    run_finalizer(ended);
    delete ended;
}

// --- producing ----------------------------------------------------------------------------------------------------

/// The main queue has items.
GCD_HIDDEN void wake_main(lane* main);

GCD_HIDDEN void push(lane* onto, work* node, unsigned level);

/// Puts the token, which the caller has brought into being or holds, where the lane's target is.
GCD_HIDDEN inline void schedule(lane* ready) {
    if (ready->kind == object_kind::main_queue) return wake_main(ready);
    lane* target = target_lane(ready);
    ready->token.queue = target;
    if (target == nullptr) {
        const unsigned level = ready->level_taken = pool_level(ready);
        ready->home().of_level(level).submit_ready(&ready->token, level);
    } else {
        push(target, &ready->token, level_of(ready->qos));
    }
}

/// Clears a bit that keeps the items back, and lets them go.
GCD_HIDDEN inline void unblock(lane* held, std::uint64_t bits) {
    constexpr std::uint64_t in_the_way = lane::enqueued | lane::exclusive | lane::suspended | lane::inactive_bit;
    std::uint64_t seen = held->state.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    bool ready = false;
    do {
        next = seen & ~bits;
        ready = (next & lane::all_dirty) != 0 && (next & in_the_way) == 0;
        if (ready) next |= lane::enqueued;
    } while (!held->state.compare_exchange_weak(seen, next, std::memory_order_seq_cst, std::memory_order_relaxed));
    if (ready) schedule(held);
}

// --- the asymmetric mode ------------------------------------------------------------------------------------------

/// Takes the lane out of its mode, for the caller, who has a reference. False if it wasn't in it.
[[gnu::noinline]] GCD_HIDDEN inline bool close(lane* of) {
    std::uint64_t seen = lane::open;
    if (!of->state.compare_exchange_strong(seen, lane::kept | lane::exclusive | lane::closing,
                                           std::memory_order_seq_cst, std::memory_order_relaxed))
        return false;
    if (of->hold.is_held())
        of->state.fetch_and(~std::uint64_t{lane::closing}, std::memory_order_acq_rel);
    else
        unblock(of, lane::exclusive | lane::closing);
    return true;
}

/// The word as whoever has neither turn nor token may change it; `seen` is what was read of it last.
[[gnu::always_inline]] inline std::uint64_t closed(lane* of, std::uint64_t seen) {
    if constexpr (has_asymmetric_sync)
        while ((seen & lane::asymmetric) != 0) [[unlikely]] {
            close(of);
            seen = of->state.load(std::memory_order_relaxed);
        }
    return seen;
}

/// Clears and sets bits; gives the word before.
[[gnu::always_inline]] inline std::uint64_t change_bits(lane* of, std::uint64_t cleared, std::uint64_t set) {
    if constexpr (!has_asymmetric_sync)
        return cleared != 0 ? of->state.fetch_and(~cleared, std::memory_order_acq_rel)
                            : of->state.fetch_or(set, std::memory_order_acq_rel);
    std::uint64_t seen = of->state.load(std::memory_order_relaxed);
    do {
        seen = closed(of, seen);
    } while (!of->state.compare_exchange_weak(seen, (seen & ~cleared) | set, std::memory_order_acq_rel,
                                              std::memory_order_relaxed));
    return seen;
}

// --- becoming ready -----------------------------------------------------------------------------------------------

/// A list has become non-empty.
[[gnu::noinline]] GCD_HIDDEN inline void announce(lane* onto, std::uint64_t bit) {
    constexpr std::uint64_t in_the_way = lane::enqueued | lane::exclusive | lane::suspended | lane::inactive_bit;
    std::uint64_t seen = onto->state.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        seen = closed(onto, seen);
        next = seen | bit;
        if ((seen & in_the_way) == 0) next |= lane::enqueued;
    } while (!onto->state.compare_exchange_weak(seen, next, std::memory_order_seq_cst, std::memory_order_relaxed));
    if ((seen & in_the_way) == 0) schedule(onto);
}

[[gnu::always_inline]] inline void push_item(lane* onto, work* node, unsigned level) {
    if (onto->list_of(level).push(node)) announce(onto, onto->dirty_bit(level));
}

GCD_HIDDEN inline void push(lane* onto, work* node, unsigned level) { push_item(onto, node, level); }

// --- waiting for a turn -------------------------------------------------------------------------------------------

/// A thread that waits for its turn on a lane. It stands on that thread's stack, unless the wait can be given up; then
/// it is shared: the thread and the lane own it together, and whoever is the last frees it.
///
/// `word`: waiting → parked by the thread, before it sleeps. → granted by the consumer, after the lane is the thread's:
/// its last touch of a node that is not shared. A shared one goes → abandoned by the thread, or → claimed by the
/// consumer before it hands the lane over: one of the two, and a claimed node is granted soon.
struct waiter : work {
    enum : std::uint32_t { waiting, parked, claimed, granted, abandoned };
    std::atomic<std::uint32_t> word{waiting};
    std::atomic<int> owners{2}; ///< of a shared one
    const bool shared;
    bool was_parked = false; ///< the consumer's, between claim and grant

    waiter(bool alone, bool can_be_given_up)
        : work{.fn = nullptr, .exclusive = alone, .kind = work_kind::waiter}, shared{can_be_given_up} {}
};

inline void disown(waiter* node) noexcept {
    if (node->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node;
}

/// The consumer's: false if the thread has given up; the node is gone then.
inline bool claim(waiter* node) noexcept {
    if (!node->shared) return true;
    std::uint32_t seen = node->word.load(std::memory_order_relaxed);
    while (seen != waiter::abandoned)
        if (node->word.compare_exchange_weak(seen, waiter::claimed, std::memory_order_acq_rel)) {
            node->was_parked = seen == waiter::parked;
            return true;
        }
    disown(node);
    return false;
}

/// The consumer's, once the lane is the thread's. A node on a stack may be gone as soon as the word is written; waking
/// an address that nobody sleeps on is harmless.
inline void grant(waiter* node) noexcept {
    if (!node->shared) {
        if (node->word.exchange(waiter::granted, std::memory_order_acq_rel) == waiter::parked)
            sys::futex_wake(&node->word, 1);
        return;
    }
    node->word.store(waiter::granted, std::memory_order_release);
    if (node->was_parked) sys::futex_wake(&node->word, 1);
    disown(node);
}

/// The thread's: false if it has given up, because `ask` told it to.
inline bool await_turn(waiter* node, const give_up* ask) {
    for (brief_wait wait; node->word.load(std::memory_order_acquire) != waiter::granted;)
        if (!wait.again()) break;
    if (node->word.load(std::memory_order_acquire) == waiter::granted) return true;
    std::uint32_t expected = waiter::waiting;
    if (!node->word.compare_exchange_strong(expected, waiter::parked, std::memory_order_acq_rel) &&
        expected == waiter::granted)
        return true;
    const blocking_region blocked;
    const deadline endless{time_forever};
    for (;;) {
        const std::uint32_t seen = node->word.load(std::memory_order_acquire);
        if (seen == waiter::granted) return true;
        if (seen == waiter::claimed) {
            // Granted in a moment; who has claimed it before this thread slept wakes nobody.
            ::sched_yield();
            continue;
        }
        endless.sleep(node->word, seen, ask != nullptr);
        if (ask == nullptr || node->word.load(std::memory_order_acquire) != waiter::parked || !ask->asked(ask))
            continue;
        expected = waiter::parked;
        if (node->word.compare_exchange_strong(expected, waiter::abandoned, std::memory_order_acq_rel)) return false;
    }
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
