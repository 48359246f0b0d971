// SPDX-License-Identifier: MIT
#ifndef GCD_TESTS_MODEL_POOL_HPP
#define GCD_TESTS_MODEL_POOL_HPP
/// @file
/// The pool as the model checks see it: the real list and the real ring, and of sched/pool.hpp and sched/pool.ipp the
/// functions that make items known, take them, search, park and wake. Slots, the monitor, retired threads and the
/// starting of threads are left out; so nothing but the protocol gets an item to a worker.

#include "model.hpp"

namespace model {

enum class pool_fault {
    none,
    look_before_status,   ///< park: looks for items, then changes `status`
    acquire_release,      ///< acq_rel in place of seq_cst
    notify_first,         ///< submit: looks at `status`, then sets the bit
    search_ends_silently, ///< end_search: doesn't look whether there is more
    bit_after_detach,     ///< take_injected: clears the bit after the last item has left the list
    bit_not_restored,     ///< take_injected: doesn't set it again if that was not the last
    silent_batch,         ///< take_injected: puts items into the ring, or the bit back, and doesn't look at `status`
};

struct pool_item : allocated {
    atomic<pool_item*> next{nullptr};
    plain<int> number;
    explicit pool_item(int which) : number{which} {}
};

/// `World` runs an item: run(pool&, worker, number); true once it was the last of all.
template <class World, pool_fault Fault, unsigned Workers, unsigned Limit = Workers> class pool {
public:
    explicit pool(World& of) : world_{of}, status_{Workers * (one_running + one_searching)} {}

    void submit(pool_item* item) {
        if (!injected_.push(item)) return;
        if constexpr (Fault == pool_fault::notify_first) notify();
        queued_.fetch_or(1, strong);
        if constexpr (Fault != pool_fault::notify_first) notify();
    }

    /// A thread of the pool, from its start on, when it counts as one that searches.
    void serve(unsigned self) {
        bool is_searching = true;
        while (closed_.load(order::acquire) == 0) {
            pool_item* item = is_searching ? nullptr : next(self);
            if (item == nullptr) {
                if (!is_searching) is_searching = begin_search();
                if (is_searching) item = search(self);
            }
            if (item == nullptr) {
                park(self, is_searching);
                is_searching = true;
                continue;
            }
            if (is_searching) {
                is_searching = false;
                end_search();
            }
            const int number = item->number.get();
            delete item;
            if (world_.run(number)) close();
        }
    }

private:
    using order = std::memory_order;
    static constexpr order strong = Fault == pool_fault::acquire_release ? order::acq_rel : order::seq_cst;
    static constexpr order strong_load = Fault == pool_fault::acquire_release ? order::acquire : order::seq_cst;

    static constexpr std::uint64_t one_running = 1;
    static constexpr std::uint64_t one_searching = std::uint64_t{1} << 16U;
    static constexpr std::uint64_t one_parked = std::uint64_t{1} << 32U;
    static unsigned running(std::uint64_t seen) { return seen & 0xFFFFU; }
    static unsigned searching(std::uint64_t seen) { return (seen >> 16U) & 0xFFFFU; }

    struct worker {
        gcd::detail::native::basic_ring<pool_item, atomic, 4> ring;
        atomic<std::uint32_t> wake{0};
        bool is_parked = false;
    };

    // --- what there is to do

    bool has_work_to_take() {
        if (queued_.load(strong_load) != 0) return true;
        for (worker& each : workers_)
            if (!each.ring.is_empty()) return true;
        return false;
    }

    pool_item* take_injected(unsigned self) {
        constexpr std::size_t most = 3;
        if (queued_.load(strong_load) == 0) return nullptr;
        pool_item* taken[most];
        std::size_t count = 0;
        bool more = true;
        {
            const guard hold{taking_};
            if (queued_.load(strong_load) == 0) return nullptr;
            while (more && count < most) {
                pool_item* item = injected_.first();
                require(item != nullptr, "the list has a head");
                if (item->next.load(order::acquire) == nullptr) {
                    if constexpr (Fault != pool_fault::bit_after_detach) queued_.fetch_and(~1U, strong);
                    more = injected_.detach(item);
                    if constexpr (Fault == pool_fault::bit_after_detach) {
                        if (!more) queued_.fetch_and(~1U, strong);
                    } else if (Fault != pool_fault::bit_not_restored) {
                        if (more) queued_.fetch_or(1, strong);
                    }
                } else {
                    more = injected_.detach(item);
                }
                taken[count++] = item;
            }
        }
        const std::size_t kept = workers_[self].ring.push(taken + 1, count - 1) + 1;
        require(kept == count, "the ring has room");
        // A searcher that found the bit cleared and the ring empty may have parked in between.
        if (Fault != pool_fault::silent_batch && (more || count > 1)) notify();
        return taken[0];
    }
    pool_item* take_foreign(unsigned self) {
        for (unsigned i = 1; i < Workers; ++i) {
            worker& victim = workers_[(self + i) % Workers];
            pool_item* stolen[2];
            const std::size_t number = victim.ring.steal(stolen, 2);
            if (number == 0) continue;
            if (number > 1) workers_[self].ring.push(stolen + 1, number - 1);
            return stolen[0];
        }
        return nullptr;
    }
    pool_item* next(unsigned self) {
        if (pool_item* item = workers_[self].ring.pop()) return item;
        return take_injected(self);
    }
    pool_item* search(unsigned self) {
        if (pool_item* item = next(self)) return item;
        return take_foreign(self);
    }

    // --- searching and parking

    bool begin_search() {
        std::uint64_t seen = status_.load(order::relaxed);
        do {
            if (searching(seen) != 0 || running(seen) > Limit) return false;
        } while (!status_.compare_exchange_weak(seen, seen + one_searching, strong));
        return true;
    }
    void end_search() {
        const std::uint64_t before = status_.fetch_sub(one_searching, strong);
        if (Fault != pool_fault::search_ends_silently && searching(before) == 1 && has_work_to_take()) notify();
    }
    void park(unsigned self, bool was_searching) {
        worker& own = workers_[self];
        bool found = false;
        if constexpr (Fault == pool_fault::look_before_status) found = has_work_to_take();
        {
            const guard hold{lock_};
            if (is_closed_) return;
            own.wake.store(0, order::relaxed);
            own.is_parked = true;
            status_.fetch_add(one_parked - one_running - (was_searching ? one_searching : 0), strong);
        }
        const std::uint64_t now = status_.load(strong_load);
        if constexpr (Fault != pool_fault::look_before_status) found = searching(now) == 0 && has_work_to_take();
        // With as many running as may, the monitor would see to it.
        if (found && running(now) < Limit) {
            const guard hold{lock_};
            if (own.is_parked) {
                own.is_parked = false;
                status_.fetch_add(one_running + one_searching - one_parked, strong);
                return;
            }
        }
        while (own.wake.load(order::acquire) == 0) futex_wait(own.wake, std::uint32_t{0});
    }
    void notify() {
        const std::uint64_t seen = status_.load(strong_load);
        if (searching(seen) != 0 || running(seen) >= Limit) return;
        wake_one();
    }
    void wake_one() {
        worker* woken = nullptr;
        {
            const guard hold{lock_};
            const std::uint64_t seen = status_.load(strong_load);
            if (searching(seen) != 0 || running(seen) >= Limit) return;
            for (worker& each : workers_)
                if (each.is_parked) woken = &each;
            if (woken == nullptr) return;
            woken->is_parked = false;
            status_.fetch_add(one_running + one_searching - one_parked, strong);
        }
        woken->wake.store(1, order::release);
        futex_wake(&woken->wake);
    }

    /// The model's end; the engine's workers have none.
    void close() {
        closed_.store(1, order::release);
        const guard hold{lock_};
        is_closed_ = true;
        for (worker& each : workers_) {
            if (!each.is_parked) continue;
            each.is_parked = false;
            each.wake.store(1, order::release);
            futex_wake(&each.wake);
        }
    }

    World& world_;
    list<pool_item> injected_;
    atomic<unsigned> queued_{0};
    lock taking_;
    atomic<std::uint64_t> status_;
    lock lock_;
    worker workers_[Workers];
    atomic<int> closed_{0};
    bool is_closed_ = false;
};

} // namespace model

#endif
