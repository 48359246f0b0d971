# SPDX-License-Identifier: MIT
"""after() submits later: after some seconds, or at a point of a clock."""

import threading
import time

import cygcd


def main() -> None:
    work = cygcd.Queue("com.example.work")
    start = time.monotonic()
    finished = threading.Event()

    def report(what: str, due: float) -> None:
        early = time.monotonic() - start < due
        print(what + (" (too early)" if early else ""))

    def last() -> None:
        report("fourth: a dispatch time", 0.4)
        finished.set()

    work.after(0.2, lambda: report("second: in 200 ms", 0.2))
    work.after(0.05, lambda: report("first: in 50 ms", 0.05))
    # Follows the calendar: if the clock is set, the item moves with it.
    work.after(cygcd.walltime(delta_seconds=0.3), lambda: print("third: a calendar time"))
    work.after(cygcd.time_from_now(0.4), last)
    work.after(-1, lambda: print("at once: a delay below zero"))

    finished.wait()
    print("all have run")


if __name__ == "__main__":
    main()
