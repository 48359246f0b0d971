// SPDX-License-Identifier: MIT
#ifndef GCD_BINDINGS_GIL_HPP
#define GCD_BINDINGS_GIL_HPP
/// @file
/// Thread states: how threads of the engine come into the interpreter, how Python's threads leave it for a while,
/// and the gate between the two that closes at exit.
///
/// A thread that asks for the GIL while the interpreter is finalised may be ended on the spot, with its C++ frames
/// unwound. A worker of libdispatch must not end in that way. So callbacks count themselves in at the gate; at exit
/// the gate closes and is waited for; and whoever is still caught asking for the GIL is parked for ever.

#include "bind.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>
#include <unistd.h>

namespace binding {

/// Counts the engine's threads that are inside the interpreter, or on their way in.
class gate {
public:
    /// False once the gate is closed. Otherwise balanced by leave().
    static bool enter() noexcept {
        inside_.fetch_add(1, std::memory_order_seq_cst);
        if (!closed_.load(std::memory_order_seq_cst)) return true;
        leave();
        return false;
    }
    static void leave() noexcept { inside_.fetch_sub(1, std::memory_order_seq_cst); }
    static bool is_closed() noexcept { return closed_.load(std::memory_order_seq_cst); }

    /// Closes the gate and waits until nobody is inside, at most so long. Call it without the GIL.
    static void close(std::chrono::milliseconds limit) noexcept {
        closed_.store(true, std::memory_order_seq_cst);
        // In the child of a fork those who were inside are in the parent.
        if (::getpid() != owner_) return;
        const auto end = std::chrono::steady_clock::now() + limit;
        while (inside_.load(std::memory_order_seq_cst) > 0 && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }

private:
    // Threads that have passed enter(), or are about to look at closed_ there. It is raised before closed_ is read,
    // and closed_ is written before it is read (all seq_cst), so that a thread either sees the gate closed or is
    // seen by close().
    static inline std::atomic<long> inside_{0};
    static inline std::atomic<bool> closed_{false};
    static inline const ::pid_t owner_ = ::getpid();
};

[[noreturn]] inline void park() noexcept {
    for (;;) std::this_thread::sleep_for(std::chrono::hours{24});
}

/// Parks the thread if it is unwound through this frame.
class park_on_unwind {
public:
    park_on_unwind() = default;
    park_on_unwind(const park_on_unwind&) = delete;
    park_on_unwind& operator=(const park_on_unwind&) = delete;
    ~park_on_unwind() {
        if (armed_) park();
    }
    void disarm() noexcept { armed_ = false; }

private:
    bool armed_ = true;
};

/// Guards what the GIL guards where there is one: it is nothing there, and a lock in a free-threaded Python. Nothing
/// that can come back here is called while it is held.
class object_lock {
public:
#if defined(Py_GIL_DISABLED)
    void lock() noexcept { PyMutex_Lock(&mutex_); }
    void unlock() noexcept { PyMutex_Unlock(&mutex_); }

private:
    PyMutex mutex_{};
#else
    void lock() noexcept {}
    void unlock() noexcept {}
#endif
};

inline bool is_finalizing() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

/// Python's main thread, where signals are handled.
class main_thread {
public:
    static bool is_current() noexcept { return PyThread_get_thread_ident() == identity_; }
    /// Asks the module threading only if somebody has imported it, or this isn't the process' first thread: its import
    /// would take longer than this module's.
    static void learn() {
        const py::dict modules = py::module_::import("sys").attr("modules");
        if (gcd::detail::on_main_thread() && !modules.contains("threading"))
            identity_ = PyThread_get_thread_ident();
        else
            identity_ = py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
        // In the child of a fork it is the only one, whichever it was before.
        ::pthread_atfork(nullptr, nullptr, [] { identity_ = PyThread_get_thread_ident(); });
    }

private:
    static inline unsigned long identity_ = 0;
};

/// Makes thread states. Python takes locks of its own for that, without the GIL, and the child of a fork that falls in
/// between may wait for them for ever; so a fork waits until none is being made.
class state_maker {
public:
    /// For a thread that Python doesn't know. It has one count, as PyGILState_Ensure() counts.
    static void make() {
#if defined(Py_GIL_DISABLED)
        // Not for ever: what a program does before its forks may wait for this thread's callback.
        const std::unique_lock hold{lock_, std::chrono::milliseconds(100)};
#else
        std::unique_lock hold{lock_, std::defer_lock};
        if constexpr (!python_guards_forks) hold.lock();
#endif
        // Without memory there is no state, and PyGILState_Ensure() says so.
        static_cast<void>(PyThreadState_New(PyInterpreterState_Main()));
    }

    static void guard_forks() {
#if defined(Py_GIL_DISABLED)
        const auto release = [] { lock_.unlock(); };
        // Making a state may have to stop all threads that are not detached.
        const auto take = [] {
            const py::gil_scoped_release detached;
            lock_.lock();
        };
        py::module_::import("posix").attr("register_at_fork")(py::arg("before") = py::cpp_function(take),
                                                              py::arg("after_in_parent") = py::cpp_function(release),
                                                              py::arg("after_in_child") = py::cpp_function(release));
#else
        if constexpr (!python_guards_forks) gcd::detail::hold_across_forks<lock_>();
#endif
    }

private:
#if defined(Py_GIL_DISABLED)
    // Python's fork stops all threads, and a thread may stand where it waits for that to end with a lock that the child
    // keeps (CPython's issue 137433). So this one is taken before Python begins.
    static inline std::timed_mutex lock_;
#else
    // From 3.13 on Python's fork takes its lock itself, before it would ask for this one.
    static constexpr bool python_guards_forks = PY_VERSION_HEX >= 0x030D0000;
    static inline std::mutex lock_;
#endif
};

// Never inlined, so that the unwinder meets this frame, and parks, before it can meet a noexcept one. A thread that
// waits for the GIL needs no other one in its place, which would only wait for it too.
[[gnu::noinline]] inline PyGILState_STATE acquire_gil() {
    if (is_finalizing() && !main_thread::is_current()) park();
    park_on_unwind guard;
    const gcd::waiting_for_lock waiting;
    if (PyGILState_GetThisThreadState() == nullptr) state_maker::make();
    const PyGILState_STATE state = PyGILState_Ensure();
    guard.disarm();
    return state;
}

[[gnu::noinline]] inline void restore_gil(PyThreadState* state) {
    if (is_finalizing() && !main_thread::is_current()) park();
    park_on_unwind guard;
    const gcd::waiting_for_lock waiting;
    PyEval_RestoreThread(state);
    guard.disarm();
}

/// Gives a reference back. What that sets off is Python code like any other, so the thread may be unwound here too.
[[gnu::noinline]] inline void drop_reference(PyObject* object) {
    park_on_unwind guard;
    Py_XDECREF(object);
    guard.disarm();
}

/// The thread state of a thread that Python did not make, kept until the thread ends: making and ending one for each
/// callback would cost a hundred times as much as the callback.
class thread_state {
public:
    /// Null on a thread of Python's, and before the first keep().
    static PyThreadState* kept() noexcept { return kept_; }

    /// Inside of a callback that the engine has called on this thread; the thread has passed the gate then.
    class callback {
    public:
        callback() noexcept { ++depth_; }
        callback(const callback&) = delete;
        callback& operator=(const callback&) = delete;
        ~callback() { --depth_; }

        static bool is_under_way() noexcept { return depth_ != 0; }
    };

    /// With the GIL held, on a thread whose state acquire_gil() has just made: the count that it had from the first
    /// keeps it.
    static void keep() {
        static thread_local ending guard;
        guard.armed = true;
        kept_ = PyGILState_GetThisThreadState();
    }

    /// Between two callbacks, and as a part of the one before: each has a context (contextvars) of its own, which is empty at
    /// first. The end of a value may make another one; what does so without an end is left behind.
    static void forget_context() {
        if (kept_ == nullptr) return;
        for (int rounds = 0; kept_->context != nullptr; ++rounds) {
            ++kept_->context_ver;
            PyObject* forgotten = std::exchange(kept_->context, nullptr);
            if (rounds != most_contexts) drop_reference(forgotten);
        }
    }

private:
    static constexpr int most_contexts = 8;

    /// Ends the state with the thread. Once the gate is closed the state is left alone.
    struct ending {
        bool armed = false;
        ~ending() {
            if (!armed || !gate::enter()) return;
            PyThreadState* state = std::exchange(kept_, nullptr);
            restore_gil(state);
            park_on_unwind guard;
            // Not by PyGILState_Release(), which up to 3.12 gives the count back first: whatever ends here, and comes into
            // the interpreter by itself, would end the state a second time.
            PyThreadState_Clear(state);
            PyThreadState_DeleteCurrent();
            guard.disarm();
            gate::leave();
        }
    };

    static inline constinit thread_local PyThreadState* kept_ = nullptr;
    static inline constinit thread_local unsigned depth_ = 0;
};

/// The GIL between two callbacks, which a worker of the native engine takes from one to the next.
inline constexpr gcd::carried_lock carried_gil{[]() noexcept {
    PyEval_SaveThread();
    gate::leave();
}};

/// Called so that threads that wait for the GIL get it: the interpreter hands it over at the beginning of a Python
/// function, if somebody has waited for long enough. Callables that are not written in Python never do.
class fairness {
public:
    static void learn();
    /// After a call. False with an exception set, on the main thread only: a signal handler has raised it.
    static bool count() {
        constexpr unsigned often = 64;
        if (++calls_ % often != 0) return true;
        PyObject* none = PyObject_CallNoArgs(nothing_);
        Py_XDECREF(none);
        return none != nullptr;
    }

private:
    static inline PyObject* nothing_ = nullptr;
    static inline constinit thread_local unsigned calls_ = 0;
};

/// For in_python(): a thread that has no state yet, or that is inside of Python code already.
template <class F> bool in_python_with_any_state(F&& body) {
    const bool unknown = PyGILState_GetThisThreadState() == nullptr;
    if (unknown && !gate::enter()) return false;
    const PyGILState_STATE state = acquire_gil();
    park_on_unwind guard;
    if (unknown) thread_state::keep();
    {
        const thread_state::callback inside;
        body();
        if (unknown) thread_state::forget_context();
    }
    PyGILState_Release(state);
    guard.disarm();
    if (unknown) gate::leave();
    return true;
}

/// Calls `body` with the GIL held, on any thread. A thread that Python did not make has to pass the gate: false, and
/// nothing called, once it is closed. The body must not throw, and must not be noexcept: the thread may be unwound
/// through it. What a worker carries is taken for as long: the body may let go of the GIL, and the engine must not do
/// that too meanwhile.
///
/// `leaves`: called by a callable that has a static member `carries` with the address of carried_gil; the worker may
/// keep the GIL afterwards.
template <class F> bool in_python(F&& body, bool leaves = false) {
    PyThreadState* kept = thread_state::kept();
    if (kept == nullptr || thread_state::callback::is_under_way()) return in_python_with_any_state(body);
    const bool carried = gcd::take_carried(carried_gil);
    if (!carried) {
        if (!gate::enter()) return false;
        restore_gil(kept);
    } else if (gate::is_closed()) {
        carried_gil.release();
        return false;
    }
    park_on_unwind guard;
    {
        // All that may be Python code; what of it comes back here has the GIL.
        const thread_state::callback inside;
        body();
        if (leaves && !fairness::count()) PyErr_WriteUnraisable(nullptr);
        thread_state::forget_context();
    }
    guard.disarm();
    if (!(leaves || carried) || !gcd::leave_carried(carried_gil)) carried_gil.release();
    return true;
}

/// Leaves the interpreter for the block that it lives in.
class gil_release {
public:
    gil_release() : state_{PyEval_SaveThread()} {}
    gil_release(const gil_release&) = delete;
    gil_release& operator=(const gil_release&) = delete;
    ~gil_release() { restore_gil(state_); }

private:
    PyThreadState* state_;
};

/// Ends an object of the library without the GIL, as that may wait for a lock of the engine's.
struct ends_without_gil {
    template <class Object> void operator()(Object* object) const noexcept {
        const gil_release released;
        delete object;
    }
};

/// The type of such objects. pybind11's own option for that asks for the GIL where nothing parks a thread that is to
/// end: its frames are unwound then, and touch the state that the thread no longer has.
template <class Object, class... Base>
using unlocked_class = py::class_<Object, std::unique_ptr<Object, ends_without_gil>, Base...>;

/// What a thread of Python's does that the closed gate has left without a result: the interpreter is about to end it,
/// as it ends every thread that is left, and nobody is to hear of it before. Not for ever, as a function of atexit may
/// wait for the thread. Under the GIL; the main thread goes on.
inline void wait_for_end() {
    if (main_thread::is_current()) return;
    const gil_release released;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (!is_finalizing() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

/// An exception that is taken off a thread, to be raised later, maybe on another. All of it under the GIL.
class raised {
public:
    raised() = default;
    raised(const raised&) = delete;
    raised& operator=(const raised&) = delete;
    ~raised() { drop(); }

    explicit operator bool() const noexcept { return type_ != nullptr; }
    /// Takes the thread's exception; one that is here already stays, and the new one is forgotten.
    void fetch() {
        if (type_ != nullptr)
            PyErr_Clear();
        else
            PyErr_Fetch(&type_, &value_, &trace_);
    }
    /// Raises what is here, if anything.
    void rethrow() {
        if (type_ == nullptr) return;
        PyErr_Restore(std::exchange(type_, nullptr), std::exchange(value_, nullptr), std::exchange(trace_, nullptr));
        throw py::error_already_set();
    }

private:
    void drop() {
        drop_reference(std::exchange(type_, nullptr));
        drop_reference(std::exchange(value_, nullptr));
        drop_reference(std::exchange(trace_, nullptr));
    }

    PyObject* type_ = nullptr;
    PyObject* value_ = nullptr;
    PyObject* trace_ = nullptr;
};

/// Makes a call that may block, without the GIL. On the main thread a signal handler that raises (Ctrl-C) ends it.
template <class F> void block(F&& call) {
    if (!main_thread::is_current()) {
        gil_release released;
        call();
        return;
    }
    raised by_signal;
    {
        gil_release released;
        auto ask = [&by_signal]() noexcept {
            in_python([&by_signal] {
                if (!by_signal && PyErr_CheckSignals() != 0) by_signal.fetch();
            });
            return static_cast<bool>(by_signal);
        };
        gcd::interruptible interruption{ask};
        try {
            call();
        } catch (const gcd::interrupted&) {
            // by_signal says why.
        }
    }
    by_signal.rethrow();
}

} // namespace binding

#endif
