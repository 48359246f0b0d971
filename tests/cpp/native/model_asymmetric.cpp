// SPDX-License-Identifier: MIT
/// @file
/// Model check of the asymmetric mode: the hold of sync/asymmetric.hpp, close() and change_bits() of sched/lane.hpp,
/// and what try_take and give_back of sync.hpp do with them, against submissions, suspension, readers and the last
/// handle.
///
/// Checked: nothing runs beside a sync, and all see what ran before; a thread's sync comes after what it has submitted;
/// nothing is left lying; the lane is freed once, by whoever is the last, and not used afterwards.
///
/// Controls: a barrier that is none; an open lane that is changed as any other; one that is closed without a look at
/// its hold, or with one that takes who is on the way for nobody; a last handle, and a suspension, that don't close it;
/// a sync that enters without a look at the list.

#include "model_lane.hpp"

namespace {

using model::lane_fault;

/// A thread that submits and then syncs, one that syncs twice and lets go inside, one that suspends, resumes and syncs,
/// one that may give up. Whoever makes the token runs it.
template <lane_fault Fault, unsigned Threads> struct mixed : rl::test_suite<mixed<Fault, Threads>, Threads> {
    using lane = model::lane<mixed, Fault, true>;

    lane* onto;
    model::plain<int> inside;
    model::plain<int> runs;
    bool is_over = false;

    void before() { onto = new lane{*this, Threads + 1, true}; }
    void thread(unsigned self) {
        if (self == 0) {
            onto->push(new model::lane_node{0});
            onto->sync(true, false, [this] {
                inside.add(1);
                model::require(runs.get() == 1, "what the thread has submitted has run");
            });
        } else if (self == 1) {
            onto->sync(true, false, [this] { inside.add(1); });
            onto->sync(true, false, [this] {
                inside.add(1);
                onto->let_go();
            });
            return;
        } else if (self == 2) {
            onto->suspend();
            onto->unblock(lane::suspended);
            onto->sync(true, false, [this] { inside.add(1); });
        } else {
            onto->sync(true, true, [this] { inside.add(1); });
        }
        onto->let_go();
    }
    void after() {
        model::require(is_over, "the lane has been freed");
        model::require(runs.get() == 1, "the item has run once");
    }

    void run(lane* of, model::lane_node*) {
        inside.add(1);
        runs.add(1);
        of->let_go();
    }
    void schedule(lane* ready) { ready->drain(); }
    void ended() { is_over = true; }
};

/// Two threads that sync, submit, one of them maybe inside of its sync, and sync again; and one that only consumes.
template <lane_fault Fault> struct served : rl::test_suite<served<Fault>, 3> {
    using lane = model::lane<served, Fault, true>;

    lane* onto;
    model::mailbox<lane> ready;
    model::plain<int> inside;
    model::plain<int> runs[2];

    void before() { onto = new lane{*this, 4, true}; }
    void thread(unsigned self) {
        if (self == 2) return ready.serve();
        const bool from_inside = self == 0 && rl::rand(2) == 0;
        onto->sync(true, false, [this, from_inside] {
            inside.add(1);
            if (from_inside) onto->push(new model::lane_node{0});
        });
        if (!from_inside) onto->push(new model::lane_node{static_cast<int>(self)});
        onto->sync(true, false, [this, self] {
            inside.add(1);
            model::require(runs[self].get() == 1, "what the thread has submitted has run");
        });
        onto->let_go();
    }
    void after() {
        for (auto& each : runs) model::require(each.get() == 1, "every item has run once");
    }

    void run(lane* of, model::lane_node* node) {
        inside.add(1);
        runs[node->number.get()].add(1);
        of->let_go();
    }
    void schedule(lane* token) { ready.post(token); }
    void ended() { ready.close(); }
};

/// Barriers and readers on a concurrent lane, as syncs, and a reader that is an item.
template <lane_fault Fault> struct readers : rl::test_suite<readers<Fault>, 4> {
    using lane = model::lane<readers, Fault, true>;

    lane* onto;
    model::mailbox<lane> ready;
    model::plain<int> written;

    void before() { onto = new lane{*this, 4, false}; }
    void thread(unsigned self) {
        if (self == 3) return ready.serve();
        if (self == 0) {
            onto->sync(true, false, [this] { written.add(1); });
            onto->sync(true, false, [this] { written.add(1); });
        } else if (self == 1) {
            onto->sync(false, false, [this] { static_cast<void>(written.get()); });
        } else {
            onto->push(new model::lane_node{0});
            onto->sync(true, true, [this] { written.add(1); });
        }
        onto->let_go();
    }

    void run(lane* of, model::lane_node*) {
        static_cast<void>(written.get());
        of->let_go();
    }
    void schedule(lane* token) { ready.post(token); }
    void ended() { ready.close(); }
};

} // namespace

int main() {
    model::suite all;
    all.holds<mixed<lane_fault::none, 2>>("syncs, an item and the last handle", 300'000);
    all.holds<mixed<lane_fault::none, 3>>("the same and a suspension", 300'000);
    all.holds<mixed<lane_fault::none, 4>>("the same with one more that may give up", 200'000);
    all.holds<served<lane_fault::none>>("syncs after items, from inside too, and a consumer", 200'000);
    all.holds<readers<lane_fault::none>>("barriers and readers", 200'000);
    all.catches<mixed<lane_fault::no_barrier, 2>>("a barrier that is none", 300'000);
    all.catches<mixed<lane_fault::no_barrier, 3>>("the same, with a suspension", 300'000);
    all.catches<served<lane_fault::no_barrier>>("the same, with a consumer", 300'000);
    all.catches<mixed<lane_fault::change_open, 2>>("changing an open lane", 200'000);
    all.catches<mixed<lane_fault::close_without_hold, 2>>("closing without a look at the hold", 200'000);
    all.catches<mixed<lane_fault::close_waits_for_none, 2>>("taking who is on the way for nobody", 200'000);
    all.catches<mixed<lane_fault::let_go_open, 2>>("a last handle that doesn't close", 200'000);
    all.catches<mixed<lane_fault::suspend_open, 3>>("a suspension that doesn't close", 200'000);
    all.catches<served<lane_fault::take_unlooked>>("entering without a look at the list", 200'000);
    return all.result();
}
