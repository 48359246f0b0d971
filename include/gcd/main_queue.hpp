// SPDX-License-Identifier: MIT
#ifndef GCD_MAIN_QUEUE_HPP
#define GCD_MAIN_QUEUE_HPP
/// @file
/// Serving the main queue: by a loop of our own, or from a foreign event loop.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/held.hpp>

namespace gcd::inline GCD_ABI {

/// Runs the main queue's items on the main thread until stop_main() is called; items that were submitted before the
/// stop have run when it returns. May be called again.
/// @note macOS: runs CoreFoundation's run loop of the main thread.
/// @throws std::logic_error off the main thread, or inside another run_main(). @throws interrupted; see interruptible.
/// @see dispatch_main
inline void run_main() { detail::backend::main_run(); }

/// Ends run_main(); without one under way, the next one returns as soon as it has run what is there. Thread-safe.
/// @see CFRunLoopStop
inline void stop_main() { detail::backend::main_stop(); }

/// A descriptor that is readable while the main queue has items, for a foreign event loop; call drain_main_queue() on
/// the main thread then. Owned by the engine; don't read or close it.
/// @throws std::system_error (not_supported) on macOS, where the main run loop serves the main queue.
[[nodiscard]] inline int main_queue_descriptor() { return detail::backend::main_descriptor(); }

/// Runs the items that the main queue has, and returns. @throws std::logic_error off the main thread.
/// @throws std::system_error (not_supported) on macOS.
inline void drain_main_queue() { detail::backend::main_drain(); }

} // namespace gcd::inline GCD_ABI

#endif
