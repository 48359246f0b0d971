# SPDX-License-Identifier: MIT
"""The library on one page: a queue, a value back from it, a group, a parallel loop, a timer."""

import functools
import threading

import cygcd


def main() -> None:
    print(f"cygcd {cygcd.__version__}")

    work = cygcd.Queue("com.example.work")
    work.run_async(lambda: print("hello from a queue"))
    answer = work.run_sync(lambda: 6 * 7)
    print(f"the queue answered {answer}")

    finished: list[str] = []
    group = cygcd.Group()
    pool = cygcd.Queue.global_queue()
    for name in ["one", "two", "three", "four"]:
        group.run_async(pool, functools.partial(finished.append, name))
    group.wait()
    print(f"{len(finished)} items of the group have finished")

    squares = [0] * 10
    cygcd.apply(10, lambda i: squares.__setitem__(i, i * i))
    print(f"squares: {squares}")

    ticks: list[int] = []
    enough = threading.Event()

    def tick() -> None:
        ticks.append(len(ticks) + 1)
        if len(ticks) == 3:
            enough.set()

    with cygcd.Timer(0.02, tick, queue=work):
        enough.wait()
    print(f"the timer has ticked: {ticks[:3]}")
    print("all of it works")


if __name__ == "__main__":
    main()
