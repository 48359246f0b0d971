# SPDX-License-Identifier: MIT
"""IOChannel."""

import errno
import os
import threading
import weakref

import pytest
from conftest import LIMIT, eventually

import cygcd


class Result:
    """Collects what an I/O handler is given."""

    def __init__(self):
        self.calls = []
        self._done = threading.Event()

    def __call__(self, done, data, error):
        self.calls.append((done, data, error))
        if done:
            self._done.set()

    def wait(self):
        assert self._done.wait(LIMIT), "the operation did not end"
        return self

    @property
    def data(self):
        return b"".join(data for _, data, _ in self.calls)

    @property
    def error(self):
        return self.calls[-1][2]


@pytest.fixture
def file(tmp_path):
    """A descriptor of a file of 100,000 bytes, open for both."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    fd = os.open(path, os.O_RDWR)
    yield fd
    os.close(fd)


CONTENT = bytes(number % 251 for number in range(100_000))


def closed(channel_arguments):
    """A channel, and an event that its cleanup sets."""
    gone = threading.Event()
    return cygcd.IOChannel(*channel_arguments, cleanup_handler=lambda error: gone.set()), gone


def test_read_gives_the_whole_file_and_its_end(file):
    channel, gone = closed([file, cygcd.IO_STREAM])
    assert channel.fd == file
    whole = Result()
    channel.read(10 * len(CONTENT), whole)
    assert whole.wait().data == CONTENT
    assert whole.error == 0
    done, data, error = whole.calls[-1]
    assert (done, type(data), error) == (True, bytes, 0)
    assert [call[0] for call in whole.calls[:-1]] == [False] * (len(whole.calls) - 1)
    channel.close()
    assert gone.wait(LIMIT)


def test_high_water_limits_the_chunks(file):
    channel, gone = closed([file])
    channel.set_high_water(8192)
    whole = Result()
    channel.read(len(CONTENT), whole)
    assert whole.wait().data == CONTENT
    assert max(len(data) for _, data, _ in whole.calls) <= 8192
    assert all(type(data) is bytes for _, data, _ in whole.calls)
    channel.close()
    assert gone.wait(LIMIT)


def test_read_waits_for_its_length_or_the_end(pipe):
    read_end, write_end = pipe
    channel, gone = closed([read_end])
    first, second = Result(), Result()
    channel.read(6, first)
    os.write(write_end, b"abc")
    assert not eventually(lambda: any(done for done, _, _ in first.calls), limit=0.03)
    os.write(write_end, b"defgh")
    assert first.wait().data == b"abcdef"
    channel.read(100, second)
    write_end.close()
    assert second.wait().data == b"gh"
    assert second.error == 0
    channel.close()
    assert gone.wait(LIMIT)


def test_write_writes_all_bytes(pipe):
    read_end, write_end = pipe
    channel, gone = closed([write_end])
    for source in (b"bytes,", bytearray(b"bytearray,"), cygcd.Data(b"da").concat(b"ta,"), memoryview(b"view")):
        written = Result()
        channel.write(source, written)
        assert written.wait().calls[-1] == (True, b"", 0)
    channel.close()
    assert gone.wait(LIMIT)
    assert os.read(read_end, 100) == b"bytes,bytearray,data,view"


def test_write_of_a_lot_comes_through_a_pipe(pipe):
    read_end, write_end = pipe
    writer, written_off = closed([write_end])
    reader, read_off = closed([read_end])
    written, seen = Result(), Result()
    writer.write(CONTENT * 5, written)
    reader.read(len(CONTENT) * 5, seen)
    assert seen.wait().data == CONTENT * 5
    assert written.wait().error == 0
    writer.close()
    reader.close()
    assert written_off.wait(LIMIT)
    assert read_off.wait(LIMIT)


def test_write_to_a_pipe_without_reader_is_an_error(pipe):
    read_end, write_end = pipe
    read_end.close()
    channel, gone = closed([write_end])
    written = Result()
    channel.write(b"lost", written)
    assert written.wait().error == errno.EPIPE
    assert written.data == b"lost"
    channel.close()
    assert gone.wait(LIMIT)


def test_random_offsets_count_from_the_position_at_creation(file):
    os.lseek(file, 1000, os.SEEK_SET)
    channel, gone = closed([file, cygcd.IO_RANDOM])
    one, two = Result(), Result()
    channel.read(10, one, offset=0)
    channel.read(10, two, 500)
    assert one.wait().data == CONTENT[1000:1010]
    assert two.wait().data == CONTENT[1500:1510]
    written = Result()
    channel.write(b"here", written, offset=2000)
    assert written.wait().error == 0
    assert os.pread(file, 4, 3000) == b"here"
    channel.close()
    assert gone.wait(LIMIT)


def test_stream_ignores_offsets(file):
    channel, gone = closed([file, cygcd.IO_STREAM])
    one, two = Result(), Result()
    channel.read(10, one, offset=500)
    channel.read(10, two, offset=0)
    assert one.wait().data == CONTENT[:10]
    assert two.wait().data == CONTENT[10:20]
    channel.close()
    assert gone.wait(LIMIT)


def test_barrier_runs_between_the_operations(file):
    channel, gone = closed([file])
    log = []
    end = threading.Event()
    queue = cygcd.Queue("of.the.handlers")
    channel.read(10, lambda done, *_: done and log.append("first"), queue=queue)
    channel.barrier(lambda: log.append("barrier"), queue=queue)
    channel.read(10, lambda done, *_: done and (log.append("second"), end.set()), queue=queue)
    assert end.wait(LIMIT)
    assert log == ["first", "barrier", "second"]
    channel.close()
    assert gone.wait(LIMIT)


def test_handlers_run_on_the_queue_of_the_operation_or_of_the_channel(file):
    own, given = cygcd.Queue("own"), cygcd.Queue("given")
    labels = []
    gone = threading.Event()
    channel = cygcd.IOChannel(
        file, queue=own, cleanup_handler=lambda error: (labels.append(cygcd.current_label()), gone.set())
    )
    note = lambda done, *_: done and labels.append(cygcd.current_label())  # noqa: E731
    channel.read(1, note)
    channel.barrier(lambda: labels.append(cygcd.current_label()))
    channel.close()
    assert gone.wait(LIMIT)
    assert labels == ["own"] * 3
    gone.clear()
    with cygcd.IOChannel(file, queue=own, cleanup_handler=lambda error: gone.set()) as channel:
        channel.read(1, note, queue=given)
        channel.barrier(lambda: labels.append(cygcd.current_label()), given)
    assert gone.wait(LIMIT)
    given.run_sync(lambda: None)
    assert labels[3:] == ["given"] * 2


def test_cleanup_handler_is_told_no_error(file):
    errors = []
    gone = threading.Event()
    channel = cygcd.IOChannel(file, cleanup_handler=lambda error: (errors.append(error), gone.set()))
    channel.close()
    assert gone.wait(LIMIT)
    assert errors == [0]


@pytest.mark.parametrize("close_first", [False, True])
def test_stop_ends_a_pending_read(pipe, close_first):
    channel, gone = closed([pipe[0]])
    pending = Result()
    channel.read(10, pending)
    if close_first:
        channel.close()
        assert not gone.wait(0.02)
    channel.close(cygcd.IO_STOP)
    assert pending.wait().error == errno.ECANCELED
    assert gone.wait(LIMIT)


def test_closed_channel_takes_no_operation(file):
    channel, gone = closed([file])
    assert not channel.is_closed
    channel.close()
    channel.close()
    channel.close(stop=True)
    assert channel.is_closed
    for call in (
        lambda: channel.read(1, print),
        lambda: channel.write(b"x", print),
        lambda: channel.barrier(print),
        lambda: channel.set_high_water(10),
        lambda: channel.set_low_water(10),
        lambda: channel.set_interval(10),
        lambda: channel.set_interval(10, strict=True),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert gone.wait(LIMIT)


def test_interval_delivers_what_there_is(pipe):
    read_end, write_end = pipe
    channel, gone = closed([read_end])
    channel.set_low_water(1000)
    channel.set_interval(5 * cygcd.NSEC_PER_MSEC, cygcd.IO_STRICT_INTERVAL)
    seen = Result()
    channel.read(2000, seen)
    os.write(write_end, b"early")
    assert eventually(lambda: seen.data == b"early")
    channel.close(stop=True)
    assert gone.wait(LIMIT)


def test_dropped_channel_finishes_what_is_under_way(file):
    channel, gone = closed([file])
    whole = Result()
    channel.read(len(CONTENT), whole)
    del channel
    assert whole.wait().data == CONTENT
    assert gone.wait(LIMIT)


def test_handlers_are_let_go(file):
    class Handler(Result):
        pass

    handler = Handler()
    gone = weakref.ref(handler)
    channel, cleaned = closed([file])
    channel.read(10, handler)
    handler.wait()
    del handler
    channel.close()
    assert cleaned.wait(LIMIT)
    del channel
    assert eventually(lambda: gone() is None)


def test_cleanup_handler_is_let_go(file):
    class Cleanup:
        def __init__(self):
            self.ran = threading.Event()

        def __call__(self, error):
            self.ran.set()

    cleanup = Cleanup()
    gone, ran = weakref.ref(cleanup), cleanup.ran
    channel = cygcd.IOChannel(file, cleanup_handler=cleanup)
    del cleanup
    channel.close()
    assert ran.wait(LIMIT)
    del channel
    assert eventually(lambda: gone() is None)


def test_descriptor_closed_right_after_the_channel_does_no_harm(tmp_path):
    for _ in range(20):
        path = tmp_path / "file"
        path.write_bytes(CONTENT)
        fd = os.open(path, os.O_RDONLY)
        channel, gone = closed([fd])
        whole, marks = Result(), []
        channel.read(len(CONTENT), whole)
        whole.wait()
        channel.barrier(lambda marks=marks: marks.append(1))
        channel.close()
        os.close(fd)
        assert gone.wait(LIMIT)
        assert whole.data == CONTENT
        assert marks == [1]


def test_errors_of_a_handler_reach_the_unraisable_hook(file, unraisable):
    def fail(done, data, error):
        raise ValueError

    channel, gone = closed([file])
    channel.read(1, fail)
    error, where = unraisable.next()
    assert isinstance(error, ValueError)
    assert where is fail
    channel.close()
    assert gone.wait(LIMIT)


def test_bad_descriptors_are_refused():
    for fd in (-1, 2**40):
        with pytest.raises(ValueError):
            cygcd.IOChannel(fd)
    ends = os.pipe()
    for end in ends:
        os.close(end)
    with pytest.raises(OSError) as caught:
        cygcd.IOChannel(ends[0])
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize("io_type", [2, -1, 2**40])
def test_unknown_type_is_refused(file, io_type):
    with pytest.raises(ValueError):
        cygcd.IOChannel(file, io_type)


def test_values_out_of_range_are_refused(file):
    with cygcd.IOChannel(file) as channel:
        for call in (
            lambda: channel.read(-1, print),
            lambda: channel.set_high_water(-1),
            lambda: channel.set_low_water(-1),
            lambda: channel.set_interval(-1),
            lambda: channel.set_interval(1, 2),
            lambda: channel.set_interval(1, -1),
        ):
            with pytest.raises(ValueError):
                call()


def test_wrong_types_are_refused(file):
    with pytest.raises(TypeError):
        cygcd.IOChannel(file, cleanup_handler=5)
    with pytest.raises(TypeError):
        cygcd.IOChannel(file, queue="queue")
    with cygcd.IOChannel(file) as channel:
        for call in (
            lambda: channel.read(1, None),
            lambda: channel.read(None, print),
            lambda: channel.write("text", print),
            lambda: channel.write(None, print),
            lambda: channel.write(b"x", 5),
            lambda: channel.barrier(None),
            lambda: channel.set_interval(1.5),
        ):
            with pytest.raises(TypeError):
                call()


def test_block_closes_and_repr_tells_the_state(file):
    with cygcd.IOChannel(file, cygcd.IO_RANDOM) as channel:
        assert repr(channel) == f"<cygcd.IOChannel fd={file} random, open>"
    assert channel.is_closed
    assert repr(channel) == f"<cygcd.IOChannel fd={file} random, closed>"
    assert weakref.ref(channel)() is channel


@pytest.mark.parametrize("high", [65_536, 100_000, 1_048_576])
def test_chunks_of_a_large_file_are_bytes_that_stay_as_they_are(tmp_path, high):
    content = os.urandom(3_000_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    with open(path, "rb") as opened:
        channel = cygcd.IOChannel(opened.fileno())
        channel.set_high_water(high)
        seen = Result()
        channel.read(len(content) + high, seen)
        seen.wait()
        channel.close()
    chunks = [data for _, data, _ in seen.calls if data]
    assert {type(chunk) for chunk in chunks} == {bytes}
    assert all(len(chunk) <= high for chunk in chunks)
    assert b"".join(chunks) == content
    # Equal ones have equal hashes, however they came to be.
    assert [hash(chunk) for chunk in chunks] == [hash(bytes(bytearray(chunk))) for chunk in chunks]


def test_chunks_that_handlers_keep_outlast_those_that_they_drop(tmp_path):
    """What nobody has any more is read into again, with another hash; what somebody has is left alone."""
    chunk, count = 65_536, 64
    content = os.urandom(chunk * count)
    path = tmp_path / "large"
    path.write_bytes(content)
    kept, hashed, ended = {}, [], threading.Event()

    def note_hash(data):
        hashed.append(hash(data) == hash(bytes(bytearray(data))))

    def handler(data, _error):
        if not data:
            return ended.set()
        index = len(hashed)
        note_hash(data)
        if index % 3 == 0:
            kept[index] = data
        elif index % 3 == 1:
            kept[index] = memoryview(data)
        return cygcd.read_async(opened.fileno(), chunk, handler)

    def piece(index):
        return content[index * chunk : (index + 1) * chunk]

    with open(path, "rb") as opened:
        cygcd.read_async(opened.fileno(), chunk, handler)
        assert ended.wait(LIMIT)
        os.lseek(opened.fileno(), 0, os.SEEK_SET)
        with cygcd.IOChannel(opened.fileno()) as channel:
            channel.set_high_water(chunk)
            done = threading.Event()
            channel.read(len(content), lambda last, data, _error: (note_hash(data), last and done.set()))
            assert done.wait(LIMIT)
    assert len(kept) == count - count // 3
    assert all(data == piece(index) for index, data in kept.items())
    assert len(hashed) >= 2 * count
    assert all(hashed)


def test_random_reads_of_a_large_file_at_once(tmp_path):
    content = os.urandom(2_000_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    with open(path, "rb") as opened:
        channel = cygcd.IOChannel(opened.fileno(), cygcd.IO_RANDOM)
        reads = []
        for offset in range(0, len(content), 200_000):
            reads.append((offset, Result()))
            channel.read(200_000, reads[-1][1], offset)
        for offset, read in reads:
            assert read.wait().data == content[offset : offset + 200_000]
        channel.close()
