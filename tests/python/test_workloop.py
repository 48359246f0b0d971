# SPDX-License-Identifier: MIT
"""Workloop: a queue that goes wherever a queue goes."""

import threading

import pytest
from conftest import LIMIT

import cygcd


def test_workloop_runs_items_in_order():
    loop = cygcd.Workloop("loop")
    seen = []
    for number in range(50):
        loop.run_async(lambda number=number: seen.append(number))
    loop.run_sync(lambda: None)
    assert seen == list(range(50))


def test_workloop_gives_values_and_errors():
    loop = cygcd.Workloop("loop")
    assert loop.run_sync(lambda: 42) == 42
    assert loop.barrier_sync(lambda: 43) == 43
    for kind in (ValueError, SystemExit, KeyboardInterrupt):

        def fail(kind=kind):
            raise kind

        with pytest.raises(kind):
            loop.run_sync(fail)


def test_nested_run_sync_is_refused():
    loop = cygcd.Workloop("loop")
    with pytest.raises(RuntimeError, match="deadlock"):
        loop.run_sync(lambda: loop.run_sync(lambda: None))


@pytest.mark.parametrize("label", [None, "", "a.workloop"])
def test_label(label):
    assert cygcd.Workloop(label).label == (label or "")


def test_label_is_required_and_without_nul():
    with pytest.raises(TypeError):
        cygcd.Workloop()
    with pytest.raises(ValueError):
        cygcd.Workloop("a\0b")


def test_inactive_workloop_refuses_work_until_it_is_activated():
    loop = cygcd.Workloop("lazy", inactive=True)
    assert loop.is_inactive
    assert repr(loop) == "<cygcd.Workloop 'lazy' inactive>"
    for call in (loop.run_async, loop.run_sync, loop.barrier_async, loop.barrier_sync):
        with pytest.raises(RuntimeError):
            call(lambda: None)
    with pytest.raises(RuntimeError):
        cygcd.Group().run_async(loop, lambda: None)
    loop.activate()
    assert not loop.is_inactive
    assert loop.run_sync(lambda: 1) == 1
    assert repr(loop) == "<cygcd.Workloop 'lazy' active>"
    with pytest.raises(RuntimeError):
        loop.activate()


def test_active_workloop_can_not_be_activated():
    with pytest.raises(RuntimeError):
        cygcd.Workloop("loop").activate()


@pytest.mark.parametrize("frequency", range(3))
def test_autorelease_frequency_is_taken_while_inactive(frequency):
    loop = cygcd.Workloop("loop", inactive=True)
    loop.set_autorelease_frequency(frequency)
    loop.set_autorelease_frequency(frequency=frequency)
    loop.set_autorelease_frequency(freq=frequency)
    loop.activate()
    with pytest.raises(RuntimeError):
        loop.set_autorelease_frequency(frequency)


@pytest.mark.parametrize("frequency", [3, -1, 2**40])
def test_unknown_autorelease_frequency_is_refused(frequency):
    with pytest.raises(ValueError):
        cygcd.Workloop("loop", inactive=True).set_autorelease_frequency(frequency)


@pytest.mark.parametrize("method", ["suspend", "resume"])
def test_workloop_can_not_be_suspended(method):
    with pytest.raises(RuntimeError):
        getattr(cygcd.Workloop("loop"), method)()


def test_workloop_can_not_be_retargeted():
    with pytest.raises(RuntimeError):
        cygcd.Workloop("loop").set_target_queue(cygcd.Queue())


def test_workloop_is_a_target():
    loop = cygcd.Workloop("loop")
    queues = [cygcd.Queue(target=loop) for _ in range(3)]
    seen = []
    for _ in range(20):
        for queue in queues:
            queue.run_async(lambda: seen.append(loop.is_current()))
    for queue in queues:
        queue.run_sync(lambda: None)
    assert seen == [True] * 60


def test_workloop_has_context_and_specifics():
    loop = cygcd.Workloop("loop")
    loop.set_context(1)
    loop.set_specific("key", 2)
    assert loop.get_context() == 1
    assert loop.run_sync(lambda: cygcd.get_specific("key")) == 2


def test_workloop_is_a_queue_for_everything():
    loop = cygcd.Workloop("loop")
    come = threading.Semaphore(0)
    where = []

    def note(*_):
        where.append(loop.is_current())
        come.release()

    group = cygcd.Group()
    group.run_async(loop, note)
    group.notify(loop, note)
    cygcd.apply(1, note, queue=loop)
    for _ in range(3):
        assert come.acquire(timeout=LIMIT)
    assert where == [True] * 3
