# SPDX-License-Identifier: MIT
"""Queue.after, and events on queues that have other tests elsewhere."""

import os
import threading
import time
import weakref

import pytest
from conftest import LIMIT

import cygcd


def test_after_runs_no_sooner_than_asked():
    queue = cygcd.Queue()
    done = threading.Event()
    start = time.monotonic()
    queue.after(0.05, lambda: (seen.append(time.monotonic() - start), done.set()))
    seen = []
    assert done.wait(LIMIT)
    assert seen[0] >= 0.049


@pytest.mark.parametrize("delay", [0, -1, -(10**400), float("-inf")])
def test_after_with_a_negative_delay_runs_at_once(delay):
    done = threading.Event()
    cygcd.Queue().after(delay, done.set)
    assert done.wait(LIMIT)


def test_after_takes_points_in_time_of_both_clocks():
    queue = cygcd.Queue()
    count = threading.Semaphore(0)
    queue.after(cygcd.time_from_now(0.02), count.release)
    queue.after(cygcd.walltime(delta_seconds=0.02), count.release)
    queue.after(cygcd.walltime(timestamp=time.time() - 10), count.release)
    for _ in range(3):
        assert count.acquire(timeout=LIMIT)


@pytest.mark.parametrize("delay", [float("inf"), 1e300, 10**400, cygcd.time_from_now(float("inf"))])
def test_after_for_ever_never_runs_and_lets_go_of_the_callable(delay):
    class Callable:
        def __call__(self):
            raise AssertionError

    callable_ = Callable()
    gone = weakref.ref(callable_)
    cygcd.Queue().after(delay, callable_)
    del callable_
    assert gone() is None


def test_timers_and_after_work_on_the_main_queue():
    main = cygcd.Queue.main_queue()
    seen = []
    main.after(0.01, lambda: seen.append("after"))
    timer = cygcd.Timer(0.02, lambda: (seen.append("timer"), cygcd.stop_main()), queue=main, repeating=False)
    timer.start()
    cygcd.run_main()
    assert seen == ["after", "timer"]


def test_workloop_is_a_queue_for_events_too(pipe):
    loop = cygcd.Workloop("loop")
    come = threading.Semaphore(0)
    where = []

    def note(*_):
        where.append(loop.is_current())
        come.release()

    loop.after(0, note)
    read_end, write_end = pipe
    timer = cygcd.Timer(0, note, queue=loop, repeating=False)
    timer.start()
    cygcd.write_async(write_end, b"x", note, queue=loop)
    cygcd.read_async(read_end, 1, note, queue=loop)
    for _ in range(4):
        assert come.acquire(timeout=LIMIT)
    source = cygcd.WriteSource(write_end, lambda: (note(), source.cancel()), queue=loop)
    source.start()
    assert come.acquire(timeout=LIMIT)
    channel = cygcd.IOChannel(write_end, queue=loop, cleanup_handler=note)
    channel.write(b"y", note)
    channel.barrier(note)
    channel.close()
    for _ in range(3):
        assert come.acquire(timeout=LIMIT)
    assert os.read(read_end, 1) == b"y"
    assert where == [True] * len(where)
