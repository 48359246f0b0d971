# SPDX-License-Identifier: MIT
"""Counts instructions per operation, and holds them against the limits. Usage: instructions.py FOLDER

FOLDER holds the programs. What is counted is what the library adds to libdispatch, where that is there; and what the
handles add to the native engine, and how often an operation asks the heap for memory.
A row runs under callgrind with two counts of operations; the difference is what the operations cost. The counts don't
depend on how busy the machine is.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# So many that what varies between two runs (threads that start, lazy binding) is a fraction of an instruction.
FEW, MANY = 2_000, 102_000

# name, limit in words, is it kept
LIMITS = [
    ("async", "at most 1.10 times libdispatch", lambda by_hand, ours: ours <= 1.10 * by_hand),
    ("sync", "at most 30 more", lambda by_hand, ours: ours <= by_hand + 30),
    ("nested", "at most 100 more", lambda by_hand, ours: ours <= by_hand + 100),
    ("semaphore", "no limit", lambda by_hand, ours: True),
]

# Rows of the native engine. A handle may add no more than an entry's token does, which keeps its group; and nothing may
# come from the heap each time.
NATIVE = ["async", "sync", "barrier", "group", "semaphore"]
MORE_AT_MOST, HEAP_AT_MOST = 10.0, 0.01


def instructions(program: str, row: str, count: int) -> tuple[int, int]:
    """Of a run, and what it printed: the allocations on the heap, or nothing, for which 0 stands."""
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={Path(scratch) / 'out'}", program, row, str(count)],
            capture_output=True,
            text=True,
        )
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or found is None:
        sys.exit(f"{row}: the run failed\n{run.stderr}")
    return int(found.group(1)), int(run.stdout or 0)


def per_operation(program: str, row: str) -> tuple[float, float]:
    (many, much), (few, little) = instructions(program, row, MANY), instructions(program, row, FEW)
    return (many - few) / (MANY - FEW), (much - little) / (MANY - FEW)


def beside_libdispatch(program: str) -> int:
    """Gives how many limits are broken."""
    broken = 0
    print(f"{'instructions':14}{'libdispatch':>12}{'gcd':>10}{'more':>8}{'ratio':>8}  limit")
    for name, words, kept in LIMITS:
        by_hand, _ = per_operation(program, f"{name}.c")
        ours, _ = per_operation(program, f"{name}.gcd")
        verdict = "" if kept(by_hand, ours) else "  BROKEN"
        broken += bool(verdict)
        print(f"{name:14}{by_hand:12.1f}{ours:10.1f}{ours - by_hand:8.1f}{ours / by_hand:8.2f}  {words}{verdict}")
    return broken


def of_the_native_engine(program: str) -> int:
    """Gives how many limits are broken."""
    broken = 0
    print(f"{'instructions':14}{'the engine':>12}{'gcd':>10}{'more':>8}{'heap':>8}")
    for name in NATIVE:
        engine, _ = per_operation(program, f"{name}.engine")
        ours, heap = per_operation(program, f"{name}.gcd")
        verdict = "" if ours <= engine + MORE_AT_MOST and heap <= HEAP_AT_MOST else "  BROKEN"
        broken += bool(verdict)
        print(f"{name:14}{engine:12.1f}{ours:10.1f}{ours - engine:8.1f}{heap:8.3f}{verdict}")
    return broken


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is missing; on Debian: apt-get install valgrind")
    folder = Path(sys.argv[1]).resolve()
    broken = 0
    for name, count in [("instructions", beside_libdispatch), ("instructions_native", of_the_native_engine)]:
        program = folder / f"bench_{name}"
        if program.exists():
            broken += count(str(program))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
