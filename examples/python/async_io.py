# SPDX-License-Identifier: MIT
"""Writing and reading a file without a thread that waits: one call, one handler."""

import os
import tempfile
import threading

import cygcd


def main() -> None:
    with tempfile.TemporaryFile() as file:
        fd = file.fileno()
        done = threading.Semaphore(0)

        def on_write(remaining: bytes, error: int) -> None:
            print("written: error", error, "left over", len(remaining))
            done.release()

        cygcd.write_async(fd, b"written in the background", on_write)
        done.acquire()

        def on_read(data: bytes, error: int) -> None:
            print("read:", bytes(data), "error", error)
            done.release()

        os.lseek(fd, 0, os.SEEK_SET)
        cygcd.read_async(fd, 1024, on_read)
        done.acquire()

        # At the end of the file there is nothing left, which is no error.
        cygcd.read_async(fd, 1024, on_read)
        done.acquire()

        # A handler can be sent to a queue of its own.
        work = cygcd.Queue("com.example.io")

        def on_queue(data: bytes, error: int) -> None:
            print("read", len(data), "bytes on", cygcd.current_label())
            done.release()

        os.lseek(fd, 0, os.SEEK_SET)
        cygcd.read_async(fd, 7, on_queue, queue=work)
        done.acquire()


if __name__ == "__main__":
    main()
