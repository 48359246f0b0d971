# SPDX-License-Identifier: MIT
"""The interpreter ends with work in flight, and the process ends with it: without a crash, a hang or a word."""

import textwrap

import pytest
from conftest import run_script

SITUATIONS = {
    "queue items that wait": """
        q = cygcd.Queue("q")
        for _ in range(1000): q.run_async(lambda: time.sleep(0.001))
    """,
    "items on many threads": """
        g = cygcd.Queue.global_queue()
        for _ in range(200): g.run_async(lambda: sum(range(10000)))
    """,
    "a specific and a context": """
        class Value:
            def __del__(self): pass
        q = cygcd.Queue("q")
        q.set_specific("key", Value())
        q.set_context(Value(), lambda: None)
    """,
    "a queue dropped at the last moment": """
        q = cygcd.Queue("q")
        q.set_context(object(), lambda: None)
        q.set_specific("key", object())
        del q
    """,
    "a suspended queue with items": """
        q = cygcd.Queue("q")
        q.suspend()
        q.run_async(lambda: None)
    """,
    "an inactive queue with items": """
        q = cygcd.Queue("q", inactive=True)
        q.run_async(lambda: None)
    """,
    "a group with a notification": """
        g = cygcd.Group()
        g.enter()
        g.notify(cygcd.Queue(), lambda: None)
    """,
    "a thread that waits": """
        s = cygcd.Semaphore()
        threading.Thread(target=s.wait, daemon=True).start()
        q = cygcd.Queue()
        q.run_async(lambda: s.wait(0.2))
        time.sleep(0.01)
    """,
    "a module-level object that submits when it ends": """
        class Last:
            def __del__(self, queue=cygcd.Queue("q")):
                queue.run_async(lambda: None)
                queue.run_sync(lambda: None)
        last = Last()
    """,
    "an exit in the middle of things": """
        cygcd.Queue("q").run_async(lambda: time.sleep(0.05))
        sys.exit(0)
    """,
}


def end_with(situation):
    code = "import cygcd, os, signal, sys, threading, time\n" + textwrap.dedent(situation)
    for _ in range(2):
        done = run_script(code)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_process_ends_well_with(situation):
    end_with(SITUATIONS[situation])


def test_functions_registered_with_atexit_are_still_served():
    done = run_script(
        """
        import atexit, cygcd
        def last():
            group = cygcd.Group()
            group.run_async(cygcd.Queue("q"), lambda: print("served", flush=True))
            print(group.wait(5))
        atexit.register(last)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "served\nTrue\n", "")


def test_exit_waits_for_the_callback_that_runs():
    done = run_script(
        """
        import cygcd, threading, time
        started = threading.Event()
        def work():
            started.set()
            time.sleep(0.1)
            print("finished", flush=True)
        cygcd.Queue("q").run_async(work)
        started.wait(5)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "finished\n", "")


@pytest.mark.parametrize("stuck", ["time.sleep(60)", "threading.Event().wait()", "cygcd.Semaphore().wait()"])
def test_exit_leaves_a_stuck_callback_behind(stuck):
    done = run_script(
        f"""
        import cygcd, threading, time
        started = threading.Event()
        def work():
            started.set()
            {stuck}
        cygcd.Queue("q").run_async(work)
        started.wait(5)
        """,
        limit=25,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_stuck_callbacks_that_come_back_during_the_end_do_no_harm():
    for _ in range(3):
        done = run_script(
            """
            import cygcd, threading, time
            class Slow:
                def __del__(self, sleep=time.sleep): sleep(0.3)
            started = threading.Event()
            def work():
                started.set()
                end = time.monotonic() + 2.2
                while time.monotonic() < end: time.sleep(0.001)
            for _ in range(4): cygcd.Queue("q").run_async(work)
            started.wait(5)
            slow = Slow()
            """
        )
        assert (done.returncode, done.stderr) == (0, "")
