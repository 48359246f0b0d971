# SPDX-License-Identifier: MIT
"""The main queue, and run_main and stop_main that serve it."""

import threading

import pytest
from conftest import LIMIT, Alarm

import cygcd


def serve(*callables):
    """Runs callables on the main queue, then stops."""
    main = cygcd.Queue.main_queue()
    for callable_ in callables:
        main.run_async(callable_)
    main.run_async(cygcd.stop_main)
    cygcd.run_main()


def test_items_run_on_the_main_thread_in_order():
    seen = []
    serve(*(lambda number=number: seen.append((number, threading.get_ident())) for number in range(10)))
    assert seen == [(number, threading.main_thread().ident) for number in range(10)]


def test_main_queue_is_current_inside_its_items():
    seen = []
    main = cygcd.Queue.main_queue()
    serve(lambda: seen.append((main.is_current(), cygcd.current_label())))
    assert seen == [(True, "com.apple.main-thread")]


def test_stop_from_another_thread():
    thread = threading.Timer(0.02, cygcd.stop_main)
    thread.start()
    cygcd.run_main()
    thread.join(LIMIT)


def test_early_stop_ends_the_next_run():
    seen = []
    cygcd.Queue.main_queue().run_async(lambda: seen.append(1))
    cygcd.stop_main()
    cygcd.run_main()
    assert seen == [1]


def test_other_threads_sync_onto_the_main_queue():
    results = []

    def ask():
        results.append(cygcd.Queue.main_queue().run_sync(threading.get_ident))
        try:
            cygcd.Queue.main_queue().run_sync(lambda: 1 / 0)
        except ZeroDivisionError as error:
            results.append(type(error))
        cygcd.stop_main()

    thread = threading.Thread(target=ask)
    thread.start()
    cygcd.run_main()
    thread.join(LIMIT)
    assert results == [threading.main_thread().ident, ZeroDivisionError]


def test_errors_of_items_reach_the_unraisable_hook(unraisable):
    def fail():
        raise SystemExit

    serve(fail)
    error, where = unraisable.next()
    assert isinstance(error, SystemExit)
    assert where is fail


def test_run_main_answers_signals(alarm):
    with pytest.raises(Alarm):
        alarm()
        cygcd.run_main()
    serve()


def test_run_main_inside_itself_is_refused():
    errors = []

    def nest():
        try:
            cygcd.run_main()
        except RuntimeError as error:
            errors.append(error)

    serve(nest)
    assert len(errors) == 1


def test_run_main_off_the_main_thread_is_refused():
    errors = []

    def run():
        try:
            cygcd.run_main()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LIMIT)
    assert len(errors) == 1


@pytest.mark.parametrize("method", ["run_sync", "barrier_sync"])
def test_sync_onto_the_main_queue_from_the_main_thread_is_refused(method):
    with pytest.raises(RuntimeError, match="deadlock"):
        getattr(cygcd.Queue.main_queue(), method)(lambda: None)


@pytest.mark.parametrize("method", ["suspend", "resume", "activate"])
def test_state_of_the_main_queue_can_not_be_changed(method):
    for queue in (cygcd.Queue.main_queue(), cygcd.Queue.global_queue()):
        with pytest.raises(RuntimeError):
            getattr(queue, method)()
        with pytest.raises(RuntimeError):
            queue.set_target_queue(cygcd.Queue())
