// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_QUICK_HPP
#define GCD_BINDINGS_QUICK_HPP
/// @file
/// Short ways into hot methods: past pybind11, whose dispatch would cost more than the call, for the shape of call that
/// nearly every call has. Whatever has another shape (keywords, another type, an object that was never initialised)
/// goes on to the method that pybind11 has made, which knows all about arguments, errors and documentation.

#include "bind.hpp"
#include "gil.hpp"

#include <cxxabi.h>

#include <cstddef>
#include <new>
#include <vector>

namespace binding {

/// The C++ object of a `self` that is an instance of T's Python type, or null if it can't be had in the short way.
/// T is what pybind11 holds, or its first base; not where it holds several.
template <class T> T* quick_self(PyObject* self) noexcept {
    const auto* held = reinterpret_cast<const py::detail::instance*>(self);
    return held->simple_layout ? static_cast<T*>(held->simple_value_holder[0]) : nullptr;
}

/// cygcd.Queue; made by bind_queue.
inline PyTypeObject* queue_type = nullptr;

/// Calls without arguments, in the turn on a queue that the calling thread has; the engine calls this where it must not
/// be unwound. Null with an exception set.
inline PyObject* call_in_place(PyObject* callable) {
    park_on_unwind guard;
    PyObject* result = PyObject_CallNoArgs(callable);
    guard.disarm();
    return result;
}

/// Calls the body as pybind11 would: what it throws becomes a Python exception and null.
template <class F> PyObject* translated(F&& body) {
    try {
        return body();
    } catch (py::error_already_set& error) {
        error.restore();
#ifdef __GLIBCXX__
    } catch (abi::__forced_unwind&) {
        throw; // a thread that is being ended; libc++ has no name for that, and leaves handlers out then
#endif
    } catch (...) {
        py::detail::try_translate_exceptions();
    }
    return nullptr;
}

/// A method with a short way. `Short` gets self and the positional arguments; it gives a new reference, or null: with an
/// exception set that is raised, without one the call takes the long way.
template <PyObject* (*Short)(PyObject*, PyObject* const*, Py_ssize_t)> class quick_method {
public:
    /// Puts it before the method of that name, which the type has.
    template <class Class> static void install(const Class& type, const char* name) {
        const py::object bound = type.attr(name);
        const py::object documentation = bound.attr("__doc__");
        // All three live as long as the process.
        definition_ = {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&enter)),
                       METH_FASTCALL | METH_KEYWORDS, PyUnicode_AsUTF8(documentation.inc_ref().ptr())};
        long_way_ = py::object(bound).release().ptr();
        PyObject* method = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), &definition_);
        if (method == nullptr) throw py::error_already_set();
        type.attr(name) = py::reinterpret_steal<py::object>(method);
    }

private:
    static PyObject* enter(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
        if (names == nullptr) {
            PyObject* result = translated([&] { return Short(self, arguments, count); });
            if (result != nullptr || PyErr_Occurred() != nullptr) return result;
        }
        return translated([&] {
            const Py_ssize_t all = count + (names != nullptr ? PyTuple_GET_SIZE(names) : 0);
            std::vector<PyObject*> with_self(static_cast<std::size_t>(all) + 1);
            with_self[0] = self;
            for (Py_ssize_t i = 0; i < all; ++i) with_self[static_cast<std::size_t>(i) + 1] = arguments[i];
            return PyObject_Vectorcall(long_way_, with_self.data(), static_cast<std::size_t>(count) + 1, names);
        });
    }

    static inline PyMethodDef definition_{};
    static inline PyObject* long_way_ = nullptr;
};

/// A constructor with a short way. `Short` makes a new T out of the positional arguments, or gives null for the long
/// way.
template <class T, T* (*Short)(PyObject* const*, Py_ssize_t)> class quick_init {
public:
    template <class Class> static void install(const Class& type) {
        type_ = reinterpret_cast<PyTypeObject*>(type.ptr());
        info_ = py::detail::get_type_info(type_);
        long_way_ = type_->tp_init;
        type_->tp_init = &enter;
    }

private:
    /// Of two threads that initialise the same object one is the first.
    static int enter(PyObject* self, PyObject* arguments, PyObject* names) {
#if defined(Py_GIL_DISABLED)
        int result = 0;
        Py_BEGIN_CRITICAL_SECTION(self);
        result = initialise(self, arguments, names);
        Py_END_CRITICAL_SECTION();
        return result;
#else
        return initialise(self, arguments, names);
#endif
    }

    static int initialise(PyObject* self, PyObject* arguments, PyObject* names) {
        if (Py_TYPE(self) != type_ || names != nullptr) return long_way_(self, arguments, names);
        auto* held = reinterpret_cast<py::detail::instance*>(self);
        py::detail::value_and_holder place = held->get_value_and_holder(info_);
        if (place.value_ptr() != nullptr) return long_way_(self, arguments, names);
        PyObject* const* first = &PyTuple_GET_ITEM(arguments, 0);
        T* made = nullptr;
        const PyObject* failed = translated([&]() -> PyObject* {
            made = Short(first, PyTuple_GET_SIZE(arguments));
            return self;
        });
        if (failed == nullptr) return -1;
        if (made == nullptr) return long_way_(self, arguments, names);
        place.value_ptr() = made;
        info_->init_instance(held, nullptr);
        return 0;
    }

    static inline PyTypeObject* type_ = nullptr;
    static inline py::detail::type_info* info_ = nullptr;
    static inline initproc long_way_ = nullptr;
};

} // namespace binding

#endif
