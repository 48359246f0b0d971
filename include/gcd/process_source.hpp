// SPDX-License-Identifier: MIT
#ifndef GCD_PROCESS_SOURCE_HPP
#define GCD_PROCESS_SOURCE_HPP
/// @file
/// What happens to another process.

#include <gcd/source.hpp>

#include <cstdint>
#include <stdexcept>

namespace gcd::inline GCD_ABI {

/// Events of a process; flags that can be or-ed. The values are those of `DISPATCH_PROC_…`.
enum class process_events : std::uint32_t {
    none = 0,
    signal = 0x08000000, ///< it got a signal @note Linux: not_supported at start()
    exec = 0x20000000,   ///< it became another program @note Linux: not_supported at start()
    fork = 0x40000000,   ///< it made a child @note Linux: not_supported at start()
    exit = 0x80000000,   ///< it ended; its status is left for its parent
};

/// Either or both.
constexpr process_events operator|(process_events a, process_events b) {
    return static_cast<process_events>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// What is in both.
constexpr process_events operator&(process_events a, process_events b) {
    return static_cast<process_events>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

/// A process and the events to watch for.
struct process_event {
    /// What has happened.
    struct data {
        process_events events = process_events::none; ///< those that have happened
    };
    using handle_type = int;

    int pid = 0;                                  ///< above zero
    process_events events = process_events::exit; ///< at least one

    /// Checks the values. @throws std::invalid_argument
    detail::source_config config() const {
        constexpr auto all =
            process_events::exit | process_events::fork | process_events::exec | process_events::signal;
        if (pid <= 0) throw std::invalid_argument("gcd::process_source: the pid must be above zero");
        if (events == process_events::none || (events & all) != events)
            throw std::invalid_argument("gcd::process_source: no event, or an unknown one");
        return {.kind = detail::source_kind::process, .handle = pid, .mask = static_cast<std::uint32_t>(events)};
    }
    static data to_data(std::uint64_t raw) { return {static_cast<process_events>(raw)}; }
};

/// Runs a handler when something happens to a process. A process that is gone already has exited.
/// @throws std::system_error (not_supported) at start() for events that the system can't watch for.
/// @see DISPATCH_SOURCE_TYPE_PROC
using process_source = source<process_event>;

} // namespace gcd::inline GCD_ABI

#endif
