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

/// Gives a type's objects a shape of their own, a word larger than the base's. Python then neither lets one pass for
/// another (`x.__class__ = ...`) nor derives a class from two of ours that aren't related; pybind11's objects all look
/// alike to it, whatever they hold.
inline void set_apart(PyHeapTypeObject* made) {
    made->ht_type.tp_basicsize = made->ht_type.tp_base->tp_basicsize + static_cast<Py_ssize_t>(sizeof(void*));
}
inline py::custom_type_setup apart() { return py::custom_type_setup(&set_apart); }

/// Makes the type refuse objects whose __init__ has not run (`X.__new__(X)`): pybind11 would hand out raw memory.
template <class Class> void require_init(const Class& type) {
    py::detail::get_type_info(reinterpret_cast<PyTypeObject*>(type.ptr()))->operator_new = [](std::size_t) -> void* {
        throw py::type_error("the object is not initialised: its __init__() was never called");
    };
}

} // namespace binding

#endif
