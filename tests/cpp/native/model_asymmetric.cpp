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
/// one that may give up.
template <lane_fault Fault, unsigned Threads> struct mixed
    : model::run_in_place<mixed<Fault, Threads>, Threads, 1, Fault, true> {
    static constexpr int owners = Threads + 1;

    void thread(unsigned self) {
        if (self == 0) {
            this->submit(0);
            this->sync_after(0);
        } else if (self == 1) {
            this->sync();
            this->onto->sync(true, false, [this] {
                this->inside.add(1);
                this->onto->let_go();
            });
            return;
        } else if (self == 2) {
            this->onto->suspend();
            this->onto->unblock(mixed::lane::suspended);
            this->sync();
        } else {
            this->sync(true);
        }
        this->onto->let_go();
    }
};

/// Two threads that sync, submit, one of them maybe inside of its sync, and sync again; and one that only consumes.
template <lane_fault Fault> struct served : model::run_by_consumer<served<Fault>, 3, 2, Fault, true> {
    static constexpr int owners = 4;

    void produce(unsigned self) {
        const bool from_inside = self == 0 && rl::rand(2) == 0;
        this->onto->sync(true, false, [this, from_inside] {
            this->inside.add(1);
            if (from_inside) this->submit(0);
        });
        if (!from_inside) this->submit(static_cast<int>(self));
        this->sync_after(static_cast<int>(self));
        this->onto->let_go();
    }
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
