// SPDX-License-Identifier: MIT
/// @file
/// Model check of taking a serial lane for a sync: try_take, give_back, claim, hand_over, grant and await_turn of
/// sync.hpp, sched/lane.hpp and sched/drain.hpp, against suspension (put_down, unblock) and against submissions.
///
/// Checked: whoever waits gets its turn, every item runs once, nothing runs beside anything else and all see what ran
/// before; a thread's sync comes after what it has submitted; who gives up and who grants agree; waiters and the lane
/// are freed once and not used afterwards.
///
/// Controls: leaving without another look at `dirty`; a hand-over that forgets the nodes behind; a grant before the
/// word says so; a grant that looks whether the thread sleeps and then writes; a thread that sleeps on `claimed`; a
/// token put down without another look at `suspended`; a resume and a give_back that look for `dirty` and then clear; a
/// sync that takes the lane without a look at its list.

#include "model_lane.hpp"

namespace {

using model::lane_fault;

/// A thread that submits and then syncs, one that syncs and may give up, one that suspends and resumes.
template <lane_fault Fault, bool GivesUp, unsigned Threads> struct syncs
    : model::run_in_place<syncs<Fault, GivesUp, Threads>, Threads, 1, Fault> {
    static constexpr int owners = Threads + 1;

    void thread(unsigned self) {
        if (self == 0) {
            this->submit(0);
            this->sync_after(0);
        } else if (self == 2) {
            this->onto->suspend();
            this->onto->unblock(syncs::lane::suspended);
        } else {
            this->sync(GivesUp && self == 1);
        }
        this->onto->let_go();
    }
};

/// Two threads that submit and sync, and one that only consumes.
template <lane_fault Fault, bool GivesUp> struct syncs_and_worker
    : model::run_by_consumer<syncs_and_worker<Fault, GivesUp>, 3, 2, Fault> {
    static constexpr int owners = 4;

    void produce(unsigned self) {
        this->submit(static_cast<int>(self));
        this->sync_after(static_cast<int>(self), GivesUp);
        this->onto->let_go();
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<syncs<lane_fault::none, false, 3>>("syncs, an item and a suspension", 300'000);
    all.holds<syncs<lane_fault::none, true, 4>>("the same with one more, and one may give up", 300'000);
    all.holds<syncs_and_worker<lane_fault::none, false>>("syncs after items, and a consumer", 200'000);
    all.holds<syncs_and_worker<lane_fault::none, true>>("the same, and they may give up", 200'000);
    all.catches<syncs_and_worker<lane_fault::leave_blindly, false>>("leaving without another look at dirty", 200'000);
    all.catches<syncs_and_worker<lane_fault::hand_over_forgets, false>>("a hand-over forgets what is behind", 200'000);
    all.catches<syncs<lane_fault::grant_first, false, 3>>("granting before the word says so", 200'000);
    all.catches<syncs_and_worker<lane_fault::grant_looks_first, false>>("granting looks first, then writes", 200'000);
    all.catches<syncs_and_worker<lane_fault::claimed_sleeps, true>>("sleeping on a claimed node", 200'000);
    all.catches<syncs<lane_fault::put_down_blindly, false, 3>>("putting down without another look", 200'000);
    all.catches<syncs<lane_fault::resume_looks_first, false, 3>>("a resume looks first, then clears", 200'000);
    all.catches<syncs<lane_fault::give_back_looks_first, false, 3>>("a give_back looks first, then clears", 200'000);
    all.catches<syncs_and_worker<lane_fault::take_unlooked, false>>("taking a lane without a look at its list",
                                                                    200'000);
    return all.result();
}
