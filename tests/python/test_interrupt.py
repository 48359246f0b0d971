# SPDX-License-Identifier: MIT
"""Ctrl-C in the main thread ends whatever it waits in, and leaves the objects usable."""

import pytest
from conftest import run_case

BEGIN = """
# A program started in the background may have inherited that it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
release = threading.Event()
def press(after=0.05):
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
def interrupted(call):
    press()
    try:
        call()
    except KeyboardInterrupt:
        return True
    return False
def hold(queue, barrier=False):
    entered = threading.Event()
    (queue.barrier_async if barrier else queue.run_async)(lambda: (entered.set(), release.wait(10)))
    assert entered.wait(5)
    return queue
"""

# A wait that nothing ends, and how the object is put to use after it.
WAITS = {
    "Semaphore.wait": ("s = cygcd.Semaphore()", "s.wait()", "s.signal(); assert s.wait(0)"),
    "Semaphore.wait with a limit": ("s = cygcd.Semaphore()", "s.wait(60)", "s.signal(); assert s.wait(0)"),
    "with Semaphore": ("s = cygcd.Semaphore()", "s.__enter__()", "s.signal(); assert s.wait(0) and not s.wait(0)"),
    "Group.wait": ("g = cygcd.Group(); g.enter()", "g.wait()", "g.leave(); assert g.wait(0)"),
    "Group.wait with a limit": ("g = cygcd.Group(); g.enter()", "g.wait(60)", "g.leave(); assert g.wait(0)"),
    "run_sync": ("q = hold(cygcd.Queue())", "q.run_sync(refused)", "release.set(); assert q.run_sync(lambda: 7) == 7"),
    "barrier_sync": (
        "q = hold(cygcd.Queue(concurrent=True))",
        "q.barrier_sync(refused)",
        "release.set(); assert q.barrier_sync(lambda: 7) == 7",
    ),
    "run_sync behind a barrier": (
        "q = hold(cygcd.Queue(concurrent=True), barrier=True)",
        "q.run_sync(refused)",
        "release.set(); assert q.run_sync(lambda: 7) == 7",
    ),
    "run_sync onto a suspended queue": (
        "q = cygcd.Queue(); q.suspend()",
        "q.run_sync(refused)",
        "q.resume(); assert q.run_sync(lambda: 7) == 7",
    ),
    "run_sync through a target": (
        "t = hold(cygcd.Queue()); q = cygcd.Queue(target=t)",
        "q.run_sync(refused)",
        "release.set(); assert q.run_sync(lambda: 7) == 7",
    ),
    "run_sync onto a workloop": (
        "q = hold(cygcd.Workloop(None))",
        "q.run_sync(refused)",
        "release.set(); assert q.run_sync(lambda: 7) == 7",
    ),
    "apply": (
        "q = hold(cygcd.Queue())",
        "cygcd.apply(3, refused, q)",
        "release.set(); n = []; cygcd.apply(3, n.append, q); assert sorted(n) == [0, 1, 2]",
    ),
    "apply behind a barrier": (
        "q = hold(cygcd.Queue(concurrent=True), barrier=True)",
        "cygcd.apply(3, refused, q)",
        "release.set(); n = []; cygcd.apply(3, n.append, q); assert sorted(n) == [0, 1, 2]",
    ),
    "Once": (
        "o = cygcd.Once(); e = threading.Event(); g = cygcd.Group(); "
        "g.run_async(cygcd.Queue(), lambda: o(lambda: (e.set(), release.wait(10)))); assert e.wait(5)",
        "o(refused)",
        "release.set(); o(refused); assert g.wait(5) and 'done' in repr(o)",
    ),
    "cancel_and_wait": (
        "e = threading.Event(); t = cygcd.Timer(0.001, lambda: (e.set(), release.wait(10))); t.start(); "
        "assert e.wait(5)",
        "t.cancel_and_wait()",
        "release.set(); t.cancel_and_wait(); assert t.is_cancelled",
    ),
    "run_main": (
        "n = []",
        "cygcd.run_main()",
        "cygcd.Queue.main_queue().run_async(lambda: (n.append(1), cygcd.stop_main())); cygcd.run_main(); assert n",
    ),
}


@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c_ends_the_wait_and_leaves_the_object_usable(name):
    begin, wait, after = WAITS[name]
    run_case(
        BEGIN
        + f"""
ran = []
def refused(*_): ran.append(1)
{begin}
# A second time, too: nothing of the first wait is left behind.
for _ in range(2): assert interrupted(lambda: {wait})
assert ran == []
{after}
assert ran == []
"""
    )


@pytest.mark.parametrize("name", [name for name in WAITS if "limit" not in name])
def test_ctrl_c_that_came_before_the_wait_ends_it(name):
    begin, wait, after = WAITS[name]
    run_case(
        BEGIN
        + f"""
def refused(*_): raise AssertionError
{begin}
seen = False
try:
    signal.raise_signal(signal.SIGINT)
    {wait}
except KeyboardInterrupt:
    seen = True
assert seen
{after}
"""
    )


def test_ctrl_c_goes_to_the_callable_that_runs_on_the_main_thread():
    run_case(
        BEGIN
        + """
# In a function of its own: from 3.13 on the end of a loop may stand outside of the try that the loop is in.
def loop():
    press()
    end = time.monotonic() + 10
    while time.monotonic() < end: pass
def spin():
    try:
        loop()
    except KeyboardInterrupt:
        return "seen inside"
for queue in (cygcd.Queue(), cygcd.Queue(concurrent=True), cygcd.Workloop(None)):
    assert queue.run_sync(spin) == "seen inside"
    assert queue.barrier_sync(spin) == "seen inside"
assert not raises(BaseException, cygcd.Once(), spin)
main = cygcd.Queue.main_queue()
result = []
main.run_async(lambda: (result.append(spin()), cygcd.stop_main()))
cygcd.run_main()
assert result == ["seen inside"]
"""
    )


def test_ctrl_c_leaves_the_callable_that_runs_on_the_main_thread():
    run_case(
        BEGIN
        + """
def spin(*_):
    end = time.monotonic() + 10
    while time.monotonic() < end: pass
queue = cygcd.Queue()
assert interrupted(lambda: queue.run_sync(spin))
assert interrupted(lambda: queue.barrier_sync(spin))
assert interrupted(lambda: cygcd.apply(1, spin, queue))
once = cygcd.Once()
assert interrupted(lambda: once(spin))
assert queue.run_sync(lambda: 7) == 7 and "pending" in repr(once)
"""
    )


def test_ctrl_c_in_an_apply_waits_for_the_calls_that_run_and_starts_no_others():
    run_case(
        BEGIN
        + """
began, ended = [], []
def call(index):
    began.append(index)
    try: release.wait(0.3)
    finally: ended.append(index)
queue = cygcd.Queue(concurrent=True)
assert interrupted(lambda: cygcd.apply(10000, call, queue))
assert sorted(began) == sorted(ended) and len(began) < 10000
assert queue.barrier_sync(lambda: len(began)) == len(ended)
"""
    )


def test_ctrl_c_reaches_the_main_thread_while_other_threads_wait():
    run_case(
        BEGIN
        + """
semaphore = cygcd.Semaphore()
taken = []
threads = [threading.Thread(target=lambda: taken.append(semaphore.wait(10))) for _ in range(4)]
for each in threads: each.start()
assert interrupted(semaphore.wait)
# The others wait on: the interrupt was none of theirs.
assert taken == []
for _ in threads: semaphore.signal()
for each in threads: each.join()
assert taken == [True] * 4
"""
    )


def test_other_signals_run_their_handlers_and_the_wait_goes_on():
    run_case(
        BEGIN
        + """
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
semaphore = cygcd.Semaphore()
def signals():
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert eventually(lambda: len(seen) > _)
    semaphore.signal()
thread = threading.Thread(target=signals)
thread.start()
assert semaphore.wait(10)
thread.join()
assert len(seen) == 3
"""
    )


def test_handler_of_a_signal_may_use_the_library_from_inside_a_wait():
    run_case(
        BEGIN
        + """
queue, semaphore, seen = cygcd.Queue(), cygcd.Semaphore(), []
def handler(*_):
    seen.append(queue.run_sync(lambda: 7))
    queue.run_async(semaphore.signal)
signal.signal(signal.SIGUSR1, handler)
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
assert semaphore.wait(10)
assert seen == [7]
"""
    )


def test_unit_that_comes_while_a_signal_handler_raises_is_kept():
    run_case(
        BEGIN
        + """
semaphore = cygcd.Semaphore()
def handler(*_):
    semaphore.signal()
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, handler)
for wait in (semaphore.wait, semaphore.__enter__):
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert raises(KeyboardInterrupt, wait)
    assert semaphore.wait(0)
    assert not semaphore.wait(0)
"""
    )


def test_child_of_a_fork_in_another_thread_can_be_interrupted():
    run_case(
        BEGIN
        + """
seen = []
def fork():
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(7))
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        cygcd.Semaphore().wait()
    seen.append(os.waitpid(child, 0)[1])
thread = threading.Thread(target=fork)
warnings.simplefilter("ignore")
thread.start()
thread.join()
assert seen == [7 << 8], seen
"""
    )


def test_ctrl_c_in_a_storm_loses_nothing():
    run_case(
        BEGIN
        + """
queue = cygcd.Queue()
ran = []
stop = threading.Event()
armed = False
def handler(*_):
    # Never between two rounds.
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, handler)
def storm():
    while not stop.is_set():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.002)
thread = threading.Thread(target=storm)
done = withdrawn = 0
end = time.monotonic() + 1
thread.start()
while time.monotonic() < end:
    try:
        armed = True
        # Others are in the queue too, so that there is something to wait for.
        queue.run_async(lambda: time.sleep(0.001))
        queue.run_sync(lambda: ran.append(1))
        armed = False
        done += 1
    except KeyboardInterrupt:
        withdrawn += 1
stop.set()
thread.join()
queue.run_sync(lambda: None)
# An item that has run may have been interrupted after it, never one that is counted as done before it.
assert done <= len(ran) <= done + withdrawn, (done, len(ran), withdrawn)
assert withdrawn > 0
"""
    )
