# SPDX-License-Identifier: MIT
"""The interpreter ends with work in flight, and the process ends with it: without a crash, a hang or a word."""

import signal
import subprocess
import sys
import textwrap

import pytest
from conftest import PRELUDE, run_case, run_script

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


# What is under way when the process ends.
UNDER_WAY = {
    "nothing": "",
    "items": """
        queues = [cygcd.Queue(concurrent=bool(n % 2)) for n in range(8)]
        for number in range(400): queues[number % 8].run_async(lambda: time.sleep(0.001))
    """,
    "items that submit more": """
        queue = cygcd.Queue(concurrent=True)
        def again(): queue.run_async(again)
        for _ in range(4): again()
    """,
    "groups and semaphores": """
        group, semaphore = cygcd.Group(), cygcd.Semaphore()
        for _ in range(4): group.run_async(cygcd.Queue.global_queue(), lambda: semaphore.wait(0.1))
        group.notify(cygcd.Queue(), lambda: None)
        threading.Thread(target=group.wait, daemon=True).start()
        threading.Thread(target=semaphore.wait, daemon=True).start()
    """,
    "an apply on a daemon thread": """
        threading.Thread(target=cygcd.apply, args=(10**9, lambda index: index), daemon=True).start()
        threading.Thread(target=cygcd.apply, args=(10**9, lambda index: time.sleep(0.01)), daemon=True).start()
    """,
    "syncs on daemon threads": """
        queue = cygcd.Queue()
        def sync():
            while True: queue.run_sync(lambda: time.sleep(0.001))
        for _ in range(4): threading.Thread(target=sync, daemon=True).start()
    """,
    "a once on a daemon thread": """
        once = cygcd.Once()
        for _ in range(2): threading.Thread(target=once, args=(lambda: time.sleep(0.1),), daemon=True).start()
    """,
}
# How it ends: the code, the exit status, and the last that is said.
ENDINGS = {
    "the end of the script": ("pass", 0, ""),
    "sys.exit": ("sys.exit(3)", 3, ""),
    "sys.exit with words": ("sys.exit('farewell')", 1, "farewell\n"),
    "an exception": ("raise LookupError('mine')", 1, "LookupError: mine\n"),
    "Ctrl-C": (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\nsignal.raise_signal(signal.SIGINT)\ntime.sleep(5)",
        -signal.SIGINT,
        "KeyboardInterrupt\n",
    ),
    "Ctrl-C in a wait": (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()\ncygcd.Semaphore().wait()",
        -signal.SIGINT,
        "KeyboardInterrupt\n",
    ),
    "os._exit": ("os._exit(4)", 4, ""),
    "os._exit in a callback": ("cygcd.Queue().run_async(lambda: os._exit(4))\ntime.sleep(5)", 4, ""),
    "sys.exit in a sync": ("cygcd.Queue().run_sync(lambda: sys.exit(5))", 5, ""),
    "sys.exit after run_main": (
        "cygcd.Queue.main_queue().run_async(cygcd.stop_main)\ncygcd.run_main()\nsys.exit(6)",
        6,
        "",
    ),
    "os.abort": ("os.abort()", -signal.SIGABRT, ""),
    "a signal": ("os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(5)", -signal.SIGTERM, ""),
    "another program": ("os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(7)'])", 7, ""),
}


def end_as_without(end, status, said, under_way):
    done = run_script(PRELUDE + textwrap.dedent(under_way) + end, limit=15)
    assert done.returncode == status, done.stderr
    assert done.stderr.endswith(said), done.stderr
    # One traceback where there has to be one, and nothing besides.
    raised = "Error" in said or "Interrupt" in said
    assert done.stderr.count("Traceback") == raised, done.stderr
    assert raised == done.stderr.startswith("Traceback") and "Fatal" not in done.stderr, done.stderr
    if not raised:
        assert done.stderr == said


@pytest.mark.parametrize("under_way", UNDER_WAY)
@pytest.mark.parametrize("ending", ENDINGS)
def test_exit_is_as_without_the_library(ending, under_way):
    end_as_without(*ENDINGS[ending], UNDER_WAY[under_way])


@pytest.mark.parametrize("kind", ["SystemExit(3)", "KeyboardInterrupt()"])
def test_exit_from_a_callback_ends_the_callback_alone(kind):
    run_case(
        f"""
        seen = []
        sys.unraisablehook = lambda arguments: seen.append(arguments.exc_type)
        def leave(): raise {kind}
        queue = cygcd.Queue()
        queue.run_async(leave)
        assert queue.run_sync(lambda: 7) == 7 and len(seen) == 1
        """
    )


def test_callbacks_that_never_started_are_dropped_unrun():
    said = run_case(
        """
        queue = cygcd.Queue()
        queue.suspend()
        for _ in range(1000): queue.run_async(lambda: print("late", flush=True))
        """
    )
    assert said == ""


@pytest.mark.parametrize("daemon", [False, True])
def test_threads_use_the_library_while_the_interpreter_ends(daemon):
    run_case(
        f"""
        started = threading.Event()
        def work():
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                started.set()
                queue = cygcd.Queue()
                queue.run_async(lambda: None)
                queue.run_sync(lambda: None)
                cygcd.apply(3, lambda _: None)
                group = cygcd.Group()
                group.run_async(queue, lambda: None)
                group.wait(1)
        for _ in range(4): threading.Thread(target=work, daemon={daemon}).start()
        assert started.wait(5)
        """
    )


def test_daemon_threads_drop_objects_while_the_interpreter_ends():
    # Where each gives the GIL back and asks for it again.
    run_case(
        """
        turns = threading.Semaphore(0)
        def work():
            queue, group = cygcd.Queue(), cygcd.Group()
            while True:
                for make in (cygcd.Queue, cygcd.Group, cygcd.Semaphore, cygcd.Data, cygcd.Once): make()
                with queue.suspended(), group.entered(): pass
                cygcd.Workloop("ends"), cygcd.Timer(1, print), cygcd.IOChannel(0)
                turns.release()
        for _ in range(4): threading.Thread(target=work, daemon=True).start()
        for _ in range(500): assert turns.acquire(timeout=5)
        """
    )


def test_functions_of_atexit_that_run_after_the_gate_has_closed_find_it_working():
    done = run_script(
        """
        import atexit
        # Registered before the module is imported, so that it runs after what that has registered.
        def late():
            queue = cygcd.Queue()
            queue.run_async(lambda: None)
            print(queue.run_sync(lambda: 7), cygcd.Group().wait(0), cygcd.Semaphore(1).wait(), flush=True)
        atexit.register(late)
        import cygcd
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7 True True\n", "")


def test_module_can_be_reloaded_and_imported_again():
    run_case(
        """
        import importlib
        kept, ran = cygcd.Queue("kept"), []
        kept.run_async(lambda: ran.append(1))
        again = importlib.reload(cygcd)
        importlib.reload(cygcd._core)
        assert again is cygcd and cygcd.Queue("new").run_sync(lambda: 7) == 7
        for name in list(sys.modules):
            if name.startswith("cygcd"): del sys.modules[name]
        import cygcd as third
        third.Queue("third").run_async(lambda: ran.append(2))
        assert kept.run_sync(lambda: 7) == 7
        assert eventually(lambda: sorted(ran) == [1, 2])
        group = third.Group()
        group.run_async(third.Queue(), lambda: None)
        assert group.wait(5)
        """
    )


# Of either kind: with a GIL of its own where there is such a thing, and as they have always been.
SUBINTERPRETERS = """
import sys
try:
    import _xxsubinterpreters as interpreters
    kinds = {"isolated": True}, {"isolated": False}
except ImportError:
    import _interpreters as interpreters
    kinds = {"config": "isolated"}, {"config": "legacy"}
def try_import():
    for kind in kinds:
        made = interpreters.create(**({} if sys.version_info < (3, 10) else kind))
        wrong = interpreters.run_string(made, '''if True:
            try: import cygcd
            except ImportError as error: assert "interpreter" in str(error), error
            else: raise AssertionError("it was imported")
        ''')
        assert wrong is None, wrong
        interpreters.destroy(made)
"""


def test_subinterpreter_is_refused_with_a_clear_error():
    run_case(
        SUBINTERPRETERS
        + """
cygcd.Queue().run_sync(lambda: None)
release = threading.Event()
cygcd.Queue().run_async(lambda: release.wait(5))
for _ in range(2): try_import()
release.set()
assert cygcd.Queue().run_sync(lambda: 7) == 7
"""
    )


def test_subinterpreter_that_imports_first_is_refused_with_a_clear_error():
    done = run_script(SUBINTERPRETERS + "try_import()\nimport cygcd\nassert cygcd.Queue().run_sync(lambda: 7) == 7\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_streams_that_are_closed_at_exit_do_no_harm():
    code = PRELUDE + "cygcd.Queue().run_async(lambda: 1 / 0)\nos.close(1)\nos.close(2)\n"
    assert subprocess.run([sys.executable, "-c", code], timeout=15, check=False).returncode == 0
