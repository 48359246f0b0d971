// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_FUZZ_STEP_MISUSE_HPP
#define GCD_TEST_FUZZ_STEP_MISUSE_HPP
/// @file
/// Steps on groups and semaphores, and what is never allowed.

#include "world.hpp"

#include <gcd/gcd.hpp>

#include "counted.hpp"
#include "stress.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

namespace gcd_fuzz {

/// Groups and semaphores, and what is never allowed.
inline void world::step_misuse(program& from) {
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

} // namespace gcd_fuzz

#endif
