// SPDX-License-Identifier: MIT
/// @file
/// Closing the gate when the interpreter ends.

#include "bind.hpp"
#include "gil.hpp"

#include <pybind11/eval.h>

#include <chrono>

namespace binding {

namespace {

/// How long the exit waits for callbacks that are running. Those that take longer are left behind.
constexpr std::chrono::milliseconds exit_limit{2000};

} // namespace

void fairness::learn() { nothing_ = py::eval("lambda: None").release().ptr(); }

void bind_gate(py::module_&) {
    main_thread::learn();
    state_maker::guard_forks();
    fairness::learn();
    // Functions registered after this one, those of most programs, run before it: their callbacks are still served.
    py::module_::import("atexit").attr("register")(py::cpp_function([] {
        gil_release released;
        gate::close(exit_limit);
    }));
}

} // namespace binding
