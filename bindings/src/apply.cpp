// SPDX-License-Identifier: MIT
/// @file
/// apply, the parallel for loop.

#include "bind.hpp"
#include "convert.hpp"
#include "gil.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <stdexcept>

namespace binding {

namespace {

/// A loop whose indexes are taken one by one, by whoever comes: threads that each hold the GIL for as long as there are
/// some, and that give it up where a callable does. So a callable that waits holds up nobody, and one that doesn't pays
/// for no hand-over.
class py_loop {
public:
    py_loop(std::size_t iterations, py::handle callable) noexcept : iterations_{iterations}, callable_{callable} {}

    /// On any thread, without the GIL.
    void take_part() {
        if (is_over()) return;
        if (!in_python([this] { run(); })) refused_.store(true, std::memory_order_relaxed);
    }

    /// Raises what the first call to fail has raised. Under the GIL.
    void finish() {
        error_.rethrow();
        if (!refused_ || next_ >= iterations_) return;
        wait_for_end();
        throw std::runtime_error("cygcd: the interpreter is shutting down");
    }

private:
    bool is_over() const noexcept {
        return stopped_.load(std::memory_order_relaxed) || next_.load(std::memory_order_relaxed) >= iterations_;
    }

    void run() {
        while (!is_over()) {
            const std::size_t index = next_.fetch_add(1, std::memory_order_relaxed);
            if (index >= iterations_) return;
            if (call(index)) continue;
            stopped_.store(true, std::memory_order_relaxed);
            const std::lock_guard hold{lock_};
            error_.fetch();
            return;
        }
    }

    bool call(std::size_t index) {
        PyObject* number = PyLong_FromSize_t(index);
        PyObject* result = number != nullptr ? PyObject_CallOneArg(callable_.ptr(), number) : nullptr;
        Py_XDECREF(number);
        Py_XDECREF(result);
        return result != nullptr && fairness::count();
    }

    std::size_t iterations_;
    py::handle callable_;
    /// Relaxed: an index is given out once, and the end of the loop orders the rest.
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> stopped_{false};
    std::atomic<bool> refused_{false};
    object_lock lock_; ///< of the error
    raised error_;
};

/// At least as many as there can be workers.
constexpr std::size_t most_shares = 512;

void apply(size iterations, const py::function& func, const gcd::queue* queue) {
    py_loop loop{iterations.value, func};
    const std::size_t shares = std::min(iterations.value, most_shares);
    const auto share = [&loop](std::size_t) { loop.take_part(); };
    block([&] {
        if (queue != nullptr)
            gcd::apply(shares, *queue, share);
        else
            gcd::apply(shares, share);
    });
    loop.finish();
}

} // namespace

void bind_apply(py::module_& module) {
    module.def(
        "apply", &apply, py::arg("iterations"), py::arg("func"), py::arg("queue") = py::none(),
        "Calls func(i) for each i below `iterations`, side by side on the queue's threads (of the default global\n"
        "queue if None) and on this one, and waits for all. On a serial queue the calls come in order. If one\n"
        "raises, no further ones start, and the first exception is raised here once those under way have ended. May\n"
        "be nested. ValueError: a negative number. RuntimeError: this thread already holds the queue, or it is\n"
        "inactive.\n\n"
        "The calls hold the GIL: they overlap where they release it, as I/O and many libraries do.\n\n"
        "See dispatch_apply.");
}

} // namespace binding
