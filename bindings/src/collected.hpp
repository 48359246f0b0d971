// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_COLLECTED_HPP
#define GCD_BINDINGS_COLLECTED_HPP
/// @file
/// What Python's cycle collector needs to know: which callables and values an object holds by way of the library.
///
/// A handler mostly knows the source that it belongs to, and the source holds the handler. The engine keeps the handler
/// where the collector can't see it; so the object shows it, as if it held it itself. That is true as long as the
/// object's end is the handler's end too. One that is still to run then, such as that of a cancellation, is the
/// engine's from then on: the collector finds it, and all that it knows, in use until it has run.

#include "bind.hpp"
#include "gil.hpp"
#include "py_work.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace binding {

/// A callable that the engine calls and an object shows. All of it is read and written under the GIL and the lock.
struct shown_callable {
    object_lock lock;
    PyObject* callable = nullptr;
    /// Not to be called any more: the collector may be about to empty what it knows.
    bool closed = false;
    /// Copies of the engine's half. Raised relaxed; the last one's end (acq_rel) is that of the callable.
    std::atomic<int> handlers{0};

    void close() {
        const std::lock_guard hold{lock};
        closed = true;
    }
    /// Null if it has been taken before.
    [[nodiscard]] PyObject* take() {
        const std::lock_guard hold{lock};
        return std::exchange(callable, nullptr);
    }
    void drop() { drop_reference(take()); }
    /// With the call under way the object may come to its end, and the callable with it.
    template <class Call> void run(Call&& call) {
        PyObject* called = nullptr;
        {
            const std::lock_guard hold{lock};
            if (!closed) called = callable;
            Py_XINCREF(called);
        }
        if (called == nullptr) return;
        call(called);
        drop_reference(called);
    }
};

using shown = std::shared_ptr<shown_callable>;

/// The engine's half of it: a handler that runs any number of times, until the object closes or drops it. It can be
/// copied, so that a std::function has it without a shared_ptr in between, but nobody does.
class shown_handler {
public:
    explicit shown_handler(py::object callable, shown in = std::make_shared<shown_callable>()) : shown_{std::move(in)} {
        shown_->callable = callable.release().ptr();
        shown_->handlers.store(1, std::memory_order_relaxed);
    }
    shown_handler(const shown_handler& from) noexcept : shown_{from.shown_} {
        if (shown_) shown_->handlers.fetch_add(1, std::memory_order_relaxed);
    }
    shown_handler(shown_handler&&) noexcept = default;
    shown_handler& operator=(const shown_handler&) = delete;
    shown_handler& operator=(shown_handler&&) = delete;
    ~shown_handler() {
        if (!shown_ || shown_->handlers.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        in_python([this] { shown_->drop(); });
    }

    const shown& what() const noexcept { return shown_; }

    static constexpr const gcd::carried_lock* carries = &carried_gil;

    void operator()() {
        in_python([this] { shown_->run([](PyObject* callable) { call_reporting(callable); }); }, true);
    }
    /// cleanup_handler(error)
    void operator()(int error) {
        in_python([&] {
            shown_->run([error](PyObject* callable) {
                call_reporting(callable, [error] { return Py_BuildValue("(i)", error); });
            });
        });
    }

private:
    shown shown_;
};

/// All that one object shows: a Python object of its own, which nobody else holds. Its finalizer, unlike the object's
/// own, is out of the reach of subclasses: it is sure to run before anything of a cycle is emptied.
struct shown_handlers {
    PyObject_HEAD PyObject* value; ///< a queue's context
    shown event;
    /// Of the three below.
    object_lock lock;
    shown registration;
    /// What runs when all is over. It is shown until it is to run.
    shown last;
    bool last_given;
    /// The object, unless it has come to its end, and how to end it when it is part of a cycle.
    void* owner;
    void (*end)(void*);

    static shown_handlers* create();

    /// Once the engine has accepted it.
    void set_last(shown handler) {
        const std::lock_guard hold{lock};
        if (!last_given) last.swap(handler);
    }
    void set_registration(shown handler) {
        const std::lock_guard hold{lock};
        registration.swap(handler);
    }
    /// It is to run now. The engine is told afterwards: a collection that lies in between must not take it.
    shown give_last() noexcept {
        const std::lock_guard hold{lock};
        last_given = true;
        return std::exchange(last, nullptr);
    }
    /// As in a finalizer: everything is garbage, but whole.
    void finish();
};

/// Holds one, for an object of C++.
class shown_by {
public:
    shown_by() : shown_{shown_handlers::create()} {}
    shown_by(const shown_by&) = delete;
    shown_by& operator=(const shown_by&) = delete;
    ~shown_by() {
        shown_->owner = nullptr;
        drop_reference(object());
    }
    shown_handlers* operator->() const noexcept { return shown_; }
    PyObject* object() const noexcept { return reinterpret_cast<PyObject*>(shown_); }

    /// What ends the owner when it is part of a cycle; `owner.end()` must not throw.
    template <class Owner> void set_owner(Owner* owner) noexcept {
        shown_->end = [](void* object) { static_cast<Owner*>(object)->end(); };
        shown_->owner = owner;
    }

private:
    shown_handlers* shown_;
};

/// The C++ object in a Python object of its type; null before its __init__ has run. It makes no Python object, as it
/// is called in the middle of a collection.
template <class Class> const Class* find_held(PyObject* self) noexcept {
    auto* instance = reinterpret_cast<py::detail::instance*>(self);
    // Without a look at pybind11's types, for which it takes a lock that a thread may have which a collection has stopped.
    if (instance->simple_layout)
        return instance->simple_holder_constructed ? static_cast<const Class*>(instance->simple_value_holder[0])
                                                   : nullptr;
    // More than one: of a class that also derives from one of another pybind11 module, or from both Workloop and Queue.
    PyTypeObject* wanted = py::detail::get_type_info(typeid(Class))->type;
    for (py::detail::value_and_holder& held : py::detail::values_and_holders(instance))
        if (held.holder_constructed() && PyType_IsSubtype(held.type->type, wanted) != 0)
            return static_cast<const Class*>(held.value_ptr());
    return nullptr;
}

/// As apart(), and has the collector look into objects of the class: `Show::show(const Class&, visitproc, void*)` visits
/// what it holds.
template <class Class, class Show = Class> py::custom_type_setup collected() {
    return py::custom_type_setup([](PyHeapTypeObject* made) {
        set_apart(made);
        PyTypeObject& type = made->ht_type;
        type.tp_flags |= Py_TPFLAGS_HAVE_GC;
        type.tp_traverse = [](PyObject* self, visitproc visit, void* arg) -> int {
            Py_VISIT(Py_TYPE(self));
            const Class* held = find_held<Class>(self);
            return held != nullptr ? Show::show(*held, visit, arg) : 0;
        };
    });
}

} // namespace binding

#endif
