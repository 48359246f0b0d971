// SPDX-License-Identifier: MIT
/// @file
/// Reads into memory of the caller's: when it is asked for, and what then lies in it.

#include <gcd/io_channel.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <gcd/error.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd::data;
using gcd::io_channel;
using gcd_test::collect;
using gcd_test::pattern;
using gcd_test::temp_file;

namespace {

/// Gives memory, a fresh piece each time, and knows which chunks lie in it.
class lender {
public:
    [[nodiscard]] gcd::read_memory memory() {
        return [this](std::size_t size) {
            const std::lock_guard hold{lock_};
            asked_.push_back(size);
            pieces_.push_back(std::make_unique<std::byte[]>(size));
            return pieces_.back().get();
        };
    }
    /// The sizes that were asked for.
    [[nodiscard]] std::vector<std::size_t> asked() const {
        const std::lock_guard hold{lock_};
        return asked_;
    }
    [[nodiscard]] bool lent(const data& chunk) const {
        const std::vector<data::region> regions = chunk.regions();
        const std::lock_guard hold{lock_};
        for (const auto& piece : pieces_)
            if (regions.size() == 1 && regions[0].bytes.data() == piece.get()) return true;
        return false;
    }

private:
    mutable std::mutex lock_;
    std::vector<std::size_t> asked_;
    std::vector<std::unique_ptr<std::byte[]>> pieces_;
};

using sizes = std::vector<std::size_t>;

/// Reads with a channel; which chunks lay in lent memory, by their sizes.
struct chunks {
    collect read;
    sizes in_place;
    sizes copied;

    auto handler(lender& memory) {
        return [this, &memory, next = read.chunks()](bool done, const data& chunk, int error) {
            if (!chunk.empty()) (memory.lent(chunk) ? in_place : copied).push_back(chunk.size());
            next(done, chunk, error);
        };
    }
};

} // namespace

TEST_CASE("read_async reads a file into given memory", "[io][memory]") {
    const std::string content = pattern(300'000);
    const temp_file file{content};
    const gcd::queue queue{"read"};
    const auto fd = file.open(O_RDONLY);
    lender memory;
    for (const std::size_t size : {std::size_t{100'000}, std::size_t{300'000}}) {
        collect part;
        bool in_place = false;
        gcd::read_async(
            fd.get(), size, queue,
            [&, next = part.once()](const data& bytes, int error) {
                in_place = memory.lent(bytes);
                next(bytes, error);
            },
            memory.memory());
        REQUIRE(part.wait());
        CHECK(in_place);
        CHECK(part.error() == 0);
        CHECK(part.bytes() == (size == 100'000 ? content.substr(0, 100'000) : content.substr(100'000)));
    }
    CHECK(memory.asked() == sizes{100'000, 300'000});
}

TEST_CASE("little, much and what may wait is read without asking for memory", "[io][memory]") {
    const std::string content = pattern(200'000);
    const temp_file file{content};
    const gcd::queue queue{"read"};
    lender memory;
    for (const std::size_t size : {std::size_t{65'535}, std::size_t{16'777'217}, io_channel::unlimited}) {
        const auto fd = file.open(O_RDONLY);
        collect read;
        gcd::read_async(fd.get(), size, queue, read.once(), memory.memory());
        REQUIRE(read.wait());
        CHECK(read.bytes() == content.substr(0, size));
    }
    gcd_test::pipe ends;
    gcd_test::write_all(ends.write.get(), "hello");
    ends.write.close();
    collect piped;
    gcd::read_async(ends.read.get(), 100'000, queue, piped.once(), memory.memory());
    REQUIRE(piped.wait());
    CHECK(piped.bytes() == "hello");
    CHECK(memory.asked().empty());
}

TEST_CASE("what read_async's memory throws is the caller's, and nothing is read", "[io][memory]") {
    const temp_file file{pattern(100'000)};
    const gcd::queue queue{"read"};
    const auto fd = file.open(O_RDONLY);
    const auto refuse = [](std::size_t) -> std::byte* { throw std::runtime_error("no memory today"); };
    CHECK_THROWS_WITH(gcd::read_async(fd.get(), 100'000, queue, [](const data&, int) {}, refuse), "no memory today");
    CHECK(::lseek(fd.get(), 0, SEEK_CUR) == 0);
}

TEST_CASE("a channel reads each chunk of a file into given memory", "[io][memory]") {
    const std::string content = pattern(1'000'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    channel.set_high_water(131'072);
    lender memory;
    chunks seen;
    channel.read(io_channel::unlimited, seen.handler(memory), 0, nullptr, memory.memory());
    REQUIRE(seen.read.wait());
    CHECK(seen.read.bytes() == content);
    sizes expected(7, 131'072);
    expected.push_back(1'000'000 - 7 * 131'072);
    CHECK(seen.in_place == expected);
    CHECK(seen.copied.empty());
    CHECK(memory.asked() == sizes(8, 131'072));
}

TEST_CASE("a random channel reads into given memory at its offsets", "[io][memory]") {
    const std::string content = pattern(800'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get(), gcd::io_type::random};
    lender memory;
    std::vector<std::unique_ptr<chunks>> reads;
    for (int i = 0; i != 8; ++i) {
        reads.push_back(std::make_unique<chunks>());
        channel.read(100'000, reads.back()->handler(memory), i * 100'000, nullptr, memory.memory());
    }
    for (std::size_t i = 0; i != reads.size(); ++i) {
        REQUIRE(reads[i]->read.wait());
        CHECK(reads[i]->read.bytes() == content.substr(i * 100'000, 100'000));
        CHECK(reads[i]->in_place == sizes{100'000});
    }
}

TEST_CASE("a channel that is given no memory has its own", "[io][memory]") {
    static std::atomic<int> reported;
    reported = 0;
    const auto former = gcd::set_exception_handler(+[](std::exception_ptr) { ++reported; });
    const std::string content = pattern(500'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    channel.set_high_water(100'000);
    std::atomic<int> asked{0};
    collect read;
    channel.read(io_channel::unlimited, read.chunks(), 0, nullptr, [&](std::size_t) -> std::byte* {
        if (++asked == 2) throw std::bad_alloc{};
        return nullptr;
    });
    REQUIRE(read.wait());
    gcd::set_exception_handler(former);
    CHECK(read.bytes() == content);
    CHECK(read.error() == 0);
    CHECK(asked >= 5);
    CHECK(reported == 1);
}

TEST_CASE("an interval's early chunk ends the given memory", "[io][memory]") {
    // The handler keeps what it gets: a chunk must not change after it was handed over.
    const std::string content = pattern(4'000'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    channel.set_low_water(300'000);
    channel.set_interval(1us, true);
    lender memory;
    collect read;
    std::vector<data> all;
    channel.read(
        io_channel::unlimited,
        [&, next = read.chunks()](bool done, const data& chunk, int error) {
            all.push_back(chunk.retain());
            next(done, chunk, error);
        },
        0, nullptr, memory.memory());
    REQUIRE(read.wait());
    std::string kept;
    for (const data& each : all) kept += gcd_test::text(each);
    CHECK(kept == content);
    CHECK_FALSE(memory.asked().empty());
}

TEST_CASE("memory lasts no longer than the last handler's call", "[io][memory]") {
    const temp_file file{pattern(200'000)};
    const auto fd = file.open(O_RDONLY);
    auto held = std::make_shared<lender>();
    const std::weak_ptr<lender> watch = held;
    const io_channel channel{fd.get()};
    collect read;
    channel.read(200'000, read.chunks(), 0, nullptr, [held](std::size_t size) { return held->memory()(size); });
    held.reset();
    REQUIRE(read.wait());
    CHECK(gcd_test::await([&] { return watch.expired(); }));
}
