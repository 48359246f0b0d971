# SPDX-License-Identifier: MIT
"""apply."""

import os
import threading

import pytest
from conftest import LIMIT, Alarm

import cygcd

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def test_calls_with_each_index_once():
    seen = []
    assert cygcd.apply(100, seen.append) is None
    assert sorted(seen) == list(range(100))


def test_no_iteration_calls_nothing():
    cygcd.apply(0, lambda _: pytest.fail("called"))


def test_serial_queue_gives_the_order():
    seen = []
    cygcd.apply(30, seen.append, cygcd.Queue())
    assert seen == list(range(30))


@pytest.mark.parametrize(
    "queue", [cygcd.Queue("c", concurrent=True), cygcd.Queue.global_queue(), cygcd.Workloop("w")], ids=str
)
def test_runs_on_any_queue(queue):
    seen = []
    cygcd.apply(20, lambda index: seen.append((index, queue.is_current())), queue=queue)
    assert sorted(seen) == [(index, True) for index in range(20)]


@pytest.mark.skipif(CPUS < 2, reason="on a single processor the calls come one after the other")
def test_calls_that_release_the_gil_overlap():
    meeting = threading.Barrier(2)
    met = []
    cygcd.apply(2, lambda _: met.append(meeting.wait(LIMIT)))
    assert sorted(met) == [0, 1]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("queue", [None, cygcd.Queue()], ids=["global", "serial"])
def test_first_error_comes_out(kind, queue):
    seen = []

    def step(index):
        seen.append(index)
        if index == 3:
            raise kind(index)

    with pytest.raises(kind) as caught:
        cygcd.apply(1000, step, queue)
    assert caught.value.args == (3,)
    assert len(seen) < 1000


def test_may_be_nested():
    seen = []
    cygcd.apply(4, lambda outer: cygcd.apply(4, lambda inner: seen.append((outer, inner))))
    assert sorted(seen) == [(outer, inner) for outer in range(4) for inner in range(4)]


def test_onto_the_held_queue_is_refused():
    queue = cygcd.Queue()
    with pytest.raises(RuntimeError, match="deadlock"):
        queue.run_sync(lambda: cygcd.apply(2, lambda _: None, queue))


def test_onto_an_inactive_queue_is_refused():
    with pytest.raises(RuntimeError):
        cygcd.apply(2, lambda _: None, cygcd.Queue(inactive=True))


@pytest.mark.parametrize("iterations", [-1, -(2**70)])
def test_negative_number_is_refused(iterations):
    with pytest.raises(ValueError):
        cygcd.apply(iterations, lambda _: None)


@pytest.mark.parametrize(("iterations", "func", "queue"), [(1.5, print, None), (1, None, None), (1, print, 5)])
def test_wrong_types_are_refused(iterations, func, queue):
    with pytest.raises(TypeError):
        cygcd.apply(iterations, func, queue)


def test_main_thread_answers_signals(alarm):
    queue = cygcd.Queue()
    gate = threading.Event()
    queue.run_async(lambda: gate.wait(LIMIT))
    with pytest.raises(Alarm):
        alarm()
        cygcd.apply(2, lambda _: None, queue)
    gate.set()
    seen = []
    cygcd.apply(2, seen.append, queue)
    assert seen == [0, 1]
