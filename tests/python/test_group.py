# SPDX-License-Identifier: MIT
"""Group: counting, waiting, notifying."""

import threading
import time
import weakref

import pytest
from conftest import LIMIT, Alarm

import cygcd


def test_wait_waits_for_all_items():
    group = cygcd.Group()
    queue = cygcd.Queue.global_queue()
    seen = []
    for number in range(20):
        group.run_async(queue, lambda number=number: seen.append(number))
    assert group.wait(LIMIT) is True
    assert sorted(seen) == list(range(20))


def test_empty_group_is_waited_for_at_once():
    assert cygcd.Group().wait() is True
    assert cygcd.Group().wait(None) is True
    assert cygcd.Group().wait(0) is True
    assert cygcd.Group().wait(timeout=-1) is True
    assert cygcd.Group().wait(timeout_seconds=-1.0) is True


@pytest.mark.parametrize("make", [float, cygcd.time_from_now, lambda limit: cygcd.walltime(delta_seconds=limit)])
def test_wait_gives_up_at_its_limit(make):
    group = cygcd.Group()
    group.enter()
    start = time.monotonic()
    assert group.wait(make(0.03)) is False
    assert time.monotonic() - start >= 0.029
    assert group.wait(0) is False
    group.leave()
    assert group.wait(make(0.03)) is True


@pytest.mark.parametrize("limit", [float("inf"), 10**400, 1e300, cygcd.DISPATCH_TIME_FOREVER, None, -1])
def test_too_long_a_limit_is_for_ever(limit):
    group = cygcd.Group()
    group.enter()
    threading.Timer(0.02, group.leave).start()
    assert group.wait(limit) is True


@pytest.mark.parametrize("limit", [-2, -0.5, float("nan"), float("-inf"), -(10**400)])
def test_other_negative_limits_are_refused(limit):
    for call in (lambda: cygcd.Group().wait(limit), lambda: cygcd.Group().wait(timeout=limit)):
        with pytest.raises(ValueError):
            call()


def test_enter_returns_none_and_is_balanced_by_leave():
    group = cygcd.Group()
    assert group.enter() is None
    assert repr(group) == "<cygcd.Group busy>"
    assert group.leave() is None
    assert repr(group) == "<cygcd.Group empty>"
    with pytest.raises(RuntimeError):
        group.leave()
    assert group.wait(0)


def test_entered_leaves_at_the_end_of_the_block():
    group = cygcd.Group()
    with group.entered():
        assert group.wait(0) is False
    assert group.wait(0) is True
    with pytest.raises(KeyError), group.entered():
        raise KeyError
    assert group.wait(0) is True


def test_notify_runs_when_the_group_is_empty():
    group = cygcd.Group()
    queue = cygcd.Queue()
    seen = []
    group.enter()
    for number in range(3):
        group.notify(queue, lambda number=number: seen.append(number))
    assert seen == []
    group.leave()
    assert group.wait(LIMIT)
    queue.run_sync(lambda: None)
    assert sorted(seen) == [0, 1, 2]


def test_notify_of_an_empty_group_runs_at_once():
    ran = threading.Event()
    cygcd.Group().notify(cygcd.Queue(), ran.set)
    assert ran.wait(LIMIT)


def test_notify_items_stand_in_their_queue_before_wait_returns():
    for _ in range(100):
        group = cygcd.Group()
        queue = cygcd.Queue()
        seen = []
        group.run_async(cygcd.Queue.global_queue(), lambda: None)
        group.notify(queue, lambda seen=seen: seen.append(1))
        assert group.wait(LIMIT)
        queue.run_sync(lambda: None)
        assert seen == [1]


def test_group_can_be_used_again():
    group = cygcd.Group()
    queue = cygcd.Queue()
    for _ in range(3):
        group.run_async(queue, lambda: None)
        assert group.wait(LIMIT)


def test_error_of_an_item_reaches_the_hook_and_the_item_counts_as_done(unraisable):
    group = cygcd.Group()

    def fail():
        raise ValueError

    group.run_async(cygcd.Queue(), fail)
    assert group.wait(LIMIT)
    error, where = unraisable.next()
    assert isinstance(error, ValueError)
    assert where is fail


def test_dropped_group_lets_its_items_run():
    done = threading.Event()
    gate = threading.Event()
    group = cygcd.Group()
    group.run_async(cygcd.Queue(), lambda: (gate.wait(LIMIT), done.set()))
    del group
    gate.set()
    assert done.wait(LIMIT)


def test_dropping_an_entered_group_is_harmless():
    group = cygcd.Group()
    group.enter()
    del group


def test_wait_on_the_main_thread_answers_signals(alarm):
    group = cygcd.Group()
    group.enter()
    with pytest.raises(Alarm):
        alarm()
        group.wait()
    group.leave()
    assert group.wait(0)


def test_wait_releases_the_gil():
    group = cygcd.Group()
    group.enter()
    threading.Timer(0.02, group.leave).start()
    assert group.wait(LIMIT)


@pytest.mark.parametrize("queue", [None, 1, "queue"])
def test_queue_must_be_one(queue):
    with pytest.raises(TypeError):
        cygcd.Group().run_async(queue, lambda: None)
    with pytest.raises(TypeError):
        cygcd.Group().notify(queue, lambda: None)


def test_group_can_be_referenced_weakly():
    group = cygcd.Group()
    assert weakref.ref(group)() is group


def test_leave_cannot_take_the_count_of_an_item():
    queue = cygcd.Queue("items")
    group = cygcd.Group()
    with queue.suspended():
        group.run_async(queue, lambda: None)
        with pytest.raises(RuntimeError):
            group.leave()
        assert group.wait(0) is False
    assert group.wait(5)
