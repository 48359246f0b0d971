// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_STRESS_HPP
#define GCD_TEST_STRESS_HPP
/// @file
/// What stress programs share: how long they run, chance that can be repeated, and failing loudly.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace gcd_test {

/// `GCD_STRESS_SECONDS`, or five.
inline std::chrono::seconds stress_time() {
    const char* wanted = std::getenv("GCD_STRESS_SECONDS");
    return std::chrono::seconds{wanted != nullptr ? std::atol(wanted) : 5};
}

/// `GCD_STRESS_SEED`, or one from the clock; printed, so that a failure can be repeated.
inline std::uint64_t stress_seed() {
    const char* wanted = std::getenv("GCD_STRESS_SEED");
    const std::uint64_t seed =
        wanted != nullptr ? std::strtoull(wanted, nullptr, 10)
                          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    std::printf("GCD_STRESS_SEED=%llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    return seed;
}

/// xorshift64*.
class chance {
public:
    explicit chance(std::uint64_t seed) : state_{seed * 2'685'821'657'736'338'717U + 1} {}
    std::uint64_t next() {
        state_ ^= state_ >> 12U;
        state_ ^= state_ << 25U;
        state_ ^= state_ >> 27U;
        return state_ * 2'685'821'657'736'338'717U;
    }
    /// Below `limit`.
    std::uint64_t below(std::uint64_t limit) { return (next() >> 33U) % limit; }
    bool one_in(std::uint64_t number) { return below(number) == 0; }

private:
    std::uint64_t state_;
};

/// Ends the program, core and all, when something is wrong.
inline void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "stress: %s\n", what);
    std::abort();
}

} // namespace gcd_test

#endif
