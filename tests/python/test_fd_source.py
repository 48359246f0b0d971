# SPDX-License-Identifier: MIT
"""ReadSource and WriteSource."""

import errno
import gc
import os
import socket
import threading
import weakref

import pytest
from conftest import LIMIT, eventually, start_and_cancel_twice

import cygcd


def first_run(source_type, fd, note, **options):
    """A source after its handler has run once, and what note(source) gave inside it."""
    seen = []
    come = threading.Event()

    def handler():
        seen.append(note(source))
        source.cancel()
        come.set()

    source = source_type(fd, handler, **options)
    source.start()
    assert come.wait(LIMIT)
    return source, seen[0]


def test_read_source_tells_of_data(pipe):
    read_end, write_end = pipe
    seen = []
    come = threading.Event()

    def readable():
        seen.append((source.bytes_available, os.read(read_end, 100)))
        come.set()

    source = cygcd.ReadSource(read_end, readable)
    assert source.fd == read_end
    assert source.bytes_available == 0
    source.start()
    os.write(write_end, b"hello")
    assert come.wait(LIMIT)
    source.cancel()
    assert seen[0] == (5, b"hello")
    assert source.bytes_available == 5
    assert source.is_cancelled


def test_read_source_runs_until_the_data_are_read(pipe):
    read_end, write_end = pipe
    seen = []
    source = cygcd.ReadSource(read_end, lambda: seen.append(os.read(read_end, 1)))
    os.write(write_end, b"abc")
    with source:
        assert eventually(lambda: len(seen) == 3)
    assert seen == [b"a", b"b", b"c"]


def test_read_source_tells_of_the_end(pipe):
    read_end, write_end = pipe
    os.write(write_end, b"rest")
    write_end.close()
    seen = []
    done = threading.Event()

    def readable():
        data = os.read(read_end, 2)
        seen.append(data)
        if not data:
            source.cancel()
            done.set()

    source = cygcd.ReadSource(read_end, readable)
    source.start()
    assert done.wait(LIMIT)
    assert seen == [b"re", b"st", b""]


def test_write_source_tells_of_room(pipe):
    _, write_end = pipe
    assert cygcd.WriteSource(write_end, lambda: None).buffer_space == 0
    source, room = first_run(cygcd.WriteSource, write_end, lambda source: source.buffer_space)
    assert source.fd == write_end
    assert room > 0
    assert source.buffer_space == room


def test_write_source_on_a_socket_knows_the_free_room():
    left, right = socket.socketpair()
    with left, right:
        _, room = first_run(cygcd.WriteSource, left.fileno(), lambda source: source.buffer_space)
        assert room > 1


def test_handler_runs_on_its_queue(pipe):
    queue = cygcd.Queue("of.the.source")
    _, label = first_run(cygcd.WriteSource, pipe[1], lambda _: cygcd.current_label(), queue=queue)
    assert label == "of.the.source"


def test_descriptor_may_be_closed_in_the_cancel_handler(pipe):
    read_end, _ = pipe
    closed = threading.Event()
    source = cygcd.ReadSource(read_end, lambda: None)
    source.set_cancel_handler(lambda: (read_end.close(), closed.set()))
    source.start()
    source.cancel()
    assert closed.wait(LIMIT)
    with pytest.raises(OSError):
        os.fstat(read_end)


def test_descriptor_number_can_be_used_again_after_cancel():
    for _ in range(30):
        read_end, write_end = os.pipe()
        come = threading.Event()
        source = cygcd.ReadSource(read_end, come.set)
        source.start()
        os.write(write_end, b"x")
        assert come.wait(LIMIT)
        source.cancel()
        os.close(read_end)
        os.close(write_end)


def test_two_sources_watch_both_directions():
    left, right = socket.socketpair()
    with left, right:
        log = set()
        come = threading.Semaphore(0)
        reader = cygcd.ReadSource(left.fileno(), lambda: (log.add("read"), reader.cancel(), come.release()))
        writer = cygcd.WriteSource(left.fileno(), lambda: (log.add("write"), writer.cancel(), come.release()))
        reader.start()
        writer.start()
        right.send(b"x")
        assert come.acquire(timeout=LIMIT)
        assert come.acquire(timeout=LIMIT)
        assert log == {"read", "write"}


@pytest.mark.parametrize("kind", [cygcd.ReadSource, cygcd.WriteSource])
class TestBothKinds:
    def test_negative_descriptor_is_refused(self, kind):
        for fd in (-1, -(2**70), 2**40):
            with pytest.raises(ValueError):
                kind(fd, lambda: None)

    def test_closed_descriptor_is_refused(self, kind):
        ends = os.pipe()
        for end in ends:
            os.close(end)
        with pytest.raises(OSError) as caught:
            kind(ends[0], lambda: None).start()
        assert caught.value.errno == errno.EBADF

    @pytest.mark.parametrize(
        ("fd", "handler", "queue"), [(None, print, None), ("0", print, None), (0, None, None), (0, print, 3)]
    )
    def test_wrong_types_are_refused(self, kind, fd, handler, queue):
        with pytest.raises(TypeError):
            kind(fd, handler, queue)

    def test_start_and_cancel_again_are_harmless_and_start_after_cancel_is_refused(self, kind, pipe):
        source = kind(pipe[kind is cygcd.WriteSource], lambda: None)
        source.suspend()
        start_and_cancel_twice(source)

    def test_unstarted_source_may_be_dropped_and_cancelled(self, kind, pipe):
        done = threading.Event()
        source = kind(pipe[0], lambda: None)
        source.set_cancel_handler(done.set)
        source.cancel()
        assert done.wait(LIMIT)
        del source
        kind(pipe[0], lambda: None)

    def test_repr_and_weak_reference(self, kind, pipe):
        source = kind(pipe[0], lambda: None)
        assert repr(source) == f"<cygcd.{kind.__name__} fd={pipe[0]}, not started>"
        source.cancel()
        assert repr(source) == f"<cygcd.{kind.__name__} fd={pipe[0]}, cancelled>"
        assert weakref.ref(source)() is source


def test_dropped_while_started_it_is_cancelled_with_a_warning(pipe):
    done = threading.Event()
    source = cygcd.ReadSource(pipe[0], lambda: None)
    source.set_cancel_handler(done.set)
    source.start()
    with pytest.warns(ResourceWarning, match="ReadSource fd="):
        del source
        gc.collect()
    assert done.wait(LIMIT)


def test_errors_of_the_handler_reach_the_unraisable_hook(pipe, unraisable):
    def fail():
        source.cancel()
        raise ValueError

    source = cygcd.WriteSource(pipe[1], fail)
    source.start()
    error, where = unraisable.next()
    assert isinstance(error, ValueError)
    assert where is fail
