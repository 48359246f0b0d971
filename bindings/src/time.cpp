// SPDX-License-Identifier: MIT
/// @file
/// Points in time: the int subclass Time, time_from_now and walltime.

#include "bind.hpp"
#include "convert.hpp"

namespace binding {

namespace {

const char* clock_name(gcd::time at) {
    switch (at.which()) {
    case gcd::clock::wall: return "wall";
    case gcd::clock::continuous: return "continuous";
    default: return "uptime";
    }
}

PyObject* time_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
    PyObject* made = PyLong_Type.tp_new(type, arguments, keywords);
    if (made == nullptr) return nullptr;
    PyLong_AsUnsignedLongLong(made);
    if (PyErr_Occurred() != nullptr) {
        Py_DECREF(made);
        PyErr_SetString(PyExc_ValueError, "a Time is a dispatch time, from 0 to 2**64 - 1");
        return nullptr;
    }
    return made;
}

PyObject* time_clock(PyObject* self, void*) {
    return PyUnicode_FromString(clock_name(gcd::time::from_raw(PyLong_AsUnsignedLongLong(self))));
}

PyObject* time_repr(PyObject* self) {
    const gcd::time at = gcd::time::from_raw(PyLong_AsUnsignedLongLong(self));
    if (at.is_forever()) return PyUnicode_FromString("<cygcd.Time forever>");
    return PyUnicode_FromFormat("<cygcd.Time %llu %s>", static_cast<unsigned long long>(at.raw()), clock_name(at));
}

PyObject* time_str(PyObject* self) { return PyLong_Type.tp_repr(self); }

constexpr const char* time_doc =
    "A point in time: the 64-bit dispatch time as an int, which knows its clock. Made by time_from_now() and\n"
    "walltime(); taken by Queue.after(), by Timer's start_delay and by every wait(). Arithmetic gives a plain int,\n"
    "which those take for seconds.";

} // namespace

py::object make_time(gcd::time at) { return py::handle(reinterpret_cast<PyObject*>(time_type))(at.raw()); }

void bind_time(py::module_& module) {
    static PyGetSetDef properties[] = {
        {"clock", time_clock, nullptr, "The clock it is read on: \"uptime\", \"wall\" or \"continuous\".", nullptr},
        {nullptr, nullptr, nullptr, nullptr, nullptr},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, reinterpret_cast<void*>(time_new)}, {Py_tp_repr, reinterpret_cast<void*>(time_repr)},
        {Py_tp_str, reinterpret_cast<void*>(time_str)}, {Py_tp_getset, properties},
        {Py_tp_doc, const_cast<char*>(time_doc)},       {0, nullptr},
    };
    static PyType_Spec spec = {"cygcd._core.Time", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    const py::tuple bases = py::make_tuple(py::handle(reinterpret_cast<PyObject*>(&PyLong_Type)));
    PyObject* type = PyType_FromSpecWithBases(&spec, bases.ptr());
    if (type == nullptr) throw py::error_already_set();
    time_type = reinterpret_cast<PyTypeObject*>(type);
    module.attr("Time") = py::reinterpret_steal<py::object>(type);
    // Kept for as long as the process lives: casters look at it.
    Py_INCREF(type);

    module.def(
        "time_from_now", [](seconds span) { return make_time(gcd::time::from_now(span.value)); }, py::arg("seconds"),
        "The point that lies so many seconds from now (before now if negative) on the uptime clock, which stands\n"
        "still while the machine sleeps. Too long a time is DISPATCH_TIME_FOREVER. NaN: ValueError.\n\n"
        "See dispatch_time.");

    module.def(
        "walltime",
        [](seconds timestamp, seconds delta) {
            const gcd::time from = timestamp.value == gcd::duration{} ? gcd::time::now(gcd::clock::wall)
                                                                      : gcd::time::wall(timestamp.value);
            return make_time(from + delta.value);
        },
        py::arg("timestamp") = 0.0, py::arg("delta_seconds") = 0.0,
        "The calendar time `timestamp` (seconds since 1970; 0 for now), and `delta_seconds` later; it follows changes\n"
        "of the system's clock. Times before 1970 become the earliest there is, too late ones\n"
        "DISPATCH_TIME_FOREVER. NaN: ValueError.\n\n"
        "See dispatch_walltime.");
}

} // namespace binding
