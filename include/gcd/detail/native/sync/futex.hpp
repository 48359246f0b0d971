// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SYNC_FUTEX_HPP
#define GCD_DETAIL_NATIVE_SYNC_FUTEX_HPP
/// @file
/// Locking and waiting on futex words: usable before and after all static objects, and in a forked child once reset.

#include <gcd/config.hpp>
#include <gcd/detail/native/time.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include <sched.h>

namespace gcd::inline GCD_ABI::detail::native {

/// Tells the processor, not the kernel, that this thread waits.
[[gnu::always_inline]] inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// About 200 nanoseconds in which others get something done that is cheaper to take in one go.
inline void pause_for_others() noexcept {
    for (int i = 0; i < 8; ++i) pause();
}

/// Until when (CLOCK_MONOTONIC) yielding is not worth it: the processors are shared with others that use them up, and a
/// yield costs a whole slice of time. Relaxed: a hint.
GCD_VISIBLE inline constinit std::atomic<std::int64_t> crowded_until{0};

/// Waiting in the hope that it is short: about a microsecond of pauses, then yields, up to 20 microseconds in all. Who
/// is waited for may be runnable on this very processor, so the pauses must not go on; and where a yield turns out to
/// be long, waits are left to the kernel for a while.
class brief_wait {
public:
    /// False once it has lasted long enough.
    bool again() noexcept {
        if (rounds_ < pauses) {
            ++rounds_;
            for (int i = 0; i < 4; ++i) pause();
            return true;
        }
        const std::int64_t now = read_clock(CLOCK_MONOTONIC);
        if (end_ == 0) {
            if (now < crowded_until.load(std::memory_order_relaxed)) return false;
            end_ = now + limit;
        } else if (now - last_ > long_yield) {
            crowded_until.store(now + crowded_time, std::memory_order_relaxed);
            return false;
        }
        if (now >= end_) return false;
        last_ = now;
        ::sched_yield();
        return true;
    }

private:
    static constexpr int pauses = 10;
    static constexpr std::int64_t limit = 20'000;
    static constexpr std::int64_t long_yield = 200'000;
    static constexpr std::int64_t crowded_time = 20'000'000;
    std::int64_t end_ = 0;
    std::int64_t last_ = 0;
    int rounds_ = 0;
};

/// For waking all who sleep on a word.
inline constexpr int most_sleepers = 0x7FFFFFFF;

/// A mutex of four bytes. `word_`: 0 free, 1 held, 2 held and there may be sleepers. Taken with acquire, given back
/// with release; whoever has slept takes it with 2, so that the next release wakes another sleeper.
class futex_lock {
public:
    constexpr futex_lock() = default;
    futex_lock(const futex_lock&) = delete;
    futex_lock& operator=(const futex_lock&) = delete;

    [[gnu::always_inline]] bool try_lock() noexcept {
        std::uint32_t free = 0;
        return word_.compare_exchange_strong(free, 1, std::memory_order_acquire, std::memory_order_relaxed);
    }
    [[gnu::always_inline]] void lock() noexcept {
        if (!try_lock()) [[unlikely]]
            lock_slowly();
    }
    [[gnu::always_inline]] void unlock() noexcept {
        if (word_.exchange(0, std::memory_order_release) == 2) [[unlikely]]
            sys::futex_wake(&word_, 1);
    }
    /// In the child of a fork, whose other threads can't give it back.
    void reset() noexcept { word_.store(0, std::memory_order_relaxed); }

private:
    [[gnu::noinline]] void lock_slowly() noexcept {
        // Held for some nanoseconds, unless its holder has lost the processor.
        for (int round = 0; round < 150; ++round) {
            pause();
            if (word_.load(std::memory_order_relaxed) == 0 && try_lock()) return;
        }
        while (word_.exchange(2, std::memory_order_acquire) != 0) sys::futex_wait(word_, 2);
    }

    std::atomic<std::uint32_t> word_{0};
};

/// The system has given no thread for the monitor, which asks again where others are missing. Set after
/// what is wanted is marked, cleared before that is looked at (both seq_cst). Read relaxed: a wait looks once a slice.
GCD_VISIBLE inline constinit std::atomic<bool> threads_missing{false};

/// For a thread that waits: asks for the missing ones once more. True if there are any; then it should not sleep for long.
GCD_HIDDEN bool chase_threads() noexcept;

/// When a wait ends: never, or at a raw time.
class deadline {
public:
    explicit deadline(std::uint64_t raw) noexcept : endless_{raw == time_forever} {
        if (endless_) return;
        clock_ = time_clock(raw);
        at_ = raw == 0 ? 0 : time_nanoseconds(raw);
    }

    [[nodiscard]] bool is_endless() const noexcept { return endless_; }
    [[nodiscard]] bool has_passed() const noexcept {
        return !endless_ && (at_ == 0 || read_clock(clock_id(clock_)) >= at_);
    }

    /// Sleeps while the word holds `expected`, at most until the deadline, or until it is time to ask again, be it for
    /// threads that are missing.
    void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, bool asking) const noexcept {
        asking = chase_threads() || asking;
        if (endless_ && !asking) {
            sys::futex_wait(word, expected);
            return;
        }
        // A futex knows two clocks; the third is approached in slices, as is a wait that has to ask in between.
        if (!asking && clock_ != clock::continuous) {
            const timespec until = to_timespec(at_);
            sys::futex_wait(word, expected, &until, clock_ == clock::wall);
            return;
        }
        std::int64_t slice = asking ? ask_period : 1'000'000'000;
        if (!endless_) slice = std::clamp<std::int64_t>(at_ - read_clock(clock_id(clock_)), 0, slice);
        const timespec until = to_timespec(read_clock(CLOCK_MONOTONIC) + slice);
        sys::futex_wait(word, expected, &until);
    }

    static constexpr std::int64_t ask_period = 50'000'000;

private:
    bool endless_;
    clock clock_ = clock::uptime;
    std::int64_t at_ = 0;
};

} // namespace gcd::inline GCD_ABI::detail::native

#endif
