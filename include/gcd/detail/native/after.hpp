// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_AFTER_HPP
#define GCD_DETAIL_NATIVE_AFTER_HPP
/// @file
/// Work that is submitted later.

#include <gcd/config.hpp>
#include <gcd/detail/native/event/loop.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/time.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>

namespace gcd::inline GCD_ABI::detail::native {

/// Work on its way to a queue, which it keeps.
struct delayed : timed {
    work* item;

    explicit delayed(work* later) noexcept : timed{&told}, item{later} { keep(item->queue); }

    static void told(timed* entry, telling what) noexcept {
        if (what == telling::keep) return;
        auto* self = static_cast<delayed*>(entry);
        queue_object* queue = self->item->queue;
        submit(self->item);
        let_go(queue);
        free(self);
    }
    static void free(delayed* self) noexcept {
        self->~delayed();
        memory::deallocate(self, sizeof(delayed));
    }
};

/// As late as libdispatch allows itself to be: a tenth of the time, within a millisecond and a minute. Rounded down to
/// its first digits, so that many who wait for one time, each a little shorter than the one before, give one last
/// moment.
GCD_HIDDEN inline std::int64_t leeway_of_delay(std::int64_t delay) noexcept {
    const auto leeway =
        static_cast<std::uint64_t>(std::clamp(delay / 10, std::int64_t{1'000'000}, std::int64_t{60'000'000'000}));
    return static_cast<std::int64_t>(leeway & (~std::uint64_t{0} << (std::bit_width(leeway) - 3)));
}

GCD_HIDDEN inline void queue_after(queue_object* queue, std::uint64_t when, work* item) {
    accept(queue, "gcd::queue::after", item);
    if (when == time_forever) return drop(item);
    const clock on = time_clock(when);
    const std::int64_t target = is_now(when) ? 0 : time_nanoseconds(when);
    const std::int64_t delay = target == 0 ? 0 : target - read_clock(clock_id(on));
    if (delay <= 0) return submit(item);
    delayed* entry = nullptr;
    try {
        entry = new (memory::allocate(sizeof(delayed))) delayed{item};
        the_loop().arm_once(entry, on, target, leeway_of_delay(delay));
    } catch (...) {
        if (entry != nullptr) {
            let_go(queue);
            delayed::free(entry);
        }
        drop(item);
        throw;
    }
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
