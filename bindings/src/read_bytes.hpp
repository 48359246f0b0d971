// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_READ_BYTES_HPP
#define GCD_BINDINGS_READ_BYTES_HPP
/// @file
/// The `bytes` that a read is put into, so that its handler gets them without a copy.

#include "data.hpp"
#include "py_work.hpp"
#include "spare_bytes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace binding {

/// Objects of one read that nobody knows yet: spare ones, and those that the engine may be reading into. They are made
/// and ended under the GIL, and given to the engine without it, for which it would have to wait.
class read_bytes {
public:
    read_bytes() = default;
    read_bytes(const read_bytes&) = delete;
    read_bytes& operator=(const read_bytes&) = delete;
    ~read_bytes() {
        if (spare_.count + given_.count == 0) return;
        in_python([this] {
            drop_all(spare_);
            drop_all(given_);
        });
    }

    /// For the engine: the memory of a spare object of that size, or null.
    std::byte* give(std::size_t size) noexcept {
        const std::lock_guard hold{lock_};
        wanted_ = size;
        if (spare_.count == 0 || size_of(spare_.last()) != size || given_.count == most) return nullptr;
        given_.add(spare_.take(spare_.count - 1));
        return memory_of(given_.last());
    }

    /// The size that was asked for last, or 0.
    [[nodiscard]] std::size_t wanted() const noexcept {
        const std::lock_guard hold{lock_};
        return wanted_;
    }

    /// Makes spare objects of that size for so many bytes, but no more than the engine may be ahead of the handler.
    /// Under the GIL. Where there is no memory for one the engine has its own.
    void provide(std::size_t size, std::size_t bytes) {
        if (size < gcd::io_limits::least_given || size > gcd::io_limits::greatest_given) return;
        const std::size_t ahead = (gcd::io_limits::read_ahead + size - 1) / size;
        const std::size_t count = std::min(std::max(least, ahead), bytes / size);
        row unfit;
        std::size_t missing = 0;
        {
            const std::lock_guard hold{lock_};
            if (spare_.count != 0 && size_of(spare_.last()) != size) unfit = std::exchange(spare_, {});
            missing = count - std::min(count, spare_.count + given_.count);
        }
        drop_all(unfit);
        for (; missing != 0; --missing)
            if (!add(size)) return;
    }

    /// Makes one.
    bool add(std::size_t size) {
        PyObject* made = spare_bytes::make(size);
        if (made == nullptr) {
            PyErr_Clear();
            return false;
        }
        const std::lock_guard hold{lock_};
        spare_.add(made);
        return true;
    }

    /// The chunk as `bytes`: the object that it was read into, or a copy. Under the GIL; null with an exception set if
    /// there is no memory.
    PyObject* take(const gcd::data& chunk) {
        PyObject* object = nullptr;
        try {
            object = find(chunk);
        } catch (const std::bad_alloc&) {
            return PyErr_NoMemory();
        }
        if (object == nullptr) return to_bytes(chunk);
        const auto size = static_cast<Py_ssize_t>(chunk.size());
        if (PyBytes_GET_SIZE(object) != size) _PyBytes_Resize(&object, size);
        return object;
    }

private:
    /// One that the handler has, and one that is read into meanwhile.
    static constexpr std::size_t least = 2;
    static constexpr std::size_t most = gcd::io_limits::read_ahead / gcd::io_limits::least_given;
    static_assert(most >= least);

    struct row {
        std::array<PyObject*, most> objects{};
        std::size_t count = 0;

        [[nodiscard]] PyObject* last() const noexcept { return objects[count - 1]; }
        void add(PyObject* object) noexcept { objects[count++] = object; }
        PyObject* take(std::size_t place) noexcept { return std::exchange(objects[place], objects[--count]); }
    };

    static std::size_t size_of(PyObject* object) { return static_cast<std::size_t>(PyBytes_GET_SIZE(object)); }
    static std::byte* memory_of(PyObject* object) { return reinterpret_cast<std::byte*>(PyBytes_AS_STRING(object)); }
    static void drop_all(row& objects) {
        while (objects.count != 0) drop_reference(objects.take(objects.count - 1));
    }

    /// The object that the chunk is the beginning of, or null.
    PyObject* find(const gcd::data& chunk) {
        const std::vector<gcd::data::region> regions = chunk.regions();
        if (regions.size() != 1) return nullptr;
        const std::lock_guard hold{lock_};
        for (std::size_t i = 0; i != given_.count; ++i)
            if (memory_of(given_.objects[i]) == regions[0].bytes.data()) return given_.take(i);
        return nullptr;
    }

    mutable std::mutex lock_;
    row spare_;
    row given_;
    std::size_t wanted_ = 0;
};

} // namespace binding

#endif
