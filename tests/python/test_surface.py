# SPDX-License-Identifier: MIT
"""Every name of the package, with its parameters, their defaults and kinds, and the constants' values."""

import pytest
from conftest import signatures

import cygcd

CONSTANTS = {
    "DISPATCH_TIME_NOW": 0,
    "DISPATCH_TIME_FOREVER": 0xFFFFFFFFFFFFFFFF,
    "NSEC_PER_SEC": 10**9,
    "NSEC_PER_MSEC": 10**6,
    "NSEC_PER_USEC": 10**3,
    "USEC_PER_SEC": 10**6,
    "MSEC_PER_SEC": 10**3,
    "QUEUE_PRIORITY_HIGH": 2,
    "QUEUE_PRIORITY_DEFAULT": 0,
    "QUEUE_PRIORITY_LOW": -2,
    "QUEUE_PRIORITY_BACKGROUND": -32768,
    "QOS_CLASS_USER_INTERACTIVE": 0x21,
    "QOS_CLASS_USER_INITIATED": 0x19,
    "QOS_CLASS_DEFAULT": 0x15,
    "QOS_CLASS_UTILITY": 0x11,
    "QOS_CLASS_BACKGROUND": 0x09,
    "QOS_CLASS_UNSPECIFIED": 0x00,
    "PROC_EXIT": 0x80000000,
    "PROC_FORK": 0x40000000,
    "PROC_EXEC": 0x20000000,
    "PROC_SIGNAL": 0x08000000,
    "IO_STREAM": 0,
    "IO_RANDOM": 1,
    "IO_STOP": 1,
    "AUTORELEASE_FREQUENCY_INHERIT": 0,
    "AUTORELEASE_FREQUENCY_WORK_ITEM": 1,
    "AUTORELEASE_FREQUENCY_NEVER": 2,
}

SEED_CLASSES = {
    "Queue",
    "Group",
    "Semaphore",
    "Once",
    "Timer",
    "SignalSource",
    "ReadSource",
    "WriteSource",
    "ProcessSource",
    "Data",
    "Workloop",
    "IOChannel",
}
SEED_FUNCTIONS = {"apply", "time_from_now", "walltime", "read_async", "write_async", "get_specific"}
ADDITIONS = {"IO_STRICT_INTERVAL", "Time", "run_main", "set_max_threads", "stop_main", "current_label"}

SOURCE = {
    "start": ["(self)"],
    "cancel": ["(self)"],
    "cancel_and_wait": ["(self)"],
    "suspend": ["(self)"],
    "resume": ["(self)"],
    "set_cancel_handler": ["(self, handler)"],
    "set_registration_handler": ["(self, handler)"],
    "is_cancelled": None,
    "__enter__": ["(self)"],
    "__exit__": ["(self, *args)"],
}

# A signature for each overload; None for a property.
CLASSES = {
    "Queue": {
        "__init__": [
            "(self, label=None, concurrent=False, qos=0, relative_priority=0, target=None, inactive=False)",
        ],
        "global_queue": ["(priority=0)"],
        "main_queue": ["()"],
        "run_async": ["(self, func)"],
        "run_sync": ["(self, func)"],
        "barrier_async": ["(self, func)"],
        "barrier_sync": ["(self, func)"],
        "after": ["(self, delay_seconds, func)"],
        "suspend": ["(self)"],
        "resume": ["(self)"],
        "suspended": ["(self)"],
        "activate": ["(self)"],
        "set_target_queue": ["(self, target)", "(self, *, queue)"],
        "set_context": ["(self, value, finalizer=None)"],
        "get_context": ["(self)"],
        "set_specific": ["(self, key, value)"],
        "get_specific": ["(self, key)"],
        "is_current": ["(self)"],
        "label": None,
        "qos": None,
        "is_inactive": None,
    },
    "Group": {
        "__init__": ["(self)"],
        "run_async": ["(self, queue, func)"],
        "wait": ["(self, timeout_seconds=-1.0)", "(self, *, timeout)"],
        "notify": ["(self, queue, func)"],
        "enter": ["(self)"],
        "leave": ["(self)"],
        "entered": ["(self)"],
    },
    "Semaphore": {
        "__init__": ["(self, value=0)"],
        "wait": ["(self, timeout_seconds=-1.0)", "(self, *, timeout)"],
        "signal": ["(self)"],
        "__enter__": ["(self)"],
        "__exit__": ["(self, *args)"],
    },
    "Once": {"__init__": ["(self)"], "__call__": ["(self, func)"]},
    "Timer": {
        "__init__": ["(self, interval, handler, queue=None, start_delay=0.0, leeway=0.0, repeating=True)"],
        "set_timer": ["(self, interval, start_delay=0.0, leeway=0.0, repeating=None)"],
        **SOURCE,
    },
    "SignalSource": {"__init__": ["(self, signum, handler, queue=None)"], "signal": None, "count": None, **SOURCE},
    "ReadSource": {"__init__": ["(self, fd, handler, queue=None)"], "fd": None, "bytes_available": None, **SOURCE},
    "WriteSource": {"__init__": ["(self, fd, handler, queue=None)"], "fd": None, "buffer_space": None, **SOURCE},
    "ProcessSource": {
        "__init__": ["(self, pid, handler, events=2147483648, queue=None)"],
        "pid": None,
        "events_pending": None,
        **SOURCE,
    },
    "Data": {
        "__init__": ["(self, data=None)", "(self, *, bytes)"],
        "concat": ["(self, other)"],
        "subrange": ["(self, offset, length)"],
        "copy_region": ["(self, location)"],
        "apply": ["(self, func)"],
        "regions": ["(self)"],
        "__len__": ["(self)"],
        "__bytes__": ["(self)"],
        "__iter__": ["(self)"],
        "__eq__": ["(self, other)"],
        "__hash__": ["(self)"],
        "size": None,
    },
    "Workloop": {
        "__init__": ["(self, label, inactive=False)"],
        "set_autorelease_frequency": ["(self, frequency)", "(self, *, freq)"],
    },
    "IOChannel": {
        "__init__": ["(self, fd, io_type=0, queue=None, cleanup_handler=None)"],
        "read": ["(self, length, handler, offset=0, queue=None)"],
        "write": ["(self, data, handler, offset=0, queue=None)"],
        "close": ["(self, stop=False)"],
        "set_high_water": ["(self, size)"],
        "set_low_water": ["(self, size)"],
        "set_interval": ["(self, interval_ns, flags=0)", "(self, interval_ns, *, strict)"],
        "barrier": ["(self, handler, queue=None)"],
        "fd": None,
        "is_closed": None,
        "__enter__": ["(self)"],
        "__exit__": ["(self, *args)"],
    },
}

FUNCTIONS = {
    "apply": ["(iterations, func, queue=None)"],
    "time_from_now": ["(seconds)"],
    "walltime": ["(timestamp=0.0, delta_seconds=0.0)"],
    "read_async": ["(fd, length, handler, queue=None)", "(fd, length, *, callback, queue=None)"],
    "write_async": ["(fd, data, handler, queue=None)", "(fd, data, *, callback, queue=None)"],
    "get_specific": ["(key)"],
    "run_main": ["()"],
    "set_max_threads": ["(count)"],
    "stop_main": ["()"],
    "current_label": ["()"],
}

ROWS = [(owner, name, rows) for owner, members in CLASSES.items() for name, rows in members.items()]


@pytest.mark.parametrize(("name", "value"), CONSTANTS.items())
def test_constant_has_its_value(name, value):
    assert getattr(cygcd, name) == value
    assert isinstance(getattr(cygcd, name), int)


@pytest.mark.parametrize(("owner", "name", "rows"), ROWS, ids=[f"{owner}.{name}" for owner, name, _ in ROWS])
def test_member_has_its_signature(owner, name, rows):
    member = vars(getattr(cygcd, owner))[name]
    if rows is None:
        assert isinstance(member, property)
        assert member.__doc__
    else:
        assert [str(each) for each in signatures(getattr(getattr(cygcd, owner), name))] == rows


@pytest.mark.parametrize(("name", "rows"), FUNCTIONS.items())
def test_function_has_its_signature(name, rows):
    assert [str(each) for each in signatures(getattr(cygcd, name))] == rows


@pytest.mark.parametrize("owner", CLASSES)
def test_class_has_no_other_public_member(owner):
    public = {name for name in vars(getattr(cygcd, owner)) if not name.startswith("_")}
    assert public == {name for name in CLASSES[owner] if not name.startswith("_")}


def test_package_exports_the_seed_and_the_additions():
    assert len(CONSTANTS) == 27
    assert len(SEED_CLASSES) == 12
    assert len(SEED_FUNCTIONS) == 6
    assert set(cygcd.__all__) == set(CONSTANTS) | SEED_CLASSES | SEED_FUNCTIONS | ADDITIONS
    assert len(cygcd.__all__) == len(set(cygcd.__all__))
    assert all(hasattr(cygcd, name) for name in cygcd.__all__)


def test_additional_constant_has_its_value():
    assert cygcd.IO_STRICT_INTERVAL == 1


def test_version_is_told_by_package_and_module():
    assert cygcd.__version__ == "0.2.0"
    assert cygcd._core.__version__ == cygcd.__version__


def test_workloop_is_a_queue():
    assert issubclass(cygcd.Workloop, cygcd.Queue)


@pytest.mark.parametrize("owner", sorted(SEED_CLASSES))
def test_everything_is_documented(owner):
    kind = getattr(cygcd, owner)
    assert kind.__doc__.strip()
    for name in CLASSES[owner]:
        assert getattr(kind, name).__doc__.strip()


def test_arguments_can_be_given_by_name():
    queue = cygcd.Queue(label="q", concurrent=True, qos=0x11, relative_priority=-1, target=None, inactive=False)
    assert queue.run_sync(func=lambda: 1) == 1
    assert cygcd.Queue.global_queue(priority=2).label
    assert cygcd.Group().wait(timeout_seconds=0)
    assert cygcd.Group().wait(timeout=0)
    assert cygcd.Semaphore(value=1).wait(timeout=0)
    assert cygcd.Semaphore(value=1).wait(timeout_seconds=0)
    cygcd.Queue("t").set_target_queue(queue=queue)
    cygcd.Queue("t").set_target_queue(target=queue)
    cygcd.Workloop(label="w", inactive=True).set_autorelease_frequency(freq=1)
    cygcd.Workloop(label="w", inactive=True).set_autorelease_frequency(frequency=1)
    nothing = lambda *_: None  # noqa: E731
    cygcd.apply(iterations=1, func=nothing, queue=queue)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cygcd.Semaphore(1).wait(0, timeout=0),
        lambda: cygcd.Semaphore(1).wait(limit=0),
        lambda: cygcd.Data(b"a", bytes=b"a"),
        lambda: cygcd.Queue("q").set_target_queue(cygcd.Queue("t"), queue=cygcd.Queue("t")),
        lambda: cygcd.Queue("q").set_target_queue(),
        lambda: cygcd.read_async(0, 1),
    ],
)
def test_both_spellings_at_once_or_none_are_refused(call):
    with pytest.raises(TypeError):
        call()
