// SPDX-License-Identifier: MIT
#ifndef GCD_WORKLOOP_HPP
#define GCD_WORKLOOP_HPP
/// @file
/// Workloops: serial queues that take the item of highest QoS first.

#include <gcd/queue.hpp>

namespace gcd::inline GCD_ABI {

/// How a workloop is made.
struct workloop_options {
    bool inactive = false; ///< must be activated before work is submitted
    /// When Objective-C autorelease pools are drained. @note Linux: no effect
    gcd::autorelease_frequency autorelease_frequency = gcd::autorelease_frequency::inherit;
};

/// A serial queue that runs the item of highest QoS first; an item's QoS is that of the queue it came through.
/// Goes wherever a queue goes. Can't be suspended or retargeted, and takes no work while it is inactive.
/// @note libdispatch on Linux has no order by QoS: there the workloop is a plain serial queue.
/// @see dispatch_workloop_create
class workloop : public queue {
public:
    /// @throws std::invalid_argument for a label that contains NUL.
    /// @see dispatch_workloop_create @see dispatch_workloop_create_inactive
    explicit workloop(std::string_view label = {}, const workloop_options& options = {});

    /// A second owner of the same workloop.
    [[nodiscard]] workloop retain() const { return workloop{object_.retain()}; }

    /// When Objective-C autorelease pools are drained. @note Linux: no effect
    /// @throws std::logic_error once the workloop is active. @throws std::invalid_argument for an unknown value.
    /// @see dispatch_workloop_set_autorelease_frequency
    void set_autorelease_frequency(gcd::autorelease_frequency frequency) const;

private:
    explicit workloop(reference object) noexcept : queue{std::move(object)} {}
};

inline workloop::workloop(std::string_view label, const workloop_options& options)
    : queue{reference{detail::backend::workloop_create(label, options.inactive, options.autorelease_frequency)}} {}

inline void workloop::set_autorelease_frequency(gcd::autorelease_frequency frequency) const {
    detail::backend::workloop_set_autorelease_frequency(object_.get(), frequency);
}

} // namespace gcd::inline GCD_ABI

#endif
