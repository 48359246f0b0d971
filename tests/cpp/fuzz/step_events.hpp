// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_FUZZ_STEP_EVENTS_HPP
#define GCD_TEST_FUZZ_STEP_EVENTS_HPP
/// @file
/// Steps on sources, channels and data.

#include "world.hpp"

#include <gcd/gcd.hpp>

#include "collect.hpp"
#include "counted.hpp"
#include "stress.hpp"
#include "temp.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <unistd.h>

namespace gcd_fuzz {

inline void world::step_source(program& from) {
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

inline void world::step_io(program& from) {
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

inline void world::step_data(program& from) {
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

} // namespace gcd_fuzz

#endif
