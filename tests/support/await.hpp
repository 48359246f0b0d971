// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_AWAIT_HPP
#define GCD_TEST_AWAIT_HPP
/// @file
/// Waiting for what other threads do, always with a bound: a broken test fails, it doesn't hang.
///
/// Nothing here uses the library under test.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace gcd_test {

/// How long a wait may last. It is reached only when something is broken.
inline constexpr std::chrono::milliseconds bound{5000};

/// Polls until `pred()` holds or the limit has passed; returns what it last said.
/// For conditions that nobody announces; prefer `signal` where the item can set one.
template <class Pred>
[[nodiscard]] bool await(Pred&& pred, std::chrono::milliseconds limit = bound) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!pred()) {
        if (std::chrono::steady_clock::now() >= end) return static_cast<bool>(pred());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

/// Counts down to zero from any thread. May be destroyed as soon as a wait has returned true.
class latch {
public:
    explicit latch(std::ptrdiff_t count) : count_(count) {}
    latch(const latch&) = delete;
    latch& operator=(const latch&) = delete;

    void count_down(std::ptrdiff_t by = 1) {
        // Notifies while it holds the lock: a waiter that sees zero may destroy this object.
        const std::lock_guard lock(mutex_);
        count_ -= by;
        if (count_ <= 0) changed_.notify_all();
    }

    [[nodiscard]] bool try_wait() const {
        const std::lock_guard lock(mutex_);
        return count_ <= 0;
    }

    /// False if the limit passed first.
    [[nodiscard]] bool wait(std::chrono::milliseconds limit = bound) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [this] { return count_ <= 0; });
    }

    [[nodiscard]] bool arrive_and_wait(std::chrono::milliseconds limit = bound) {
        count_down();
        return wait(limit);
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::ptrdiff_t count_;
};

/// Something that happens once or again after a reset; setting it twice is the same as once.
class signal {
public:
    signal() = default;
    signal(const signal&) = delete;
    signal& operator=(const signal&) = delete;

    void set() {
        const std::lock_guard lock(mutex_);
        set_ = true;
        changed_.notify_all();
    }

    void reset() {
        const std::lock_guard lock(mutex_);
        set_ = false;
    }

    [[nodiscard]] bool is_set() const {
        const std::lock_guard lock(mutex_);
        return set_;
    }

    /// False if the limit passed first.
    [[nodiscard]] bool wait(std::chrono::milliseconds limit = bound) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [this] { return set_; });
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool set_ = false;
};

/// Makes both calls at the same time, on two threads: how many were not refused, by an exception of that type.
template <class Refusal = std::logic_error, class First, class Second> [[nodiscard]] int race(First&& first,
                                                                                              Second&& second) {
    std::atomic<int> won{0};
    latch both{2};
    const auto make = [&](auto& call) {
        static_cast<void>(both.arrive_and_wait());
        try {
            call();
            ++won;
        } catch (const Refusal&) {
        }
    };
    std::thread other{[&] { make(second); }};
    make(first);
    other.join();
    return won;
}

} // namespace gcd_test

#endif
