# SPDX-License-Identifier: MIT
"""A mixed load with every kind of object, which counts what goes in and what comes out: python soak.py [SECONDS].

Nothing may be lost, and nothing come twice. Says what it has counted; ends with 1 and the difference if there is one.
"""

import collections
import gc
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings

import cygcd

warnings.simplefilter("ignore", ResourceWarning)
counts = {"in": collections.Counter(), "out": collections.Counter()}
locks = collections.defaultdict(threading.Lock)


def count(side, what, by=1):
    with locks[side]:
        counts[side][what] += by


def arrive(what, by=1):
    count("out", what, by)


def submit(choose):
    """Items of every kind on queues that live for a while."""
    target = cygcd.Queue("target")
    queues = [
        cygcd.Queue("serial"),
        cygcd.Queue("concurrent", concurrent=True),
        cygcd.Queue("targeted", target=target),
        cygcd.Queue("late", inactive=True),
        cygcd.Workloop("workloop"),
        cygcd.Queue.global_queue(),
    ]
    group = cygcd.Group()
    for _ in range(200):
        queue = choose.choice(queues)
        what = choose.randrange(7)
        count("in", f"item {what}")
        item = lambda what=what: arrive(f"item {what}")  # noqa: E731
        if what == 0:
            queue.run_async(item)
        elif what == 1:
            queue.barrier_async(item)
        elif what == 2:
            queue.after(choose.random() / 100, item)
        elif what == 3:
            group.run_async(queue, item)
        elif what == 4:
            group.notify(queue, item)
        elif what == 5:
            choose.choice(queues[:3]).run_sync(item)
        else:
            count("in", "item 6", 9)
            cygcd.apply(10, lambda _: arrive("item 6"), choose.choice([queues[0], queues[1], None]))
        if what == 1 and queue in queues[:3]:
            with queue.suspended():
                queue.run_async(item)
                count("in", "item 1")
    queues[3].activate()
    count("in", "group ends")
    if group.wait(60):
        arrive("group ends")


def once_and_semaphore(choose):
    once, semaphore, group = cygcd.Once(), cygcd.Semaphore(2), cygcd.Group()
    count("in", "once")
    count("in", "semaphore", 20)

    def item():
        once(lambda: arrive("once"))
        with semaphore:
            arrive("semaphore")

    for _ in range(20):
        group.run_async(cygcd.Queue.global_queue(), item)
    group.wait(60)


def timers(choose):
    """A one-shot comes once; a cancelled source tells of its end, once."""
    done = threading.Semaphore(0)
    for number in range(20):
        count("in", "one-shot")
        count("in", "cancelled")
        timer = cygcd.Timer(choose.random() / 100, lambda: (arrive("one-shot"), done.release()), repeating=False)
        timer.set_cancel_handler(lambda: arrive("cancelled"))
        timer.start()
        if number % 2:
            # In a cycle with its handlers, which the collector ends.
            cycle = cygcd.Timer(0.001, lambda kept=[]: kept.append(1) if len(kept) < 10 else None)
            count("in", "cancelled")
            cycle.set_cancel_handler(lambda cycle=cycle: arrive("cancelled"))
            cycle.start()
        done.acquire(timeout=60)
        timer.cancel()


def pipes(choose):
    """What is written at one end is read at the other."""
    one, other = socket.socketpair()
    size = choose.randrange(1, 100_000)
    data = cygcd.Data(choose.randbytes(size // 2)).concat(choose.randbytes(size - size // 2))
    count("in", "bytes", size)
    count("in", "operations", 3)
    over = threading.Semaphore(0)

    def read(done, chunk, error):
        arrive("bytes", len(chunk))
        if done:
            arrive("operations")
            over.release()

    def written(done, rest, error):
        if done:
            arrive("operations")

    reader = cygcd.IOChannel(one.fileno(), cleanup_handler=lambda _: (arrive("operations"), over.release()))
    writer = cygcd.IOChannel(other.fileno())
    reader.read(size, read)
    writer.write(data, written)
    over.acquire(timeout=60)
    reader.close()
    writer.close()
    over.acquire(timeout=60)
    del reader, writer


def sources(choose):
    """A descriptor that is watched, and single reads and writes."""
    read_end, write_end = os.pipe()
    count("in", "read")
    count("in", "cancelled")
    came, ended = threading.Event(), threading.Event()

    def ready():
        if os.read(read_end, 10):
            arrive("read")
            came.set()

    source = cygcd.ReadSource(read_end, ready, cygcd.Queue())
    source.set_cancel_handler(lambda: (arrive("cancelled"), ended.set()))
    source.start()
    cygcd.write_async(write_end, b"x", lambda *_: None)
    came.wait(60)
    source.cancel()
    ended.wait(60)
    os.close(read_end)
    os.close(write_end)


def signals(choose):
    """A signal that comes while it is watched for is told of."""
    with signal_turn:
        told = threading.Event()
        source = cygcd.SignalSource(signal.SIGUSR2, lambda: (told.is_set() or arrive("signal"), told.set()))
        source.start()
        count("in", "signal")
        os.kill(os.getpid(), signal.SIGUSR2)
        told.wait(60)
        source.cancel_and_wait()


def collect(choose):
    gc.collect()


signal_turn = threading.Lock()


def eventually(predicate, limit=60):
    end = time.monotonic() + limit
    while not predicate() and time.monotonic() < end:
        time.sleep(0.01)
    return predicate()


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def main(seconds):
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    kinds = [submit, once_and_semaphore, timers, pipes, sources, signals, collect]
    end = time.monotonic() + seconds
    errors = []
    sys.unraisablehook = lambda arguments: errors.append(arguments.exc_value)

    def load(seed):
        choose = random.Random(seed)
        try:
            while time.monotonic() < end:
                choose.choice(kinds)(choose)
        except BaseException as error:
            errors.append(error)

    first = None
    threads = [threading.Thread(target=load, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(min(2, seconds / 4))
    first = descriptors()
    for thread in threads:
        thread.join(seconds + 120)
    stuck = [thread for thread in threads if thread.is_alive()]
    gc.collect()
    fine = eventually(lambda: counts["in"] == counts["out"]) and not errors and not stuck
    flat = eventually(lambda: descriptors() <= first + 16, 10)
    for what in sorted(counts["in"] | counts["out"]):
        entered, left = counts["in"][what], counts["out"][what]
        print(f"{what:12} {entered:10} in {left:10} out{'' if entered == left else '  WRONG'}")
    print(f"descriptors: {first} early, {descriptors()} now; errors: {errors[:3]}; stuck: {len(stuck)}")
    return 0 if fine and flat else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
