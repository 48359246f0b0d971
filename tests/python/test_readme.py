# SPDX-License-Identifier: MIT
"""Every code block of the README and of docs runs as it stands.

Python blocks run one by one, each in a fresh interpreter and a folder of its own. C++ blocks are made into one program,
which is called with the number of the block. The compiler's flags come from GCD_TEST_CXX, GCD_TEST_CXXFLAGS and
GCD_TEST_LDFLAGS if any of them is set, else from CMake, to which this repository is added as a subdirectory.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language):
    """Pairs of a name, which tells the file and the line, and the text of the block."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start(1)) + 1
            yield f"{document.name}:{line}", match[1]


def parameters(language):
    return [pytest.param(code, id=name) for name, code in blocks(language)]


def test_blocks_are_found():
    assert len(parameters("python")) > 40
    assert len(parameters("cpp")) > 8


@pytest.mark.parametrize("code", parameters("python"))
def test_python_block_runs(code, tmp_path):
    script = tmp_path / "block.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


CMAKE = """\
cmake_minimum_required(VERSION 3.23)
project(readme CXX)
add_subdirectory("{root}" gcd)
add_executable(blocks blocks.cpp)
target_compile_options(blocks PRIVATE -Wall -Wextra -Werror)
target_link_libraries(blocks PRIVATE gcd::gcd)
"""


def cpp_program():
    """One program of all C++ blocks: includes first, then each block in a namespace, or a function if it lacks main."""
    includes, bodies, calls = [], [], []
    for number, (name, code) in enumerate(blocks("cpp")):
        document, line = name.split(":")
        lines = []
        for text in code.splitlines():
            if text.startswith("#include"):
                includes.append(text)
                text = ""
            lines.append(text)
        code = "\n".join(lines)
        if "int main()" in code:
            # Only a real main may end without a return.
            code = re.sub(r"\}\s*\Z", "return 0;\n}", code.replace("int main()", "int block_main()"))
        else:
            code = f'int block_main() {{\n#line {line} "{document}"\n{code}\nreturn 0;\n}}'
        bodies.append(f'namespace block_{number} {{\n#line {line} "{document}"\n{code}\n}}')
        calls.append(f"case {number}: return block_{number}::block_main();")
    return "\n".join(
        [
            *dict.fromkeys(includes),
            "#include <cstdlib>",
            *bodies,
            "int main(int, char** arguments) { switch (std::atoi(arguments[1])) {",
            *calls,
            "default: return 2; } }",
            "",
        ]
    )


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"


def tool(name):
    """A program beside this interpreter, where a virtual environment has it, or on the PATH."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


@pytest.fixture(scope="module")
def cpp_blocks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cpp")
    source = folder / "blocks.cpp"
    source.write_text(cpp_program(), encoding="utf-8")
    program = folder / "build" / "blocks"
    flags = {name: shlex.split(os.environ.get(f"GCD_TEST_{name}", "")) for name in ("CXX", "CXXFLAGS", "LDFLAGS")}
    if any(flags.values()):
        program.parent.mkdir()
        run(*(flags["CXX"] or ["c++"]), *flags["CXXFLAGS"], str(source), "-o", str(program), *flags["LDFLAGS"])
        return program
    cmake = tool("cmake")
    assert cmake, "this test needs cmake, beside the interpreter or on the PATH"
    (folder / "CMakeLists.txt").write_text(CMAKE.format(root=ROOT.as_posix()), encoding="utf-8")
    ninja = tool("ninja")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja else []
    run(cmake, "-S", str(folder), "-B", str(program.parent), *generator, "-DCMAKE_BUILD_TYPE=Debug")
    run(cmake, "--build", str(program.parent), "--target", "blocks")
    return program


@pytest.mark.parametrize("number", [pytest.param(i, id=name) for i, (name, _) in enumerate(blocks("cpp"))])
def test_cpp_block_runs(number, cpp_blocks, tmp_path):
    done = subprocess.run([str(cpp_blocks), str(number)], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
