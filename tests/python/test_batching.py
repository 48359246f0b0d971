# SPDX-License-Identifier: MIT
"""Callbacks that share one stay in the interpreter are, for all that can be seen, callbacks of their own."""

import contextvars
import functools
import threading
import time

import pytest
from conftest import LIMIT, eventually, run_case, run_script

import cygcd

MANY = 2_000


@pytest.fixture
def queue():
    return cygcd.Queue("batching")


@pytest.fixture
def concurrent():
    return cygcd.Queue("batching", concurrent=True)


def test_a_row_of_every_kind_of_submission_keeps_its_order(queue):
    seen = []
    expected = []
    group = cygcd.Group()
    for i in range(MANY):
        expected.append(i)
        kind = i % 7
        if kind == 3:
            queue.run_sync(lambda i=i: seen.append(i))
        elif kind == 4:
            queue.barrier_async(lambda i=i: seen.append(i))
        elif kind == 5:
            group.run_async(queue, lambda i=i: seen.append(i))
        elif kind == 6:
            queue.barrier_sync(lambda i=i: seen.append(i))
        else:
            queue.run_async(lambda i=i: seen.append(i))
    queue.run_sync(lambda: None)
    assert seen == expected


def test_the_end_of_a_context_may_use_the_library():
    run_case(
        """
        import contextvars
        variable = contextvars.ContextVar("variable")
        queue = cygcd.Queue()
        seen = []
        class Uses:
            def __del__(self):
                other = cygcd.Queue()
                other.set_context(1)
                other.set_context(2)
                queue.run_async(lambda: seen.append("from an end"))
                seen.append("end")
        class Sets:
            def __del__(self): variable.set("left over")
        class SetsForEver:
            def __del__(self): variable.set(SetsForEver())
        def hold_a_queue():
            held = cygcd.Queue()
            held.set_context("held", lambda: seen.append("finalizer"))
            variable.set(held)
        queue.run_async(hold_a_queue)
        queue.run_sync(lambda: None)
        queue.run_async(lambda: variable.set(Uses()))
        queue.run_sync(lambda: None)
        queue.run_async(lambda: variable.set(Sets()))
        queue.run_async(lambda: variable.set(SetsForEver()))
        queue.run_async(lambda: seen.append(variable.get("none")))
        queue.run_sync(lambda: None)
        assert eventually(lambda: len(seen) == 4), seen
        assert sorted(seen) == ["end", "finalizer", "from an end", "none"], seen
        """
    )


def test_each_callback_has_a_context_of_its_own(queue):
    variable = contextvars.ContextVar("variable", default="none")
    seen = []

    def callback():
        seen.append(variable.get())
        variable.set("left over")

    queue.suspend()
    for _ in range(100):
        queue.run_async(callback)
    queue.resume()
    queue.run_sync(lambda: None)
    assert seen == ["none"] * 100


def test_suspension_takes_effect_after_the_running_callback(queue):
    seen = []

    def callback():
        seen.append(threading.get_ident())
        if len(seen) == 50:
            queue.suspend()

    queue.suspend()
    for _ in range(100):
        queue.run_async(callback)
    queue.resume()
    assert eventually(lambda: len(seen) == 50)
    # It would have gone on at once.
    time.sleep(0.02)
    assert len(seen) == 50
    queue.resume()
    assert eventually(lambda: len(seen) == 100)


def test_an_error_in_the_row_concerns_only_its_callback(queue, unraisable):
    ran = []

    def callback(i):
        ran.append(i)
        if i % 10 == 0:
            raise KeyError(i)

    queue.suspend()
    for i in range(100):
        queue.run_async(lambda i=i: callback(i))
    queue.resume()
    queue.run_sync(lambda: None)
    assert ran == list(range(100))
    assert [error.args[0] for error, _ in unraisable.seen] == list(range(0, 100, 10))


def test_callbacks_may_wait_for_later_ones(concurrent):
    later = threading.Event()
    came = []
    for i in range(200):
        concurrent.run_async((lambda: came.append(later.wait(LIMIT))) if i == 0 else (lambda: None))
    concurrent.run_async(later.set)
    concurrent.barrier_sync(lambda: None)
    assert came == [True]


def test_callbacks_may_wait_for_one_another_behind_a_barrier(concurrent):
    for _ in range(50):
        first = threading.Event()
        second = threading.Event()
        came = []

        def one(first=first, second=second, came=came):
            first.set()
            came.append(second.wait(LIMIT))

        def other(first=first, second=second, came=came):
            second.set()
            came.append(first.wait(LIMIT))

        concurrent.barrier_async(lambda: None)
        concurrent.run_async(one)
        concurrent.run_async(other)
        concurrent.barrier_sync(lambda: None)
        assert came == [True, True]


# libdispatch adds one thread a second for those that sleep.
SLEEPERS = 8 if cygcd._core._engine == "native" else 3


def test_callbacks_that_sleep_hold_up_nobody(concurrent):
    inside = threading.Barrier(SLEEPERS)
    met = []
    for _ in range(SLEEPERS):
        concurrent.run_async(lambda: met.append(inside.wait(LIMIT)))
        for _ in range(20):
            concurrent.run_async(lambda: None)
    concurrent.barrier_sync(lambda: None)
    assert sorted(met) == list(range(SLEEPERS))


@pytest.mark.parametrize("other", ["cygcd.Queue()", "everywhere"])
def test_callbacks_may_wait_for_what_they_submit_while_others_keep_busy(other):
    done = run_script(
        f"""
        import contextlib, threading, cygcd
        with contextlib.suppress(RuntimeError):  # libdispatch has as many as it likes
            cygcd.set_max_threads(2)
        everywhere = cygcd.Queue.global_queue()
        other = {other}
        over, ran, ended = False, threading.Event(), threading.Event()

        def stream():
            sum(range(1000))
            if not over:
                everywhere.run_async(stream)

        def callback():
            other.run_async(ran.set)
            print(ran.wait({LIMIT}))
            ended.set()

        everywhere.run_async(stream)
        everywhere.run_async(callback)
        ended.wait({2 * LIMIT})
        over = True
        """
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_all_callbacks_are_counted_by_their_group():
    group = cygcd.Group()
    queues = [cygcd.Queue(), cygcd.Queue(concurrent=True), cygcd.Queue.global_queue()]
    ran = []
    for i in range(MANY):
        group.run_async(queues[i % 3], lambda: ran.append(None))
    assert group.wait(LIMIT)
    assert len(ran) == MANY


def test_a_flood_of_python_callbacks_leaves_other_threads_their_share(queue):
    more = True

    def callback():
        if more:
            queue.run_async(callback)

    callback()
    assert sum(i * i for i in range(300_000)) == 300_000 * 299_999 * 599_999 // 6
    more = False
    queue.run_sync(lambda: None)


def test_a_flood_of_c_callbacks_leaves_other_threads_their_share(queue):
    # It submits itself, and no Python function is called, in which the interpreter would change threads.
    callback = functools.partial(print)
    callback.__setstate__((queue.run_async, (callback,), {}, {}))
    callback()
    assert sum(i * i for i in range(300_000)) == 300_000 * 299_999 * 599_999 // 6
    callback.__setstate__((time.perf_counter, (), {}, {}))
    queue.run_sync(lambda: None)


def test_a_handler_may_run_inside_of_a_callback(queue):
    ended = []
    other = cygcd.Queue("other")

    def callback():
        other.set_context(1, lambda: ended.append("finalizer"))
        other.set_context(2)
        ended.append("callback")

    queue.run_async(callback)
    queue.run_async(callback)
    queue.run_sync(lambda: None)
    assert ended == ["finalizer", "callback"] * 2


def test_a_callable_goes_with_the_callback(queue):
    class Callback:
        def __init__(self, ended):
            self.ended = ended

        def __call__(self):
            pass

        def __del__(self):
            self.ended.append(None)

    ended = []
    for _ in range(100):
        queue.run_async(Callback(ended))
    queue.run_sync(lambda: None)
    assert eventually(lambda: len(ended) == 100)


def test_a_backlog_at_the_end_is_dropped():
    ended = run_script(
        """
        import cygcd, os, time
        queue = cygcd.Queue()
        concurrent = cygcd.Queue(concurrent=True)
        for _ in range(200_000):
            queue.run_async(lambda: None)
            concurrent.run_async(time.perf_counter)
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_arguments_are_checked_in_every_shape_of_call(queue):
    with pytest.raises(TypeError):
        queue.run_async()
    with pytest.raises(TypeError):
        queue.run_async(None)
    with pytest.raises(TypeError):
        queue.run_async(print, print)
    with pytest.raises(TypeError):
        queue.run_async(callback=print)
    with pytest.raises(TypeError):
        cygcd.Queue.run_async(object(), print)
    with pytest.raises(TypeError):
        cygcd.Queue.run_async(cygcd.Queue.__new__(cygcd.Queue), print)
    with pytest.raises(TypeError):
        cygcd.Group.run_async(cygcd.Group(), cygcd.Queue.__new__(cygcd.Queue), print)
    with pytest.raises(TypeError):
        cygcd.Group().run_async("queue", print)
    ran = []
    queue.run_async(func=lambda: ran.append(1))
    assert queue.run_sync(func=lambda: ran) == [1]
    cygcd.Group().run_async(func=lambda: ran.append(2), queue=queue)
    assert queue.run_sync(lambda: ran) == [1, 2]


def test_subclasses_take_the_same_ways():
    class Own(cygcd.Queue):
        def __init__(self, number):
            super().__init__(f"own {number}", concurrent=True)

    class Other:
        def other(self):
            return self.label

    class Mixed(Other, cygcd.Queue):
        pass

    class Plain(cygcd.Queue):
        pass

    assert Own(3).label == "own 3"
    assert Plain("plain").label == "plain"
    mixed = Mixed("mixed")
    assert mixed.other() == "mixed"
    for queue in (Own(1), mixed, Plain(), cygcd.Workloop("loop")):
        ran = []
        queue.run_async(lambda ran=ran: ran.append(1))
        assert queue.barrier_sync(lambda ran=ran: ran) == [1]
    group = cygcd.Group()
    group.run_async(mixed, print)
    assert group.wait(LIMIT)


def test_a_sync_returns_and_raises_what_the_callable_does(queue):
    error = ValueError("error")

    def fails():
        raise error

    for call in (queue.run_sync, queue.barrier_sync):
        assert call(lambda: 42) == 42
        assert call(lambda: None) is None
        with pytest.raises(ValueError) as raised:
            call(fails)
        assert raised.value is error
        with pytest.raises(RuntimeError):
            call(lambda call=call: call(print))
