// SPDX-License-Identifier: MIT
/// @file
/// Model check of concurrent lanes: try_read and try_take of sync.hpp, drain_concurrent, drain_one, begin_alone and
/// end_readers of sched/drain.hpp.
///
/// Checked: a barrier, as an item or as a sync, never runs beside a reader or another barrier, and all see what it
/// wrote; the last reader takes a blocked token once, so that nothing is left lying; the lane is freed once, by whoever
/// is the last, readers included.
///
/// Controls: a reader that decides on zero by a load of its own; a barrier that sets `blocked` without another look at
/// the readers; a sync that reads beside a token.

#include "model_lane.hpp"

namespace {

using model::lane_fault;

/// One thread submits a reader and a barrier, others sync as readers and alone. With `Served` a thread of its own runs
/// the tokens, else whoever makes them.
template <lane_fault Fault, bool Served> struct readers : rl::test_suite<readers<Fault, Served>, Served ? 4 : 3> {
    using lane = model::lane<readers, Fault>;

    lane* onto;
    model::mailbox<lane> ready;
    model::plain<int> written;
    model::plain<int> runs[2];
    bool is_over = false;

    void before() { onto = new lane{*this, 5, false}; }
    void thread(unsigned self) {
        if (self == 0) {
            onto->push(new model::lane_node{0});
            onto->push(new model::lane_node{1, model::lane_node::item, true});
        } else if (self == 1) {
            onto->sync(false, false, [this] { static_cast<void>(written.get()); });
        } else if (self == 2) {
            onto->sync(rl::rand(2) == 0, false, [this] { static_cast<void>(written.get()); });
        } else {
            return ready.serve();
        }
        onto->let_go();
    }
    void after() {
        model::require(is_over, "the lane has been freed");
        for (auto& each : runs) model::require(each.get() == 1, "every item has run once");
    }

    void run(lane* of, model::lane_node* node) {
        if (node->exclusive)
            written.add(1);
        else
            static_cast<void>(written.get());
        runs[node->number.get()].add(1);
        of->let_go();
    }
    void schedule(lane* token) {
        if constexpr (Served)
            ready.post(token);
        else
            token->drain();
    }
    void ended() {
        is_over = true;
        if constexpr (Served) ready.close();
    }
};

/// Readers and barriers that are all syncs, one of which may give up, over a served lane.
template <lane_fault Fault> struct only_syncs : rl::test_suite<only_syncs<Fault>, 4> {
    using lane = model::lane<only_syncs, Fault>;

    lane* onto;
    model::mailbox<lane> ready;
    model::plain<int> written;

    void before() { onto = new lane{*this, 3, false}; }
    void thread(unsigned self) {
        if (self == 3) return ready.serve();
        if (self == 0)
            onto->sync(true, false, [this] { written.add(1); });
        else
            onto->sync(false, self == 2, [this] { static_cast<void>(written.get()); });
        if (self == 1) onto->sync(true, true, [this] { written.add(1); });
        onto->let_go();
    }

    void run(lane*, model::lane_node*) {}
    void schedule(lane* token) { ready.post(token); }
    void ended() { ready.close(); }
};

} // namespace

int main() {
    model::suite all;
    all.holds<readers<lane_fault::none, false>>("readers and a barrier", 300'000);
    all.holds<readers<lane_fault::none, true>>("the same with a consumer", 300'000);
    all.holds<only_syncs<lane_fault::none>>("syncs only, some give up", 200'000);
    all.catches<readers<lane_fault::zero_by_load, true>>("deciding on zero by a load", 200'000);
    all.catches<readers<lane_fault::block_blindly, true>>("blocking without another look", 200'000);
    all.catches<readers<lane_fault::read_beside, true>>("reading beside a token", 200'000);
    return all.result();
}
