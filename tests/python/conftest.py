# SPDX-License-Identifier: MIT
"""What the tests share: bounded waits, captured unraisable errors, signatures out of docstrings, scripts."""

import ast
import inspect
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

# Seconds that a wait may last; reached only when something is broken.
LIMIT = 5


def eventually(predicate, limit=LIMIT):
    """True as soon as the predicate is; False if it isn't within the limit."""
    end = time.monotonic() + limit
    while not predicate():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def start_and_cancel_twice(source):
    """Neither a second start() nor a second cancel() does harm; a start() after them is refused."""
    source.start()
    source.start()
    source.cancel()
    source.cancel()
    with pytest.raises(RuntimeError):
        source.start()


def run_script(code, *arguments, limit=30):
    """Runs Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


# What cases in processes of their own begin with.
PRELUDE = """
import gc, os, signal, sys, threading, time, warnings, weakref
import cygcd

def eventually(predicate, limit=5):
    end = time.monotonic() + limit
    while not predicate():
        if time.monotonic() > end: return False
        time.sleep(0.001)
    return True
def raises(kind, call, *arguments, **named):
    try: call(*arguments, **named)
    except kind: return True
    return False
"""


def run_case(code, *, limit=30, status=0, stderr=""):
    """Runs a case in a process of its own, which must end in time, with that status and with that said, and no more.

    Gives its standard output. A process that a signal ends has its number, negative, as its status.
    """
    done = run_script(PRELUDE + textwrap.dedent(code), limit=limit)
    assert (done.returncode, done.stderr) == (status, stderr), f"status {done.returncode}, said:\n{done.stderr}"
    return done.stdout


def overloads(function):
    """(signature line, documentation) of each overload of a bound function."""
    name = function.__name__
    doc = function.__doc__
    if "\nOverloaded function.\n" in doc:
        parts = re.split(rf"(?m)^\d+\. (?={re.escape(name)}\()", doc)[1:]
    else:
        parts = [doc]
    for part in parts:
        line, _, rest = part.partition("\n")
        yield line.strip(), inspect.cleandoc(rest.strip())


def signature_of(definition):
    """An inspect.Signature out of a parsed function definition: names, kinds and literal defaults."""
    arguments = definition.args
    kinds = inspect.Parameter
    found = []
    positional = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    for argument, default in zip(positional, defaults):
        kind = kinds.POSITIONAL_ONLY if argument in arguments.posonlyargs else kinds.POSITIONAL_OR_KEYWORD
        value = kinds.empty if default is None else ast.literal_eval(default)
        found.append(kinds(argument.arg, kind, default=value))
    if arguments.vararg:
        found.append(kinds(arguments.vararg.arg, kinds.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        value = kinds.empty if default is None else ast.literal_eval(default)
        found.append(kinds(argument.arg, kinds.KEYWORD_ONLY, default=value))
    return inspect.Signature(found)


def signatures(function):
    """The signature of each overload of a bound function."""
    return [signature_of(ast.parse(f"def {line}: ...").body[0]) for line, _ in overloads(function)]


class Unraisable:
    """What reached sys.unraisablehook: (exception, object) pairs."""

    def __init__(self):
        self.seen = []
        self._come = threading.Semaphore(0)

    def hook(self, arguments):
        self.seen.append((arguments.exc_value, arguments.object))
        self._come.release()

    def next(self):
        assert self._come.acquire(timeout=LIMIT), "no error arrived"
        return self.seen.pop(0)


@pytest.fixture
def unraisable(monkeypatch):
    captured = Unraisable()
    monkeypatch.setattr(sys, "unraisablehook", captured.hook)
    return captured


class Descriptor(int):
    """A descriptor that is closed through this object alone, once: later its number may be one of the library's."""

    def __init__(self, number):
        self._file = os.fstat(number)

    def close(self):
        if self._file is not None:
            file, self._file = self._file, None
            assert os.path.samestat(file, os.fstat(self)), "it was closed elsewhere, and its number used again"
            os.close(self)


@pytest.fixture
def pipe():
    """(read end, write end): Descriptors, closed at the end of the test if it hasn't closed them."""
    read_end, write_end = map(Descriptor, os.pipe())
    yield read_end, write_end
    read_end.close()
    write_end.close()


class Alarm(Exception):
    """Raised on the main thread by the handler of SIGALRM."""


@pytest.fixture
def alarm():
    """A signal handler that raises Alarm in the main thread soon; call it to set it off."""

    def ring(*_):
        raise Alarm

    former = signal.signal(signal.SIGALRM, ring)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.05)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)
