// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_GATHER_HPP
#define GCD_DETAIL_IO_GATHER_HPP
/// @file
/// Putting data together out of many pieces.

#include <gcd/config.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/types.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// Joins two, of which it takes the counts.
GCD_HIDDEN inline data_object* joined(data_object* one, data_object* other) {
    const struct counts {
        data_object* first;
        data_object* second;
        ~counts() {
            release(first);
            release(second);
        }
    } owned{one, other};
    return data_concat(one, other);
}

/// Pieces in the order of their arrival. A concatenation takes as long as it has regions, so pieces are joined with
/// others of their own weight only: n of them take n log n, not n * n.
class data_gather {
public:
    data_gather() = default;
    data_gather(const data_gather&) = delete;
    data_gather& operator=(const data_gather&) = delete;
    ~data_gather() {
        for (const part& each : parts_) release(each.data);
    }

    [[nodiscard]] bool is_empty() const noexcept { return parts_.empty(); }

    /// Takes a count of the piece.
    void add(data_object* piece) {
        part added{piece, 1};
        while (!parts_.empty() && parts_.back().weight <= added.weight) {
            const part before = parts_.back();
            parts_.pop_back();
            added = {joined(before.data, added.data), before.weight + added.weight};
        }
        parts_.push_back(added);
    }

    /// All so far, as one; null for nothing.
    [[nodiscard]] data_object* take() {
        data_object* all = nullptr;
        while (!parts_.empty()) {
            data_object* before = parts_.back().data;
            parts_.pop_back();
            all = all == nullptr ? before : joined(before, all);
        }
        return all;
    }

private:
    struct part {
        data_object* data;
        std::size_t weight;
    };
    std::vector<part> parts_;
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif
