// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_MONITOR_IPP
#define GCD_DETAIL_NATIVE_SCHED_MONITOR_IPP
/// @file
/// Where the pool's threads come from, the monitor, which sees to it that they are enough, and the pools of the process.

#include <gcd/detail/native/sched/pool.hpp>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail::native {

// --- threads ------------------------------------------------------------------------------------------------------

/// How the pool's threads begin: every signal is blocked there, and they are told apart by their names.
struct pool_threads {
    static void* work(void* context) {
        auto* self = static_cast<worker*>(context);
        ::pthread_setname_np(::pthread_self(), name_of(*self->owner));
        if (self->nicer_by != 0) static_cast<void>(::nice(self->nicer_by));
        thread_state* state = this_thread();
        if (state == nullptr) {
            self->owner->lose_thread(*self);
            return nullptr;
        }
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

    static constexpr std::size_t least_stack = std::size_t{1} << 20U;

    /// Gives 0, or an errno.
    static int start(void* (*body)(void*), void* context) noexcept {
        sigset_t blocked;
        sigset_t former;
        ::sigfillset(&blocked);
        // A thread's own faults: blocked, they would end the process whatever handler it has. And what profilers send.
        for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF}) ::sigdelset(&blocked, own);
        ::pthread_sigmask(SIG_SETMASK, &blocked, &former);
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        // Where threads begin with little, as with musl: lanes drain one another by recursion.
        std::size_t stack = 0;
        if (::pthread_attr_getstacksize(&attributes, &stack) == 0 && stack < least_stack)
            ::pthread_attr_setstacksize(&attributes, least_stack);
        const int error = sys::thread_create(&attributes, body, context);
        ::pthread_attr_destroy(&attributes);
        ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
        return error;
    }
};

inline pool::pool(unsigned width) noexcept
    : pool{nullptr, 0, &first_limit, {&pool_threads::work, &pool_threads::watch, &adopt_lane}} {
    first_limit = width;
}

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
    if (pool_threads::start(code.work, free) == 0) return true;
    give_up_thread(*free);
    return false;
}

/// Under the lock: one that has been counted won't run.
inline void pool::give_up_thread(worker& of) noexcept {
    status.fetch_sub(one_running + one_searching, std::memory_order_seq_cst);
    --threads;
    of.thread.store(0, std::memory_order_release);
}

/// On a thread that has no memory for its state.
inline void pool::lose_thread(worker& of) noexcept {
    {
        const std::lock_guard hold{lock};
        give_up_thread(of);
        start_wanted.store(true, std::memory_order_seq_cst);
    }
    arm_monitor();
}

// --- the monitor --------------------------------------------------------------------------------------------------

/// Under the lock. If the system has no thread to give, whoever needs the monitor next tries again, and so do those who
/// wait.
inline void pool::start_monitor() noexcept {
    if (monitor_started) return;
    monitor_started = pool_threads::start(code.watch, this) == 0;
    if (monitor_started) return;
    monitor_armed.store(0, std::memory_order_seq_cst);
    start_wanted.store(true, std::memory_order_seq_cst);
    threads_missing.store(true, std::memory_order_seq_cst);
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

/// How many of those that should run do.
inline unsigned pool::count_on_cpu() noexcept {
    unsigned on_cpu = 0;
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i) {
        worker& each = *workers[i].load(std::memory_order_acquire);
        if (!each.is_parked.load(std::memory_order_relaxed) && each.blocked.load(std::memory_order_relaxed) == 0 &&
            is_on_cpu(each))
            ++on_cpu;
    }
    return on_cpu;
}

/// At each tick: how many items have been taken so far, by all.
inline std::uint64_t pool::count_taken() noexcept {
    constexpr unsigned patience = 4; // ticks
    std::uint64_t all = 0;
    const unsigned count = made.load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i) {
        worker& each = *workers[i].load(std::memory_order_acquire);
        each.fair_turn.store(true, std::memory_order_relaxed);
        const std::uint64_t taken = each.taken.load(std::memory_order_relaxed);
        all += taken;
        if (std::exchange(each.taken_seen, taken) != taken ||
            (each.slot.load(std::memory_order_relaxed) == nullptr && each.ring.is_empty()))
            each.still = 0;
        else if (++each.still % patience == 0)
            bring_out(each);
    }
    return all;
}

/// What lies with a worker that doesn't get on goes to the list, where all others come past.
inline void pool::bring_out(worker& of) noexcept {
    constexpr std::size_t most = 64;
    work* item = of.slot.load(std::memory_order_seq_cst);
    if (item != nullptr && of.slot.compare_exchange_strong(item, nullptr, std::memory_order_seq_cst)) {
        of.own_slot.store(0, std::memory_order_relaxed);
        submit(item, level_default);
    }
    work* taken[most];
    while (const std::size_t number = of.ring.steal(taken, most)) {
        for (std::size_t i = 0; i != number; ++i) submit(taken[i], level_default);
        if (of.taken.load(std::memory_order_relaxed) != of.taken_seen) return;
    }
}

inline void pool::monitor() {
    constexpr unsigned looks_for_one = 20;
    constexpr unsigned ticks_to_look = 4; // while things move, and one more for each thread, which take time to look at
    std::uint64_t taken_before = 0;
    unsigned unlooked = 0;
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
            start_wanted.store(false, std::memory_order_seq_cst);
            monitor_armed.store(0, std::memory_order_seq_cst);
            if (has_work() || has_errand()) monitor_armed.store(1, std::memory_order_seq_cst);
            continue;
        }
        if (start_wanted.exchange(false, std::memory_order_seq_cst)) wake_one(false);
        const std::uint64_t seen = status.load(std::memory_order_seq_cst);
        const unsigned allowed = width();
        const std::uint64_t taken = count_taken();
        // What the threads have taken that were started a tick ago doesn't mean that they get on.
        const bool moved = std::exchange(taken_before, taken) != taken && !std::exchange(grown, false);
        if (moved && (running(seen) < allowed || ++unlooked < ticks_to_look + running(seen))) continue;
        unlooked = 0;
        if (!moved || running(seen) > allowed) item_time.store(unknown_time, std::memory_order_relaxed);
        if (searching(seen) == 0 && running(seen) < allowed) {
            wake_one(false);
            continue;
        }
        const unsigned on_cpu = count_on_cpu();
        surplus.store(on_cpu > allowed ? on_cpu - allowed : 0, std::memory_order_relaxed);
        if (on_cpu >= allowed) quiet = 0;
        if (on_cpu >= allowed || searching(seen) != 0) continue;
        if (on_cpu == 0 && !moved) {
            for (unsigned more = running(seen); more != 0 && has_work(); --more) wake_one(true);
            grown = true;
        } else if (++quiet >= looks_for_one) {
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
