// SPDX-License-Identifier: MIT
/// @file
/// Model check of the bit of a level: submit and take_injected of sched/pool.hpp and sched/pool.ipp, over the real
/// list.
///
/// Checked: while the list has items that were announced, the bit is set or somebody holds `taking`, so that workers
/// which park find them; a head is read only after its announcement; every item is run once.
///
/// Controls: the bit cleared after the last item has left; not set again when it was not the last.

#include "model_pool.hpp"

namespace {

using model::pool_fault;

/// Producers with `Each` items each, and workers that run until all are run.
template <pool_fault Fault, unsigned Producers, unsigned Each, unsigned Workers>
struct submissions : rl::test_suite<submissions<Fault, Producers, Each, Workers>, Producers + Workers> {
    static constexpr unsigned items = Producers * Each;

    model::pool<submissions, Fault, Workers> workers{*this};
    model::plain<int> runs[items];
    model::atomic<int> left{static_cast<int>(items)};

    void thread(unsigned self) {
        if (self >= Producers) return workers.serve(self - Producers);
        for (unsigned i = 0; i < Each; ++i) workers.submit(new model::pool_item{static_cast<int>(self * Each + i)});
    }
    void after() {
        for (auto& each : runs) model::require(each.get() == 1, "every item has run once");
    }
    bool run(int number) {
        runs[number].add(1);
        return left.fetch_sub(1, std::memory_order_acq_rel) == 1;
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<submissions<pool_fault::none, 2, 2, 1>>("two producers, one worker", 200'000);
    all.holds<submissions<pool_fault::none, 2, 1, 2>>("two producers, two workers", 200'000);
    all.holds<submissions<pool_fault::none, 1, 5, 2>>("one producer, two workers", 100'000);
    all.catches<submissions<pool_fault::bit_after_detach, 2, 2, 1>>("the bit cleared after the detach", 200'000);
    all.catches<submissions<pool_fault::bit_not_restored, 1, 5, 2>>("the bit not set again", 200'000);
    return all.result();
}
