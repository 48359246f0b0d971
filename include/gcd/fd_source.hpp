// SPDX-License-Identifier: MIT
#ifndef GCD_FD_SOURCE_HPP
#define GCD_FD_SOURCE_HPP
/// @file
/// Descriptors that become readable or writable.

#include <gcd/source.hpp>

#include <cstdint>
#include <stdexcept>

namespace gcd::inline GCD_ABI {

/// A descriptor can be read without blocking, or is at its end. Level-triggered: the handler runs again as long as
/// that is so. Regular files are always ready.
struct read_event {
    /// Bytes that can be read; an estimate, zero at the end.
    struct data {
        std::uint64_t bytes_available = 0; ///< zero at the end
    };
    using handle_type = int;

    int fd = -1; ///< open, and left open until the source is cancelled

    /// @throws std::invalid_argument if it is negative
    detail::source_config config() const {
        if (fd < 0) throw std::invalid_argument("gcd::read_source: the descriptor is negative");
        return {.kind = detail::source_kind::read, .handle = fd};
    }
    static data to_data(std::uint64_t raw) { return {raw}; }
};

/// A descriptor can be written without blocking. Level-triggered.
struct write_event {
    /// Bytes for which the system has room; an estimate.
    struct data {
        std::uint64_t buffer_space = 0; ///< an estimate
    };
    using handle_type = int;

    int fd = -1; ///< open, and left open until the source is cancelled

    /// @throws std::invalid_argument if it is negative
    detail::source_config config() const {
        if (fd < 0) throw std::invalid_argument("gcd::write_source: the descriptor is negative");
        return {.kind = detail::source_kind::write, .handle = fd};
    }
    static data to_data(std::uint64_t raw) { return {raw}; }
};

/// Runs a handler while a descriptor is readable. @see DISPATCH_SOURCE_TYPE_READ
using read_source = source<read_event>;
/// Runs a handler while a descriptor is writable. @see DISPATCH_SOURCE_TYPE_WRITE
using write_source = source<write_event>;

} // namespace gcd::inline GCD_ABI

#endif
