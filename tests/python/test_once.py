# SPDX-License-Identifier: MIT
"""Once."""

import threading
import weakref

import pytest
from conftest import LIMIT, Alarm

import cygcd


def test_runs_one_callable_once():
    once = cygcd.Once()
    seen = []
    assert repr(once) == "<cygcd.Once pending>"
    assert once(lambda: seen.append(1)) is None
    once(lambda: seen.append(2))
    assert seen == [1]
    assert repr(once) == "<cygcd.Once done>"


def test_second_caller_waits_for_the_first():
    once = cygcd.Once()
    started, gate = threading.Event(), threading.Event()
    log = []

    def first():
        started.set()
        gate.wait(LIMIT)
        log.append("first")

    def second():
        once(lambda: log.append("never"))
        log.append("second")

    threads = [threading.Thread(target=once, args=(first,))]
    threads[0].start()
    assert started.wait(LIMIT)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    threads[1].join(0.05)
    assert log == []
    gate.set()
    for thread in threads:
        thread.join(LIMIT)
    assert log == ["first", "second"]


def test_many_threads_run_it_once():
    once = cygcd.Once()
    seen = []
    cygcd.apply(50, lambda _: once(lambda: seen.append(1)))
    assert seen == [1]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_error_comes_out_and_it_may_be_tried_again(kind):
    once = cygcd.Once()
    error = kind("not yet")

    def fail():
        raise error

    with pytest.raises(kind) as caught:
        once(fail)
    assert caught.value is error
    seen = []
    once(lambda: seen.append(1))
    assert seen == [1]


def test_recursion_is_refused():
    once = cygcd.Once()
    with pytest.raises(RuntimeError):
        once(lambda: once(lambda: None))
    seen = []
    once(lambda: seen.append(1))
    assert seen == [1]


@pytest.mark.parametrize("func", [None, 1, "f"])
def test_argument_must_be_callable(func):
    once = cygcd.Once()
    with pytest.raises(TypeError):
        once(func)
    once(lambda: None)
    with pytest.raises(TypeError):
        once(func)


def test_callable_that_is_not_needed_is_let_go():
    class Callable:
        def __call__(self):
            pass

    once = cygcd.Once()
    once(lambda: None)
    callable_ = Callable()
    gone = weakref.ref(callable_)
    once(callable_)
    del callable_
    assert gone() is None


def test_waiting_on_the_main_thread_answers_signals(alarm):
    once = cygcd.Once()
    started, gate = threading.Event(), threading.Event()
    thread = threading.Thread(target=once, args=(lambda: (started.set(), gate.wait(LIMIT)),))
    thread.start()
    assert started.wait(LIMIT)
    with pytest.raises(Alarm):
        alarm()
        once(lambda: None)
    gate.set()
    thread.join(LIMIT)
