// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_BACKEND_HPP
#define GCD_DETAIL_NATIVE_BACKEND_HPP
/// @file
/// The engine `native`: our own, for Linux.

#include <gcd/detail/native/time.hpp>

#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sync.hpp>

#include <gcd/detail/native/after.hpp>
#include <gcd/detail/native/apply.hpp>
#include <gcd/detail/native/data.hpp>
#include <gcd/detail/native/group.hpp>
#include <gcd/detail/native/io.hpp>
#include <gcd/detail/native/main.hpp>
#include <gcd/detail/native/once.hpp>
#include <gcd/detail/native/semaphore.hpp>
#include <gcd/detail/native/source.hpp>

namespace gcd::inline GCD_ABI::detail {

/// What had nothing under way in the parent is the child's as it was the parent's.
[[gnu::noinline]] GCD_HIDDEN inline void adopt(object* inherited, const char* what) {
    bool idle = true;
    switch (inherited->kind) {
    case object_kind::group:
        idle = (static_cast<group_object*>(inherited)->state.load(std::memory_order_relaxed) &
                group_object::count_mask) == 0;
        break;
    case object_kind::semaphore: {
        const auto* semaphore = static_cast<semaphore_object*>(inherited);
        idle = semaphore->value.load(std::memory_order_relaxed) >= 0 && semaphore->first == nullptr;
        break;
    }
    case object_kind::source: {
        const auto* source = static_cast<native::event_source*>(inherited);
        idle = !source->started && !source->is_cancelled();
        if (idle) native::adopt_queue(source->queue, what);
        break;
    }
    case object_kind::channel: idle = false; break;
    default: return native::adopt_queue(static_cast<queue_object*>(inherited), what);
    }
    if (!idle) native::throw_busy_parent(what);
    inherited->generation.store(fork_generation.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

} // namespace gcd::inline GCD_ABI::detail

#endif
