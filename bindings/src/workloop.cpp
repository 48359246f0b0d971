// SPDX-License-Identifier: MIT
/// @file
/// Workloop.

#include "bind.hpp"
#include "convert.hpp"
#include "gil.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>

namespace binding {

namespace {

void set_frequency(const gcd::workloop& self, integer<unsigned> frequency) {
    self.set_autorelease_frequency(static_cast<gcd::autorelease_frequency>(frequency.value));
}

} // namespace

void bind_workloop(py::module_& module) {
    unlocked_class<gcd::workloop, gcd::queue> type(
        module, "Workloop",
        "A serial queue that runs the item of highest QoS first. Goes wherever a Queue goes. It can't be suspended or\n"
        "retargeted, and takes no work while it is inactive. On Linux's libdispatch it is a plain serial queue.\n\n"
        "See dispatch_workloop_create.",
        apart());
    require_init(type);
    type.def(py::init([](const std::optional<py::str>& label, bool inactive) {
                 return gcd::workloop{label ? std::string{*label} : std::string{}, {.inactive = inactive}};
             }),
             py::arg("label"), py::arg("inactive") = false,
             "label: for debugging, without NUL; may be None. inactive: must be activated before it takes work.");
    type.def("set_autorelease_frequency", &set_frequency, py::arg("frequency"),
             "When Objective-C autorelease pools are drained, an AUTORELEASE_FREQUENCY_* value; no effect on Linux.\n"
             "`freq=` is another name for the argument. RuntimeError: the workloop is active. ValueError: an unknown\n"
             "value.\n\n"
             "See dispatch_workloop_set_autorelease_frequency.");
    type.def("set_autorelease_frequency", &set_frequency, py::kw_only(), py::arg("freq"),
             "The same, by the other name.");
    type.def("__repr__", [](const gcd::workloop& self) {
        return "<cygcd.Workloop " + std::string(py::repr(py::str(self.label()))) +
               (self.is_inactive() ? " inactive>" : " active>");
    });
}

} // namespace binding
