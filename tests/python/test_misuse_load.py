# SPDX-License-Identifier: MIT
"""More than anybody needs, from more threads than there are: sizes at the far end, and every method at once.

GCD_SCALE multiplies the sizes, which are a hundredth or so of what they are meant for; GCD_SECONDS is how long each
class is under load.
"""

import os
import textwrap

import pytest
from conftest import run_case

SCALE = int(os.environ.get("GCD_SCALE", "1"))
SECONDS = float(os.environ.get("GCD_SECONDS", "0.5"))

SIZES = {
    "items that wait in a queue": """
        queue, ran = cygcd.Queue(), [0]
        def item(): ran[0] += 1
        queue.suspend()
        for _ in range(100_000 * SCALE): queue.run_async(item)
        queue.resume()
        queue.run_sync(lambda: None)
        assert ran == [100_000 * SCALE]
    """,
    "items of a concurrent queue": """
        import itertools
        queue, ran = cygcd.Queue(concurrent=True), itertools.count()
        for _ in range(100_000 * SCALE): queue.run_async(lambda: next(ran))
        queue.barrier_sync(lambda: None)
        assert next(ran) == 100_000 * SCALE
    """,
    "items that are dropped unrun at the end": """
        queue = cygcd.Queue()
        queue.suspend()
        for _ in range(100_000 * SCALE): queue.run_async(lambda: 1 / 0)
        os.kill(os.getpid(), 0)
    """,
    "delayed items": """
        queue, ran = cygcd.Queue(), [0]
        def item(): ran[0] += 1
        for number in range(20_000 * SCALE): queue.after(number % 100 / 1000, item)
        for number in range(1_000): queue.after(3600, item)
        assert eventually(lambda: ran == [20_000 * SCALE], 60)
    """,
    "queues": """
        ran, group = [0], cygcd.Group()
        def item(): ran[0] += 1
        queues = [cygcd.Queue(str(number), concurrent=bool(number % 2)) for number in range(10_000 * SCALE)]
        for queue in queues: group.run_async(queue, item)
        assert group.wait(60)
        del queues, queue
        gc.collect()
    """,
    "queues with one target": """
        target, group = cygcd.Queue("target"), cygcd.Group()
        queues = [cygcd.Queue(target=target) for number in range(10_000 * SCALE)]
        for queue in queues: group.run_async(queue, lambda: None)
        assert group.wait(60)
    """,
    "timers": """
        warnings.simplefilter("ignore")
        timers = [cygcd.Timer(3600 + number, lambda: None) for number in range(5_000 * SCALE)]
        for timer in timers: timer.start()
        for timer in timers[::2]: timer.cancel_and_wait()
        del timers, timer
        gc.collect()
    """,
    "pieces of data": """
        data, piece = cygcd.Data(), cygcd.Data(b"0123456789")
        count = 1_000 * SCALE
        for _ in range(count): data = data.concat(piece)
        assert len(data) == 10 * count and bytes(data.subrange(10 * count - 5, 10)) == b"56789"
        assert data.copy_region(10 * count - 1)[1] == 10 * (count - 1)
        assert bytes(data) == b"0123456789" * count and hash(data) == hash(bytes(data))
        front = cygcd.Data()
        for _ in range(count): front = piece.concat(front)
        assert front == data
        parts = data
        while len(parts) > 1: parts = parts.subrange(1, len(parts) // 2)
        del front, data
    """,
    "data doubled until there is no number for it": """
        data = cygcd.Data(b"x" * 4096)
        try:
            while True: data = data.concat(data)
        except (ValueError, OverflowError, MemoryError, RuntimeError): pass
        assert raises((MemoryError, OverflowError, ValueError, RuntimeError, BufferError), bytes, data)
    """
    if os.environ.get("GCD_SCALE")
    else "",
    "groups and notifications": """
        group, queue, ran = cygcd.Group(), cygcd.Queue(), [0]
        def item(): ran[0] += 1
        group.enter()
        for _ in range(10_000 * SCALE): group.notify(queue, item)
        group.leave()
        assert group.wait(5)
        queue.run_sync(lambda: None)
        assert ran == [10_000 * SCALE]
    """,
    "reads and writes": """
        ends, came = os.pipe(), []
        # Beside libdispatch no more than 500 can wait for one descriptor.
        count = 1_000 * SCALE if cygcd._core._engine == "native" else 400
        for _ in range(count): cygcd.read_async(ends[0], 1, lambda data, error: came.append(data))
        channel = cygcd.IOChannel(ends[1])
        for _ in range(count): channel.write(b"x", lambda *_: None)
        assert eventually(lambda: len(came) == count, 60), len(came)
        assert b"".join(came) == b"x" * len(came)
    """,
    "specifics": """
        queue = cygcd.Queue()
        for number in range(10_000 * SCALE): queue.set_specific(number, [number])
        assert queue.run_sync(lambda: cygcd.get_specific(77)) == [77]
        for number in range(10_000 * SCALE): queue.set_specific(number, None)
        assert queue.get_specific(77) is None
    """,
    "threads that wait": """
        semaphore, got = cygcd.Semaphore(), []
        threads = [threading.Thread(target=lambda: got.append(semaphore.wait(30))) for _ in range(200)]
        for each in threads: each.start()
        for each in threads: semaphore.signal()
        for each in threads: each.join()
        assert got == [True] * 200
    """,
}


@pytest.mark.parametrize("name", [name for name, code in SIZES.items() if code])
def test_process_outlives(name):
    run_case(f"SCALE = {SCALE}\n" + textwrap.dedent(SIZES[name]), limit=60 + 60 * SCALE)


LOAD = """
import random
warnings.simplefilter("ignore")
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
sys.unraisablehook = lambda arguments: None
nothing = lambda *_: None
read_end, write_end = os.pipe()
os.set_blocking(read_end, False)
target, other = cygcd.Queue("target"), cygcd.Queue("other", concurrent=True)
# What methods may say to one another's misuse.
known = (RuntimeError, ValueError, TypeError, OSError, KeyError, AttributeError, BufferError)
KIND
end = time.monotonic() + SECONDS
failed = []
shared = [make() for _ in range(4)]
def load(seed):
    choose = random.Random(seed)
    while time.monotonic() < end and not failed:
        if choose.random() < 0.05: shared[choose.randrange(4)] = make()
        one, another = choose.choice(shared), choose.choice(shared)
        call = choose.choice(calls)
        try: call(one, another)
        except known: pass
        except BaseException as error: failed.append((error, call.__code__.co_firstlineno))
threads = [threading.Thread(target=load, args=(seed,)) for seed in range(8)]
for each in threads: each.start()
for each in threads: each.join(30)
assert not failed, failed
assert not any(each.is_alive() for each in threads)
del shared
gc.collect()
assert cygcd.Queue("alive").run_sync(lambda: 7) == 7
"""

QUEUE_CALLS = """
calls = [
    lambda q, o: q.run_async(nothing), lambda q, o: q.barrier_async(nothing), lambda q, o: q.after(0.001, nothing),
    lambda q, o: cygcd.Group().run_async(q, nothing), lambda q, o: q.label + repr(q), lambda q, o: q == o or hash(q),
    lambda q, o: q.set_context(o, nothing), lambda q, o: q.get_context(), lambda q, o: q.set_specific(1, o),
    lambda q, o: q.get_specific(1), lambda q, o: q.is_current(), lambda q, o: (q.is_inactive, q.qos),
    # An inactive target would hold back a sync for good.
    # Beside libdispatch on Linux no queue may be retargeted while a sync waits for it.
    lambda q, o: q.set_target_queue(target if o.is_inactive else choice([target, other, o]))
    if cygcd._core._engine == "native" else None,
    lambda q, o: q.set_specific(1, None), lambda q, o: q.activate(),
    lambda q, o: cygcd.Queue(target=q).run_async(nothing), lambda q, o: cygcd.Timer(0.001, nothing, q, repeating=False).start(),
    lambda q, o: (q.suspend(), q.resume()), lambda q, o: q.resume(), lambda q, o: q.suspended().__enter__() or q.resume(),
    lambda q, o: q.is_inactive or q.run_sync(nothing), lambda q, o: q.is_inactive or q.barrier_sync(nothing),
    lambda q, o: q.is_inactive or cygcd.apply(2, nothing, q),
    lambda q, o: q.run_async(lambda: o.run_async(lambda: o.get_context())),
]
"""

KINDS = {
    "Queue": "from random import choice\nimport itertools\nnumber = itertools.count()\n"
    "make = lambda: cygcd.Queue(f'{next(number):09}', concurrent=choice([False, True]), inactive=choice([False, False, True]))"
    + QUEUE_CALLS,
    "Workloop": "from random import choice\nimport itertools\nnumber = itertools.count()\n"
    "make = lambda: cygcd.Workloop(f'{next(number):09}', inactive=choice([False, True]))"
    + QUEUE_CALLS
    + "calls.append(lambda q, o: q.set_autorelease_frequency(1))",
    "Group": """
make = cygcd.Group
calls = [
    lambda g, o: g.run_async(target, nothing), lambda g, o: g.run_async(other, lambda: o.run_async(target, nothing)),
    lambda g, o: g.notify(target, lambda: o.notify(other, nothing)), lambda g, o: g.wait(0.001), lambda g, o: g.wait(0),
    lambda g, o: (g.enter(), g.leave()), lambda g, o: g.leave() or g.enter(), lambda g, o: repr(g),
    lambda g, o: g.entered().__enter__() or g.leave(),
]
""",
    "Semaphore": """
make = lambda: cygcd.Semaphore(2)
calls = [
    lambda s, o: s.wait(0.001), lambda s, o: s.wait(0), lambda s, o: s.signal(), lambda s, o: repr(s),
    lambda s, o: s.wait(0.002) and s.signal(), lambda s, o: target.run_async(s.signal),
]
""",
    "Once": """
make = cygcd.Once
calls = [lambda o, _: o(nothing), lambda o, _: o(lambda: 1 // 0) if "pending" in repr(o) else None, lambda o, _: repr(o),
         lambda o, _: o(lambda: o(nothing))]
known += (ZeroDivisionError,)
""",
    "sources": """
from random import choice
make = lambda: choice([
    lambda: cygcd.Timer(0.001, nothing, target), lambda: cygcd.ReadSource(read_end, nothing),
    lambda: cygcd.WriteSource(write_end, nothing, target), lambda: cygcd.SignalSource(signal.SIGUSR1, nothing),
    lambda: cygcd.ProcessSource(os.getpid(), nothing), lambda: cygcd.Timer(0, nothing, other, repeating=False)])()
calls = [
    lambda s, o: s.start(), lambda s, o: s.start(), lambda s, o: s.cancel(), lambda s, o: s.cancel_and_wait(),
    lambda s, o: (s.suspend(), s.resume()), lambda s, o: s.resume(), lambda s, o: s.set_cancel_handler(lambda: (s, o)),
    lambda s, o: s.set_registration_handler(lambda: (s, o)), lambda s, o: (s.is_cancelled, repr(s)), lambda s, o: s.__enter__(),
    lambda s, o: s.set_timer(0.001), lambda s, o: s.set_timer(0.001, repeating=False), lambda s, o: s.bytes_available,
    lambda s, o: s.count, lambda s, o: s.__exit__(), lambda s, o: os.write(write_end, b"x"), lambda s, o: os.read(read_end, 10),
    lambda s, o: os.kill(os.getpid(), signal.SIGUSR1), lambda s, o: gc.collect(0),
]
""",
    "IOChannel": """
import socket
def make():
    one, two = socket.socketpair()
    kept, far = [one], two.detach()
    channel = cygcd.IOChannel(one.fileno(), cleanup_handler=lambda _: kept.clear())
    # Its end lets reads end that ask for more, and with them channels that were dropped.
    cygcd.write_async(far, b"x" * 100, lambda *_: os.close(far))
    return channel
calls = [
    lambda c, o: c.read(10, nothing), lambda c, o: c.read(10, lambda *_: o.close()), lambda c, o: c.write(b"x", nothing),
    lambda c, o: c.barrier(lambda: o.is_closed), lambda c, o: c.close(), lambda c, o: c.close(stop=True), lambda c, o: repr(c),
    lambda c, o: c.set_high_water(10), lambda c, o: c.set_low_water(5), lambda c, o: c.set_interval(1000000),
    lambda c, o: c.set_interval(1000000, strict=True), lambda c, o: (c.fd, c.is_closed), lambda c, o: c.read(2**40, nothing, 0, target),
]
""",
    "Data": """
make = lambda: cygcd.Data(os.urandom(10)).concat(os.urandom(10))
calls = [
    lambda d, o: shared.__setitem__(0, d.concat(o).subrange(3, 100)), lambda d, o: bytes(d), lambda d, o: memoryview(d).tobytes(),
    lambda d, o: hash(d), lambda d, o: d == o, lambda d, o: d.regions(), lambda d, o: d.copy_region(5), lambda d, o: list(d),
    lambda d, o: d.apply(lambda *_: len(o)), lambda d, o: (repr(d), d.size), lambda d, o: d == bytes(o),
    lambda d, o: cygcd.write_async(write_end, d, nothing) if random.random() < 0.01 else None,
    lambda d, o: cygcd.read_async(read_end, 30, nothing) if random.random() < 0.05 else None,
]
""",
}


@pytest.mark.parametrize("name", KINDS)
def test_methods_from_eight_threads_at_once_do_no_harm(name):
    run_case(LOAD.replace("KIND", KINDS[name]).replace("SECONDS", str(SECONDS)), limit=60 + 3 * SECONDS)
