# SPDX-License-Identifier: MIT
"""time_from_now, walltime, and the int subclass they give."""

import time

import pytest

import cygcd


def test_times_are_ints_that_know_their_clock():
    uptime, wall = cygcd.time_from_now(1), cygcd.walltime(delta_seconds=1)
    assert isinstance(uptime, int)
    assert isinstance(wall, cygcd.Time)
    assert (uptime.clock, wall.clock) == ("uptime", "wall")
    assert str(uptime) == str(int(uptime))
    assert "uptime" in repr(uptime)
    assert "wall" in repr(wall)
    assert type(uptime + 1) is int
    assert hash(uptime) == hash(int(uptime))


def test_later_is_larger_on_the_uptime_clock():
    assert cygcd.time_from_now(-1) < cygcd.time_from_now(0) < cygcd.time_from_now(1)
    assert cygcd.time_from_now(seconds=0.5).clock == "uptime"


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 10**400, 10**12])
def test_too_long_a_time_is_for_ever(seconds):
    assert cygcd.time_from_now(seconds) == cygcd.DISPATCH_TIME_FOREVER
    assert cygcd.walltime(delta_seconds=seconds) == cygcd.DISPATCH_TIME_FOREVER
    assert cygcd.walltime(seconds) == cygcd.DISPATCH_TIME_FOREVER
    assert "forever" in repr(cygcd.time_from_now(seconds))


@pytest.mark.parametrize(
    "call",
    [
        lambda bad: cygcd.time_from_now(bad),
        lambda bad: cygcd.walltime(bad),
        lambda bad: cygcd.walltime(0, bad),
        lambda bad: cygcd.Queue().after(bad, print),
        lambda bad: cygcd.Timer(bad, print),
        lambda bad: cygcd.Timer(1, print, start_delay=bad),
        lambda bad: cygcd.Timer(1, print, leeway=bad),
    ],
)
def test_nan_is_refused(call):
    with pytest.raises(ValueError):
        call(float("nan"))


@pytest.mark.parametrize("value", [None, "1", [], print])
def test_times_must_be_numbers(value):
    with pytest.raises(TypeError):
        cygcd.time_from_now(value)
    with pytest.raises(TypeError):
        cygcd.walltime(value)
    with pytest.raises(TypeError):
        cygcd.Queue().after(value, lambda: None)


def test_walltime_of_zero_is_now():
    before = cygcd.walltime(time.time() - 0.1)
    after = cygcd.walltime(time.time() + 0.1)
    # Wall times are negative numbers in 64 bits: later ones are smaller.
    assert after < cygcd.walltime() < before
    assert after < cygcd.walltime(timestamp=0, delta_seconds=0) < before


def test_walltime_adds_the_delta_to_the_timestamp():
    at = 1_700_000_000
    assert cygcd.walltime(at, 5) == cygcd.walltime(at + 5)
    assert cygcd.walltime(at, -5) == cygcd.walltime(at - 5)
    assert cygcd.walltime(at) - cygcd.walltime(at, 1) == cygcd.NSEC_PER_SEC


def test_times_before_1970_are_past_and_not_for_ever():
    long_ago = cygcd.walltime(-5)
    assert long_ago != cygcd.DISPATCH_TIME_FOREVER
    assert long_ago.clock == "wall"
    group = cygcd.Group()
    group.enter()
    assert group.wait(long_ago) is False
    group.leave()


def test_past_times_do_not_wait():
    semaphore = cygcd.Semaphore()
    for past in (cygcd.time_from_now(-1), cygcd.time_from_now(0), cygcd.walltime(delta_seconds=-1)):
        assert semaphore.wait(past) is False


def test_time_can_be_made_of_its_raw_value():
    made = cygcd.Time(int(cygcd.time_from_now(0)))
    assert made.clock == "uptime"
    for bad in (-1, 2**64):
        with pytest.raises(ValueError):
            cygcd.Time(bad)


def test_what_a_number_raises_in_its_conversion_comes_out():
    class Broken:
        def __float__(self):
            raise KeyError("no value")

    for call in (cygcd.time_from_now, cygcd.walltime, cygcd.Group().wait, lambda n: cygcd.Queue().after(n, print)):
        with pytest.raises(KeyError, match="no value"):
            call(Broken())
