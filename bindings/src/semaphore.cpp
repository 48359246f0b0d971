// SPDX-License-Identifier: MIT
/// @file
/// Semaphore.

#include "bind.hpp"
#include "convert.hpp"
#include "gil.hpp"
#include "quick.hpp"

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
    try {
        block([&] { taken = self.semaphore.wait_until(timeout.until); });
    } catch (...) {
        // A signal handler has raised, and meanwhile there was a unit, of which nobody would know.
        if (taken) self.semaphore.signal();
        throw;
    }
    return taken;
}

/// wait(), and wait(seconds), if there is a unit.
PyObject* wait_quickly(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    const auto* held = quick_self<py_semaphore>(self);
    if (held == nullptr || count > 1) return nullptr;
    if (count == 1 && !(PyFloat_CheckExact(arguments[0]) && PyFloat_AS_DOUBLE(arguments[0]) >= 0)) return nullptr;
    return held->semaphore.try_wait() ? py::bool_(true).release().ptr() : nullptr;
}

PyObject* signal_quickly(PyObject* self, PyObject* const*, Py_ssize_t count) {
    const auto* held = quick_self<py_semaphore>(self);
    if (held == nullptr || count != 0) return nullptr;
    return py::bool_(held->semaphore.signal()).release().ptr();
}

PyObject* enter_quickly(PyObject* self, PyObject* const*, Py_ssize_t count) {
    const auto* held = quick_self<py_semaphore>(self);
    if (held == nullptr || count != 0 || !held->semaphore.try_wait()) return nullptr;
    Py_INCREF(self); // Py_NewRef is Python 3.10's
    return self;
}

PyObject* exit_quickly(PyObject* self, PyObject* const*, Py_ssize_t) {
    const auto* held = quick_self<py_semaphore>(self);
    if (held == nullptr) return nullptr;
    held->semaphore.signal();
    return py::none().release().ptr();
}

} // namespace

void bind_semaphore(py::module_& module) {
    unlocked_class<py_semaphore> type(
        module, "Semaphore",
        "A counting semaphore. Usable with `with`. All methods may be called from any thread.\n\n"
        "See dispatch_semaphore_create.",
        apart());
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
    quick_method<&wait_quickly>::install(type, "wait");
    quick_method<&signal_quickly>::install(type, "signal");
    quick_method<&enter_quickly>::install(type, "__enter__");
    quick_method<&exit_quickly>::install(type, "__exit__");
}

} // namespace binding
