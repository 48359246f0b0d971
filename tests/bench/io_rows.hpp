// SPDX-License-Identifier: MIT
#ifndef GCD_BENCH_IO_ROWS_HPP
#define GCD_BENCH_IO_ROWS_HPP
/// @file
/// The rows of input and output, as rows.hpp has those of queues. An operation is 64 KiB.

#include "harness.hpp"

#include <cstddef>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace bench {

inline constexpr std::size_t io_piece = 65'536;

template <class Api> struct io_rows {
    /// What another thread writes.
    static double pipe_read() {
        constexpr std::size_t pieces = 4'000;
        int ends[2];
        expect(::pipe2(ends, O_CLOEXEC), 0);
        return timed(pieces, [&] {
            std::thread writer([&] {
                const std::vector<std::byte> bytes(io_piece);
                for (std::size_t i = 0; i != pieces; ++i)
                    for (std::size_t at = 0; at != io_piece;) {
                        const ssize_t put = ::write(ends[1], bytes.data() + at, io_piece - at);
                        if (put > 0) at += static_cast<std::size_t>(put);
                    }
                ::close(ends[1]);
            });
            const std::size_t total = Api::read_to_end(ends[0]);
            writer.join();
            expect(static_cast<long>(total), pieces * io_piece);
        });
    }

    /// What the system has in memory.
    static double file_read() {
        const file cached;
        return timed(rounds * file_pieces, [&] {
            for (std::size_t i = 0; i != rounds; ++i) {
                ::lseek(cached.fd, 0, SEEK_SET);
                expect(static_cast<long>(Api::read_to_end(cached.fd)), file_pieces * io_piece);
            }
        });
    }

    /// Over what is there, so that the disk has no part in it.
    static double file_write() {
        const file cached;
        const std::vector<std::byte> bytes(io_piece);
        return timed(rounds * file_pieces, [&] {
            for (std::size_t i = 0; i != rounds; ++i) {
                ::lseek(cached.fd, 0, SEEK_SET);
                expect(static_cast<long>(Api::write(cached.fd, bytes, file_pieces)), file_pieces * io_piece);
            }
        });
    }

    static constexpr row table[] = {
        {"pipe_read", pipe_read},
        {"file_read", file_read},
        {"file_write", file_write},
    };

private:
    static constexpr std::size_t rounds = 4;
    static constexpr std::size_t file_pieces = 1'000;

    /// A file without a name, full of zeros.
    struct file {
        int fd = -1;

        file() {
            const char* folder = std::getenv("TMPDIR");
            std::string name = std::string{folder != nullptr ? folder : "/tmp"} + "/gcd-bench-XXXXXX";
            fd = ::mkstemp(name.data());
            ::unlink(name.c_str());
            const std::vector<std::byte> bytes(io_piece);
            for (std::size_t i = 0; i != file_pieces; ++i)
                expect(::write(fd, bytes.data(), bytes.size()), static_cast<long>(bytes.size()));
        }
        file(const file&) = delete;
        file& operator=(const file&) = delete;
        ~file() { ::close(fd); }
    };
};

} // namespace bench

#endif
