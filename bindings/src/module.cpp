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

/// What Python calls. In another interpreter than the main one pybind11 itself would wait for the GIL that it holds, and
/// callbacks from threads of the engine could not tell which interpreter they belong to.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "cygcd works in the main interpreter only, not in a subinterpreter");
        return nullptr;
    }
    return PyInit__core_of_main_interpreter();
}
