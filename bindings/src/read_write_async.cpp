// SPDX-License-Identifier: MIT
/// @file
/// read_async and write_async.

#include "bind.hpp"
#include "convert.hpp"
#include "io_handler.hpp"
#include "source.hpp"

namespace binding {

namespace {

void read_async(integer<int> fd, size length, py::function handler, const gcd::queue* queue) {
    py_single_read_handler run{std::move(handler)};
    const gcd::read_memory memory = run.memory();
    gil_release released;
    gcd::read_async(fd.value, length.value, queue_or_default(queue), std::move(run), memory);
}

void write_async(integer<int> fd, bytes_like data, py::function handler, const gcd::queue* queue) {
    py_single_handler run{std::move(handler)};
    gil_release released;
    const gcd::data bytes = std::move(data.bytes);
    gcd::write_async(fd.value, bytes, queue_or_default(queue), std::move(run));
}

} // namespace

void bind_read_write_async(py::module_& module) {
    module.def("read_async", &read_async, py::arg("fd"), py::arg("length"), py::arg("handler"),
               py::arg("queue") = py::none(),
               "Reads up to `length` bytes once, without blocking a thread: waits for the first byte or the end of\n"
               "file, then completes as soon as the next read would block. handler(data, error) gets bytes and an\n"
               "errno or 0, on `queue` (None: the default global queue). `callback=` is another name for the handler.\n"
               "ValueError: a negative number. OSError: the fd is not open.\n\n"
               "See dispatch_read.");
    module.def("read_async", &read_async, py::arg("fd"), py::arg("length"), py::kw_only(), py::arg("callback"),
               py::arg("queue") = py::none(), "The same, by the other name.");
    module.def(
        "write_async", &write_async, py::arg("fd"), py::arg("data"), py::arg("handler"), py::arg("queue") = py::none(),
        "Writes all the bytes of a bytes-like object or a Data, without blocking a thread. handler(data, error)\n"
        "gets the bytes that could not be written and an errno or 0, on `queue` (None: the default global\n"
        "queue). `callback=` is another name for the handler. ValueError: a negative fd. OSError: the fd is not\n"
        "open.\n\n"
        "See dispatch_write.");
    module.def("write_async", &write_async, py::arg("fd"), py::arg("data"), py::kw_only(), py::arg("callback"),
               py::arg("queue") = py::none(), "The same, by the other name.");
}

} // namespace binding
