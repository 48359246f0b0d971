// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_BIND_HPP
#define GCD_BINDINGS_BIND_HPP
/// @file
/// What module.cpp calls, in its order: each function binds one class or family.

#include <pybind11/pybind11.h>

#include <gcd/gcd.hpp>

namespace binding {

namespace py = pybind11;

void bind_errors(py::module_& module);
void bind_gate(py::module_& module);
void bind_collected(py::module_& module);
void bind_constants(py::module_& module);
void bind_time(py::module_& module);
void bind_queue(py::module_& module);
void bind_workloop(py::module_& module);
void bind_main_queue(py::module_& module);
void bind_apply(py::module_& module);
void bind_once(py::module_& module);
void bind_group(py::module_& module);
void bind_semaphore(py::module_& module);
void bind_pool(py::module_& module);
void bind_timer(py::module_& module);
void bind_signal_source(py::module_& module);
void bind_fd_source(py::module_& module);
void bind_process_source(py::module_& module);
void bind_data(py::module_& module);
void bind_io_channel(py::module_& module);
void bind_read_write_async(py::module_& module);

/// Makes the type refuse objects whose __init__ has not run (`X.__new__(X)`): pybind11 would hand out raw memory. And
/// has objects keep their class: Python sees no difference in memory between ours, and would let one pass for another.
template <class Class> void require_init(const Class& type) {
    auto* made = reinterpret_cast<PyTypeObject*>(type.ptr());
    // Not by setattr, which would change the class of the type itself.
    const py::object own =
        py::module_::import("builtins").attr("property")(py::handle(reinterpret_cast<PyObject*>(&PyType_Type)));
    if (PyDict_SetItemString(made->tp_dict, "__class__", own.ptr()) != 0) throw py::error_already_set();
    PyType_Modified(made);
    py::detail::get_type_info(made)->operator_new = [](std::size_t) -> void* {
        throw py::type_error("the object is not initialised: its __init__() was never called");
    };
}

} // namespace binding

#endif
