# SPDX-License-Identifier: MIT
"""A signal arrives as an ordinary call on a queue."""

import os
import signal
import threading

import cygcd


def main() -> None:
    # Needed on macOS, where the default action would still end the process; harmless elsewhere.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    work = cygcd.Queue("com.example.signals")
    handled = threading.Semaphore(0)

    def on_reload() -> None:
        print("SIGUSR1 number", reload.signal == signal.SIGUSR1, "count", reload.count, "on", cygcd.current_label())
        handled.release()

    def on_stop() -> None:
        print("SIGTERM: shutting down in good order")
        handled.release()

    reload = cygcd.SignalSource(signal.SIGUSR1, on_reload, queue=work)
    stop = cygcd.SignalSource(signal.SIGTERM, on_stop, queue=work)
    with reload, stop:
        # Sent one by one, as the kernel merges those that are pending together.
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
            handled.acquire()
        os.kill(os.getpid(), signal.SIGTERM)
        handled.acquire()
    print("no longer watching:", reload.is_cancelled and stop.is_cancelled)


if __name__ == "__main__":
    main()
