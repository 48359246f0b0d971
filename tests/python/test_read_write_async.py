# SPDX-License-Identifier: MIT
"""read_async and write_async."""

import errno
import os
import threading

import pytest
from conftest import LIMIT

import cygcd


class Result:
    """Collects what a one-shot's handler is given."""

    def __init__(self):
        self.calls = []
        self._come = threading.Event()

    def __call__(self, data, error):
        self.calls.append((data, error, cygcd.current_label()))
        self._come.set()

    def wait(self):
        assert self._come.wait(LIMIT), "the operation did not end"
        assert len(self.calls) == 1
        return self.calls[0][:2]


@pytest.mark.parametrize("spelling", ["handler", "callback"])
def test_both_spellings_of_the_handler(pipe, spelling):
    read_end, write_end = pipe
    written, seen = Result(), Result()
    cygcd.write_async(write_end, b"Hello!", **{spelling: written})
    assert written.wait() == (b"", 0)
    cygcd.read_async(fd=read_end, length=100, **{spelling: seen}, queue=cygcd.Queue("q"))
    assert seen.wait() == (b"Hello!", 0)
    assert seen.calls[0][2] == "q"


def test_handler_may_be_given_by_position(pipe):
    read_end, write_end = pipe
    queue = cygcd.Queue("fourth")
    written, seen = Result(), Result()
    cygcd.write_async(write_end, b"x", written, queue)
    assert written.wait() == (b"", 0)
    cygcd.read_async(read_end, 1, seen, queue)
    assert seen.wait() == (b"x", 0)
    assert written.calls[0][2] == seen.calls[0][2] == "fourth"


def test_read_waits_for_the_first_byte_and_gives_what_is_there(pipe):
    read_end, write_end = pipe
    seen = Result()
    cygcd.read_async(read_end, 100, seen)
    assert not seen._come.wait(0.02)
    os.write(write_end, b"abc")
    assert seen.wait() == (b"abc", 0)


def test_read_gives_at_most_its_length(pipe):
    read_end, write_end = pipe
    os.write(write_end, b"abcdef")
    seen = Result()
    cygcd.read_async(read_end, 4, seen)
    assert seen.wait() == (b"abcd", 0)
    assert os.read(read_end, 10) == b"ef"


def test_read_at_the_end_gives_no_bytes(pipe):
    read_end, write_end = pipe
    write_end.close()
    seen = Result()
    cygcd.read_async(read_end, 10, seen)
    data, error = seen.wait()
    assert (type(data), data, error) == (bytes, b"", 0)


def test_read_of_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 50_000)
    fd = os.open(path, os.O_RDONLY)
    try:
        seen = Result()
        cygcd.read_async(fd, 1_000_000, seen)
        assert seen.wait() == (b"x" * 50_000, 0)
    finally:
        os.close(fd)


def test_write_writes_all_bytes_of_any_bytes_like_object(pipe):
    read_end, write_end = pipe
    for source in (bytearray(b"a,"), memoryview(b"b,"), cygcd.Data(b"c").concat(b",")):
        written = Result()
        cygcd.write_async(write_end, source, written)
        assert written.wait() == (b"", 0)
    assert os.read(read_end, 100) == b"a,b,c,"


def test_write_of_more_than_there_is_room_for(pipe):
    read_end, write_end = pipe
    payload = os.urandom(300_000)
    written = Result()
    cygcd.write_async(write_end, payload, written)
    seen = b""
    while len(seen) < len(payload):
        seen += os.read(read_end, 65536)
    assert seen == payload
    assert written.wait() == (b"", 0)


def test_write_without_a_reader_gives_the_rest_and_the_error(pipe):
    read_end, write_end = pipe
    read_end.close()
    written = Result()
    cygcd.write_async(write_end, b"lost", written)
    assert written.wait() == (b"lost", errno.EPIPE)


def test_pending_operations_block_no_thread_of_the_queue(pipe):
    queue = cygcd.Queue()
    seen = Result()
    cygcd.read_async(pipe[0], 1, seen, queue)
    assert queue.run_sync(lambda: 1) == 1
    os.write(pipe[1], b"x")
    assert seen.wait() == (b"x", 0)


def test_handler_that_raises_an_os_error_runs_once(pipe, unraisable):
    calls = []

    def fail(data, error):
        calls.append(data)
        raise OSError(errno.EIO, "of the handler")

    queue = cygcd.Queue()
    os.write(pipe[1], b"x")
    cygcd.read_async(pipe[0], 1, fail, queue)
    error, where = unraisable.next()
    assert error.errno == errno.EIO
    assert where is fail
    queue.run_sync(lambda: None)
    assert calls == [b"x"]


def test_bad_descriptors_are_refused():
    ends = os.pipe()
    for end in ends:
        os.close(end)
    for fd, kind in ((-1, ValueError), (2**40, ValueError), (ends[0], OSError)):
        with pytest.raises(kind):
            cygcd.read_async(fd, 1, print)
        with pytest.raises(kind):
            cygcd.write_async(fd, b"x", print)


def test_bad_arguments_are_refused(pipe):
    read_end, write_end = pipe
    with pytest.raises(ValueError):
        cygcd.read_async(read_end, -1, print)
    for call in (
        lambda: cygcd.read_async(read_end, 1, None),
        lambda: cygcd.read_async(read_end, 1.5, print),
        lambda: cygcd.read_async(None, 1, print),
        lambda: cygcd.read_async(read_end, 1, print, 5),
        lambda: cygcd.write_async(write_end, "text", print),
        lambda: cygcd.write_async(write_end, None, print),
        lambda: cygcd.write_async(write_end, b"x", callback=5),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("length", [65_535, 65_536, 300_000, 1_000_000, 1 << 40])
def test_reads_of_a_large_file_give_bytes_of_their_own(tmp_path, length):
    content = os.urandom(900_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    with open(path, "rb") as opened:
        chunks = []
        while not chunks or chunks[-1]:
            seen = Result()
            cygcd.read_async(opened.fileno(), length, seen)
            data, error = seen.wait()
            assert (type(data), error) == (bytes, 0)
            chunks.append(data)
    assert [len(chunk) for chunk in chunks] == [
        min(length, len(content) - start) for start in range(0, len(content), length)
    ] + [0]
    assert b"".join(chunks) == content
