// SPDX-License-Identifier: MIT
/// @file
/// Model check of the list and the announcement of its first node: sync/list.hpp itself, with the word of
/// sched/lane.hpp (push, announce, let_go) and sched/drain.hpp (take_dirty, leave, drain_serial).
///
/// Checked: every item runs once, one at a time, with what its producer wrote; a node is not touched after it has been
/// consumed, also not by a producer whose link comes late; the lane is freed once, as soon as nobody owns it and it is
/// idle, and no producer touches it afterwards, though the items hold the last ownerships.
///
/// Controls: the head stored after the announcement; leaving with a plain store; leaving without another look at
/// `dirty`; consuming what only the tail tells of; a producer that looks at the lane once more.

#include "model_lane.hpp"

namespace {

using model::lane_fault;

/// Two threads submit two items each, a third one and gives up an ownership of its own.
template <lane_fault Fault> struct producers : model::run_in_place<producers<Fault>, 3, 5, Fault> {
    static constexpr int owners = 6;

    void thread(unsigned self) {
        if (self == 2) {
            this->submit(4);
            this->onto->let_go();
            return;
        }
        for (int i = 0; i < 2; ++i) this->submit(static_cast<int>(self) * 2 + i);
    }
};

/// The same with a thread that only consumes.
template <lane_fault Fault, int Each> struct producers_and_worker
    : model::run_by_consumer<producers_and_worker<Fault, Each>, 3, 2 * Each, Fault> {
    static constexpr int owners = 2 * Each;

    void produce(unsigned self) {
        for (int i = 0; i < Each; ++i) this->submit(static_cast<int>(self) * Each + i);
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<producers<lane_fault::none>>("three producers, the announcing one consumes", 300'000);
    all.holds<producers_and_worker<lane_fault::none, 2>>("two producers and a consumer", 200'000);
    all.holds<producers_and_worker<lane_fault::none, 1>>("the same with one item each", 300'000);
    all.catches<producers<lane_fault::head_after_announcement>>("head stored after the announcement", 100'000);
    all.catches<producers_and_worker<lane_fault::head_after_announcement, 2>>("the same with a consumer", 100'000);
    all.catches<producers<lane_fault::leave_with_store>>("leaving with a plain store", 100'000);
    all.catches<producers<lane_fault::leave_blindly>>("leaving without another look at dirty", 100'000);
    all.catches<producers<lane_fault::consume_unannounced>>("consuming what only the tail tells of", 100'000);
    all.catches<producers_and_worker<lane_fault::producer_looks_again, 1>>("a producer that looks once more", 500'000);
    return all.result();
}
