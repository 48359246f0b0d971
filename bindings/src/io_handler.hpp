// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_IO_HANDLER_HPP
#define GCD_BINDINGS_IO_HANDLER_HPP
/// @file
/// Python handlers of I/O.

#include "data.hpp"
#include "py_work.hpp"
#include "read_bytes.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace binding {

/// Calls with the `bytes` that `make` gives, null with an exception set; `arguments` makes a tuple of them and the rest.
template <class Make, class MakeArguments>
void call_with_bytes(PyObject* callable, Make&& make, MakeArguments&& arguments) {
    PyObject* bytes = make();
    call_reporting(callable, [&]() -> PyObject* { return bytes != nullptr ? arguments(bytes) : nullptr; });
    if (bytes != nullptr) spare_bytes::put_away(bytes);
}

/// Calls handler(done, data, error).
template <class Make> void call_io_handler(PyObject* callable, bool done, Make&& make, int error) {
    call_with_bytes(callable, make,
                    [&](PyObject* bytes) { return Py_BuildValue("(OOi)", done ? Py_True : Py_False, bytes, error); });
}

/// Calls handler(data, error), of the one-shots.
template <class Make> void call_single_handler(PyObject* callable, Make&& make, int error) {
    call_with_bytes(callable, make, [&](PyObject* bytes) { return Py_BuildValue("(Oi)", bytes, error); });
}

/// The handler of a channel's operation.
class py_io_handler {
public:
    explicit py_io_handler(py::object callable) noexcept : callable_{std::move(callable)} {}

    void operator()(bool done, const gcd::data& chunk, int error) {
        in_python([&] { call_io_handler(callable_.get(), done, [&] { return to_bytes(chunk); }, error); });
    }

private:
    py_ref callable_;
};

/// What the next chunk of a channel's reads will mostly hold: by its marks, and by what reads have asked for last.
using chunk_size = std::shared_ptr<std::atomic<std::size_t>>;

/// The same, of a read of so many bytes.
class py_read_handler {
public:
    py_read_handler(py::object callable, std::size_t length, chunk_size chunk)
        : callable_{std::move(callable)}, left_{length}, chunk_{std::move(chunk)} {
        if (length < gcd::io_limits::least_given) return;
        bytes_ = std::make_shared<read_bytes>();
        bytes_->provide(std::min(chunk_->load(), length), left_);
    }

    [[nodiscard]] gcd::read_memory memory() const {
        if (!bytes_) return {};
        return [bytes = bytes_](std::size_t size) { return bytes->give(size); };
    }

    void operator()(bool done, const gcd::data& chunk, int error) {
        in_python([&] {
            left_ -= chunk.size();
            const auto make = [&] { return bytes_ ? bytes_->take(chunk) : to_bytes(chunk); };
            call_io_handler(callable_.get(), done, make, error);
            if (bytes_ && !done) provide_more();
        });
    }

private:
    void provide_more() {
        const std::size_t size = bytes_->wanted();
        if (size == 0) return;
        chunk_->store(size);
        bytes_->provide(size, left_);
    }

    py_ref callable_;
    std::size_t left_;
    chunk_size chunk_;
    std::shared_ptr<read_bytes> bytes_;
};

/// The handler of a one-shot.
class py_single_handler {
public:
    explicit py_single_handler(py::object callable) noexcept : callable_{std::move(callable)} {}

    void operator()(const gcd::data& chunk, int error) {
        in_python([&] { call_single_handler(callable_.get(), [&] { return to_bytes(chunk); }, error); });
    }

private:
    py_ref callable_;
};

/// The same, of a read.
class py_single_read_handler {
public:
    explicit py_single_read_handler(py::object callable)
        : callable_{std::move(callable)}, bytes_{std::make_shared<read_bytes>()} {}

    /// It is asked within the call that it is given to.
    [[nodiscard]] gcd::read_memory memory() const {
        return [bytes = bytes_](std::size_t size) {
            in_python([&] { bytes->add(size); });
            return bytes->give(size);
        };
    }

    void operator()(const gcd::data& chunk, int error) {
        in_python([&] { call_single_handler(callable_.get(), [&] { return bytes_->take(chunk); }, error); });
    }

private:
    py_ref callable_;
    std::shared_ptr<read_bytes> bytes_;
};

} // namespace binding

#endif
