# SPDX-License-Identifier: MIT
"""A group counts work of any kind on any queues: wait for its end, or be told of it."""

import functools
import threading

import cygcd


def main() -> None:
    pool = cygcd.Queue.global_queue()
    reports = cygcd.Queue("com.example.reports")
    downloads = cygcd.Group()
    done: list[int] = []

    for part in range(5):
        downloads.run_async(pool, functools.partial(done.append, part))

    # Work that ends elsewhere is counted by hand; each enter() needs its leave().
    def finish_elsewhere() -> None:
        done.append(5)
        downloads.leave()

    downloads.enter()
    pool.after(0.03, finish_elsewhere)

    reported = threading.Event()

    def report() -> None:
        print("notified of parts:", sorted(done))
        reported.set()

    downloads.notify(reports, report)
    finished = downloads.wait()
    reported.wait()
    print("waited:", finished)

    with downloads.entered():
        print("one open, finished within 10 ms:", downloads.wait(timeout=0.01))
    print("none open, finished within 10 ms:", downloads.wait(timeout=0.01))

    try:
        downloads.leave()
    except RuntimeError:
        print("leaving once too often: refused")


if __name__ == "__main__":
    main()
