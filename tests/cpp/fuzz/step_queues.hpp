// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_FUZZ_STEP_QUEUES_HPP
#define GCD_TEST_FUZZ_STEP_QUEUES_HPP
/// @file
/// Steps on queues: work, states, and what blocks.

#include "world.hpp"

#include <gcd/gcd.hpp>

#include "counted.hpp"
#include "stress.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace gcd_fuzz {

/// Submitting.
inline void world::step_queue(program& from) {
    const auto entry = queue(from.next());
    const gcd::queue& on = *entry->handle;
    const auto& state = entry->state;
    const unsigned kind = from.below(8);
    const unsigned what = from.next();
    group_entry& group = groups[what % groups.size()];
    const auto thread = static_cast<std::size_t>(from.thread);
    const bool ordered = kind < 4;
    const bool barrier = kind == 2;
    const long place = ordered ? ++state->number[thread] : 0;
    ++state->submitted;
    item made{*this, state, from.thread, place, what, barrier};
    const bool refused = state->workloop && state->inactive;
    const outcome came = attempt([&] {
        switch (kind) {
        case 2: return on.barrier_async(std::move(made));
        case 3: return group.handle.run_async(on, std::move(made));
        case 4: return on.after(-1ms, std::move(made));
        case 5: return on.after(std::chrono::milliseconds{what % 4}, std::move(made));
        case 6: {
            ++group.notifications;
            return group.handle.notify(on, [run = std::move(made), &group]() mutable {
                ++group.notified;
                run();
            });
        }
        case 7: return on.after(gcd::time::forever(), std::move(made));
        default: return on.run_async(std::move(made));
        }
    });
    if (kind == 7 || came != outcome::done) {
        --state->submitted;
        if (ordered) --state->number[thread];
        if (kind == 6) --group.notifications;
    }
    if (came == outcome::done) return;
    must(came == outcome::bad_state, "a submission ended in another error than that of its state");
    must(refused, "a queue refused work");
}

/// Suspending, activating, retargeting, replacing.
inline void world::step_state(program& from) {
    const unsigned which = from.next();
    const auto entry = queue(which);
    const gcd::queue& on = *entry->handle;
    const auto& state = entry->state;
    switch (from.below(8)) {
    case 0:
    case 1: {
        const outcome came = attempt([&] { on.suspend(); });
        must(came == (state->workloop ? outcome::bad_state : outcome::done), "suspend");
        if (came == outcome::done) ++state->suspensions;
        return;
    }
    case 2:
    case 3: {
        const outcome came = attempt([&] { on.resume(); });
        must(came == outcome::done || came == outcome::bad_state, "resume");
        if (exact) must((came == outcome::done) == (state->suspensions > 0), "a resume without its suspend");
        if (came == outcome::done) --state->suspensions;
        return;
    }
    case 4: {
        const bool was = state->inactive;
        const outcome came = attempt([&] { on.activate(); });
        must(came == outcome::done || came == outcome::bad_state, "activate");
        if (exact) must((came == outcome::done) == was, "an activation of what is active");
        if (came == outcome::done) must(state->inactive.exchange(false), "activated twice");
        return;
    }
    case 5: {
        const auto target = queue(from.next());
        const bool refused = state->workloop || (state->born_inactive && !state->inactive);
        const bool cycle = target->state->leads_to(state.get());
        const outcome came = attempt([&] { on.set_target_queue(*target->handle); });
        must(came == outcome::done || came == outcome::bad_state || came == outcome::bad_argument, "set_target_queue");
        if (!exact) return;
        // Former targets may still be led through.
        const bool unsure = target->state->may_lead_to(state.get());
        must(came == outcome::done ? !refused && !cycle : refused || cycle || unsure, "a target against the rules");
        if (came != outcome::done) return;
        if (state->target != nullptr) state->former.push_back(state->target.get());
        state->target = target->state;
        return;
    }
    case 6: {
        const unsigned how = from.next();
        const bool nested = (how & 8) != 0;
        return set_queue(which, make_queue(how, nested ? queue(how / 16) : nullptr));
    }
    default: {
        const unsigned how = from.next();
        if (how % 3 == 0) {
            ++finalizers;
            on.set_context(std::make_shared<counted>(alive), [this] { ++finalized; });
            must(on.context() != nullptr || !exact, "the context is lost");
        } else {
            on.set_specific(key, static_cast<int>(how));
            const auto seen = on.get_specific(key);
            must(seen != nullptr && (!exact || *seen == static_cast<int>(how)), "the specific is lost");
        }
        must(on.label() == (state->workloop ? "loop" : "queue"), "the label");
        must(on.is_concurrent() == !state->serial, "the width");
        must(!exact || on.is_suspended() == (state->suspensions > 0), "is_suspended");
        must(!exact || on.is_inactive() == state->inactive, "is_inactive");
        return;
    }
    }
}

/// What blocks.
inline void world::step_sync(program& from) {
    const auto entry = queue(from.next());
    const gcd::queue& on = *entry->handle;
    const auto& state = entry->state;
    const unsigned kind = from.below(8);
    const unsigned what = from.next();
    const bool inactive = state->inactive;
    const bool blocked = state->blocked();
    const bool waits_maybe = state->may_be_blocked();
    if ((waits_maybe || !exact) && waits >= 3 && kind < 5) return;
    int runs = 0;
    bool threw = false;
    const auto body = [&] {
        ++runs;
        const auto thread = static_cast<std::size_t>(from.thread);
        if (state->is_ordered())
            must(state->latest[thread] == state->number[thread], "a sync before what was submitted first");
        if (what % 8 == 4) throw expected_error{};
        if (state->serial) must(attempt([&] { on.run_sync([] {}); }) == outcome::deadlock, "a queue waits for itself");
    };
    const auto checked = [&](outcome came) {
        must((came == outcome::done) == (runs == 1), "a sync that ran, or not, against its word");
        must(came != outcome::bad_argument && came != outcome::refused && came != outcome::deadlock, "a sync's error");
        if (!exact) return;
        // An item that knew a target that has been replaced may have been the last to: its end lets go what was held.
        must(came != outcome::done || !blocked || !state->blocked(), "a sync ran on what was blocked");
        must((came == outcome::bad_state) == inactive, "a sync's refusal");
    };
    // Its exception is the body's own, and comes back.
    const auto caught = [&](auto&& call) {
        try {
            call();
        } catch (const expected_error&) {
            threw = true;
        }
    };
    switch (kind) {
    case 0:
    case 1: checked(patiently(*this, waits_maybe, [&] { caught([&] { on.run_sync(body); }); })); break;
    case 2: checked(patiently(*this, waits_maybe, [&] { caught([&] { on.barrier_sync(body); }); })); break;
    case 3:
    case 4: {
        const std::size_t wanted = what % 9;
        std::atomic<std::size_t> calls{0};
        const outcome came = patiently(*this, waits_maybe, [&] {
            gcd::apply(wanted, on, [&](std::size_t index) {
                must(index < wanted, "an index past the end");
                ++calls;
            });
        });
        if (came == outcome::done) must(calls == wanted, "an apply with too few calls");
        must(calls <= wanted, "an apply with too many calls");
        must(came != outcome::bad_argument && came != outcome::refused && came != outcome::deadlock, "apply");
        if (exact) must(came == outcome::done || waits_maybe, "an apply refused by what is active");
        return;
    }
    case 5: {
        bool ran = false;
        const outcome came = attempt([&] { caught([&] { ran = on.try_run_sync(body); }); });
        must(came == outcome::done || came == outcome::bad_state, "try_run_sync");
        must(ran || threw ? runs == 1 : runs == 0, "try_run_sync against its word");
        if (exact) must(runs == 0 || !blocked || !state->blocked(), "try_run_sync ran on what was blocked");
        return;
    }
    case 6: {
        group_entry& group = groups[what % groups.size()];
        const outcome came =
            attempt([&] { static_cast<void>(group.handle.wait_for(std::chrono::microseconds{what})); });
        must(came == outcome::done, "group::wait_for");
        return;
    }
    default: {
        once_entry& once = onces[what % onces.size()];
        const outcome came = attempt([&] {
            caught([&] {
                once.handle([&] {
                    must(attempt([&] { once.handle([] {}); }) == outcome::deadlock, "a once inside of itself");
                    if (what % 8 == 4) throw expected_error{};
                    ++once.completed;
                });
            });
        });
        must(came == outcome::done, "once");
        must(threw || (once.handle.is_done() && once.completed == 1), "not once");
        return;
    }
    }
    must(threw == (runs == 1 && what % 8 == 4), "the body's exception is lost");
}

} // namespace gcd_fuzz

#endif
