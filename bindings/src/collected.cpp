// SPDX-License-Identifier: MIT
/// @file
/// The Python type behind shown_handlers.

#include "collected.hpp"
#include "bind.hpp"

#include <new>

namespace binding {

namespace {

PyTypeObject* shown_type = nullptr;

shown_handlers* held_by(PyObject* self) { return reinterpret_cast<shown_handlers*>(self); }

int visit_shown(PyObject* self, visitproc visit, void* arg) {
    const shown_handlers* all = held_by(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(all->value);
    for (const shown& each : {all->event, all->registration, all->last})
        if (each) Py_VISIT(each->callable);
    return 0;
}

int clear_shown(PyObject* self) {
    shown_handlers* all = held_by(self);
    for (const shown& each : {all->event, all->registration, all->last})
        if (each) each->drop();
    drop_reference(std::exchange(all->value, nullptr));
    return 0;
}

void finish_shown(PyObject* self) {
    const py::error_scope kept;
    held_by(self)->finish();
}

void free_shown(PyObject* self) {
    PyObject_GC_UnTrack(self);
    shown_handlers* all = held_by(self);
    drop_reference(std::exchange(all->value, nullptr));
    all->event.~shown();
    all->registration.~shown();
    all->last.~shown();
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

} // namespace

shown_handlers* shown_handlers::create() {
    auto* made = PyObject_GC_New(shown_handlers, shown_type);
    if (made == nullptr) throw std::bad_alloc{};
    made->value = nullptr;
    ::new (&made->event) shown{};
    ::new (&made->lock) object_lock{};
    ::new (&made->registration) shown{};
    ::new (&made->last) shown{};
    made->last_given = false;
    made->owner = nullptr;
    made->end = nullptr;
    PyObject_GC_Track(made);
    return made;
}

void shown_handlers::finish() {
    if (event) event->close();
    if (registration) registration->close();
    if (owner != nullptr) {
        // It gives the last handler to the engine, which runs it.
        end(owner);
        return;
    }
    const shown now = give_last();
    if (!now) return;
    // Taken first: the engine has nothing left to run, be it that the callable itself has it run what it has.
    PyObject* callable = now->take();
    if (callable == nullptr) return;
    call_reporting(callable);
    drop_reference(callable);
}

void bind_collected(py::module_&) {
    static PyType_Slot slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&visit_shown)},
                                  {Py_tp_clear, reinterpret_cast<void*>(&clear_shown)},
                                  {Py_tp_finalize, reinterpret_cast<void*>(&finish_shown)},
                                  {Py_tp_dealloc, reinterpret_cast<void*>(&free_shown)},
                                  {0, nullptr}};
    static PyType_Spec spec{"cygcd._core._Handlers", static_cast<int>(sizeof(shown_handlers)), 0,
                            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    PyObject* type = PyType_FromSpec(&spec);
    if (type == nullptr) throw py::error_already_set();
    shown_type = reinterpret_cast<PyTypeObject*>(type);
    // Nobody makes one but the library: without __new__ there is none that isn't whole.
    shown_type->tp_new = nullptr;
}

} // namespace binding
