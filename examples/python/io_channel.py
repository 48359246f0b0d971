# SPDX-License-Identifier: MIT
"""A channel reads and writes in the background, in chunks of a chosen size."""

import os
import tempfile
import threading

import cygcd

TOTAL = 256 * 1024


def main() -> None:
    work = cygcd.Queue("com.example.io")
    step = threading.Semaphore(0)

    with tempfile.TemporaryFile() as file:
        fd = file.fileno()

        def on_cleanup(error: int) -> None:
            print("the descriptor is free again: error", error)
            step.release()

        # The with block closes the channel at its end.
        with cygcd.IOChannel(fd, cygcd.IO_STREAM, queue=work, cleanup_handler=on_cleanup) as channel:

            def on_write(done: bool, remaining: bytes, error: int) -> None:
                if done:
                    print("written: error", error, "left over", len(remaining))

            channel.write(b"x" * TOTAL, on_write)
            channel.barrier(step.release)  # runs after all operations before it
            step.acquire()
        step.acquire()

        os.lseek(fd, 0, os.SEEK_SET)
        sizes = []

        def on_chunk(done: bool, data: bytes, error: int) -> None:
            if data:
                sizes.append(len(data))
            if done:
                step.release()

        channel = cygcd.IOChannel(fd, cygcd.IO_STREAM, queue=work, cleanup_handler=on_cleanup)
        channel.set_high_water(64 * 1024)
        channel.read(10 * TOTAL, on_chunk)
        step.acquire()
        print("read:", sum(sizes), "bytes, chunks of 64 KiB at most:", max(sizes) <= 64 * 1024)
        channel.close()
        step.acquire()
        print("closed:", channel.is_closed)

        # At offsets, which count from the descriptor's position when the channel is made.
        os.lseek(fd, 0, os.SEEK_SET)
        tail = []

        def on_tail(done: bool, data: bytes, error: int) -> None:
            tail.append(data)
            if done:
                step.release()

        channel = cygcd.IOChannel(fd, cygcd.IO_RANDOM, queue=work, cleanup_handler=on_cleanup)
        channel.read(16, on_tail, offset=TOTAL - 10)
        step.acquire()
        print("the last part:", b"".join(tail))
        channel.close()
        step.acquire()


if __name__ == "__main__":
    main()
