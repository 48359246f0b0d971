// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_TYPES_HPP
#define GCD_DETAIL_TYPES_HPP
/// @file
/// The plain types that the seam's functions take and give.

#include <gcd/config.hpp>
#include <gcd/qos.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gcd::inline GCD_ABI {

/// Which clock a gcd::time is read on.
enum class clock : unsigned char {
    uptime,     ///< runs while the machine is awake (`CLOCK_MONOTONIC`, `mach_absolute_time`)
    continuous, ///< runs through sleep too (`CLOCK_BOOTTIME`) @note macOS: no public call; not_supported
    wall,       ///< the calendar; follows changes of the system's time (`CLOCK_REALTIME`)
};

namespace detail {
using plain_function = void() noexcept;
}

/// A lock that items of one kind need and that costs to take, such as an interpreter's: an item that holds it at its end
/// may leave it to the next one on its thread (leave_carried, take_carried in blocking.hpp). Of static storage.
struct carried_lock {
    /// Gives it back; called on the thread that it was left on.
    detail::plain_function* release;
};

namespace detail {

struct queue_object;
struct group_object;
struct semaphore_object;
struct source_object;
struct data_object;
struct channel_object;
struct call;

/// The most threads that a pool may be told to use.
inline constexpr unsigned most_threads = 512;

/// Asked by a blocking call at least every 50 ms while it waits; true ends the wait.
struct give_up {
    bool (*asked)(const give_up*) noexcept;
};

/// The body of apply, borrowed.
struct loop_body {
    /// Calls it for each index from the first on, below the last. False, with the rest left out, once the loop is
    /// stopped.
    bool (*run)(loop_body*, std::size_t first, std::size_t last) noexcept;
    /// A call has thrown, or the loop was given up: no further call begins. Set by any thread; relaxed, as who waits
    /// for the threads orders the rest.
    std::atomic<bool> stopped{false};

    explicit loop_body(bool (*how)(loop_body*, std::size_t, std::size_t) noexcept) noexcept : run{how} {}
};

struct queue_config {
    std::string_view label;
    bool concurrent = false;
    gcd::qos qos = gcd::qos::unspecified;
    int relative_priority = 0;
    queue_object* target = nullptr;
    bool has_target = false; ///< tells a target that was moved from apart from none
    bool inactive = false;
};

enum class source_kind : unsigned char { timer, signal, read, write, process };

/// When a timer fires, resolved against the clock only when it starts.
struct timer_config {
    bool start_is_absolute = false;
    std::uint64_t start = 0;      ///< a dispatch time; used if start_is_absolute
    std::int64_t start_delay = 0; ///< ns from the call of start
    std::int64_t interval = 0;    ///< ns; INT64_MAX for ever
    std::int64_t leeway = 0;      ///< ns
    bool repeating = true;
};

struct source_config {
    timer_config timer{};
    source_kind kind = source_kind::timer;
    bool carries = false;   ///< the event handler asks for a carried lock
    int handle = 0;         ///< descriptor, signal number or pid
    std::uint32_t mask = 0; ///< process events
};

enum class channel_type : unsigned char { stream, random };

/// A contiguous piece of a data object.
struct data_region {
    const void* bytes = nullptr;
    std::size_t size = 0;
    std::size_t offset = 0; ///< of its first byte within the whole
};

} // namespace detail
} // namespace gcd::inline GCD_ABI

#endif
