# SPDX-License-Identifier: MIT
"""A semaphore lets a limited number in, with a limit on the wait if you like."""

import threading
import time

import cygcd


def main() -> None:
    connections = cygcd.Semaphore(2)
    pool = cygcd.Queue("com.example.pool", concurrent=True)
    group = cygcd.Group()
    lock = threading.Lock()
    inside = {"now": 0, "most": 0}

    def use_connection() -> None:
        with connections:
            with lock:
                inside["now"] += 1
                inside["most"] = max(inside["most"], inside["now"])
            time.sleep(0.01)  # the work
            with lock:
                inside["now"] -= 1

    for _ in range(6):
        group.run_async(pool, use_connection)
    group.wait()
    print("never more than 2 at a time:", inside["most"] <= 2)

    print("first:", connections.wait())
    print("second:", connections.wait())
    print("third within 20 ms:", connections.wait(timeout=0.02))
    connections.signal()
    print("after one was given back:", connections.wait(timeout=0))
    connections.signal()
    connections.signal()


if __name__ == "__main__":
    main()
