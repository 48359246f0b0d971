# SPDX-License-Identifier: MIT
"""The child of os.fork(): on the native engine what was idle goes on there, with libdispatch nothing does."""

import cygcd
from conftest import run_script

NATIVE = cygcd._core._engine == "native"

IN_CHILD = """
import os, sys, threading, warnings
import cygcd

# Newer Pythons advise against forking a process that has threads.
warnings.simplefilter("ignore", DeprecationWarning)

def raises(call):
    try:
        call()
    except RuntimeError:
        return True
    return False

def happens(begin):
    event = threading.Event()
    kept = begin(event.set)
    return event.wait(5)

queue = cygcd.Queue("parent")
assert happens(queue.run_async)
queue.run_sync(lambda: None)
ticking = cygcd.Timer(0.01, lambda: None)
ticking.start()
child = os.fork()
if child == 0:
    ok = CHECK
    sys.exit(0 if ok else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
ticking.cancel()
assert happens(queue.run_async)
sys.exit(status)
"""


GOES_ON = """(
        queue.run_sync(lambda: 7) == 7
        and happens(queue.run_async)
        and happens(lambda done: queue.after(0.001, done))
        and happens(cygcd.Queue.global_queue().run_async)
        and happens(cygcd.Queue("child").run_async)
        and raises(ticking.cancel)
    )"""
IS_REFUSED = """(
        raises(lambda: queue.run_async(print))
        and raises(lambda: queue.run_sync(print))
        and raises(lambda: cygcd.Queue("child"))
        and raises(ticking.cancel)
    )"""


def test_child_of_a_fork_goes_on_or_is_refused():
    done = run_script(IN_CHILD.replace("CHECK", GOES_ON if NATIVE else IS_REFUSED))
    assert (done.returncode, done.stderr) == (0, "")
