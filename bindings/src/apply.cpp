// SPDX-License-Identifier: MIT
/// @file
/// apply, the parallel for loop.

#include "bind.hpp"
#include "convert.hpp"
#include "py_work.hpp"

namespace binding {

void bind_apply(py::module_& module) {
    module.def(
        "apply",
        [](size iterations, const py::function& func, const gcd::queue* queue) {
            py_call call{func};
            const auto body = [&call](std::size_t index) {
                if (!call(index)) throw callable_raised{};
            };
            block([&] {
                try {
                    if (queue != nullptr)
                        gcd::apply(iterations.value, *queue, body);
                    else
                        gcd::apply(iterations.value, body);
                } catch (const callable_raised&) {
                    // take() raises it.
                }
            });
            if (iterations.value != 0) static_cast<void>(call.take());
        },
        py::arg("iterations"), py::arg("func"), py::arg("queue") = py::none(),
        "Calls func(i) for each i below `iterations`, side by side on the queue's threads (of the default global\n"
        "queue if None) and on this one, and waits for all. On a serial queue the calls come in order. If one\n"
        "raises, no further ones start, and the first exception is raised here once those under way have ended. May\n"
        "be nested. ValueError: a negative number. RuntimeError: this thread already holds the queue, or it is\n"
        "inactive.\n\n"
        "The calls hold the GIL: they overlap where they release it, as I/O and many libraries do.\n\n"
        "See dispatch_apply.");
}

} // namespace binding
