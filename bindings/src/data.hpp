// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_DATA_HPP
#define GCD_BINDINGS_DATA_HPP
/// @file
/// Data as Python holds it, and bytes-like arguments.

#include "bind.hpp"
#include "gil.hpp"

#include <optional>

namespace binding {

/// The bytes in their regions, and, once somebody has asked for a flat view, in one.
struct py_data {
    gcd::data bytes;
    object_lock lock{}; ///< of the two below
    std::optional<gcd::data> flat{};
    std::optional<Py_hash_t> hash{};
};

/// A Data or any bytes-like object as an argument; what is immutable is shared, not copied.
struct bytes_like {
    gcd::data bytes;
};

/// The object's bytes, or nothing if it has none (no error set then). Under the GIL.
std::optional<gcd::data> to_data(py::handle object);

/// A copy, as `bytes`. Under the GIL; null with an exception set if there is no memory.
PyObject* to_bytes(const gcd::data& data);

} // namespace binding

namespace pybind11::detail {

template <> struct type_caster<binding::bytes_like> {
    PYBIND11_TYPE_CASTER(binding::bytes_like, const_name("Buffer"));
    bool load(handle from, bool) {
        std::optional<gcd::data> found = binding::to_data(from);
        if (!found) return false;
        value.bytes = *std::move(found);
        return true;
    }
};

} // namespace pybind11::detail

#endif
