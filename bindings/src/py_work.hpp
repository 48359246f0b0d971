// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_PY_WORK_HPP
#define GCD_BINDINGS_PY_WORK_HPP
/// @file
/// Python callables as work, as handlers, and as the body of a blocking call.
///
/// Python objects are copied and destroyed under the GIL only. Once the gate at exit is closed they are left alone:
/// a callable is dropped unrun, and its reference is never given back.

#include "gil.hpp"

#include <memory>
#include <stdexcept>
#include <utility>

namespace binding {

/// A reference that may end on any thread. Move-only; made under the GIL.
class py_ref {
public:
    explicit py_ref(py::object object) noexcept : object_{object.release().ptr()} {}
    py_ref(py_ref&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
    py_ref& operator=(py_ref&&) = delete;
    ~py_ref() {
        if (object_ != nullptr) in_python([this] { drop_reference(object_); });
    }

    PyObject* get() const noexcept { return object_; }
    /// Gives the reference back. Under the GIL.
    void reset() { drop_reference(std::exchange(object_, nullptr)); }

private:
    PyObject* object_;
};

/// Calls with arguments of its own making: `make` gives a new tuple, or null with an exception set. What is raised,
/// SystemExit and KeyboardInterrupt too, goes to sys.unraisablehook, with the callable as its `object`.
template <class MakeArguments> void call_reporting(PyObject* callable, MakeArguments&& make) {
    PyObject* arguments = make();
    PyObject* result = arguments != nullptr ? PyObject_CallObject(callable, arguments) : nullptr;
    Py_XDECREF(arguments);
    if (result == nullptr) PyErr_WriteUnraisable(callable);
    Py_XDECREF(result);
}

inline void call_reporting(PyObject* callable) {
    PyObject* result = PyObject_CallNoArgs(callable);
    if (result == nullptr) PyErr_WriteUnraisable(callable);
    Py_XDECREF(result);
}

/// Work: runs once, and lets go of the callable in the same stay in the interpreter.
class py_task {
public:
    explicit py_task(py::object callable) noexcept : callable_{std::move(callable)} {}

    static constexpr const gcd::carried_lock* carries = &carried_gil;

    void operator()() {
        in_python(
            [this] {
                call_reporting(callable_.get());
                callable_.reset();
            },
            true);
    }

private:
    py_ref callable_;
};

/// The callable that a blocking call borrows. Stands on the caller's stack; the callable may run on another thread.
class py_call {
public:
    explicit py_call(py::handle callable) noexcept : callable_{callable} {}
    py_call(const py_call&) = delete;
    py_call& operator=(const py_call&) = delete;
    ~py_call() { drop_reference(result_); }

    /// False if it raised, or if the interpreter is closed to this thread.
    bool operator()() {
        return run([this] { return PyObject_CallNoArgs(callable_.ptr()); });
    }

    /// What the (last) call gave; raises what the first to fail raised. Under the GIL.
    py::object take() {
        error_.rethrow();
        if (refused_) {
            wait_for_end();
            throw std::runtime_error("cygcd: the interpreter is shutting down");
        }
        return py::reinterpret_steal<py::object>(std::exchange(result_, nullptr));
    }

private:
    template <class F> bool run(F&& invoke) {
        bool fine = false;
        const bool entered = in_python([&] {
            PyObject* result = invoke();
            fine = result != nullptr;
            if (fine)
                drop_reference(std::exchange(result_, result));
            else
                error_.fetch();
        });
        if (!entered) refused_.store(true, std::memory_order_relaxed);
        return fine;
    }

    py::handle callable_;
    PyObject* result_ = nullptr;
    raised error_;
    std::atomic<bool> refused_{false};
};

/// Carries the news that a py_call returned false through the library; what was raised is in the py_call.
struct callable_raised {};

} // namespace binding

#endif
