# SPDX-License-Identifier: MIT
"""The table of the Python module: each row on it and on its peers, in one run. Usage: python_rows.py FOLDER [ROW…]

Each row is measured in processes of their own, the engines taking turns, with its peers beside it in the same process.
The native engine is the installed package; libdispatch has a column where FOLDER/../../bench-system has a build.
Numbers are nanoseconds for each operation, the median of the rounds; in brackets the lowest and the highest. The ratio
is the peer's median over ours, and stands beside its goal.
"""

import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

ROUNDS = 7
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()
MANY = 50_000


def nothing():
    pass


def one(_index):
    pass


def spent(count, body):
    start = time.perf_counter_ns()
    body()
    return (time.perf_counter_ns() - start) / count


# ---- rows: what is measured, by the name of its column -----------------------------------------------------------


def through_executor(threads, count=5_000):
    with ThreadPoolExecutor(threads) as pool:

        def body():
            for future in [pool.submit(nothing) for _ in range(count)]:
                future.result()

        return spent(count, body)


def serial_async(gcd):
    queue = gcd.Queue("bench")

    def body():
        run = queue.run_async
        for _ in range(MANY):
            run(nothing)
        queue.run_sync(nothing)

    return {"cygcd": spent(MANY, body), "ThreadPoolExecutor(1)": through_executor(1)}


def group_async(gcd):
    group, queue = gcd.Group(), gcd.Queue.global_queue()

    def body():
        run = group.run_async
        for _ in range(MANY):
            run(queue, nothing)
        group.wait()

    return {"cygcd": spent(MANY, body), "ThreadPoolExecutor(2)": through_executor(2)}


def concurrent_async(gcd):
    queue = gcd.Queue("bench", concurrent=True)

    def body():
        run = queue.run_async
        for _ in range(MANY):
            run(nothing)
        queue.barrier_sync(nothing)

    return {"cygcd": spent(MANY, body), "ThreadPoolExecutor(2)": through_executor(2)}


def run_sync(gcd):
    run = gcd.Queue("bench").run_sync

    def body():
        for _ in range(MANY):
            run(nothing)

    def bare():
        for _ in range(MANY):
            nothing()

    return {"cygcd": spent(MANY, body), "a bare call": spent(MANY, bare)}


def apply(gcd):
    def loop():
        for i in range(MANY):
            one(i)

    return {"cygcd": spent(MANY, lambda: gcd.apply(MANY, one)), "a for loop": spent(MANY, loop)}


def apply_without_gil(gcd):
    count, block = 400, bytes(100_000)

    def work(_index):
        zlib.crc32(block)

    def loop():
        for i in range(count):
            work(i)

    return {"cygcd": spent(count, lambda: gcd.apply(count, work)), "a for loop": spent(count, loop)}


def apply_in_python(gcd):
    count = 4_000

    def work(index):
        total = 0
        for i in range(100):
            total += i * index

    def some(first, last):
        for i in range(first, last):
            work(i)

    def threads():
        edges = [count * i // PROCESSORS for i in range(PROCESSORS + 1)]
        started = [threading.Thread(target=some, args=edges[i : i + 2]) for i in range(PROCESSORS)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    return {
        "cygcd": spent(count, lambda: gcd.apply(count, work)),
        "a for loop": spent(count, lambda: some(0, count)),
        "a thread for each processor": spent(count, threads),
    }


def semaphore(gcd):
    def pairs(take, give):
        def body():
            for _ in range(MANY):
                take()
                give()

        return spent(MANY, body)

    ours, theirs = gcd.Semaphore(1), threading.Semaphore(1)
    return {"cygcd": pairs(ours.wait, ours.signal), "threading.Semaphore": pairs(theirs.acquire, theirs.release)}


def ping_pong(gcd):
    count = 3_000
    queue, answer = gcd.Queue("bench"), gcd.Semaphore(0)

    def body():
        for _ in range(count):
            queue.run_async(answer.signal)
            answer.wait()

    with ThreadPoolExecutor(1) as pool:

        def ask():
            for _ in range(count):
                pool.submit(nothing).result()

        executor = spent(count, ask)

    async def awaited():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            start = time.perf_counter_ns()
            for _ in range(count):
                await loop.run_in_executor(pool, nothing)
            return (time.perf_counter_ns() - start) / count

    ours = spent(count, body)
    return {"cygcd": ours, "submit().result()": executor, "asyncio.run_in_executor": asyncio.run(awaited())}


def two_queue_hop(gcd):
    count = 20_000
    here, there, ended = gcd.Queue("here"), gcd.Queue("there"), gcd.Semaphore(0)
    left = [count]

    def hop_to(queue, back):
        left[0] -= 1
        if left[0] > 0:
            queue.run_async(lambda: hop_to(back, queue))
        else:
            ended.signal()

    def body():
        here.run_async(lambda: hop_to(there, here))
        ended.wait()

    ours = spent(count, body)
    there_queue, here_queue, few = SimpleQueue(), SimpleQueue(), 2_000

    def other():
        for _ in range(few):
            here_queue.put(there_queue.get())

    thread = threading.Thread(target=other)
    thread.start()

    def hops():
        for _ in range(few):
            there_queue.put(None)
            here_queue.get()

    theirs = spent(2 * few, hops)
    thread.join()
    return {"cygcd": ours, "two queue.SimpleQueue": theirs}


def timers_due(gcd):
    count = 10_000
    queue, ended = gcd.Queue("bench"), gcd.Semaphore(0)
    left = [count]

    def handler():
        left[0] -= 1
        if not left[0]:
            ended.signal()

    due = gcd.time_from_now(0.3)
    timers = [gcd.Timer(0.0, handler, queue, start_delay=due, repeating=False) for _ in range(count)]
    queue.suspend()
    for timer in timers:
        timer.start()
    time.sleep(0.5)

    def body():
        queue.resume()
        ended.wait()

    ours = spent(count, body)
    left[0] = count
    theirs = []

    def calls():
        for _ in range(count):
            handler()

    # On the queue's thread as well.
    queue.run_async(lambda: theirs.append(spent(count, calls)))
    queue.run_sync(nothing)
    for timer in timers:
        timer.cancel()
    return {"cygcd": ours, "calling them": theirs[0]}


def with_file(measure):
    """Megabytes of a file in the page cache; a round is one reading of it all."""
    size, chunk = 64 << 20, 1 << 20
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(chunk) * (size // chunk))
        file.flush()

        # Each chunk in hand, as a handler has it, while the next one is read.
        def plain(descriptor):
            while _data := os.read(descriptor, chunk):
                pass

        found = {}
        for name, body in (("cygcd", measure(size, chunk)), ("os.read", plain)):
            descriptor = os.open(file.name, os.O_RDONLY)
            found[name] = spent(size // chunk, lambda body=body, descriptor=descriptor: body(descriptor))
            os.close(descriptor)
        return found


def file_read_async(gcd):
    def measure(_size, chunk):
        queue, ended = gcd.Queue("bench"), gcd.Semaphore(0)

        def body(descriptor):
            def handler(data, _error):
                if data:
                    gcd.read_async(descriptor, chunk, handler, queue)
                else:
                    ended.signal()

            gcd.read_async(descriptor, chunk, handler, queue)
            ended.wait()

        return body

    return with_file(measure)


def file_channel(gcd):
    def measure(size, chunk):
        queue, ended = gcd.Queue("bench"), gcd.Semaphore(0)

        def handler(done, _data, _error):
            if done:
                ended.signal()

        def body(descriptor):
            closed = gcd.Semaphore(0)
            channel = gcd.IOChannel(descriptor, queue=queue, cleanup_handler=lambda _error: closed.signal())
            channel.set_high_water(chunk)
            channel.set_low_water(chunk)
            channel.read(size, handler)
            ended.wait()
            channel.close()
            closed.wait()

        return body

    return with_file(measure)


def made(make):
    def body():
        for _ in range(MANY):
            make()

    return spent(MANY, body)


def data_create(gcd):
    block, source = bytes(1_000), bytearray(1_000)
    return {"cygcd": made(lambda: gcd.Data(block)), "bytes(…)": made(lambda: bytes(source))}


def queue_create(gcd):
    return {"cygcd": made(gcd.Queue), "threading.Lock()": made(threading.Lock)}


# What runs before the clock starts is what any program has.
IMPORT = """
import sys, time
sys.path.insert(0, {path!r})
import {empty}
start = time.perf_counter_ns()
import {name}
print(time.perf_counter_ns() - start)
"""


def import_time(gcd):
    path = str(pathlib.Path(gcd.__file__).parents[1])

    def once(name, empty):
        code = IMPORT.format(path=path, name=name, empty=empty)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    # The emptiest of the extension modules that every Python has.
    return {"cygcd": once("cygcd", "sys"), "an empty extension": once("_opcode", "sys")}


# ---- the table ---------------------------------------------------------------------------------------------------

# row, what its ratio is to be: at least so many times as fast as the first peer, or so many nanoseconds more at most
ROWS = [
    (serial_async, "serial `run_async` and drain", 50),
    (group_async, "`Group.run_async` and `wait`", 50),
    (concurrent_async, "concurrent `run_async` and `barrier_sync`", 50),
    (run_sync, "`run_sync`", 1 / 4),
    (apply, "`apply`", 1 / 1.5),
    (apply_without_gil, "`apply`, without the GIL", 0.8 * PROCESSORS),
    (apply_in_python, "`apply`, 100 rounds in Python", 0.85 * PROCESSORS if FREE_THREADED else None),
    (semaphore, "`Semaphore` wait and signal", 20),
    (ping_pong, "submit and wait, ping-pong", 5),
    (two_queue_hop, "two-queue hop", None),
    (timers_due, "10,000 timers due at once", 1 / 2),
    (file_read_async, "`read_async`, 1 MiB of a file", 0.9),
    (file_channel, "`IOChannel.read`, 1 MiB of a file", 0.9),
    (data_create, "`Data`, 1,000 bytes", 1 / 3),
    (queue_create, "`Queue`, create and drop", 1 / 6),
    (import_time, "`import cygcd`", None),
]


def measure(path, rows):
    sys.path.insert(0, path)
    import cygcd

    wanted = [row for row, _, _ in ROWS if row.__name__ in rows]
    found = {}
    for row in wanted:
        # Before the last time threads have started, and memory is got.
        for _ in range(4):
            found[row.__name__] = row(cygcd)
    print(json.dumps(found))


def short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def table(found):
    """Lines of Markdown. `found`: engine → row → column → numbers."""
    yield "| row | " + " | ".join(found) + " | peers | ratio | goal |"
    yield "|---|" + "---|" * (len(found) + 3)
    for row, title, goal in ROWS:
        name = row.__name__
        if any(name not in rows for rows in found.values()):
            continue
        ours = [rows[name]["cygcd"] for rows in found.values()]
        cells = [f"{short(statistics.median(each))} ({short(min(each))}–{short(max(each))})" for each in ours]
        first = next(iter(found.values()))[name]
        peers = {column: statistics.median(numbers) for column, numbers in first.items() if column != "cygcd"}
        ratio = next(iter(peers.values())) / statistics.median(first["cygcd"])
        yield " | ".join(
            [
                f"| {title}",
                *cells,
                ", ".join(f"{column} {short(number)}" for column, number in peers.items()),
                f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
                f"{goal:.2f} |" if goal and goal < 10 else f"{goal or ''} |",
            ]
        )


def main(folder, rows):
    import cygcd

    engines = {cygcd._core._engine: str(pathlib.Path(cygcd.__file__).parents[1])}
    other = pathlib.Path(folder).resolve().parents[1] / "bench-system" / "bindings"
    if other.exists():
        engines["libdispatch"] = str(other)
    rows = rows or [row.__name__ for row, _, _ in ROWS]
    found = {engine: {name: {} for name in rows} for engine in engines}
    for _ in range(ROUNDS):
        for engine, path in engines.items():
            ran = subprocess.run(
                [sys.executable, __file__, "--measure", path, *rows], capture_output=True, text=True, check=False
            )
            if ran.returncode != 0:
                sys.exit(f"{engine}: the run failed\n{ran.stderr}")
            for name, columns in json.loads(ran.stdout).items():
                for column, number in columns.items():
                    found[engine][name].setdefault(column, []).append(number)
    print(*table(found), sep="\n")


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        measure(sys.argv[2], sys.argv[3:])
    else:
        main(sys.argv[1], sys.argv[2:])
