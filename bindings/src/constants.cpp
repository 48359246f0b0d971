// SPDX-License-Identifier: MIT
/// @file
/// The constants, with the values that libdispatch gives them.

#include "bind.hpp"

#include <cstdint>
#include <limits>

namespace binding {

void bind_constants(py::module_& module) {
    module.attr("DISPATCH_TIME_NOW") = 0;
    module.attr("DISPATCH_TIME_FOREVER") = gcd::time::forever().raw();

    module.attr("NSEC_PER_SEC") = 1'000'000'000;
    module.attr("NSEC_PER_MSEC") = 1'000'000;
    module.attr("NSEC_PER_USEC") = 1'000;
    module.attr("USEC_PER_SEC") = 1'000'000;
    module.attr("MSEC_PER_SEC") = 1'000;

    const auto value = [](auto constant) { return static_cast<std::int64_t>(constant); };

    module.attr("QUEUE_PRIORITY_HIGH") = value(gcd::queue_priority::high);
    module.attr("QUEUE_PRIORITY_DEFAULT") = value(gcd::queue_priority::normal);
    module.attr("QUEUE_PRIORITY_LOW") = value(gcd::queue_priority::low);
    module.attr("QUEUE_PRIORITY_BACKGROUND") = value(gcd::queue_priority::background);

    module.attr("QOS_CLASS_USER_INTERACTIVE") = value(gcd::qos::user_interactive);
    module.attr("QOS_CLASS_USER_INITIATED") = value(gcd::qos::user_initiated);
    module.attr("QOS_CLASS_DEFAULT") = value(gcd::qos::default_class);
    module.attr("QOS_CLASS_UTILITY") = value(gcd::qos::utility);
    module.attr("QOS_CLASS_BACKGROUND") = value(gcd::qos::background);
    module.attr("QOS_CLASS_UNSPECIFIED") = value(gcd::qos::unspecified);

    module.attr("PROC_EXIT") = value(gcd::process_events::exit);
    module.attr("PROC_FORK") = value(gcd::process_events::fork);
    module.attr("PROC_EXEC") = value(gcd::process_events::exec);
    module.attr("PROC_SIGNAL") = value(gcd::process_events::signal);

    module.attr("IO_STREAM") = value(gcd::io_type::stream);
    module.attr("IO_RANDOM") = value(gcd::io_type::random);
    module.attr("IO_STOP") = 1;
    module.attr("IO_STRICT_INTERVAL") = 1;

    module.attr("AUTORELEASE_FREQUENCY_INHERIT") = value(gcd::autorelease_frequency::inherit);
    module.attr("AUTORELEASE_FREQUENCY_WORK_ITEM") = value(gcd::autorelease_frequency::work_item);
    module.attr("AUTORELEASE_FREQUENCY_NEVER") = value(gcd::autorelease_frequency::never);
}

} // namespace binding
