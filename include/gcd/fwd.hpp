// SPDX-License-Identifier: MIT
#ifndef GCD_FWD_HPP
#define GCD_FWD_HPP
/// @file
/// Names of the public types, and of the handlers they store.

#include <gcd/config.hpp>

#include <cstddef>
#include <functional>

namespace gcd::inline GCD_ABI {

class queue;
class workloop;
class group;
class semaphore;
class once;
class data;
class io_channel;
class duration;
class time;
template <class Event> class source;

/// Tells a from_native function to take over the caller's reference.
struct adopted_t {
    explicit adopted_t() = default;
};
/// `queue::from_native(dispatch_queue, gcd::adopted)`
inline constexpr adopted_t adopted{};

namespace detail {
struct access;
}

/// What a source runs when it was cancelled. Runs once, on the source's queue, after the last event handler.
using cancel_handler = std::function<void()>;
/// What a source runs once it is registered with the system. Runs once, on the source's queue.
using registration_handler = std::function<void()>;
/// Receives what an I/O operation has done so far: `done` (no further call follows), the bytes, and an errno or 0.
using io_handler = std::function<void(bool done, const data& chunk, int error)>;
/// Runs once when a channel has given up its descriptor; `error` is an errno or 0.
using cleanup_handler = std::function<void(int error)>;
/// Asked by a read for memory to put a chunk into: gives `size` bytes, or null for the library's own.
/// @see gcd::io_channel::read
using read_memory = std::function<std::byte*(std::size_t size)>;

/// What channels go by, in bytes.
struct io_limits {
    static constexpr std::size_t low_water = 524'288;         ///< the mark of a new channel; see set_low_water()
    static constexpr std::size_t least_given = 65'536;        ///< the smallest chunk that memory is asked for
    static constexpr std::size_t greatest_given = 16'777'216; ///< the largest one
    static constexpr std::size_t read_ahead = 1'048'576;      ///< where a read may stop until its handler has caught up
};

} // namespace gcd::inline GCD_ABI

#endif
