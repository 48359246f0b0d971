// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_RECURRING_HPP
#define GCD_DETAIL_IO_RECURRING_HPP
/// @file
/// Work that is submitted over and over, without an allocation.

#include <gcd/config.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// Makes a serial queue in front of another.
GCD_HIDDEN inline queue_object* serial_queue_before(queue_object* target) {
    queue_config config;
    config.target = target;
    config.has_target = true;
    return queue_create(config);
}

/// Submits a node that isn't in a list; it leaves the list before it runs, so that it may be submitted again then.
GCD_HIDDEN inline void submit_borrowed(queue_object* onto, work* node) noexcept {
    node->kind = work_kind::borrowed;
    try {
        queue_async(onto, node);
    } catch (...) {
        // Refused and dropped, which its function is told.
    }
}

/// Calls a function on a queue some time after each submit(); several of them may become one call.
class recurring_work final : work {
public:
    using function = void (*)(void* context);

    recurring_work(queue_object* on, function body, void* context) noexcept
        : work{&invoke}, on_{on}, body_{body}, context_{context} {}

    /// From any thread.
    void submit() noexcept {
        if (!submitted_.exchange(true, std::memory_order_acq_rel)) submit_borrowed(on_, this);
    }

private:
    static void invoke(work* base, op what) noexcept {
        auto* self = static_cast<recurring_work*>(base);
        self->submitted_.exchange(false, std::memory_order_acq_rel);
        if (what == op::run) self->body_(self->context_);
    }

    queue_object* const on_;
    const function body_;
    void* const context_;
    /// True from the submission that puts the node into the queue until it runs. acq_rel both ways: who finds it true
    /// has what it wrote before seen by the call.
    std::atomic<bool> submitted_{false};
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif
