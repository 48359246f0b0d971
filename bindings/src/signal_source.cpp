// SPDX-License-Identifier: MIT
/// @file
/// SignalSource.

#include "bind.hpp"
#include "convert.hpp"
#include "source.hpp"

#include <memory>

namespace binding {

void bind_signal_source(py::module_& module) {
    using source = py_source<gcd::signal_event>;
    py::class_<source> type(
        module, "SignalSource",
        "Runs a callable when the process gets a signal. Made stopped; start() begins. An earlier signal handler\n"
        "still runs; the signal's default action has no effect while the source is started (on macOS it has: set\n"
        "SIG_IGN first). Usable with `with`. Dropped while started, it is cancelled with a ResourceWarning.\n\n"
        "See DISPATCH_SOURCE_TYPE_SIGNAL.",
        collected<source>());
    require_init(type);
    type.def(
        py::init([](integer<int> signum, py::function handler, const gcd::queue* queue) {
            return std::make_unique<source>(gcd::signal_event{.signal = signum.value}, queue,
                                            shown_handler{std::move(handler)}, "SignalSource signal=");
        }),
        py::arg("signum"), py::arg("handler"), py::arg("queue") = py::none(),
        "signum: a signal that can be caught (else ValueError). handler: called without arguments. queue: where it\n"
        "runs; None for the default global queue.");
    type.def_property_readonly("signal", &source::handle, "The signal's number.\n\nSee dispatch_source_get_handle.");
    type.def_property_readonly(
        "count", [](const source& self) { return self.source.data().count; },
        "Signals that the latest run of the handler stood for; 0 before the first.\n\nSee dispatch_source_get_data.");
    bind_source_methods(type);
}

} // namespace binding
