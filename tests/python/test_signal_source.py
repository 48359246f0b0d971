# SPDX-License-Identifier: MIT
"""SignalSource."""

import os
import signal
import threading

import pytest
from conftest import LIMIT, eventually, start_and_cancel_twice

import cygcd

linux_only = pytest.mark.skipif(not os.path.exists("/proc/self"), reason="set SIG_IGN first on macOS")


@pytest.fixture
def restored():
    former = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, former)


@pytest.fixture
def ignored(restored):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def test_handler_runs_for_a_signal(ignored):
    come = threading.Event()
    source = cygcd.SignalSource(signal.SIGUSR1, come.set)
    assert source.signal == signal.SIGUSR1
    assert source.count == 0
    source.start()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert come.wait(LIMIT)
    source.cancel()
    assert source.is_cancelled


def test_count_is_what_the_handler_stood_for(ignored):
    queue = cygcd.Queue()
    counts = []
    source = cygcd.SignalSource(signal.SIGUSR1, lambda: counts.append(source.count), queue)
    with source:
        for number in range(1, 6):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert eventually(lambda number=number: sum(counts) == number)
        assert source.count == counts[-1]
    assert all(count >= 1 for count in counts)


@linux_only
def test_default_action_does_not_act_and_is_restored(restored):
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    come = threading.Event()
    gone = threading.Event()
    source = cygcd.SignalSource(signal.SIGUSR1, come.set)
    source.set_cancel_handler(gone.set)
    source.start()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert come.wait(LIMIT)
    source.cancel()
    assert gone.wait(LIMIT)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


@linux_only
def test_earlier_handler_of_the_program_still_runs(restored):
    mine = []
    signal.signal(signal.SIGUSR1, lambda *_: mine.append(1))
    come = threading.Event()
    with cygcd.SignalSource(signal.SIGUSR1, come.set):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert come.wait(LIMIT)
        assert eventually(lambda: mine == [1])


def test_start_and_cancel_again_are_harmless_and_start_after_cancel_is_refused(ignored):
    start_and_cancel_twice(cygcd.SignalSource(signal.SIGUSR1, lambda: None))


@pytest.mark.parametrize("number", [0, -1, 1000, 2**40, int(signal.SIGKILL), int(signal.SIGSTOP)])
def test_unknown_signal_is_refused(number):
    with pytest.raises(ValueError):
        cygcd.SignalSource(number, lambda: None)


@pytest.mark.parametrize(("number", "handler"), [(None, print), ("SIGUSR1", print), (10, None), (10, 5)])
def test_wrong_types_are_refused(number, handler):
    with pytest.raises(TypeError):
        cygcd.SignalSource(number, handler)


def test_repr_tells_signal_and_state():
    source = cygcd.SignalSource(10, lambda: None)
    assert repr(source) == "<cygcd.SignalSource signal=10, not started>"
    source.cancel()
    assert repr(source) == "<cygcd.SignalSource signal=10, cancelled>"
