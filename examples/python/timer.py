# SPDX-License-Identifier: MIT
"""Timers repeat or fire once, can be given other values while they run, and tell when they have ended."""

import threading

import cygcd


def main() -> None:
    work = cygcd.Queue("com.example.work")

    # Five ticks, then the timer ends itself.
    ended = threading.Event()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(len(ticks) + 1)
        print("tick", len(ticks))
        if len(ticks) == 5:
            ticker.cancel()

    def on_cancel() -> None:
        print("the ticker has ended")
        ended.set()

    ticker = cygcd.Timer(0.02, tick, queue=work)
    ticker.set_cancel_handler(on_cancel)
    ticker.start()
    ended.wait()
    print("cancelled:", ticker.is_cancelled)

    # A one-shot fires once, after its interval.
    fired = threading.Event()
    one_shot = cygcd.Timer(0.03, fired.set, queue=work, repeating=False)
    one_shot.start()
    print("the one-shot fired:", fired.wait(30))

    # Far too slow at first, then rescheduled while it runs.
    fired.clear()
    with cygcd.Timer(3600, fired.set, queue=work, start_delay=3600) as slow:
        slow.set_timer(3600, start_delay=0.02)
        print("the rescheduled timer fired:", fired.wait(30))


if __name__ == "__main__":
    main()
