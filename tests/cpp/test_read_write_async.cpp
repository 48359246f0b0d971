// SPDX-License-Identifier: MIT
/// @file
/// Single reads and writes: when they complete, what they give, and what becomes of the descriptor.

#include <gcd/io_channel.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <gcd/queue.hpp>
#include <gcd/workloop.hpp>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

using gcd_test::collect;
using gcd_test::latch;
using gcd_test::non_blocking;
using gcd_test::pattern;
using gcd_test::socket_pair;
using gcd_test::temp_dir;
using gcd_test::temp_file;
using gcd_test::write_all;

TEST_CASE("read_async reads a file up to the length or its end", "[io][once]") {
    const std::string content = pattern(3'000'000);
    const temp_file file{content};
    const gcd::queue queue{"read"};
    const auto fd = file.open(O_RDONLY);
    collect part;
    gcd::read_async(fd.get(), 1000, queue, part.once());
    REQUIRE(part.wait());
    CHECK(part.bytes() == content.substr(0, 1000));
    collect rest;
    gcd::read_async(fd.get(), gcd::io_channel::unlimited, queue, rest.once());
    REQUIRE(rest.wait());
    CHECK(rest.error() == 0);
    CHECK(rest.bytes() == content.substr(1000));
    collect none;
    gcd::read_async(fd.get(), 10, queue, none.once());
    REQUIRE(none.wait());
    CHECK(none.error() == 0);
    CHECK(none.bytes().empty());
}

TEST_CASE("read_async waits for the first byte, then takes what there is", "[io][once]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"read"};
    collect read;
    gcd::read_async(ends.read.get(), 100, queue, read.once());
    // The queue isn't held up by the wait, nor is anything read yet.
    queue.run_sync([] {});
    CHECK_FALSE(read.is_done());
    write_all(ends.write.get(), "hello");
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes() == "hello");
    CHECK(read.ends() == 1);
}

TEST_CASE("read_async ends at the end of file", "[io][once]") {
    gcd_test::pipe ends;
    const gcd::queue queue{"read"};
    collect read;
    gcd::read_async(ends.read.get(), 100, queue, read.once());
    ends.write.close();
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes().empty());
}

TEST_CASE("read_async of nothing completes at once", "[io][once]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"read"};
    collect read;
    gcd::read_async(ends.read.get(), 0, queue, read.once());
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
}

TEST_CASE("single handlers run on their queue", "[io][once]") {
    const gcd_test::pipe ends;
    const gcd::queue target{"target"};
    const gcd::queue queue{"handler", {.target = &target}};
    latch both{2};
    std::atomic<int> on_queue = 0;
    const auto handler = [&](const gcd::data&, int) {
        if (queue.is_current() && target.is_current()) ++on_queue;
        both.count_down();
    };
    gcd::write_async(ends.write.get(), gcd::data{"x"}, queue, handler);
    gcd::read_async(ends.read.get(), 1, queue, handler);
    REQUIRE(both.wait());
    CHECK(on_queue == 2);
}

TEST_CASE("write_async writes all, however much the pipe holds at a time", "[io][once]") {
    gcd_test::pipe ends;
    const gcd::queue queue{"write"};
    const std::string content = pattern(1'000'000);
    collect write;
    gcd::write_async(ends.write.get(), gcd::data{content}, queue, write.once());
    queue.run_sync([] {});
    CHECK_FALSE(write.is_done());
    // The caller's end may go at once: the end of file comes when all is written.
    ends.write.close();
    CHECK(gcd_test::read_all(ends.read.get()) == content);
    REQUIRE(write.wait());
    CHECK(write.error() == 0);
    CHECK(write.bytes().empty());
}

TEST_CASE("write_async writes many regions to a file", "[io][once]") {
    const temp_file file;
    const gcd::queue queue{"write"};
    gcd::data parts;
    std::string content;
    for (int i = 0; i != 100; ++i) {
        parts = parts.concat(gcd::data{std::to_string(i)});
        content += std::to_string(i);
    }
    const auto fd = file.open();
    collect write;
    gcd::write_async(fd.get(), parts, queue, write.once());
    REQUIRE(write.wait());
    CHECK(write.error() == 0);
    CHECK(file.content() == content);
}

TEST_CASE("write_async of no bytes completes without an error", "[io][once]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"write"};
    collect write;
    gcd::write_async(ends.write.get(), gcd::data{}, queue, write.once());
    REQUIRE(write.wait());
    CHECK(write.error() == 0);
}

TEST_CASE("write_async to a closed pipe gives the rest and EPIPE", "[io][once]") {
    gcd_test::pipe ends;
    const gcd::queue queue{"write"};
    ends.read.close();
    collect write;
    gcd::write_async(ends.write.get(), gcd::data{"lost"}, queue, write.once());
    REQUIRE(write.wait());
    CHECK(write.error() == EPIPE);
    CHECK(write.rest() == "lost");
}

TEST_CASE("write_async that waits for room in a pipe ends when its reader goes", "[io][once]") {
    gcd_test::pipe ends;
    const gcd::queue queue{"write"};
    collect write;
    gcd::write_async(ends.write.get(), gcd::data{std::string(1'000'000, 'x')}, queue, write.once());
    char first = 0;
    REQUIRE(::read(ends.read.get(), &first, 1) == 1);
    ends.read.close();
    REQUIRE(write.wait());
    CHECK(write.error() == EPIPE);
    CHECK_FALSE(write.rest().empty());
}

TEST_CASE("a broken pipe leaves the program's own SIGPIPE handler in place", "[io][once]") {
    static std::atomic<int> seen = 0;
    struct sigaction own{};
    own.sa_handler = +[](int) { ++seen; };
    struct sigaction former{};
    REQUIRE(::sigaction(SIGPIPE, &own, &former) == 0);
    gcd_test::pipe ends;
    const gcd::queue queue{"write"};
    ends.read.close();
    collect write;
    gcd::write_async(ends.write.get(), gcd::data{"lost"}, queue, write.once());
    REQUIRE(write.wait());
    struct sigaction present{};
    REQUIRE(::sigaction(SIGPIPE, &former, &present) == 0);
    CHECK(present.sa_handler == own.sa_handler);
}

TEST_CASE("descriptors that can't be used are refused at the call", "[io][once]") {
    const gcd::queue queue{"refuse"};
    const auto alive = std::make_shared<int>(1);
    const auto handler = [alive](const gcd::data&, int) {};
    CHECK_THROWS_AS(gcd::read_async(-1, 1, queue, handler), std::invalid_argument);
    CHECK_THROWS_AS(gcd::write_async(-1, gcd::data{"x"}, queue, handler), std::invalid_argument);
    gcd_test::pipe ends;
    const int closed = ::fcntl(ends.read.get(), F_DUPFD, 500);
    ::close(closed);
    CHECK_THROWS_AS(gcd::read_async(closed, 1, queue, handler), std::system_error);
    CHECK_THROWS_AS(gcd::write_async(closed, gcd::data{"x"}, queue, handler), std::system_error);
    CHECK_THROWS_AS(gcd::read_async(ends.write.get(), 1, queue, handler), std::system_error);
    CHECK_THROWS_AS(gcd::write_async(ends.read.get(), gcd::data{"x"}, queue, handler), std::system_error);
    const temp_dir dir;
    const gcd_test::fd directory{::open(dir.path().c_str(), O_RDONLY | O_CLOEXEC)};
    CHECK_THROWS_AS(gcd::read_async(directory.get(), 1, queue, handler), std::system_error);
    CHECK_FALSE(non_blocking(ends.read.get()));
    CHECK_FALSE(non_blocking(ends.write.get()));

    gcd::queue moved{"moved"};
    const gcd::queue taken = std::move(moved);
    CHECK_THROWS_AS(gcd::read_async(ends.read.get(), 1, moved, handler), std::logic_error);
    const gcd::workloop inactive{"inactive", {.inactive = true}};
    CHECK_THROWS_AS(gcd::read_async(ends.read.get(), 1, inactive, handler), std::logic_error);
    CHECK(alive.use_count() == 2);
}

TEST_CASE("both ways of a socket at once leave its flags as they were", "[io][once]") {
    const socket_pair sockets;
    const gcd::queue queue{"duplex"};
    const int fd = sockets.first.get();
    collect read, write, second;
    gcd::read_async(fd, 100, queue, read.once());
    gcd::write_async(fd, gcd::data{"out"}, queue, write.once());
    REQUIRE(write.wait());
    // The read is still under way and must not have become a blocking one.
    CHECK_FALSE(read.is_done());
    write_all(sockets.second.get(), "in");
    REQUIRE(read.wait());
    CHECK(read.bytes() == "in");
    CHECK_FALSE(non_blocking(fd));

    REQUIRE(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
    gcd::write_async(fd, gcd::data{"out"}, queue, second.once());
    REQUIRE(second.wait());
    CHECK(non_blocking(fd));
}

TEST_CASE("two single reads of a pipe share the flag until the last ends", "[io][once]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"reads"};
    const int fd = ends.read.get();
    collect first, second;
    gcd::read_async(fd, 1, queue, first.once());
    gcd::read_async(fd, 1, queue, second.once());
    write_all(ends.write.get(), "a");
    REQUIRE(gcd_test::await([&] { return first.is_done() || second.is_done(); }));
    CHECK(non_blocking(fd));
    write_all(ends.write.get(), "b");
    REQUIRE(first.wait());
    REQUIRE(second.wait());
    CHECK_FALSE(non_blocking(fd));
}

TEST_CASE("the number of a descriptor may be reused as soon as read_async has returned", "[io][once]") {
    gcd_test::pipe ends, other;
    const gcd::queue queue{"reuse"};
    collect read;
    const int number = ends.read.get();
    gcd::read_async(number, 100, queue, read.once());
    REQUIRE(::dup2(other.read.get(), number) == number);
    write_all(other.write.get(), "wrong");
    write_all(ends.write.get(), "right");
    REQUIRE(read.wait());
    CHECK(read.bytes() == "right");
    CHECK_FALSE(non_blocking(number));
}

TEST_CASE("a suspended queue doesn't keep the descriptor from its reader", "[io][once]") {
    gcd_test::pipe ends;
    const gcd::queue queue{"suspended"};
    collect write;
    {
        const gcd::suspension pause = queue.suspended();
        gcd::write_async(ends.write.get(), gcd::data{"bytes"}, queue, write.once());
        ends.write.close();
        CHECK(gcd_test::read_all(ends.read.get()) == "bytes");
        CHECK_FALSE(write.is_done());
    }
    CHECK(write.wait());
}

TEST_CASE("what a single handler holds ends when it has run", "[io][once]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"ends"};
    auto alive = std::make_shared<int>(1);
    gcd_test::signal ran;
    gcd::write_async(ends.write.get(), gcd::data{"x"}, queue, [&ran, alive](const gcd::data&, int) { ran.set(); });
    REQUIRE(ran.wait());
    queue.run_sync([] {});
    CHECK(alive.use_count() == 1);
}

TEST_CASE("the handler may come after the queue's last handle", "[io][once]") {
    const gcd_test::pipe ends;
    collect read;
    {
        const gcd::queue queue{"dropped"};
        queue.suspend();
        gcd::read_async(ends.read.get(), 10, queue, read.once());
    }
    write_all(ends.write.get(), "late");
    REQUIRE(read.wait());
    CHECK(read.bytes() == "late");
}
