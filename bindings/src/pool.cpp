// SPDX-License-Identifier: MIT
/// @file
/// The threads that run items.

#include "bind.hpp"
#include "convert.hpp"

namespace binding {

void bind_pool(py::module_& module) {
    module.def(
        "set_max_threads", [](integer<unsigned> count) { gcd::set_max_threads(count.value); }, py::arg("count"),
        "Says how many threads of the pool may run callables at the same time, from now on; those that block aren't\n"
        "counted. Before the first call it is the environment variable GCD_MAX_THREADS, or else as many as the\n"
        "process has processors. ValueError: outside of 1 to 512. NotImplementedError: on libdispatch, which sizes\n"
        "its pool itself.");
}

} // namespace binding
