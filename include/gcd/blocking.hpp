// SPDX-License-Identifier: MIT
#ifndef GCD_BLOCKING_HPP
#define GCD_BLOCKING_HPP
/// @file
/// What a thread can say about its own waits; for programs that embed another run time.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/types.hpp>

#include <concepts>
#include <utility>

namespace gcd::inline GCD_ABI {

/// While it lives, blocking calls of this thread (run_sync, wait, apply, …) ask the callable at least every 50 ms
/// while they wait, and throw gcd::interrupted once it answers true; what had not begun by then is withdrawn, what runs
/// is waited for. The callable must not throw. Ends on the thread, and in the block, that it began in.
template <std::predicate F> class [[nodiscard]] interruptible : detail::give_up {
public:
    explicit interruptible(F question) : detail::give_up{&ask}, asked_(std::move(question)), frame_{this} {}
    interruptible(const interruptible&) = delete;
    interruptible& operator=(const interruptible&) = delete;

private:
    static bool ask(const detail::give_up* self) noexcept {
        return const_cast<interruptible*>(static_cast<const interruptible*>(self))->asked_();
    }

    F asked_;
    detail::scoped_frame frame_;
};

/// While it lives, this thread waits for a lock that another thread of the pool will release: the pool starts no other
/// thread in its place. Without effect on libdispatch.
class [[nodiscard]] waiting_for_lock {
public:
    waiting_for_lock() noexcept { detail::backend::begin_waiting_for_lock(); }
    waiting_for_lock(const waiting_for_lock&) = delete;
    waiting_for_lock& operator=(const waiting_for_lock&) = delete;
    ~waiting_for_lock() { detail::backend::end_waiting_for_lock(); }
};

/// At the end of an item that holds the lock: true if the thread keeps it, for the next item that asks for it. The
/// engine calls `release` before the thread runs anything else, waits, or sleeps. Only for items submitted with a
/// callable, and events of sources with a handler, that has a static member `carries`. False, always so on libdispatch:
/// the caller releases it.
[[nodiscard]] inline bool leave_carried(const carried_lock& lock) noexcept {
    return detail::backend::leave_carried(&lock);
}

/// At the beginning of an item whose callable has a static member `carries`: true if the thread has kept the lock since
/// the item before, and this one has it now.
[[nodiscard]] inline bool take_carried(const carried_lock& lock) noexcept {
    return detail::backend::take_carried(&lock);
}

} // namespace gcd::inline GCD_ABI

#endif
