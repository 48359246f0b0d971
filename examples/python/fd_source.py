# SPDX-License-Identifier: MIT
"""Read and write sources tell when a descriptor is ready, so that no thread has to wait for it."""

import os
import threading

import cygcd


def main() -> None:
    reading, writing = os.pipe()
    work = cygcd.Queue("com.example.pipe")

    room = threading.Event()

    def on_writable() -> None:
        # Level-triggered: it would run again and again as long as there is room.
        writer.cancel()
        print("room to write:", writer.buffer_space > 0)
        room.set()

    writer = cygcd.WriteSource(writing, on_writable, queue=work)
    writer.start()
    room.wait()

    received: list[bytes] = []
    closed = threading.Event()

    def on_readable() -> None:
        available = reader.bytes_available
        chunk = os.read(reader.fd, 64)
        if chunk:
            print("bytes that were there:", available)
            received.append(chunk)
        else:
            print("the end, after:", b"".join(received))
            reader.cancel()

    def on_cancel() -> None:
        # Nothing watches the descriptor any more, so it may be closed.
        os.close(reading)
        closed.set()

    reader = cygcd.ReadSource(reading, on_readable, queue=work)
    reader.set_cancel_handler(on_cancel)
    reader.start()

    os.write(writing, b"hello, pipe")
    os.close(writing)
    closed.wait()
    print("closed")


if __name__ == "__main__":
    main()
