// SPDX-License-Identifier: MIT
/// @file
/// ReadSource and WriteSource.

#include "bind.hpp"
#include "convert.hpp"
#include "source.hpp"

#include <memory>
#include <string>

namespace binding {

namespace {

template <class Event> py::class_<py_source<Event>> bind_kind(py::module_& module, const char* name, const char* doc) {
    using source = py_source<Event>;
    py::class_<source> type(module, name, doc, collected<source>());
    require_init(type);
    type.def(py::init([name](integer<int> fd, py::function handler, const gcd::queue* queue) {
                 return std::make_unique<source>(Event{.fd = fd.value}, queue, shown_handler{std::move(handler)},
                                                 std::string{name} + " fd=");
             }),
             py::arg("fd"), py::arg("handler"), py::arg("queue") = py::none(),
             "fd: an open descriptor; leave it open until the source is cancelled. ValueError: negative; OSError at\n"
             "start(): not open. handler: called without arguments. queue: where it runs; None for the default global\n"
             "queue.");
    type.def_property_readonly("fd", &source::handle, "The descriptor.\n\nSee dispatch_source_get_handle.");
    bind_source_methods(type);
    return type;
}

} // namespace

void bind_fd_source(py::module_& module) {
    bind_kind<gcd::read_event>(
        module, "ReadSource",
        "Runs a callable as long as a descriptor can be read without blocking, or is at its end; again and again\n"
        "until it is read. Made stopped; start() begins. Usable with `with`. Dropped while started, it is cancelled\n"
        "with a ResourceWarning.\n\n"
        "See DISPATCH_SOURCE_TYPE_READ.")
        .def_property_readonly(
            "bytes_available",
            [](const py_source<gcd::read_event>& self) { return self.source.data().bytes_available; },
            "Bytes that could be read (an estimate; 0 at the end) at the latest run of the handler; 0 before the\n"
            "first.\n\nSee dispatch_source_get_data.");
    bind_kind<gcd::write_event>(module, "WriteSource",
                                "Runs a callable as long as a descriptor can be written without blocking. Made\n"
                                "stopped; start() begins. Usable with `with`. Dropped while started, it is cancelled\n"
                                "with a ResourceWarning.\n\n"
                                "See DISPATCH_SOURCE_TYPE_WRITE.")
        .def_property_readonly(
            "buffer_space", [](const py_source<gcd::write_event>& self) { return self.source.data().buffer_space; },
            "Bytes for which there was room (an estimate) at the latest run of the handler; 0 before the first.\n\n"
            "See dispatch_source_get_data.");
}

} // namespace binding
