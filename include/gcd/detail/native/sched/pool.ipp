// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_POOL_IPP
#define GCD_DETAIL_NATIVE_SCHED_POOL_IPP
/// @file
/// A worker's life, and the monitor's.

#include <gcd/detail/native/sched/pool.hpp>

#include <cstdio>
#include <cstring>
#include <utility>

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail::native {

// --- what there is to do ------------------------------------------------------------------------------------------

inline bool pool::has_work_to_take() const noexcept {
    if (queued.load(std::memory_order_seq_cst) != 0) return true;
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i)
        if (!workers[i].load(std::memory_order_acquire)->ring.is_empty()) return true;
    return false;
}

inline bool pool::has_full_slot() const noexcept {
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i)
        if (workers[i].load(std::memory_order_acquire)->slot.load(std::memory_order_seq_cst) != nullptr) return true;
    return false;
}

/// With a batch in hand, which makes the look at the clock cheap: how long items have taken since the last one.
inline void pool::learn(worker& self) noexcept {
    constexpr std::uint64_t enough = 16;
    const std::uint64_t taken = self.taken.load(std::memory_order_relaxed);
    const std::uint64_t done = taken - self.learned_at;
    const std::int64_t now = read_clock(CLOCK_MONOTONIC);
    if (self.learned_when != 0) {
        const auto each = static_cast<std::uint64_t>(now - self.learned_when) / (done + 1);
        if (done >= enough || each >= short_time)
            item_time.store(static_cast<std::uint32_t>(each < unknown_time ? each : unknown_time),
                            std::memory_order_relaxed);
        else
            return;
    }
    self.learned_when = now;
    self.learned_at = taken;
}

/// From the highest level that has items: one to run, and some more into the ring, so that the lock is taken rarely.
inline work* pool::take_injected(worker& self) noexcept {
    constexpr std::size_t most = 64;
    constexpr std::size_t few = 16;
    if (queued.load(std::memory_order_seq_cst) == 0) return nullptr;
    if (self.last_batch < few && items_are_short()) pause_for_others();
    work* taken[most];
    std::size_t count = 0;
    unsigned level = 0;
    bool more = true;
    {
        const std::lock_guard hold{taking};
        const unsigned present = queued.load(std::memory_order_seq_cst);
        if (present == 0) return nullptr;
        level = 31U - static_cast<unsigned>(__builtin_clz(present));
        const unsigned bit = 1U << level;
        work_list& from = injected[level];
        // What stands in a ring isn't overtaken by a higher level any more, so it is little below the usual one.
        const std::size_t wanted = level < level_default ? 4 : most;
        while (more && count < wanted) {
            work* item = from.first();
            if (item->next.load(std::memory_order_acquire) == nullptr) {
                // Maybe the last one. The bit goes before the list is empty, and comes back if it isn't: a producer
                // that finds it empty sets the bit after that.
                queued.fetch_and(~bit, std::memory_order_seq_cst);
                more = from.detach(item);
                if (more) queued.fetch_or(bit, std::memory_order_seq_cst);
            } else {
                more = from.detach(item);
            }
            taken[count++] = item;
        }
    }
    self.last_batch = count;
    if (count > 1) learn(self);
    std::size_t kept = self.ring.push(taken + 1, count - 1) + 1;
    for (; kept < count; ++kept) submit(taken[kept], level);
    // For a while these were in no place where others look, and whoever parked meanwhile has seen nothing.
    if (more || count > 1) notify();
    return taken[0];
}

inline work* pool::take_own(worker& self) noexcept {
    if (self.slot.load(std::memory_order_relaxed) != nullptr) {
        if (work* item = self.slot.exchange(nullptr, std::memory_order_seq_cst)) {
            self.own_slot.store(self.own_slot.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            return item;
        }
    }
    return self.ring.pop();
}

/// Half of another worker's ring, into the own one, which is empty; the first of it, or null.
inline work* pool::steal(worker& self, worker& victim) noexcept {
    constexpr std::size_t most = 128;
    work* stolen[most];
    const std::size_t number = victim.ring.steal(stolen, most);
    if (number == 0) return nullptr;
    if (number > 1) self.ring.push(stolen + 1, number - 1);
    return stolen[0];
}

/// The worker that a searching one looks at, what is in its slot, and since when nothing has moved there.
struct slot_watch {
    const worker* of = nullptr;
    const work* item = nullptr;
    std::uint64_t taken = 0;
    std::int64_t since = 0;
};

/// From another worker: half of its ring, or what has lain in its slot for three microseconds while it took nothing;
/// where items are short, the ring's too only then.
inline work* pool::take_foreign(worker& self, slot_watch& watched) noexcept {
    constexpr std::int64_t patience = 3'000;
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 1; i < count; ++i) {
        worker& victim = *workers[(self.index + i) % count].load(std::memory_order_acquire);
        const bool at_once = !items_are_short();
        if (at_once)
            if (work* item = steal(self, victim)) return item;
        work* item = victim.slot.load(std::memory_order_seq_cst);
        if (item == nullptr && (at_once || victim.ring.is_empty())) continue;
        const std::uint64_t taken = victim.taken.load(std::memory_order_relaxed);
        const std::int64_t now = read_clock(CLOCK_MONOTONIC);
        if (watched.of != &victim || watched.item != item || watched.taken != taken) {
            if (watched.of != nullptr && watched.of != &victim) continue;
            watched = {&victim, item, taken, now};
        } else if (now - watched.since >= patience) {
            watched = {};
            item_time.store(unknown_time, std::memory_order_relaxed);
            if (item != nullptr && victim.slot.compare_exchange_strong(item, nullptr, std::memory_order_seq_cst)) {
                victim.own_slot.store(0, std::memory_order_relaxed);
                return item;
            }
            if (work* stolen = steal(self, victim)) return stolen;
        }
    }
    return nullptr;
}

/// What a worker that is not searching does next. Now and then the lists come first, so that a worker that keeps itself
/// busy doesn't starve them; and whenever a level above the usual one has items.
inline work* pool::next(worker& self) noexcept {
    constexpr unsigned urgent = ~0U << level_initiated;
    constexpr unsigned fairness = 61;
    if (++self.turns % fairness == 0 || (queued.load(std::memory_order_relaxed) & urgent) != 0) {
        // Its ring must have room for what comes with it.
        if (work* item = self.turns % fairness == 0 ? self.ring.pop() : nullptr) {
            if (work* injected_item = take_injected(self)) {
                submit_own(self, &item, 1, level_default);
                return injected_item;
            }
            return item;
        }
        if (work* item = take_injected(self)) return item;
    }
    if (work* item = take_own(self)) return item;
    return take_injected(self);
}

// --- searching and parking ----------------------------------------------------------------------------------------

inline bool pool::begin_search() noexcept {
    std::uint64_t seen = status.load(std::memory_order_relaxed);
    do {
        if (searching(seen) != 0 || running(seen) > width()) return false;
    } while (!status.compare_exchange_weak(seen, seen + one_searching, std::memory_order_seq_cst));
    return true;
}

/// With an item in hand.
inline void pool::end_search() noexcept {
    const std::uint64_t before = status.fetch_sub(one_searching, std::memory_order_seq_cst);
    if (searching(before) == 1 && has_work_to_take()) notify();
}

inline work* pool::search(worker& self) noexcept {
    slot_watch watched;
    brief_wait wait;
    do {
        if (work* item = take_own(self)) return item;
        if (work* item = take_injected(self)) return item;
        if (work* item = take_foreign(self, watched)) return item;
    } while (wait.again());
    return nullptr;
}

/// Returns as a searching worker, once there is something to look for; or retired, with the worker given up.
inline pool::parking pool::park(worker& self, bool was_searching) noexcept {
    bool spare = false;
    {
        const std::lock_guard hold{lock};
        self.wake.store(0, std::memory_order_relaxed);
        self.is_parked = true;
        self.next_parked = std::exchange(first_parked, &self);
        spare = threads > width();
        status.fetch_add(one_parked - one_running - (was_searching ? one_searching : 0), std::memory_order_seq_cst);
    }
    const auto leave_list = [this, &self] {
        worker** link = &first_parked;
        while (*link != &self) link = &(*link)->next_parked;
        *link = self.next_parked;
        self.is_parked = false;
    };
    const std::uint64_t now = status.load(std::memory_order_seq_cst);
    if (searching(now) == 0 && has_work()) {
        // Too many run; or those that run get on with it by themselves; or it stands in a slot that its owner will look
        // into: the monitor sees to it that this is so.
        if (running(now) >= width() || (running(now) != 0 && items_are_short()) || !has_work_to_take()) {
            arm_monitor();
        } else {
            const std::lock_guard hold{lock};
            if (self.is_parked) {
                leave_list();
                status.fetch_add(one_running + one_searching - one_parked, std::memory_order_seq_cst);
                return parking::woken;
            }
        }
    }
    const std::int64_t end = spare ? read_clock(CLOCK_MONOTONIC) + spare_time : 0;
    const timespec until = to_timespec(end);
    while (self.wake.load(std::memory_order_acquire) == 0) {
        if (sys::futex_wait(self.wake, 0, spare ? &until : nullptr) == 0 || !spare) continue;
        if (read_clock(CLOCK_MONOTONIC) < end) continue;
        const std::lock_guard hold{lock};
        if (!self.is_parked || threads <= width()) {
            spare = false; // woken this very moment, or wanted after all
            continue;
        }
        leave_list();
        status.fetch_sub(one_parked, std::memory_order_seq_cst);
        --threads;
        self.thread.store(0, std::memory_order_release);
        return parking::retired;
    }
    return parking::woken;
}

/// `beyond_limit`: the monitor's order to start one although as many as allowed are running.
[[gnu::noinline]] inline void pool::wake_one(bool beyond_limit) noexcept {
    worker* woken = nullptr;
    bool failed = false;
    {
        const std::lock_guard hold{lock};
        const std::uint64_t seen = status.load(std::memory_order_seq_cst);
        if (!beyond_limit && (searching(seen) != 0 || running(seen) >= width())) return;
        woken = first_parked;
        if (woken == nullptr) {
            failed = threads < most_threads && (nicer_than_here() < 0 || !start_thread());
            if (failed) start_wanted.store(true, std::memory_order_seq_cst);
        } else {
            first_parked = woken->next_parked;
            woken->is_parked = false;
            status.fetch_add(one_running + one_searching - one_parked, std::memory_order_seq_cst);
        }
    }
    // No thread can be had now, or not from here: the monitor asks again, and for those who have relied on this one.
    if (failed) arm_monitor();
    if (woken == nullptr) return;
    woken->wake.store(1, std::memory_order_release);
    sys::futex_wake(&woken->wake, 1);
}

inline bool pool::is_one_too_many() noexcept {
    unsigned wanted = surplus.load(std::memory_order_relaxed);
    while (wanted != 0)
        if (surplus.compare_exchange_weak(wanted, wanted - 1, std::memory_order_relaxed)) return true;
    return false;
}

inline void pool::run(worker& self) {
    bool is_searching = true;
    for (;;) {
        // In the child of a fork made by an item: the pool's other threads are not here, nor is its work.
        if (fork_generation.load(std::memory_order_relaxed) != generation) return;
        work* item = nullptr;
        if (!is_searching && !is_one_too_many()) item = next(self);
        if (item == nullptr) {
            // What it owes may make a queue ready, which then stands in its own slot.
            if (!is_searching && pay_held_back(self)) continue;
            self.learned_when = 0;
            if (!is_searching) is_searching = begin_search();
            if (is_searching) item = search(self);
        }
        if (item == nullptr) {
            if (park(self, is_searching) == parking::retired) return;
            is_searching = true;
            continue;
        }
        if (std::exchange(is_searching, false)) end_search();
        self.taken.store(self.taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        run_pooled(item, self);
    }
}

// --- threads ------------------------------------------------------------------------------------------------------

/// How the pool's threads begin: every signal is blocked there, and they are told apart by their names.
struct pool_threads {
    static void* work(void* context) {
        auto* self = static_cast<worker*>(context);
        ::pthread_setname_np(::pthread_self(), name_of(*self->owner));
        if (self->nicer_by != 0) static_cast<void>(::nice(self->nicer_by));
        thread_state* state = this_thread();
        if (state == nullptr) return nullptr;
        state->as_worker = self;
        ::pthread_getcpuclockid(::pthread_self(), &self->cpu_clock);
        self->thread.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_release);
        self->outermost.enter();
        self->owner->run(*self);
        // Its worker may be another thread's by now.
        innermost_frame = nullptr;
        state->as_worker = nullptr;
        return nullptr;
    }

    static const char* name_of(const pool& of) noexcept {
        if (of.higher == nullptr) return "gcd-worker";
        return of.higher->higher == nullptr ? "gcd-utility" : "gcd-background";
    }

    static void* watch(void* context) {
        ::pthread_setname_np(::pthread_self(), "gcd-monitor");
        static_cast<pool*>(context)->monitor();
        return nullptr;
    }

    /// Gives 0, or an errno.
    static int start(void* (*body)(void*), void* context) noexcept {
        sigset_t all;
        sigset_t former;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &former);
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        const int error = sys::thread_create(&attributes, body, context);
        ::pthread_attr_destroy(&attributes);
        ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
        return error;
    }
};

/// Under the lock: a worker that no thread has.
inline worker* pool::free_worker() noexcept {
    const unsigned count = made.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < count; ++i) {
        worker* seen = workers[i].load(std::memory_order_relaxed);
        if (seen->thread.load(std::memory_order_acquire) == 0 && seen->ring.is_empty() && !seen->is_parked) return seen;
    }
    if (count == most_threads) return nullptr;
    auto* fresh = new (std::nothrow) worker;
    if (fresh == nullptr) return nullptr;
    fresh->owner = this;
    fresh->index = count;
    workers[count].store(fresh, std::memory_order_release);
    made.store(count + 1, std::memory_order_release);
    return fresh;
}

inline int pool::nicer_than_here() const noexcept {
    const worker* here = this_worker();
    return nice - (here != nullptr ? here->owner->nice : 0);
}

/// Under the lock. The thread begins as a searching one.
inline bool pool::start_thread() noexcept {
    worker* free = free_worker();
    if (free == nullptr) return false;
    constexpr pid_t starting = -1;
    free->thread.store(starting, std::memory_order_relaxed);
    free->nicer_by = nicer_than_here();
    ++threads;
    status.fetch_add(one_running + one_searching, std::memory_order_seq_cst);
    if (pool_threads::start(&pool_threads::work, free) == 0) return true;
    status.fetch_sub(one_running + one_searching, std::memory_order_seq_cst);
    --threads;
    free->thread.store(0, std::memory_order_relaxed);
    return false;
}

// --- guests -------------------------------------------------------------------------------------------------------

inline worker* pool::enlist_guest() noexcept {
    const std::lock_guard hold{lock};
    worker* self = free_worker();
    if (self == nullptr) return nullptr;
    ::pthread_getcpuclockid(::pthread_self(), &self->cpu_clock);
    // As one that sleeps, which the monitor leaves out.
    self->is_parked = true;
    self->thread.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_release);
    return self;
}

inline void pool::dismiss_guest(worker& self) noexcept {
    const std::lock_guard hold{lock};
    self.is_parked = false;
    self.thread.store(0, std::memory_order_release);
}

inline bool pool::begin_guest(worker& self) noexcept {
    const std::uint64_t seen = status.load(std::memory_order_seq_cst);
    thread_state* state = this_thread();
    if (searching(seen) != 0 || running(seen) >= width() || state == nullptr) return false;
    status.fetch_add(one_running, std::memory_order_seq_cst);
    state->as_worker = &self;
    self.is_parked = false;
    self.looks_at_once = true;
    return true;
}

inline bool pool::run_guest(worker& self) {
    constexpr int most = 64;
    self.looks_at_once = false;
    self.outermost.enter();
    for (int count = 0; count < most; ++count) {
        work* item = take_own(self);
        if (item == nullptr && !pay_held_back(self)) break;
        if (item == nullptr) continue;
        self.taken.store(self.taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        run_pooled(item, self);
        if (fork_generation.load(std::memory_order_relaxed) != generation) return false;
    }
    pay_held_back(self);
    while (work* item = take_own(self)) submit(item, level_default);
    self.outermost.leave();
    this_thread_state->as_worker = nullptr;
    self.is_parked = true;
    // As in park(): others may have left items to this one.
    status.fetch_sub(one_running, std::memory_order_seq_cst);
    if (has_work()) notify();
    return true;
}

// --- the monitor --------------------------------------------------------------------------------------------------

/// Under the lock. If the system has no thread to give, whoever needs the monitor next tries again, and so do those who
/// wait.
inline void pool::start_monitor() noexcept {
    if (monitor_started) return;
    monitor_started = pool_threads::start(&pool_threads::watch, this) == 0;
    if (!monitor_started) monitor_armed.store(0, std::memory_order_seq_cst);
    if (!monitor_started) threads_missing.store(true, std::memory_order_seq_cst);
}

inline bool pool::ask_again() noexcept {
    bool wanted = start_wanted.load(std::memory_order_seq_cst);
    if (wanted) arm_monitor();
    for (const std::atomic<pool*>& each : lower)
        if (pool* below = each.load(std::memory_order_acquire)) wanted = below->ask_again() || wanted;
    return wanted;
}

GCD_HIDDEN inline bool chase_threads() noexcept {
    if (!threads_missing.load(std::memory_order_relaxed)) [[likely]]
        return false;
    // First, as whoever fails meanwhile has marked what it wants before it sets this.
    threads_missing.store(false, std::memory_order_seq_cst);
    pool* known = shared_pool.load(std::memory_order_acquire);
    const bool wanted = known != nullptr && known->ask_again();
    if (wanted) threads_missing.store(true, std::memory_order_seq_cst);
    return wanted;
}

[[gnu::noinline]] inline void pool::wake_monitor() noexcept {
    if (monitor_armed.exchange(1, std::memory_order_seq_cst) == 1) return;
    {
        const std::lock_guard hold{lock};
        start_monitor();
    }
    sys::futex_wake(&monitor_armed, 1);
}

[[gnu::noinline]] inline void pool::prepare_barriers() noexcept {
    if (sys::is_single_threaded()) return register_barriers();
    barrier_support known = barrier_support::unknown;
    if (barriers_known.compare_exchange_strong(known, barrier_support::wanted, std::memory_order_seq_cst))
        arm_monitor();
}

inline bool pool::has_errand() const noexcept {
    if constexpr (has_asymmetric_sync)
        if (barriers_known.load(std::memory_order_seq_cst) == barrier_support::wanted) return true;
    return errand.load(std::memory_order_seq_cst) != nullptr;
}

/// True if the worker has used a processor for a good part of the time since the last look, is on one or stands in line
/// for it, or waits for a lock that another worker holds. A thread that sleeps otherwise is blocked.
inline bool pool::is_on_cpu(worker& seen) noexcept {
    const pid_t thread = seen.thread.load(std::memory_order_acquire);
    if (thread == 0) return false;
    if (thread < 0 || seen.waiting_for_lock.load(std::memory_order_relaxed) != 0) return true;
    timespec used{};
    if (::clock_gettime(seen.cpu_clock, &used) != 0) return false;
    const std::int64_t now = std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
    if (now - std::exchange(seen.cpu_seen, now) > monitor_tick / 2) return true;
    char path[48];
    std::snprintf(path, sizeof(path), "/proc/self/task/%d/stat", static_cast<int>(thread));
    char text[128];
    sys::read_text(path, text);
    // "pid (name) state ..."; our names hold no parenthesis.
    const char* name_end = std::strchr(text, ')');
    return name_end != nullptr && std::strncmp(name_end, ") R", 3) == 0;
}

inline void pool::monitor() {
    constexpr unsigned ticks_for_one = 20;
    std::uint64_t taken_before = 0;
    unsigned quiet = 0;
    bool grown = false;
    for (;;) {
        if (monitor_armed.load(std::memory_order_seq_cst) == 0) {
            sys::futex_wait(monitor_armed, 0);
            continue;
        }
        const timespec until = to_timespec(read_clock(CLOCK_MONOTONIC) + monitor_tick);
        std::atomic<std::uint32_t> nobody{0};
        sys::futex_wait(nobody, 0, &until);
        if (auto* const what = errand.exchange(nullptr, std::memory_order_seq_cst)) what();
        if constexpr (has_asymmetric_sync)
            if (barriers_known.load(std::memory_order_seq_cst) == barrier_support::wanted) register_barriers();
        if (!has_work()) {
            surplus.store(0, std::memory_order_relaxed);
            monitor_armed.store(0, std::memory_order_seq_cst);
            if (has_work() || has_errand()) monitor_armed.store(1, std::memory_order_seq_cst);
            continue;
        }
        if (start_wanted.exchange(false, std::memory_order_seq_cst)) wake_one(false);
        const std::uint64_t seen = status.load(std::memory_order_seq_cst);
        const unsigned allowed = width();
        const unsigned count = made.load(std::memory_order_acquire);
        std::uint64_t taken = 0;
        for (unsigned i = 0; i < count; ++i)
            taken += workers[i].load(std::memory_order_acquire)->taken.load(std::memory_order_relaxed);
        // What the threads have taken that were started a tick ago doesn't mean that they get on.
        const bool moved = std::exchange(taken_before, taken) != taken && !std::exchange(grown, false);
        if (moved && running(seen) <= allowed) {
            quiet = 0;
            continue;
        }
        item_time.store(unknown_time, std::memory_order_relaxed);
        if (searching(seen) == 0 && running(seen) < allowed) {
            wake_one(false);
            continue;
        }
        unsigned on_cpu = 0;
        for (unsigned i = 0; i < count; ++i) {
            worker& each = *workers[i].load(std::memory_order_acquire);
            if (!each.is_parked.load(std::memory_order_relaxed) && each.blocked.load(std::memory_order_relaxed) == 0 &&
                is_on_cpu(each))
                ++on_cpu;
        }
        surplus.store(on_cpu > allowed ? on_cpu - allowed : 0, std::memory_order_relaxed);
        if (moved) {
            quiet = 0;
            continue;
        }
        if (on_cpu >= allowed || searching(seen) != 0) continue;
        if (on_cpu == 0) {
            for (unsigned more = running(seen); more != 0 && has_work(); --more) wake_one(true);
            grown = true;
        } else if (++quiet >= ticks_for_one) {
            quiet = 0;
            wake_one(true);
        }
    }
}

// --- the process' pools -------------------------------------------------------------------------------------------

[[gnu::noinline]] inline pool& pool::lower_pool(unsigned level) {
    constexpr int niceness[level_default] = {19, 10};
    static_assert(level_background == 0 && level_utility == 1);
    pool* known = lower[level].load(std::memory_order_acquire);
    if (known != nullptr) return *known;
    pool& above = level + 1 == level_default ? *this : lower_pool(level + 1);
    auto* fresh = new pool{above, niceness[level]};
    if (!lower[level].compare_exchange_strong(known, fresh, std::memory_order_acq_rel)) {
        delete fresh;
        return *known;
    }
    // While a thread is at hand that isn't nicer: the monitors start the threads that those of lower levels can't.
    for (pool* each : {&above, fresh}) {
        const std::lock_guard hold{each->lock};
        each->start_monitor();
    }
    return *fresh;
}

GCD_HIDDEN inline void forget_pool() noexcept;

[[gnu::noinline]] GCD_HIDDEN inline pool& make_pool() {
    static const int watched = ::pthread_atfork(nullptr, nullptr, &forget_pool);
    static_cast<void>(watched);
    pool* none = nullptr;
    auto* made = new pool{default_width()};
    if (shared_pool.compare_exchange_strong(none, made, std::memory_order_acq_rel)) return *made;
    delete made;
    return *none;
}

GCD_HIDDEN inline pool& the_pool() {
    // Of each library that makes an object: its items may outlast a dlclose, whoever has made the pool.
    prepare_process();
    pool* known = shared_pool.load(std::memory_order_acquire);
    return known != nullptr ? *known : make_pool();
}

/// In the child of a fork: a new pool will be made at the next use. The parent's, whose threads are not here, stays in
/// memory, and so do its magazines that were on the move.
GCD_HIDDEN inline void forget_pool() noexcept {
    shared_pool.store(nullptr, std::memory_order_relaxed);
    threads_missing.store(false, std::memory_order_relaxed);
    depot.lock.reset();
    // The monitor that was to ask is not here.
    barrier_support wanted = barrier_support::wanted;
    barriers_known.compare_exchange_strong(wanted, barrier_support::unknown, std::memory_order_seq_cst);
    for (unsigned size = 0; size < node_sizes; ++size) {
        depot.full[size] = depot.empty[size] = nullptr;
        depot.full_count[size] = 0;
    }
    if (this_thread_state == nullptr || this_thread_state == &gone_thread) return;
    this_thread_state->as_worker = nullptr;
    this_thread_state->is_main = true;
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
