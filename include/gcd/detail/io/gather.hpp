// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_GATHER_HPP
#define GCD_DETAIL_IO_GATHER_HPP
/// @file
/// Putting data together out of many pieces.

#include <gcd/config.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/types.hpp>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <new>
#include <utility>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// A count of data, or none; given up at the end.
class data_hold {
public:
    explicit data_hold(data_object* held) noexcept : data_{held} {}
    data_hold(const data_hold&) = delete;
    data_hold& operator=(const data_hold&) = delete;
    ~data_hold() { reset(); }

    void reset(data_object* other = nullptr) noexcept {
        if (data_object* former = std::exchange(data_, other)) release(former);
    }
    [[nodiscard]] data_object* get() const noexcept { return data_; }
    [[nodiscard]] data_object* give_up() noexcept { return std::exchange(data_, nullptr); }

private:
    data_object* data_;
};

/// Joins two, of which it takes the counts.
GCD_HIDDEN inline data_object* joined(data_object* one, data_object* other) {
    const data_hold first{one};
    const data_hold second{other};
    return data_concat(one, other);
}

/// Pieces in the order of their arrival. A concatenation takes as long as it has regions, so pieces are joined with
/// as many others only: n of them take n log n, not n * n.
class data_gather {
public:
    data_gather() = default;
    data_gather(const data_gather&) = delete;
    data_gather& operator=(const data_gather&) = delete;
    ~data_gather() {
        while (data_object* part = take_smallest()) release(part);
    }

    /// Takes a count of the piece.
    void add(data_object* piece) {
        unsigned level = 0;
        for (; has(level); ++level) piece = joined(take(level), piece);
        parts_[level] = piece;
        held_ |= std::uint64_t{1} << level;
    }

    /// All so far, as one; null for nothing.
    [[nodiscard]] data_object* take() {
        data_object* all = take_smallest();
        while (data_object* before = take_smallest()) all = joined(before, all);
        return all;
    }
    /// The same for a handler, which has to be called: nothing, and an error, if there is no memory for it.
    [[nodiscard]] data_object* take(int& error) noexcept {
        try {
            return take();
        } catch (const std::bad_alloc&) {
            error = ENOMEM;
            return nullptr;
        }
    }

private:
    /// There is no memory for two to the power of this many pieces.
    static constexpr unsigned levels = 40;

    [[nodiscard]] bool has(unsigned level) const noexcept { return ((held_ >> level) & 1U) != 0; }
    data_object* take(unsigned level) noexcept {
        held_ &= ~(std::uint64_t{1} << level);
        return parts_[level];
    }
    /// The part that came last, or null.
    data_object* take_smallest() noexcept {
        return held_ == 0 ? nullptr : take(static_cast<unsigned>(std::countr_zero(held_)));
    }

    /// Where `held_` has the bit: what two to the power of the index many pieces have become. Higher ones came before.
    data_object* parts_[levels];
    std::uint64_t held_ = 0;
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif
