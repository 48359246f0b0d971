// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_POSIX_FORK_LOCK_HPP
#define GCD_DETAIL_POSIX_FORK_LOCK_HPP
/// @file
/// Locks in the child of a fork, where the threads that had them are not.

#include <gcd/config.hpp>

#include <atomic>

#include <pthread.h>

namespace gcd::inline GCD_ABI::detail {

/// One for each lock: it is held across forks from now on. Not a static object's own guard, which a fork may find taken.
template <auto& Lock> GCD_VISIBLE inline constinit std::atomic<bool> is_held_across_forks{false};

/// Takes a lock of the process before each fork, and gives it back after it on both sides, so that the child finds whole
/// what it guards. To be called before the lock is taken first, and not under another one. Once for all libraries that
/// share the lock.
template <auto& Lock> GCD_VISIBLE inline void hold_across_forks() {
    // Relaxed: nothing is read because of it.
    std::atomic<bool>& held = is_held_across_forks<Lock>;
    if (!held.load(std::memory_order_relaxed) && !held.exchange(true, std::memory_order_relaxed))
        ::pthread_atfork([] { Lock.lock(); }, [] { Lock.unlock(); }, [] { Lock.unlock(); });
}

/// In the child of a fork, of an object's own lock: false if a thread of the parent had it.
template <class Lock> bool is_left_free(Lock& lock) noexcept {
    if (!lock.try_lock()) return false;
    lock.unlock();
    return true;
}

} // namespace gcd::inline GCD_ABI::detail

#endif
