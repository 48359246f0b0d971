// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_FUZZ_WORLD_HPP
#define GCD_TEST_FUZZ_WORLD_HPP
/// @file
/// The objects of a run, what each must say, and what an item does.

#include <gcd/gcd.hpp>

#include "counted.hpp"
#include "stress.hpp"
#include "temp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace gcd_fuzz {

using namespace std::chrono_literals;
using gcd_test::counted;
using gcd_test::must;

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
inline std::atomic<long> reported{0};

inline gcd_test::live_count alive;
inline const gcd::specific_key<int> key;

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
        // The last handle's end lets go what was held. Others look at the state only as a target's, and not before that end
        // has shown.
        state->suspensions = 0;
        state->inactive = false;
        handle.reset();
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

inline void world::run(program from) {
    for (int steps = 0; from.more() && steps < 150; ++steps) step(from);
}

inline void world::step(program& from) {
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

} // namespace gcd_fuzz

#endif
