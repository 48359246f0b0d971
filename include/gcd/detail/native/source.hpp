// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SOURCE_HPP
#define GCD_DETAIL_NATIVE_SOURCE_HPP
/// @file
/// Sources on the event thread.
///
/// A source has one node, the step, which goes to the source's queue whenever there is something to do, and is on its
/// way once at most. A step does what there is: it calls the registration handler, or the event handler, or completes
/// the cancellation. So these never run side by side, on a concurrent queue either. The event thread only marks that
/// something has come, and brings the step on its way.
///
/// A step that leaves nothing behind ends without the source's lock, by the one change of the state from
/// `running | under_way` to nothing. Whoever brings an event, or cancels, marks it in the state, under the lock, before it
/// looks at `under_way`: either the mark is there first, and the step can't end like that, or the step has ended, and
/// another one is brought on its way. A resume finds the mark of what it lets go.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/linux/fd_room.hpp>
#include <gcd/detail/linux/watch.hpp>
#include <gcd/detail/native/event/loop.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/sync.hpp>
#include <gcd/detail/native/time.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/source_object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace gcd::inline GCD_ABI::detail::native {

using detail::source_data;
using detail::source_handle;
using detail::source_is_cancelled;
using detail::source_set_cancel_handler;
using detail::source_set_registration_handler;

/// A descriptor that the user may read or write; what it tells of is looked at anew for each delivery, as somebody else
/// may have been faster.
class user_descriptor {
public:
    void start(const source_config& config) {
        writes_ = config.kind == source_kind::write;
        fd_ = open_descriptor(config.handle, what());
    }
    [[nodiscard]] const char* what() const noexcept {
        return writes_ ? "gcd::write_source::start" : "gcd::read_source::start";
    }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::uint32_t events() const noexcept { return writes_ ? EPOLLOUT : EPOLLIN; }
    [[nodiscard]] bool is_ready() const noexcept { return sys::is_ready(fd_, writes_ ? POLLOUT : POLLIN); }
    [[nodiscard]] std::uint64_t data() const noexcept { return writes_ ? room_to_write(fd_) : bytes_to_read(fd_); }

private:
    int fd_ = -1;
    bool writes_ = false;
};

/// All fields under the object's lock, save those that are the loop's, and the state.
struct GCD_VISIBLE event_source : source_object {
    /// More bits of `state`.
    enum : unsigned {
        has_event = 8,  ///< there is something to tell
        under_way = 16, ///< the step is on its way, or runs, or was the last one
    };

    struct step_node : work {
        event_source* of;
    };
    struct its_time : timed {
        event_source* of;
    };
    struct its_watcher : descriptor_watcher {
        event_source* of;
    };

    bool is_complete = false;
    /// Of a timer; raised by each set_timer: what is told of an earlier one is void.
    std::uint32_t setting = 0;
    step_node step;

    // A timer.
    std::int64_t target = end_of_time; ///< when it is due next; ns on the time's clock
    std::int64_t interval = end_of_time;
    std::int64_t leeway = 0;
    its_time time;

    // The others.
    its_watcher watcher;
    bool is_always_ready = false;
    user_descriptor descriptor; ///< of a read or write source
    watch watched;              ///< of a signal or process source

    event_source(const source_config& from, queue_object* on, std::function<void(std::uint64_t)> event);

    [[nodiscard]] bool is_of(source_kind wanted) const noexcept { return config.kind == wanted; }
    [[nodiscard]] bool has(unsigned bits) const noexcept { return (state.load(std::memory_order_relaxed) & bits) != 0; }
    /// Under the lock. acq_rel, as the step before may have ended without it, and what its handler did comes first.
    void mark(unsigned bits, bool on = true) noexcept {
        if (on)
            state.fetch_or(bits, std::memory_order_acq_rel);
        else
            state.fetch_and(~bits, std::memory_order_acq_rel);
    }
    [[nodiscard]] bool has_user_descriptor() const noexcept {
        return is_of(source_kind::read) || is_of(source_kind::write);
    }
};

GCD_HIDDEN inline event_source* as_event_source(source_object* object) noexcept {
    return static_cast<event_source*>(object);
}

// --- life ---------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void keep(event_source* source) noexcept { source->keeps.fetch_add(1, std::memory_order_relaxed); }

GCD_HIDDEN inline void let_go(event_source* source) noexcept {
    if (source->keeps.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    let_go(source->queue);
    delete source;
}

// --- the step's way -----------------------------------------------------------------------------------------------

/// Under the lock. Only a cancellation isn't held up by suspensions.
GCD_HIDDEN inline bool has_something_to_do(const event_source* source) noexcept {
    if (source->is_cancelled()) return !source->is_complete;
    return source->started && source->suspensions == 0 &&
           (source->has(event_source::has_event) || source->on_registration);
}

/// An inactive workloop would refuse the completion of a source that was not started.
GCD_HIDDEN inline void submit_step(event_source* source) {
    queue_object* global = refuses_work(source->queue) ? queue_global(gcd::qos::default_class) : nullptr;
    source->step.queue = global != nullptr ? global : source->queue;
    submit(&source->step);
    if (global != nullptr) release(global);
}

/// Holds a source's lock, and then brings the step on its way if there is need for it.
class source_guard {
public:
    explicit source_guard(event_source* source) : source_{source} { source_->lock.lock(); }
    source_guard(const source_guard&) = delete;
    source_guard& operator=(const source_guard&) = delete;
    ~source_guard() {
        const bool needed = !source_->has(event_source::under_way) && has_something_to_do(source_);
        if (needed) source_->mark(event_source::under_way);
        source_->lock.unlock();
        if (needed) submit_step(source_);
    }

private:
    event_source* source_;
};

// --- what the event thread tells ----------------------------------------------------------------------------------

GCD_HIDDEN inline void time_has_come(timed* entry, telling what) noexcept {
    event_source* source = static_cast<event_source::its_time*>(entry)->of;
    if (what == telling::keep) return keep(source);
    {
        const source_guard hold{source};
        if (entry->told_mark == source->setting) source->mark(event_source::has_event);
    }
    let_go(source);
}

GCD_HIDDEN inline void descriptor_is_ready(descriptor_watcher* entry, telling what) noexcept {
    event_source* source = static_cast<event_source::its_watcher*>(entry)->of;
    if (what == telling::keep) return keep(source);
    {
        const source_guard hold{source};
        source->mark(event_source::has_event);
    }
    let_go(source);
}

// --- timers -------------------------------------------------------------------------------------------------------

/// Gives a timer the settings that its configuration has now. If that fails, nothing has changed.
GCD_HIDDEN inline void set_time(event_source* source, const timer_config& from) {
    const bool relative = !from.start_is_absolute;
    const bool endless = !from.repeating || from.interval == end_of_time;
    const bool starts = relative ? from.start_delay != end_of_time : from.start != time_forever;
    const clock on = relative || !starts ? clock::uptime : time_clock(from.start);
    event_loop& loop = the_loop();
    const std::int64_t now = loop.now(on);
    const std::int64_t target = !starts ? end_of_time
                                : relative || is_now(from.start)
                                    ? saturated_sum(now, std::max(from.start_delay, std::int64_t{0}))
                                    : time_nanoseconds(from.start);
    const std::int64_t interval = endless ? end_of_time : std::max(from.interval, std::int64_t{1});
    const std::int64_t leeway = endless ? from.leeway : std::min(from.leeway, interval / 2);
    const bool due = target <= now;
    if (target == end_of_time || (due && endless))
        loop.clear(&source->time);
    else
        loop.set(&source->time, on, due ? end_of_time : target, leeway, source->setting + 1);
    ++source->setting;
    source->target = target;
    source->interval = interval;
    source->leeway = leeway;
    source->mark(event_source::has_event, due);
}

GCD_HIDDEN inline void source_set_timer(source_object* object, const timer_config& timer) {
    event_source* source = as_event_source(checked(object, "gcd::timer::set_timer"));
    const source_guard hold{source};
    if (source->started && !source->is_cancelled()) set_time(source, timer);
    source->config.timer = timer;
}

// --- the step -----------------------------------------------------------------------------------------------------

/// Under the lock, with an event. False if there is nothing to tell after all: somebody else was faster.
GCD_HIDDEN inline bool take_event(event_source* source, std::uint64_t& data) noexcept {
    switch (source->config.kind) {
    case source_kind::timer: {
        // One that is due once needs no clock.
        const bool once = source->interval == end_of_time;
        const std::int64_t now = once ? source->target : the_loop().now(source->time.on);
        const elapsed_intervals elapsed{source->target, source->interval, now};
        source->target = elapsed.next;
        data = elapsed.count;
        return true;
    }
    case source_kind::read:
    case source_kind::write:
        if (!source->is_always_ready && !source->descriptor.is_ready()) return false;
        data = source->descriptor.data();
        return true;
    default: return source->watched.take(data);
    }
}

/// Under the lock, after a delivery: waits for the next event. `setting` is the timer's before it.
GCD_HIDDEN inline void wait_for_next(event_source* source, std::uint32_t setting) noexcept {
    event_loop& loop = the_loop();
    if (source->is_of(source_kind::timer)) {
        if (source->setting != setting || source->target == end_of_time) return;
        if (source->target <= loop.now(source->time.on))
            source->mark(event_source::has_event);
        else
            loop.arm(&source->time, source->target, source->leeway, setting);
    } else if (source->is_always_ready) {
        source->mark(event_source::has_event);
    } else if (!source->is_of(source_kind::process)) {
        // Who has a row of events to tell of is told of the next one when it is the queue's turn again.
        loop.arm(&source->watcher);
    }
}

/// Under the lock: takes the event, and says that the handler runs, if it has to.
GCD_HIDDEN inline bool begin_delivery(event_source* source, std::uint64_t& data) noexcept {
    const bool begins = take_event(source, data);
    // By the step itself, and under the lock: nobody else changes the state.
    const unsigned seen = source->state.load(std::memory_order_relaxed) & ~unsigned{event_source::has_event};
    source->state.store(begins ? seen | source_object::running : seen, std::memory_order_relaxed);
    return begins;
}

/// Under the lock.
GCD_HIDDEN inline void end_delivery(event_source* source) noexcept {
    source->mark(source_object::running, false);
    if (source->has(source_object::awaited)) source->idle.notify_all();
}

/// What a delivery leaves to be done.
struct delivered {
    bool has_run = false;      ///< and is to be ended
    bool waits_again = false;  ///< for the next event
    std::uint32_t setting = 0; ///< the timer's before it
};

GCD_HIDDEN inline delivered deliver(event_source* source) noexcept {
    std::function<void()> registration;
    std::uint64_t data = 0;
    delivered done;
    {
        const std::lock_guard hold{source->lock};
        if (source->is_cancelled() || source->suspensions != 0) return {};
        if (source->on_registration) {
            registration.swap(source->on_registration);
        } else if (source->has(event_source::has_event)) {
            done.has_run = begin_delivery(source, data);
            done.waits_again = !source->is_of(source_kind::timer) || source->target != end_of_time;
            done.setting = source->setting;
        }
    }
    // What has come meanwhile is the next step's.
    if (registration) {
        release_carried_here();
        deliver_once(source, std::move(registration));
    }
    if (done.has_run) deliver_data(source, data);
    return done;
}

/// Ends a step that leaves nothing behind, if nothing has come meanwhile. The source may be gone then.
GCD_HIDDEN inline bool try_end(event_source* source) noexcept {
    unsigned alone = unsigned{source_object::running} | event_source::under_way;
    return source->state.compare_exchange_strong(alone, 0, std::memory_order_acq_rel, std::memory_order_relaxed);
}

/// What a step does last.
enum class step_end : unsigned char { nothing_left, again, completion };

/// Under the lock.
GCD_HIDDEN inline step_end end_of_step(event_source* source) noexcept {
    if (source->is_cancelled()) {
        source->is_complete = true;
        return step_end::completion;
    }
    if (has_something_to_do(source)) return step_end::again;
    source->mark(event_source::under_way, false);
    return step_end::nothing_left;
}

/// Nothing of the system's is looked at any more.
GCD_HIDDEN inline void complete(event_source* source) noexcept {
    detail::complete(source, [source] { source->watched.close(); });
}

GCD_HIDDEN inline void run_step(work* node, op) noexcept {
    event_source* source = static_cast<event_source::step_node*>(node)->of;
    // All that a step reads, at once: by the time that a timer is due, it has mostly left the caches.
    __builtin_prefetch(&source->config.kind);
    __builtin_prefetch(&source->on_registration);
    __builtin_prefetch(&source->on_event);
    __builtin_prefetch(&source->target);
    const delivered done = deliver(source);
    if (done.has_run && !done.waits_again && try_end(source)) return;
    // In the child of a fork that a handler has made, the rest is the parent's, and the lock may be one of its threads'.
    if (is_inherited(source)) [[unlikely]]
        return;
    step_end end;
    {
        const std::lock_guard hold{source->lock};
        if (done.has_run) end_delivery(source);
        if (done.waits_again && !source->is_cancelled()) wait_for_next(source, done.setting);
        end = end_of_step(source);
    }
    // Once more, it goes to the queue's end.
    if (end == step_end::again) submit_step(source);
    if (end != step_end::completion) return;
    // The event handler may have asked for a carried lock, and the step so too, but the other handlers need not.
    release_carried_here();
    complete(source);
    let_go(source);
}

// --- the seam -----------------------------------------------------------------------------------------------------

inline event_source::event_source(const source_config& from, queue_object* on, std::function<void(std::uint64_t)> event)
    : source_object{from, on, std::move(event)},
      step{{.fn = &run_step, .kind = work_kind::borrowed, .carries = from.carries}, this},
      time{timed{&time_has_come}, this}, watcher{descriptor_watcher{&descriptor_is_ready}, this} {}

GCD_HIDDEN inline source_object* source_create(const source_config& config, queue_object* on,
                                               std::function<void(std::uint64_t)> event) {
    static_cast<void>(checked(on, "gcd::source: queue"));
    the_pool(); // the queue may come from another library, which is not the one to stay loaded
    auto* made = new event_source{config, on, std::move(event)};
    keep(made); // until it is complete
    keep(on);
    return made;
}

GCD_HIDDEN inline void retain(source_object* source) noexcept {
    source->handles.fetch_add(1, std::memory_order_relaxed);
}

/// Under the lock: nothing more is told of. The user may close a descriptor afterwards.
GCD_HIDDEN inline void stop_watching(event_source* source) noexcept {
    if (source->is_of(source_kind::timer)) return the_loop().clear(&source->time);
    the_loop().unwatch(&source->watcher);
    source->watched.stop();
}

/// Where nothing is to be called any more, the handlers can be destroyed at once, in a turn on the queue that can be
/// had without waiting: most timers go like that, and a step costs more than all the rest of a timer.
GCD_HIDDEN inline bool try_turn(lane* of) noexcept {
    if (of->kind == object_kind::global_queue) return true;
    if (of->kind != object_kind::queue || !(of->serial ? try_take(of) : try_read(of))) return false;
    if (target_lane(of) == nullptr) return true;
    const turn not_used{of, of->serial};
    return false;
}

GCD_HIDDEN inline void cancel_checked(source_object* object) noexcept {
    event_source* source = as_event_source(object);
    lane* on = as_lane(source->queue);
    bool completes = false;
    {
        const source_guard hold{source};
        const unsigned before = source->state.fetch_or(source_object::cancelled, std::memory_order_acq_rel);
        if ((before & source_object::cancelled) != 0) return;
        if (source->started) stop_watching(source);
        completes = !source->has(event_source::under_way) && !source->on_cancel && try_turn(on);
        source->is_complete = completes;
    }
    if (!completes) return;
    {
        const turn held{on->kind == object_kind::global_queue ? nullptr : on, on->serial};
        complete(source);
    }
    let_go(source);
}

/// The last handle cancels. In the child of a fork what the parent watched can't be ended, and stays.
GCD_HIDDEN inline void release(source_object* source) noexcept {
    if (source->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (is_inherited(source)) return;
    cancel_checked(source);
    let_go(as_event_source(source));
}

GCD_HIDDEN inline void watch_descriptor(event_source* source, int fd, std::uint32_t events, const char* what) {
    source->is_always_ready =
        the_loop().watch(&source->watcher, fd, events, what) == descriptor_table::added::always_ready;
    source->mark(event_source::has_event, source->is_always_ready);
}

GCD_HIDDEN inline void source_start(source_object* object) {
    event_source* source = as_event_source(checked(object, "gcd::source::start"));
    const source_guard hold{source};
    if (!may_start(source)) return;
    if (source->is_of(source_kind::timer)) {
        set_time(source, source->config.timer);
    } else if (source->has_user_descriptor()) {
        source->descriptor.start(source->config);
        watch_descriptor(source, source->descriptor.fd(), source->descriptor.events(), source->descriptor.what());
    } else {
        source->watched.start(source->config);
        try {
            watch_descriptor(source, source->watched.fd(), EPOLLIN, "gcd::source::start");
        } catch (...) {
            source->watched.stop();
            source->watched.close();
            throw;
        }
    }
    source->started = true;
}

GCD_HIDDEN inline void source_suspend(source_object* source) {
    const std::lock_guard hold{checked(source, "gcd::source::suspend")->lock};
    ++source->suspensions;
}

GCD_HIDDEN inline void source_resume(source_object* source) {
    const source_guard hold{as_event_source(checked(source, "gcd::source::resume"))};
    take_source_suspension(source);
}

GCD_HIDDEN inline void source_cancel(source_object* source) { cancel_checked(checked(source, "gcd::source::cancel")); }

GCD_HIDDEN inline void source_cancel_and_wait(source_object* source) {
    const in_use<source_object> used{checked(source, "gcd::source::cancel_and_wait")};
    cancel_and_wait(source, &cancel_checked);
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
