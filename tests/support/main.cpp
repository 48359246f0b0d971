// SPDX-License-Identifier: MIT
// The one translation unit that carries Catch2 2's implementation; version 3 ignores the macro.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
