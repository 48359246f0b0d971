# SPDX-License-Identifier: MIT
"""As test_misuse.py, of delayed items, sources, data, and input and output."""

import gc
import weakref

import pytest
import test_misuse
from conftest import run_script

import cygcd

CLASSES = sorted(test_misuse.EVENTS)


@pytest.mark.parametrize("name", CLASSES)
def test_object_without_init_is_refused_by_every_method(name):
    test_misuse.test_object_without_init_is_refused_by_every_method(name)


def test_data_without_init_are_refused_as_buffer_and_as_argument():
    raw = cygcd.Data.__new__(cygcd.Data)
    with pytest.raises(BufferError):
        memoryview(raw)
    with pytest.raises(TypeError):
        cygcd.Data(b"x").concat(raw)


@pytest.mark.parametrize("name", CLASSES)
def test_subclass_that_forgets_init_is_refused(name):
    test_misuse.test_subclass_that_forgets_init_is_refused(name)


@pytest.mark.parametrize("name", CLASSES)
def test_second_init_changes_nothing(name):
    test_misuse.test_second_init_changes_nothing(name)


@pytest.mark.parametrize("name", CLASSES)
def test_objects_can_be_referenced_weakly_and_not_pickled(name):
    test_misuse.test_objects_can_be_referenced_weakly_and_not_pickled(name)


@pytest.mark.parametrize("func", [None, 5, "text", []])
def test_what_can_not_be_called_is_refused_everywhere(func):
    calls = [
        lambda: cygcd.Queue().after(0, func),
        lambda: cygcd.Timer(1, func),
        lambda: cygcd.SignalSource(10, func),
        lambda: cygcd.ReadSource(0, func),
        lambda: cygcd.WriteSource(0, func),
        lambda: cygcd.ProcessSource(1, func),
        lambda: cygcd.Data(b"x").apply(func),
        lambda: cygcd.Data().apply(func),
        lambda: cygcd.Timer(1, print).set_cancel_handler(func),
        lambda: cygcd.Timer(1, print).set_registration_handler(func),
        lambda: cygcd.read_async(0, 1, func),
        lambda: cygcd.write_async(1, b"", func),
    ]
    if func is not None:
        calls.append(lambda: cygcd.IOChannel(0, cleanup_handler=func))
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_nothing_is_kept_of_what_was_refused():
    class Callable:
        def __call__(self, *_):
            pass

    callable_ = Callable()
    gone = weakref.ref(callable_)
    for call in (
        lambda: cygcd.Queue().after(float("nan"), callable_),
        lambda: cygcd.Timer(-1, callable_),
        lambda: cygcd.ReadSource(-1, callable_),
        lambda: cygcd.SignalSource(0, callable_),
        lambda: cygcd.ProcessSource(0, callable_),
        lambda: cygcd.IOChannel(-1, cleanup_handler=callable_),
        lambda: cygcd.IOChannel(1, 7, cleanup_handler=callable_),
        lambda: cygcd.read_async(-1, 1, callable_),
        lambda: cygcd.write_async(-1, b"", callable_),
    ):
        with pytest.raises(ValueError):
            call()
    callable_ = call = None
    gc.collect()
    assert gone() is None


def test_messages_say_what_would_be_right():
    with pytest.raises(ValueError, match="above zero"):
        cygcd.Timer(0, print)


def test_dropping_everything_in_any_state_ends_well():
    done = run_script(
        """
        import cygcd
        t = cygcd.Timer(1, print); t.suspend(); del t
        t = cygcd.Timer(1, print, start_delay=9); t.start(); t.suspend(); del t
        c = cygcd.IOChannel(0); del c
        cygcd.Queue("last").run_sync(lambda: print("alive"))
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
