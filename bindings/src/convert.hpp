// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_CONVERT_HPP
#define GCD_BINDINGS_CONVERT_HPP
/// @file
/// Python numbers as times, limits, sizes and integers: out of range is ValueError, the wrong type TypeError.

#include "bind.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

namespace binding {

/// cygcd.Time; made by bind_time.
inline PyTypeObject* time_type = nullptr;

/// A Time with that raw value.
py::object make_time(gcd::time at);

inline bool is_time(py::handle object) { return PyObject_TypeCheck(object.ptr(), time_type) != 0; }

inline gcd::time to_time(py::handle object) {
    const unsigned long long raw = PyLong_AsUnsignedLongLong(object.ptr());
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    return gcd::time::from_raw(raw);
}

/// A number of any kind as a double, an int too large as infinity; nothing if it is none. What the object's __float__
/// raises goes on, save TypeError.
inline std::optional<double> to_double(py::handle object) {
    const double value = PyFloat_AsDouble(object.ptr());
    if (value != -1.0 || PyErr_Occurred() == nullptr) return value;
    const bool overflow = PyErr_ExceptionMatches(PyExc_OverflowError) != 0 && PyLong_Check(object.ptr());
    if (!overflow && PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw py::error_already_set();
    PyErr_Clear();
    if (!overflow) return std::nullopt;
    const int negative = PyObject_RichCompareBool(object.ptr(), py::int_(0).ptr(), Py_LT);
    if (negative < 0) throw py::error_already_set();
    return negative != 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

/// The object's __index__, or null.
inline py::object to_index(py::handle object) {
    if (PyIndex_Check(object.ptr()) == 0) return {};
    PyObject* index = PyNumber_Index(object.ptr());
    if (index == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(index);
}

/// Seconds; NaN is ValueError.
struct seconds {
    gcd::duration value;
};

/// How long to wait: seconds, None or -1 for ever, or a Time.
struct limit {
    gcd::time until;
};

/// Seconds from now, negative for now; or a Time.
struct delay {
    gcd::start_time start{gcd::duration{}};
};

/// An integer that must fit.
template <class T> struct integer {
    T value{};
};

/// 0 or more; too large a number is the largest.
struct size {
    std::size_t value = 0;
};

} // namespace binding

namespace pybind11::detail {

template <> struct type_caster<binding::seconds> {
    PYBIND11_TYPE_CASTER(binding::seconds, const_name("float"));
    bool load(handle from, bool) {
        const std::optional<double> number = binding::to_double(from);
        if (!number) return false;
        if (std::isnan(*number)) throw value_error("a time in seconds must not be NaN");
        value.value = gcd::duration::seconds(*number);
        return true;
    }
};

template <> struct type_caster<binding::limit> {
    PYBIND11_TYPE_CASTER(binding::limit, const_name("float | Time | None"));
    bool load(handle from, bool) {
        if (from.is_none()) {
            value.until = gcd::time::forever();
            return true;
        }
        if (binding::is_time(from)) {
            value.until = binding::to_time(from);
            return true;
        }
        const std::optional<double> number = binding::to_double(from);
        if (!number) return false;
        if (*number == -1)
            value.until = gcd::time::forever();
        else if (std::isnan(*number) || *number < 0)
            throw value_error("a wait limit must be 0 or more seconds, or -1 or None to wait for ever");
        else if (*number > 0)
            value.until = gcd::time::from_now(gcd::duration::seconds(*number));
        return true;
    }
};

template <> struct type_caster<binding::delay> {
    PYBIND11_TYPE_CASTER(binding::delay, const_name("float | Time"));
    bool load(handle from, bool) {
        if (binding::is_time(from)) {
            value.start = binding::to_time(from);
            return true;
        }
        const std::optional<double> number = binding::to_double(from);
        if (!number) return false;
        if (std::isnan(*number)) throw value_error("a delay must not be NaN");
        value.start = gcd::duration::seconds(*number);
        return true;
    }
};

template <class T> struct type_caster<binding::integer<T>> {
    PYBIND11_TYPE_CASTER(binding::integer<T>, const_name("int"));
    bool load(handle from, bool) {
        const object index = binding::to_index(from);
        if (!index) return false;
        int overflow = 0;
        const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
        if (overflow != 0 || !std::in_range<T>(number)) {
            throw value_error("the number " + std::string(str(index)) + " is out of range, which is " +
                              std::to_string(std::numeric_limits<T>::min()) + " to " +
                              std::to_string(std::numeric_limits<T>::max()));
        }
        value.value = static_cast<T>(number);
        return true;
    }
};

template <> struct type_caster<binding::size> {
    PYBIND11_TYPE_CASTER(binding::size, const_name("int"));
    bool load(handle from, bool) {
        const object index = binding::to_index(from);
        if (!index) return false;
        int overflow = 0;
        const long long number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
        if (overflow < 0 || (overflow == 0 && number < 0))
            throw value_error("the number " + std::string(str(index)) + " must not be negative");
        value.value = overflow > 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(number);
        return true;
    }
};

} // namespace pybind11::detail

#endif
