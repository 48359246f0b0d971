// SPDX-License-Identifier: MIT
/// @file
/// ProcessSource.

#include "bind.hpp"
#include "convert.hpp"
#include "source.hpp"

#include <cstdint>
#include <memory>

namespace binding {

void bind_process_source(py::module_& module) {
    using source = py_source<gcd::process_event>;
    py::class_<source> type(
        module, "ProcessSource",
        "Runs a callable when something happens to a process. Made stopped; start() begins. The status of a child\n"
        "that has ended is left for its parent to collect. On Linux PROC_EXIT alone can be watched for: start()\n"
        "raises NotImplementedError for the others. Usable with `with`. Dropped while started, it is cancelled with\n"
        "a ResourceWarning.\n\n"
        "See DISPATCH_SOURCE_TYPE_PROC.",
        collected<source>());
    require_init(type);
    type.def(
        py::init([](integer<int> pid, py::function handler, integer<std::uint32_t> events, const gcd::queue* queue) {
            return std::make_unique<source>(
                gcd::process_event{.pid = pid.value, .events = static_cast<gcd::process_events>(events.value)}, queue,
                shown_handler{std::move(handler)}, "ProcessSource pid=");
        }),
        py::arg("pid"), py::arg("handler"), py::arg("events") = static_cast<std::uint32_t>(gcd::process_events::exit),
        py::arg("queue") = py::none(),
        "pid: above 0. handler: called without arguments. events: PROC_* values or-ed together. queue: where the\n"
        "handler runs; None for the default global queue. ValueError: a value out of range.");
    type.def_property_readonly("pid", &source::handle, "The process.\n\nSee dispatch_source_get_handle.");
    type.def_property_readonly(
        "events_pending", [](const source& self) { return static_cast<std::uint32_t>(self.source.data().events); },
        "What had happened (PROC_* values or-ed together) at the latest run of the handler; 0 before the first.\n\n"
        "See dispatch_source_get_data.");
    bind_source_methods(type);
}

} // namespace binding
