// SPDX-License-Identifier: MIT
/// @file
/// Data.

#include "data.hpp"
#include "bind.hpp"
#include "convert.hpp"
#include "py_work.hpp"
#include "quick.hpp"

#include <pybind11/stl.h>

#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace binding {

namespace {

/// A filled-in Py_buffer.
class buffer_view {
public:
    /// @throws py::error_already_set if the object has none
    explicit buffer_view(py::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_FULL_RO) != 0) throw py::error_already_set();
    }
    buffer_view(const buffer_view&) = delete;
    buffer_view& operator=(const buffer_view&) = delete;
    ~buffer_view() { PyBuffer_Release(&view_); }

    std::size_t size() const { return static_cast<std::size_t>(view_.len); }
    bool is_contiguous() const { return PyBuffer_IsContiguous(&view_, 'C') != 0; }
    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(view_.buf), size()}; }
    /// All bytes, in the order of the elements.
    void copy_to(void* to) const {
        if (PyBuffer_ToContiguous(to, const_cast<Py_buffer*>(&view_), view_.len, 'C') != 0)
            throw py::error_already_set();
    }

private:
    Py_buffer view_{};
};

/// The `bytes` that the object is, or shows as a whole or in part; null if there are none. They never change, and live as
/// long as they are held; a memoryview may let go of them. Not those of a subclass, which may hold anything, the Data too.
py::handle bytes_shown_by(py::handle object) {
    PyObject* base = PyMemoryView_Check(object.ptr()) ? PyMemoryView_GET_BASE(object.ptr()) : object.ptr();
    return base != nullptr && PyBytes_CheckExact(base) ? py::handle{base} : py::handle{};
}

/// A copy of fewer bytes costs less than the end of a reference on another thread.
gcd::data share(std::span<const std::byte> bytes, py::handle owner) {
    constexpr std::size_t worth_it = 16'384;
    if (bytes.size() < worth_it) return gcd::data{bytes};
    return gcd::data{bytes, gcd::queue::global_queue(), [held = py_ref{py::reinterpret_borrow<py::object>(owner)}] {}};
}

gcd::data copy_of(const buffer_view& view) {
    if (view.is_contiguous()) return gcd::data{view.bytes()};
    std::vector<std::byte> flat(view.size());
    view.copy_to(flat.data());
    return gcd::data{std::move(flat)};
}

/// The flat view of the bytes, made once. The GIL is released for the copy.
const gcd::data& flat_view(py_data& self) {
    {
        const std::lock_guard hold{self.lock};
        if (self.flat) return *self.flat;
    }
    std::optional<gcd::data> made;
    {
        gil_release released;
        made = self.bytes.flattened();
    }
    const std::lock_guard hold{self.lock};
    // Another thread may have been quicker, and somebody may look at its view.
    if (!self.flat) self.flat = std::move(made);
    return *self.flat;
}

py::buffer_info show(py_data& self) {
    static constexpr std::byte nothing{};
    const std::span<const std::byte> bytes = flat_view(self).bytes();
    const std::byte* first = bytes.empty() ? &nothing : bytes.data();
    return {const_cast<std::byte*>(first), 1, "B", 1, {static_cast<py::ssize_t>(bytes.size())}, {1}, true};
}

py::bytes bytes_of(const gcd::data& data) {
    PyObject* made = to_bytes(data);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::bytes>(made);
}

gcd::data of_bytes(PyObject* object) {
    const std::span<const char> bytes{PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
    return share(std::as_bytes(bytes), object);
}

/// Data() and Data(bytes).
py_data* make_data_quickly(PyObject* const* arguments, Py_ssize_t count) {
    if (count == 0) return new py_data{};
    if (count != 1 || !PyBytes_CheckExact(arguments[0])) return nullptr;
    return new py_data{of_bytes(arguments[0])};
}

py::object wrap(gcd::data data) { return py::cast(py_data{std::move(data)}); }

bool equals_buffer(const gcd::data& data, const buffer_view& other) {
    if (data.size() != other.size()) return false;
    std::vector<std::byte> flat;
    std::span<const std::byte> bytes = other.bytes();
    if (!other.is_contiguous()) {
        flat.resize(other.size());
        other.copy_to(flat.data());
        bytes = flat;
    }
    for (const gcd::data::region& region : data.regions())
        if (std::memcmp(region.bytes.data(), bytes.data() + region.offset, region.bytes.size()) != 0) return false;
    return true;
}

py::object equals(const py_data& self, py::handle other) {
    if (py::isinstance<py_data>(other)) return py::bool_(self.bytes == other.cast<const py_data&>().bytes);
    if (PyObject_CheckBuffer(other.ptr()) == 0) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
    return py::bool_(equals_buffer(self.bytes, buffer_view{other}));
}

Py_hash_t hash_of(py_data& self) {
    {
        const std::lock_guard hold{self.lock};
        if (self.hash) return *self.hash;
    }
    const Py_hash_t found = py::hash(bytes_of(self.bytes));
    const std::lock_guard hold{self.lock};
    self.hash = found;
    return found;
}

bool apply_to_regions(const py_data& self, const py::function& func) {
    for (const gcd::data::region& region : self.bytes.regions()) {
        const py::bytes bytes(reinterpret_cast<const char*>(region.bytes.data()), region.bytes.size());
        const py::object more = func(region.offset, bytes);
        if (more.is_none()) continue;
        const int truth = PyObject_IsTrue(more.ptr());
        if (truth < 0) throw py::error_already_set();
        if (truth == 0) return false;
    }
    return true;
}

py::list regions_of(const py_data& self) {
    py::list all;
    for (const gcd::data::region& region : self.bytes.regions())
        all.append(py::memoryview(wrap(self.bytes.subrange(region.offset, region.bytes.size()))));
    return all;
}

py::tuple copy_region(const py_data& self, size location) {
    if (self.bytes.empty()) throw py::value_error("an empty Data has no region");
    auto [region, offset] = self.bytes.copy_region(location.value);
    return py::make_tuple(wrap(std::move(region)), offset);
}

void bind_protocols(unlocked_class<py_data>& type) {
    type.def_buffer(&show);
    type.def("__len__", [](const py_data& self) { return self.bytes.size(); }, "Size in bytes.");
    type.def("__bytes__", [](const py_data& self) { return bytes_of(self.bytes); }, "A copy as bytes.");
    type.def("__iter__", [](py::object self) { return py::iter(py::memoryview(self)); }, "The bytes, as ints.");
    type.def("__eq__", &equals, py::arg("other"), "The same bytes, in a Data or any bytes-like object.");
    type.def("__hash__", &hash_of, "That of the same bytes as `bytes`.");
    type.def("__repr__", [](const py_data& self) {
        const std::size_t regions = self.bytes.regions().size();
        return "<cygcd.Data " + std::to_string(self.bytes.size()) + " bytes in " + std::to_string(regions) +
               (regions == 1 ? " region>" : " regions>");
    });
}

} // namespace

std::optional<gcd::data> to_data(py::handle object) {
    if (py::isinstance<py_data>(object)) return object.cast<const py_data&>().bytes.retain();
    if (PyObject_CheckBuffer(object.ptr()) == 0) return std::nullopt;
    const buffer_view view{object};
    if (const py::handle owner = bytes_shown_by(object); owner && view.is_contiguous())
        return share(view.bytes(), owner);
    return copy_of(view);
}

PyObject* to_bytes(const gcd::data& data) {
    PyObject* made = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(data.size()));
    if (made == nullptr) return nullptr;
    try {
        for (const gcd::data::region& region : data.regions())
            std::memcpy(PyBytes_AS_STRING(made) + region.offset, region.bytes.data(), region.bytes.size());
    } catch (const std::exception& error) {
        Py_DECREF(made);
        PyErr_SetString(PyExc_RuntimeError, error.what());
        return nullptr;
    }
    return made;
}

void bind_data(py::module_& module) {
    unlocked_class<py_data> type(
        module, "Data", py::buffer_protocol(),
        "Immutable bytes in one or more regions, which are shared, not copied, between the objects made from one\n"
        "another. Offers the buffer protocol; equal to, and with the hash of, the same bytes as `bytes`.\n\n"
        "See dispatch_data_create.",
        apart());
    require_init(type);
    const auto make = [](const std::optional<bytes_like>& bytes) {
        return bytes ? py_data{bytes->bytes.retain()} : py_data{};
    };
    type.def(py::init(make), py::arg("data") = py::none(),
             "data: any bytes-like object, or a Data; None for no bytes. Immutable ones (bytes, and memoryviews of\n"
             "them) are shared if they are large, others copied. `bytes=` is another name for the argument.");
    type.def(py::init(make), py::kw_only(), py::arg("bytes"), "The same, by the other name.");
    quick_init<py_data, &make_data_quickly>::install(type);
    bind_protocols(type);
    type.def_property_readonly(
        "size", [](const py_data& self) { return self.bytes.size(); }, "In bytes.\n\nSee dispatch_data_get_size.");
    type.def(
        "concat", [](const py_data& self, const bytes_like& other) { return wrap(self.bytes.concat(other.bytes)); },
        py::arg("other"),
        "These bytes followed by those of the other, a Data or any bytes-like object, as a new Data.\n\n"
        "See dispatch_data_create_concat.");
    type.def(
        "subrange",
        [](const py_data& self, size offset, size length) {
            return wrap(self.bytes.subrange(offset.value, length.value));
        },
        py::arg("offset"), py::arg("length"),
        "A part, as a new Data; both are cut to what there is. ValueError: a negative number.\n\n"
        "See dispatch_data_create_subrange.");
    type.def("copy_region", &copy_region, py::arg("location"),
             "The region that holds the byte at `location`, and where in the whole it begins; beyond the end an empty\n"
             "Data and the size. ValueError: a negative number, or no bytes at all.\n\n"
             "See dispatch_data_copy_region.");
    type.def("apply", &apply_to_regions, py::arg("func"),
             "Calls func(offset, bytes) for each region in order, until it returns something false; None counts as\n"
             "True. True if all were visited.\n\n"
             "See dispatch_data_apply.");
    type.def("regions", &regions_of,
             "The regions in order, as read-only memoryviews that share the bytes.\n\n"
             "See dispatch_data_apply.");
}

} // namespace binding
