// SPDX-License-Identifier: MIT
//
// A channel reads and writes in the background, in chunks of a chosen size, with an order that can be relied on.

#include <gcd/gcd.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <unistd.h>

int main() {
    std::FILE* file = std::tmpfile();
    if (file == nullptr) return 1;
    const int fd = ::fileno(file);
    gcd::queue work{"com.example.io"};
    gcd::semaphore closed{0};
    gcd::semaphore step{0};
    auto cleanup = [&closed](int error) {
        std::printf("the descriptor is free again, error %d\n", error);
        closed.signal();
    };

    constexpr std::int64_t total = 256 * 1024;
    {
        gcd::io_channel channel{fd, gcd::io_type::stream, &work, cleanup};
        const gcd::data bytes{std::vector<char>(std::size_t{total}, 'x')};
        channel.write(bytes, [](bool done, const gcd::data& rest, int error) {
            if (done) std::printf("written: error %d, %zu bytes left over\n", error, rest.size());
        });
        channel.barrier([&] { step.signal(); });
        step.wait();
        channel.close();
    }
    closed.wait();

    // Chunks of at most 64 KiB; the handler never sees the whole file at once.
    ::lseek(fd, 0, SEEK_SET);
    std::size_t received = 0;
    std::size_t largest = 0;
    {
        gcd::io_channel channel{fd, gcd::io_type::stream, &work, cleanup};
        channel.set_high_water(64 * 1024);
        channel.read(gcd::io_channel::unlimited, [&](bool done, const gcd::data& chunk, int) {
            received += chunk.size();
            if (chunk.size() > largest) largest = chunk.size();
            if (done) step.signal();
        });
        step.wait();
    }
    closed.wait();
    std::printf("read: %zu bytes, chunks of 64 KiB at most: %s\n", received, largest <= 64 * 1024 ? "yes" : "no");

    // At offsets, in any order. They count from the descriptor's position at the channel's creation.
    ::lseek(fd, 0, SEEK_SET);
    std::size_t tail = 0;
    {
        gcd::io_channel channel{fd, gcd::io_type::random, &work, cleanup};
        auto on_tail = [&](bool done, const gcd::data& chunk, int) {
            tail += chunk.size();
            if (done) step.signal();
        };
        channel.read(16, on_tail, total - 10);
        step.wait();
    }
    closed.wait();
    std::fclose(file);
    std::printf("the last part: %zu bytes\n", tail);
    return received == std::size_t{total} && tail == 10 && largest <= 64 * 1024 ? 0 : 1;
}
