// SPDX-License-Identifier: MIT
/// @file
/// Group.

#include "bind.hpp"
#include "convert.hpp"
#include "py_work.hpp"
#include "quick.hpp"

namespace binding {

namespace {

bool wait_for_group(const gcd::group& self, const limit& timeout) {
    bool empty = false;
    block([&] { empty = self.wait_until(timeout.until); });
    return empty;
}

/// `with group.entered():`
struct group_entry {
    gcd::group group;
};

void bind_entry(py::module_& module) {
    unlocked_class<group_entry> type(module, "_Entry", "What Group.entered() gives: enters a group for a with block.",
                                     apart());
    require_init(type);
    type.def("__enter__", [](const group_entry& self) { self.group.enter().release(); }, "Enters the group.");
    type.def("__exit__", [](const group_entry& self, const py::args&) { self.group.leave(); }, "Leaves the group.");
}

PyObject* run_async_in_group_quickly(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
    if (count != 2 || PyObject_TypeCheck(arguments[0], queue_type) == 0 || PyCallable_Check(arguments[1]) == 0)
        return nullptr;
    const auto* group = quick_self<gcd::group>(self);
    const auto* queue = quick_self<gcd::queue>(arguments[0]);
    if (group == nullptr || queue == nullptr) return nullptr;
    group->run_async(*queue, py_task{py::reinterpret_borrow<py::object>(arguments[1])});
    return py::none().release().ptr();
}

} // namespace

void bind_group(py::module_& module) {
    bind_entry(module);
    unlocked_class<gcd::group> type(
        module, "Group",
        "Counts what has been entered and not left; waits for the end of it all, or tells of\n"
        "it. All methods may be called from any thread.\n\n"
        "See dispatch_group_create.",
        apart());
    require_init(type);
    type.def(py::init<>());
    type.def(
        "run_async",
        [](const gcd::group& self, const gcd::queue& queue, py::function func) {
            self.run_async(queue, py_task{std::move(func)});
        },
        py::arg("queue"), py::arg("func"),
        "Submits the callable to the queue; it counts until it has run.\n\n"
        "See dispatch_group_async.");
    type.def(
        "wait", &wait_for_group, py::arg("timeout_seconds") = -1.0,
        "Waits until nothing is left in the group, for so many seconds at most (-1 or None: for ever), or until a\n"
        "Time. True if nothing is left. `timeout=` is another name for the argument. ValueError: NaN, or another\n"
        "negative number. RuntimeError: without a limit inside an item of the group.\n\n"
        "See dispatch_group_wait.");
    type.def("wait", &wait_for_group, py::kw_only(), py::arg("timeout"), "The same, by the other name.");
    type.def(
        "notify",
        [](const gcd::group& self, const gcd::queue& queue, py::function func) {
            self.notify(queue, py_task{std::move(func)});
        },
        py::arg("queue"), py::arg("func"),
        "Submits the callable to the queue when nothing is left in the group, at once if that is so now. May be\n"
        "called any number of times; each callable runs once.\n\n"
        "See dispatch_group_notify.");
    type.def(
        "enter", [](const gcd::group& self) { self.enter().release(); },
        "Counts one more, until leave().\n\n"
        "See dispatch_group_enter.");
    type.def("leave", &gcd::group::leave,
             "Balances an enter(). RuntimeError: nothing is entered.\n\n"
             "See dispatch_group_leave.");
    type.def(
        "entered", [](const gcd::group& self) { return group_entry{self.retain()}; },
        "For `with`: enters the group for the block.\n\n"
        "See dispatch_group_enter.");
    type.def("__repr__", [](const gcd::group& self) {
        return self.wait_until(gcd::time{}) ? "<cygcd.Group empty>" : "<cygcd.Group busy>";
    });
    quick_method<&run_async_in_group_quickly>::install(type, "run_async");
}

} // namespace binding
