// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_COUNTED_HPP
#define GCD_TEST_COUNTED_HPP
/// @file
/// A value that tells how many of its kind are alive, to see that captures are destroyed exactly once.

#include <atomic>

namespace gcd_test {

/// How many `counted` share this and are alive. Must outlive them.
struct live_count {
    std::atomic<int> value{0};
    [[nodiscard]] int operator()() const { return value.load(std::memory_order_acquire); }
};

/// Capture one in a callable. Move-only.
class counted {
public:
    explicit counted(live_count& count) : count_(&count) { count_->value.fetch_add(1, std::memory_order_relaxed); }
    counted(counted&& other) noexcept : counted(*other.count_) {}
    counted& operator=(counted&&) = delete;
    ~counted() { count_->value.fetch_sub(1, std::memory_order_acq_rel); }

private:
    live_count* count_;
};

} // namespace gcd_test

#endif
