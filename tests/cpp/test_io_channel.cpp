// SPDX-License-Identifier: MIT
/// @file
/// gcd::io_channel: reading, writing, water marks and handlers. Closing is in test_io_close.cpp.

#include <gcd/io_channel.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <gcd/error.hpp>
#include <gcd/queue.hpp>
#include <gcd/workloop.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd::data;
using gcd::io_channel;
using gcd::io_type;
using gcd_test::await;
using gcd_test::collect;
using gcd_test::pattern;
using gcd_test::temp_dir;
using gcd_test::temp_file;
using gcd_test::write_all;

TEST_CASE("a stream channel reads a file in chunks up to the high-water mark", "[io]") {
    const std::string content = pattern(1'000'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    channel.set_high_water(65536);
    collect read;
    channel.read(10 * 1024 * 1024, read.chunks());
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes() == content);
    const std::vector<std::size_t> sizes = read.sizes();
    CHECK(sizes.size() >= content.size() / 65536);
    CHECK(std::all_of(sizes.begin(), sizes.end(), [](std::size_t size) { return size <= 65536; }));
    CHECK(read.ends() == 1);
    CHECK(read.late() == 0);
}

TEST_CASE("a stream channel reads on where the read before ended", "[io]") {
    const temp_file file{"abcdefgh"};
    const auto fd = file.open(O_RDONLY);
    REQUIRE(::lseek(fd.get(), 1, SEEK_SET) == 1);
    const io_channel channel{fd.get(), io_type::stream};
    std::array<collect, 3> reads;
    for (collect& read : reads) channel.read(3, read.chunks());
    for (collect& read : reads) REQUIRE(read.wait());
    CHECK(reads[0].bytes() == "bcd");
    CHECK(reads[1].bytes() == "efg");
    CHECK(reads[2].bytes() == "h");
}

TEST_CASE("random reads count from the position at creation, several at once", "[io]") {
    const std::string content = pattern(400'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    REQUIRE(::lseek(fd.get(), 1000, SEEK_SET) == 1000);
    const io_channel channel{fd.get(), io_type::random};
    std::array<collect, 20> reads;
    for (std::size_t i = 0; i != reads.size(); ++i)
        channel.read(5000, reads[i].chunks(), static_cast<std::int64_t>(i * 15000));
    for (std::size_t i = 0; i != reads.size(); ++i) {
        REQUIRE(reads[i].wait());
        CHECK(reads[i].bytes() == content.substr(1000 + i * 15000, 5000));
    }
    collect beyond;
    channel.read(10, beyond.chunks(), 1'000'000);
    REQUIRE(beyond.wait());
    CHECK(beyond.error() == 0);
    CHECK(beyond.bytes().empty());
}

TEST_CASE("random writes go to their offsets", "[io]") {
    const temp_file file;
    const auto fd = file.open();
    const io_channel channel{fd.get(), io_type::random};
    const std::string content = pattern(100'000);
    std::array<collect, 10> writes;
    for (std::size_t i = writes.size(); i-- != 0;)
        channel.write(data{content.substr(i * 10'000, 10'000)}, writes[i].chunks(),
                      static_cast<std::int64_t>(i * 10'000));
    for (collect& write : writes) {
        REQUIRE(write.wait());
        CHECK(write.error() == 0);
        CHECK(write.ends() == 1);
    }
    CHECK(file.content() == content);
}

TEST_CASE("stream writes go out in order and whole", "[io]") {
    gcd_test::pipe ends;
    std::string expected;
    std::array<collect, 3> writes;
    {
        const io_channel channel{ends.write.get()};
        ends.write.close();
        for (std::size_t i = 0; i != writes.size(); ++i) {
            const std::string piece(300'000, static_cast<char>('a' + i));
            channel.write(data{piece}, writes[i].chunks());
            expected += piece;
        }
    }
    // More than the pipe holds: the writes go on as it is emptied, and the end of file comes after them.
    CHECK(gcd_test::read_all(ends.read.get()) == expected);
    for (collect& write : writes) {
        REQUIRE(write.wait());
        CHECK(write.error() == 0);
        CHECK(write.rest().empty());
    }
}

TEST_CASE("a read waits for its length", "[io]") {
    const gcd_test::pipe ends;
    const io_channel channel{ends.read.get()};
    collect read;
    channel.read(6, read.chunks());
    write_all(ends.write.get(), "abc");
    CHECK_FALSE(read.is_done());
    write_all(ends.write.get(), "defghi");
    REQUIRE(read.wait());
    CHECK(read.bytes() == "abcdef");
    collect rest;
    channel.read(3, rest.chunks());
    REQUIRE(rest.wait());
    CHECK(rest.bytes() == "ghi");
}

TEST_CASE("a read ends before its length at the end of file", "[io]") {
    gcd_test::pipe ends;
    const io_channel channel{ends.read.get()};
    collect read, again;
    channel.read(io_channel::unlimited, read.chunks());
    channel.read(10, again.chunks());
    write_all(ends.write.get(), "abc");
    ends.write.close();
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes() == "abc");
    REQUIRE(again.wait());
    CHECK(again.error() == 0);
    CHECK(again.bytes().empty());
}

TEST_CASE("a low-water mark brings what there is before the end", "[io]") {
    gcd_test::pipe ends;
    const io_channel channel{ends.read.get()};
    channel.set_low_water(1);
    collect read;
    channel.read(io_channel::unlimited, read.chunks());
    write_all(ends.write.get(), "abc");
    CHECK(await([&] { return read.bytes() == "abc"; }));
    CHECK_FALSE(read.is_done());
    write_all(ends.write.get(), "def");
    CHECK(await([&] { return read.bytes() == "abcdef"; }));
    ends.write.close();
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
}

TEST_CASE("the marks follow one another when they cross", "[io]") {
    const std::string content = pattern(10'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get(), io_type::random};
    channel.set_low_water(4000);
    channel.set_high_water(1000);
    collect high;
    channel.read(10'000, high.chunks());
    channel.set_high_water(1000);
    channel.set_low_water(4000);
    collect low;
    channel.read(10'000, low.chunks());
    REQUIRE(high.wait());
    REQUIRE(low.wait());
    CHECK(high.bytes() == content);
    CHECK(low.bytes() == content);
    const std::vector<std::size_t> small = high.sizes();
    CHECK(std::all_of(small.begin(), small.end(), [](std::size_t size) { return size <= 1000; }));
    const std::vector<std::size_t> large = low.sizes();
    REQUIRE_FALSE(large.empty());
    CHECK(std::all_of(large.begin(), large.end() - 1, [](std::size_t size) { return size >= 4000; }));
}

TEST_CASE("a strict interval brings less than the low-water mark", "[io]") {
    const gcd_test::pipe ends;
    const io_channel channel{ends.read.get()};
    channel.set_low_water(1000);
    channel.set_interval(20ms, true);
    collect read;
    channel.read(1000, read.chunks());
    write_all(ends.write.get(), "abc");
    CHECK(await([&] { return read.bytes() == "abc"; }));
    CHECK_FALSE(read.is_done());
    channel.close(true);
    REQUIRE(read.wait());
    CHECK(read.error() == ECANCELED);
}

TEST_CASE("a channel reads and writes a socket at once", "[io]") {
    gcd_test::socket_pair sockets;
    const io_channel channel{sockets.first.get()};
    const std::string content = pattern(500'000);
    collect read, write;
    channel.read(io_channel::unlimited, read.chunks());
    channel.write(data{content}, write.chunks());
    std::string echoed;
    while (echoed.size() != content.size()) {
        std::array<char, 8192> chunk;
        const ssize_t got = ::read(sockets.second.get(), chunk.data(), chunk.size());
        REQUIRE(got > 0);
        echoed.append(chunk.data(), static_cast<std::size_t>(got));
        write_all(sockets.second.get(), {chunk.data(), static_cast<std::size_t>(got)});
    }
    sockets.second.close();
    REQUIRE(write.wait());
    REQUIRE(read.wait());
    CHECK(write.error() == 0);
    CHECK(echoed == content);
    CHECK(read.bytes() == content);
}

TEST_CASE("reads and writes of nothing are done at once", "[io]") {
    const gcd_test::socket_pair sockets;
    const io_channel channel{sockets.first.get()};
    collect read, write;
    channel.read(0, read.chunks());
    channel.write(data{}, write.chunks());
    REQUIRE(read.wait());
    REQUIRE(write.wait());
    CHECK(read.error() == 0);
    CHECK(write.error() == 0);
}

TEST_CASE("a write to a closed pipe gives the rest and EPIPE", "[io]") {
    gcd_test::pipe ends;
    const io_channel channel{ends.write.get()};
    ends.read.close();
    collect write;
    channel.write(data{"lost"}, write.chunks());
    REQUIRE(write.wait());
    CHECK(write.error() == EPIPE);
    CHECK(write.rest() == "lost");
    CHECK(write.ends() == 1);
}

TEST_CASE("writes that wait for room in a pipe end when its reader goes", "[io]") {
    gcd_test::pipe ends;
    const io_channel channel{ends.write.get()};
    channel.set_low_water(1);
    collect write, next, later;
    channel.write(data{std::string(1'000'000, 'x')}, write.chunks());
    channel.write(data{"next"}, next.chunks());
    // Once a part is written, the rest waits for room.
    REQUIRE(await([&] { return !write.sizes().empty(); }));
    ends.read.close();
    REQUIRE(write.wait());
    REQUIRE(next.wait());
    CHECK(write.error() == EPIPE);
    CHECK_FALSE(write.rest().empty());
    CHECK(next.error() == EPIPE);
    CHECK(next.rest() == "next");
    channel.write(data{"later"}, later.chunks());
    REQUIRE(later.wait());
    CHECK(later.error() == EPIPE);
    CHECK(later.rest() == "later");
}

TEST_CASE("handlers run on the operation's queue, else on the channel's", "[io]") {
    const gcd_test::socket_pair sockets;
    const gcd::queue own{"channel"};
    const gcd::queue other{"operation", {.concurrent = true}};
    const gcd::workloop loop{"loop"};
    const io_channel channel{sockets.first.get(), io_type::stream, &own};
    gcd_test::latch all{4};
    std::atomic<int> right = 0;
    const auto on = [&](const gcd::queue& queue) {
        return [&](bool done, const data&, int) {
            if (!done) return;
            if (queue.is_current()) ++right;
            all.count_down();
        };
    };
    channel.write(data{"x"}, on(own));
    channel.write(data{"x"}, on(other), 0, &other);
    channel.write(data{"x"}, on(loop), 0, &loop);
    channel.barrier(
        [&] {
            if (other.is_current()) ++right;
            all.count_down();
        },
        &other);
    REQUIRE(all.wait());
    CHECK(right == 4);
}

TEST_CASE("a handler knows what it holds", "[io]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"serial"};
    const io_channel channel{ends.write.get(), io_type::stream, &queue};
    gcd_test::signal tried;
    std::atomic<bool> refused = false;
    channel.write(data{"x"}, [&](bool, const data&, int) {
        try {
            queue.run_sync([] {});
        } catch (const gcd::would_deadlock&) {
            refused = true;
        }
        tried.set();
    });
    REQUIRE(tried.wait());
    CHECK(refused);
}

TEST_CASE("handlers of one operation never overlap, whatever the queue", "[io]") {
    const std::string content = pattern(200'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    channel.set_high_water(1000);
    std::atomic<int> inside = 0;
    std::atomic<bool> overlapped = false;
    std::string bytes;
    gcd_test::signal finished;
    const gcd::queue global = gcd::queue::global_queue();
    channel.read(
        io_channel::unlimited,
        [&](bool done, const data& chunk, int) {
            if (++inside != 1) overlapped = true;
            bytes += gcd_test::text(chunk);
            --inside;
            if (done) finished.set();
        },
        0, &global);
    REQUIRE(finished.wait());
    CHECK_FALSE(overlapped);
    CHECK(bytes == content);
}

TEST_CASE("what a handler throws goes to the exception handler, and I/O goes on", "[io]") {
    static std::atomic<int> reported = 0;
    const auto former = gcd::set_exception_handler(+[](std::exception_ptr) { ++reported; });
    const temp_file file{"abc"};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    channel.read(1, [](bool, const data&, int) { throw std::runtime_error("handler"); });
    collect read;
    gcd_test::signal barrier;
    channel.read(2, read.chunks());
    channel.barrier([&] { barrier.set(); });
    CHECK(barrier.wait());
    gcd::set_exception_handler(former);
    CHECK(read.bytes() == "bc");
    CHECK(reported == 1);
}

TEST_CASE("a barrier waits for the handlers before it and holds up what is after it", "[io]") {
    const temp_file file;
    const auto fd = file.open();
    const gcd::queue queue{"handlers", {.concurrent = true}};
    const io_channel channel{fd.get(), io_type::random, &queue};
    std::atomic<int> before = 0;
    std::atomic<bool> in_barrier = false, in_order = true;
    gcd_test::latch after{10};
    for (int round = 0; round != 10; ++round) {
        for (int i = 0; i != 10; ++i)
            channel.write(
                data{"x"},
                [&](bool done, const data&, int) {
                    if (in_barrier) in_order = false;
                    if (done) ++before;
                },
                i);
        channel.barrier([&, round] {
            in_barrier = true;
            if (before != (round + 1) * 10) in_order = false;
            in_barrier = false;
            after.count_down();
        });
    }
    REQUIRE(after.wait());
    CHECK(in_order);
}

TEST_CASE("water marks keep their place behind a barrier", "[io]") {
    const std::string content = pattern(10'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const gcd::queue queue{"barrier"};
    const io_channel channel{fd.get(), io_type::random};
    collect first, second;
    {
        const gcd::suspension pause = queue.suspended();
        channel.set_high_water(100);
        channel.barrier([] {}, &queue);
        channel.read(10'000, first.chunks());
        channel.set_high_water(5'000);
        channel.read(10'000, second.chunks());
    }
    REQUIRE(first.wait());
    REQUIRE(second.wait());
    const auto small = first.sizes(), large = second.sizes();
    CHECK(*std::max_element(small.begin(), small.end()) <= 100);
    CHECK(second.bytes() == content);
    CHECK(large.size() < small.size());
}

TEST_CASE("a channel can't be made on what it can't work with", "[io]") {
    CHECK_THROWS_AS(io_channel{-1}, std::invalid_argument);
    const gcd_test::pipe ends;
    const int closed = ::fcntl(ends.read.get(), F_DUPFD, 500);
    ::close(closed);
    CHECK_THROWS_AS(io_channel{closed}, std::system_error);
    CHECK_THROWS_AS((io_channel{ends.read.get(), static_cast<io_type>(2)}), std::invalid_argument);
    CHECK_THROWS_AS((io_channel{ends.read.get(), io_type::random}), std::system_error);
    const temp_dir dir;
    const gcd_test::fd directory{::open(dir.path().c_str(), O_RDONLY | O_CLOEXEC)};
    CHECK_THROWS_AS(io_channel{directory.get()}, std::system_error);
    gcd::queue moved{"moved"};
    const gcd::queue taken = std::move(moved);
    CHECK_THROWS_AS((io_channel{ends.read.get(), io_type::stream, &moved}), std::logic_error);
    const gcd::workloop inactive{"inactive", {.inactive = true}};
    CHECK_THROWS_AS((io_channel{ends.read.get(), io_type::stream, &inactive}), std::logic_error);
    CHECK((::fcntl(ends.read.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("an operation that can't be done is refused at the call", "[io]") {
    const gcd_test::pipe ends;
    const auto handler = [](bool, const data&, int) {};
    io_channel reader{ends.read.get()};
    const io_channel writer{ends.write.get()};
    CHECK_THROWS_AS(reader.write(data{"x"}, handler), std::system_error);
    CHECK_THROWS_AS(writer.read(1, handler), std::system_error);
    CHECK_THROWS_AS(reader.read(1, handler, -1), std::invalid_argument);
    CHECK_THROWS_AS(writer.write(data{"x"}, handler, -1), std::invalid_argument);
    CHECK_THROWS_AS(reader.read(1, gcd::io_handler{}), std::invalid_argument);
    CHECK_THROWS_AS(reader.barrier(std::function<void()>{}), std::invalid_argument);
    CHECK_THROWS_AS(reader.set_high_water(0), std::invalid_argument);
    CHECK_THROWS_AS(reader.set_interval(-1ns), std::invalid_argument);
    CHECK_NOTHROW(reader.set_low_water(0));
    CHECK(reader.fd() == ends.read.get());

    const io_channel owner = std::move(reader);
    CHECK_THROWS_AS(reader.read(1, handler), std::logic_error);
    CHECK_THROWS_AS(reader.barrier([] {}), std::logic_error);
    CHECK_THROWS_AS(reader.set_low_water(1), std::logic_error);
    CHECK_THROWS_AS(reader.close(), std::logic_error);
    CHECK_THROWS_AS(static_cast<void>(reader.fd()), std::logic_error);
}
