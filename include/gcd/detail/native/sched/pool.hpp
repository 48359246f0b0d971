// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_POOL_HPP
#define GCD_DETAIL_NATIVE_SCHED_POOL_HPP
/// @file
/// The threads that run items: how items reach them, how they park, and how many there are.
///
/// Items come through one list for each level of QoS, or straight from the worker that submits them: into its slot, or
/// its ring, from which others may take. Utility and background have pools of their own, with nicer threads; how many
/// may run is reckoned over all of them.
///
/// `status` counts the workers by state: running (neither parked nor counted out by a blocking call), searching (among
/// the running), parked. A worker that finds nothing searches for a while, one at a time, and parks.
///
/// **No wake-up is lost.** Whoever makes an item known does so with a seq_cst write (the bit of its level, or the tail
/// of its ring) and then reads `status` (seq_cst). Who parks changes `status` (seq_cst) and then looks at all of that
/// (seq_cst). One of the two sees the other: either the submitter finds a parked worker and wakes it, or the worker
/// finds the item. If the submitter finds a worker that searches, it leaves the item to it; a worker that ends its
/// search with an item, and was the only one, looks whether there is more, and wakes the next. A batch on its way from
/// a list to a ring is in neither, so that whoever has moved one reads `status` once more. Only the slots are left out
/// of that, and what is short: a worker that parks while there is something in a slot makes sure that the monitor is
/// awake.
///
/// **Nothing waits for one thread alone.** What has lain with a worker for two milliseconds, while that has taken nothing,
/// the monitor brings to the list; and every half a millisecond each worker ends its row of items of one queue, and takes
/// from each place in turn (take_fairly), as items may come to any of them again and again.

#include <gcd/config.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/sched/ring.hpp>
#include <gcd/detail/native/sched/width.hpp>
#include <gcd/detail/native/sched/worker.hpp>
#include <gcd/detail/native/sync/asymmetric.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/native/sync/list.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace gcd::inline GCD_ABI::detail::native {

/// The order in which a pool takes items, the highest first; those below the usual one have pools of their own.
enum : unsigned { level_background, level_utility, level_default, level_initiated, level_interactive, levels };

GCD_HIDDEN inline unsigned level_of(gcd::qos value) noexcept {
    switch (value) {
    case gcd::qos::background: return level_background;
    case gcd::qos::utility: return level_utility;
    case gcd::qos::user_initiated: return level_initiated;
    case gcd::qos::user_interactive: return level_interactive;
    default: return level_default;
    }
}

/// Of the lanes: runs what a worker has taken, pays what it owes, and takes over one that comes from before a fork.
GCD_HIDDEN void run_pooled(work* item, worker& on);
GCD_HIDDEN bool pay_held_back(worker& on);
GCD_HIDDEN void adopt_lane(lane* inherited, const char* what);

struct GCD_VISIBLE pool {
    /// How long a thread that is one too many stays parked.
    static constexpr std::int64_t spare_time = 5'000'000'000;

    /// The first pool.
    explicit pool(unsigned width) noexcept;
    /// One for lower levels.
    pool(pool& above, int how_nice) noexcept : pool{&above, how_nice, above.limit, above.code} {}

    /// The pool whose threads take items of that level. Made at its first use; never destroyed.
    pool& of_level(unsigned level) {
        if (level >= level_default) [[likely]]
            return *this;
        return lower_pool(level);
    }

    // --- submitting: any thread -----------------------------------------------------------------------------------

    /// From any thread, at the end of the list of that level.
    void submit(work* item, unsigned level) {
        if (!injected[level].push(item)) {
            // Whoever was to wake one for the first of them may have got no thread, nor a monitor to ask again.
            if (start_wanted.load(std::memory_order_seq_cst)) [[unlikely]]
                arm_monitor();
            return;
        }
        queued.fetch_or(1U << level, std::memory_order_seq_cst);
        notify();
    }

    /// An item of a global queue: from a worker of this pool it goes into the worker's ring.
    void submit_item(work* item, unsigned level) {
        worker* from = this_worker();
        if (from == nullptr || from->owner != this) return submit(item, level);
        submit_own(*from, &item, 1, level);
    }

    /// As submit_item, for an item that is there to run beside its submitter, however short others have been.
    void submit_helper(work* item, unsigned level) {
        item_time.store(unknown_time, std::memory_order_relaxed);
        submit_item(item, level);
    }

    /// A queue that has become ready: from a worker of this pool it goes into the worker's slot.
    void submit_ready(work* token, unsigned level) {
        worker* from = this_worker();
        if (from == nullptr || from->owner != this) return submit(token, level);
        work* displaced = from->slot.exchange(token, std::memory_order_seq_cst);
        if (displaced != nullptr)
            submit_own(*from, &displaced, 1, level);
        else if (from->looks_at_once)
            return;
        else if (from->own_slot.load(std::memory_order_relaxed) < steady)
            notify();
        else
            arm_monitor();
    }

    /// Into the ring of a worker of this pool, on its thread; what doesn't fit goes to the list.
    void submit_own(worker& from, work* const* items, std::size_t count, unsigned level) {
        const std::size_t taken = from.ring.push(items, count);
        for (std::size_t i = taken; i < count; ++i) submit(items[i], level);
        notify();
    }

    // --- blocking: a worker of this pool --------------------------------------------------------------------------

    /// The worker is about to sleep in a call of the engine's: another one may run in its place at once.
    void begin_blocking(worker& on) noexcept {
        const unsigned depth = on.blocked.load(std::memory_order_relaxed);
        on.blocked.store(depth + 1, std::memory_order_relaxed);
        if (depth != 0) return;
        status.fetch_sub(one_running, std::memory_order_seq_cst);
        item_time.store(unknown_time, std::memory_order_relaxed);
        if (has_work()) notify();
    }
    void end_blocking(worker& on) noexcept {
        const unsigned depth = on.blocked.load(std::memory_order_relaxed);
        on.blocked.store(depth - 1, std::memory_order_relaxed);
        if (depth == 1) status.fetch_add(one_running, std::memory_order_seq_cst);
    }

    /// Items are so short that it pays to take them in rows rather than one by one.
    [[nodiscard]] bool items_are_short() const noexcept {
        return item_time.load(std::memory_order_relaxed) < short_time;
    }

    /// True if more waits than the worker that asks has at hand: it should not go on with one queue for ever.
    [[nodiscard]] bool others_wait(const worker& on) const noexcept {
        return queued.load(std::memory_order_relaxed) != 0 || !on.ring.is_empty() ||
               on.slot.load(std::memory_order_relaxed) != nullptr;
    }

    void set_limit(unsigned width) noexcept {
        limit->store(width, std::memory_order_relaxed);
        if (has_work()) notify();
    }

    /// How many of this pool's threads may run: what those above leave, but one at least, so that a lower level gets
    /// on, if slowly, while higher ones keep every processor busy.
    [[nodiscard]] unsigned width() const noexcept {
        const unsigned all = limit->load(std::memory_order_relaxed);
        if (higher == nullptr) [[likely]]
            return all;
        unsigned used = 0;
        for (const pool* seen = higher; seen != nullptr; seen = seen->higher)
            used += running(seen->status.load(std::memory_order_relaxed));
        return used < all ? all - used : 1;
    }

    // --- guests: threads that have something else to do, and run what they have just made ready ---------------------

    /// A worker for the calling thread; null if there is none to be had.
    worker* enlist_guest() noexcept;
    void dismiss_guest(worker& self) noexcept;
    /// True if another thread would have to be woken for what this one is about to make ready: then it becomes a
    /// worker, and run_guest() has to follow.
    bool begin_guest(worker& self) noexcept;
    /// Runs what it has made ready, and a limited number of items that come of that. False in the child of a fork that
    /// one of them has made.
    bool run_guest(worker& self);

    // --- threads of others ----------------------------------------------------------------------------------------

    /// How much nicer than this thread one of this pool's is to be; below zero where it can't be started from here, as
    /// a thread begins as nice as who starts it.
    [[nodiscard]] int nicer_than_here() const noexcept;
    /// Has the monitor, which is as nice as it should be, call a function soon. It may be called once for several
    /// requests.
    void send_monitor(void (*what)() noexcept) noexcept {
        errand.store(what, std::memory_order_seq_cst);
        arm_monitor();
    }
    /// Has the monitor started after all, here and for lower levels, where a thread is wanted. True if one is.
    [[nodiscard]] bool ask_again() noexcept;
    /// Has the system asked for membarriers (barriers_known): at once where that takes no time, else by the monitor.
    void prepare_barriers() noexcept;

    // --- the lives of workers, in pool.ipp, and of the monitor, in monitor.ipp ------------------------------------

    void run(worker& self);
    void monitor();

    // --- state ----------------------------------------------------------------------------------------------------

    /// What its threads run, and what makes a queue this process' own after a fork. In the pool, so that a file which only
    /// submits doesn't compile it. Whoever makes a pool stays loaded.
    struct functions {
        void* (*work)(void*);
        void* (*watch)(void*);
        void (*adopt)(lane*, const char*);
    };

    static constexpr std::uint64_t one_running = 1;
    static constexpr std::uint64_t one_searching = std::uint64_t{1} << 16U;
    static constexpr std::uint64_t one_parked = std::uint64_t{1} << 32U;
    static constexpr unsigned steady = 16;
    /// Nanoseconds between two looks of the monitor.
    static constexpr std::int64_t monitor_tick = 500'000;

    static unsigned running(std::uint64_t seen) noexcept { return seen & 0xFFFFU; }
    static unsigned searching(std::uint64_t seen) noexcept { return (seen >> 16U) & 0xFFFFU; }
    static unsigned parked(std::uint64_t seen) noexcept { return (seen >> 32U) & 0xFFFFU; }

    /// The lists of items by level; `taking` is held by whoever takes from them.
    work_list injected[levels];
    char apart_from_lists[64];
    /// A bit for each level whose list has items and a head that may be read. Set by the producer that finds the list
    /// empty, cleared by the consumer before it takes what may be the last item, and set again if it wasn't. seq_cst.
    std::atomic<unsigned> queued{0};
    futex_lock taking;
    char apart_from_queued[64];
    /// Workers by state, see above. All changes seq_cst.
    std::atomic<std::uint64_t> status{0};
    /// How many may run at once, in all pools. Relaxed.
    std::atomic<unsigned>* const limit;
    std::atomic<unsigned> first_limit{0}; ///< the first pool's, for all of them
    /// The pool of the next higher levels, and how nice the threads of this one are: for life, as a thread that has
    /// become nicer can't go back. The first pool has those of the levels below the usual one.
    pool* const higher;
    const int nice;
    std::atomic<pool*> lower[level_default] = {};
    /// Workers that are to park because too many run; set by the monitor, taken down by them. Relaxed: a hint.
    std::atomic<unsigned> surplus{0};
    /// What an item takes, in nanoseconds, as a worker has last found. While items are so short that two threads would
    /// mostly wait for each other's cache lines, one that runs isn't given help, and isn't stolen from unless it stands
    /// still; the monitor sees to it that this is found out, and sets it to unknown. Relaxed: a hint.
    std::atomic<std::uint32_t> item_time{unknown_time};
    static constexpr std::uint32_t unknown_time = ~std::uint32_t{0};
    static constexpr std::uint32_t short_time = 200;
    const unsigned generation;
    const functions code;

    /// Guards the list of parked workers, and the starting of threads.
    futex_lock lock;
    worker* first_parked = nullptr;
    unsigned threads = 0;
    /// Workers ever made, and however many are blocked never more than that; entries below `made` are never null again.
    /// Written under the lock (release), read anywhere.
    std::atomic<worker*> workers[most_threads] = {};
    std::atomic<unsigned> made{0};

    /// 0: asleep until somebody needs it, 1: ticking. Set (seq_cst) by whoever has made an item known that nobody may
    /// take, cleared (seq_cst) by the monitor, which then looks at everything once more.
    std::atomic<std::uint32_t> monitor_armed{0};
    bool monitor_started = false; ///< under the lock
    /// A thread was needed that the system didn't give, or that a thread of a lower level must not start, as threads
    /// begin as nice as who starts them. Set before the monitor is armed, cleared by the monitor (both seq_cst).
    std::atomic<bool> start_wanted{false};
    /// What the monitor is to call, or null. As above.
    std::atomic<void (*)() noexcept> errand{nullptr};

private:
    pool(pool* above, int how_nice, std::atomic<unsigned>* shared_limit, const functions& its_code) noexcept
        : limit{shared_limit}, higher{above}, nice{how_nice},
          generation{fork_generation.load(std::memory_order_relaxed)}, code{its_code} {}

    pool& lower_pool(unsigned level);

    void notify() noexcept {
        const std::uint64_t seen = status.load(std::memory_order_seq_cst);
        if (searching(seen) != 0) return;
        if (running(seen) >= width()) return arm_monitor();
        if (running(seen) != 0 && items_are_short()) return arm_monitor();
        wake_one(false);
    }

    void arm_monitor() noexcept {
        if (monitor_armed.load(std::memory_order_seq_cst) == 0) wake_monitor();
    }

    [[nodiscard]] bool has_work_to_take() const noexcept;
    [[nodiscard]] bool has_full_slot() const noexcept;
    [[nodiscard]] bool has_work() const noexcept { return has_work_to_take() || has_full_slot(); }

    void wake_monitor() noexcept;
    void wake_one(bool beyond_limit) noexcept;
    bool start_thread() noexcept;
    void give_up_thread(worker& of) noexcept;
    void lose_thread(worker& of) noexcept;
    void start_monitor() noexcept;
    [[nodiscard]] bool has_errand() const noexcept;
    worker* free_worker() noexcept;

    void learn(worker& self) noexcept;
    work* take_injected(worker& self, bool lowest = false) noexcept;
    work* pop_own(worker& self) noexcept;
    work* take_own(worker& self) noexcept;
    work* steal(worker& self, worker& victim) noexcept;
    work* take_foreign(worker& self, struct slot_watch& watched) noexcept;
    work* take_fairly(worker& self) noexcept;
    work* next(worker& self) noexcept;
    work* search(worker& self) noexcept;
    bool begin_search() noexcept;
    void end_search() noexcept;
    enum class parking : unsigned char { woken, retired };
    parking park(worker& self, bool was_searching) noexcept;
    bool is_one_too_many() noexcept;
    std::uint64_t count_taken() noexcept;
    void bring_out(worker& of) noexcept;
    unsigned count_on_cpu() noexcept;
    bool is_on_cpu(worker& seen) noexcept;

    friend struct pool_threads;
};

/// One pool for all libraries of the process that share this ABI.
GCD_VISIBLE inline constinit std::atomic<pool*> shared_pool{nullptr};

/// The pool, made at its first use; never destroyed.
GCD_HIDDEN pool& the_pool();

/// While it lives, this thread sleeps in a call of the engine's.
class blocking_region {
public:
    blocking_region() noexcept : on_{this_worker()} {
        if (on_ != nullptr && on_->waiting_for_lock.load(std::memory_order_relaxed) == 0)
            on_->owner->begin_blocking(*on_);
        else
            on_ = nullptr;
    }
    blocking_region(const blocking_region&) = delete;
    blocking_region& operator=(const blocking_region&) = delete;
    ~blocking_region() {
        if (on_ != nullptr) on_->owner->end_blocking(*on_);
    }

private:
    worker* on_;
};

} // namespace gcd::inline GCD_ABI::detail::native

#include <gcd/detail/native/sched/monitor.ipp>
#include <gcd/detail/native/sched/pool.ipp>

#endif
