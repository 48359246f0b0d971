// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_CHILD_HPP
#define GCD_TEST_CHILD_HPP
/// @file
/// Asking something in the child of a fork.

#include "catch.hpp"

#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace gcd_test {

/// Runs the body in a child of this process; true if it gave true there, within a bound.
template <class F> bool holds_in_child(F&& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        bool held = false;
        try {
            held = body();
        } catch (...) {
        }
        ::_exit(held ? 0 : 1);
    }
    int status = 0;
    REQUIRE(child > 0);
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

template <class F> bool is_refused(F&& use) {
    try {
        use();
    } catch (const std::logic_error&) {
        return true;
    }
    return false;
}

} // namespace gcd_test

#endif
