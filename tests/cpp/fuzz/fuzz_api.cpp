// SPDX-License-Identifier: MIT
/// @file
/// The bytes of an input are two programs of legal and illegal calls over all objects; a model says what each must answer.
///
/// An odd first byte: the two run side by side, and sums have to come out even. An even one: one after the other on one
/// thread, and each call's outcome is known beforehand. Whatever was submitted has to run, or to be dropped, at the end.
/// A program that ends early goes on as zeros, so every input is valid, and runs again as it is.

#include "step_events.hpp"
#include "step_misuse.hpp"
#include "step_queues.hpp"
#include "world.hpp"

#include <gcd/gcd.hpp>

#include "await.hpp"
#include "stress.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include <signal.h>

namespace gcd_fuzz {

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

} // namespace gcd_fuzz

using gcd_fuzz::expected_error;
using gcd_fuzz::program;
using gcd_fuzz::reported;
using gcd_fuzz::world;

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
