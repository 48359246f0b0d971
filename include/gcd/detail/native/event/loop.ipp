// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_EVENT_LOOP_IPP
#define GCD_DETAIL_NATIVE_EVENT_LOOP_IPP
/// @file
/// What the event thread does, and what others do for it.

#include <gcd/config.hpp>
#include <gcd/detail/native/event/loop.hpp>
#include <gcd/detail/native/sched/pool.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <mutex>
#include <utility>

#include <pthread.h>

namespace gcd::inline GCD_ABI::detail::native {

// --- times --------------------------------------------------------------------------------------------------------

inline void event_loop::arm_once(timed* entry, clock on, std::int64_t target, std::int64_t leeway) {
    const std::lock_guard hold{lock_};
    make_room(on);
    ++line_of(on).enlisted;
    entry->on = on;
    entry->once = true;
    insert(entry, target, leeway, 0);
}

inline void event_loop::set(timed* entry, clock on, std::int64_t target, std::int64_t leeway, std::uint32_t mark) {
    const std::lock_guard hold{lock_};
    make_room(on);
    if (entry->is_enlisted) {
        take_out(entry);
        --line_of(entry->on).enlisted;
    }
    ++line_of(on).enlisted;
    entry->on = on;
    entry->is_enlisted = true;
    if (target != end_of_time) insert(entry, target, leeway, mark);
}

inline void event_loop::arm(timed* entry, std::int64_t target, std::int64_t leeway, std::uint32_t mark) noexcept {
    const std::lock_guard hold{lock_};
    insert(entry, target, leeway, mark);
}

inline void event_loop::clear(timed* entry) noexcept {
    const std::lock_guard hold{lock_};
    if (!entry->is_enlisted) return;
    take_out(entry);
    entry->is_enlisted = false;
    --line_of(entry->on).enlisted;
    rest();
}

/// For one entry more.
inline void event_loop::make_room(clock on) {
    timeline& line = line_of(on);
    if (line.timer.get() < 0) [[unlikely]]
        open(on);
    need_thread();
    line.waiting.reserve(line.enlisted + 1);
}

inline void event_loop::insert(timed* entry, std::int64_t target, std::int64_t leeway, std::uint32_t mark) noexcept {
    timeline& line = line_of(entry->on);
    entry->target = target;
    entry->latest = saturated_sum(target, leeway);
    entry->mark = mark;
    line.waiting.insert(entry);
    wake_by(entry->on, entry->latest);
}

inline void event_loop::take_out(timed* entry) noexcept {
    if (entry->is_waiting()) line_of(entry->on).waiting.remove(entry);
}

// --- descriptors --------------------------------------------------------------------------------------------------

inline descriptor_table::added event_loop::watch(descriptor_watcher* watcher, int fd, std::uint32_t events,
                                                 const char* what) {
    const std::lock_guard hold{lock_};
    need_thread();
    return descriptors_.add(watcher, fd, events, what);
}

inline void event_loop::unwatch(descriptor_watcher* watcher) noexcept {
    const std::lock_guard hold{lock_};
    descriptors_.remove(watcher);
    rest();
}

inline void event_loop::arm(descriptor_watcher* watcher) noexcept {
    const std::lock_guard hold{lock_};
    descriptors_.arm(watcher);
}

inline event_loop::state event_loop::look() noexcept {
    const std::lock_guard hold{lock_};
    return {threads_, asleep_.load(std::memory_order_relaxed), descriptors_.times_rebuilt()};
}

// --- the thread ---------------------------------------------------------------------------------------------------

inline bool event_loop::somebody_waits() const noexcept {
    for (const timeline& line : lines_)
        if (line.enlisted != 0) return true;
    return !descriptors_.empty();
}

/// Makes what is missing. What was made stays if the rest can't be.
inline void event_loop::open(clock on) {
    descriptors_.open();
    unique_fd timer{sys::timer_create(clock_id(on))};
    if (timer.get() < 0) throw_errno(errno, "gcd: timerfd_create");
    if (const int error = descriptors_.add_own(timer.get()); error != 0) throw_errno(error, "gcd: epoll_ctl");
    line_of(on).timer = std::move(timer);
}

inline void event_loop::need_thread() {
    if (threads_ != 0) [[likely]]
        return;
    // Also tells the thread when it may end.
    if (line_of(clock::uptime).timer.get() < 0) open(clock::uptime);
    // It may run items of the usual level, so that it must not begin as nice as a worker of a lower one.
    if (the_pool().nicer_than_here() < 0) return ask_monitor();
    if (const int error = pool_threads::start(&body, this); error != 0) throw_errno(error, "gcd: pthread_create");
    ++threads_;
}

/// Has the monitor start the thread.
inline void event_loop::ask_monitor() noexcept {
    the_pool().send_monitor(+[]() noexcept { the_loop().start_for_others(); });
}

/// On the monitor's thread. If the system has no thread to give, it is asked again.
inline void event_loop::start_for_others() noexcept {
    const std::lock_guard hold{lock_};
    if (threads_ != 0 || !somebody_waits()) return;
    if (pool_threads::start(&body, this) == 0)
        ++threads_;
    else
        ask_monitor();
}

/// Another one to sleep while this one runs items. If there can't be one, it leaves them to the pool.
inline void event_loop::need_second() noexcept {
    if (threads_ == 1 && pool_threads::start(&body, this) == 0) ++threads_;
}

/// Sees to it that the thread wakes up by then.
inline void event_loop::wake_by(clock on, std::int64_t at) noexcept {
    timeline& line = line_of(on);
    if (at >= line.set_to) return;
    sys::timer_set(line.timer.get(), on == clock::wall ? at - wall_shift_.load(std::memory_order_relaxed) : at);
    line.set_to = at;
}

inline void event_loop::jump_wall_clock(std::int64_t by) noexcept {
    const std::lock_guard hold{lock_};
    wall_shift_.fetch_add(by, std::memory_order_relaxed);
    timeline& wall = line_of(clock::wall);
    wall.set_to = end_of_time;
    wake_by(clock::wall, wall.waiting.next_wake());
}

/// After the end of a wait. If it was the last one, the thread is to look again some time after.
inline void event_loop::rest() noexcept {
    if (somebody_waits() || threads_ == 0) return;
    idle_since_ = read_clock(CLOCK_MONOTONIC_COARSE);
    // Not each time, where waits come and go.
    if (line_of(clock::uptime).set_to > saturated_sum(idle_since_, 2 * spare_time))
        wake_by(clock::uptime, idle_since_ + spare_time);
}

/// The thread has nothing in hand.
inline bool event_loop::may_end() noexcept {
    if (somebody_waits()) return false;
    // One inside an item may stay there until it hears of something. With nothing in hand itself, it ends both.
    if (away_ != 0) return false;
    if (read_clock(CLOCK_MONOTONIC) - idle_since_ >= spare_time) return true;
    wake_by(clock::uptime, idle_since_ + spare_time);
    return false;
}

inline void event_loop::collect_ready(const epoll_event* events, int count, descriptor_watcher*& ready) noexcept {
    bool stale = false;
    for (int i = 0; i < count; ++i) {
        for (timeline& line : lines_)
            if (descriptor_table::is_own(events[i], line.timer.get())) line.set_to = end_of_time;
        if (!descriptors_.take(events[i], ready)) stale = true;
    }
    if (!stale) return;
    descriptors_.rebuild();
    if (asleep_.load(std::memory_order_relaxed) != 0) poke();
}

inline void event_loop::collect_times(timed**& last) noexcept {
    for (timeline& line : lines_) {
        if (line.waiting.empty()) continue;
        const auto on = static_cast<clock>(&line - lines_);
        const std::int64_t at = now(on);
        while (auto* due = static_cast<timed*>(line.waiting.take_due(at))) {
            due->told_mark = due->mark;
            due->call(due, telling::keep);
            if (due->once) --line.enlisted;
            *last = due;
            last = &due->next_told;
        }
        wake_by(on, line.waiting.next_wake());
    }
    *last = nullptr;
}

/// If there is another one it is woken, to end too.
inline void event_loop::end_thread() noexcept {
    if (--threads_ != 0) poke();
}

/// Wakes a thread that sleeps.
inline void event_loop::poke() noexcept {
    line_of(clock::uptime).set_to = end_of_time;
    wake_by(clock::uptime, 0);
}

inline int event_loop::sleep(epoll_event* events, int room) noexcept {
    asleep_.fetch_add(1, std::memory_order_relaxed);
    const int count = sys::epoll_sleep(descriptors_.fd(), events, room, -1);
    lock_.lock();
    asleep_.fetch_sub(1, std::memory_order_relaxed);
    return count;
}

inline void event_loop::run(worker* guest) noexcept {
    constexpr int room = 64;
    epoll_event events[room];
    int count = 0;
    lock_.lock();
    for (;;) {
        timed* times = nullptr;
        descriptor_watcher* ready = nullptr;
        collect_ready(events, count, ready);
        if (tells_times_) {
            has_more_times_ = true;
        } else {
            timed** last = &times;
            collect_times(last);
            tells_times_ = times != nullptr;
            if (tells_times_) rest();
        }
        if (times == nullptr && ready == nullptr) {
            if (may_end()) break;
            lock_.unlock();
            count = sleep(events, room);
            continue;
        }
        need_second();
        const bool others_sleep = asleep_.load(std::memory_order_relaxed) != 0;
        ++away_;
        lock_.unlock();
        const bool lends = guest != nullptr && others_sleep && guest->owner->begin_guest(*guest);
        const bool told_times = times != nullptr;
        while (times != nullptr) {
            timed* told = std::exchange(times, times->next_told);
            told->call(told, telling::tell);
        }
        while (ready != nullptr) {
            descriptor_watcher* told = std::exchange(ready, ready->next_told);
            told->call(told, telling::tell);
        }
        if (told_times) {
            const std::lock_guard hold{lock_};
            tells_times_ = false;
            // Before this one runs items, which may take long.
            if (std::exchange(has_more_times_, false)) poke();
        }
        if (lends && !guest->owner->run_guest(*guest)) return;
        count = 0;
        lock_.lock();
        --away_;
    }
    end_thread();
    lock_.unlock();
}

inline void* event_loop::body(void* context) noexcept {
    ::pthread_setname_np(::pthread_self(), "gcd-events");
    pool& home = the_pool();
    worker* guest = home.enlist_guest();
    static_cast<event_loop*>(context)->run(guest);
    // In the child of a fork that an item has made, nothing of the parent's is touched.
    if (guest != nullptr && fork_generation.load(std::memory_order_relaxed) == home.generation)
        home.dismiss_guest(*guest);
    return nullptr;
}

// --- the process' loop --------------------------------------------------------------------------------------------

inline void event_loop::close_inherited() noexcept {
    for (timeline& line : lines_) line.timer = unique_fd{};
    descriptors_.close();
}

[[gnu::noinline]] GCD_HIDDEN inline event_loop& make_loop() {
    // In the child of a fork a new one is made at the next use. The parent's, whose thread is not here, stays in
    // memory.
    static const int watched = ::pthread_atfork(
        nullptr, nullptr, +[] {
            if (event_loop* inherited = shared_loop.exchange(nullptr, std::memory_order_relaxed))
                inherited->close_inherited();
        });
    static_cast<void>(watched);
    event_loop* none = nullptr;
    auto* made = new event_loop;
    if (shared_loop.compare_exchange_strong(none, made, std::memory_order_acq_rel)) return *made;
    delete made;
    return *none;
}

GCD_HIDDEN inline event_loop& the_loop() {
    event_loop* known = shared_loop.load(std::memory_order_acquire);
    return known != nullptr ? *known : make_loop();
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
