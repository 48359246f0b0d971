# SPDX-License-Identifier: MIT
"""Timer."""

import gc
import threading
import time
import warnings
import weakref

import pytest
from conftest import LIMIT, eventually, start_and_cancel_twice

import cygcd


class Ticks:
    """Counts calls, and says how long after its making each came."""

    def __init__(self):
        self.start = time.monotonic()
        self.times = []
        self._come = threading.Semaphore(0)

    def __call__(self):
        self.times.append(time.monotonic() - self.start)
        self._come.release()

    def wait(self, count=1):
        return all(self._come.acquire(timeout=LIMIT) for _ in range(count))


def test_repeating_timer_fires_at_once_and_again():
    ticks = Ticks()
    timer = cygcd.Timer(0.02, ticks)
    assert not timer.is_cancelled
    timer.start()
    assert ticks.wait(3)
    timer.cancel()
    assert timer.is_cancelled
    assert ticks.times[2] >= 0.039


def test_start_delay_holds_the_first_firing_back():
    ticks = Ticks()
    with cygcd.Timer(0.01, ticks, start_delay=0.05):
        assert ticks.wait(2)
    assert ticks.times[0] >= 0.049


@pytest.mark.parametrize("delay", [0.0, -1])
def test_one_shot_fires_once_after_its_interval(delay):
    ticks = Ticks()
    timer = cygcd.Timer(0.04, ticks, repeating=False, start_delay=delay)
    timer.start()
    assert ticks.wait()
    assert ticks.times[0] >= 0.039
    time.sleep(0.05)
    assert len(ticks.times) == 1


def test_one_shot_fires_after_its_start_delay_if_it_has_one():
    ticks = Ticks()
    timer = cygcd.Timer(60, ticks, start_delay=0.03, repeating=False)
    timer.start()
    assert ticks.wait()
    assert ticks.times[0] >= 0.029


def test_negative_start_delay_of_a_repeating_timer_fires_at_once():
    ticks = Ticks()
    with cygcd.Timer(60, ticks, start_delay=-5):
        assert ticks.wait()


def test_one_shot_may_have_interval_zero():
    ticks = Ticks()
    timer = cygcd.Timer(0, ticks, repeating=False)
    timer.start()
    assert ticks.wait()


@pytest.mark.parametrize("make", [cygcd.time_from_now, lambda delay: cygcd.walltime(delta_seconds=delay)])
def test_start_delay_may_be_a_point_in_time(make):
    ticks = Ticks()
    timer = cygcd.Timer(60, ticks, start_delay=make(0.03), repeating=False)
    timer.start()
    assert ticks.wait()
    assert ticks.times[0] >= 0.028


def test_set_timer_keeps_the_kind_unless_told():
    ticks = Ticks()
    one_shot = cygcd.Timer(60, ticks, repeating=False)
    one_shot.start()
    one_shot.set_timer(0.01)
    assert ticks.wait()
    time.sleep(0.04)
    assert len(ticks.times) == 1
    one_shot.set_timer(0.01, repeating=True)
    assert ticks.wait(3)
    one_shot.set_timer(interval=0.01, repeating=None)
    assert ticks.wait(3)
    assert "repeating" in repr(one_shot)
    one_shot.cancel()


def test_a_refused_set_timer_changes_nothing():
    one_shot = cygcd.Timer(0.01, lambda: None, repeating=False)
    with pytest.raises(ValueError):
        one_shot.set_timer(0, repeating=True)
    assert repr(one_shot) == "<cygcd.Timer one-shot, 0.01 s, not started>"


def test_set_timer_before_start_counts_from_start():
    ticks = Ticks()
    timer = cygcd.Timer(60, ticks, repeating=False)
    timer.set_timer(0.03)
    timer.start()
    assert ticks.wait()
    assert ticks.times[0] >= 0.029


def test_handler_runs_on_its_queue():
    queue = cygcd.Queue("of.the.timer")
    labels = []
    done = threading.Event()
    timer = cygcd.Timer(0, lambda: (labels.append(cygcd.current_label()), done.set()), queue, repeating=False)
    timer.start()
    assert done.wait(LIMIT)
    assert labels == ["of.the.timer"]


def test_handler_never_overlaps_itself():
    inside, overlaps = [], []
    done = threading.Event()

    def tick():
        overlaps.append(bool(inside))
        inside.append(1)
        time.sleep(0.003)
        inside.pop()
        if len(overlaps) >= 5:
            done.set()

    with cygcd.Timer(0.001, tick):
        assert done.wait(LIMIT)
    assert not any(overlaps)


def test_start_and_cancel_again_are_harmless_and_start_after_cancel_is_refused():
    start_and_cancel_twice(cygcd.Timer(60, lambda: None, start_delay=60))


def test_timer_can_cancel_itself():
    calls = []
    cancelled = threading.Event()

    def tick():
        calls.append(1)
        timer.cancel()

    timer = cygcd.Timer(0.005, tick)
    timer.set_cancel_handler(cancelled.set)
    timer.start()
    assert cancelled.wait(LIMIT)
    assert calls == [1]


def test_cancel_handler_runs_after_the_event_handler():
    log = []
    inside, gate, done = threading.Event(), threading.Event(), threading.Event()

    def tick():
        inside.set()
        gate.wait(LIMIT)
        log.append("event")

    timer = cygcd.Timer(60, tick)
    timer.set_cancel_handler(lambda: (log.append("cancel"), done.set()))
    timer.start()
    assert inside.wait(LIMIT)
    timer.cancel()
    gate.set()
    assert done.wait(LIMIT)
    assert log == ["event", "cancel"]


def test_registration_handler_runs_once_started():
    registered = threading.Event()
    timer = cygcd.Timer(60, lambda: None, start_delay=60)
    timer.set_registration_handler(registered.set)
    assert not registered.wait(0.01)
    timer.start()
    assert registered.wait(LIMIT)
    with pytest.raises(RuntimeError):
        timer.set_registration_handler(registered.set)
    timer.cancel()


def test_cancel_and_wait_waits_for_the_handler():
    log = []
    inside = threading.Event()

    def tick():
        inside.set()
        time.sleep(0.03)
        log.append("event")

    timer = cygcd.Timer(60, tick)
    timer.start()
    assert inside.wait(LIMIT)
    timer.cancel_and_wait()
    assert log == ["event"]


def test_cancel_and_wait_inside_the_handler_is_refused():
    errors = []
    done = threading.Event()

    def tick():
        try:
            timer.cancel_and_wait()
        except RuntimeError as error:
            errors.append(error)
        done.set()

    timer = cygcd.Timer(60, tick)
    timer.start()
    assert done.wait(LIMIT)
    assert len(errors) == 1
    timer.cancel()


def test_suspended_timer_holds_its_handler_back():
    ticks = Ticks()
    timer = cygcd.Timer(0.005, ticks)
    timer.suspend()
    timer.start()
    time.sleep(0.03)
    assert ticks.times == []
    timer.resume()
    assert ticks.wait()
    with pytest.raises(RuntimeError):
        timer.resume()
    timer.cancel()


def test_errors_of_the_handler_reach_the_unraisable_hook(unraisable):
    def fail():
        raise KeyboardInterrupt

    timer = cygcd.Timer(0, fail, repeating=False)
    timer.start()
    error, where = unraisable.next()
    assert isinstance(error, KeyboardInterrupt)
    assert where is fail


def test_dropped_while_started_it_is_cancelled_with_a_warning():
    ticks = Ticks()
    timer = cygcd.Timer(0.005, ticks)
    cancelled = threading.Event()
    timer.set_cancel_handler(cancelled.set)
    timer.start()
    assert ticks.wait()
    with pytest.warns(ResourceWarning, match="Timer was dropped"):
        del timer
        gc.collect()
    assert cancelled.wait(LIMIT)


def test_dropped_otherwise_there_is_no_warning(unraisable):
    ticks = Ticks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cygcd.Timer(1, lambda: None)
        with cygcd.Timer(0.001, lambda: None):
            pass
        finished = cygcd.Timer(0, ticks, repeating=False)
        finished.start()
        assert ticks.wait()
        del finished
    assert unraisable.seen == []


def test_handler_is_let_go_after_cancellation():
    class Handler:
        def __call__(self):
            pass

    handler = Handler()
    gone = weakref.ref(handler)
    timer = cygcd.Timer(0.001, handler)
    del handler
    timer.start()
    timer.cancel()
    del timer
    assert eventually(lambda: gone() is None)


@pytest.mark.parametrize(
    "values",
    [
        {"interval": -1},
        {"interval": 0},
        {"interval": float("nan")},
        {"interval": 1, "leeway": -0.1},
        {"interval": 1, "leeway": float("nan")},
        {"interval": 1, "start_delay": float("nan")},
        {"interval": -1, "repeating": False},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValueError):
        cygcd.Timer(handler=lambda: None, **values)
    timer = cygcd.Timer(1, lambda: None)
    with pytest.raises(ValueError):
        timer.set_timer(**values)


def test_kind_of_a_new_timer_is_a_bool():
    with pytest.raises(TypeError):
        cygcd.Timer(1, print, repeating=None)
    with pytest.raises(TypeError):
        cygcd.Timer(1, print, None, 0, 0, None)


def test_very_long_times_are_for_ever():
    ticks = Ticks()
    for value in (float("inf"), 1e300, 10**400):
        with cygcd.Timer(value, ticks, start_delay=value, leeway=value):
            pass
    with cygcd.Timer(float("inf"), ticks):
        assert ticks.wait()


def test_repr_and_weak_reference():
    timer = cygcd.Timer(0.5, lambda: None)
    assert repr(timer) == "<cygcd.Timer repeating, 0.5 s, not started>"
    with timer as entered:
        assert entered is timer
        assert repr(timer) == "<cygcd.Timer repeating, 0.5 s, started>"
    assert repr(timer) == "<cygcd.Timer repeating, 0.5 s, cancelled>"
    assert "one-shot" in repr(cygcd.Timer(0.5, lambda: None, repeating=False))
    assert weakref.ref(timer)() is timer
