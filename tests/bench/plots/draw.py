# SPDX-License-Identifier: MIT
"""Draws what the table of python_rows.py can't show into docs/: throughput by the number of producers, and latency.

Usage: draw.py FOLDER. `make plots` installs what it needs. Nanoseconds; the machine is named in each title.
"""

import os
import pathlib
import platform
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from matplotlib import rcParams
from matplotlib.figure import Figure

import cygcd

ITEMS = 40_000
PRODUCERS = [1, 2, 4, 8]
ROUNDS = 5
HOPS = 4_000
MACHINE = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"


def nothing():
    pass


def with_producers(count, items, submit, drain):
    """Items a second, of so many threads that submit at the same time."""
    gate = threading.Barrier(count + 1)

    def produce():
        gate.wait()
        for _ in range(items // count):
            submit(nothing)

    threads = [threading.Thread(target=produce) for _ in range(count)]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    drain()
    return items / (time.perf_counter() - start)


def on_queue(count):
    queue = cygcd.Queue("plot")
    return with_producers(count, ITEMS, queue.run_async, lambda: queue.run_sync(nothing))


def on_executor(count):
    with ThreadPoolExecutor(1) as pool:
        return with_producers(count, ITEMS // 8, pool.submit, lambda: pool.submit(nothing).result())


def queue_latencies():
    queue, answer = cygcd.Queue("plot"), cygcd.Semaphore(0)
    for _ in range(HOPS):
        start = time.perf_counter_ns()
        queue.run_async(answer.signal)
        answer.wait()
        yield (time.perf_counter_ns() - start) / 1_000


def executor_latencies():
    with ThreadPoolExecutor(1) as pool:
        for _ in range(HOPS):
            start = time.perf_counter_ns()
            pool.submit(nothing).result()
            yield (time.perf_counter_ns() - start) / 1_000


def draw(path, title, across, up, lines):
    rcParams["svg.hashsalt"] = "cygcd"
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    for name, (x, y) in lines.items():
        axes.plot(x, y, marker="o" if len(x) < 20 else None, label=name)
    axes.set_title(f"{title}\n{MACHINE}", fontsize=10)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main(folder):
    folder = pathlib.Path(folder)
    lines = {}
    for name, measure in (("cygcd.Queue", on_queue), ("ThreadPoolExecutor(1)", on_executor)):
        lines[name] = PRODUCERS, [statistics.median(measure(n) for _ in range(ROUNDS)) for n in PRODUCERS]
    title = "One serial queue, several producers"
    draw(folder / "throughput.svg", title, "threads that submit", "callables a second", lines)
    lines = {}
    for name, latencies in (("cygcd.Queue", queue_latencies), ("ThreadPoolExecutor(1)", executor_latencies)):
        ordered = sorted(latencies())
        shares = [50 + i / 2 for i in range(100)]
        lines[name] = shares, [ordered[min(HOPS - 1, int(HOPS * share / 100))] for share in shares]
    draw(folder / "latency.svg", "Submit a callable and wait for its answer", "percentile", "microseconds", lines)


if __name__ == "__main__":
    main(sys.argv[1])
