// SPDX-License-Identifier: MIT
/// @file
/// Errors of the library as Python exceptions.
///
/// pybind11 does most of it: std::invalid_argument is ValueError, std::logic_error (gcd::would_deadlock too) is
/// RuntimeError. What is left is what the operating system says.

#include "bind.hpp"

#include <exception>
#include <system_error>

namespace binding {

namespace {

void raise_system_error(const std::system_error& error) {
    if (error.code() == std::errc::not_supported) {
        py::set_error(PyExc_NotImplementedError, error.what());
        return;
    }
    // OSError makes the right subclass of itself out of the number.
    const py::tuple arguments = py::make_tuple(error.code().value(), error.what());
    PyErr_SetObject(PyExc_OSError, arguments.ptr());
}

} // namespace

void bind_errors(py::module_&) {
    py::register_local_exception_translator([](std::exception_ptr thrown) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::system_error& error) {
            raise_system_error(error);
        }
    });
}

} // namespace binding
