# SPDX-License-Identifier: MIT
"""A concurrent queue runs items side by side; a barrier among them runs alone."""

import threading

import cygcd


def main() -> None:
    store = cygcd.Queue("com.example.store", concurrent=True)

    # Each reader waits for the other one: it works only because both are inside.
    meeting = threading.Barrier(2, timeout=30)
    met = []

    def meet() -> None:
        meeting.wait()
        met.append(True)

    store.run_async(meet)
    store.run_async(meet)
    store.barrier_sync(lambda: None)
    print("readers that met:", len(met))

    inside = set()
    value = {"number": 0}
    torn = []

    def read() -> None:
        me = object()
        inside.add(me)
        if value["number"] % 2:
            torn.append("a reader saw half of a write")
        inside.remove(me)

    def write() -> None:
        if inside:
            torn.append("a writer was not alone")
        value["number"] += 1  # odd: half done
        value["number"] += 1

    for i in range(40):
        store.run_async(read)
        if i % 10 == 9:
            store.barrier_async(write)

    # As a barrier it waits for everything before it.
    print("writes:", store.barrier_sync(lambda: value["number"] // 2))
    print("disturbed:", torn or "never")


if __name__ == "__main__":
    main()
