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

#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/fork_lock.hpp>

#include <atomic>
#include <mutex>

namespace gcd::inline GCD_ABI::detail {

namespace native {

GCD_HIDDEN inline bool is_idle(group_object* group) noexcept {
    return (group->state.load(std::memory_order_relaxed) & group_object::count_mask) == 0 && is_left_free(group->lock);
}

GCD_HIDDEN inline bool is_idle(semaphore_object* semaphore) noexcept {
    return semaphore->value.load(std::memory_order_relaxed) >= 0 && is_left_free(semaphore->lock) &&
           semaphore->first == nullptr && semaphore->owed == 0;
}

GCD_HIDDEN inline bool is_idle(event_source* source) noexcept {
    return is_left_free(source->lock) && !source->started && !source->is_cancelled();
}

template <class Object> void adopt_idle(Object* inherited, const char* what) {
    const std::lock_guard hold{topology_lock};
    if (!is_inherited(inherited)) return;
    if (!is_idle(inherited)) throw_busy_parent(what);
    inherited->generation.store(fork_generation.load(std::memory_order_relaxed), std::memory_order_release);
}

} // namespace native

/// What had nothing under way in the parent is the child's as it was the parent's.
[[gnu::noinline]] GCD_HIDDEN inline void adopt(object* inherited, const char* what) {
    switch (inherited->kind) {
    case object_kind::group: return native::adopt_idle(static_cast<group_object*>(inherited), what);
    case object_kind::semaphore: return native::adopt_idle(static_cast<semaphore_object*>(inherited), what);
    case object_kind::source: {
        auto* source = static_cast<native::event_source*>(inherited);
        native::adopt_queue(source->queue, what);
        return native::adopt_idle(source, what);
    }
    case object_kind::channel: native::throw_busy_parent(what);
    default: return native::adopt_queue(static_cast<queue_object*>(inherited), what);
    }
}

} // namespace gcd::inline GCD_ABI::detail

#endif
