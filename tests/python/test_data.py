# SPDX-License-Identifier: MIT
"""Data."""

import array
import gc
import os
import sys
import weakref

import pytest
from conftest import eventually

import cygcd


def parts(*pieces):
    """A Data with one region for each piece."""
    whole = cygcd.Data()
    for piece in pieces:
        whole = whole.concat(cygcd.Data(piece))
    return whole


def test_bytes_go_in_and_come_out():
    data = cygcd.Data(b"Hello, World!")
    assert len(data) == data.size == 13
    assert bytes(data) == b"Hello, World!"


@pytest.mark.parametrize("data", [cygcd.Data(), cygcd.Data(None), cygcd.Data(b""), cygcd.Data(bytes=None)])
def test_empty_data_is_an_ordinary_value(data):
    assert len(data) == 0
    assert not data
    assert bytes(data) == b""
    assert data == b""
    assert hash(data) == hash(b"")
    assert list(data) == []
    assert data.regions() == []
    assert bytes(memoryview(data)) == b""
    assert data.concat(data) == b""
    assert data.subrange(0, 10) == b""
    assert data.apply(lambda *_: pytest.fail("called")) is True
    with pytest.raises(ValueError):
        data.copy_region(0)


@pytest.mark.parametrize(
    "source",
    [
        b"abc",
        bytearray(b"abc"),
        memoryview(b"abc"),
        memoryview(bytearray(b"abc")),
        memoryview(b"a_b_c_")[::2],
        memoryview(b"cba")[::-1],
        array.array("b", b"abc"),
        cygcd.Data(b"abc"),
        memoryview(cygcd.Data(b"abc")),
    ],
    ids=lambda source: type(source).__name__,
)
def test_any_bytes_like_object_is_taken(source):
    data = cygcd.Data(source)
    assert bytes(data) == b"abc"
    assert bytes(cygcd.Data(bytes=source)) == b"abc"
    assert data == source
    assert bytes(cygcd.Data(b"x").concat(source)) == b"xabc"


@pytest.mark.parametrize("source", ["abc", 3, [1, 2], object()])
def test_other_objects_are_refused(source):
    for call in (cygcd.Data, cygcd.Data(b"x").concat):
        with pytest.raises(TypeError):
            call(source)


def test_mutable_bytes_are_copied():
    source = bytearray(b"before")
    data = cygcd.Data(source)
    source[:] = b"after!"
    source.extend(b"nothing is exported")
    assert data == b"before"


def test_large_immutable_bytes_are_shared_and_let_go():
    source = os.urandom(100_000)
    before = sys.getrefcount(source)
    data = cygcd.Data(memoryview(source)[10:50_000])
    part = data.subrange(100, 50)
    assert part == source[110:160]
    assert sys.getrefcount(source) > before, "a copy was made"
    del data
    assert sys.getrefcount(source) > before
    del part
    assert eventually(lambda: sys.getrefcount(source) == before)


def test_bytes_outlive_the_memoryview_that_showed_them():
    expected = os.urandom(100_000)
    view = memoryview(bytes(bytearray(expected)))
    data = cygcd.Data(view)
    view.release()
    others = [os.urandom(100_000) for _ in range(10)]
    assert data == expected
    assert len(others) == 10


def test_shared_bytes_balance_their_references():
    source = b"x" * 100
    before = sys.getrefcount(source)
    for _ in range(50):
        cygcd.Data(source).concat(source)
    assert eventually(lambda: sys.getrefcount(source) == before)


def test_concat_leaves_the_originals_as_they_are():
    one, two = cygcd.Data(b"Hello, "), cygcd.Data(b"World!")
    both = one.concat(two)
    assert (bytes(one), bytes(two), bytes(both)) == (b"Hello, ", b"World!", b"Hello, World!")


def test_concat_of_none_is_refused():
    with pytest.raises(TypeError):
        cygcd.Data(b"x").concat(None)


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (4, 5, b"quick"),
        (0, 3, b"The"),
        (16, 100, b"fox"),
        (0, 2**100, b"The quick brown fox"),
        (19, 1, b""),
        (2**100, 1, b""),
        (3, 0, b""),
    ],
)
def test_subrange_is_cut_to_what_there_is(offset, length, expected):
    assert bytes(cygcd.Data(b"The quick brown fox").subrange(offset, length)) == expected


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (-(2**100), 0)])
def test_negative_subrange_is_refused(offset, length):
    with pytest.raises(ValueError):
        cygcd.Data(b"abc").subrange(offset, length)


def test_subrange_spans_regions():
    assert bytes(parts(b"abc", b"def", b"ghi").subrange(2, 5)) == b"cdefg"


def test_copy_region_gives_the_region_and_its_start():
    data = parts(b"abc", b"defg", b"hi")
    for location, (expected, start) in {0: (b"abc", 0), 2: (b"abc", 0), 3: (b"defg", 3), 8: (b"hi", 7)}.items():
        region, offset = data.copy_region(location)
        assert (bytes(region), offset) == (expected, start)


def test_copy_region_beyond_the_end_gives_the_empty_data_and_the_size():
    for location in (3, 4, 2**100):
        region, offset = cygcd.Data(b"abc").copy_region(location)
        assert (bytes(region), offset) == (b"", 3)
    with pytest.raises(ValueError):
        cygcd.Data(b"abc").copy_region(-1)


def test_apply_walks_the_true_regions():
    seen = []
    assert parts(b"abc", b"de", b"f").apply(lambda offset, piece: seen.append((offset, piece))) is True
    assert seen == [(0, b"abc"), (3, b"de"), (5, b"f")]
    assert all(type(piece) is bytes for _, piece in seen)


@pytest.mark.parametrize(
    ("answer", "calls", "result"), [(True, 2, True), (None, 2, True), (1, 2, True), (False, 1, False), (0, 1, False)]
)
def test_apply_stops_when_the_callable_answers_false(answer, calls, result):
    seen = []
    assert parts(b"a", b"b").apply(lambda *_: (seen.append(1), answer)[1]) is result
    assert len(seen) == calls


def test_apply_raises_what_the_callable_raises():
    with pytest.raises(ZeroDivisionError):
        cygcd.Data(b"a").apply(lambda *_: 1 / 0)
    for data in (cygcd.Data(b"a"), cygcd.Data()):
        with pytest.raises(TypeError):
            data.apply(None)


def test_regions_share_the_bytes():
    pieces = parts(b"abc", b"de", b"f").regions()
    assert [bytes(piece) for piece in pieces] == [b"abc", b"de", b"f"]
    assert all(isinstance(piece, memoryview) and piece.readonly for piece in pieces)
    assert b"".join(pieces) == b"abcdef"


def test_buffer_protocol_shows_all_bytes_read_only():
    for data in (cygcd.Data(b"abcdef"), parts(b"abc", b"def")):
        view = memoryview(data)
        assert bytes(view) == b"abcdef"
        assert (view.readonly, view.contiguous, view.format, view.itemsize, view.nbytes) == (True, True, "B", 1, 6)
        with pytest.raises(TypeError):
            view[0] = 1
        with pytest.raises((BufferError, TypeError)):
            os.readv(0, [data])


def test_view_outlives_its_data():
    view = memoryview(parts(b"abc", b"def"))
    gc.collect()
    assert bytes(view) == b"abcdef"


def test_equality_and_hash_agree_with_bytes():
    one, many = cygcd.Data(b"abcdef"), parts(b"abc", b"def")
    assert one == many
    assert many == one
    assert hash(one) == hash(many) == hash(b"abcdef")
    for other in (b"abcdef", bytearray(b"abcdef"), memoryview(b"abcdef"), memoryview(b"fedcba")[::-1]):
        assert many == other
        assert other == many
        assert not many != other
    assert {many: 1}[b"abcdef"] == 1
    assert {b"abcdef": 1}[one] == 1
    for other in (b"abcdeX", b"abc", b"", "abcdef", 6, None):
        assert many != other
        assert not many == other


def test_iteration_gives_the_bytes_as_ints():
    data = parts(b"abc", b"def")
    assert list(data) == list(b"abcdef")
    assert bytes(iter(data)) == b"abcdef"
    assert max(data) == ord("f")


def test_data_goes_where_bytes_go(tmp_path):
    data = parts(b"abc", b"def")
    file = tmp_path / "file"
    file.write_bytes(data)
    assert file.read_bytes() == b"abcdef"
    assert b"-".join([data, data]) == b"abcdef-abcdef"
    assert int.from_bytes(data, "big") == int.from_bytes(b"abcdef", "big")


def test_repr_and_weak_reference():
    data = parts(b"abc", b"def")
    assert repr(data) == "<cygcd.Data 6 bytes in 2 regions>"
    assert repr(cygcd.Data(b"x")) == "<cygcd.Data 1 bytes in 1 region>"
    assert weakref.ref(data)() is data
