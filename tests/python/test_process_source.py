# SPDX-License-Identifier: MIT
"""ProcessSource."""

import os
import subprocess
import sys
import threading

import pytest
from conftest import LIMIT, start_and_cancel_twice

import cygcd

on_linux = sys.platform.startswith("linux")


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.stdin.close()
    process.wait()


def end(process):
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_exit_is_told_and_the_status_left_for_the_parent(child):
    come = threading.Event()
    seen = []
    source = cygcd.ProcessSource(child.pid, lambda: (seen.append(source.events_pending), come.set()))
    assert source.pid == child.pid
    assert source.events_pending == 0
    source.start()
    end(child)
    assert come.wait(LIMIT)
    assert seen == [cygcd.PROC_EXIT]
    assert source.events_pending == cygcd.PROC_EXIT
    assert child.wait(LIMIT) == 0
    source.cancel()
    assert source.is_cancelled


def test_process_that_has_ended_already_is_told_at_once(child):
    end(child)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    come = threading.Event()
    with cygcd.ProcessSource(child.pid, come.set, events=cygcd.PROC_EXIT):
        assert come.wait(LIMIT)


def test_exit_is_told_once(child):
    calls = []
    come = threading.Event()
    queue = cygcd.Queue()
    with cygcd.ProcessSource(child.pid, lambda: (calls.append(1), come.set()), queue=queue):
        end(child)
        assert come.wait(LIMIT)
        child.wait()
        assert not cygcd.Semaphore().wait(0.03)
        queue.run_sync(lambda: None)
    assert calls == [1]


@pytest.mark.skipif(not on_linux, reason="macOS can watch for all of them")
@pytest.mark.parametrize(
    "events",
    [cygcd.PROC_FORK, cygcd.PROC_EXEC, cygcd.PROC_SIGNAL, cygcd.PROC_EXIT | cygcd.PROC_FORK],
)
def test_what_the_system_can_not_do_is_refused_by_start(events):
    source = cygcd.ProcessSource(os.getpid(), lambda: None, events)
    with pytest.raises(NotImplementedError) as caught:
        source.start()
    name = {cygcd.PROC_EXEC: "exec", cygcd.PROC_SIGNAL: "signal"}.get(events, "fork")
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("pid", "events"),
    [
        (0, cygcd.PROC_EXIT),
        (-1, cygcd.PROC_EXIT),
        (2**70, cygcd.PROC_EXIT),
        (1, 0),
        (1, 1),
        (1, -1),
        (1, 2**40),
        (1, cygcd.PROC_EXIT | 1),
    ],
)
def test_values_out_of_range_are_refused(pid, events):
    with pytest.raises(ValueError):
        cygcd.ProcessSource(pid, lambda: None, events)


@pytest.mark.parametrize(("pid", "handler"), [(None, print), ("1", print), (1, None), (1, 5)])
def test_wrong_types_are_refused(pid, handler):
    with pytest.raises(TypeError):
        cygcd.ProcessSource(pid, handler)


def test_start_and_cancel_again_are_harmless_and_start_after_cancel_is_refused():
    start_and_cancel_twice(cygcd.ProcessSource(os.getpid(), lambda: None))


def test_repr_tells_pid_and_state():
    assert repr(cygcd.ProcessSource(1, lambda: None)) == "<cygcd.ProcessSource pid=1, not started>"
