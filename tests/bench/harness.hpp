// SPDX-License-Identifier: MIT
#ifndef GCD_BENCH_HARNESS_HPP
#define GCD_BENCH_HARNESS_HPP
/// @file
/// Running one row: time, CPU time, the most threads there were.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <span>
#include <vector>

namespace bench {

/// A row gives nanoseconds for each operation.
struct row {
    const char* name;
    double (*run)();
};

template <class F> double timed(long operations, F&& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    return spent.count() / static_cast<double>(operations);
}

/// A wrong count ends the run: what is fast and wrong has no place in the table.
inline void expect(long counted, long expected) {
    if (counted == expected) return;
    std::fprintf(stderr, "%ld of %ld\n", counted, expected);
    std::exit(1);
}

inline void spin(std::chrono::nanoseconds length) {
    const auto end = std::chrono::steady_clock::now() + length;
    while (std::chrono::steady_clock::now() < end) {
    }
}

/// The threads of this process now.
inline int threads() {
    int count = 0;
    if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
        char line[256];
        while (std::fgets(line, sizeof(line), status) != nullptr)
            if (std::sscanf(line, "Threads: %d", &count) == 1) break;
        std::fclose(status);
    }
    return count;
}

/// `PROGRAM list` names the rows; `PROGRAM ROW` prints: nanoseconds for each operation, CPU seconds, threads at the
/// end.
inline int run(int argc, char** argv, std::initializer_list<std::span<const row>> tables) {
    std::vector<row> table;
    for (const std::span<const row> each : tables) table.insert(table.end(), each.begin(), each.end());
    if (argc == 2 && std::strcmp(argv[1], "list") == 0) {
        for (const row& each : table) std::puts(each.name);
        return 0;
    }
    for (const row& each : table) {
        if (argc != 2 || std::strcmp(argv[1], each.name) != 0) continue;
        const double nanoseconds = each.run();
        std::printf("%.2f %.4f %d\n", nanoseconds, static_cast<double>(std::clock()) / CLOCKS_PER_SEC, threads());
        std::fflush(stdout);
        std::_Exit(0);
    }
    std::fprintf(stderr, "usage: %s list | ROW\n", argv[0]);
    return 2;
}

} // namespace bench

#endif
