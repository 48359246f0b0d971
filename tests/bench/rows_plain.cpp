// SPDX-License-Identifier: MIT
/// @file
/// The rows of input and output as a plain loop of system calls does them.

#include "io_rows.hpp"

#include <cstddef>
#include <vector>

#include <unistd.h>

namespace {

struct api {
    static std::size_t read_to_end(int fd) {
        std::vector<std::byte> bytes(131'072);
        std::size_t total = 0;
        for (;;) {
            const ssize_t got = ::read(fd, bytes.data(), bytes.size());
            if (got <= 0) return total;
            total += static_cast<std::size_t>(got);
        }
    }
    static std::size_t write(int fd, const std::vector<std::byte>& bytes, std::size_t times) {
        std::size_t total = 0;
        for (std::size_t i = 0; i != times; ++i) {
            const ssize_t put = ::write(fd, bytes.data(), bytes.size());
            if (put > 0) total += static_cast<std::size_t>(put);
        }
        return total;
    }
};

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, {bench::io_rows<api>::table}); }
