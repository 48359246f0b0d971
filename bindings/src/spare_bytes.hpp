// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_SPARE_BYTES_HPP
#define GCD_BINDINGS_SPARE_BYTES_HPP
/// @file
/// Large `bytes` that handlers have done with, for the next reads.

#include "bind.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace binding {

/// The C library gives the memory of a large object back to the system, and the first access to each of its pages costs
/// more than to read a file into it. So a few objects stay here, whose handler has returned and left nobody who knows
/// them: as many as one read may be ahead with. All of it under the GIL; without one none are kept, as nobody can say
/// who knows an object.
class spare_bytes {
public:
    /// An object of that size, its bytes undefined; null with an exception set if there is no memory.
    static PyObject* make(std::size_t size) {
        for (std::size_t i = count_; i != 0; --i)
            if (size_of(row_[i - 1]) == size) return take(i - 1);
        return PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
    }

    /// Takes the caller's reference to what a handler had.
    static void put_away(PyObject* object) {
        const std::size_t size = size_of(object);
        if (!is_unknown(object) || size < gcd::io_limits::least_given || size > most) return Py_DECREF(object);
        forget_hash(object);
        while (count_ == row_.size() || total_ + size > most) Py_DECREF(take(0));
        row_[count_++] = object;
        total_ += size;
    }

private:
    /// Bytes in all.
    static constexpr std::size_t most = 2 * gcd::io_limits::read_ahead;

    static std::size_t size_of(PyObject* object) { return static_cast<std::size_t>(PyBytes_GET_SIZE(object)); }
    static bool is_unknown([[maybe_unused]] PyObject* object) {
#if defined(Py_GIL_DISABLED)
        return false;
#else
        return Py_REFCNT(object) == 1;
#endif
    }
    static void forget_hash(PyObject* object) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        reinterpret_cast<PyBytesObject*>(object)->ob_shash = -1;
#pragma GCC diagnostic pop
    }
    /// Those behind it move up, the last one being the one that was used last.
    static PyObject* take(std::size_t place) {
        PyObject* taken = row_[place];
        for (--count_; place != count_; ++place) row_[place] = row_[place + 1];
        total_ -= size_of(taken);
        return taken;
    }

    static inline std::array<PyObject*, most / gcd::io_limits::least_given> row_{};
    static inline std::size_t count_ = 0;
    static inline std::size_t total_ = 0;
};

} // namespace binding

#endif
