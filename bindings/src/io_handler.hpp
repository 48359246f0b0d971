// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_IO_HANDLER_HPP
#define GCD_BINDINGS_IO_HANDLER_HPP
/// @file
/// Python handlers of I/O.

#include "data.hpp"
#include "py_work.hpp"

namespace binding {

/// handler(done, data, error); the data are `bytes`, never None.
class py_io_handler {
public:
    explicit py_io_handler(py::object callable) noexcept : callable_{std::move(callable)} {}

    void operator()(bool done, const gcd::data& chunk, int error) {
        in_python([&] {
            call_reporting(callable_.get(), [&]() -> PyObject* {
                PyObject* bytes = to_bytes(chunk);
                return bytes != nullptr ? Py_BuildValue("(ONi)", done ? Py_True : Py_False, bytes, error) : nullptr;
            });
        });
    }

private:
    py_ref callable_;
};

/// handler(data, error), of the one-shots.
class py_single_handler {
public:
    explicit py_single_handler(py::object callable) noexcept : callable_{std::move(callable)} {}

    void operator()(const gcd::data& chunk, int error) {
        in_python([&] {
            call_reporting(callable_.get(), [&]() -> PyObject* {
                PyObject* bytes = to_bytes(chunk);
                return bytes != nullptr ? Py_BuildValue("(Ni)", bytes, error) : nullptr;
            });
        });
    }

private:
    py_ref callable_;
};

} // namespace binding

#endif
