// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SOURCE_OBJECT_HPP
#define GCD_DETAIL_SOURCE_OBJECT_HPP
/// @file
/// What stands beside every engine's sources: handlers, cancellation, and how a delivery and a cancellation meet.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

struct GCD_VISIBLE source_object : object {
    /// Bits of `state`.
    enum : unsigned {
        cancelled = 1, ///< set by cancel, for good
        running = 2,   ///< set by a delivery, in one with its look at `cancelled`; cleared after the event handler
        awaited = 4,   ///< set by cancel_and_wait under the lock: the delivery that ends is to announce it
    };

    // What a delivery has nothing to do with comes first, so that the rest lies together with the engine's own.
    std::condition_variable idle;
    std::function<void()> on_cancel; ///< under the lock
    source_config config;            ///< the timer part under the lock

    std::mutex lock;
    std::function<void()> on_registration; ///< under the lock
    std::size_t suspensions = 0;           ///< under the lock
    queue_object* const queue;             ///< with one engine reference
    /// Run and destroyed by deliveries and the completion, which an engine never runs side by side.
    std::function<void(std::uint64_t)> on_event;
    /// The frame of the delivery that runs, so that a call can tell that it comes out of the handler. Relaxed: only its
    /// own thread, and threads that work for it, can find it among their frames.
    std::atomic<frame*> active{nullptr};
    /// Of the latest delivery. Relaxed: a number.
    std::atomic<std::uint64_t> data{0};
    /// A delivery sets `running` and looks at `cancelled` in one step or one hold of the lock, a cancel sets `cancelled`:
    /// by the order of these two either the delivery sees it and calls nothing, or it had begun before. Who finds
    /// `running` cleared also sees what the handler did.
    std::atomic<unsigned> state{0};
    /// Who needs the memory: all handles together, and the engine's. Whoever lowers it to zero (acq_rel) frees it.
    std::atomic<int> keeps{1};
    bool started = false; ///< under the lock

    source_object(const source_config& from, queue_object* on, std::function<void(std::uint64_t)> event)
        : object{object_kind::source}, config{from}, queue{on}, on_event(std::move(event)) {}

    [[nodiscard]] bool is_cancelled() const noexcept {
        return (state.load(std::memory_order_acquire) & cancelled) != 0;
    }
};

// --- deliveries ---------------------------------------------------------------------------------------------------

/// While `running`: calls the event handler. An exception goes to the process' exception handler.
GCD_HIDDEN inline void deliver_data(source_object* source, std::uint64_t data) noexcept {
    source->data.store(data, std::memory_order_relaxed);
    handler_frame inside{source->queue};
    source->active.store(&inside, std::memory_order_relaxed);
    try {
        source->on_event(data);
    } catch (...) {
        report_exception();
    }
    source->active.store(nullptr, std::memory_order_relaxed);
}

/// Calls a handler that is called once, and destroys it.
GCD_HIDDEN inline void deliver_once(source_object* source, std::function<void()> handler) noexcept {
    if (!handler) return;
    const handler_frame inside{source->queue};
    try {
        handler();
    } catch (...) {
        report_exception();
    }
    handler = nullptr;
}

/// The end of a cancellation: no handler will be called again. `free` gives the engine's and the system's part back.
template <class Free> void complete(source_object* source, Free&& free) noexcept {
    std::function<void()> last;
    {
        const std::lock_guard hold{source->lock};
        free();
        last.swap(source->on_cancel);
    }
    deliver_once(source, std::move(last));
    const handler_frame inside{source->queue};
    source->on_event = nullptr;
    source->on_registration = nullptr;
}

// --- checks -------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline bool refuses_work(const queue_object* queue) noexcept {
    return queue->kind == object_kind::workloop && queue->inactive.load(std::memory_order_acquire);
}

/// Under the lock. False if it was started before.
GCD_HIDDEN inline bool may_start(const source_object* source) {
    if (source->is_cancelled()) throw std::logic_error("gcd::source::start: the source was cancelled; make a new one");
    if (source->started) return false;
    if (refuses_work(source->queue))
        throw std::logic_error(message({"gcd::source::start: the workloop ", describe(source->queue),
                                        " is inactive and takes no work before activate()"}));
    return true;
}

/// Under the lock: one suspension fewer.
GCD_HIDDEN inline void take_source_suspension(source_object* source) {
    if (source->suspensions == 0)
        throw std::logic_error(
            "gcd::source::resume: the source is not suspended; each resume() needs a suspend() before it");
    --source->suspensions;
}

/// True on the thread of the running handler, and on those that work for it.
GCD_HIDDEN inline bool is_inside(const source_object* source) noexcept {
    const frame* active = source->active.load(std::memory_order_relaxed);
    if (active == nullptr) return false;
    for (const frame* seen = innermost_frame; seen != nullptr; seen = seen->previous)
        if (seen == active) return true;
    return false;
}

/// Cancels by the engine's own means, and waits for the delivery that runs.
template <class Cancel> void cancel_and_wait(source_object* source, Cancel&& cancel) {
    if (is_inside(source))
        throw would_deadlock("gcd::source::cancel_and_wait: called inside the source's own event handler, which it "
                             "would wait for; use cancel() there");
    const give_up* ask = current_interruption();
    cancel(source);
    std::unique_lock hold{source->lock};
    while ((source->state.fetch_or(source_object::awaited, std::memory_order_acq_rel) & source_object::running) != 0) {
        if (ask == nullptr) {
            source->idle.wait(hold);
            continue;
        }
        source->idle.wait_for(hold, std::chrono::milliseconds{50});
        hold.unlock();
        if (ask->asked(ask)) throw interrupted{};
        hold.lock();
    }
}

// --- calls of the seam that are the same for every engine -----------------------------------------------------------

/// The former handler ends outside the lock.
GCD_HIDDEN inline void source_set_cancel_handler(source_object* source, std::function<void()> callable) {
    const std::lock_guard hold{checked(source, "gcd::source::set_cancel_handler")->lock};
    if (!source->is_cancelled()) source->on_cancel.swap(callable);
}

GCD_HIDDEN inline void source_set_registration_handler(source_object* source, std::function<void()> callable) {
    const std::lock_guard hold{checked(source, "gcd::source::set_registration_handler")->lock};
    if (source->started)
        throw std::logic_error("gcd::source::set_registration_handler: the source was started already; set it before");
    if (!source->is_cancelled()) source->on_registration.swap(callable);
}

GCD_HIDDEN inline bool source_is_cancelled(source_object* source) {
    return checked(source, "gcd::source::is_cancelled")->is_cancelled();
}

GCD_HIDDEN inline std::uint64_t source_data(source_object* source) {
    return checked(source, "gcd::source::data")->data.load(std::memory_order_relaxed);
}

GCD_HIDDEN inline int source_handle(source_object* source) {
    return checked(source, "gcd::source::handle")->config.handle;
}

} // namespace gcd::inline GCD_ABI::detail

#endif
