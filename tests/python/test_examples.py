# SPDX-License-Identifier: MIT
"""Every program in examples/python ends by itself, without a word on stderr, and shows what it is about."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "python"

# Lines that must appear, in this order save for those of UNORDERED; others may stand between them.
LINES = {
    "quick_start": [
        "hello from a queue",
        "the queue answered 42",
        "4 items of the group have finished",
        "squares: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]",
        "the timer has ticked: [1, 2, 3]",
        "all of it works",
    ],
    "serial_queue": [
        "order: [0, 1, 2, 3, 4]",
        "balance: 1000",
        "raised: no such entry",
        "waiting for oneself: refused",
    ],
    "concurrent_queue": ["readers that met: 2", "writes: 4", "disturbed: never"],
    "semaphore": [
        "never more than 2 at a time: True",
        "first: True",
        "second: True",
        "third within 20 ms: False",
        "after one was given back: True",
    ],
    "dispatch_once": [
        "answers: ['blue'] x 8",
        "loads: 1",
        "first attempt: no network",
        "second attempt: done",
    ],
    "gcd_groups": [
        "notified of parts: [0, 1, 2, 3, 4, 5]",
        "waited: True",
        "one open, finished within 10 ms: False",
        "none open, finished within 10 ms: True",
        "leaving once too often: refused",
    ],
    "parallel_apply": [
        "squares: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]",
        "same as one by one: True",
        "bottom row of the table: [3, 6, 9, 12]",
        "in order: [0, 1, 2, 3, 4]",
        "caught: item 7 is broken",
    ],
    "producer_consumer": ["received: 100", "in order: True", "never more than 3 in the buffer: True"],
    "delayed_execution": [
        "at once: a delay below zero",
        "first: in 50 ms",
        "second: in 200 ms",
        "third: a calendar time",
        "fourth: a dispatch time",
        "all have run",
    ],
    "timer": [
        *[f"tick {i}" for i in range(1, 6)],
        "the ticker has ended",
        "cancelled: True",
        "the one-shot fired: True",
        "the rescheduled timer fired: True",
    ],
    "signal_source": [
        "SIGUSR1 number True count 1 on com.example.signals",
        "SIGUSR1 number True count 1 on com.example.signals",
        "SIGTERM: shutting down in good order",
        "no longer watching: True",
    ],
    "fd_source": [
        "room to write: True",
        "bytes that were there: 11",
        "the end, after: b'hello, pipe'",
        "closed",
    ],
    "process_source": ["watching the right process: True", "told that it exited: True", "exit status: 3"],
    "inactive_queue": [
        "inactive: True",
        "ran before activation: []",
        "run_sync on it: refused",
        "ran after activation: [0, 1, 2]",
        "runs inside its target: True",
        "inactive: False",
        "activating it again: refused",
    ],
    "dispatch_data": [
        "joined: b'Hello, World!' of 13",
        "cut: b'lo, Wo'",
        "regions: [b'Hello, ', b'World!']",
        "visited 0 b'Hello, '",
        "visited 7 b'World!'",
        "walked to the end: False",
        "byte 9 is in the region at 7 b'World!'",
        "equal to bytes: True True",
        "as a buffer: b'World' sum 553",
        "empty: 0 b''",
    ],
    "async_io": [
        "written: error 0 left over 0",
        "read: b'written in the background' error 0",
        "read: b'' error 0",
        "read 7 bytes on com.example.io",
    ],
    "workloop": [
        "an item of the workloop",
        "it gives values back: 42",
        "items that shared it: 200 overlapping: 0",
        "work for an inactive workloop: refused",
        "active now: True",
    ],
    "io_channel": [
        "written: error 0 left over 0",
        "the descriptor is free again: error 0",
        "read: 262144 bytes, chunks of 64 KiB at most: True",
        "the descriptor is free again: error 0",
        "closed: True",
        "the last part: b'xxxxxxxxxx'",
        "the descriptor is free again: error 0",
    ],
    "usecase_audio": ["notes: 32 in order: True early: 0"],
    "usecase_image_video": [
        "made: 24",
        "written: 24 never more inside than 4 True",
        "failed: ['broken.ppm: not a PPM file']",
    ],
    "usecase_networking": [
        "answers: 20 right: True",
        "no faster than the rate: True",
        "all connections closed: True",
    ],
}

# On a machine that stalls, delays of different clocks may all be over before the first item starts.
UNORDERED = {"delayed_execution"}


def test_every_example_is_checked_and_has_its_cpp_counterpart():
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == set(LINES)
    assert names == {path.stem for path in (ROOT / "examples" / "cpp").glob("*.cpp")}


@pytest.mark.parametrize("name", sorted(LINES))
def test_example_shows_its_point(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(FOLDER / f"{name}.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.splitlines()
    if name not in UNORDERED:
        printed = iter(printed)  # a search goes on where the one before has ended
    missing = [line for line in LINES[name] if line not in printed]
    assert not missing, f"printed:\n{done.stdout}"
