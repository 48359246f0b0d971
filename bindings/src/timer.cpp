// SPDX-License-Identifier: MIT
/// @file
/// Timer.

#include "bind.hpp"
#include "convert.hpp"
#include "source.hpp"

#include <pybind11/stl.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace binding {

namespace {

/// What the handler and the object share. The handler writes, the object reads; nothing else hangs on it.
struct timer_callable : shown_callable {
    std::atomic<bool> repeating{true};
    std::atomic<bool> finished{false};
};

gcd::timer_event timer_values(const seconds& interval, const delay& start, const seconds& leeway, bool repeating) {
    return {.interval = interval.value, .start_delay = start.start, .leeway = leeway.value, .repeating = repeating};
}

struct timer_handler {
    static constexpr const gcd::carried_lock* carries = shown_handler::carries;

    shown_handler run; ///< of a timer_callable

    void operator()() {
        auto& state = static_cast<timer_callable&>(*run.what());
        if (!state.repeating.load(std::memory_order_relaxed)) state.finished.store(true, std::memory_order_relaxed);
        run();
    }
};

struct py_timer {
    shown_by handlers;
    std::shared_ptr<timer_callable> state;
    std::atomic<gcd::duration> interval;
    gcd::timer source;
    std::atomic<bool> started{false};

    py_timer(const gcd::timer_event& event, const gcd::queue* queue, py::object handler)
        : state{std::make_shared<timer_callable>()}, interval{event.interval},
          source{event, queue_or_default(queue),
                 timer_handler{show_first(handlers, shown_handler{std::move(handler), state})}} {
        state->repeating = event.repeating;
        handlers.set_owner(this);
    }

    py_timer(const py_timer&) = delete;
    py_timer& operator=(const py_timer&) = delete;

    ~py_timer() {
        if (watches() && !gate::is_closed()) warn_dropped(name());
        gil_release released;
        const gcd::timer end{std::move(source)};
    }

    bool watches() const noexcept {
        try {
            return started && !state->finished && !source.is_cancelled();
        } catch (const std::exception&) {
            return false;
        }
    }

    static const char* name() noexcept { return "Timer"; }

    void end() noexcept { end_source(*this); }
    static int show(const py_timer& self, visitproc visit, void* arg) { return visit(self.handlers.object(), arg); }

    void set(const gcd::timer_event& event) {
        // Before the timer has them: its handler may run at once.
        const bool was_finished = state->finished.exchange(false);
        const bool was_repeating = state->repeating.exchange(event.repeating);
        try {
            gil_release released;
            source.set_timer(event);
        } catch (...) {
            // Refused: the timer is what it was.
            state->finished = was_finished;
            state->repeating = was_repeating;
            throw;
        }
        interval = event.interval;
    }

    std::string describe() const {
        const double span =
            std::chrono::duration<double>{static_cast<std::chrono::nanoseconds>(interval.load())}.count();
        return "<cygcd.Timer " + std::string(state->repeating ? "repeating, " : "one-shot, ") +
               std::string(py::repr(py::float_(span))) + " s, " +
               (source.is_cancelled() ? "cancelled"
                : started             ? "started"
                                      : "not started") +
               ">";
    }
};

} // namespace

void bind_timer(py::module_& module) {
    py::class_<py_timer> type(
        module, "Timer",
        "Runs a callable after a time, once or again and again. Made stopped; start() begins. Usable with `with`,\n"
        "which starts and cancels it. Dropped while started, it is cancelled with a ResourceWarning.\n\n"
        "See DISPATCH_SOURCE_TYPE_TIMER.",
        collected<py_timer>());
    require_init(type);
    type.def(py::init([](const seconds& interval, py::function handler, const gcd::queue* queue, const delay& start,
                         const seconds& leeway, bool repeating) {
                 return std::make_unique<py_timer>(timer_values(interval, start, leeway, repeating), queue,
                                                   std::move(handler));
             }),
             py::arg("interval"), py::arg("handler"), py::arg("queue") = py::none(), py::arg("start_delay") = 0.0,
             py::arg("leeway") = 0.0, py::arg("repeating").none(false) = true,
             "interval: seconds between runs, above 0 (a one-shot's may be 0). handler: called without arguments.\n"
             "queue: where it runs; None for the default global queue. start_delay: seconds from start() to the first\n"
             "run, or a Time; at 0 or less a repeating timer runs at once, and a one-shot after its interval. leeway:\n"
             "how many seconds late it may be, to share wake-ups. repeating: False for a one-shot. ValueError: a\n"
             "negative interval or leeway, NaN, a repeating timer with interval 0.");
    type.def(
        "set_timer",
        [](py_timer& self, const seconds& interval, const delay& start, const seconds& leeway,
           std::optional<bool> repeating) {
            self.set(timer_values(interval, start, leeway, repeating.value_or(self.state->repeating)));
        },
        py::arg("interval"), py::arg("start_delay") = 0.0, py::arg("leeway") = 0.0, py::arg("repeating") = py::none(),
        "Gives the timer other values, started or not; delays count from now if it is started. repeating: None keeps\n"
        "its kind. Errors as for the constructor.\n\n"
        "See dispatch_source_set_timer.");
    bind_source_methods(type);
}

} // namespace binding
