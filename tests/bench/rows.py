# SPDX-License-Identifier: MIT
"""The table: each row on this library and on its peers, in one run. Usage: rows.py FOLDER [ROW…]

FOLDER holds the programs. Each runs each row ten times, the programs taking turns, so that whatever else the machine
does meets all of them. A peer that is not installed (Debian: libtbb-dev, libasio-dev) has no column, and neither has
libdispatch in a build with the native engine. Numbers are nanoseconds for each operation, the median, and the worst in
brackets; then CPU seconds and the most threads. The ratio is libdispatch's median over the native engine's. A row's
weight is its part in the geometric means, of which each of our engines has one. The native engine has a second column
for syncs by membarrier (GCD_ASYMMETRIC_SYNC), which has no part in them.
"""

import math
import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 10

# program, heading
COLUMNS = [
    ("bench_rows_dispatch", "libdispatch"),
    ("bench_rows_gcd", "gcd on libdispatch"),
    ("bench_rows_native", "gcd native"),
    ("bench_rows_native_asymmetric", "gcd native, membarrier"),
    ("bench_rows_tbb", "oneTBB"),
    ("bench_rows_asio", "asio"),
    ("bench_rows_plain", "plain loop"),
]
# A column that has some rows only: those whose names begin so.
BEGINNINGS = {"gcd native, membarrier": "sync_"}
# What is compared, and with what: each of ours has a mean, the last one that is there a column of ratios.
BASE = "libdispatch"
OURS = ["gcd on libdispatch", "gcd native"]

# row, weight
ROWS = [
    ("serial_async", 1),
    ("sync_serial", 1),
    ("sync_reader", 1),
    ("sync_barrier", 1),
    ("sync_two_levels", 1),
    ("sync_against_async", 1),
    ("group_async", 1),
    ("group_enter_leave", 1),
    ("concurrent_async", 1),
    ("concurrent_async_barrier", 1),
    ("apply_empty", 1),
    ("apply_eight", 1),
    ("apply_microseconds", 1),
    ("semaphore", 1),
    ("ping_pong", 1),
    ("ping_pong_idle", 1),
    ("two_queue_hop", 1),
    ("create_release", 1),
    ("four_producers", 1),
    ("thousand_queues", 1),
    ("nested_tree", 1),
    ("global_async", 1),
    ("skynet", 1),
    ("timer_arm_cancel", 1),
    ("afters_one_deadline", 1),
    ("timer_lateness", 1),
    ("pipe_echo", 1),
    ("pipe_read", 1),
    ("file_read", 1),
    ("file_write", 1),
]


class Result:
    """What one program gave for one row."""

    def __init__(self) -> None:
        self.nanoseconds: list[float] = []
        self.cpu_seconds: list[float] = []
        self.threads = 0

    def run(self, program: Path, row: str) -> None:
        done = subprocess.run([program, row], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"{program.name} {row}: {done.stderr}")
        nanoseconds, cpu, threads = done.stdout.split()
        self.nanoseconds.append(float(nanoseconds))
        self.cpu_seconds.append(float(cpu))
        self.threads = max(self.threads, int(threads))

    @property
    def median(self) -> float:
        return statistics.median(self.nanoseconds)

    def __str__(self) -> str:
        if not self.nanoseconds:
            return "-"
        cpu = statistics.median(self.cpu_seconds)
        return f"{self.median:9.1f} ({max(self.nanoseconds):9.1f}) {cpu:6.2f}s {self.threads:3}t"


class Mean:
    """A weighted geometric mean."""

    def __init__(self) -> None:
        self.logarithms = self.weights = 0.0

    def add(self, value: float, weight: float) -> None:
        self.logarithms += weight * math.log(value)
        self.weights += weight

    def __str__(self) -> str:
        return f"{math.exp(self.logarithms / self.weights):.2f}" if self.weights else "-"


def ratio(results: dict[str, Result], heading: str) -> float:
    """How many times as long libdispatch takes; NaN where it is missing."""
    if BASE not in results:
        return math.nan
    return results[BASE].median / results[heading].median


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:]
    columns = {heading: folder / program for program, heading in COLUMNS if (folder / program).exists()}
    able = {
        heading: {
            row
            for row in subprocess.run([program, "list"], capture_output=True, text=True).stdout.split()
            if row.startswith(BEGINNINGS.get(heading, ""))
        }
        for heading, program in columns.items()
    }
    print(f"{'ns for each operation':26}{'ratio':>8}" + "".join(f"{heading:>34}" for heading in columns))
    means = {heading: Mean() for heading in OURS if heading in columns}
    for row, weight in ROWS:
        if wanted and row not in wanted:
            continue
        results = {heading: Result() for heading in columns}
        for _ in range(RUNS):
            for heading, program in columns.items():
                if row in able[heading]:
                    results[heading].run(program, row)
        ratios = {heading: ratio(results, heading) for heading in means}
        for heading, mean in means.items():
            mean.add(ratios[heading], weight)
        shown = list(ratios.values())[-1]
        print(f"{row:26}{shown:8.2f}" + "".join(f"{result!s:>34}" for result in results.values()), flush=True)
    if BASE in columns:
        for heading, mean in means.items():
            print(f"geometric mean of {BASE} / {heading}: {mean}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
