# SPDX-License-Identifier: MIT
"""Conan's recipe, from the tree it lies in: conan create docs/packaging/conan --build missing"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class Gcd(ConanFile):
    name = "gcd"
    description = "Grand Central Dispatch as a header-only C++20 library"
    license = "MIT"
    topics = ("concurrency", "dispatch", "queue", "libdispatch")
    settings = "os", "arch", "compiler", "build_type"
    options = {"backend": ["auto", "native", "system"]}
    default_options = {"backend": "auto"}
    package_type = "header-library"
    no_copy_source = True

    def _tree(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._tree(), "include", "gcd", "config.hpp"))
        self.version = re.search(r'GCD_VERSION_STRING "([0-9.]+)"', text)[1]

    def export_sources(self):
        for pattern in ["CMakeLists.txt", "LICENSE", "include/*", "docs/packaging/*.in", "docs/packaging/*.cmake"]:
            copy(self, pattern, self._tree(), self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["GCD_BACKEND"] = str(self.options.backend)
        toolchain.cache_variables["GCD_BUILD_TESTS"] = False
        toolchain.cache_variables["GCD_BUILD_EXAMPLES"] = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        # The library's own CMake package is used, as everywhere else.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "gcd"), os.path.join("share", "cmake", "gcd")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
