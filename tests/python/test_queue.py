# SPDX-License-Identifier: MIT
"""Queue: submission, order, results, state, targets, context and specifics."""

import gc
import sys
import threading
import time
import traceback
import weakref

import pytest
from conftest import LIMIT, Alarm, eventually

import cygcd


def drain(queue):
    queue.barrier_sync(lambda: None)


def test_serial_queue_runs_items_in_order_one_at_a_time():
    queue = cygcd.Queue("serial")
    seen = []
    for number in range(200):
        queue.run_async(lambda number=number: seen.append(number))
    drain(queue)
    assert seen == list(range(200))


def test_concurrent_queue_runs_items_side_by_side():
    queue = cygcd.Queue("concurrent", concurrent=True)
    meeting = threading.Barrier(2)
    met = []
    for _ in range(2):
        queue.run_async(lambda: met.append(meeting.wait(LIMIT)))
    drain(queue)
    assert sorted(met) == [0, 1]


def test_run_sync_gives_the_value_of_the_callable():
    value = object()
    assert cygcd.Queue().run_sync(lambda: value) is value
    assert cygcd.Queue(concurrent=True).barrier_sync(lambda: value) is value
    assert cygcd.Queue().run_sync(lambda: None) is None


def test_run_sync_runs_on_the_calling_thread():
    assert cygcd.Queue().run_sync(threading.get_ident) == threading.get_ident()


@pytest.mark.parametrize("method", ["run_sync", "barrier_sync"])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_sync_raises_what_the_callable_raises(method, kind):
    error = kind("told")

    def fail():
        raise error

    with pytest.raises(kind) as caught:
        getattr(cygcd.Queue(), method)(fail)
    assert caught.value is error
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "fail"


def test_queue_works_on_after_a_sync_that_raised():
    queue = cygcd.Queue()
    with pytest.raises(ZeroDivisionError):
        queue.run_sync(lambda: 1 / 0)
    assert queue.run_sync(lambda: 1) == 1


@pytest.mark.parametrize("method", ["run_async", "barrier_async"])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_asynchronous_errors_reach_the_unraisable_hook(unraisable, method, kind):
    def fail():
        raise kind("lost")

    getattr(cygcd.Queue(), method)(fail)
    error, where = unraisable.next()
    assert type(error) is kind
    assert where is fail


def test_barrier_runs_alone_between_what_is_before_and_after():
    queue = cygcd.Queue("readers", concurrent=True)
    log = []
    gate = threading.Event()
    queue.run_async(lambda: (gate.wait(LIMIT), log.append("before")))
    queue.barrier_async(lambda: log.append("barrier"))
    queue.run_async(lambda: log.append("after"))
    gate.set()
    drain(queue)
    assert log == ["before", "barrier", "after"]


def test_callable_is_let_go_when_it_has_run():
    class Callable:
        def __call__(self):
            pass

    callable_ = Callable()
    gone = weakref.ref(callable_)
    queue = cygcd.Queue()
    queue.run_async(callable_)
    del callable_
    drain(queue)
    assert eventually(lambda: gone() is None)


def test_suspended_queue_holds_its_items_back():
    queue = cygcd.Queue()
    ran = threading.Event()
    with queue.suspended():
        with queue.suspended():
            queue.run_async(ran.set)
            assert "suspended" in repr(queue)
        assert not ran.wait(0.02)
    assert ran.wait(LIMIT)
    queue.suspend()
    queue.resume()
    assert "active" in repr(queue)


def test_suspension_ends_when_the_block_raises():
    queue = cygcd.Queue()
    with pytest.raises(KeyError), queue.suspended():
        raise KeyError
    assert queue.run_sync(lambda: 1) == 1


def test_inactive_queue_begins_with_activate():
    queue = cygcd.Queue("lazy", inactive=True)
    ran = threading.Event()
    queue.run_async(ran.set)
    assert queue.is_inactive
    assert not ran.wait(0.02)
    queue.set_target_queue(cygcd.Queue.global_queue())
    queue.activate()
    assert ran.wait(LIMIT)
    assert not queue.is_inactive
    with pytest.raises(RuntimeError):
        queue.activate()
    with pytest.raises(RuntimeError):
        queue.set_target_queue(cygcd.Queue())


def test_dropped_queues_run_what_was_submitted():
    count = threading.Semaphore(0)
    inactive = cygcd.Queue(inactive=True)
    inactive.run_async(count.release)
    suspended = cygcd.Queue()
    suspended.suspend()
    suspended.suspend()
    suspended.run_async(count.release)
    del inactive, suspended
    for _ in range(2):
        assert count.acquire(timeout=LIMIT)


def test_target_can_be_changed_on_an_active_queue():
    first, second = cygcd.Queue("first"), cygcd.Queue("second")
    queue = cygcd.Queue("moving", target=first)
    assert queue.run_sync(first.is_current)
    queue.set_target_queue(second)
    drain(queue)
    assert queue.run_sync(second.is_current)
    assert not queue.run_sync(first.is_current)
    queue.set_target_queue(queue=first)
    drain(queue)
    assert queue.run_sync(first.is_current)


def test_queues_that_share_a_serial_target_never_overlap():
    target = cygcd.Queue("shared")
    queues = [cygcd.Queue(target=target) for _ in range(4)]
    inside = []
    overlaps = []

    def step():
        inside.append(1)
        time.sleep(0)
        overlaps.append(len(inside) > 1)
        inside.pop()

    for _ in range(50):
        for queue in queues:
            queue.run_async(step)
    for queue in queues:
        drain(queue)
    assert len(overlaps) == 200
    assert not any(overlaps)


def test_labels():
    assert cygcd.Queue("a.label").label == "a.label"
    assert cygcd.Queue("käse").label == "käse"
    assert cygcd.Queue().label == ""
    assert cygcd.Queue(None).label == ""
    assert cygcd.Queue.main_queue().label == "com.apple.main-thread"
    assert cygcd.Queue.global_queue().label == "com.apple.root.default-qos"


def test_current_label_is_that_of_the_running_queue():
    assert cygcd.Queue("mine").run_sync(cygcd.current_label) == "mine"
    seen = []
    queue = cygcd.Queue("other")
    queue.run_async(lambda: seen.append(cygcd.current_label()))
    drain(queue)
    assert seen == ["other"]


def test_is_current_follows_the_targets():
    target = cygcd.Queue("target")
    queue = cygcd.Queue("queue", target=target)
    other = cygcd.Queue("other")
    assert not queue.is_current()
    assert queue.run_sync(lambda: (queue.is_current(), target.is_current(), other.is_current())) == (True, True, False)


@pytest.mark.parametrize(
    ("identifier", "label"),
    [
        (cygcd.QUEUE_PRIORITY_HIGH, "user-initiated"),
        (cygcd.QUEUE_PRIORITY_DEFAULT, "default"),
        (cygcd.QUEUE_PRIORITY_LOW, "utility"),
        (cygcd.QUEUE_PRIORITY_BACKGROUND, "background"),
        (cygcd.QOS_CLASS_USER_INITIATED, "user-initiated"),
        (cygcd.QOS_CLASS_DEFAULT, "default"),
        (cygcd.QOS_CLASS_UTILITY, "utility"),
        (cygcd.QOS_CLASS_BACKGROUND, "background"),
        (cygcd.QOS_CLASS_UNSPECIFIED, "default"),
    ],
)
def test_global_queues_by_priority_and_by_qos(identifier, label):
    queue = cygcd.Queue.global_queue(identifier)
    assert queue.label == f"com.apple.root.{label}-qos"
    assert repr(queue) == f"<cygcd.Queue 'com.apple.root.{label}-qos' global, active>"
    done = threading.Event()
    queue.run_async(done.set)
    assert done.wait(LIMIT)


def test_global_queue_of_every_identifier_exists():
    for name in dir(cygcd):
        if name.startswith(("QUEUE_PRIORITY_", "QOS_CLASS_")):
            assert cygcd.Queue.global_queue(getattr(cygcd, name)).label


def test_qos_is_reported():
    assert cygcd.Queue(qos=cygcd.QOS_CLASS_UTILITY, relative_priority=-15).qos == cygcd.QOS_CLASS_UTILITY
    assert cygcd.Queue().qos == cygcd.QOS_CLASS_UNSPECIFIED
    assert cygcd.Queue.global_queue(cygcd.QOS_CLASS_BACKGROUND).qos == cygcd.QOS_CLASS_BACKGROUND


def test_context_belongs_to_the_queue():
    value = object()
    queue = cygcd.Queue()
    assert queue.get_context() is None
    queue.set_context(value)
    assert queue.get_context() is value
    for make in (cygcd.Queue.main_queue, cygcd.Queue.global_queue):
        make().set_context(value)
        assert make().get_context() is value
        make().set_context(None)
        assert make().get_context() is None


def test_finalizer_runs_once_before_a_replacement_returns():
    calls = []
    queue = cygcd.Queue()
    queue.set_context("first", lambda: calls.append("first"))
    queue.set_context("second", finalizer=lambda: calls.append("second"))
    assert calls == ["first"]
    queue.set_context("third")
    assert calls == ["first", "second"]
    queue.set_context("fourth")
    assert calls == ["first", "second"]


def test_finalizer_runs_when_the_last_reference_ends():
    calls = threading.Semaphore(0)
    queue = cygcd.Queue()
    queue.set_context("value", calls.release)
    child = cygcd.Queue(target=queue)
    del queue
    assert not calls.acquire(timeout=0.02)
    del child
    assert calls.acquire(timeout=LIMIT)
    assert not calls.acquire(timeout=0.02)


def test_finalizer_of_the_first_context_ever_runs_too():
    calls = threading.Semaphore(0)
    queue = cygcd.Queue()
    queue.set_context(None, calls.release)
    del queue
    assert calls.acquire(timeout=LIMIT)


def test_error_of_a_finalizer_reaches_the_unraisable_hook(unraisable):
    def fail():
        raise LookupError

    queue = cygcd.Queue()
    queue.set_context(1, fail)
    queue.set_context(2)
    error, where = unraisable.next()
    assert isinstance(error, LookupError)
    assert where is fail


def test_context_is_let_go_with_its_queue():
    class Value:
        pass

    value = Value()
    gone = weakref.ref(value)
    queue = cygcd.Queue()
    queue.set_context(value)
    del value
    gc.collect()
    assert gone() is queue.get_context()
    del queue
    assert eventually(lambda: gone() is None)


def test_specifics_are_keyed_by_equality():
    queue = cygcd.Queue()
    queue.set_specific(("a", 1000), "value")
    assert queue.get_specific(tuple(["a", 500 + 500])) == "value"
    assert queue.get_specific("b") is None
    queue.set_specific(1, "one")
    assert queue.get_specific(1.0) == "one"
    with pytest.raises(TypeError):
        queue.set_specific([], 1)
    with pytest.raises(TypeError):
        queue.get_specific([])
    with pytest.raises(TypeError):
        cygcd.get_specific([])


def test_specific_is_replaced_and_removed():
    class Value:
        pass

    value = Value()
    gone = weakref.ref(value)
    queue = cygcd.Queue()
    queue.set_specific("key", value)
    del value
    assert gone() is queue.get_specific("key")
    queue.set_specific("key", 2)
    assert gone() is None
    assert queue.get_specific("key") == 2
    queue.set_specific("key", None)
    assert queue.get_specific("key") is None
    queue.set_specific("never", None)


def test_current_specific_is_found_through_the_targets():
    outer = cygcd.Queue("outer")
    inner = cygcd.Queue("inner", target=outer)
    outer.set_specific("both", "outer")
    outer.set_specific("far", "outer")
    inner.set_specific("both", "inner")
    look = lambda: (cygcd.get_specific("both"), cygcd.get_specific("far"), cygcd.get_specific("none"))  # noqa: E731
    assert inner.run_sync(look) == ("inner", "outer", None)
    assert outer.run_sync(look) == ("outer", "outer", None)
    assert inner.get_specific("far") is None
    assert cygcd.get_specific("both") is None


def test_specifics_are_let_go_with_their_queue():
    class Value:
        pass

    value = Value()
    gone = weakref.ref(value)
    queue = cygcd.Queue()
    queue.set_specific("key", value)
    del value, queue
    assert eventually(lambda: gone() is None)


def test_repr_tells_label_kind_and_state():
    assert repr(cygcd.Queue("a")) == "<cygcd.Queue 'a' serial, active>"
    assert repr(cygcd.Queue("b", concurrent=True, inactive=True)) == "<cygcd.Queue 'b' concurrent, inactive>"
    assert repr(cygcd.Queue.main_queue()) == "<cygcd.Queue 'com.apple.main-thread' main, active>"


def test_queue_can_be_referenced_weakly():
    queue = cygcd.Queue()
    reference = weakref.ref(queue)
    assert reference() is queue
    del queue
    assert reference() is None


def test_queue_can_be_subclassed():
    class Named(cygcd.Queue):
        def __init__(self, name):
            super().__init__(f"named.{name}")
            self.name = name

    queue = Named("x")
    assert (queue.label, queue.name) == ("named.x", "x")
    assert queue.run_sync(lambda: 1) == 1


def test_blocking_call_on_the_main_thread_answers_signals(alarm):
    queue = cygcd.Queue()
    gate = threading.Event()
    queue.run_async(lambda: gate.wait(LIMIT))
    with pytest.raises(Alarm):
        alarm()
        queue.run_sync(lambda: None)
    gate.set()
    assert queue.run_sync(lambda: 1) == 1


def test_gil_is_released_while_run_sync_waits():
    queue = cygcd.Queue()
    gate = threading.Event()
    queue.run_async(lambda: gate.wait(LIMIT))
    results = []
    thread = threading.Thread(target=lambda: results.append(queue.run_sync(lambda: 1)))
    thread.start()
    gate.set()
    thread.join(LIMIT)
    assert results == [1]


def test_references_are_balanced():
    queue = cygcd.Queue()
    value = object()
    before = sys.getrefcount(value)
    for _ in range(100):
        queue.run_sync(lambda: value)
        queue.set_context(value)
        queue.get_context()
        queue.set_specific("k", value)
        queue.get_specific("k")
    queue.set_context(None)
    queue.set_specific("k", None)
    assert eventually(lambda: sys.getrefcount(value) == before)


def test_handles_of_one_queue_are_equal():
    assert cygcd.Queue.main_queue() == cygcd.Queue.main_queue()
    assert cygcd.Queue.global_queue() == cygcd.Queue.global_queue(cygcd.QUEUE_PRIORITY_DEFAULT)
    assert len({cygcd.Queue.global_queue(), cygcd.Queue.global_queue()}) == 1
    assert cygcd.Queue("same") != cygcd.Queue("same")
    assert cygcd.Queue("one") != "one"


def test_global_queues_tell_their_qos():
    assert cygcd.Queue.global_queue().qos == cygcd.QOS_CLASS_DEFAULT
    assert cygcd.Queue.global_queue(cygcd.QOS_CLASS_UTILITY).qos == cygcd.QOS_CLASS_UTILITY


@pytest.mark.parametrize("kind", [cygcd.Queue, cygcd.Workloop])
@pytest.mark.parametrize("label", [b"bytes", 7])
def test_label_is_text(kind, label):
    with pytest.raises(TypeError):
        kind(label)
