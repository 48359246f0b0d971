# SPDX-License-Identifier: MIT
"""What must be answered by an error at the call, and never by a crash, a hang or silence."""

import gc
import pickle
import threading
import weakref

import pytest
from conftest import LIMIT, run_script

import cygcd

# Those that an engine without events lacks; test_misuse_events.py has them.
EVENTS = {"Data", "IOChannel", "ProcessSource", "ReadSource", "SignalSource", "Timer", "WriteSource"}
# Time is an int, and behaves as one.
CLASSES = sorted(
    name
    for name, value in vars(cygcd).items()
    if isinstance(value, type) and not issubclass(value, int) and name not in EVENTS
)
ARGUMENTS = {
    "Workloop": (None,),
    "Timer": (1, print),
    "SignalSource": (10, print),
    "ReadSource": (0, print),
    "WriteSource": (1, print),
    "ProcessSource": (1, print),
    "IOChannel": (1,),
}


@pytest.mark.parametrize("name", CLASSES)
def test_object_without_init_is_refused_by_every_method(name):
    kind = getattr(cygcd, name)
    raw = kind.__new__(kind)
    for member in dir(kind):
        if member.startswith("__") and member not in ("__repr__", "__len__", "__bytes__", "__iter__", "__call__"):
            continue
        if member in ("_pybind11_conduit_v1_", "global_queue", "main_queue"):
            continue
        # A buffer that can't be shown is a BufferError.
        with pytest.raises((TypeError, BufferError)):
            getattr(raw, member)()
    if name == "Queue":
        with pytest.raises(TypeError):
            cygcd.Group().run_async(raw, lambda: None)
    del raw
    gc.collect()


@pytest.mark.parametrize("name", CLASSES)
def test_subclass_that_forgets_init_is_refused(name):
    kind = type("Forgetful", (getattr(cygcd, name),), {"__init__": lambda self: None})
    with pytest.raises(TypeError):
        kind()


@pytest.mark.parametrize("name", CLASSES)
def test_second_init_changes_nothing(name):
    kind = getattr(cygcd, name)
    made = kind(*ARGUMENTS.get(name, ()))
    before = repr(made)
    for _ in range(10):
        made.__init__(*ARGUMENTS.get(name, ()))
    assert repr(made) == before


@pytest.mark.parametrize("name", CLASSES)
def test_objects_can_be_referenced_weakly_and_not_pickled(name):
    made = getattr(cygcd, name)(*ARGUMENTS.get(name, ()))
    reference = weakref.ref(made)
    assert reference() is made
    with pytest.raises(TypeError):
        pickle.dumps(made)
    del made
    assert reference() is None


@pytest.mark.parametrize("func", [None, 5, "text", []])
def test_what_can_not_be_called_is_refused_everywhere(func):
    queue, group = cygcd.Queue(), cygcd.Group()
    calls = [
        lambda: queue.run_async(func),
        lambda: queue.run_sync(func),
        lambda: queue.barrier_async(func),
        lambda: queue.barrier_sync(func),
        lambda: group.run_async(queue, func),
        lambda: group.notify(queue, func),
        lambda: cygcd.Once()(func),
        lambda: cygcd.apply(1, func),
        lambda: cygcd.apply(0, func),
    ]
    if func is not None:
        calls.append(lambda: queue.set_context(1, func))
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert group.wait(0)


@pytest.mark.parametrize(
    "values",
    [
        {"label": "a\0b"},
        {"qos": 1},
        {"qos": -1},
        {"qos": 2**40},
        {"qos": cygcd.QOS_CLASS_UTILITY, "relative_priority": 1},
        {"qos": cygcd.QOS_CLASS_UTILITY, "relative_priority": -16},
        {"qos": cygcd.QOS_CLASS_UTILITY, "relative_priority": 2**40},
        {"relative_priority": -1},
    ],
    ids=str,
)
def test_queue_options_out_of_range_are_refused(values):
    with pytest.raises(ValueError):
        cygcd.Queue(**values)


@pytest.mark.parametrize(
    "values", [{"label": 5}, {"qos": "high"}, {"qos": None}, {"target": 5}, {"qos": 1.5}, {"width": 1}], ids=str
)
def test_queue_options_of_the_wrong_type_are_refused(values):
    with pytest.raises(TypeError):
        cygcd.Queue(**values)


@pytest.mark.parametrize("priority", [99, -1, 1, 2**40, -(2**40)])
def test_unknown_global_queue_is_refused(priority):
    with pytest.raises(ValueError):
        cygcd.Queue.global_queue(priority)


def test_queue_can_not_be_its_own_target():
    one, two, three = (cygcd.Queue(str(number)) for number in range(3))
    with pytest.raises(ValueError):
        one.set_target_queue(one)
    one.set_target_queue(two)
    two.set_target_queue(three)
    with pytest.raises(ValueError):
        three.set_target_queue(one)
    assert one.run_sync(lambda: 1) == 1


@pytest.mark.parametrize("target", [None, 5, "queue"])
def test_target_must_be_a_queue(target):
    queue = cygcd.Queue()
    with pytest.raises(TypeError):
        queue.set_target_queue(target)
    with pytest.raises(TypeError):
        queue.set_target_queue(queue=target)


def test_unbalanced_resume_and_leave_are_refused():
    queue = cygcd.Queue()
    with pytest.raises(RuntimeError):
        queue.resume()
    with pytest.raises(RuntimeError):
        cygcd.Group().leave()
    assert queue.run_sync(lambda: 1) == 1


def test_activate_of_an_active_queue_tells_the_truth():
    never = cygcd.Queue()
    once = cygcd.Queue(inactive=True)
    once.activate()
    for queue in (never, once):
        with pytest.raises(RuntimeError) as caught:
            queue.activate()
        assert "not created" not in str(caught.value)


class TestDeadlocks:
    """A sync that could never begin is refused at once."""

    @pytest.mark.parametrize("outer", ["run_sync", "barrier_sync"])
    @pytest.mark.parametrize("inner", ["run_sync", "barrier_sync"])
    def test_onto_the_same_serial_queue(self, outer, inner):
        queue = cygcd.Queue("mine")
        with pytest.raises(RuntimeError, match="mine"):
            getattr(queue, outer)(lambda: getattr(queue, inner)(lambda: None))

    def test_from_an_asynchronous_item(self, unraisable):
        queue = cygcd.Queue()
        queue.run_async(lambda: queue.run_sync(lambda: None))
        error, _ = unraisable.next()
        assert isinstance(error, RuntimeError)

    def test_onto_the_target_and_onto_a_sibling(self):
        target = cygcd.Queue("target")
        one, two = cygcd.Queue("one", target=target), cygcd.Queue("two", target=target)
        for onto in (target, two):
            with pytest.raises(RuntimeError):
                one.run_sync(lambda onto=onto: onto.run_sync(lambda: None))

    def test_round_a_corner(self):
        one, two = cygcd.Queue("one"), cygcd.Queue("two")
        with pytest.raises(RuntimeError):
            one.run_sync(lambda: two.run_sync(lambda: one.run_sync(lambda: None)))

    def test_from_reader_to_writer(self):
        queue = cygcd.Queue(concurrent=True)
        with pytest.raises(RuntimeError):
            queue.run_sync(lambda: queue.barrier_sync(lambda: None))

    def test_nested_readers_are_fine(self):
        queue = cygcd.Queue(concurrent=True)
        assert queue.run_sync(lambda: queue.run_sync(lambda: 1)) == 1

    def test_onto_an_inactive_queue(self):
        for method in ("run_sync", "barrier_sync"):
            with pytest.raises(RuntimeError):
                getattr(cygcd.Queue(inactive=True), method)(lambda: None)


def test_nothing_is_kept_of_what_was_refused():
    class Callable:
        def __call__(self, *_):
            pass

    callable_ = Callable()
    gone = weakref.ref(callable_)
    inactive = cygcd.Workloop("w", inactive=True)
    for call in (
        lambda: inactive.run_async(callable_),
        lambda: inactive.run_sync(callable_),
        lambda: cygcd.Group().run_async(inactive, callable_),
        lambda: cygcd.apply(-1, callable_),
    ):
        with pytest.raises((ValueError, RuntimeError)):
            call()
    callable_ = call = None
    gc.collect()
    assert gone() is None


def test_first_finalizer_of_a_process_runs():
    done = run_script(
        """
        import threading, cygcd
        ran = threading.Event()
        queue = cygcd.Queue()
        queue.set_context(None, ran.set)
        del queue
        print(ran.wait(5))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_messages_say_what_would_be_right():
    with pytest.raises(ValueError, match="-1 or None"):
        cygcd.Semaphore(1).wait(-3)
    with pytest.raises(TypeError, match="func"):
        cygcd.Queue().run_async(5)


def test_dropping_everything_in_any_state_ends_well():
    done = run_script(
        """
        import cygcd
        q = cygcd.Queue("suspended"); q.suspend(); q.suspend(); del q
        q = cygcd.Queue("inactive", inactive=True); del q
        q = cygcd.Queue("both", inactive=True); q.suspend(); del q
        s = cygcd.Semaphore(5); s.wait(); del s
        g = cygcd.Group(); g.enter(); del g
        w = cygcd.Workloop("w", inactive=True); del w
        cygcd.Queue("last").run_sync(lambda: print("alive"))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def test_callbacks_of_many_threads_keep_the_interpreter_whole():
    queues = [cygcd.Queue() for _ in range(8)]
    count = []
    group = cygcd.Group()

    def submit(index):
        for _ in range(50):
            group.run_async(queues[index % 8], lambda: count.append(1))

    threads = [threading.Thread(target=submit, args=(index,)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert group.wait(LIMIT)
    assert len(count) == 800
