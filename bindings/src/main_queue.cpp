// SPDX-License-Identifier: MIT
/// @file
/// Serving the main queue: run_main and stop_main.

#include "bind.hpp"
#include "gil.hpp"

namespace binding {

void bind_main_queue(py::module_& module) {
    module.def(
        "run_main", [] { block([] { gcd::run_main(); }); },
        "Runs the main queue's items on the main thread until stop_main() is called; items submitted before the stop\n"
        "have run when it returns. A signal handler that raises (Ctrl-C) ends it. RuntimeError: called off the main\n"
        "thread, or inside another run_main().\n\n"
        "See dispatch_main.");
    module.def(
        "stop_main",
        [] {
            gil_release released;
            gcd::stop_main();
        },
        "Ends run_main(); without one under way, the next one returns once it has run what is there. From any\n"
        "thread.\n\n"
        "See CFRunLoopStop.");
}

} // namespace binding
