// SPDX-License-Identifier: MIT
/// @file
/// IOChannel.

#include "bind.hpp"
#include "collected.hpp"
#include "convert.hpp"
#include "data.hpp"
#include "io_handler.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace binding {

namespace {

struct py_channel {
    shown_by handlers;
    gcd::io_type type;
    gcd::io_channel channel;
    chunk_size chunk = std::make_shared<std::atomic<std::size_t>>(gcd::io_limits::low_water);

    py_channel(int fd, gcd::io_type io_type, const gcd::queue* queue, std::optional<py::function> cleanup_handler)
        : type{io_type}, channel{open(fd, io_type, queue, to_cleanup(handlers, std::move(cleanup_handler)))} {
        handlers.set_owner(this);
    }
    py_channel(const py_channel&) = delete;
    py_channel& operator=(const py_channel&) = delete;
    /// With the GIL held.
    ~py_channel() {
        gil_release released;
        const gcd::io_channel end{std::move(channel)};
    }

    void close(bool stop) {
        handlers->give_last();
        gil_release released;
        channel.close(stop);
    }
    /// The end of one that is part of a cycle. The object itself may come to its end as soon as this lets other Python
    /// code run.
    void end() noexcept {
        try {
            gcd::io_channel kept = channel.retain();
            handlers->give_last();
            gil_release released;
            const gcd::io_channel last{std::move(kept)};
            last.close(false);
        } catch (const std::exception&) {
            // In the child of a fork: nothing is under way.
        }
    }
    static int show(const py_channel& self, visitproc visit, void* arg) { return visit(self.handlers.object(), arg); }

private:
    static gcd::cleanup_handler to_cleanup(const shown_by& handlers, std::optional<py::function> callable) {
        if (!callable) return {};
        shown_handler run{*std::move(callable)};
        handlers->set_last(run.what());
        return run;
    }
    static gcd::io_channel open(int fd, gcd::io_type type, const gcd::queue* queue, gcd::cleanup_handler cleanup) {
        gil_release released;
        return gcd::io_channel{fd, type, queue, std::move(cleanup)};
    }
};

gcd::io_type to_io_type(unsigned value) {
    if (value > static_cast<unsigned>(gcd::io_type::random))
        throw py::value_error("unknown I/O type: use IO_STREAM or IO_RANDOM");
    return static_cast<gcd::io_type>(value);
}

std::unique_ptr<py_channel> make_channel(integer<int> fd, integer<unsigned> io_type, const gcd::queue* queue,
                                         std::optional<py::function> cleanup_handler) {
    return std::make_unique<py_channel>(fd.value, to_io_type(io_type.value), queue, std::move(cleanup_handler));
}

void set_interval(const py_channel& self, integer<std::int64_t> interval, bool strict) {
    gil_release released;
    self.channel.set_interval(gcd::duration::nanoseconds(interval.value), strict);
}

void bind_operations(py::class_<py_channel>& type) {
    type.def(
        "read",
        [](const py_channel& self, size length, py::function handler, integer<std::int64_t> offset,
           const gcd::queue* queue) {
            py_read_handler run{std::move(handler), length.value, self.chunk};
            gcd::read_memory memory = run.memory();
            gil_release released;
            self.channel.read(length.value, std::move(run), offset.value, queue, std::move(memory));
        },
        py::arg("length"), py::arg("handler"), py::arg("offset") = 0, py::arg("queue") = py::none(),
        "Reads up to `length` bytes, to the end of file at most. `offset` counts from the descriptor's position at\n"
        "the channel's creation, and is for IO_RANDOM only: a stream goes on where it is. handler(done, data, error):\n"
        "bytes, an errno or 0, and True on the last call; it runs on `queue`, or the channel's. RuntimeError: after\n"
        "close().\n\n"
        "See dispatch_io_read.");
    type.def(
        "write",
        [](const py_channel& self, bytes_like data, py::function handler, integer<std::int64_t> offset,
           const gcd::queue* queue) {
            py_io_handler run{std::move(handler)};
            gil_release released;
            const gcd::data bytes = std::move(data.bytes);
            self.channel.write(bytes, std::move(run), offset.value, queue);
        },
        py::arg("data"), py::arg("handler"), py::arg("offset") = 0, py::arg("queue") = py::none(),
        "Writes all the bytes of a bytes-like object or a Data. handler(done, data, error): what is still to be\n"
        "written, an errno or 0, and True on the last call; offset and queue as for read(). RuntimeError: after\n"
        "close().\n\n"
        "See dispatch_io_write.");
    type.def(
        "barrier",
        [](const py_channel& self, py::function handler, const gcd::queue* queue) {
            py_task task{std::move(handler)};
            gil_release released;
            self.channel.barrier(std::move(task), queue);
        },
        py::arg("handler"), py::arg("queue") = py::none(),
        "Calls the handler, without arguments, when all operations before it are done and before any after it begins;\n"
        "on `queue`, or the channel's. RuntimeError: after close().\n\n"
        "See dispatch_io_barrier.");
    type.def(
        "close", &py_channel::close, py::arg("stop") = false,
        "Takes no further operations; what is under way goes on, or, with stop=True (IO_STOP), ends as soon as may\n"
        "be with errno ECANCELED. Again: nothing, save that a later stop still stops. The descriptor is not\n"
        "closed: do that when the cleanup handler has run.\n\n"
        "See dispatch_io_close.");
    type.def("__enter__", [](py::object self) { return self; }, "The channel.");
    type.def("__exit__", [](py_channel& self, const py::args&) { self.close(false); }, "Closes it, without stop.");
}

void bind_settings(py::class_<py_channel>& type) {
    type.def(
        "set_high_water",
        [](const py_channel& self, size bytes) {
            gil_release released;
            self.channel.set_high_water(bytes.value);
            self.chunk->store(std::min(self.chunk->load(), bytes.value));
        },
        py::arg("size"),
        "Most bytes that a handler is given at once. RuntimeError: after close().\n\n"
        "See dispatch_io_set_high_water.");
    type.def(
        "set_low_water",
        [](const py_channel& self, size bytes) {
            gil_release released;
            self.channel.set_low_water(bytes.value);
            self.chunk->store(std::max(self.chunk->load(), bytes.value));
        },
        py::arg("size"),
        "Fewest bytes that a handler is given at once, save at the end. RuntimeError: after close().\n\n"
        "See dispatch_io_set_low_water.");
    type.def(
        "set_interval",
        [](const py_channel& self, integer<std::int64_t> interval, integer<unsigned> flags) {
            if (flags.value > 1) throw py::value_error("unknown flags: use 0 or IO_STRICT_INTERVAL");
            set_interval(self, interval, flags.value != 0);
        },
        py::arg("interval_ns"), py::arg("flags") = 0,
        "Calls handlers every so many nanoseconds with what there is, even if nothing with IO_STRICT_INTERVAL;\n"
        "`strict=True` is the same. ValueError: a negative interval, unknown flags. RuntimeError: after close().\n\n"
        "See dispatch_io_set_interval.");
    type.def("set_interval", &set_interval, py::arg("interval_ns"), py::kw_only(), py::arg("strict"),
             "The same, with a bool for the flag.");
    type.def_property_readonly(
        "fd", [](const py_channel& self) { return self.channel.fd(); },
        "The descriptor.\n\nSee dispatch_io_get_descriptor.");
    type.def_property_readonly(
        "is_closed", [](const py_channel& self) { return self.channel.is_closed(); }, "True once close() was called.");
    type.def("__repr__", [](const py_channel& self) {
        return "<cygcd.IOChannel fd=" + std::to_string(self.channel.fd()) +
               (self.type == gcd::io_type::random ? " random, " : " stream, ") +
               (self.channel.is_closed() ? "closed>" : "open>");
    });
}

} // namespace

void bind_io_channel(py::module_& module) {
    py::class_<py_channel> type(
        module, "IOChannel",
        "Reads and writes a descriptor in the background, in chunks. Usable with `with`, which closes it. The channel\n"
        "has the descriptor, which must stay open, until the cleanup handler runs. All methods may be called from any\n"
        "thread.\n\n"
        "See dispatch_io_create.",
        collected<py_channel>());
    require_init(type);
    type.def(
        py::init(&make_channel), py::arg("fd"), py::arg("io_type") = static_cast<unsigned>(gcd::io_type::stream),
        py::arg("queue") = py::none(), py::arg("cleanup_handler") = py::none(),
        "fd: an open descriptor. io_type: IO_STREAM, or IO_RANDOM for operations at offsets. queue: where handlers\n"
        "run; None for the default global queue. cleanup_handler(error): called once, when the channel has given\n"
        "up the descriptor. ValueError: a negative fd, an unknown type. OSError: the fd is not open.");
    bind_operations(type);
    bind_settings(type);
}

} // namespace binding
