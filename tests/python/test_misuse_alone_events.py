# SPDX-License-Identifier: MIT
"""As test_misuse_alone.py, of delayed items, sources, data, and input and output."""

import textwrap

import pytest
import test_misuse_alone
from conftest import run_case

import cygcd

COMMON = (
    test_misuse_alone.COMMON
    + """
warnings.simplefilter("ignore", ResourceWarning)
read_end, write_end = os.pipe()
sources = {
    "timer": lambda handler, **more: cygcd.Timer(0.001, handler, **more),
    "signal": lambda handler, **more: cygcd.SignalSource(signal.SIGUSR1, handler, **more),
    "read": lambda handler, **more: cygcd.ReadSource(read_end, handler, **more),
    "write": lambda handler, **more: cygcd.WriteSource(write_end, handler, **more),
    "process": lambda handler, **more: cygcd.ProcessSource(os.getpid(), handler, **more),
}
def no_room():
    # As many descriptors as there may be, and how to have them again.
    import resource
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 2, former[1]))
    taken = []
    try:
        while True: taken.append(os.dup(0))
    except OSError: pass
    def again():
        for each in taken: os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, former)
    return again
"""
)
ALIVE = (
    test_misuse_alone.ALIVE
    + """
fired = threading.Event()
timer = cygcd.Timer(0.001, fired.set)
timer.start()
assert fired.wait(5)
timer.cancel_and_wait()
fresh = os.pipe()
came = []
cygcd.read_async(fresh[0], 5, lambda data, error: came.append((data, error)))
cygcd.write_async(fresh[1], b"alive", lambda rest, error: came.append((rest, error)))
assert eventually(lambda: len(came) == 2) and (b"alive", 0) in came, came
"""
)

CASES = {
    # ---- states of sources
    "resume of a source that is not suspended": """
        for make in sources.values():
            source = make(nothing)
            assert raises(RuntimeError, source.resume)
            source.start()
            assert raises(RuntimeError, source.resume)
            source.suspend(); source.resume()
            assert raises(RuntimeError, source.resume)
            source.cancel()
            assert raises(RuntimeError, source.resume)
    """,
    "end of sources in every state": """
        gone = []
        for make in sources.values():
            for state in ("", "suspend", "start", "start suspend", "suspend start suspend", "cancel", "suspend cancel",
                          "start cancel", "start suspend cancel", "start cancel_and_wait", "cancel suspend"):
                source = make(nothing)
                source.set_cancel_handler(lambda: gone.append(1))
                for step in state.split(): getattr(source, step)()
                del source
        assert eventually(lambda: len(gone) == 55), len(gone)
    """,
    "suspensions of a source without end, then handlers": """
        for make in sources.values():
            source, seen = make(nothing), []
            for _ in range(200): source.suspend()
            source.set_registration_handler(nothing)
            source.set_cancel_handler(lambda: seen.append(1))
            source.start()
            for _ in range(200): source.resume()
            source.cancel()
            assert eventually(lambda: seen)
    """,
    "sources started after their end": """
        for make in sources.values():
            source = make(nothing)
            source.cancel()
            assert raises(RuntimeError, source.start) and raises(RuntimeError, source.__enter__)
            source = make(nothing)
            source.start(); source.start(); source.cancel(); source.cancel()
            assert raises(RuntimeError, source.start)
            source.set_cancel_handler(nothing)
            source.suspend()
    """,
    "handlers of a source that runs": """
        for make in sources.values():
            source = make(nothing)
            source.start()
            assert raises(RuntimeError, source.set_registration_handler, nothing)
            source.set_cancel_handler(nothing); source.set_cancel_handler(nothing)
    """,
    "cancel_and_wait wherever it can be called": """
        for make in (sources["timer"], sources["write"]):
            seen = []
            source = make(lambda: (seen.append(raises(RuntimeError, source.cancel_and_wait)), source.cancel()))
            source.set_cancel_handler(lambda: seen.append(source.cancel_and_wait()))
            source.start()
            assert eventually(lambda: len(seen) == 2) and seen == [True, None], seen
            source.cancel_and_wait(); source.cancel_and_wait()
            source = make(nothing); source.suspend(); source.start(); source.cancel_and_wait()
            source = make(nothing); source.cancel_and_wait()
            queue = cygcd.Queue()
            source = make(lambda: queue.run_sync(lambda: seen.append(raises(RuntimeError, source.cancel_and_wait))))
            source.start()
            assert eventually(lambda: seen[-1] is True)
            source.cancel_and_wait()
    """,
    "sources on queues that don't run": """
        stopped = [cygcd.Queue(inactive=True), cygcd.Queue(), main]
        stopped[1].suspend()
        for queue in stopped:
            for make in sources.values():
                source = make(nothing, queue=queue)
                source.set_cancel_handler(nothing)
                source.start()
                source.cancel_and_wait()
        loop = cygcd.Workloop("loop", inactive=True)
        for make in sources.values(): assert raises(RuntimeError, make(nothing, queue=loop).start)
        assert raises(RuntimeError, loop.after, 0, nothing)
    """,
    "sources and channels on a workloop": """
        loop, seen = cygcd.Workloop("loop"), []
        inside = lambda *_: seen.append(loop.is_current())
        timer = sources["timer"](inside, queue=loop)
        writer = sources["write"](inside, queue=cygcd.Queue(target=loop))
        timer.start(); writer.start()
        channel = cygcd.IOChannel(os.dup(read_end), queue=loop, cleanup_handler=inside)
        os.write(write_end, b"text")
        channel.read(4, inside)
        loop.after(0, inside)
        channel.close()
        assert eventually(lambda: len(seen) > 20) and all(seen)
        timer.cancel_and_wait(); writer.cancel_and_wait()
    """,
    # ---- values
    "values of timers": """
        inf, nan = float("inf"), float("nan")
        for bad in ({"interval": -1}, {"interval": nan}, {"interval": 0}, {"interval": -inf}, {"interval": 1, "leeway": -1},
                    {"interval": 1, "leeway": nan}, {"interval": 1, "start_delay": nan}, {"interval": -10**400}):
            assert raises(ValueError, cygcd.Timer, handler=nothing, **bad), bad
            if "interval" in bad: assert raises(ValueError, cygcd.Timer(1, nothing).set_timer, **bad), bad
        for fine in ({"interval": inf}, {"interval": 10**400}, {"interval": 1, "leeway": inf},
                     {"interval": 1, "start_delay": inf}, {"interval": 1, "start_delay": cygcd.walltime(2**62)},
                     {"interval": 0, "repeating": False, "start_delay": -inf}, {"interval": 1, "start_delay": -10**400}):
            timer = cygcd.Timer(handler=nothing, **fine)
            timer.start(); timer.set_timer(**{name: value for name, value in fine.items() if name != "x"})
            timer.cancel_and_wait()
        for bad in ("1", None, [], 1j): assert raises(TypeError, cygcd.Timer, bad, nothing)
    """,
    "delays at the ends of their range": """
        queue, seen = cygcd.Queue(), []
        for never in (float("inf"), 10**400, 1e300, cygcd.time_from_now(float("inf"))): queue.after(never, lambda: seen.append(0))
        for now in (0, -1, float("-inf"), -10**400, cygcd.time_from_now(-1e300), cygcd.walltime(1), cygcd.Time(0)):
            queue.after(now, lambda: seen.append(1))
        assert raises(ValueError, queue.after, float("nan"), nothing)
        assert eventually(lambda: len(seen) == 7) and 0 not in seen
    """,
    "what can't be watched": """
        # None of which the library could make one of its own.
        closed = 900
        for kind in (cygcd.ReadSource, cygcd.WriteSource):
            for bad in (-1, 2**31, 2**64, -2**64): assert raises(ValueError, kind, bad, nothing)
            assert raises(OSError, kind(closed, nothing).start) and raises(OSError, kind(closed, nothing).__enter__)
            raises(OSError, kind(2**31 - 1, nothing).start)
        for bad in (0, -1, 65, 1000, 2**40, signal.SIGKILL, signal.SIGSTOP): assert raises(ValueError, cygcd.SignalSource, bad, nothing)
        for bad in (0, -1, 2**31, 2**70): assert raises(ValueError, cygcd.ProcessSource, bad, nothing)
        for bad in (0, 1, 2**40): assert raises(ValueError, cygcd.ProcessSource, os.getpid(), nothing, bad)
        raises(OSError, cygcd.ProcessSource(2**31 - 1, nothing).start)
        assert raises(OSError, cygcd.IOChannel, closed) and raises(ValueError, cygcd.IOChannel, -1)
        assert raises(OSError, cygcd.read_async, closed, 1, nothing) and raises(OSError, cygcd.write_async, closed, b"x", nothing)
        for bad in (2, -1, 2**40): assert raises(ValueError, cygcd.IOChannel, 0, bad)
    """,
    "all signals at once": """
        # What Python has for SIGINT runs too, and raises.
        skipped = {signal.SIGINT, signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}
        held = []
        for number in signal.valid_signals() - skipped:
            try: held.append(cygcd.SignalSource(number, nothing))
            except ValueError: continue
            held[-1].start()
        assert len(held) > 50
        for source in held: os.kill(os.getpid(), source.signal)
        assert eventually(lambda: all(source.count for source in held))
        for source in held: source.cancel_and_wait()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    """,
    # ---- descriptors
    "a descriptor that is closed, or is another, under a source": """
        for make in (sources["read"], sources["write"]):
            ends = os.pipe()
            os.write(ends[1], b"x")
            kind = cygcd.ReadSource if make is sources["read"] else cygcd.WriteSource
            fd = ends[0] if kind is cygcd.ReadSource else ends[1]
            source = kind(fd, nothing)
            source.start()
            os.close(fd)
            again = os.open("/dev/null", os.O_RDWR)
            another = kind(fd, nothing)
            raises(OSError, another.start)
            source.cancel_and_wait(); another.cancel_and_wait()
            os.fstat(again)
    """,
    "a descriptor that is closed, or is another, under a channel": """
        ends, over = os.pipe(), threading.Event()
        channel = cygcd.IOChannel(ends[0], cleanup_handler=lambda error: over.set())
        channel.read(10, nothing)
        os.close(ends[0])
        other = os.pipe()
        channel.close(stop=True)
        assert over.wait(5)
        os.fstat(other[0])
    """,
    "a pipe that nobody reads": """
        # As a program may have it; Python itself ignores the signal.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        import errno, socket
        for ends in (os.pipe(), [each.detach() for each in socket.socketpair()]):
            os.close(ends[0])
            came = []
            cygcd.write_async(ends[1], b"x" * 100000, lambda rest, error: came.append((len(rest), error)))
            channel = cygcd.IOChannel(os.dup(ends[1]))
            channel.write(b"y", lambda done, rest, error: came.append((len(rest), error)))
            assert eventually(lambda: len(came) == 2), came
            assert sorted(came) == [(1, errno.EPIPE), (100000, errno.EPIPE)], came
    """,
    "a disk that is full": """
        import errno
        came, fd = [], os.open("/dev/full", os.O_RDWR)
        cygcd.write_async(fd, b"text", lambda rest, error: came.append((rest, error)))
        channel = cygcd.IOChannel(fd)
        channel.write(b"text", lambda done, rest, error: came.append((rest, error)))
        assert eventually(lambda: len(came) == 2) and came == [(b"text", errno.ENOSPC)] * 2, came
    """,
    "descriptors that can do nothing of it": """
        import errno
        came = []
        def refused(call, fd, what):
            # At once, or by way of the handler.
            try: call(fd, what, lambda _, error: came.append(error))
            except OSError as error: came.append(error.errno)
        for fd in (os.open("/", os.O_RDONLY), write_end): refused(cygcd.read_async, fd, 1)
        for fd in (os.open("/dev/null", os.O_RDONLY), read_end): refused(cygcd.write_async, fd, b"x")
        assert eventually(lambda: len(came) == 4) and all(came), came
    """,
    "no room for descriptors": """
        queue, seen = cygcd.Queue(), []
        again = no_room()
        held = []
        for make in [*sources.values(), lambda handler: cygcd.IOChannel(read_end)]:
            try:
                held.append(make(nothing))
                held[-1].start()
            except (OSError, AttributeError): pass
        for call in (lambda: cygcd.read_async(read_end, 1, nothing), lambda: cygcd.write_async(write_end, b"x", nothing),
                     lambda: queue.after(0, nothing)):
            try: call()
            except OSError: pass
        assert queue.run_sync(lambda: 7) == 7
        group = cygcd.Group()
        for _ in range(100): group.run_async(cygcd.Queue(), lambda: seen.append(1))
        assert group.wait(5) and len(seen) == 100
        again()
        for each in held: each.close(stop=True) if isinstance(each, cygcd.IOChannel) else each.cancel()
    """,
    "the first use without room for descriptors": """
        again = no_room()
        try: cygcd.Queue().after(0, nothing)
        except OSError: pass
        raises(OSError, sources["timer"](nothing).start)
        assert cygcd.Queue().run_sync(lambda: 7) == 7
        group = cygcd.Group()
        group.run_async(cygcd.Queue(), nothing)
        assert group.wait(5)
        again()
    """,
    # ---- channels
    "channels after close": """
        import socket
        one, other = socket.socketpair()
        channel = cygcd.IOChannel(one.fileno())
        channel.close(); channel.close(); channel.close(stop=True); channel.close()
        assert channel.is_closed
        for call in (lambda: channel.read(1, nothing), lambda: channel.write(b"x", nothing), lambda: channel.barrier(nothing),
                     lambda: channel.set_high_water(1), lambda: channel.set_low_water(1), lambda: channel.set_interval(1)):
            assert raises(RuntimeError, call)
        assert channel.fd == one.fileno()
    """,
    "arguments of channels": """
        channel = cygcd.IOChannel(read_end, cygcd.IO_STREAM)
        for bad in (-1, -2**70):
            assert raises(ValueError, channel.read, bad, nothing) and raises(ValueError, channel.set_high_water, bad)
            assert raises(ValueError, channel.set_low_water, bad) and raises(ValueError, channel.set_interval, bad)
        for bad in (None, "text", 5, []):
            assert raises(TypeError, channel.write, bad, nothing)
            assert raises(TypeError, channel.read, 1, bad) and raises(TypeError, channel.barrier, bad)
            assert raises(TypeError, cygcd.write_async, write_end, bad, nothing)
            if bad is not None: assert raises(TypeError, channel.read, 1, nothing, 0, bad)
        assert raises(ValueError, channel.set_interval, 1, 2) and raises(ValueError, channel.set_interval, 2**70)
        channel.set_high_water(2**100); channel.set_low_water(2**100); channel.set_low_water(0)
        assert raises(ValueError, channel.set_high_water, 0)
        channel.close(stop=True)
    """,
    "an end of everything with operations under way": """
        seen = []
        for _ in range(50):
            ends = os.pipe()
            channel = cygcd.IOChannel(ends[0], cleanup_handler=lambda error, ends=ends: (seen.append(error), *map(os.close, ends)))
            channel.read(2**100, nothing)
            channel.close(stop=True)
            del channel
        assert eventually(lambda: len(seen) == 50), len(seen)
    """,
    "a handler that raises what belongs to files": """
        seen, came = [], []
        sys.unraisablehook = lambda arguments: seen.append(arguments.exc_type)
        def handler(*arguments):
            came.append(arguments)
            raise OSError(5, "mine")
        cygcd.write_async(write_end, b"x", handler)
        assert eventually(lambda: len(seen) == 1)
        cygcd.read_async(read_end, 1, handler)
        assert eventually(lambda: len(seen) == 2)
        assert came == [(b"", 0), (b"x", 0)], came
    """,
    # ---- data
    "data of nothing and of anything": """
        import array
        for bad in (5, "text", [1], object()): assert raises(TypeError, cygcd.Data, bad)
        data = cygcd.Data(b"abc")
        for bad in (None, 5, "text"): assert raises(TypeError, data.concat, bad)
        for bad in (-1, -2**70):
            assert raises(ValueError, data.subrange, bad, 1) and raises(ValueError, data.subrange, 0, bad)
            assert raises(ValueError, data.copy_region, bad)
        assert raises(ValueError, cygcd.Data().copy_region, 0)
        assert bytes(data.subrange(2**100, 2**100)) == b"" and bytes(data.subrange(1, 2**100)) == b"bc"
        assert bytes(cygcd.Data(array.array("i", [1, 2]))) == array.array("i", [1, 2]).tobytes()
        assert bytes(cygcd.Data(memoryview(b"abcdef")[::-2])) == b"fdb"
        view = memoryview(data)
        del data; gc.collect()
        assert bytes(view) == b"abc" and view.readonly
        assert raises(TypeError, view.__setitem__, 0, 1)
        class Angry:
            def __bool__(self): raise ZeroDivisionError
        assert raises(ZeroDivisionError, cygcd.Data(b"x").apply, lambda *_: Angry())
        assert raises(KeyError, cygcd.Data(b"x").apply, lambda *_: {}[0])
    """,
    "buffers that change or end while they are shared": """
        mutable = bytearray(b"x" * 1000)
        data = cygcd.Data(mutable)
        mutable[:] = b"y" * 1000
        mutable.clear()
        assert bytes(data) == b"x" * 1000
        import mmap
        mapped = mmap.mmap(-1, 4096)
        data = cygcd.Data(mapped)
        mapped.close()
        assert len(bytes(data)) == 4096
        came = []
        mutable = bytearray(b"z" * 100)
        cygcd.write_async(write_end, mutable, lambda rest, error: came.append(error))
        mutable.clear()
        assert eventually(lambda: came == [0]) and os.read(read_end, 200) == b"z" * 100
        released = memoryview(b"text"); released.release()
        assert raises(ValueError, cygcd.Data, released)
    """,
    "objects that are not whole": """
        for kind, arguments in ((cygcd.Timer, (1, nothing)), (cygcd.ReadSource, (read_end, nothing)), (cygcd.IOChannel, (read_end,)),
                                (cygcd.Data, (b"x",))):
            class Late(kind):
                def __init__(self, *arguments):
                    self.early = raises(TypeError, repr, self)
                    super().__init__(*arguments)
                    super().__init__(*arguments)
            class Raises(kind):
                def __init__(self, *arguments):
                    super().__init__(*arguments)
                    raise KeyError
            class Escapes(kind):
                def __init__(self):
                    escaped.append(self)
                    super().__init__(None, None, None, None, None, None, None)
            escaped = []
            assert raises(KeyError, Raises, *arguments) and raises(TypeError, Escapes)
            assert Late(*arguments).early and raises(TypeError, repr, escaped[0])
            for method in ("start", "close", "__bytes__"):
                if hasattr(kind, method): assert raises(TypeError, getattr(escaped[0], method))
            gc.collect()
    """,
}


# libdispatch makes descriptors of its own when it needs them, and traps if it can't.
if cygcd._core._engine != "native":
    del CASES["no room for descriptors"], CASES["the first use without room for descriptors"]


@pytest.mark.parametrize("name", CASES)
def test_process_outlives(name):
    run_case(COMMON + textwrap.dedent(CASES[name]) + ALIVE)
