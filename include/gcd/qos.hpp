// SPDX-License-Identifier: MIT
#ifndef GCD_QOS_HPP
#define GCD_QOS_HPP
/// @file
/// Quality-of-service classes and the older queue priorities.

#include <gcd/config.hpp>

namespace gcd::inline GCD_ABI {

/// Quality of service of a queue; the values are those of `qos_class_t`.
/// @note Linux: the native engine orders its pool by it, and runs utility and background on nicer threads; libdispatch
/// there makes a nice value of it.
enum class qos : unsigned {
    unspecified = 0x00,
    background = 0x09,
    utility = 0x11,
    default_class = 0x15,
    user_initiated = 0x19,
    user_interactive = 0x21,
};

/// Priorities of the global queues, as they were before QoS; the values are those of `DISPATCH_QUEUE_PRIORITY_…`.
enum class queue_priority : int { high = 2, normal = 0, low = -2, background = -32768 };

/// When a workloop drains Objective-C autorelease pools.
/// @note Linux: accepted, without effect (there are none).
enum class autorelease_frequency : unsigned { inherit = 0, work_item = 1, never = 2 };

/// Lowest relative priority within a QoS class; the highest is 0.
inline constexpr int min_relative_priority = -15;

} // namespace gcd::inline GCD_ABI

#endif
