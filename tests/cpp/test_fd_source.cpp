// SPDX-License-Identifier: MIT
/// @file
/// Read and write sources: level-triggered, also at the end of a file and on what is always ready.

#include "await.hpp"
#include "catch.hpp"
#include "sources.hpp"
#include "temp.hpp"

#include <gcd/fd_source.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd::read_event;
using gcd::write_event;
using gcd_test::await;
using gcd_test::drain;
using gcd_test::pass;
using reader = gcd_test::ended<gcd::read_source>;
using writer = gcd_test::ended<gcd::write_source>;

namespace {

void make_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// Fills what the system buffers; gives the number of bytes.
std::size_t fill(int fd) {
    make_non_blocking(fd);
    const std::string block(4096, 'x');
    std::size_t written = 0;
    for (;;) {
        const ssize_t count = ::write(fd, block.data(), block.size());
        if (count > 0)
            written += static_cast<std::size_t>(count);
        else if (errno != EINTR)
            return written;
    }
}

} // namespace

TEST_CASE("a read source tells how much there is, and repeats until it is read", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    std::vector<std::uint64_t> told;
    std::string got;
    const int from = ends.read.get();
    const reader source{read_event{from}, queue, [&](read_event::data data) {
                            char byte = 0;
                            told.push_back(data.bytes_available);
                            if (::read(from, &byte, 1) == 1) got += byte;
                        }};
    CHECK(source->handle() == from);
    CHECK(source->data().bytes_available == 0);
    source->start();
    gcd_test::write_all(ends.write.get(), "hello");
    REQUIRE(await([&] { return queue.run_sync([&] { return got.size() == 5; }); }));
    queue.run_sync([&] {
        CHECK(got == "hello");
        CHECK(told.size() == 5);
        CHECK(told.back() == 1);
        CHECK(source->data().bytes_available == 1);
    });
}

TEST_CASE("a pipe whose writer is gone is read to its end, a byte at a time", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    const int from = ends.read.get();
    const std::string text(500, 'p');
    gcd_test::write_all(ends.write.get(), text);
    ends.write.close();
    std::string got;
    std::uint64_t last = 99;
    gcd_test::signal end;
    std::unique_ptr<reader> source;
    source = std::make_unique<reader>(read_event{from}, queue, [&](read_event::data data) {
        char byte = 0;
        const ssize_t count = ::read(from, &byte, 1);
        if (count == 1) {
            got += byte;
            return;
        }
        last = data.bytes_available;
        (*source)->cancel();
        end.set();
    });
    (*source)->start();
    REQUIRE(end.wait());
    CHECK(got == text);
    CHECK(last == 0);
}

TEST_CASE("the end of a pipe is told again and again until the source is cancelled", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    std::atomic<int> runs{0};
    const reader source{read_event{ends.read.get()}, queue, [&](read_event::data data) {
                            if (data.bytes_available == 0) ++runs;
                        }};
    source->start();
    ends.write.close();
    CHECK(await([&] { return runs >= 5; }));
}

TEST_CASE("a half-closed socket is readable at its end, and still writable", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::socket_pair ends;
    gcd_test::write_all(ends.second.get(), "ab");
    ::shutdown(ends.second.get(), SHUT_WR);
    const int fd = ends.first.get();
    std::string got;
    gcd_test::signal end;
    gcd_test::signal room;
    const reader source{read_event{fd}, queue, [&] {
                            char byte = 0;
                            if (::read(fd, &byte, 1) == 1)
                                got += byte;
                            else
                                end.set();
                        }};
    const writer sink{write_event{fd}, queue, [&] { room.set(); }};
    source->start();
    sink->start();
    REQUIRE(end.wait());
    CHECK(room.wait());
    source->cancel_and_wait();
    CHECK(got == "ab");
}

TEST_CASE("a write source tells the room there is", "[fd]") {
    const gcd::queue queue{"fd"};
    SECTION("in a pipe") {
        gcd_test::pipe ends;
        std::atomic<std::uint64_t> room{0};
        const writer sink{write_event{ends.write.get()}, queue,
                          [&](write_event::data data) { room = data.buffer_space; }};
        CHECK(sink->data().buffer_space == 0);
        sink->start();
        REQUIRE(await([&] { return room > 0; }));
#if defined(__linux__)
        const auto whole = static_cast<std::uint64_t>(::fcntl(ends.write.get(), F_GETPIPE_SZ));
        CHECK(room == whole);
        gcd_test::write_all(ends.write.get(), std::string(1000, 'x'));
        CHECK(await([&] { return room == whole - 1000; }));
#endif
    }
    SECTION("in a socket") {
        gcd_test::socket_pair ends;
        std::atomic<std::uint64_t> room{0};
        const writer sink{write_event{ends.first.get()}, queue,
                          [&](write_event::data data) { room = data.buffer_space; }};
        sink->start();
        REQUIRE(await([&] { return room > 0; }));
        const std::uint64_t idle = room;
        gcd_test::write_all(ends.first.get(), std::string(1000, 'x'));
        CHECK(await([&] { return room < idle; }));
        CHECK(room > 0);
    }
    SECTION("in a file") {
        const gcd_test::temp_file file;
        const gcd_test::fd fd = file.open();
        std::atomic<std::uint64_t> room{0};
        const writer sink{write_event{fd.get()}, queue, [&](write_event::data data) { room = data.buffer_space; }};
        sink->start();
        CHECK(await([&] { return room > 0; }));
    }
}

TEST_CASE("a write source waits for room", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    const std::size_t full = fill(ends.write.get());
    std::atomic<int> runs{0};
    const writer sink{write_event{ends.write.get()}, queue, [&] { ++runs; }};
    sink->start();
    REQUIRE(pass(10ms));
    CHECK(runs == 0);
    std::vector<char> taken(full);
    REQUIRE(::read(ends.read.get(), taken.data(), taken.size()) > 0);
    CHECK(await([&] { return runs > 0; }));
}

TEST_CASE("a write source whose reader is gone is ready", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    static_cast<void>(fill(ends.write.get()));
    std::atomic<int> runs{0};
    const writer sink{write_event{ends.write.get()}, queue, [&] { ++runs; }};
    sink->start();
    ends.read.close();
    CHECK(await([&] { return runs > 0; }));
}

TEST_CASE("a regular file is always ready", "[fd]") {
    const gcd::queue queue{"fd"};
    const gcd_test::temp_file file{"0123456789"};
    const gcd_test::fd fd = file.open(O_RDONLY);
    std::vector<std::uint64_t> told;
    std::string got;
    const reader source{read_event{fd.get()}, queue, [&](read_event::data data) {
                            char bytes[4];
                            const ssize_t count = ::read(fd.get(), bytes, sizeof(bytes));
                            if (told.size() < 10) told.push_back(data.bytes_available);
                            if (count > 0) got.append(bytes, static_cast<std::size_t>(count));
                        }};
    source->start();
    REQUIRE(await([&] { return queue.run_sync([&] { return got.size() == 10; }); }));
#if defined(__linux__)
    REQUIRE(await([&] { return queue.run_sync([&] { return told.size() >= 5; }); }));
    queue.run_sync([&] {
        const std::vector<std::uint64_t> first(told.begin(), told.begin() + 5);
        CHECK(first == std::vector<std::uint64_t>{10, 6, 2, 0, 0});
    });
#endif
}

#if defined(__linux__)
TEST_CASE("what the system can't wait for is always ready", "[fd]") {
    const gcd::queue queue{"fd"};
    const char* path = GENERATE("/dev/null", "/");
    const gcd_test::fd fd{::open(path, O_RDONLY | O_CLOEXEC)};
    REQUIRE(fd.get() >= 0);
    std::atomic<int> runs{0};
    const reader source{read_event{fd.get()}, queue, [&] { ++runs; }};
    source->start();
    CHECK(await([&] { return runs >= 3; }));
}

TEST_CASE("a suspended source leaves what comes for later", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    std::atomic<std::uint64_t> told{0};
    const reader source{read_event{ends.read.get()}, queue,
                        [&](read_event::data data) { told = data.bytes_available; }};
    source->start();
    source->suspend();
    gcd_test::write_all(ends.write.get(), "abc");
    REQUIRE(pass(10ms));
    CHECK(told == 0);
    source->resume();
    CHECK(await([&] { return told == 3; }));
}

TEST_CASE("a handler is not called for what somebody else has read", "[fd]") {
    const gcd::queue queue{"fd"};
    gcd_test::pipe ends;
    std::atomic<int> runs{0};
    const reader source{read_event{ends.read.get()}, queue, [&] { ++runs; }};
    source->start();
    queue.suspend();
    gcd_test::write_all(ends.write.get(), "abc");
    REQUIRE(pass(10ms));
    char bytes[3];
    REQUIRE(::read(ends.read.get(), bytes, sizeof(bytes)) == 3);
    queue.resume();
    REQUIRE(pass(10ms));
    CHECK(runs == 0);
}
#endif

TEST_CASE("a descriptor that is not open is refused", "[fd]") {
    const gcd::queue queue{"fd"};
    CHECK_THROWS_AS((gcd::read_source{read_event{-1}, queue, [] {}}), std::invalid_argument);
    CHECK_THROWS_AS((gcd::write_source{write_event{-1}, queue, [] {}}), std::invalid_argument);
    gcd_test::pipe ends;
    const int closed = ends.read.get();
    ends.read.close();
    const reader source{read_event{closed}, queue, [] {}};
    const writer sink{write_event{closed}, queue, [] {}};
    const auto code_of = [](const auto& refused) {
        try {
            refused->start();
        } catch (const std::system_error& error) {
            return error.code().value();
        }
        return 0;
    };
    CHECK(code_of(source) == EBADF);
    CHECK(code_of(sink) == EBADF);
    // Nothing was started: it works once there is something to watch.
    REQUIRE(::dup2(ends.write.get(), closed) == closed);
    sink->start();
    CHECK(await([&] { return sink->data().buffer_space > 0; }));
    sink->cancel();
    ::close(closed);
}

TEST_CASE("a descriptor may be closed right after cancel, and its number used again", "[fd]") {
    const gcd::queue queue{"fd"};
    int number = -1;
    int reused = 0;
    for (int round = 0; round < 1000; ++round) {
        gcd_test::pipe ends;
        if (ends.read.get() == number) ++reused;
        number = ends.read.get();
        gcd_test::signal ready;
        const reader source{read_event{number}, queue, [&] { ready.set(); }};
        source->start();
        gcd_test::write_all(ends.write.get(), "x");
        REQUIRE(ready.wait());
        source->cancel();
        ends.read.close();
    }
    CHECK(reused > 900);
}

TEST_CASE("a source on a number that is used again hears nothing of the former descriptor", "[fd]") {
    const gcd::queue queue{"fd"};
    const gcd::queue held{"held"};
    std::atomic<int> former_runs{0};
    gcd_test::pipe first, second;
    gcd_test::write_all(first.write.get(), "x");
    const int number = first.read.get();
    // Its queue is busy, so that libdispatch can't finish the cancellation before the number is used again.
    held.suspend();
    const reader former{read_event{number}, held, [&] { ++former_runs; }};
    former->start();
    former->cancel();
    // Closes the former; `first` owns the number as before.
    REQUIRE(::dup2(second.read.get(), number) == number);
    gcd_test::signal ready;
    const reader source{read_event{number}, queue, [&] { ready.set(); }};
    source->start();
    REQUIRE(pass(10ms));
    CHECK_FALSE(ready.is_set());
    gcd_test::write_all(second.write.get(), "y");
    CHECK(ready.wait());
    held.resume();
    drain(held);
    source->cancel_and_wait();
    CHECK(former_runs == 0);
}

TEST_CASE("reading and writing the same socket are watched side by side", "[fd]") {
    const gcd::queue queue{"fd", {.concurrent = true}};
    gcd_test::socket_pair ends;
    make_non_blocking(ends.first.get());
    const std::size_t wanted = 1 << 20;
    std::size_t sent = 0;
    std::size_t received = 0;
    gcd_test::signal all;
    const std::string block(10'000, 'z');
    std::unique_ptr<writer> sink;
    sink = std::make_unique<writer>(write_event{ends.first.get()}, queue, [&] {
        const ssize_t count = ::write(ends.first.get(), block.data(), block.size());
        if (count > 0) sent += static_cast<std::size_t>(count);
        if (sent >= wanted) (*sink)->cancel();
    });
    const reader source{read_event{ends.second.get()}, queue, [&](read_event::data data) {
                            std::vector<char> into(data.bytes_available + 1);
                            const ssize_t count = ::recv(ends.second.get(), into.data(), into.size(), MSG_DONTWAIT);
                            if (count > 0) received += static_cast<std::size_t>(count);
                            if (received >= wanted) all.set();
                        }};
    source->start();
    (*sink)->start();
    CHECK(all.wait());
}
