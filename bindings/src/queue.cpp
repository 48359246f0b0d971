// SPDX-License-Identifier: MIT
/// @file
/// Queue.

#include "bind.hpp"
#include "collected.hpp"
#include "convert.hpp"
#include "py_work.hpp"
#include "quick.hpp"

#include <pybind11/stl.h>

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace binding {

namespace {

gcd::queue global_queue(int priority) {
    switch (priority) {
    case static_cast<int>(gcd::queue_priority::high):
    case static_cast<int>(gcd::queue_priority::normal):
    case static_cast<int>(gcd::queue_priority::low):
    case static_cast<int>(gcd::queue_priority::background):
        return gcd::queue::global_queue(static_cast<gcd::queue_priority>(priority));
    default: return gcd::queue::global_queue(static_cast<gcd::qos>(priority));
    }
}

/// Such a queue has any number of Python objects, and others have one.
bool is_of_the_system(const gcd::queue& queue) {
    static constexpr gcd::qos classes[] = {gcd::qos::background, gcd::qos::utility, gcd::qos::default_class,
                                           gcd::qos::user_initiated, gcd::qos::user_interactive};
    for (gcd::qos known : classes)
        if (queue == gcd::queue::global_queue(known)) return true;
    return queue == gcd::queue::main_queue();
}

/// What Python has set as a context: the value, and the finalizer that the engine holds.
struct py_context {
    py_ref shown;   ///< a shown_handlers
    bool collected; ///< the queue's one object holds it, as far as the collector knows

    shown_handlers& get() const noexcept { return *reinterpret_cast<shown_handlers*>(shown.get()); }
};

/// Marks a context as made here: others could be set by C++ code of the same process.
struct context_end {
    void operator()(py_context* held) const noexcept { delete held; }
};

// The GIL is kept: a collection that looks at the context must not come to be its last owner.
void set_context(const gcd::queue& queue, py::object value, std::optional<py::function> finalizer) {
    shown_handlers* made = shown_handlers::create();
    const auto context = std::shared_ptr<py_context>(
        new py_context{py_ref{py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(made))},
                       !is_of_the_system(queue)},
        context_end{});
    made->value = value.release().ptr();
    std::function<void()> end;
    if (finalizer) {
        shown_handler run{*std::move(finalizer)};
        made->set_last(run.what());
        end = std::move(run);
    }
    queue.set_context(context, std::move(end));
}

std::shared_ptr<py_context> find_context(const gcd::queue& queue) {
    std::shared_ptr<void> context = queue.context();
    if (std::get_deleter<context_end>(context) == nullptr) return nullptr;
    return std::static_pointer_cast<py_context>(std::move(context));
}

py::object get_context(const gcd::queue& queue) {
    const std::shared_ptr<py_context> context = find_context(queue);
    if (!context || context->get().value == nullptr) return py::none();
    return py::reinterpret_borrow<py::object>(context->get().value);
}

/// All values that Python has set on one queue stand in a dict under this key, so that keys are compared as Python
/// compares them.
struct specific_table {
    py_ref dict;
    bool collected; ///< as in py_context

    PyObject* get() const noexcept { return dict.get(); }
};
constinit gcd::specific_key<specific_table> specifics_key;

/// The queue's table; made if there is none, of which two threads must not make two.
std::shared_ptr<specific_table> table_of(const gcd::queue& queue) {
    static object_lock lock;
    auto fresh = std::make_shared<specific_table>(py_ref{py::dict{}}, !is_of_the_system(queue));
    const std::lock_guard hold{lock};
    std::shared_ptr<specific_table> table = queue.get_specific(specifics_key);
    if (table) return table;
    queue.set_specific(specifics_key, fresh);
    return fresh;
}

void set_specific(const gcd::queue& queue, py::handle key, py::handle value) {
    std::shared_ptr<specific_table> table = queue.get_specific(specifics_key);
    if (value.is_none()) {
        // Unhashable keys are a TypeError in an empty table too.
        static_cast<void>(py::hash(key));
        // In one step, as others may remove it too.
        if (table) static_cast<void>(py::handle{table->get()}.attr("pop")(key, py::none()));
        return;
    }
    if (!table) table = table_of(queue);
    if (PyDict_SetItem(table->get(), key.ptr(), value.ptr()) != 0) throw py::error_already_set();
}

/// A new reference to the value, or null.
py::object look_up(const specific_table& table, py::handle key) {
#if PY_VERSION_HEX >= 0x030D0000
    PyObject* value = nullptr;
    if (PyDict_GetItemRef(table.get(), key.ptr(), &value) < 0) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(value);
#else
    PyObject* value = PyDict_GetItemWithError(table.get(), key.ptr());
    if (value == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return py::reinterpret_borrow<py::object>(value);
#endif
}

py::object get_specific(const gcd::queue& queue, py::handle key) {
    static_cast<void>(py::hash(key));
    const std::shared_ptr<specific_table> table = queue.get_specific(specifics_key);
    py::object value = table ? look_up(*table, key) : py::object{};
    return value ? value : py::none();
}

py::object get_current_specific(py::handle key) {
    static_cast<void>(py::hash(key));
    for (const std::shared_ptr<specific_table>& table : gcd::get_all_specific(specifics_key))
        if (py::object value = look_up(*table, key)) return value;
    return py::none();
}

/// `<cygcd.Queue 'label' serial, active>`
std::string describe_queue(const gcd::queue& queue) {
    const char* kind = queue.is_concurrent() ? "concurrent" : "serial";
    if (queue == gcd::queue::main_queue())
        kind = "main";
    else if (is_of_the_system(queue))
        kind = "global";
    const char* state = queue.is_inactive() ? "inactive" : queue.is_suspended() ? "suspended" : "active";
    return "<cygcd.Queue " + std::string(py::repr(py::str(queue.label()))) + " " + kind + ", " + state + ">";
}

// --- the short ways ---

/// The queue and its callable, if that is what there is; else null.
const gcd::queue* quick_queue(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept {
    return count == 1 && PyCallable_Check(arguments[0]) != 0 ? quick_self<gcd::queue>(self) : nullptr;
}

PyObject* run_async_quickly(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    const gcd::queue* queue = quick_queue(self, arguments, count);
    if (queue == nullptr) return nullptr;
    queue->run_async(py_task{py::reinterpret_borrow<py::object>(arguments[0])});
    return py::none().release().ptr();
}

PyObject* barrier_async_quickly(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    const gcd::queue* queue = quick_queue(self, arguments, count);
    if (queue == nullptr) return nullptr;
    queue->barrier_async(py_task{py::reinterpret_borrow<py::object>(arguments[0])});
    return py::none().release().ptr();
}

/// A turn that can be had without waiting needs no release of the GIL. Null if it can't, or the callable has raised.
PyObject* run_sync_quickly(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    const gcd::queue* queue = quick_queue(self, arguments, count);
    PyObject* result = nullptr;
    if (queue != nullptr && queue->try_run_sync([&] { result = call_in_place(arguments[0]); })) return result;
    return nullptr;
}

PyObject* barrier_sync_quickly(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    const gcd::queue* queue = quick_queue(self, arguments, count);
    PyObject* result = nullptr;
    if (queue != nullptr && queue->try_barrier_sync([&] { result = call_in_place(arguments[0]); })) return result;
    return nullptr;
}

/// Queue() and Queue("label").
gcd::queue* make_queue_quickly(PyObject* const* arguments, Py_ssize_t count) {
    if (count == 0) return new gcd::queue{};
    if (count != 1 || !PyUnicode_CheckExact(arguments[0])) return nullptr;
    Py_ssize_t size = 0;
    const char* label = PyUnicode_AsUTF8AndSize(arguments[0], &size);
    if (label == nullptr) throw py::error_already_set();
    return new gcd::queue{std::string{label, static_cast<std::size_t>(size)}};
}

/// `with queue.suspended():`
struct queue_suspension {
    gcd::queue queue;
};

void bind_suspension(py::module_& module) {
    unlocked_class<queue_suspension> type(module, "_Suspension",
                                          "What Queue.suspended() gives: suspends a queue for a with block.", apart());
    require_init(type);
    type.def(
        "__enter__",
        [](const queue_suspension& self) {
            gil_release released;
            self.queue.suspend();
        },
        "Suspends the queue.");
    type.def(
        "__exit__",
        [](const queue_suspension& self, const py::args&) {
            gil_release released;
            self.queue.resume();
        },
        "Resumes the queue.");
}

void bind_submission(unlocked_class<gcd::queue>& type) {
    type.def(
        "run_async", [](const gcd::queue& self, py::function func) { self.run_async(py_task{std::move(func)}); },
        py::arg("func"),
        "Submits the callable and returns at once. On a serial queue items run one at a time, in the order of\n"
        "submission. What it raises goes to sys.unraisablehook, with the callable as `object`.\n"
        "RuntimeError: a workloop that is not active yet.\n\n"
        "See dispatch_async.");
    type.def(
        "run_sync",
        [](const gcd::queue& self, const py::function& func) {
            py_call call{func};
            block([&] { self.run_sync([&call] { static_cast<void>(call()); }); });
            return call.take();
        },
        py::arg("func"),
        "Runs the callable in its turn, on this thread, and waits for it. Returns what it returns and raises what it\n"
        "raises. RuntimeError, at once: this thread already holds the queue (it would wait for itself), or the queue\n"
        "is inactive.\n\n"
        "See dispatch_sync.");
    type.def(
        "barrier_async",
        [](const gcd::queue& self, py::function func) { self.barrier_async(py_task{std::move(func)}); },
        py::arg("func"),
        "As run_async(), but on a concurrent queue the callable waits for all before it, runs alone, and holds back\n"
        "all after it. Elsewhere it is an ordinary item.\n\n"
        "See dispatch_barrier_async.");
    type.def(
        "barrier_sync",
        [](const gcd::queue& self, const py::function& func) {
            py_call call{func};
            block([&] { self.barrier_sync([&call] { static_cast<void>(call()); }); });
            return call.take();
        },
        py::arg("func"),
        "As run_sync(), but as a barrier: see barrier_async().\n\n"
        "See dispatch_barrier_sync.");
    type.def(
        "after",
        [](const gcd::queue& self, const delay& when, py::function func) {
            py_task task{std::move(func)};
            if (when.start.is_absolute())
                self.after(when.start.at(), std::move(task));
            else
                self.after(when.start.delay(), std::move(task));
        },
        py::arg("delay_seconds"), py::arg("func"),
        "Submits the callable after so many seconds (at once if negative, never if infinite), or at a Time, on the\n"
        "Time's clock. NaN: ValueError.\n\n"
        "See dispatch_after.");
}

void quicken(unlocked_class<gcd::queue>& type) {
    quick_method<&run_async_quickly>::install(type, "run_async");
    quick_method<&run_sync_quickly>::install(type, "run_sync");
    quick_method<&barrier_async_quickly>::install(type, "barrier_async");
    quick_method<&barrier_sync_quickly>::install(type, "barrier_sync");
    quick_init<gcd::queue, &make_queue_quickly>::install(type);
}

void bind_state(unlocked_class<gcd::queue>& type) {
    type.def(
        "suspend",
        [](const gcd::queue& self) {
            gil_release released;
            self.suspend();
        },
        "Keeps further items from starting; one that runs goes on. Nests: each call needs its resume().\n"
        "RuntimeError: global and main queues, workloops.\n\n"
        "See dispatch_suspend.");
    type.def(
        "resume",
        [](const gcd::queue& self) {
            gil_release released;
            self.resume();
        },
        "Ends one suspend(). RuntimeError: the queue is not suspended.\n\n"
        "See dispatch_resume.");
    type.def(
        "suspended", [](const gcd::queue& self) { return queue_suspension{self.retain()}; },
        "For `with`: suspends the queue for the block.\n\n"
        "See dispatch_suspend.");
    type.def(
        "activate",
        [](const gcd::queue& self) {
            gil_release released;
            self.activate();
        },
        "Lets a queue begin that was created inactive. RuntimeError: it is not inactive.\n\n"
        "See dispatch_activate.");
    const auto set_target = [](const gcd::queue& self, const gcd::queue& target) {
        gil_release released;
        self.set_target_queue(target);
    };
    type.def(
        "set_target_queue", set_target, py::arg("target"),
        "Sends the queue's items through another queue from now on; takes effect between items. `queue=` is\n"
        "another name for the argument. RuntimeError: a queue that was created inactive and is active now, or a\n"
        "queue of the system; work of the target's that still stands in this queue's line, of a time when this was\n"
        "its target. ValueError: the target is, or leads back to, this queue.\n\n"
        "See dispatch_set_target_queue.");
    type.def("set_target_queue", set_target, py::kw_only(), py::arg("queue"), "The same, by the other name.");
    type.def_property_readonly("is_inactive", &gcd::queue::is_inactive, "Created inactive and not activated yet.");
    type.def("is_current", &gcd::queue::is_current,
             "True if this thread is inside an item of this queue, or of a queue whose targets lead through it.\n\n"
             "See dispatch_assert_queue.");
    type.def_property_readonly("label", &gcd::queue::label,
                               "The label; \"\" if there is none. Global and main queues have those of libdispatch.\n\n"
                               "See dispatch_queue_get_label.");
    type.def_property_readonly(
        "qos", [](const gcd::queue& self) { return static_cast<unsigned>(self.qos()); },
        "The QoS class that the queue was made with, a QOS_CLASS_* value.\n\n"
        "See dispatch_queue_get_qos_class.");
    type.def("__repr__", &describe_queue);
    type.def(
        "__eq__", [](const gcd::queue& self, const gcd::queue& other) { return self == other; }, py::is_operator(),
        py::arg("other"), "True if both are the same queue.");
    type.def(
        "__hash__", [](const gcd::queue& self) { return std::hash<gcd::queue>{}(self); }, "Equal for the same queue.");
}

void bind_values(unlocked_class<gcd::queue>& type) {
    type.def("set_context", &set_context, py::arg("value"), py::arg("finalizer") = py::none(),
             "Attaches a value to the queue. The finalizer, called without arguments, runs once: before set_context()\n"
             "returns when the context is replaced, else when the queue's last reference ends, on some thread.\n\n"
             "See dispatch_set_context.");
    type.def("get_context", &get_context,
             "The value that set_context() attached, or None.\n\nSee dispatch_get_context.");
    type.def("set_specific", &set_specific, py::arg("key"), py::arg("value"),
             "Attaches a value under a key, any hashable object; equal keys are one key. None removes the value.\n\n"
             "See dispatch_queue_set_specific.");
    type.def("get_specific", &get_specific, py::arg("key"),
             "The value under the key, or None. The queue's targets are not asked.\n\n"
             "See dispatch_queue_get_specific.");
}

/// What the collector is told of a queue. Work under way may hold the queue longer than its Python object does; the
/// context, for which that object alone can be asked, and the specifics end with it if they are part of a cycle.
struct queue_part {
    static int show(const gcd::queue& queue, visitproc visit, void* arg) {
        try {
            if (const std::shared_ptr<py_context> context = find_context(queue); context && context->collected)
                Py_VISIT(context->shown.get());
            if (const std::shared_ptr<specific_table> table = queue.get_specific(specifics_key);
                table && table->collected)
                Py_VISIT(table->get());
        } catch (const std::exception&) {
            // In the child of a fork, with work under way in the parent: nothing is found.
        }
        return 0;
    }
};

} // namespace

void bind_queue(py::module_& module) {
    bind_suspension(module);
    unlocked_class<gcd::queue> type(
        module, "Queue",
        "Runs callables on threads of the system: one at a time in order (serial), or side by side (concurrent).\n\n"
        "When the last reference to a queue ends, what was submitted still runs, even if the queue was suspended or\n"
        "inactive. All methods may be called from any thread.\n\n"
        "See dispatch_queue_create.",
        collected<gcd::queue, queue_part>());
    require_init(type);
    type.def(py::init([](const std::optional<py::str>& label, bool concurrent, integer<unsigned> qos,
                         integer<int> relative_priority, const gcd::queue* target, bool inactive) {
                 return gcd::queue{label ? std::string{*label} : std::string{},
                                   {.concurrent = concurrent,
                                    .qos = static_cast<gcd::qos>(qos.value),
                                    .relative_priority = relative_priority.value,
                                    .target = target,
                                    .inactive = inactive}};
             }),
             py::arg("label") = py::none(), py::arg("concurrent") = false, py::arg("qos") = 0,
             py::arg("relative_priority") = 0, py::arg("target") = py::none(), py::arg("inactive") = false,
             "label: for debugging, without NUL. concurrent: items may run side by side. qos: a QOS_CLASS_* value.\n"
             "relative_priority: -15 to 0, with a qos only. target: the queue its items go through. inactive: holds\n"
             "its items until activate(). ValueError: a value out of range.");
    type.def_static(
        "global_queue", [](integer<int> priority) { return global_queue(priority.value); }, py::arg("priority") = 0,
        "The system's concurrent queue of that QUEUE_PRIORITY_* or QOS_CLASS_*. It can't be suspended, retargeted or\n"
        "activated. ValueError: an unknown value.\n\n"
        "See dispatch_get_global_queue.");
    type.def_static("main_queue", &gcd::queue::main_queue,
                    "The queue whose items run on the main thread, while run_main() or a run loop serves it.\n\n"
                    "See dispatch_get_main_queue.");
    bind_submission(type);
    bind_state(type);
    bind_values(type);
    quicken(type);
    queue_type = reinterpret_cast<PyTypeObject*>(type.ptr());

    module.def("get_specific", &get_current_specific, py::arg("key"),
               "The value under the key of the queue whose item this thread runs, or of the first of its targets that\n"
               "has one; None if there is none.\n\n"
               "See dispatch_get_specific.");
    module.def("current_label", &gcd::current_label,
               "The label of the queue whose item this thread runs.\n\nSee dispatch_queue_get_label.");
}

} // namespace binding
