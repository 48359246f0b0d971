// SPDX-License-Identifier: MIT
// The one translation unit that carries Catch2 2's implementation; version 3 ignores the macro.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

// The sanitizers' runtimes ask for these where there is one; a discovered case can't be given several variables.
extern "C" {
[[gnu::used, gnu::visibility("default")]] const char* __asan_default_options() {
    return "detect_stack_use_after_return=1:strict_string_checks=1";
}
[[gnu::used, gnu::visibility("default")]] const char* __ubsan_default_options() { return "print_stacktrace=1"; }
// The child of a fork goes on with threads of its own.
[[gnu::used, gnu::visibility("default")]] const char* __tsan_default_options() {
    return "halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=50:die_after_fork=0";
}
}

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
