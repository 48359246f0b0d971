# SPDX-License-Identifier: MIT
"""set_max_threads: how many threads run callables at the same time."""

import os

import cygcd
import pytest
from conftest import LIMIT

NATIVE = cygcd._core._engine == "native"


@pytest.fixture(autouse=NATIVE)
def former():
    yield
    cygcd.set_max_threads(os.cpu_count() or 1)


@pytest.mark.parametrize("count", [0, -1, 513, 2**31, 2**64, -(2**64)])
def test_number_out_of_range_is_refused(count):
    with pytest.raises(ValueError):
        cygcd.set_max_threads(count)


@pytest.mark.parametrize("count", [None, 1.0, "2", []])
def test_number_must_be_an_integer(count):
    with pytest.raises(TypeError):
        cygcd.set_max_threads(count)


@pytest.mark.parametrize("count", [1, 2, 512])
def test_engine_takes_the_number_or_says_that_it_can_not(count):
    if NATIVE:
        assert cygcd.set_max_threads(count) is None
    else:
        with pytest.raises(NotImplementedError, match="libdispatch"):
            cygcd.set_max_threads(count=count)
    group = cygcd.Group()
    queue = cygcd.Queue(concurrent=True)
    done = []
    for _ in range(100):
        group.run_async(queue, lambda: done.append(1))
    assert group.wait(LIMIT)
    assert len(done) == 100
