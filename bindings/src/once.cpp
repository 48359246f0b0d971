// SPDX-License-Identifier: MIT
/// @file
/// Once.

#include "bind.hpp"
#include "py_work.hpp"

namespace binding {

void bind_once(py::module_& module) {
    py::class_<gcd::once> type(module, "Once",
                               "Runs one callable, once, for all threads.\n\n"
                               "See dispatch_once.",
                               apart());
    require_init(type);
    type.def(py::init<>());
    type.def(
        "__call__",
        [](gcd::once& self, const py::function& func) {
            if (self.is_done()) return;
            py_call call{func};
            block([&] {
                try {
                    self([&call] {
                        if (!call()) throw callable_raised{};
                    });
                } catch (const callable_raised&) {
                    // take() raises it.
                }
            });
            static_cast<void>(call.take());
        },
        py::arg("func"),
        "Runs the callable if none has completed yet; when this returns, one has. Other callers wait meanwhile. What\n"
        "it raises is raised here, and the next call tries again. RuntimeError: called from inside its own\n"
        "callable.\n\n"
        "See dispatch_once.");
    type.def("__repr__",
             [](const gcd::once& self) { return self.is_done() ? "<cygcd.Once done>" : "<cygcd.Once pending>"; });
}

} // namespace binding
