# SPDX-License-Identifier: MIT
"""Semaphore."""

import threading
import time
import weakref

import pytest
from conftest import LIMIT, Alarm

import cygcd


def test_units_are_taken_and_given():
    semaphore = cygcd.Semaphore(2)
    assert semaphore.wait(0) is True
    assert semaphore.wait(timeout=0) is True
    assert semaphore.wait(0) is False
    assert semaphore.signal() is False
    assert semaphore.wait() is True


def test_value_is_zero_by_default():
    assert cygcd.Semaphore().wait(0) is False
    assert cygcd.Semaphore(value=1).wait(0) is True


@pytest.mark.parametrize("value", [-1, -(2**70)])
def test_negative_value_is_refused(value):
    with pytest.raises(ValueError):
        cygcd.Semaphore(value)


@pytest.mark.parametrize("value", [None, "1", 1.5])
def test_value_must_be_an_int(value):
    with pytest.raises(TypeError):
        cygcd.Semaphore(value)


@pytest.mark.parametrize("make", [float, cygcd.time_from_now, lambda limit: cygcd.walltime(delta_seconds=limit)])
def test_wait_gives_up_at_its_limit(make):
    semaphore = cygcd.Semaphore()
    start = time.monotonic()
    assert semaphore.wait(make(0.03)) is False
    assert time.monotonic() - start >= 0.029


@pytest.mark.parametrize("limit", [-1, -1.0, None, float("inf"), 10**400, cygcd.DISPATCH_TIME_FOREVER])
def test_wait_for_ever(limit):
    semaphore = cygcd.Semaphore()
    threading.Timer(0.02, semaphore.signal).start()
    assert semaphore.wait(limit) is True
    threading.Timer(0.02, semaphore.signal).start()
    assert semaphore.wait(timeout=limit) is True


@pytest.mark.parametrize("limit", [-2, -0.001, float("nan"), float("-inf"), -(10**400)])
def test_other_negative_limits_are_refused(limit):
    semaphore = cygcd.Semaphore(1)
    for call in (
        lambda: semaphore.wait(limit),
        lambda: semaphore.wait(timeout=limit),
        lambda: semaphore.wait(timeout_seconds=limit),
    ):
        with pytest.raises(ValueError):
            call()
    assert semaphore.wait(0), "a unit was taken"


@pytest.mark.parametrize("limit", ["1", [], object()])
def test_limit_must_be_a_number(limit):
    with pytest.raises(TypeError):
        cygcd.Semaphore(1).wait(limit)


def test_signal_wakes_a_waiting_thread():
    semaphore = cygcd.Semaphore()
    results = []
    thread = threading.Thread(target=lambda: results.append(semaphore.wait(LIMIT)))
    thread.start()
    semaphore.signal()
    thread.join(LIMIT)
    assert results == [True]


def test_block_takes_and_gives_back():
    semaphore = cygcd.Semaphore(1)
    with semaphore as held:
        assert held is semaphore
        assert semaphore.wait(0) is False
    with pytest.raises(KeyError), semaphore:
        raise KeyError
    assert semaphore.wait(0) is True


def test_concurrency_is_limited():
    semaphore = cygcd.Semaphore(2)
    inside, most = [], []

    def work(_):
        with semaphore:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.001)
            inside.pop()

    cygcd.apply(12, work)
    assert len(most) == 12
    assert max(most) <= 2


def test_dropping_one_below_its_value_is_harmless():
    semaphore = cygcd.Semaphore(3)
    assert semaphore.wait(0)
    del semaphore


def test_ping_pong():
    ping, pong = cygcd.Semaphore(), cygcd.Semaphore()
    queue = cygcd.Queue()
    queue.run_async(lambda: [(ping.wait(LIMIT), pong.signal()) for _ in range(200)])
    for _ in range(200):
        ping.signal()
        assert pong.wait(LIMIT)


def test_wait_on_the_main_thread_answers_signals(alarm):
    semaphore = cygcd.Semaphore()
    with pytest.raises(Alarm):
        alarm()
        semaphore.wait()
    assert semaphore.wait(0) is False
    semaphore.signal()
    assert semaphore.wait(0) is True


def test_repr_and_weak_reference():
    semaphore = cygcd.Semaphore(2)
    assert repr(semaphore) == "<cygcd.Semaphore made with 2>"
    assert weakref.ref(semaphore)() is semaphore
