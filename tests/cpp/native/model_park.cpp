// SPDX-License-Identifier: MIT
/// @file
/// Model check of the pool's parking against submission: submit, notify, wake_one, search, end_search and park of
/// sched/pool.hpp and sched/pool.ipp, over the real list and ring.
///
/// Checked: no wake-up is lost. Every item is run once, though workers park whenever they find nothing; with an item
/// that waits for another one, the second worker is woken for that.
///
/// Controls: a worker looks for items before it changes `status`; acq_rel in place of seq_cst; a submitter looks at
/// `status` before it makes the item known; a searcher that has found an item doesn't look whether there is more; items
/// go from the list into a ring, or the level's bit comes back, without a look at `status` afterwards.

#include "model_pool.hpp"

namespace {

using model::pool_fault;

/// One worker, two producers with one item each.
template <pool_fault Fault> struct one_worker : rl::test_suite<one_worker<Fault>, 3> {
    model::pool<one_worker, Fault, 1> workers{*this};
    model::plain<int> runs[2];
    int left = 2;

    void thread(unsigned self) {
        if (self == 2) return workers.serve(0);
        workers.submit(new model::pool_item{static_cast<int>(self)});
    }
    void after() {
        for (auto& each : runs) model::require(each.get() == 1, "every item has run once");
    }
    bool run(int number) {
        runs[number].add(1);
        return --left == 0;
    }
};

/// Two workers and three items of one producer. The first is for itself, so that its worker is one that doesn't search
/// when it comes to the second; that waits for the third, without the engine's knowing.
template <pool_fault Fault> struct dependent : rl::test_suite<dependent<Fault>, 3> {
    model::pool<dependent, Fault, 2> workers{*this};
    model::atomic<std::uint32_t> third_ran{0};
    model::atomic<int> left{3};

    void thread(unsigned self) {
        if (self < 2) return workers.serve(self);
        for (int i = 0; i < 3; ++i) workers.submit(new model::pool_item{i});
    }
    bool run(int number) {
        if (number == 2) {
            third_ran.store(1, std::memory_order_release);
            model::futex_wake(&third_ran);
        } else if (number == 1) {
            while (third_ran.load(std::memory_order_acquire) == 0) model::futex_wait(third_ran, std::uint32_t{0});
        }
        return left.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<one_worker<pool_fault::none>>("a worker and two producers", 200'000);
    all.holds<dependent<pool_fault::none>>("two workers, an item waits for the next one", 250'000);
    all.catches<one_worker<pool_fault::look_before_status>>("looks before it changes status", 200'000);
    all.catches<one_worker<pool_fault::acquire_release>>("acq_rel for seq_cst", 200'000);
    all.catches<one_worker<pool_fault::notify_first>>("looks at status before the item is known", 200'000);
    all.catches<dependent<pool_fault::search_ends_silently>>("a search ends without another look", 200'000);
    all.catches<dependent<pool_fault::silent_batch>>("items from the list to a ring without a look at status", 200'000);
    return all.result();
}
