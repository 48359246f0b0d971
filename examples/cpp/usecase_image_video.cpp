// SPDX-License-Identifier: MIT
//
// Frames go through a pipeline of queues, read, filter and write, with a bound on how many are inside.

#include <gcd/gcd.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t width = 320;
constexpr std::size_t height = 240;
constexpr std::size_t bytes = width * height;
constexpr int frames = 60;
constexpr long room = 4;

using picture = std::vector<std::uint8_t>;

// A box blur; strips of rows run side by side.
picture blur(const std::vector<std::byte>& from) {
    picture to(bytes);
    constexpr std::size_t strip = 24;
    gcd::apply(height / strip, [&](std::size_t part) {
        for (std::size_t y = part * strip; y < (part + 1) * strip; ++y)
            for (std::size_t x = 0; x < width; ++x) {
                unsigned sum = 0;
                unsigned count = 0;
                for (std::size_t v = y - std::min<std::size_t>(y, 2); v < std::min(y + 3, height); ++v)
                    for (std::size_t u = x - std::min<std::size_t>(x, 2); u < std::min(x + 3, width); ++u, ++count)
                        sum += std::to_integer<unsigned>(from[v * width + u]);
                to[y * width + x] = static_cast<std::uint8_t>(sum / count);
            }
    });
    return to;
}

} // namespace

int main() {
    std::FILE* const input = std::tmpfile();
    std::FILE* const output = std::tmpfile();
    if (input == nullptr || output == nullptr) return 1;
    for (int frame = 0; frame < frames; ++frame) {
        const picture grey(bytes, static_cast<std::uint8_t>(frame));
        if (std::fwrite(grey.data(), 1, bytes, input) != bytes) return 1;
    }
    std::fflush(input);
    std::rewind(input);

    gcd::queue filtering{"com.example.filter", {.concurrent = true}};
    gcd::queue disk{"com.example.disk", {.qos = gcd::qos::utility}};
    gcd::io_channel source{::fileno(input), gcd::io_type::random, &disk};
    gcd::io_channel target{::fileno(output), gcd::io_type::random, &disk};
    gcd::semaphore places{room}; // held from the read to the end of the write
    gcd::group inside;
    std::atomic<int> failed{0};  // counts; read when the group is empty
    std::atomic<int> written{0}; // the same

    for (int frame = 0; frame < frames; ++frame) {
        places.wait(); // back-pressure: the producer waits while the pipeline is full
        inside.enter().release();
        const std::int64_t offset = static_cast<std::int64_t>(frame) * static_cast<std::int64_t>(bytes);
        const auto end = [&](std::atomic<int>& count) {
            ++count;
            places.signal();
            inside.leave();
        };
        source.set_low_water(bytes); // the whole frame in one call
        source.read(
            bytes,
            [&, end, offset](bool done, const gcd::data& chunk, int error) {
                if (!done) return;
                if (error != 0 || chunk.size() != bytes) return end(failed);
                filtering.run_async([&, end, offset, frame = chunk.to_vector()] {
                    target.write(
                        gcd::data{blur(frame)},
                        [&, end](bool over, const gcd::data&, int problem) {
                            if (over) end(problem == 0 ? written : failed);
                        },
                        offset);
                });
            },
            offset);
    }
    inside.wait();
    std::printf("frames written: %d, failed: %d\n", written.load(), failed.load());

    const auto size = ::lseek(::fileno(output), 0, SEEK_END);
    std::printf("the file has all of them: %s\n", size == static_cast<off_t>(frames * bytes) ? "yes" : "no");
    return written.load() == frames ? EXIT_SUCCESS : EXIT_FAILURE;
}
