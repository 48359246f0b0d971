// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_SIGNALS_HPP
#define GCD_DETAIL_LINUX_SIGNALS_HPP
/// @file
/// Signals as readable descriptors: one handler of ours for each signal that is watched, counting into eventfds.
///
/// libdispatch's own signal sources lose counts, install late and never give the former disposition back.
///
/// One table for all libraries of the process that share this ABI. What the handler reads needs no lock:
///
/// - `slots`: descriptors to count into, -1 for none. Chunks are only ever added, and never freed, so that the handler
///   may walk them at any time. Written under the registry's lock.
/// - `handling`: handlers that have begun and not returned; the program's own may never return. Relaxed: it only keeps
///   what such a handler blocks for the moment from being taken for blocked.
/// - `inside`: handlers that may hold a descriptor they read from a slot. The handler raises it and then reads the
///   slots; who takes a watch out clears its slot and then reads `inside`. All four are seq_cst: either the handler
///   sees the empty slot, or the remover sees the handler, and waits for it before the descriptor may be closed. The
///   handler lowers it before it calls the program's own handler, which may never return.
/// - `earlier`: the disposition found at installation (a one-time handler exchanges it, acq_rel). Dispositions are kept
///   for ever once seen (a program has few), so that a late handler can still read the one it got hold of. Stored
///   (release) before ours is installed, loaded acquire.
/// - `owner`: the process that the descriptors belong to; a forked child must not count into its parent's.

#include <gcd/config.hpp>
#include <gcd/detail/linux/pending_signal.hpp>
#include <gcd/detail/linux/poller.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail::signals {

struct slot_chunk {
    std::atomic<int> slots[4] = {-1, -1, -1, -1};
    std::atomic<slot_chunk*> next{nullptr};
};

/// A disposition that was found; immutable, save for the link that the registry's lock guards.
struct known_disposition {
    struct sigaction action{};
    known_disposition* next = nullptr;
};

/// What stands beside each signal number.
struct state {
    slot_chunk first;
    std::atomic<long> inside{0};
    std::atomic<long> handling{0};
    std::atomic<const known_disposition*> earlier{nullptr};
    known_disposition* known = nullptr; ///< under the lock
    unsigned watches = 0;               ///< under the lock; ours is installed while it is above zero
};

GCD_VISIBLE inline constinit std::mutex registry_lock;
GCD_VISIBLE inline constinit state states[NSIG];
/// What is installed: the `on_signal` of the library that came first, for all of them. A function may have an address
/// in each library. Set once, before the first installation (acq_rel).
GCD_VISIBLE inline constinit std::atomic<void (*)(int, siginfo_t*, void*)> installed{nullptr};
/// Zero before the first installation. Set under the lock (release), and to zero in a forked child.
GCD_VISIBLE inline constinit std::atomic<pid_t> owner{0};

/// What a one-time handler (SA_RESETHAND) leaves behind.
GCD_VISIBLE inline constinit known_disposition default_disposition{};

GCD_HIDDEN inline bool is_function(const struct sigaction& action) noexcept {
    return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

/// Calls what the program had installed, as the kernel would have.
GCD_HIDDEN inline void chain(const known_disposition* earlier, int signal, siginfo_t* info, void* context) noexcept {
    const struct sigaction& action = earlier->action;
    if (!is_function(action)) return;
    if ((static_cast<unsigned>(action.sa_flags) & static_cast<unsigned>(SA_RESETHAND)) != 0 &&
        !states[signal].earlier.compare_exchange_strong(earlier, &default_disposition, std::memory_order_acq_rel))
        return;
    if ((action.sa_flags & SA_SIGINFO) != 0)
        action.sa_sigaction(signal, info, context);
    else
        action.sa_handler(signal);
}

/// The kernel's answer to a bad instruction of this thread, as opposed to a signal that somebody sent.
GCD_HIDDEN inline bool is_fault(int signal, const siginfo_t* info) noexcept {
    return info->si_code > 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL);
}

GCD_VISIBLE void on_signal(int signal, siginfo_t* info, void* context);

GCD_HIDDEN inline bool is_ours(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == installed.load(std::memory_order_acquire);
}

/// Puts the earlier disposition back, unless the program has installed another since. Async-signal-safe.
GCD_HIDDEN inline bool restore(int signal) noexcept {
    struct sigaction now{};
    if (::sigaction(signal, nullptr, &now) != 0 || !is_ours(now)) return false;
    const known_disposition* earlier = states[signal].earlier.load(std::memory_order_acquire);
    return ::sigaction(signal, &earlier->action, nullptr) == 0;
}

/// Raises the counters of a signal; false if there is none. Async-signal-safe.
GCD_HIDDEN inline bool count(state& seen) noexcept {
    if (::getpid() != owner.load(std::memory_order_acquire)) return false;
    bool counted = false;
    seen.inside.fetch_add(1, std::memory_order_seq_cst);
    for (slot_chunk* chunk = &seen.first; chunk != nullptr; chunk = chunk->next.load(std::memory_order_acquire))
        for (std::atomic<int>& slot : chunk->slots)
            if (const int fd = slot.load(std::memory_order_seq_cst); fd >= 0) {
                sys::raise_counter(fd);
                counted = true;
            }
    seen.inside.fetch_sub(1, std::memory_order_seq_cst);
    return counted;
}

/// What is installed while a signal is watched.
GCD_VISIBLE inline void on_signal(int signal, siginfo_t* info, void* context) {
    const int kept = errno;
    state& seen = states[signal];
    const known_disposition* earlier = seen.earlier.load(std::memory_order_acquire);
    seen.handling.fetch_add(1, std::memory_order_relaxed);
    if (is_fault(signal, info)) {
        // The instruction fails again on return, and then the program's own disposition acts.
        static_cast<void>(::sigaction(signal, &earlier->action, nullptr));
        seen.handling.fetch_sub(1, std::memory_order_relaxed);
        errno = kept;
        return;
    }
    // Without a source there is no reason to keep the default action back: a new child before its hook, or the program
    // put ours back after the last source had gone.
    if (!count(seen) && !is_function(earlier->action) && restore(signal)) static_cast<void>(::raise(signal));
    errno = kept;
    chain(earlier, signal, info, context);
    seen.handling.fetch_sub(1, std::memory_order_relaxed);
}

/// In a child of a fork, its only thread: signals act as they would without us, and no slot is left.
GCD_HIDDEN inline void forget_parent() noexcept {
    for (int signal = 1; signal < NSIG; ++signal) {
        state& inherited = states[signal];
        if (inherited.watches != 0) static_cast<void>(restore(signal));
        inherited.watches = 0;
        inherited.inside.store(0, std::memory_order_relaxed);
        inherited.handling.store(0, std::memory_order_relaxed);
        for (slot_chunk* chunk = &inherited.first; chunk != nullptr;
             chunk = chunk->next.load(std::memory_order_relaxed))
            for (std::atomic<int>& slot : chunk->slots) slot.store(-1, std::memory_order_relaxed);
    }
    owner.store(0, std::memory_order_relaxed);
}

/// The lock is held across a fork, so that the child finds the registry whole.
GCD_VISIBLE inline void guard_forks() {
    static const int once = ::pthread_atfork([] { registry_lock.lock(); }, [] { registry_lock.unlock(); },
                                             [] {
                                                 forget_parent();
                                                 registry_lock.unlock();
                                             });
    static_cast<void>(once);
}

GCD_HIDDEN inline bool same(const struct sigaction& a, const struct sigaction& b) noexcept {
    if (a.sa_flags != b.sa_flags || a.sa_handler != b.sa_handler) return false;
    for (int signal = 1; signal < NSIG; ++signal)
        if (sigismember(&a.sa_mask, signal) != sigismember(&b.sa_mask, signal)) return false;
    return true;
}

GCD_HIDDEN inline const known_disposition* remember(state& at, const struct sigaction& found) {
    for (known_disposition* seen = at.known; seen != nullptr; seen = seen->next)
        if (same(seen->action, found)) return seen;
    return at.known = new known_disposition{found, at.known};
}

/// Ours, with the mask and the flags that the program's handler is to run under.
GCD_HIDDEN inline struct sigaction replacement_for(int signal, const struct sigaction& earlier) noexcept {
    struct sigaction made{};
    made.sa_sigaction = installed.load(std::memory_order_acquire);
    made.sa_flags = SA_SIGINFO | SA_ONSTACK;
    if (is_function(earlier)) {
        made.sa_mask = earlier.sa_mask;
        made.sa_flags |= earlier.sa_flags & (SA_RESTART | SA_NODEFER);
    } else {
        sigemptyset(&made.sa_mask);
        made.sa_flags |= SA_RESTART;
    }
    if (signal == SIGCHLD) {
        made.sa_flags |= earlier.sa_flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
        // A program that ignores its children waits for none of them.
        if (earlier.sa_handler == SIG_IGN) made.sa_flags |= SA_NOCLDWAIT;
    }
    return made;
}

/// Under the lock. The first watch of a signal installs ours.
GCD_HIDDEN inline void install(int signal, const char* what) {
    state& at = states[signal];
    void (*none)(int, siginfo_t*, void*) = nullptr;
    installed.compare_exchange_strong(none, &on_signal, std::memory_order_acq_rel);
    struct sigaction found{};
    if (sys::disposition(signal, nullptr, &found) != 0) throw_errno(errno, what);
    // Ours is still there if a program put back what it had read while an earlier source was started.
    if (is_ours(found)) return;
    at.earlier.store(remember(at, found), std::memory_order_release);
    const struct sigaction ours = replacement_for(signal, found);
    if (sys::disposition(signal, &ours, nullptr) != 0) throw_errno(errno, what);
}

/// Under the lock.
GCD_HIDDEN inline std::atomic<int>& free_slot(state& at) {
    for (slot_chunk* chunk = &at.first;; chunk = chunk->next.load(std::memory_order_relaxed)) {
        for (std::atomic<int>& slot : chunk->slots)
            if (slot.load(std::memory_order_relaxed) < 0) return slot;
        if (chunk->next.load(std::memory_order_relaxed) == nullptr)
            chunk->next.store(new slot_chunk, std::memory_order_release);
    }
}

} // namespace gcd::inline GCD_ABI::detail::signals

namespace gcd::inline GCD_ABI::detail {

/// Counts the deliveries of a signal to this process, from the end of its constructor on; where every thread blocks the
/// signal, so that it is never delivered, those that are pending.
class signal_watch {
public:
    /// @throws std::system_error if the system has no room, or keeps the signal for itself
    explicit signal_watch(int signal)
        : signal_{signal}, counter_{sys::event_counter(0)}, pending_{signal}, poller_{what} {
        if (counter_.get() < 0 || pending_.fd() < 0) throw_errno(errno, what);
        int error = poller_.add(counter_.get(), EPOLLIN);
        // Told of once, as one that a thread is about to take may stay for long.
        if (error == 0) error = poller_.add(pending_.fd(), EPOLLIN | EPOLLET);
        if (error != 0) throw_errno(error, what);
        signals::guard_forks();
        const std::lock_guard hold{signals::registry_lock};
        signals::owner.store(::getpid(), std::memory_order_release);
        signals::state& at = signals::states[signal];
        slot_ = &signals::free_slot(at);
        // The handler is to find a counter whenever it runs.
        slot_->store(counter_.get(), std::memory_order_seq_cst);
        if (at.watches == 0) try_install(at);
        ++at.watches;
    }
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;

    [[nodiscard]] int fd() const noexcept { return poller_.fd(); }

    /// Deliveries since the last time.
    bool take(std::uint64_t& data) noexcept {
        poller_.settle();
        signals::state& at = signals::states[signal_];
        if (at.handling.load(std::memory_order_relaxed) == 0)
            for (unsigned taken = pending_.take(); taken != 0; --taken) signals::count(at);
        return sys::read(counter_.get(), &data, sizeof(data)) == static_cast<ssize_t>(sizeof(data));
    }

    /// The last watch of a signal gives the earlier disposition back. No handler holds the counter afterwards.
    void stop() noexcept {
        signals::state& at = signals::states[signal_];
        const std::lock_guard hold{signals::registry_lock};
        slot_->store(-1, std::memory_order_seq_cst);
        if (--at.watches == 0) static_cast<void>(signals::restore(signal_));
        while (at.inside.load(std::memory_order_seq_cst) != 0) ::sched_yield();
    }

private:
    static constexpr const char* what = "gcd::signal_source::start";

    void try_install(signals::state& at) {
        try {
            signals::install(signal_, what);
        } catch (...) {
            slot_->store(-1, std::memory_order_seq_cst);
            while (at.inside.load(std::memory_order_seq_cst) != 0) ::sched_yield();
            throw;
        }
    }

    int signal_;
    unique_fd counter_;
    pending_signal pending_;
    poller poller_;
    std::atomic<int>* slot_ = nullptr;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
