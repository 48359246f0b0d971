# SPDX-License-Identifier: MIT
"""What libdispatch answers with a trap or a hang, each case in a process of its own, which lives on and works."""

import textwrap

import pytest
from conftest import run_case

COMMON = """
nothing = lambda *_: None
kinds = {
    "serial": lambda **more: cygcd.Queue("serial", **more),
    "concurrent": lambda **more: cygcd.Queue("concurrent", concurrent=True, **more),
    "workloop": lambda **more: cygcd.Workloop("workloop", **more),
}
main = cygcd.Queue.main_queue()
system = [main, *map(cygcd.Queue.global_queue, (-32768, -2, 0, 2, 0x21, 0x19, 0x15, 0x11, 0x9))]
"""
# Everything still works, on an object of its own.
ALIVE = """
group = cygcd.Group()
group.run_async(cygcd.Queue("alive"), nothing)
assert group.wait(5)
assert cygcd.Queue("alive").run_sync(lambda: 7) == 7
"""

CASES = {
    # ---- suspension and activation
    "resume of a queue that is not suspended": """
        for make in (kinds["serial"], kinds["concurrent"]):
            queue = make()
            assert raises(RuntimeError, queue.resume)
            queue.suspend(); queue.resume()
            assert raises(RuntimeError, queue.resume)
            assert queue.run_sync(lambda: 7) == 7
    """,
    "resume of an inactive queue": """
        queue = cygcd.Queue(inactive=True)
        assert raises(RuntimeError, queue.resume)
        queue.activate()
        assert raises(RuntimeError, queue.resume)
        assert queue.run_sync(lambda: 7) == 7
    """,
    "end of a queue that is suspended many times over": """
        ran = []
        for make in (kinds["serial"], kinds["concurrent"]):
            queue = make()
            for _ in range(100): queue.suspend()
            for _ in range(3): queue.run_async(lambda: ran.append(1))
            del queue
        assert eventually(lambda: len(ran) == 6)
    """,
    "end of a queue that is inactive": """
        ran = []
        for make in (kinds["serial"], kinds["concurrent"]):
            queue = make(inactive=True)
            queue.run_async(lambda: ran.append(1))
            del queue
        cygcd.Workloop("never", inactive=True)
        queue = cygcd.Queue(inactive=True); queue.suspend(); queue.run_async(lambda: ran.append(1)); del queue
        assert eventually(lambda: len(ran) == 3)
    """,
    "100,000 suspensions": """
        queue = cygcd.Queue()
        for _ in range(100000): queue.suspend()
        for _ in range(100000): queue.resume()
        assert raises(RuntimeError, queue.resume)
        assert queue.run_sync(lambda: 7) == 7
    """,
    "suspensions of an inactive queue, and a target": """
        queue, target = cygcd.Queue(inactive=True), cygcd.Queue()
        for _ in range(200): queue.suspend()
        queue.set_target_queue(target)
        queue.activate()
        for _ in range(200): queue.resume()
        assert queue.run_sync(target.is_current)
    """,
    "suspension and activation of queues of the system": """
        for queue in [*system, kinds["workloop"]()]:
            assert raises(RuntimeError, queue.suspend)
            assert raises(RuntimeError, queue.resume)
            assert raises(RuntimeError, queue.activate)
            assert raises(RuntimeError, queue.suspended().__enter__)
            assert raises(RuntimeError, queue.suspended().__exit__, None, None, None)
    """,
    "activation twice": """
        for make in kinds.values():
            queue = make(inactive=True)
            queue.activate()
            assert raises(RuntimeError, queue.activate)
            assert queue.run_sync(lambda: 7) == 7
    """,
    "exit from a with block that resumes what was resumed inside": """
        queue = cygcd.Queue()
        def block():
            with queue.suspended(): queue.resume()
        assert raises(RuntimeError, block)
        assert queue.run_sync(lambda: 7) == 7
    """,
    # ---- targets
    "a target for a queue that is active, was inactive": """
        queue, target = cygcd.Queue(inactive=True), cygcd.Queue()
        queue.set_target_queue(target)
        queue.activate()
        assert raises(RuntimeError, queue.set_target_queue, cygcd.Queue())
        assert queue.run_sync(target.is_current)
    """,
    "another target again and again": """
        queue, targets, ran = cygcd.Queue(), [cygcd.Queue() for _ in range(4)], []
        for number in range(400):
            queue.set_target_queue(targets[number % 4])
            queue.run_async(lambda: ran.append(1))
        queue.run_sync(nothing)
        assert len(ran) == 400
    """,
    "cycles of targets": """
        ring = [cygcd.Queue(str(number)) for number in range(50)]
        for one, next_ in zip(ring, ring[1:]): one.set_target_queue(next_)
        for one in ring: assert raises(ValueError, ring[-1].set_target_queue, one)
        assert ring[0].run_sync(lambda: 7) == 7
    """,
    "a target for queues of the system": """
        for queue in [*system, kinds["workloop"]()]: assert raises(RuntimeError, queue.set_target_queue, cygcd.Queue())
    """,
    "a workloop as target": """
        loop, group = cygcd.Workloop("target"), cygcd.Group()
        queues = [cygcd.Queue(concurrent=bool(number % 2), target=loop) for number in range(4)]
        seen = []
        for number in range(100): group.run_async(queues[number % 4], lambda: seen.append(loop.is_current()))
        assert group.wait(10) and seen == [True] * 100
    """,
    "targets without end": """
        queue = cygcd.Queue()
        def deeper():
            target = queue
            for _ in range(3000): target = cygcd.Queue(target=target)
        assert raises(ValueError, deeper)
        assert queue.run_sync(lambda: 7) == 7
    """,
    "targets without end, from the inner end": """
        queues = [cygcd.Queue() for _ in range(3000)]
        def deeper():
            for inner, outer in zip(queues, queues[1:]): inner.set_target_queue(outer)
        assert raises(ValueError, deeper)
        assert queues[0].run_sync(lambda: 7) == 7
    """,
    # ---- deadlocks
    "a sync that waits for itself": """
        for outer in ("run_sync", "barrier_sync"):
            for inner in ("run_sync", "barrier_sync"):
                for make in (kinds["serial"], kinds["workloop"]):
                    queue = make()
                    assert raises(RuntimeError, getattr(queue, outer), lambda: getattr(queue, inner)(nothing))
                target = cygcd.Queue("target")
                one, two = cygcd.Queue("one", target=target), cygcd.Queue("two", concurrent=True, target=target)
                for onto in (target, two):
                    assert raises(RuntimeError, getattr(one, outer), lambda: getattr(onto, inner)(nothing))
                a, c = cygcd.Queue("a"), cygcd.Queue("c")
                assert raises(RuntimeError, getattr(a, outer), lambda: c.run_sync(lambda: getattr(a, inner)(nothing)))
    """,
    "a reader that waits as a writer": """
        queue = cygcd.Queue("store", concurrent=True)
        seen = []
        sys.unraisablehook = lambda arguments: seen.append(str(arguments.exc_value))
        assert raises(RuntimeError, queue.run_sync, lambda: queue.barrier_sync(nothing))
        assert raises(RuntimeError, queue.barrier_sync, lambda: queue.run_sync(nothing))
        queue.run_async(lambda: queue.barrier_sync(nothing))
        queue.barrier_async(lambda: queue.run_sync(nothing))
        assert eventually(lambda: len(seen) == 2)
        assert all("store" in each for each in seen)
        assert queue.run_sync(lambda: queue.run_sync(lambda: 7)) == 7
    """,
    "a deadlock names both queues": """
        target = cygcd.Queue("the target")
        one, two = cygcd.Queue("the first", target=target), cygcd.Queue("the second", target=target)
        try: one.run_sync(lambda: two.run_sync(nothing))
        except RuntimeError as error: said = str(error)
        assert "the first" in said and "the second" in said, said
    """,
    "the main queue from the main thread": """
        for wait in (main.run_sync, main.barrier_sync, lambda func: cygcd.apply(2, func, main)):
            assert raises(RuntimeError, wait, nothing)
        seen = []
        main.run_async(lambda: seen.append(raises(RuntimeError, main.run_sync, nothing)))
        main.run_async(cygcd.stop_main)
        cygcd.run_main()
        assert seen == [True]
    """,
    "an apply that waits for itself": """
        queue, store = cygcd.Queue(), cygcd.Queue(concurrent=True)
        again = lambda on: cygcd.apply(2, nothing, on)
        assert raises(RuntimeError, queue.run_sync, lambda: again(queue))
        assert raises(RuntimeError, store.barrier_sync, lambda: again(store))
        assert raises(RuntimeError, cygcd.apply, 2, lambda _: again(queue), queue)
        store.run_sync(lambda: again(store))
        cygcd.apply(2, lambda _: again(store), store)
    """,
    "a once inside itself": """
        once = cygcd.Once()
        assert raises(RuntimeError, once, lambda: once(nothing))
        assert raises(RuntimeError, once, lambda: cygcd.Queue().run_sync(lambda: once(nothing)))
        once(nothing)
        once(lambda: 1 / 0)
    """,
    "a group that waits for its own item": """
        seen, group = [], cygcd.Group()
        group.run_async(cygcd.Queue(), lambda: seen.append(raises(RuntimeError, group.wait)))
        assert group.wait(5) and seen == [True]
        group.run_async(cygcd.Queue(), lambda: seen.append(group.wait(0.001)))
        assert group.wait(5) and seen == [True, False]
    """,
    "a sync onto an inactive queue": """
        for make in kinds.values():
            queue = make(inactive=True)
            for wait in (queue.run_sync, queue.barrier_sync, lambda func: cygcd.apply(2, func, queue)):
                assert raises(RuntimeError, wait, nothing)
            queue.activate()
            assert queue.run_sync(lambda: 7) == 7
    """,
    "a sync onto the main queue that nobody serves yet": """
        seen = []
        thread = threading.Thread(target=lambda: seen.append(main.run_sync(threading.current_thread)))
        thread.start()
        main.run_async(nothing)
        main.run_async(lambda: None)
        def stop():
            thread.join()
            cygcd.stop_main()
        threading.Thread(target=stop).start()
        cygcd.run_main()
        assert len(seen) == 1
    """,
    # ---- workloops
    "sync and apply on a workloop": """
        loop, seen = cygcd.Workloop("loop"), []
        assert loop.run_sync(lambda: 7) == 7 and loop.barrier_sync(lambda: 7) == 7
        cygcd.apply(10, seen.append, loop)
        assert sorted(seen) == list(range(10))
    """,
    "work for an inactive workloop": """
        loop, group = cygcd.Workloop("loop", inactive=True), cygcd.Group()
        for submit in (loop.run_async, loop.barrier_async, loop.run_sync, loop.barrier_sync):
            assert raises(RuntimeError, submit, nothing)
        assert raises(RuntimeError, group.run_async, loop, nothing)
        assert raises(RuntimeError, group.notify, loop, nothing)
        assert raises(RuntimeError, cygcd.apply, 1, nothing, loop)
        loop.activate()
        assert group.wait(5) and loop.run_sync(lambda: 7) == 7
    """,
    "settings of an active workloop": """
        loop = cygcd.Workloop("loop", inactive=True)
        loop.set_autorelease_frequency(1)
        loop.activate()
        assert raises(RuntimeError, loop.set_autorelease_frequency, 1)
    """,
    # ---- values of queues
    "values of queues of the system": """
        for queue in system:
            queue.set_specific("key", queue.label)
            assert queue.get_specific("key") == queue.label
            queue.set_context(queue.label, nothing)
            assert queue.get_context() == queue.label
        assert cygcd.Queue.main_queue().get_context() == main.label
        assert cygcd.Queue.global_queue().run_sync(lambda: cygcd.get_specific("key")) == system[3].label
    """,
    "keys that can't be hashed, compared or found": """
        class Angry:
            def __hash__(self): return 1
            def __eq__(self, other): raise ZeroDivisionError
        queue = cygcd.Queue()
        for method in (queue.get_specific, cygcd.get_specific): assert raises(TypeError, method, [])
        assert raises(TypeError, queue.set_specific, [], 1) and raises(TypeError, queue.set_specific, [], None)
        queue.set_specific(Angry(), 1)
        assert raises(ZeroDivisionError, queue.set_specific, Angry(), 1)
        assert raises(ZeroDivisionError, queue.get_specific, Angry())
        assert raises(ZeroDivisionError, queue.run_sync, lambda: cygcd.get_specific(Angry()))
        assert queue.get_specific(None) is None
    """,
    "a finalizer that sets another context": """
        queue, seen = cygcd.Queue(), []
        # At the end of the interpreter the names of a module go before its functions.
        def finalizer(queue=queue, seen=seen):
            seen.append(1)
            if len(seen) < 5: queue.set_context(len(seen), finalizer)
        queue.set_context(0, finalizer)
        queue.set_context(None)
        assert seen == [1] * 5 or seen == [1], seen
    """,
    # ---- groups, semaphores, once
    "leave without enter": """
        group = cygcd.Group()
        assert raises(RuntimeError, group.leave)
        group.enter(); group.leave()
        assert raises(RuntimeError, group.leave)
        group.run_async(cygcd.Queue(), nothing)
        assert group.wait(5) and raises(RuntimeError, group.leave)
        def block():
            with group.entered(): group.leave()
        assert raises(RuntimeError, block) and group.wait(0)
    """,
    "100,000 entries": """
        group = cygcd.Group()
        for _ in range(100000): group.enter()
        for _ in range(100000): group.leave()
        assert group.wait(0) and raises(RuntimeError, group.leave)
    """,
    "end of a group that is entered": """
        group = cygcd.Group()
        group.enter()
        group.notify(cygcd.Queue(), nothing)
        del group
    """,
    "end of a semaphore below its first value, and in use": """
        semaphore = cygcd.Semaphore(3)
        for _ in range(3): assert semaphore.wait(0)
        del semaphore
        semaphore = cygcd.Semaphore()
        thread = threading.Thread(target=semaphore.wait, args=(0.05,))
        thread.start()
        del semaphore
        thread.join()
    """,
    "semaphores at the ends of their range": """
        for value in (-1, -2**63, 2**63, 2**100): assert raises(ValueError, cygcd.Semaphore, value)
        full = cygcd.Semaphore(2**63 - 1)
        assert full.wait(0)
        full.signal()
        raises((RuntimeError, OverflowError, ValueError), full.signal)
        assert full.wait(0)
    """,
    "times that are none": """
        for wait in (cygcd.Semaphore().wait, cygcd.Group().wait):
            for bad in (float("nan"), -2, -0.5, float("-inf"), -10**400): assert raises(ValueError, wait, bad)
            for bad in ("1", [], object()): assert raises(TypeError, wait, bad)
            class Angry:
                def __float__(self): raise ZeroDivisionError
            assert raises(ZeroDivisionError, wait, Angry())
        for call in (cygcd.time_from_now, cygcd.walltime): assert raises(ValueError, call, float("nan"))
    """,
    # ---- arguments
    "no queue where one has to be": """
        group, queue = cygcd.Group(), cygcd.Queue()
        for bad in (None, 5, "queue", object(), cygcd.Group()):
            assert raises(TypeError, group.run_async, bad, nothing)
            assert raises(TypeError, group.notify, bad, nothing)
            assert raises(TypeError, queue.set_target_queue, bad)
            if bad is not None:
                assert raises(TypeError, cygcd.apply, 1, nothing, bad)
                assert raises(TypeError, cygcd.Queue, target=bad)
        assert group.wait(0)
    """,
    "unknown kinds of queue": """
        for bad in (99, -1, 1, 2**40, -2**40): assert raises(ValueError, cygcd.Queue.global_queue, bad)
        for bad in ({"qos": 1}, {"qos": -1}, {"qos": 2**70}, {"relative_priority": -1}, {"qos": 0x11, "relative_priority": 1},
                    {"qos": 0x11, "relative_priority": -16}): assert raises(ValueError, cygcd.Queue, **bad)
        for bad in ({"qos": "x"}, {"qos": None}, {"qos": 1.5}, {"label": 5}, {"label": b"x"}, {"target": 5}, {"x": 1}):
            assert raises(TypeError, cygcd.Queue, **bad)
        assert raises(TypeError, cygcd.Queue, *range(9))
    """,
    "numbers that fight back": """
        class Angry:
            def __index__(self): raise ZeroDivisionError
        for call in (cygcd.Semaphore, cygcd.Queue.global_queue, lambda bad: cygcd.apply(bad, nothing)):
            assert raises(ZeroDivisionError, call, Angry())
            assert raises(TypeError, call, 1.5) and raises(TypeError, call, "1")
        class Number(int):
            def __new__(cls): return super().__new__(cls, 2)
        assert repr(cygcd.Semaphore(Number())) == repr(cygcd.Semaphore(2))
    """,
    "labels of every kind": """
        long = "x" * (1 << 20)
        for label in ("", long, "\\u20ac\\U0001f600", "%s%n"):
            for make in (cygcd.Queue, cygcd.Workloop):
                queue = make(label)
                assert queue.label == label and label in eval(repr(queue).split("cygcd.")[1].split(" ", 1)[1].rsplit("' ", 1)[0] + "'")
                assert queue.run_sync(cygcd.current_label) == label
        for bad in ("a\\0b", "\\0"):
            for make in (cygcd.Queue, cygcd.Workloop): assert raises(ValueError, make, bad)
        for make in (cygcd.Queue, cygcd.Workloop): assert raises(UnicodeError, make, "\\ud800")
        assert raises(RuntimeError, cygcd.Queue(long).run_sync, lambda: queue.run_sync(lambda: queue.run_sync(nothing)))
    """,
    # ---- objects
    "objects that are not whole": """
        class Forgets(cygcd.Queue):
            def __init__(self): pass
        class Late(cygcd.Queue):
            def __init__(self):
                self.early = raises(TypeError, self.run_async, nothing)
                super().__init__("late")
        class Raises(cygcd.Queue):
            def __init__(self):
                super().__init__("raises")
                raise KeyError
        class Escapes(cygcd.Queue):
            def __init__(self):
                escaped.append(self)
                super().__init__("x\\0y")
        escaped = []
        assert raises(TypeError, Forgets) and raises(KeyError, Raises) and raises(ValueError, Escapes)
        late = Late()
        assert late.early and late.run_sync(lambda: late.label) == "late"
        for raw in (cygcd.Queue.__new__(cygcd.Queue), Forgets.__new__(Forgets), escaped[0]):
            for use in (raw.run_async, raw.run_sync): assert raises(TypeError, use, nothing)
            assert raises(TypeError, lambda: raw.label) and raises(TypeError, repr, raw) and raises(TypeError, hash, raw)
            assert raises(TypeError, cygcd.Group().run_async, raw, nothing)
            assert raises(TypeError, cygcd.Queue, target=raw)
            assert raises(TypeError, lambda: raw != late)
        gc.collect()
    """,
    "a second __init__": """
        for made, arguments in ((cygcd.Queue("first"), ("second",)), (cygcd.Workloop("first"), ("second",)), (cygcd.Group(), ()),
                                (cygcd.Semaphore(1), (2,)), (cygcd.Once(), ())):
            before = repr(made)
            for _ in range(10): made.__init__(*arguments)
            assert repr(made) == before, (before, repr(made))
        queue = cygcd.Queue("first")
        queue.run_sync(lambda: queue.__init__("second"))
        assert queue.label == "first"
        assert queue.run_sync(lambda: 7) == 7
    """,
    "classes of more than one base": """
        every = [each for each in vars(cygcd).values() if isinstance(each, type) and not issubclass(each, (int, BaseException))]
        assert len(every) > 8
        for one in every:
            for other in every + [dict]:
                if issubclass(one, other) or issubclass(other, one): continue
                assert raises(TypeError, type, "Both", (one, other), {}), (one, other)
        class Both(cygcd.Workloop, cygcd.Queue): pass
        assert Both("both").run_sync(lambda: 7) == 7
    """,
    "attributes and types that are put in their place": """
        queue = cygcd.Queue()
        def assign(): queue.label = "other"
        def delete(): del queue.label
        assert raises(AttributeError, assign) and raises(AttributeError, delete)
        every = [each for each in vars(cygcd).values() if isinstance(each, type) and not issubclass(each, int)]
        mine = [type("Mine", (each,), {}) for each in every]
        for made in (queue, mine[every.index(cygcd.Queue)](), cygcd.Timer(1, nothing), cygcd.Semaphore(), cygcd.Data(b"x")):
            before = type(made)
            for kind in every + mine:
                if kind in (before, *before.__bases__) or before in kind.__bases__: continue
                assert raises(TypeError, setattr, made, "__class__", kind)
                assert raises(TypeError, object.__setattr__, made, "__class__", kind)
            assert made.__class__ is before
        assert queue != 5 and not queue == None and queue != cygcd.Queue()
        assert raises(TypeError, lambda: queue < queue)
        import copy
        for each in (queue, cygcd.Group(), cygcd.Semaphore(), cygcd.Once()): assert raises(TypeError, copy.copy, each)
    """,
    # ---- callables
    "what a callable can do to its thread": """
        seen = []
        sys.unraisablehook = lambda arguments: seen.append(arguments.exc_type)
        import _thread
        def chain(): raise ValueError from KeyError()
        def deep(): return deep()
        for func in (sys.exit, _thread.exit, chain, deep, lambda: 1 / 0):
            queue = cygcd.Queue()
            queue.run_async(func)
            assert raises(BaseException, queue.run_sync, func)
        assert eventually(lambda: len(seen) == 5), seen
        assert seen.count(SystemExit) == 2 and RecursionError in seen
    """,
    "a callable that submits itself": """
        queue, left = cygcd.Queue(), [1000]
        def again():
            left[0] -= 1
            if left[0]: queue.run_async(again)
        queue.run_async(again)
        assert eventually(lambda: left == [0])
    """,
    "syncs nested through many queues": """
        queues = [cygcd.Queue(str(number)) for number in range(200)]
        def nest(number): return 7 if number == len(queues) else queues[number].run_sync(lambda: nest(number + 1))
        assert nest(0) == 7
    """,
    "methods as callables, of what is about to end": """
        ran = []
        for _ in range(100): cygcd.Queue().run_async(cygcd.Group().enter)
        for _ in range(100): cygcd.Queue().run_async(cygcd.Semaphore().signal)
        group = cygcd.Group()
        group.run_async(cygcd.Queue(), cygcd.Queue().suspend)
        assert group.wait(5)
    """,
    # ---- the main queue
    "run_main off the main thread, and inside itself": """
        seen = []
        thread = threading.Thread(target=lambda: seen.append(raises(RuntimeError, cygcd.run_main)))
        thread.start(); thread.join()
        main.run_async(lambda: seen.append(raises(RuntimeError, cygcd.run_main)))
        main.run_async(cygcd.stop_main)
        cygcd.run_main()
        assert seen == [True, True]
        for _ in range(10): cygcd.stop_main()
        cygcd.run_main()
    """,
    # ---- what has to be accepted
    "an apply that an exception ends early": """
        ran = []
        def call(index):
            ran.append(index)
            if len(ran) == 10: raise LookupError
        for queue in (None, cygcd.Queue(), cygcd.Queue(concurrent=True)):
            ran.clear()
            assert raises(LookupError, cygcd.apply, 2**40, call, queue)
            assert len(ran) < 1000
        for bad in (-1, -2**70): assert raises(ValueError, cygcd.apply, bad, call)
        ran.clear()
        assert raises(LookupError, cygcd.apply, 2**100, call)
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_process_outlives(name):
    run_case(COMMON + textwrap.dedent(CASES[name]) + ALIVE)
