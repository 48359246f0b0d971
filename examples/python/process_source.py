# SPDX-License-Identifier: MIT
"""A process source tells of a child's end without a thread that waits for it."""

import os
import subprocess
import sys
import threading

import cygcd


def main() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(3)"], stdin=subprocess.PIPE)
    work = cygcd.Queue("com.example.children")
    ended = threading.Event()

    def on_exit() -> None:
        print("told that it exited:", watch.events_pending == cygcd.PROC_EXIT)
        ended.set()

    watch = cygcd.ProcessSource(child.pid, on_exit, events=cygcd.PROC_EXIT, queue=work)
    watch.start()
    print("watching the right process:", watch.pid == child.pid)
    assert child.stdin is not None
    child.stdin.close()  # the child ends when its input does
    ended.wait()
    watch.cancel()

    # The source leaves the status to the parent.
    print("exit status:", child.wait())

    # Not every system can tell of forks; one that can't says so at start().
    forks = cygcd.ProcessSource(os.getpid(), lambda: None, events=cygcd.PROC_FORK)
    try:
        forks.start()
        print("forks can be watched here")
    except NotImplementedError:
        print("forks can't be watched here")


if __name__ == "__main__":
    main()
