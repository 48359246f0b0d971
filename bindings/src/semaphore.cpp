// SPDX-License-Identifier: MIT
/// @file
/// Semaphore.

#include "bind.hpp"
#include "convert.hpp"
#include "gil.hpp"

#include <string>

namespace binding {

namespace {

struct py_semaphore {
    gcd::semaphore semaphore;
    long initial;
};

bool wait_for_unit(const py_semaphore& self, const limit& timeout) {
    // One that is there is taken without a detour through the GIL.
    if (self.semaphore.try_wait()) return true;
    bool taken = false;
    block([&] { taken = self.semaphore.wait_until(timeout.until); });
    return taken;
}

} // namespace

void bind_semaphore(py::module_& module) {
    py::class_<py_semaphore> type(
        module, "Semaphore", py::release_gil_before_calling_cpp_dtor(),
        "A counting semaphore. Usable with `with`. All methods may be called from any thread.\n\n"
        "See dispatch_semaphore_create.");
    require_init(type);
    type.def(py::init([](integer<long> value) { return py_semaphore{gcd::semaphore{value.value}, value.value}; }),
             py::arg("value") = 0, "value: the units there are at first, 0 or more (else ValueError).");
    type.def(
        "wait", &wait_for_unit, py::arg("timeout_seconds") = -1.0,
        "Takes a unit; waits for one for so many seconds at most (-1 or None: for ever), or until a Time. False if\n"
        "there was none. `timeout=` is another name for the argument. ValueError: NaN, or another negative\n"
        "number.\n\n"
        "See dispatch_semaphore_wait.");
    type.def("wait", &wait_for_unit, py::kw_only(), py::arg("timeout"), "The same, by the other name.");
    type.def(
        "signal", [](const py_semaphore& self) { return self.semaphore.signal(); },
        "Adds a unit. True if a waiting thread was woken.\n\n"
        "See dispatch_semaphore_signal.");
    type.def(
        "__enter__",
        [](py::object self) {
            wait_for_unit(self.cast<const py_semaphore&>(), limit{gcd::time::forever()});
            return self;
        },
        "Takes a unit.");
    type.def("__exit__", [](const py_semaphore& self, const py::args&) { self.semaphore.signal(); }, "Adds a unit.");
    type.def("__repr__", [](const py_semaphore& self) {
        return "<cygcd.Semaphore made with " + std::to_string(self.initial) + ">";
    });
}

} // namespace binding
