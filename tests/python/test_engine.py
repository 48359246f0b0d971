# SPDX-License-Identifier: MIT
"""Which engine the module has, and what that brings into the process."""

import subprocess
import sys

import pytest

import cygcd


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere libdispatch is part of the system")
def test_native_engine_brings_no_libdispatch_along():
    libraries = subprocess.run(
        ["ldd", cygcd._core.__file__], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}
    ).stdout
    assert ("libdispatch" in libraries) == (cygcd._core._engine == "system"), libraries
