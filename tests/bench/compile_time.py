# SPDX-License-Identifier: MIT
"""Seconds of processor time that the compiler takes at -O2, the best of five. Usage: compile_time.py [FOLDER]

The headers beside the standard ones that they include, and a submission beside a file that only includes them. CXX
names the compiler. FOLDER is of no use here; the other benchmarks need it.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HEADERS = Path(__file__).resolve().parents[2] / "include"
ROUNDS = 5
ENGINE = "-DGCD_BACKEND_NATIVE" if sys.platform == "linux" else "-DGCD_BACKEND_SYSTEM"
COMPILER = [os.environ.get("CXX", "c++"), "-std=c++20", ENGINE, f"-I{HEADERS}"]

ALL = "#include <gcd/gcd.hpp>\n"
SUBMISSION = "void submit(const gcd::queue& queue, int& n) { queue.run_async([&n] { ++n; }); }\n"


def standard_headers() -> str:
    """What the library's headers include of the others, on this system and for its engine."""
    listed = subprocess.run(
        [*COMPILER, "-x", "c++", "-M", "-"], input=ALL, capture_output=True, text=True, check=True
    ).stdout
    own = [path for path in listed.replace("\\\n", " ").split() if path.startswith(str(HEADERS))]
    found = {name for path in own for name in re.findall(r"^#include <(.+)>", Path(path).read_text(), re.M)}
    known = [name for name in sorted(found) if "/" not in name or name.startswith("sys/")]
    return "".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n" for name in known)


def seconds(text: str) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "unit.cpp"
        source.write_text(text)

        def once() -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*COMPILER, "-O2", "-c", str(source), "-o", os.devnull], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        return min(once() for _ in range(ROUNDS))


def main() -> None:
    standard = seconds(standard_headers())
    headers = seconds(standard_headers() + ALL)
    submission = seconds(ALL + SUBMISSION)
    print(f"{'compile time, s':44}{'alone':>8}{'with':>8}{'more':>8}{'goal':>8}")
    for what, alone, together, goal in [
        ("the standard headers, and gcd/gcd.hpp", standard, headers, 0.5),
        ("gcd/gcd.hpp, and one run_async", headers, submission, 1.0),
    ]:
        print(f"{what:44}{alone:8.2f}{together:8.2f}{together - alone:8.2f}{goal:8.2f}")


if __name__ == "__main__":
    main()
