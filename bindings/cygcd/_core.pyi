# SPDX-License-Identifier: MIT
"""Types of cygcd._core, and the documentation of each function."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, SupportsIndex, TypeVar, overload

from typing_extensions import Buffer, Self

_T = TypeVar("_T")

__version__: Final[str]
# The engine that the module is built with; private.
_engine: Final[Literal["system", "native"]]

DISPATCH_TIME_NOW: Final = 0
DISPATCH_TIME_FOREVER: Final = 0xFFFFFFFFFFFFFFFF
NSEC_PER_SEC: Final = 1000000000
NSEC_PER_MSEC: Final = 1000000
NSEC_PER_USEC: Final = 1000
USEC_PER_SEC: Final = 1000000
MSEC_PER_SEC: Final = 1000
QUEUE_PRIORITY_HIGH: Final = 2
QUEUE_PRIORITY_DEFAULT: Final = 0
QUEUE_PRIORITY_LOW: Final = -2
QUEUE_PRIORITY_BACKGROUND: Final = -32768
QOS_CLASS_USER_INTERACTIVE: Final = 0x21
QOS_CLASS_USER_INITIATED: Final = 0x19
QOS_CLASS_DEFAULT: Final = 0x15
QOS_CLASS_UTILITY: Final = 0x11
QOS_CLASS_BACKGROUND: Final = 0x9
QOS_CLASS_UNSPECIFIED: Final = 0x0
PROC_EXIT: Final = 0x80000000
PROC_FORK: Final = 0x40000000
PROC_EXEC: Final = 0x20000000
PROC_SIGNAL: Final = 0x8000000
IO_STREAM: Final = 0
IO_RANDOM: Final = 1
IO_STOP: Final = 1
IO_STRICT_INTERVAL: Final = 1
AUTORELEASE_FREQUENCY_INHERIT: Final = 0
AUTORELEASE_FREQUENCY_WORK_ITEM: Final = 1
AUTORELEASE_FREQUENCY_NEVER: Final = 2

class Time(int):
    """A point in time: the 64-bit dispatch time as an int, which knows its clock. Made by time_from_now() and
    walltime(); taken by Queue.after(), by Timer's start_delay and by every wait(). Arithmetic gives a plain int,
    which those take for seconds.
    """

    def __new__(cls, value: SupportsIndex = 0, /) -> Self: ...
    @property
    def clock(self) -> Literal["uptime", "wall", "continuous"]:
        """The clock it is read on: "uptime", "wall" or "continuous"."""

def time_from_now(seconds: float) -> Time:
    """The point that lies so many seconds from now (before now if negative) on the uptime clock, which stands
    still while the machine sleeps. Too long a time is DISPATCH_TIME_FOREVER. NaN: ValueError.

    See dispatch_time.
    """

def walltime(timestamp: float = 0.0, delta_seconds: float = 0.0) -> Time:
    """The calendar time `timestamp` (seconds since 1970; 0 for now), and `delta_seconds` later; it follows changes
    of the system's clock. Times before 1970 become the earliest there is, too late ones
    DISPATCH_TIME_FOREVER. NaN: ValueError.

    See dispatch_walltime.
    """

class _Suspension:
    """What Queue.suspended() gives: suspends a queue for a with block."""

    def __enter__(self) -> None:
        """Suspends the queue."""

    def __exit__(self, *args: object) -> None:
        """Resumes the queue."""

class Queue:
    """Runs callables on threads of the system: one at a time in order (serial), or side by side (concurrent).

    When the last reference to a queue ends, what was submitted still runs, even if the queue was suspended or
    inactive. All methods may be called from any thread.

    See dispatch_queue_create.
    """

    def __init__(
        self,
        label: str | None = None,
        concurrent: bool = False,
        qos: int = 0,
        relative_priority: int = 0,
        target: Queue | None = None,
        inactive: bool = False,
    ) -> None:
        """label: for debugging, without NUL. concurrent: items may run side by side. qos: a QOS_CLASS_* value.
        relative_priority: -15 to 0, with a qos only. target: the queue its items go through. inactive: holds
        its items until activate(). ValueError: a value out of range.
        """

    @staticmethod
    def global_queue(priority: int = 0) -> Queue:
        """The system's concurrent queue of that QUEUE_PRIORITY_* or QOS_CLASS_*. It can't be suspended, retargeted or
        activated. ValueError: an unknown value.

        See dispatch_get_global_queue.
        """

    @staticmethod
    def main_queue() -> Queue:
        """The queue whose items run on the main thread, while run_main() or a run loop serves it.

        See dispatch_get_main_queue.
        """

    def run_async(self, func: Callable[[], object]) -> None:
        """Submits the callable and returns at once. On a serial queue items run one at a time, in the order of
        submission. What it raises goes to sys.unraisablehook, with the callable as `object`.
        RuntimeError: a workloop that is not active yet.

        See dispatch_async.
        """

    def run_sync(self, func: Callable[[], _T]) -> _T:
        """Runs the callable in its turn, on this thread, and waits for it. Returns what it returns and raises what it
        raises. RuntimeError, at once: this thread already holds the queue (it would wait for itself), or the queue
        is inactive.

        See dispatch_sync.
        """

    def barrier_async(self, func: Callable[[], object]) -> None:
        """As run_async(), but on a concurrent queue the callable waits for all before it, runs alone, and holds back
        all after it. Elsewhere it is an ordinary item.

        See dispatch_barrier_async.
        """

    def barrier_sync(self, func: Callable[[], _T]) -> _T:
        """As run_sync(), but as a barrier: see barrier_async().

        See dispatch_barrier_sync.
        """

    def after(self, delay_seconds: float | Time, func: Callable[[], object]) -> None:
        """Submits the callable after so many seconds (at once if negative, never if infinite), or at a Time, on the
        Time's clock. NaN: ValueError.

        See dispatch_after.
        """

    def suspend(self) -> None:
        """Keeps further items from starting; one that runs goes on. Nests: each call needs its resume().
        RuntimeError: global and main queues, workloops.

        See dispatch_suspend.
        """

    def resume(self) -> None:
        """Ends one suspend(). RuntimeError: the queue is not suspended.

        See dispatch_resume.
        """

    def suspended(self) -> _Suspension:
        """For `with`: suspends the queue for the block.

        See dispatch_suspend.
        """

    def activate(self) -> None:
        """Lets a queue begin that was created inactive. RuntimeError: it is not inactive.

        See dispatch_activate.
        """

    @overload
    def set_target_queue(self, target: Queue) -> None:
        """Sends the queue's items through another queue from now on; takes effect between items. `queue=` is
        another name for the argument. RuntimeError: a queue that was created inactive and is active now, or a
        queue of the system; work of the target's that still stands in this queue's line, of a time when this was
        its target. ValueError: the target is, or leads back to, this queue.

        See dispatch_set_target_queue.
        """

    @overload
    def set_target_queue(self, *, queue: Queue) -> None:
        """The same, by the other name."""

    @property
    def is_inactive(self) -> bool:
        """Created inactive and not activated yet."""

    def __eq__(self, other: object) -> bool:
        """True if both are the same queue."""

    def __hash__(self) -> int:
        """Equal for the same queue."""

    def is_current(self) -> bool:
        """True if this thread is inside an item of this queue, or of a queue whose targets lead through it.

        See dispatch_assert_queue.
        """

    @property
    def label(self) -> str:
        """The label; "" if there is none. Global and main queues have those of libdispatch.

        See dispatch_queue_get_label.
        """

    @property
    def qos(self) -> int:
        """The QoS class that the queue was made with, a QOS_CLASS_* value.

        See dispatch_queue_get_qos_class.
        """

    def set_context(self, value: object, finalizer: Callable[[], object] | None = None) -> None:
        """Attaches a value to the queue. The finalizer, called without arguments, runs once: before set_context()
        returns when the context is replaced, else when the queue's last reference ends, on some thread.

        See dispatch_set_context.
        """

    def get_context(self) -> Any:
        """The value that set_context() attached, or None.

        See dispatch_get_context.
        """

    def set_specific(self, key: object, value: object) -> None:
        """Attaches a value under a key, any hashable object; equal keys are one key. None removes the value.

        See dispatch_queue_set_specific.
        """

    def get_specific(self, key: object) -> Any:
        """The value under the key, or None. The queue's targets are not asked.

        See dispatch_queue_get_specific.
        """

def get_specific(key: object) -> Any:
    """The value under the key of the queue whose item this thread runs, or of the first of its targets that
    has one; None if there is none.

    See dispatch_get_specific.
    """

def current_label() -> str:
    """The label of the queue whose item this thread runs.

    See dispatch_queue_get_label.
    """

class Workloop(Queue):
    """A serial queue that runs the item of highest QoS first. Goes wherever a Queue goes. It can't be suspended or
    retargeted, and takes no work while it is inactive. On Linux's libdispatch it is a plain serial queue.

    See dispatch_workloop_create.
    """

    def __init__(self, label: str | None, inactive: bool = False) -> None:
        """label: for debugging, without NUL; may be None. inactive: must be activated before it takes work."""

    @overload
    def set_autorelease_frequency(self, frequency: int) -> None:
        """When Objective-C autorelease pools are drained, an AUTORELEASE_FREQUENCY_* value; no effect on Linux.
        `freq=` is another name for the argument. RuntimeError: the workloop is active. ValueError: an unknown
        value.

        See dispatch_workloop_set_autorelease_frequency.
        """

    @overload
    def set_autorelease_frequency(self, *, freq: int) -> None:
        """The same, by the other name."""

def run_main() -> None:
    """Runs the main queue's items on the main thread until stop_main() is called; items submitted before the stop
    have run when it returns. A signal handler that raises (Ctrl-C) ends it. RuntimeError: called off the main
    thread, or inside another run_main().

    See dispatch_main.
    """

def stop_main() -> None:
    """Ends run_main(); without one under way, the next one returns once it has run what is there. From any
    thread.

    See CFRunLoopStop.
    """

def apply(iterations: int, func: Callable[[int], object], queue: Queue | None = None) -> None:
    """Calls func(i) for each i below `iterations`, side by side on the queue's threads (of the default global
    queue if None) and on this one, and waits for all. On a serial queue the calls come in order. If one
    raises, no further ones start, and the first exception is raised here once those under way have ended. May
    be nested. ValueError: a negative number. RuntimeError: this thread already holds the queue, or it is
    inactive.

    The calls hold the GIL: they overlap where they release it, as I/O and many libraries do.

    See dispatch_apply.
    """

class Once:
    """Runs one callable, once, for all threads.

    See dispatch_once.
    """

    def __init__(self) -> None: ...
    def __call__(self, func: Callable[[], object]) -> None:
        """Runs the callable if none has completed yet; when this returns, one has. Other callers wait meanwhile. What
        it raises is raised here, and the next call tries again. RuntimeError: called from inside its own
        callable.

        See dispatch_once.
        """

class _Entry:
    """What Group.entered() gives: enters a group for a with block."""

    def __enter__(self) -> None:
        """Enters the group."""

    def __exit__(self, *args: object) -> None:
        """Leaves the group."""

class Group:
    """Counts what has been entered and not left; waits for the end of it all, or tells of
    it. All methods may be called from any thread.

    See dispatch_group_create.
    """

    def __init__(self) -> None: ...
    def run_async(self, queue: Queue, func: Callable[[], object]) -> None:
        """Submits the callable to the queue; it counts until it has run.

        See dispatch_group_async.
        """

    @overload
    def wait(self, timeout_seconds: float | Time | None = -1.0) -> bool:
        """Waits until nothing is left in the group, for so many seconds at most (-1 or None: for ever), or until a
        Time. True if nothing is left. `timeout=` is another name for the argument. ValueError: NaN, or another
        negative number. RuntimeError: without a limit inside an item of the group.

        See dispatch_group_wait.
        """

    @overload
    def wait(self, *, timeout: float | Time | None) -> bool:
        """The same, by the other name."""

    def notify(self, queue: Queue, func: Callable[[], object]) -> None:
        """Submits the callable to the queue when nothing is left in the group, at once if that is so now. May be
        called any number of times; each callable runs once.

        See dispatch_group_notify.
        """

    def enter(self) -> None:
        """Counts one more, until leave().

        See dispatch_group_enter.
        """

    def leave(self) -> None:
        """Balances an enter(). RuntimeError: nothing is entered.

        See dispatch_group_leave.
        """

    def entered(self) -> _Entry:
        """For `with`: enters the group for the block.

        See dispatch_group_enter.
        """

class Semaphore:
    """A counting semaphore. Usable with `with`. All methods may be called from any thread.

    See dispatch_semaphore_create.
    """

    def __init__(self, value: int = 0) -> None:
        """value: the units there are at first, 0 or more (else ValueError)."""

    @overload
    def wait(self, timeout_seconds: float | Time | None = -1.0) -> bool:
        """Takes a unit; waits for one for so many seconds at most (-1 or None: for ever), or until a Time. False if
        there was none. `timeout=` is another name for the argument. ValueError: NaN, or another negative
        number.

        See dispatch_semaphore_wait.
        """

    @overload
    def wait(self, *, timeout: float | Time | None) -> bool:
        """The same, by the other name."""

    def signal(self) -> bool:
        """Adds a unit. True if a waiting thread was woken.

        See dispatch_semaphore_signal.
        """

    def __enter__(self) -> Self:
        """Takes a unit."""

    def __exit__(self, *args: object) -> None:
        """Adds a unit."""

def set_max_threads(count: int) -> None:
    """Says how many threads of the pool may run callables at the same time, from now on; those that block aren't
    counted. Before the first call it is the environment variable GCD_MAX_THREADS, or else as many as the
    process has processors. ValueError: outside of 1 to 512. NotImplementedError: on libdispatch, which sizes
    its pool itself.
    """

class Timer:
    """Runs a callable after a time, once or again and again. Made stopped; start() begins. Usable with `with`,
    which starts and cancels it. Dropped while started, it is cancelled with a ResourceWarning.

    See DISPATCH_SOURCE_TYPE_TIMER.
    """

    def __init__(
        self,
        interval: float,
        handler: Callable[[], object],
        queue: Queue | None = None,
        start_delay: float | Time = 0.0,
        leeway: float = 0.0,
        repeating: bool = True,
    ) -> None:
        """interval: seconds between runs, above 0 (a one-shot's may be 0). handler: called without arguments.
        queue: where it runs; None for the default global queue. start_delay: seconds from start() to the first
        run, or a Time; at 0 or less a repeating timer runs at once, and a one-shot after its interval. leeway:
        how many seconds late it may be, to share wake-ups. repeating: False for a one-shot. ValueError: a
        negative interval or leeway, NaN, a repeating timer with interval 0.
        """

    def set_timer(
        self,
        interval: float,
        start_delay: float | Time = 0.0,
        leeway: float = 0.0,
        repeating: bool | None = None,
    ) -> None:
        """Gives the timer other values, started or not; delays count from now if it is started. repeating: None keeps
        its kind. Errors as for the constructor.

        See dispatch_source_set_timer.
        """

    def start(self) -> None:
        """Begins to watch; no event after its return is missed. Again while started: nothing. RuntimeError: after
        cancel(). OSError: the system refuses, a descriptor that is not open for one.

        See dispatch_activate.
        """

    def cancel(self) -> None:
        """Ends the watch; doesn't wait for a handler that runs. Again: nothing. The handler doesn't start again, and
        the cancel handler comes after it.

        See dispatch_source_cancel.
        """

    def cancel_and_wait(self) -> None:
        """As cancel(), and waits for a handler that runs. RuntimeError: called from inside that handler.

        See dispatch_source_cancel.
        """

    def suspend(self) -> None:
        """Holds the handler back until resume(). Nests.

        See dispatch_suspend.
        """

    def resume(self) -> None:
        """Ends one suspend(). RuntimeError: not suspended.

        See dispatch_resume.
        """

    def set_cancel_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once after cancellation, after the last run of the event handler, on the source's queue. A
        descriptor that was watched may be closed there. Replaces an earlier one; no effect once cancelled.

        See dispatch_source_set_cancel_handler.
        """

    def set_registration_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once when start() has begun the watch, on the source's queue. RuntimeError: started already.

        See dispatch_source_set_registration_handler.
        """

    @property
    def is_cancelled(self) -> bool:
        """True once cancel() was called.

        See dispatch_source_testcancel.
        """

    def __enter__(self) -> Self:
        """Starts it."""

    def __exit__(self, *args: object) -> None:
        """Cancels it."""

class SignalSource:
    """Runs a callable when the process gets a signal. Made stopped; start() begins. An earlier signal handler
    still runs; the signal's default action has no effect while the source is started (on macOS it has: set
    SIG_IGN first). Usable with `with`. Dropped while started, it is cancelled with a ResourceWarning.

    See DISPATCH_SOURCE_TYPE_SIGNAL.
    """

    def __init__(self, signum: int, handler: Callable[[], object], queue: Queue | None = None) -> None:
        """signum: a signal that can be caught (else ValueError). handler: called without arguments. queue: where it
        runs; None for the default global queue.
        """

    @property
    def signal(self) -> int:
        """The signal's number.

        See dispatch_source_get_handle.
        """

    @property
    def count(self) -> int:
        """Signals that the latest run of the handler stood for; 0 before the first.

        See dispatch_source_get_data.
        """

    def start(self) -> None:
        """Begins to watch; no event after its return is missed. Again while started: nothing. RuntimeError: after
        cancel(). OSError: the system refuses, a descriptor that is not open for one.

        See dispatch_activate.
        """

    def cancel(self) -> None:
        """Ends the watch; doesn't wait for a handler that runs. Again: nothing. The handler doesn't start again, and
        the cancel handler comes after it.

        See dispatch_source_cancel.
        """

    def cancel_and_wait(self) -> None:
        """As cancel(), and waits for a handler that runs. RuntimeError: called from inside that handler.

        See dispatch_source_cancel.
        """

    def suspend(self) -> None:
        """Holds the handler back until resume(). Nests.

        See dispatch_suspend.
        """

    def resume(self) -> None:
        """Ends one suspend(). RuntimeError: not suspended.

        See dispatch_resume.
        """

    def set_cancel_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once after cancellation, after the last run of the event handler, on the source's queue. A
        descriptor that was watched may be closed there. Replaces an earlier one; no effect once cancelled.

        See dispatch_source_set_cancel_handler.
        """

    def set_registration_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once when start() has begun the watch, on the source's queue. RuntimeError: started already.

        See dispatch_source_set_registration_handler.
        """

    @property
    def is_cancelled(self) -> bool:
        """True once cancel() was called.

        See dispatch_source_testcancel.
        """

    def __enter__(self) -> Self:
        """Starts it."""

    def __exit__(self, *args: object) -> None:
        """Cancels it."""

class ReadSource:
    """Runs a callable as long as a descriptor can be read without blocking, or is at its end; again and again
    until it is read. Made stopped; start() begins. Usable with `with`. Dropped while started, it is cancelled
    with a ResourceWarning.

    See DISPATCH_SOURCE_TYPE_READ.
    """

    def __init__(self, fd: int, handler: Callable[[], object], queue: Queue | None = None) -> None:
        """fd: an open descriptor; leave it open until the source is cancelled. ValueError: negative; OSError at
        start(): not open. handler: called without arguments. queue: where it runs; None for the default global
        queue.
        """

    @property
    def fd(self) -> int:
        """The descriptor.

        See dispatch_source_get_handle.
        """

    def start(self) -> None:
        """Begins to watch; no event after its return is missed. Again while started: nothing. RuntimeError: after
        cancel(). OSError: the system refuses, a descriptor that is not open for one.

        See dispatch_activate.
        """

    def cancel(self) -> None:
        """Ends the watch; doesn't wait for a handler that runs. Again: nothing. The handler doesn't start again, and
        the cancel handler comes after it.

        See dispatch_source_cancel.
        """

    def cancel_and_wait(self) -> None:
        """As cancel(), and waits for a handler that runs. RuntimeError: called from inside that handler.

        See dispatch_source_cancel.
        """

    def suspend(self) -> None:
        """Holds the handler back until resume(). Nests.

        See dispatch_suspend.
        """

    def resume(self) -> None:
        """Ends one suspend(). RuntimeError: not suspended.

        See dispatch_resume.
        """

    def set_cancel_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once after cancellation, after the last run of the event handler, on the source's queue. A
        descriptor that was watched may be closed there. Replaces an earlier one; no effect once cancelled.

        See dispatch_source_set_cancel_handler.
        """

    def set_registration_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once when start() has begun the watch, on the source's queue. RuntimeError: started already.

        See dispatch_source_set_registration_handler.
        """

    @property
    def is_cancelled(self) -> bool:
        """True once cancel() was called.

        See dispatch_source_testcancel.
        """

    def __enter__(self) -> Self:
        """Starts it."""

    def __exit__(self, *args: object) -> None:
        """Cancels it."""

    @property
    def bytes_available(self) -> int:
        """Bytes that could be read (an estimate; 0 at the end) at the latest run of the handler; 0 before the
        first.

        See dispatch_source_get_data.
        """

class WriteSource:
    """Runs a callable as long as a descriptor can be written without blocking. Made
    stopped; start() begins. Usable with `with`. Dropped while started, it is cancelled
    with a ResourceWarning.

    See DISPATCH_SOURCE_TYPE_WRITE.
    """

    def __init__(self, fd: int, handler: Callable[[], object], queue: Queue | None = None) -> None:
        """fd: an open descriptor; leave it open until the source is cancelled. ValueError: negative; OSError at
        start(): not open. handler: called without arguments. queue: where it runs; None for the default global
        queue.
        """

    @property
    def fd(self) -> int:
        """The descriptor.

        See dispatch_source_get_handle.
        """

    def start(self) -> None:
        """Begins to watch; no event after its return is missed. Again while started: nothing. RuntimeError: after
        cancel(). OSError: the system refuses, a descriptor that is not open for one.

        See dispatch_activate.
        """

    def cancel(self) -> None:
        """Ends the watch; doesn't wait for a handler that runs. Again: nothing. The handler doesn't start again, and
        the cancel handler comes after it.

        See dispatch_source_cancel.
        """

    def cancel_and_wait(self) -> None:
        """As cancel(), and waits for a handler that runs. RuntimeError: called from inside that handler.

        See dispatch_source_cancel.
        """

    def suspend(self) -> None:
        """Holds the handler back until resume(). Nests.

        See dispatch_suspend.
        """

    def resume(self) -> None:
        """Ends one suspend(). RuntimeError: not suspended.

        See dispatch_resume.
        """

    def set_cancel_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once after cancellation, after the last run of the event handler, on the source's queue. A
        descriptor that was watched may be closed there. Replaces an earlier one; no effect once cancelled.

        See dispatch_source_set_cancel_handler.
        """

    def set_registration_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once when start() has begun the watch, on the source's queue. RuntimeError: started already.

        See dispatch_source_set_registration_handler.
        """

    @property
    def is_cancelled(self) -> bool:
        """True once cancel() was called.

        See dispatch_source_testcancel.
        """

    def __enter__(self) -> Self:
        """Starts it."""

    def __exit__(self, *args: object) -> None:
        """Cancels it."""

    @property
    def buffer_space(self) -> int:
        """Bytes for which there was room (an estimate) at the latest run of the handler; 0 before the first.

        See dispatch_source_get_data.
        """

class ProcessSource:
    """Runs a callable when something happens to a process. Made stopped; start() begins. The status of a child
    that has ended is left for its parent to collect. On Linux PROC_EXIT alone can be watched for: start()
    raises NotImplementedError for the others. Usable with `with`. Dropped while started, it is cancelled with
    a ResourceWarning.

    See DISPATCH_SOURCE_TYPE_PROC.
    """

    def __init__(
        self,
        pid: int,
        handler: Callable[[], object],
        events: int = 0x80000000,
        queue: Queue | None = None,
    ) -> None:
        """pid: above 0. handler: called without arguments. events: PROC_* values or-ed together. queue: where the
        handler runs; None for the default global queue. ValueError: a value out of range.
        """

    @property
    def pid(self) -> int:
        """The process.

        See dispatch_source_get_handle.
        """

    @property
    def events_pending(self) -> int:
        """What had happened (PROC_* values or-ed together) at the latest run of the handler; 0 before the first.

        See dispatch_source_get_data.
        """

    def start(self) -> None:
        """Begins to watch; no event after its return is missed. Again while started: nothing. RuntimeError: after
        cancel(). OSError: the system refuses, a descriptor that is not open for one.

        See dispatch_activate.
        """

    def cancel(self) -> None:
        """Ends the watch; doesn't wait for a handler that runs. Again: nothing. The handler doesn't start again, and
        the cancel handler comes after it.

        See dispatch_source_cancel.
        """

    def cancel_and_wait(self) -> None:
        """As cancel(), and waits for a handler that runs. RuntimeError: called from inside that handler.

        See dispatch_source_cancel.
        """

    def suspend(self) -> None:
        """Holds the handler back until resume(). Nests.

        See dispatch_suspend.
        """

    def resume(self) -> None:
        """Ends one suspend(). RuntimeError: not suspended.

        See dispatch_resume.
        """

    def set_cancel_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once after cancellation, after the last run of the event handler, on the source's queue. A
        descriptor that was watched may be closed there. Replaces an earlier one; no effect once cancelled.

        See dispatch_source_set_cancel_handler.
        """

    def set_registration_handler(self, handler: Callable[[], object]) -> None:
        """Sets what runs once when start() has begun the watch, on the source's queue. RuntimeError: started already.

        See dispatch_source_set_registration_handler.
        """

    @property
    def is_cancelled(self) -> bool:
        """True once cancel() was called.

        See dispatch_source_testcancel.
        """

    def __enter__(self) -> Self:
        """Starts it."""

    def __exit__(self, *args: object) -> None:
        """Cancels it."""

class Data:
    """Immutable bytes in one or more regions, which are shared, not copied, between the objects made from one
    another. Offers the buffer protocol; equal to, and with the hash of, the same bytes as `bytes`.

    See dispatch_data_create.
    """

    @overload
    def __init__(self, data: Buffer | None = None) -> None:
        """data: any bytes-like object, or a Data; None for no bytes. Immutable ones (bytes, and memoryviews of
        them) are shared if they are large, others copied. `bytes=` is another name for the argument.
        """

    @overload
    def __init__(self, *, bytes: Buffer | None) -> None:
        """The same, by the other name."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int:
        """Size in bytes."""

    def __bytes__(self) -> bytes:
        """A copy as bytes."""

    def __iter__(self) -> Iterator[int]:
        """The bytes, as ints."""

    def __eq__(self, other: object) -> bool:
        """The same bytes, in a Data or any bytes-like object."""

    def __hash__(self) -> int:
        """That of the same bytes as `bytes`."""

    @property
    def size(self) -> int:
        """In bytes.

        See dispatch_data_get_size.
        """

    def concat(self, other: Buffer) -> Data:
        """These bytes followed by those of the other, a Data or any bytes-like object, as a new Data.

        See dispatch_data_create_concat.
        """

    def subrange(self, offset: int, length: int) -> Data:
        """A part, as a new Data; both are cut to what there is. ValueError: a negative number.

        See dispatch_data_create_subrange.
        """

    def copy_region(self, location: int) -> tuple[Data, int]:
        """The region that holds the byte at `location`, and where in the whole it begins; beyond the end an empty
        Data and the size. ValueError: a negative number, or no bytes at all.

        See dispatch_data_copy_region.
        """

    def apply(self, func: Callable[[int, bytes], object]) -> bool:
        """Calls func(offset, bytes) for each region in order, until it returns something false; None counts as
        True. True if all were visited.

        See dispatch_data_apply.
        """

    def regions(self) -> list[memoryview]:
        """The regions in order, as read-only memoryviews that share the bytes.

        See dispatch_data_apply.
        """

class IOChannel:
    """Reads and writes a descriptor in the background, in chunks. Usable with `with`, which closes it. The channel
    has the descriptor, which must stay open, until the cleanup handler runs. All methods may be called from any
    thread.

    See dispatch_io_create.
    """

    def __init__(
        self,
        fd: int,
        io_type: int = 0,
        queue: Queue | None = None,
        cleanup_handler: Callable[[int], object] | None = None,
    ) -> None:
        """fd: an open descriptor. io_type: IO_STREAM, or IO_RANDOM for operations at offsets. queue: where handlers
        run; None for the default global queue. cleanup_handler(error): called once, when the channel has given
        up the descriptor. ValueError: a negative fd, an unknown type. OSError: the fd is not open.
        """

    def read(
        self,
        length: int,
        handler: Callable[[bool, bytes, int], object],
        offset: int = 0,
        queue: Queue | None = None,
    ) -> None:
        """Reads up to `length` bytes, to the end of file at most. `offset` counts from the descriptor's position at
        the channel's creation, and is for IO_RANDOM only: a stream goes on where it is. handler(done, data, error):
        bytes, an errno or 0, and True on the last call; it runs on `queue`, or the channel's. RuntimeError: after
        close().

        See dispatch_io_read.
        """

    def write(
        self,
        data: Buffer,
        handler: Callable[[bool, bytes, int], object],
        offset: int = 0,
        queue: Queue | None = None,
    ) -> None:
        """Writes all the bytes of a bytes-like object or a Data. handler(done, data, error): what is still to be
        written, an errno or 0, and True on the last call; offset and queue as for read(). RuntimeError: after
        close().

        See dispatch_io_write.
        """

    def barrier(self, handler: Callable[[], object], queue: Queue | None = None) -> None:
        """Calls the handler, without arguments, when all operations before it are done and before any after it begins;
        on `queue`, or the channel's. RuntimeError: after close().

        See dispatch_io_barrier.
        """

    def close(self, stop: bool = False) -> None:
        """Takes no further operations; what is under way goes on, or, with stop=True (IO_STOP), ends as soon as may
        be with errno ECANCELED. Again: nothing, save that a later stop still stops. The descriptor is not
        closed: do that when the cleanup handler has run.

        See dispatch_io_close.
        """

    def __enter__(self) -> Self:
        """The channel."""

    def __exit__(self, *args: object) -> None:
        """Closes it, without stop."""

    def set_high_water(self, size: int) -> None:
        """Most bytes that a handler is given at once. RuntimeError: after close().

        See dispatch_io_set_high_water.
        """

    def set_low_water(self, size: int) -> None:
        """Fewest bytes that a handler is given at once, save at the end. RuntimeError: after close().

        See dispatch_io_set_low_water.
        """

    @overload
    def set_interval(self, interval_ns: int, flags: int = 0) -> None:
        """Calls handlers every so many nanoseconds with what there is, even if nothing with IO_STRICT_INTERVAL;
        `strict=True` is the same. ValueError: a negative interval, unknown flags. RuntimeError: after close().

        See dispatch_io_set_interval.
        """

    @overload
    def set_interval(self, interval_ns: int, *, strict: bool) -> None:
        """The same, with a bool for the flag."""

    @property
    def fd(self) -> int:
        """The descriptor.

        See dispatch_io_get_descriptor.
        """

    @property
    def is_closed(self) -> bool:
        """True once close() was called."""

@overload
def read_async(
    fd: int,
    length: int,
    handler: Callable[[bytes, int], object],
    queue: Queue | None = None,
) -> None:
    """Reads up to `length` bytes once, without blocking a thread: waits for the first byte or the end of
    file, then completes as soon as the next read would block. handler(data, error) gets bytes and an
    errno or 0, on `queue` (None: the default global queue). `callback=` is another name for the handler.
    ValueError: a negative number. OSError: the fd is not open.

    See dispatch_read.
    """

@overload
def read_async(
    fd: int,
    length: int,
    *,
    callback: Callable[[bytes, int], object],
    queue: Queue | None = None,
) -> None:
    """The same, by the other name."""

@overload
def write_async(
    fd: int,
    data: Buffer,
    handler: Callable[[bytes, int], object],
    queue: Queue | None = None,
) -> None:
    """Writes all the bytes of a bytes-like object or a Data, without blocking a thread. handler(data, error)
    gets the bytes that could not be written and an errno or 0, on `queue` (None: the default global
    queue). `callback=` is another name for the handler. ValueError: a negative fd. OSError: the fd is not
    open.

    See dispatch_write.
    """

@overload
def write_async(
    fd: int,
    data: Buffer,
    *,
    callback: Callable[[bytes, int], object],
    queue: Queue | None = None,
) -> None:
    """The same, by the other name."""
