# SPDX-License-Identifier: MIT
"""As test_exit.py: the interpreter ends while events and input and output are under way."""

import pytest
import test_exit

SITUATIONS = {
    "a live timer": """
        t = cygcd.Timer(0.001, lambda: None)
        t.start()
        time.sleep(0.02)
    """,
    "live timers on many queues": """
        ts = [cygcd.Timer(0.0005, lambda: sum(range(1000)), cygcd.Queue()) for _ in range(10)]
        for t in ts: t.start()
        time.sleep(0.02)
    """,
    "delayed items": """
        q = cygcd.Queue("q")
        for n in range(100): q.after(n / 1000, lambda: None)
    """,
    "a signal source": """
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        s = cygcd.SignalSource(signal.SIGUSR1, lambda: None)
        s.start()
        for _ in range(10): os.kill(os.getpid(), signal.SIGUSR1)
    """,
    "sources that fire all the time": """
        r, w = os.pipe()
        os.write(w, b"x")
        a = cygcd.ReadSource(r, lambda: None); a.start()
        b = cygcd.WriteSource(w, lambda: None); b.start()
        time.sleep(0.01)
    """,
    "a pending read": """
        r, w = os.pipe()
        c = cygcd.IOChannel(r, cleanup_handler=lambda e: None)
        c.read(10, lambda *a: None)
        cygcd.read_async(os.dup(r), 10, lambda *a: None)
    """,
    "data that are shared": """
        d = [cygcd.Data(bytes(100)) for _ in range(100)]
    """,
    "an exit in the middle of things, with a timer": """
        cygcd.Timer(0.001, lambda: None).start()
        cygcd.Queue("q").run_async(lambda: time.sleep(0.05))
        sys.exit(0)
    """,
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_process_ends_well_with(situation):
    test_exit.end_with(SITUATIONS[situation])


UNDER_WAY = {
    "timers": """
        warnings.simplefilter("ignore")
        timers = [cygcd.Timer(0.0005, lambda: None, cygcd.Queue()) for _ in range(8)]
        for timer in timers: timer.start()
        cygcd.Queue().after(3600, lambda: None)
        for number in range(100): cygcd.Queue().after(number / 5000, lambda: None)
    """,
    "sources and channels": """
        warnings.simplefilter("ignore")
        read_end, write_end = os.pipe()
        held = [cygcd.WriteSource(write_end, lambda: None), cygcd.ReadSource(read_end, lambda: os.read(read_end, 1)),
                cygcd.SignalSource(signal.SIGUSR1, lambda: None), cygcd.ProcessSource(os.getpid(), lambda: None)]
        for each in held:
            each.set_cancel_handler(lambda: None)
            each.start()
        os.kill(os.getpid(), signal.SIGUSR1)
        ends = os.pipe()
        channel = cygcd.IOChannel(ends[0], cleanup_handler=lambda error: None)
        channel.read(100, lambda *_: None)
        channel.set_interval(1_000_000, strict=True)
        cygcd.write_async(ends[1], b"x" * 1_000_000, lambda *_: None)
    """,
    "cycles through handlers": """
        warnings.simplefilter("ignore")
        def make():
            timer = cygcd.Timer(0.0005, lambda: timer)
            timer.set_cancel_handler(lambda: timer)
            timer.start()
            queue = cygcd.Queue()
            queue.set_context(queue, lambda: queue)
            channel = cygcd.IOChannel(os.pipe()[0], cleanup_handler=lambda _: channel)
        for _ in range(10): make()
    """,
}


@pytest.mark.parametrize("under_way", UNDER_WAY)
@pytest.mark.parametrize("ending", test_exit.ENDINGS)
def test_exit_is_as_without_the_library(ending, under_way):
    test_exit.end_as_without(*test_exit.ENDINGS[ending], UNDER_WAY[under_way])
