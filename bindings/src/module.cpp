// SPDX-License-Identifier: MIT
/// @file
/// The Python module cygcd._core.

#include "bind.hpp"

// Begun by PyInit__core below, once pybind11 may be touched.
PYBIND11_MODULE(_core_of_main_interpreter, module, pybind11::mod_gil_not_used()) {
    module.doc() =
        "Grand Central Dispatch: queues, groups, semaphores, sources, timers and I/O channels.\n\n"
        "Everything here may be used from any thread. Callables run with the GIL held; whatever can block releases\n"
        "it. When the interpreter ends it waits for callables that run, two seconds at most; what has not begun by\n"
        "then is dropped.";
    module.attr("__version__") = GCD_VERSION_STRING;
    module.attr("_engine") = GCD_ENGINE_NAME;

    using namespace binding;
    bind_errors(module);
    bind_gate(module);
    bind_collected(module);
    bind_constants(module);
    bind_time(module);
    bind_queue(module);
    bind_workloop(module);
    bind_main_queue(module);
    bind_apply(module);
    bind_once(module);
    bind_group(module);
    bind_semaphore(module);
    bind_pool(module);
    bind_timer(module);
    bind_signal_source(module);
    bind_fd_source(module);
    bind_process_source(module);
    bind_data(module);
    bind_io_channel(module);
    bind_read_write_async(module);
}

namespace {

/// In another interpreter than the main one pybind11 itself would wait for the GIL that it holds, callbacks from threads
/// of the engine could not tell which interpreter they belong to, and what the module keeps for the process would be made
/// a second time.
bool is_in_main_interpreter() {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) return true;
    PyErr_SetString(PyExc_ImportError, "cygcd works in the main interpreter only, not in a subinterpreter");
    return false;
}

int (*fill_module)(PyObject*) = nullptr;

int fill_in_main_interpreter(PyObject* module) { return is_in_main_interpreter() ? fill_module(module) : -1; }

} // namespace

/// What Python calls: since 3.13 always in the main interpreter. The module is filled in the one that imports it.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
    if (!is_in_main_interpreter()) return nullptr;
    PyObject* made = PyInit__core_of_main_interpreter();
    if (made == nullptr) return nullptr;
    for (PyModuleDef_Slot* slot = reinterpret_cast<PyModuleDef*>(made)->m_slots; slot->slot != 0; ++slot) {
        if (slot->slot != Py_mod_exec || slot->value == reinterpret_cast<void*>(&fill_in_main_interpreter)) continue;
        fill_module = reinterpret_cast<int (*)(PyObject*)>(slot->value);
        slot->value = reinterpret_cast<void*>(&fill_in_main_interpreter);
    }
    return made;
}
