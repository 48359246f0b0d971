# SPDX-License-Identifier: MIT
"""set_max_threads: how many threads run callables at the same time."""

import contextlib
import os

import pytest
from conftest import LIMIT, run_script

import cygcd

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


def threads_of_the_pool():
    names = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/comm") as file:
            names.append(file.read().strip())
    return names.count("gcd-worker")


@pytest.mark.skipif(not NATIVE, reason="libdispatch has its own way of adding threads")
def test_callables_that_wait_for_the_interpreter_do_not_make_the_pool_grow():
    done = run_script(
        """
        import sys, cygcd
        sys.path.insert(0, sys.argv[1])
        from test_pool import threads_of_the_pool
        cygcd.set_max_threads(2)
        group = cygcd.Group()
        queue = cygcd.Queue.global_queue()
        most = 0

        def work():
            global most
            sum(range(2000))
            most = max(most, threads_of_the_pool())

        for _ in range(1000):
            group.run_async(queue, work)
        assert group.wait(20)
        print(most)
        """,
        os.path.dirname(__file__),
    )
    assert done.returncode == 0, done.stderr
    assert 1 <= int(done.stdout) <= 4
