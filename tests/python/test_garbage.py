# SPDX-License-Identifier: MIT
"""What nobody can reach any more goes, with all that hangs on it, and what is still to run runs before."""

import os
import textwrap

import pytest
from conftest import PRELUDE, run_case, run_script

# Each kind of object that holds callables: how it is made, around a handler.
MADE = {
    "Timer": "cygcd.Timer(1, handler)",
    "SignalSource": "cygcd.SignalSource(signal.SIGUSR1, handler)",
    "ReadSource": "cygcd.ReadSource(pipe[0], handler)",
    "WriteSource": "cygcd.WriteSource(pipe[1], handler)",
    "ProcessSource": "cygcd.ProcessSource(os.getpid(), handler)",
    "IOChannel": "cygcd.IOChannel(pipe[0], cleanup_handler=handler)",
}
SOURCES = [name for name in MADE if name != "IOChannel"]

# An object of a subclass, as those can be told apart and hold attributes.
CYCLE = """
warnings.simplefilter("ignore", ResourceWarning)
gc.disable()
pipe = os.pipe()
class Mark: pass
def lost():
    # The queue that a thread lets go of last may hold what it ran until it has run something else.
    cygcd.Queue.global_queue().run_sync(lambda: None)
    gc.collect()
    return gone() is None
"""


# A channel is not started.
AS_MADE_OR_STARTED = [
    (name, started) for started in (False, True) for name in MADE if not started or name != "IOChannel"
]


@pytest.mark.parametrize(("name", "started"), AS_MADE_OR_STARTED)
def test_cycle_through_the_handler_is_collected(name, started):
    run_case(
        CYCLE
        + f"""
def make():
    def handler(*_): return held
    handler.mark = Mark()
    held = {MADE[name]}
    if {started}: held.start()
    return weakref.ref(handler.mark)
gone = make()
assert eventually(lost)
"""
    )


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("setter", ["set_cancel_handler", "set_registration_handler"])
def test_cycle_through_another_handler_is_collected(name, setter):
    run_case(
        CYCLE
        + f"""
def make():
    handler = lambda: None
    held = {MADE[name]}
    def other(): return held
    other.mark = Mark()
    held.{setter}(other)
    return weakref.ref(other.mark)
gone = make()
assert eventually(lost)
"""
    )


@pytest.mark.parametrize("name", SOURCES)
def test_cancel_handler_in_a_cycle_runs_with_all_it_knows_and_then_goes(name):
    run_case(
        CYCLE
        + f"""
seen = []
def make():
    handler = lambda: None
    mark = Mark()
    held = {MADE[name]}
    held.set_cancel_handler(lambda: seen.append((held.is_cancelled, type(mark).__name__)))
    held.start()
    return weakref.ref(mark)
gone = make()
gc.collect()
assert eventually(lambda: seen)
assert seen == [(True, "Mark")], seen
assert eventually(lost)
"""
    )


def test_cleanup_handler_in_a_cycle_runs_with_all_it_knows_and_then_goes():
    run_case(
        CYCLE
        + """
seen = []
def make():
    mark = Mark()
    held = cygcd.IOChannel(pipe[0], cleanup_handler=lambda error: seen.append((error, held.is_closed, mark is None)))
    return weakref.ref(mark)
gone = make()
gc.collect()
assert eventually(lambda: seen)
assert seen == [(0, True, False)], seen
assert eventually(lost)
"""
    )


@pytest.mark.parametrize("kind", ["Queue()", "Queue(concurrent=True)", "Workloop('w')"])
@pytest.mark.parametrize(
    "attach",
    [
        "held.set_context((held, mark))",
        "held.set_context([held, mark])",
        "held.set_context(0, lambda: (held, mark))",
        "held.set_context((held, mark), lambda: (held, mark))",
        "held.set_specific('key', (held, mark))",
        "held.set_specific((held, mark), 'value')",
    ],
)
def test_cycle_through_what_is_attached_to_a_queue_is_collected(kind, attach):
    run_case(
        CYCLE
        + f"""
def make():
    mark = Mark()
    held = cygcd.{kind}
    {attach}
    return weakref.ref(mark)
gone = make()
assert eventually(lost)
"""
    )


def test_finalizer_in_a_cycle_runs_once_with_all_it_knows():
    run_case(
        CYCLE
        + """
seen = []
def make():
    held = cygcd.Queue("named")
    held.set_context(held, lambda: seen.append(held.label))
make()
for _ in range(3): gc.collect()
assert seen == ["named"], seen
"""
    )


def test_finalizer_in_a_cycle_that_replaces_its_context_runs_once():
    run_case(
        CYCLE
        + """
seen = []
def make():
    held = cygcd.Queue()
    def finalizer():
        seen.append(1)
        held.set_context(None)
    held.set_context(held, finalizer)
make()
for _ in range(3): gc.collect()
assert seen == [1], seen
"""
    )


def test_object_whose_class_was_changed_can_be_collected():
    run_case(
        CYCLE
        + """
class First(cygcd.Queue): pass
class Second(cygcd.Queue): pass
ended = []
def make():
    held = First()
    held.__class__ = Second
    held.set_context(held, lambda: ended.append(1))
make()
for _ in range(3): gc.collect()
assert ended == [1], ended
"""
    )


def test_finalizer_of_a_subclass_waits_for_the_work_under_way():
    run_case(
        """
        seen = []
        class Mine(cygcd.Queue): pass
        release = threading.Event()
        def make():
            mine = Mine()
            mine.set_context(0, lambda: seen.append("finalizer"))
            mine.run_async(lambda: (release.wait(5), seen.append("item")))
        make()
        gc.collect()
        release.set()
        assert eventually(lambda: len(seen) == 2)
        assert seen == ["item", "finalizer"], seen
        """
    )


def test_what_is_attached_to_queues_of_the_system_stays():
    run_case(
        """
        class Value: pass
        queues = [cygcd.Queue.global_queue() for _ in range(3)] + [cygcd.Queue.main_queue() for _ in range(3)]
        for queue in (queues[0], queues[-1]):
            value = Value()
            queue.set_specific("key", value)
            queue.set_context(value)
        known = weakref.ref(value)
        del value
        for _ in range(3): gc.collect()
        assert queues[-2].get_specific("key") is known() is not None
        assert queues[-2].get_context() is known()
        del queues, queue
        for _ in range(3): gc.collect()
        assert cygcd.Queue.main_queue().get_context() is known() is not None
        """
    )


@pytest.mark.parametrize("name", MADE)
def test_object_whose_handlers_are_in_use_elsewhere_is_not_collected(name):
    run_case(
        CYCLE
        + f"""
def make():
    def handler(*_): return held
    held = {MADE[name]}
    return handler
kept = make()
for _ in range(3): gc.collect()
held = kept()
assert "not started" in repr(held) or "open" in repr(held)
assert not getattr(held, "is_cancelled", False)
"""
    )


@pytest.mark.parametrize("name", MADE)
def test_collector_sees_the_handler(name):
    run_case(
        CYCLE
        + f"""
def handler(*_): pass
held = {MADE[name]}
assert gc.is_tracked(held) and type(held) in gc.get_referents(held)
assert handler in gc.get_referents(*gc.get_referents(held))
raw = type(held).__new__(type(held))
assert gc.get_referents(raw) == [type(held)]
del raw
gc.collect()
"""
    )


@pytest.mark.parametrize("finalizer", ["self.cancel()", "pass", "seen.append(self.is_cancelled); seen.clear()"])
def test_cycle_through_a_subclass_with_a_finalizer_of_its_own_is_collected(finalizer):
    run_case(
        CYCLE
        + f"""
seen = []
class Mine(cygcd.Timer):
    def __init__(self):
        self.mark = Mark()
        super().__init__(1, self.tick)
        self.set_cancel_handler(self.over)
    def tick(self): pass
    def over(self): seen.append(self.mark is not None)
    def __del__(self): {finalizer}
gone = weakref.ref(Mine().mark)
gc.collect()
assert eventually(lambda: seen == [True])
assert eventually(lost)
"""
    )


@pytest.mark.parametrize("made", ["cygcd.Data(held)", "cygcd.Data(memoryview(held))", "memoryview(cygcd.Data(held))"])
def test_cycle_through_the_bytes_of_data_is_collected(made):
    run_case(
        CYCLE
        + f"""
class Bytes(bytes): pass
def make():
    held = Bytes(b"text")
    held.data = {made}
    assert bytes(held.data) == b"text"
    return weakref.ref(held.data)
gone = make()
assert eventually(lost)
"""
    )


def test_cycle_through_the_context_of_a_queue_of_several_classes_is_collected():
    run_case(
        CYCLE
        + """
class Both(cygcd.Workloop, cygcd.Queue):
    def __init__(self):
        super().__init__("both")
        self.mark = Mark()
        self.set_context(self)
gone = weakref.ref(Both().mark)
assert eventually(lost)
"""
    )


def test_handlers_that_run_while_their_cycle_is_collected_do_no_harm():
    run_case(
        CYCLE
        + """
def make(seen=[]):
    held = cygcd.Timer(0.0001, lambda: seen.append(held.is_cancelled) if held else None)
    held.set_registration_handler(lambda: seen.append(held.is_cancelled))
    held.set_cancel_handler(lambda: seen.append(held.is_cancelled))
    held.start()
    time.sleep(0)
for number in range(300):
    make()
    gc.collect()
"""
    )


def test_handler_dropped_by_the_collector_says_so_once():
    run_case(
        CYCLE
        + """
def make():
    held = cygcd.Timer(60, lambda: held)
    held.start()
make()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(3): gc.collect()
assert [str(each.message) for each in caught] == ["a started cygcd.Timer was dropped, which cancels it"], caught
"""
    )


# A source that its last reference leaves.
DROPPED = {
    "Timer": ("cygcd.Timer(0.001, handler)", ""),
    "ReadSource": ("cygcd.ReadSource(pipe[0], handler)", "os.write(pipe[1], b'x')"),
    "WriteSource": ("cygcd.WriteSource(pipe[1], handler)", ""),
    "SignalSource": ("cygcd.SignalSource(signal.SIGUSR1, handler)", "os.kill(os.getpid(), signal.SIGUSR1)"),
}


@pytest.mark.parametrize("name", DROPPED)
def test_last_reference_cancels_and_a_running_handler_ends_in_peace(name):
    made, event = DROPPED[name]
    run_case(
        CYCLE
        + f"""
entered, release, seen = threading.Event(), threading.Event(), []
class Handler:
    def __call__(self):
        entered.set()
        release.wait(5)
        # It is alive as long as it runs.
        seen.append(self.value)
    value = "alive"
    def __del__(self): seen.append("gone")
handler = Handler()
held = {made}
held.set_cancel_handler(lambda: seen.append("cancelled"))
del handler
held.start()
{event}
assert entered.wait(5)
del held
gc.collect()
assert seen == []
release.set()
assert eventually(lambda: len(seen) == 3), seen
assert seen[0] == "alive" and set(seen[1:]) == {{"cancelled", "gone"}}, seen
"""
    )


def test_source_released_in_its_own_handler_ends():
    run_case(
        """
        warnings.simplefilter("ignore")
        seen = []
        held = {}
        def handler():
            seen.append(1)
            held.clear()
            gc.collect()
        held["timer"] = cygcd.Timer(0.001, handler)
        held["timer"].set_cancel_handler(lambda: seen.append(2))
        held["timer"].start()
        assert eventually(lambda: 2 in seen)
        assert seen == [1, 2]
        """
    )


def test_collections_on_all_threads_while_everything_runs_do_no_harm():
    run_case(
        """
        warnings.simplefilter("ignore")
        end = time.monotonic() + 1
        ticks = []
        def once():
            held = cygcd.Timer(0.0001, lambda: (held, ticks.append(1)))
            held.set_cancel_handler(lambda: held)
            queue = cygcd.Queue()
            queue.set_context(queue, lambda: queue)
            queue.set_specific(1, queue)
            held.start()
            queue.run_async(lambda: None)
            queue.run_sync(lambda: None)
        def load():
            while time.monotonic() < end: once()
        def collect():
            while time.monotonic() < end: gc.collect()
        threads = [threading.Thread(target=each) for each in (load, load, load, collect, collect)]
        for each in threads: each.start()
        for each in threads: each.join()
        gc.collect()
        assert ticks
        """
    )


class TestErrors:
    """What is raised where nobody can catch it reaches sys.unraisablehook, and does no harm."""

    def test_from_finalizers_of_callables_and_values(self):
        run_case(
            """
            seen = []
            sys.unraisablehook = lambda arguments: seen.append(type(arguments.exc_value).__name__)
            class Angry:
                def __init__(self, kind): self.kind = kind
                def __call__(self, *_): pass
                def __del__(self): raise self.kind
            kinds = (ValueError, SystemExit, KeyboardInterrupt)
            for kind in kinds:
                cygcd.Queue().run_async(Angry(kind))
                cygcd.Queue().run_sync(Angry(kind))
                cygcd.Timer(1, Angry(kind))
                queue = cygcd.Queue()
                queue.set_context(Angry(kind))
                queue.set_specific(1, Angry(kind))
                del queue
                cygcd.Queue().run_sync(lambda kind=kind: Angry(kind))
            assert eventually(lambda: len(seen) == 6 * len(kinds)), seen
            assert all(seen.count(kind.__name__) == 6 for kind in kinds), seen
            """
        )

    @pytest.mark.parametrize("kind", ["ValueError", "SystemExit", "KeyboardInterrupt", "GeneratorExit"])
    def test_from_the_finalizer_of_a_context(self, kind):
        run_case(
            f"""
            seen = []
            sys.unraisablehook = lambda arguments: seen.append(arguments.exc_type)
            def finalizer(): raise {kind}
            queue = cygcd.Queue()
            queue.set_context(0, finalizer)
            queue.set_context(1, finalizer)
            assert seen == [{kind}]
            queue.set_context(2, finalizer)
            del queue
            assert eventually(lambda: seen == [{kind}] * 3)
            """
        )

    def test_from_the_hook_itself(self):
        code = """
            def hook(arguments): raise SystemExit(5)
            sys.unraisablehook = hook
            def item(): raise ValueError("from the item")
            queue = cygcd.Queue()
            queue.run_async(item)
            queue.run_sync(lambda: None)
            timer = cygcd.Timer(0.001, item, queue, repeating=False)
            done = threading.Event()
            timer.set_cancel_handler(lambda: (done.set(), item()))
            timer.start()
            time.sleep(0.02)
            timer.cancel()
            assert done.wait(5)
            queue.run_sync(lambda: None)
            print("alive", flush=True)
            # What Python itself says of such a hook is not ours.
            os.close(2)
        """
        # Everything that is said comes from the interpreter, and the process lives.
        done = run_script(PRELUDE + textwrap.dedent(code))
        assert (done.returncode, done.stdout) == (0, "alive\n")
        assert "SystemExit: 5" in done.stderr and "Exception ignored in" in done.stderr

    def test_from_a_hook_that_is_gone(self):
        run_case(
            """
            sys.unraisablehook = None
            def item(): raise ValueError
            os.close(2)
            queue = cygcd.Queue()
            queue.run_async(item)
            queue.run_sync(lambda: None)
            del sys.unraisablehook
            queue.run_async(item)
            queue.run_sync(lambda: None)
            """
        )

    def test_as_warnings_that_are_errors(self):
        run_case(
            """
            seen = []
            sys.unraisablehook = lambda arguments: seen.append(arguments.exc_type)
            warnings.simplefilter("error")
            timer = cygcd.Timer(60, lambda: None)
            timer.start()
            del timer
            assert seen == [ResourceWarning]
            def make():
                held = cygcd.Timer(60, lambda: held)
                held.start()
            make()
            # A free-threaded Python may count what another thread has let go of later.
            assert eventually(lambda: (gc.collect(), len(seen) == 2)[1])
            assert seen == [ResourceWarning] * 2
            """
        )


# Create, use and drop, one round of each kind of object.
ROUNDS = {
    "Queue": "q = cygcd.Queue('label', concurrent=True); q.run_async(nothing); q.barrier_sync(nothing)",
    "Queue with a target": "q = cygcd.Queue('label', target=target); q.run_async(nothing); q.run_sync(nothing)",
    "Queue with values": "q = cygcd.Queue(); q.set_context([1], nothing); q.set_specific('k', [2]); q.run_sync(nothing)",
    "inactive Queue": "q = cygcd.Queue(inactive=True); q.run_async(nothing)",
    "suspended Queue": "q = cygcd.Queue(); q.suspend(); q.run_async(nothing)",
    "Queue in a cycle": "q = cygcd.Queue(); q.set_context((q,), lambda: q); q.set_specific(q, q)",
    "Workloop": "q = cygcd.Workloop(None, inactive=True); q.activate(); q.run_sync(nothing)",
    "after": "target.after(0, nothing)",
    "Group": "g = cygcd.Group(); g.run_async(target, nothing); g.notify(target, nothing); g.enter(); g.leave(); g.wait()",
    "Group that is entered": "g = cygcd.Group(); g.enter()",
    "Semaphore": "s = cygcd.Semaphore(1); s.wait(); s.signal(); s.wait()",
    "Once": "o = cygcd.Once(); o(nothing); o(nothing)",
    "apply": "cygcd.apply(2, nothing, target)",
    "Timer": "t = cygcd.Timer(60, nothing); t.set_cancel_handler(nothing); t.start(); t.cancel()",
    "Timer in a cycle": "t = cygcd.Timer(60, lambda: t); t.set_cancel_handler(lambda: t); t.start()",
    "Timer that was never started": "t = cygcd.Timer(60, lambda: t)",
    "SignalSource": "s = cygcd.SignalSource(signal.SIGUSR1, nothing); s.start(); s.cancel()",
    "ReadSource": "s = cygcd.ReadSource(pipe[0], lambda: s); s.start(); s.cancel_and_wait()",
    "WriteSource": "s = cygcd.WriteSource(pipe[1], nothing); s.start(); s.cancel_and_wait()",
    "ProcessSource": "s = cygcd.ProcessSource(os.getpid(), nothing); s.start(); s.cancel_and_wait()",
    "Data": "d = cygcd.Data(b'x' * 100).concat(bytearray(10)).subrange(1, 105); memoryview(d)[0]; hash(d)",
    "IOChannel": "e = threading.Event(); c = cygcd.IOChannel(pipe[1], cleanup_handler=lambda _: (c, e.set())); "
    "c.write(b'', nothing); c.close(); e.wait(5)",
    "read and write": "e = threading.Semaphore(0); cygcd.write_async(pipe[1], b'x', lambda *_: e.release()); "
    "cygcd.read_async(pipe[0], 1, lambda *_: e.release()); e.acquire(); e.acquire()",
    "what is refused": "raises(ValueError, cygcd.Timer, -1, lambda: 1); raises(TypeError, target.run_sync, 5); "
    "raises(RuntimeError, target.resume); raises(ValueError, cygcd.IOChannel, -1, 0, None, lambda: 1)",
    "what raises": "raises(ZeroDivisionError, target.run_sync, lambda: 1 / 0)",
}

COUNTED = """
warnings.simplefilter("ignore")
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
pipe = os.pipe()
target = cygcd.Queue("target")
# No function, which a free-threaded Python ceases to count when it has more than one thread.
class Nothing:
    def __call__(self, *_): pass
nothing = Nothing()
def round_():
    ROUND
def settle():
    # What ends on threads of the library has ended when its objects are as many as before.
    gc.collect()
    target.run_sync(nothing)
    return sys.getrefcount(nothing), len(os.listdir("/proc/self/fd")), sys.getallocatedblocks()
def memory():
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def go(count):
    for number in range(count):
        round_()
        if number % 100 == 99: gc.collect(); target.run_sync(nothing)
go(300)
settle()
time.sleep(0.05)
refs, fds, blocks = settle()
used = memory()
go(COUNT)
def even():
    # Little may be added: what the library opens and keeps when it is first needed.
    now = settle()
    return now[0] <= refs and now[1] <= fds + 4 and now[2] - blocks < COUNT // 10
assert eventually(even), (settle(), refs, fds, blocks)
def grown():
    before = memory()
    go(COUNT)
    return memory() - before
# What is kept, such as the memory of one more thread, is added once; what is lost is added each time.
first, limit = memory() - used, 100 * COUNT + (4 << 20)
assert first < limit or (second := grown()) < limit, (first, second)
"""


@pytest.mark.parametrize("name", ROUNDS)
def test_rounds_of_creation_use_and_end_hold_nothing(name):
    """References, descriptors and memory stand after 1,000 rounds where they stood (GCD_ROUNDS says how many)."""
    count = os.environ.get("GCD_ROUNDS", "1000")
    code = COUNTED.replace("ROUND", ROUNDS[name]).replace("COUNT", count)
    run_case(code, limit=60 + int(count) // 100)
