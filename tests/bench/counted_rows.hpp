// SPDX-License-Identifier: MIT
#ifndef GCD_BENCH_COUNTED_ROWS_HPP
#define GCD_BENCH_COUNTED_ROWS_HPP
/// @file
/// Rows of one operation, many times, as instructions.py runs them: PROGRAM ROW COUNT.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

namespace gcd_bench {

/// Operations that have run.
inline long ran = 0;

struct counted_row {
    const char* name;
    void (*run)(long count);
};

/// Runs the row that the arguments name. Gives the exit status.
inline int run_row(std::span<const counted_row> rows, int argc, char** argv) {
    const long count = argc == 3 ? std::atol(argv[2]) : 0;
    for (const counted_row& each : rows) {
        if (count <= 0 || std::strcmp(each.name, argv[1]) != 0) continue;
        each.run(count);
        if (ran == count) return 0;
        std::fprintf(stderr, "%s: %ld of %ld ran\n", each.name, ran, count);
        return 1;
    }
    std::fprintf(stderr, "usage: %s ROW COUNT, with ROW one of:\n", argv[0]);
    for (const counted_row& each : rows) std::fprintf(stderr, "  %s\n", each.name);
    return 2;
}

} // namespace gcd_bench

#endif
