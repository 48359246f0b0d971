# SPDX-License-Identifier: MIT
"""The child of os.fork(): on the native engine what was idle goes on there, with libdispatch nothing does."""

import ast
import subprocess
import sys
import textwrap

import pytest
from conftest import PRELUDE, run_case, run_script

import cygcd

NATIVE = cygcd._core._engine == "native"

IN_CHILD = """
import os, sys, threading, warnings
import cygcd

# Newer Pythons advise against forking a process that has threads.
warnings.simplefilter("ignore", DeprecationWarning)

def raises(call):
    try:
        call()
    except RuntimeError:
        return True
    return False

def happens(begin):
    event = threading.Event()
    kept = begin(event.set)
    return event.wait(5)

queue = cygcd.Queue("parent")
assert happens(queue.run_async)
queue.run_sync(lambda: None)
ticking = cygcd.Timer(0.01, lambda: None)
ticking.start()
child = os.fork()
if child == 0:
    ok = CHECK
    sys.exit(0 if ok else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
ticking.cancel()
assert happens(queue.run_async)
sys.exit(status)
"""


GOES_ON = """(
        queue.run_sync(lambda: 7) == 7
        and happens(queue.run_async)
        and happens(lambda done: queue.after(0.001, done))
        and happens(cygcd.Queue.global_queue().run_async)
        and happens(cygcd.Queue("child").run_async)
        and raises(ticking.cancel)
    )"""
IS_REFUSED = """(
        raises(lambda: queue.run_async(print))
        and raises(lambda: queue.run_sync(print))
        and raises(lambda: cygcd.Queue("child"))
        and raises(ticking.cancel)
    )"""


def test_child_of_a_fork_goes_on_or_is_refused():
    done = run_script(IN_CHILD.replace("CHECK", GOES_ON if NATIVE else IS_REFUSED))
    assert (done.returncode, done.stderr) == (0, "")


UNDER_WAY = """
warnings.simplefilter("ignore")
queue, store = cygcd.Queue("queue"), cygcd.Queue("store", concurrent=True)
stop = threading.Event()
counted = []
def work():
    counted.append(1)
    if not stop.is_set(): store.run_async(work)
for _ in range(3): work()
timer = cygcd.Timer(0.001, lambda: counted.append(1))
timer.start()
def go_on():
    # The parent has noticed nothing.
    before = len(counted)
    assert eventually(lambda: len(counted) > before + 10)
    assert queue.run_sync(lambda: 7) == 7
    stop.set()
    timer.cancel_and_wait()
    store.barrier_sync(lambda: None)
"""


@pytest.mark.parametrize("leave", ["os._exit", "sys.exit"])
def test_children_that_end_at_once_are_not_noticed_by_the_parent(leave):
    run_case(
        UNDER_WAY
        + f"""
for number in range(20):
    child = os.fork()
    if child == 0: {leave}(number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == number
go_on()
"""
    )


def test_what_a_program_does_before_its_forks_may_wait_for_callbacks():
    # Registered before the library's, it runs after it.
    done = run_script(
        """
import os, threading, warnings
warnings.simplefilter("ignore")
def before():
    ran = threading.Event()
    cygcd.Queue().run_async(ran.set)
    assert ran.wait(10)
os.register_at_fork(before=before)
import cygcd
child = os.fork()
if child == 0: os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_call_in_a_child_answers():
    run_case(
        UNDER_WAY
        + """
group, semaphore, once, data = cygcd.Group(), cygcd.Semaphore(1), cygcd.Once(), cygcd.Data(b"text")
group.enter()
ends = os.pipe()
channel = cygcd.IOChannel(ends[0])
channel.read(5, lambda *_: None)
for number in range(5):
    child = os.fork()
    if child == 0:
        nothing = lambda *_: None
        def call(what, *arguments):
            try: what(*arguments)
            except (RuntimeError, OSError, ValueError, NotImplementedError): pass
        for each in (queue, store, cygcd.Queue.global_queue()):
            for method in (each.run_async, each.run_sync, each.barrier_async, each.barrier_sync): call(method, nothing)
            for method in (each.suspend, each.resume, each.is_current, each.get_context, each.__repr__): call(method)
            call(each.after, 0.001, nothing); call(each.set_specific, 1, 1); call(each.set_context, 1, nothing)
            call(cygcd.apply, 3, nothing, each); call(group.run_async, each, nothing); call(group.notify, each, nothing)
        call(cygcd.Queue, "new"); call(cygcd.Workloop, "new"); call(cygcd.Group); call(cygcd.Semaphore)
        call(group.wait, 0.01); call(group.leave); call(group.enter); call(semaphore.wait, 0.01); call(semaphore.signal)
        call(once, nothing); call(timer.cancel); call(timer.suspend); call(timer.set_timer, 1); call(timer.cancel_and_wait)
        call(channel.read, 1, nothing); call(channel.close, True); call(channel.barrier, nothing); call(repr, timer)
        call(lambda: bytes(data.concat(b"!")))
        call(cygcd.read_async, ends[0], 1, nothing); call(cygcd.write_async, ends[1], b"x", nothing)
        for kind, argument in ((cygcd.Timer, 1), (cygcd.ReadSource, ends[0]), (cygcd.SignalSource, signal.SIGUSR1)):
            def use():
                source = kind(argument, nothing)
                source.start(); source.cancel()
            call(use)
        gc.collect()
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
go_on()
"""
    )


def test_fork_inside_a_callback():
    run_case(
        UNDER_WAY
        + """
def fork():
    child = os.fork()
    if child == 0: os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert queue.run_sync(fork) == 9
seen = []
queue.run_async(lambda: seen.append(fork()))
queue.run_sync(lambda: None)
cygcd.apply(4, lambda _: seen.append(fork()))
assert seen == [9] * 5
go_on()
"""
    )


@pytest.mark.parametrize(
    "source",
    ["cygcd.Timer(0.001, handler)", "cygcd.Timer(0, handler, repeating=False)", "cygcd.ReadSource(0, handler)"],
)
def test_child_that_a_handler_has_made_ends_with_the_handler(source):
    # With libdispatch it has to end inside of it.
    leave = "return" if NATIVE else "os._exit(7)"
    run_case(
        UNDER_WAY
        + f"""
ends = os.pipe()
os.write(ends[1], b"x")
os.dup2(ends[0], 0)
seen = []
# Goes with the thread's state.
own = threading.local()
class End:
    def __del__(self): os._exit(7)
def handler(*_):
    if seen: return
    child = os.fork()
    if child == 0:
        own.end = End()
        {leave}
    seen.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
source = {source}
source.start()
assert eventually(lambda: seen)
source.cancel_and_wait()
assert seen == [7]
go_on()
"""
    )


@pytest.mark.skipif(not NATIVE, reason="a thread of libdispatch doesn't end with its item")
def test_values_of_a_thread_that_ends_may_use_the_library():
    run_case(
        UNDER_WAY
        + """
own = threading.local()
seen = []
ended = []
class End:
    def __del__(self):
        cygcd.Queue().set_context(1, lambda: None)
        ended.append(1)
class Last:
    def __del__(self): os._exit(7 if ended else 1)
def callback():
    child = os.fork()
    if child == 0:
        own.kept = cygcd.Timer(1, print)
        own.end = End()
        own.last = Last()
        return
    seen.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
cygcd.Queue().run_async(callback)
assert eventually(lambda: seen)
assert seen == [7], seen
go_on()
"""
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_beside_work_under_way(method, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        PRELUDE
        + """
import multiprocessing
warnings.simplefilter("ignore")

def double(number):
    return 2 * number

def use(number):
    # A process that began afresh has all of the library; the child of a fork may be refused.
    try: return cygcd.Queue("child").run_sync(lambda: 2 * number)
    except RuntimeError: return 2 * number

if __name__ == "__main__":
"""
        + textwrap.indent(UNDER_WAY, "    ")
        + f"""
    context = multiprocessing.get_context("{method}")
    for func in (double, use):
        with context.Pool(2) as pool: assert pool.map(func, range(20)) == [2 * number for number in range(20)]
    process = context.Process(target=double, args=(1,))
    process.start(); process.join()
    assert process.exitcode == 0
    go_on()
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_subprocesses_run_beside_work_under_way():
    run_case(
        UNDER_WAY
        + """
import subprocess
for number in range(10):
    done = subprocess.run([sys.executable, "-S", "-c", f"print({number})"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{number}\\n", "")
started = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
came = []
cygcd.write_async(started.stdin.fileno(), b"through", lambda *_: started.stdin.close())
cygcd.read_async(started.stdout.fileno(), 7, lambda data, error: came.append(data))
assert eventually(lambda: came == [b"through"]) and started.wait(5) == 0
ended = threading.Event()
sleeper = subprocess.Popen(["sleep", "0.05"])
source = cygcd.ProcessSource(sleeper.pid, ended.set)
source.start()
assert ended.wait(5) and sleeper.wait(5) == 0
source.cancel()
subprocess.run([sys.executable, "-S", "-c", "import os; print(os.listdir('/proc/self/fd'))"], check=True, stdout=-3)
go_on()
"""
    )


def test_no_descriptor_of_the_library_reaches_another_program():
    said = run_case(
        UNDER_WAY
        + """
import subprocess
code = "import os; print(sorted(os.listdir('/proc/self/fd'), key=int))"
print(subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, close_fds=False).stdout)
go_on()
"""
    )
    # The three standard ones, and that of the listing itself.
    assert len(ast.literal_eval(said)) == 4
