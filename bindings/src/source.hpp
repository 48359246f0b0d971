// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_SOURCE_HPP
#define GCD_BINDINGS_SOURCE_HPP
/// @file
/// What the bound kinds of source have in common.

#include "bind.hpp"
#include "collected.hpp"
#include "py_work.hpp"

#include <atomic>
#include <exception>
#include <string>
#include <utility>

namespace binding {

/// The queue given, or the default global queue.
inline gcd::queue queue_or_default(const gcd::queue* given) {
    return given != nullptr ? given->retain() : gcd::queue::global_queue();
}

/// Says that a source which was watching is dropped. The name is that of repr().
inline void warn_dropped(const std::string& name) {
    const std::string text = "a started cygcd." + name + " was dropped, which cancels it";
    park_on_unwind guard;
    if (PyErr_WarnEx(PyExc_ResourceWarning, text.c_str(), 1) != 0) PyErr_WriteUnraisable(nullptr);
    guard.disarm();
}

/// The event handler, which the object is to show.
inline shown_handler show_first(const shown_by& handlers, shown_handler handler) {
    handlers->event = handler.what();
    return handler;
}

/// A source as Python holds it. Dropped while it watches, it is cancelled with a ResourceWarning.
template <class Event> struct py_source {
    shown_by handlers;
    gcd::source<Event> source;
    std::string label; ///< for repr(): "ReadSource fd=5"
    std::atomic<bool> started{false};

    /// `prefix` is the label without the number: "ReadSource fd="
    py_source(const Event& event, const gcd::queue* queue, shown_handler handler, const std::string& prefix)
        : source{event, queue_or_default(queue), show_first(handlers, std::move(handler))},
          label{prefix + std::to_string(handle())} {
        handlers.set_owner(this);
    }

    py_source(const py_source&) = delete;
    py_source& operator=(const py_source&) = delete;

    /// With the GIL held.
    ~py_source() {
        if (watches() && !gate::is_closed()) warn_dropped(name());
        gil_release released;
        const gcd::source<Event> end{std::move(source)};
    }

    bool watches() const noexcept {
        try {
            return started && !source.is_cancelled();
        } catch (const std::exception&) {
            return false;
        }
    }

    int handle() const { return source.handle(); }
    const std::string& name() const noexcept { return label; }

    void end() noexcept { end_source(*this); }
    static int show(const py_source& self, visitproc visit, void* arg) { return visit(self.handlers.object(), arg); }

    std::string describe() const {
        const char* state = source.is_cancelled() ? "cancelled" : started ? "started" : "not started";
        return "<cygcd." + label + ", " + state + ">";
    }
};

template <class Wrapper> void start_source(Wrapper& self) {
    {
        gil_release released;
        self.source.start();
    }
    self.started = true;
}

template <class Wrapper> void cancel_source(Wrapper& self) {
    self.handlers->give_last();
    gil_release released;
    self.source.cancel();
}

/// The end of one that is part of a cycle. The object itself may come to its end as soon as this lets other Python
/// code run.
template <class Wrapper> void end_source(Wrapper& self) noexcept {
    try {
        auto source = self.source.retain();
        self.handlers->give_last();
        if (self.watches() && !gate::is_closed()) warn_dropped(std::string{self.name()});
        gil_release released;
        const auto last = std::move(source);
        last.cancel();
    } catch (const std::exception&) {
        // In the child of a fork: it doesn't watch.
    }
}

/// Methods of every kind of source. `Wrapper` has `handlers`, `source`, `started` and `describe()`.
template <class Wrapper> void bind_source_methods(py::class_<Wrapper>& type) {
    type.def("start", &start_source<Wrapper>,
             "Begins to watch; no event after its return is missed. Again while started: nothing. RuntimeError: after\n"
             "cancel(). OSError: the system refuses, a descriptor that is not open for one.\n\n"
             "See dispatch_activate.");
    type.def(
        "cancel", &cancel_source<Wrapper>,
        "Ends the watch; doesn't wait for a handler that runs. Again: nothing. The handler doesn't start again, and\n"
        "the cancel handler comes after it.\n\n"
        "See dispatch_source_cancel.");
    type.def(
        "cancel_and_wait",
        [](Wrapper& self) {
            self.handlers->give_last();
            block([&self] { self.source.cancel_and_wait(); });
        },
        "As cancel(), and waits for a handler that runs. RuntimeError: called from inside that handler.\n\n"
        "See dispatch_source_cancel.");
    type.def(
        "suspend",
        [](const Wrapper& self) {
            gil_release released;
            self.source.suspend();
        },
        "Holds the handler back until resume(). Nests.\n\n"
        "See dispatch_suspend.");
    type.def(
        "resume",
        [](const Wrapper& self) {
            gil_release released;
            self.source.resume();
        },
        "Ends one suspend(). RuntimeError: not suspended.\n\n"
        "See dispatch_resume.");
    type.def(
        "set_cancel_handler",
        [](Wrapper& self, py::function handler) {
            shown_handler run{std::move(handler)};
            const shown accepted = run.what();
            {
                gil_release released;
                self.source.set_cancel_handler(std::move(run));
            }
            self.handlers->set_last(accepted);
        },
        py::arg("handler"),
        "Sets what runs once after cancellation, after the last run of the event handler, on the source's queue. A\n"
        "descriptor that was watched may be closed there. Replaces an earlier one; no effect once cancelled.\n\n"
        "See dispatch_source_set_cancel_handler.");
    type.def(
        "set_registration_handler",
        [](Wrapper& self, py::function handler) {
            shown_handler run{std::move(handler)};
            const shown accepted = run.what();
            {
                gil_release released;
                self.source.set_registration_handler(std::move(run));
            }
            self.handlers->set_registration(accepted);
        },
        py::arg("handler"),
        "Sets what runs once when start() has begun the watch, on the source's queue. RuntimeError: started "
        "already.\n\n"
        "See dispatch_source_set_registration_handler.");
    type.def_property_readonly(
        "is_cancelled", [](const Wrapper& self) { return self.source.is_cancelled(); },
        "True once cancel() was called.\n\n"
        "See dispatch_source_testcancel.");
    type.def(
        "__enter__",
        [](py::object self) {
            start_source(self.cast<Wrapper&>());
            return self;
        },
        "Starts it.");
    type.def("__exit__", [](Wrapper& self, const py::args&) { cancel_source(self); }, "Cancels it.");
    type.def("__repr__", &Wrapper::describe);
}

} // namespace binding

#endif
