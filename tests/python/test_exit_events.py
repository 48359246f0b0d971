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
