// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_JOB_HPP
#define GCD_DETAIL_IO_JOB_HPP
/// @file
/// What a channel asks of its device, and what that tells it.

#include <gcd/config.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/fwd.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// When handlers are called. The low mark is never above the high one.
struct io_marks {
    std::size_t low = io_limits::low_water; ///< as dispatch I/O
    std::size_t high = std::numeric_limits<std::size_t>::max();
    std::int64_t interval = 0; ///< ns; 0 for none

    void set_high(std::size_t bytes) noexcept {
        high = bytes;
        low = std::min(low, high);
    }
    void set_low(std::size_t bytes) noexcept {
        low = bytes;
        high = std::max({high, low, std::size_t{1}});
    }
};

/// What is to be done.
struct io_job {
    bool write = false;
    bool greedy = false; ///< a read that takes what there is
    bool asks = false;   ///< a read for which memory may be given
    std::size_t length = 0;
    std::int64_t offset = 0;      ///< for random access
    data_object* bytes = nullptr; ///< borrowed: what to write, which may be nothing
};

/// Of the channel (channel.hpp): who has asked for an operation.
struct channel_request;
/// Calls the handler, with a count of the chunk, which may be null. On the handler's queue, one call at a time. False in
/// the child of a fork that it has made: all that would follow is the parent's.
GCD_HIDDEN bool call_handler(channel_request* of, bool done, data_object* chunk, int error) noexcept;
/// Gets the caller's memory for a chunk of such a size, or null if there is none. On the side's queue. False as above.
GCD_HIDDEN bool ask_for_memory(channel_request* of, std::size_t size, std::byte*& memory) noexcept;
/// After the last call.
GCD_HIDDEN void end_request(channel_request* of) noexcept;

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif
