// SPDX-License-Identifier: MIT
/// @file
/// The bytes of an input are two programs of legal and illegal calls over all objects; a model says what each must answer.
///
/// An odd first byte: the two run side by side, and sums have to come out even. An even one: one after the other on one
/// thread, and each call's outcome is known beforehand. Whatever was submitted has to run, or to be dropped, at the end.
/// A program that ends early goes on as zeros, so every input is valid, and runs again as it is.

#include <gcd/gcd.hpp>

#include "await.hpp"
#include "collect.hpp"
#include "counted.hpp"
#include "stress.hpp"
#include "temp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <signal.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd_test::counted;
using gcd_test::must;

namespace {

/// What a call came to.
enum class outcome { done, bad_argument, bad_state, deadlock, refused, gave_up };

template <class F> outcome attempt(F&& call) {
    try {
        call();
        return outcome::done;
    } catch (const gcd::would_deadlock&) {
        return outcome::deadlock;
    } catch (const std::invalid_argument&) {
        return outcome::bad_argument;
    } catch (const std::logic_error&) {
        return outcome::bad_state;
    } catch (const std::system_error&) {
        return outcome::refused;
    } catch (const gcd::interrupted&) {
        return outcome::gave_up;
    }
}

/// Thrown by items; nothing else may arrive at the handler.
struct expected_error {};
std::atomic<long> reported{0};

gcd_test::live_count alive;
const gcd::specific_key<int> key;

/// The bytes of one thread.
class program {
public:
    program(const std::uint8_t* bytes, std::size_t size, int thread) : thread{thread}, at_{bytes}, left_{size} {}
    bool more() const { return left_ != 0; }
    unsigned next() {
        if (left_ == 0) return 0;
        --left_;
        return *at_++;
    }
    unsigned below(unsigned limit) { return next() % limit; }

    const int thread;

private:
    const std::uint8_t* at_;
    std::size_t left_;
};

/// What a queue must say. Outlives the handles: items refer to it.
struct queue_state {
    bool serial = true;
    bool workloop = false;
    bool born_inactive = false;
    std::atomic<bool> inactive{false};
    std::atomic<long> suspensions{0};
    std::shared_ptr<queue_state> target; ///< known only with one thread
    /// The targets before, which the world has: what stands in line there waits there, whatever the target is now.
    std::vector<const queue_state*> former;
    std::atomic<long> submitted{0};
    std::atomic<long> ran{0};
    std::atomic<int> inside{0};
    std::atomic<int> alone{0};
    /// Of each thread's items on a serial queue: the next number, and the latest that ran.
    std::array<long, 2> number{};
    std::array<long, 2> latest{};

    bool blocked() const { return inactive || suspensions > 0 || (target != nullptr && target->blocked()); }
    /// Work may have to wait for something, be it at a former target.
    bool may_be_blocked() const {
        std::set<const queue_state*> seen;
        return may_be_blocked(seen);
    }
    bool leads_to(const queue_state* other) const {
        return this == other || (target != nullptr && target->leads_to(other));
    }
    /// Work of it may go through the other one, be it as a former target.
    bool may_lead_to(const queue_state* other) const {
        std::set<const queue_state*> seen;
        return may_lead_to(other, seen);
    }
    bool is_ordered() const { return serial && !workloop; }

private:
    bool may_lead_to(const queue_state* other, std::set<const queue_state*>& seen) const {
        if (this == other) return true;
        if (!seen.insert(this).second) return false;
        if (target != nullptr && target->may_lead_to(other, seen)) return true;
        return std::any_of(former.begin(), former.end(),
                           [&](const queue_state* each) { return each->may_lead_to(other, seen); });
    }
    bool may_be_blocked(std::set<const queue_state*>& seen) const {
        if (!seen.insert(this).second) return false;
        if (inactive || suspensions > 0 || (target != nullptr && target->may_be_blocked(seen))) return true;
        return std::any_of(former.begin(), former.end(),
                           [&](const queue_state* each) { return each->may_be_blocked(seen); });
    }
};

struct queue_entry {
    std::optional<gcd::queue> handle;
    std::shared_ptr<queue_state> state = std::make_shared<queue_state>();
    queue_entry() = default;
    queue_entry(const queue_entry&) = delete;
    queue_entry& operator=(const queue_entry&) = delete;
    ~queue_entry() {
        handle.reset();
        // The last handle's end lets go what was held.
        state->suspensions = 0;
        state->inactive = false;
    }
};

struct source_state {
    std::atomic<long> suspensions{0};
    std::atomic<bool> started{false};
    std::atomic<bool> cancelled{false};
    std::atomic<bool> dead{false}; ///< a cancel_and_wait has returned
    std::atomic<int> inside{0};
    std::atomic<int> registered{0};
    std::atomic<bool> has_cancel_handler{false};
    std::atomic<int> cancels{0};
};

struct source_entry {
    std::shared_ptr<source_state> state = std::make_shared<source_state>();
    std::shared_ptr<queue_state> queue;
    gcd_test::pipe ends; ///< closed only after the source has ended
    std::variant<std::monostate, gcd::timer, gcd::read_source, gcd::write_source> handle;

    template <class F> void with(F&& call) const {
        std::visit(
            [&](const auto& source) {
                if constexpr (!std::is_same_v<std::decay_t<decltype(source)>, std::monostate>) call(source);
            },
            handle);
    }
};

struct group_entry {
    gcd::group handle;
    std::atomic<long> entries{0};
    std::atomic<long> notified{0};
    std::atomic<long> notifications{0};
};

struct semaphore_entry {
    gcd::semaphore handle{2};
    std::atomic<long> value{2};
};

/// One write and one read over a pipe.
struct flow {
    std::string sent;
    std::string received; ///< on one queue at a time
    std::mutex lock;
    std::atomic<int> wanted{0};
    std::atomic<int> done{0};
    std::atomic<int> cleanups_wanted{0};
    std::atomic<int> cleanups{0};
    std::atomic<bool> stopped{false};
};

class world {
public:
    explicit world(bool exact) : exact{exact} {
        for (auto& slot : queues_) slot = make_queue(0, nullptr);
    }

    std::shared_ptr<queue_entry> make_queue(unsigned how, std::shared_ptr<queue_entry> target) {
        auto made = std::make_shared<queue_entry>();
        queue_state& state = *made->state;
        state.inactive = state.born_inactive = (how & 1) != 0;
        state.workloop = (how & 6) == 6;
        state.serial = state.workloop || (how & 2) == 0;
        if (state.workloop) {
            made->handle.emplace(gcd::workloop{"loop", {.inactive = state.born_inactive}});
        } else {
            static constexpr gcd::qos classes[]{gcd::qos::unspecified, gcd::qos::utility, gcd::qos::background,
                                                gcd::qos::user_interactive};
            if (target != nullptr) state.target = target->state;
            made->handle.emplace("queue", gcd::queue_options{.concurrent = !state.serial,
                                                             .qos = classes[how / 64 % 4],
                                                             .target = target ? &*target->handle : nullptr,
                                                             .inactive = state.born_inactive});
        }
        const std::lock_guard hold{lock_};
        states_.push_back(made->state);
        return made;
    }

    std::shared_ptr<queue_entry> queue(unsigned which) {
        const std::lock_guard hold{lock_};
        return queues_[which % queues_.size()];
    }
    void set_queue(unsigned which, std::shared_ptr<queue_entry> entry) {
        {
            const std::lock_guard hold{lock_};
            queues_[which % queues_.size()].swap(entry);
        }
        entry.reset();
    }
    std::shared_ptr<source_entry> source(unsigned which) {
        const std::lock_guard hold{lock_};
        return sources_[which % sources_.size()];
    }
    void set_source(unsigned which, std::shared_ptr<source_entry> entry) {
        {
            const std::lock_guard hold{lock_};
            if (entry != nullptr) source_states_.push_back(entry->state);
            sources_[which % sources_.size()].swap(entry);
        }
        entry.reset();
    }
    std::shared_ptr<flow> make_flow() {
        auto made = std::make_shared<flow>();
        const std::lock_guard hold{lock_};
        flows_.push_back(made);
        return made;
    }

    void run(program from);
    void finish();

    const bool exact;
    std::array<group_entry, 2> groups;
    std::array<semaphore_entry, 2> semaphores;
    struct once_entry {
        gcd::once handle;
        std::atomic<int> completed{0};
    };
    std::array<once_entry, 2> onces;
    std::atomic<long> thrown{0};
    std::atomic<long> waits{0}; ///< calls that blocked to their limit
    std::atomic<long> finalizers{0};
    std::atomic<long> finalized{0};
    std::atomic<long> releases{0};
    std::atomic<long> released{0};

private:
    void step(program& from);
    void step_queue(program& from);
    void step_state(program& from);
    void step_sync(program& from);
    void step_source(program& from);
    void step_io(program& from);
    void step_data(program& from);
    void step_misuse(program& from);

    std::mutex lock_;
    std::array<std::shared_ptr<queue_entry>, 5> queues_;
    std::array<std::shared_ptr<source_entry>, 3> sources_;
    std::vector<std::shared_ptr<queue_state>> states_;
    std::vector<std::shared_ptr<source_state>> source_states_;
    std::vector<std::shared_ptr<flow>> flows_;
};

/// Runs the call with a limit on how long it may wait; whoever waits for what isn't blocked gets a long one.
template <class F> outcome patiently(world& in, bool blocked, F&& call) {
    const auto limit = in.exact && !blocked ? std::chrono::milliseconds{20'000} : std::chrono::milliseconds{1};
    const auto end = std::chrono::steady_clock::now() + limit;
    const gcd::interruptible patience{[end] { return std::chrono::steady_clock::now() >= end; }};
    const outcome came = attempt(call);
    if (came == outcome::gave_up) {
        must(limit < 1s, "a blocking call never returned");
        ++in.waits;
    }
    return came;
}

/// An item: sees that it runs when it may, and does something itself.
struct item {
    world* in;
    std::shared_ptr<queue_state> on;
    int thread;
    long number; ///< 0: without an order
    unsigned what;
    bool barrier;
    counted life{alive};

    item(world& w, std::shared_ptr<queue_state> queue, int from, long place, unsigned does, bool is_barrier)
        : in{&w}, on{std::move(queue)}, thread{from}, number{place}, what{does}, barrier{is_barrier} {}
    item(item&&) = default;

    void operator()() {
        const int others = on->inside.fetch_add(1);
        must(others == 0 || !on->serial, "two items of a serial queue at once");
        if (barrier && !on->serial) {
            must(others == 0, "a barrier with company");
            on->alone = 1;
        } else if (!on->serial) {
            must(on->alone == 0, "company for a barrier");
        }
        if (number != 0 && on->is_ordered()) {
            long& latest = on->latest[static_cast<std::size_t>(thread)];
            must(number == latest + 1, "a serial queue out of order");
            latest = number;
        }
        act();
        if (barrier) on->alone = 0;
        --on->inside;
        ++on->ran;
        if (what % 8 == 4) {
            ++in->thrown;
            throw expected_error{};
        }
    }

private:
    void act() {
        const auto other = in->queue(what / 8);
        const auto& state = other->state;
        if (what % 8 == 5 && in->waits < 3) {
            int runs = 0;
            const outcome came = patiently(*in, true, [&] { other->handle->run_sync([&] { ++runs; }); });
            must((came == outcome::done) == (runs == 1), "a nested sync that ran, or not, against its word");
            if (state == on && on->serial) must(came == outcome::deadlock, "a queue waits for itself");
        } else if (what % 8 == 6) {
            ++state->submitted;
            const outcome came = attempt([&] { other->handle->run_async(item{*in, state, thread, 0, 0, false}); });
            if (came != outcome::done) {
                --state->submitted;
                must(came == outcome::bad_state, "a submission was refused for no reason");
            }
        } else if (what % 8 == 7 && !in->exact) {
            if (attempt([&] { other->handle->suspend(); }) == outcome::done) {
                ++state->suspensions;
                if (attempt([&] { other->handle->resume(); }) == outcome::done) --state->suspensions;
            }
        }
    }
};

void world::run(program from) {
    for (int steps = 0; from.more() && steps < 150; ++steps) step(from);
}

void world::step(program& from) {
    switch (from.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3: return step_queue(from);
    case 4:
    case 5:
    case 6: return step_state(from);
    case 7:
    case 8: return step_sync(from);
    case 9:
    case 10:
    case 11: return step_source(from);
    case 12: return step_io(from);
    case 13: return step_data(from);
    default: return step_misuse(from);
    }
}

/// Submitting.
void world::step_queue(program& from) {
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
void world::step_state(program& from) {
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
void world::step_sync(program& from) {
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
        must(came != outcome::done || !blocked, "a sync ran on what was blocked");
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
        if (exact) must(runs == 0 || !blocked, "try_run_sync ran on what was blocked");
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

void world::step_source(program& from) {
    const unsigned which = from.next();
    const auto entry = source(which);
    const unsigned kind = from.below(12);
    if (entry == nullptr || kind == 0) {
        const auto on = queue(from.next());
        auto made = std::make_shared<source_entry>();
        made->queue = on->state;
        const auto handler = [state = made->state, life = std::make_shared<counted>(alive)] {
            must(state->inside.fetch_add(1) == 0, "a handler twice at once");
            must(!state->dead, "an event after cancel_and_wait");
            --state->inside;
        };
        const unsigned how = from.next();
        switch (how % 3) {
        case 0:
            made->handle.emplace<gcd::timer>(
                gcd::timer_event{.interval = std::chrono::microseconds{500 + how}, .repeating = how > 127}, *on->handle,
                handler);
            break;
        case 1:
            made->handle.emplace<gcd::read_source>(gcd::read_event{made->ends.read.get()}, *on->handle, handler);
            break;
        default:
            made->handle.emplace<gcd::write_source>(gcd::write_event{made->ends.write.get()}, *on->handle, handler);
            break;
        }
        return set_source(which, std::move(made));
    }
    source_state& state = *entry->state;
    switch (kind) {
    case 1:
    case 2: {
        const bool was = state.cancelled || (!state.started && entry->queue->workloop && entry->queue->inactive);
        const outcome came = attempt([&] { entry->with([](const auto& each) { each.start(); }); });
        must(came == outcome::done || came == outcome::bad_state, "start");
        if (exact) must((came == outcome::done) == !was, "a start against the rules");
        if (came == outcome::done) state.started = true;
        return;
    }
    case 3: {
        must(attempt([&] { entry->with([](const auto& each) { each.suspend(); }); }) == outcome::done, "suspend");
        ++state.suspensions;
        return;
    }
    case 4: {
        const outcome came = attempt([&] { entry->with([](const auto& each) { each.resume(); }); });
        must(came == outcome::done || came == outcome::bad_state, "resume");
        if (exact) must((came == outcome::done) == (state.suspensions > 0), "a resume of a source without its suspend");
        if (came == outcome::done) --state.suspensions;
        return;
    }
    case 5:
        must(attempt([&] { entry->with([](const auto& each) { each.cancel(); }); }) == outcome::done, "cancel");
        state.cancelled = true;
        entry->with([](const auto& each) { must(each.is_cancelled(), "not cancelled"); });
        return;
    case 6: {
        const outcome came =
            patiently(*this, true, [&] { entry->with([](const auto& each) { each.cancel_and_wait(); }); });
        must(came == outcome::done || came == outcome::gave_up, "cancel_and_wait");
        state.cancelled = true;
        if (came == outcome::done) {
            state.dead = true;
            must(state.inside == 0, "a handler that cancel_and_wait hasn't waited for");
        }
        return;
    }
    case 7: {
        const bool before = !state.cancelled;
        const auto kept = entry->state;
        const outcome came = attempt([&] {
            entry->with([&](const auto& each) {
                each.set_cancel_handler([kept, life = std::make_shared<counted>(alive)] { ++kept->cancels; });
            });
        });
        must(came == outcome::done, "set_cancel_handler");
        if (before) state.has_cancel_handler = true;
        return;
    }
    case 8: {
        const bool was = state.started;
        const auto kept = entry->state;
        const outcome came = attempt([&] {
            entry->with([&](const auto& each) {
                each.set_registration_handler([kept, life = std::make_shared<counted>(alive)] { ++kept->registered; });
            });
        });
        must(came == outcome::done || came == outcome::bad_state, "set_registration_handler");
        if (exact && was) must(came == outcome::bad_state, "a registration handler after the start");
        return;
    }
    case 9:
        if (const auto* timer = std::get_if<gcd::timer>(&entry->handle)) {
            must(attempt([&] { timer->set_timer({.interval = 1ms, .leeway = 1ms}); }) == outcome::done, "set_timer");
            must(attempt([&] { timer->set_timer({.interval = -1ms}); }) == outcome::bad_argument, "a bad interval");
        } else {
            static_cast<void>(!::write(entry->ends.write.get(), "x", 1));
        }
        return;
    case 10: entry->with([](const auto& each) { static_cast<void>(each.data()); }); return;
    default: return set_source(which, nullptr);
    }
}

void world::step_io(program& from) {
    const auto on = queue(from.next());
    const unsigned how = from.next();
    const unsigned size = from.next() * 97;
    const auto made = make_flow();
    made->sent = gcd_test::pattern(size);
    gcd_test::pipe ends;
    const auto last = [made](bool done) {
        if (!done) return;
        must(made->done.fetch_add(1) < made->wanted, "an operation that ended twice");
    };
    const auto got = [made, last, life = std::make_shared<counted>(alive)](bool done, const gcd::data& chunk,
                                                                           int error) {
        {
            const std::lock_guard hold{made->lock};
            made->received += gcd_test::text(chunk);
        }
        must(error == 0 || made->stopped, "a read that failed");
        last(done);
    };
    const auto put = [made, last, life = std::make_shared<counted>(alive)](bool done, const gcd::data&, int error) {
        must(error == 0 || made->stopped, "a write that failed");
        last(done);
    };
    const gcd::data bytes{std::string_view{made->sent}};
    // Once active, it stays so.
    if (on->state->workloop && on->state->inactive) {
        const outcome came = attempt([&] { gcd::io_channel{ends.read.get(), gcd::io_type::stream, &*on->handle}; });
        must(came == outcome::bad_state || (came == outcome::done && !exact), "a channel on an inactive workloop");
        return;
    }
    if (how % 4 == 0) {
        // As much as any pipe takes at once.
        made->sent.resize(std::min<std::size_t>(made->sent.size(), 4'096));
        made->wanted = 2;
        gcd::write_async(ends.write.get(), bytes.subrange(0, made->sent.size()), *on->handle,
                         [put](const gcd::data& rest, int error) { put(true, rest, error); });
        if (made->sent.empty()) ends.write.close();
        gcd::read_async(ends.read.get(), 1, *on->handle, [made, last](const gcd::data& chunk, int error) {
            must(error == 0 && chunk.size() <= 1, "read_async");
            last(true);
        });
        made->stopped = true;
        return;
    }
    const auto cleanup = [made](int) { ++made->cleanups; };
    made->cleanups_wanted = 2;
    made->wanted = 2;
    made->stopped = how % 4 == 1;
    const gcd::io_channel reader{ends.read.get(), gcd::io_type::stream, &*on->handle, cleanup};
    const gcd::io_channel writer{ends.write.get(), gcd::io_type::stream, nullptr, cleanup};
    must(attempt([&] { gcd::io_channel{ends.read.get(), gcd::io_type::random}; }) == outcome::refused, "random pipe");
    ends.read.close();
    ends.write.close();
    if (how > 128) reader.set_high_water(how);
    reader.read(gcd::io_channel::unlimited, got);
    writer.write(bytes, put);
    if (how % 4 == 1) reader.close(true);
    if (how % 8 == 2) {
        ++made->wanted;
        reader.barrier([last] { last(true); });
    }
    writer.close(how % 8 == 1);
    must(writer.is_closed(), "not closed");
    must(attempt([&] { writer.write(bytes, put); }) == outcome::bad_state, "a write after close");
    must(attempt([&] { writer.set_low_water(1); }) == outcome::bad_state, "a mark after close");
}

void world::step_data(program& from) {
    std::string model;
    gcd::data bytes;
    for (unsigned left = from.below(12); left != 0; --left) {
        const unsigned what = from.next();
        std::string piece(what % 61, static_cast<char>('a' + what % 26));
        switch (what % 5) {
        case 0: bytes = bytes.concat(gcd::data{std::string_view{piece}}), model += piece; break;
        case 1: {
            ++releases;
            auto kept = std::make_shared<std::string>(piece);
            const gcd::data adopted{std::as_bytes(std::span{kept->data(), kept->size()}), gcd::queue::global_queue(),
                                    [this, kept] { ++released; }};
            bytes = adopted.concat(bytes), model = piece + model;
            break;
        }
        case 2: {
            const std::size_t at = from.next();
            const std::size_t length = what == 2 ? std::string::npos : what;
            bytes = bytes.subrange(at, length);
            model = at >= model.size() ? "" : model.substr(at, length);
            break;
        }
        case 3: {
            const auto [region, at] = bytes.copy_region(what);
            must(what < model.size() ? region.size() != 0 && at <= what && what < at + region.size() : region.empty(),
                 "copy_region");
            break;
        }
        default: {
            if (model.size() < 10'000) bytes = bytes.concat(bytes), model += model;
            std::size_t offset = 0;
            for (const auto& region : bytes.regions()) {
                must(region.offset == offset, "regions");
                offset += region.bytes.size();
            }
            break;
        }
        }
    }
    must(bytes.size() == model.size() && gcd_test::text(bytes) == model, "data differ");
}

/// Groups and semaphores, and what is never allowed.
void world::step_misuse(program& from) {
    const auto entry = queue(from.next());
    const gcd::queue& on = *entry->handle;
    group_entry& group = groups[from.below(2)];
    semaphore_entry& semaphore = semaphores[from.below(2)];
    switch (from.below(14)) {
    case 0: group.handle.enter().release(), ++group.entries; return;
    case 1: {
        const long before = group.entries;
        const outcome came = attempt([&] { group.handle.leave(); });
        must(came == outcome::done || came == outcome::bad_state, "leave");
        if (exact) must((came == outcome::done) == (before > 0), "a leave without its enter");
        if (came == outcome::done) --group.entries;
        return;
    }
    case 2: {
        auto token = group.handle.enter();
        const auto moved = std::move(token);
        return;
    }
    case 3: semaphore.handle.signal(), ++semaphore.value; return;
    case 4: {
        const bool got = semaphore.handle.try_wait();
        if (exact) must(got == (semaphore.value > 0), "a semaphore's value");
        if (got) --semaphore.value;
        return;
    }
    case 5: {
        if (waits >= 3) return;
        const bool there = semaphore.value > 0;
        const outcome came = patiently(*this, !there, [&] { semaphore.handle.wait(); });
        must(came == outcome::done || came == outcome::gave_up, "semaphore::wait");
        if (exact) must((came == outcome::done) == there, "a semaphore's value");
        if (came == outcome::done) --semaphore.value;
        return;
    }
    case 6: {
        for (const gcd::queue& own : {gcd::queue::global_queue(), gcd::queue::main_queue()}) {
            must(attempt([&] { own.suspend(); }) == outcome::bad_state, "suspending a queue of the system");
            must(attempt([&] { own.resume(); }) == outcome::bad_state, "resuming a queue of the system");
            must(attempt([&] { own.activate(); }) == outcome::bad_state, "activating a queue of the system");
            must(attempt([&] { own.set_target_queue(on); }) == outcome::bad_state, "retargeting a queue of the system");
        }
        return;
    }
    case 7: {
        if (from.thread != 0) return;
        must(attempt([] { gcd::queue::main_queue().run_sync([] {}); }) == outcome::deadlock, "the main thread's sync");
        return;
    }
    case 8: {
        gcd::queue gone = on.retain();
        const gcd::queue taken = std::move(gone);
        must(attempt([&] { gone.run_async([] {}); }) == outcome::bad_state, "moved from: run_async");
        must(attempt([&] { gone.run_sync([] {}); }) == outcome::bad_state, "moved from: run_sync");
        must(attempt([&] { gone.suspend(); }) == outcome::bad_state, "moved from: suspend");
        must(attempt([&] { gone.set_target_queue(on); }) == outcome::bad_state, "moved from: set_target_queue");
        must(attempt([&] { static_cast<void>(gone.label()); }) == outcome::bad_state, "moved from: label");
        must(attempt([&] { static_cast<void>(gone.retain()); }) == outcome::bad_state, "moved from: retain");
        must(attempt([&] { gcd::apply(1, gone, [](std::size_t) {}); }) == outcome::bad_state, "moved from: apply");
        must(attempt([&] { group.handle.run_async(gone, [] {}); }) == outcome::bad_state, "moved from: group");
        must(attempt([&] { gcd::timer{{.interval = 1s}, gone, [] {}}; }) == outcome::bad_state, "moved from: timer");
        must(attempt([&] { gcd::queue{"", {.target = &gone}}; }) == outcome::bad_state, "moved from: target");
        return;
    }
    case 9: {
        const std::function<void()> empty;
        must(attempt([&] { on.run_async(empty); }) == outcome::bad_argument, "empty: run_async");
        must(attempt([&] { on.run_sync(empty); }) == outcome::bad_argument, "empty: run_sync");
        must(attempt([&] { on.after(1ms, empty); }) == outcome::bad_argument, "empty: after");
        must(attempt([&] { group.handle.notify(on, empty); }) == outcome::bad_argument, "empty: notify");
        must(attempt([&] { gcd::timer{{.interval = 1s}, on, empty}; }) == outcome::bad_argument, "empty: timer");
        return;
    }
    case 10: {
        must(attempt([] { gcd::queue{std::string_view{"\0", 1}}; }) == outcome::bad_argument, "a NUL");
        must(attempt([] { gcd::queue{"", {.relative_priority = -1}}; }) == outcome::bad_argument, "no QoS");
        must(attempt([] { gcd::queue{"", {.qos = static_cast<gcd::qos>(77)}}; }) == outcome::bad_argument, "bad QoS");
        must(attempt([] { gcd::semaphore{-1}; }) == outcome::bad_argument, "a negative semaphore");
        must(attempt([&] { gcd::read_source{{-1}, on, [] {}}; }) == outcome::bad_argument, "a negative descriptor");
        must(attempt([&] { gcd::timer{{}, on, [] {}}; }) == outcome::bad_argument, "an interval of zero");
        must(attempt([] { gcd::io_channel{-1}; }) == outcome::bad_argument, "a negative descriptor");
        must(attempt([] { gcd::io_channel{1'000'000}; }) == outcome::refused, "no descriptor");
        const gcd::read_source closed{{std::numeric_limits<int>::max()}, on, [] {}};
        const bool refused = entry->state->workloop && entry->state->inactive;
        const outcome came = attempt([&] { closed.start(); });
        must(came == outcome::refused || (refused && came == outcome::bad_state), "a source on no descriptor");
        return;
    }
    case 11: {
        must(attempt([] { gcd::set_max_threads(0); }) == outcome::bad_argument, "no threads");
        gcd::set_max_threads(1 + from.below(4));
        return;
    }
    case 12: {
        // Held for a moment, also if another thread resumes it in between.
        if (!exact || entry->state->workloop) return;
        const gcd::suspension held = on.suspended();
        must(on.is_suspended(), "a suspension that isn't");
        return;
    }
    default: {
        const gcd::queue brief{"brief", {.target = &on, .inactive = from.below(2) != 0}};
        const auto& state = entry->state;
        ++state->submitted;
        const outcome came = attempt([&] {
            // It runs through the target, in no order that anybody knows.
            brief.run_async([state, life = counted{alive}] { ++state->ran; });
        });
        if (came != outcome::done) --state->submitted;
        must(came == outcome::done, "an active queue refused work");
        return;
    }
    }
}

/// Lets everything go, and counts.
void world::finish() {
    for (unsigned i = 0; i < sources_.size(); ++i) set_source(i, nullptr);
    for (auto& group : groups) {
        while (group.entries > 0) {
            group.handle.leave();
            --group.entries;
        }
        must(attempt([&] { group.handle.leave(); }) == outcome::bad_state, "a leave too many");
    }
    for (auto& semaphore : semaphores) {
        for (; semaphore.value > 0; --semaphore.value) must(semaphore.handle.try_wait(), "a unit is lost");
        must(!semaphore.handle.try_wait(), "a unit too many");
    }
    const auto release = [this] {
        for (const auto& entry : queues_) {
            if (entry == nullptr) continue;
            if (entry->state->inactive && attempt([&] { entry->handle->activate(); }) == outcome::done)
                entry->state->inactive = false;
            while (entry->handle->is_suspended() && attempt([&] { entry->handle->resume(); }) == outcome::done)
                --entry->state->suspensions;
        }
    };
    const auto is_over = [&] {
        release();
        for (const auto& state : states_)
            if (state->ran != state->submitted) return false;
        for (const auto& group : groups)
            if (group.notified != group.notifications) return false;
        for (const auto& each : flows_)
            if (each->done != each->wanted || each->cleanups != each->cleanups_wanted) return false;
        if (exact)
            for (const auto& source : source_states_)
                if (source->cancels != (source->has_cancel_handler ? 1 : 0)) return false;
        return released == releases && reported == thrown;
    };
    if (!gcd_test::await(is_over, 20s)) {
        for (const auto& state : states_) must(state->ran == state->submitted, "an item is lost, or ran twice");
        for (const auto& group : groups) must(group.notified == group.notifications, "a notification is lost");
        for (const auto& each : flows_) {
            must(each->done == each->wanted, "an operation is lost");
            must(each->cleanups == each->cleanups_wanted, "a cleanup is lost");
        }
        must(released == releases, "a buffer is never released");
        must(reported == thrown, "an exception is lost");
        must(false, "a cancel handler is lost");
    }
    for (const auto& source : source_states_) {
        must(source->cancels <= 1, "cancelled twice");
        must(source->registered <= 1, "registered twice");
    }
    for (const auto& each : flows_)
        if (!each->stopped && each->wanted != 0) must(each->received == each->sent, "bytes are lost");
    for (const auto& group : groups) must(group.handle.wait_for(20s), "a group never comes to zero");
    for (unsigned i = 0; i < queues_.size(); ++i) {
        const auto entry = queue(i);
        must(entry->state->suspensions == 0, "suspends and resumes don't match");
        must(attempt([&] { entry->handle->resume(); }) == outcome::bad_state, "a resume too many");
        set_queue(i, nullptr);
    }
    must(gcd_test::await([&] { return finalized == finalizers; }, 20s), "a finalizer is lost");
    must(gcd_test::await([] { return alive() == 0; }, 20s), "a callable is never destroyed");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    ::signal(SIGPIPE, SIG_IGN);
    gcd::set_exception_handler([](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const expected_error&) {
            ++reported;
        }
    });
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 2) return 0;
    reported = 0;
    const bool side_by_side = bytes[0] % 2 != 0;
    const std::size_t half = (size - 1) / 2;
    world all{!side_by_side};
    program first{bytes + 1, half, 0};
    program second{bytes + 1 + half, size - 1 - half, 1};
    if (side_by_side) {
        std::thread other{[&] { all.run(second); }};
        all.run(first);
        other.join();
    } else {
        all.run(first);
        all.run(second);
    }
    all.finish();
    return 0;
}
