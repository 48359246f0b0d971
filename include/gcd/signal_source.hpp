// SPDX-License-Identifier: MIT
#ifndef GCD_SIGNAL_SOURCE_HPP
#define GCD_SIGNAL_SOURCE_HPP
/// @file
/// Unix signals as events.

#include <gcd/source.hpp>

#include <cstdint>
#include <stdexcept>

#include <signal.h>

namespace gcd::inline GCD_ABI {

/// A signal to the process.
struct signal_event {
    /// Deliveries since the handler's last run. The kernel merges those that were pending at the same time.
    struct data {
        std::uint64_t count = 0; ///< at least 1 in the handler
    };
    using handle_type = int;

    int signal = 0; ///< a signal number that can be caught

    /// Checks the number. @throws std::invalid_argument
    detail::source_config config() const {
        if (signal <= 0 || signal >= NSIG || signal == SIGKILL || signal == SIGSTOP ||
            ::sigaction(signal, nullptr, nullptr) != 0) // the C library keeps some for itself
            throw std::invalid_argument("gcd::signal_source: not the number of a signal that can be caught");
        return {.kind = detail::source_kind::signal, .handle = signal};
    }
    static data to_data(std::uint64_t raw) { return {raw}; }
};

/// Runs a handler when the process gets a signal. An earlier signal handler of the program still runs; the signal's
/// default action, or its being ignored, has no effect while a source is started.
/// @note macOS: there the default action does act; set SIG_IGN first, as everywhere with libdispatch.
/// @see DISPATCH_SOURCE_TYPE_SIGNAL
using signal_source = source<signal_event>;

} // namespace gcd::inline GCD_ABI

#endif
