// SPDX-License-Identifier: MIT
/// @file
/// gcd::io_channel on each kind of descriptor, and what goes wrong with them.

#include <gcd/io_channel.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <gcd/queue.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

using gcd::data;
using gcd::io_channel;
using gcd::io_type;
using gcd_test::await;
using gcd_test::collect;
using gcd_test::non_blocking;
using gcd_test::pattern;
using gcd_test::temp_file;
using gcd_test::write_all;

namespace {

/// A terminal without line editing, from both ends.
struct terminal {
    gcd_test::fd master;
    gcd_test::fd slave;

    terminal() : master{::posix_openpt(O_RDWR | O_NOCTTY)} {
        if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) gcd_test::throw_errno("posix_openpt");
        slave = gcd_test::fd{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
        termios raw{};
        if (::tcgetattr(slave.get(), &raw) != 0) gcd_test::throw_errno("tcgetattr");
        ::cfmakeraw(&raw);
        ::tcsetattr(slave.get(), TCSANOW, &raw);
    }
};

} // namespace

// --- pipes ----------------------------------------------------------------------------------------------------------

TEST_CASE("a write of many regions to a small pipe comes out whole", "[io][pipe]") {
    gcd_test::pipe ends;
#ifdef __linux__
    REQUIRE(::fcntl(ends.write.get(), F_SETPIPE_SZ, 4096) >= 4096);
#endif
    data parts;
    std::string content;
    for (int i = 0; i != 300; ++i) {
        const std::string piece = std::to_string(i) + pattern(static_cast<std::size_t>(i * 7 % 401));
        parts = parts.concat(data{piece});
        content += piece;
    }
    collect write;
    {
        const io_channel channel{ends.write.get()};
        channel.write(parts, write.chunks());
        ends.write.close();
    }
    CHECK(gcd_test::read_all(ends.read.get()) == content);
    REQUIRE(write.wait());
    CHECK(write.error() == 0);
    CHECK(write.rest().empty());
}

TEST_CASE("what a writer is told of is the end of what it gave", "[io][pipe]") {
    gcd_test::pipe ends;
    const std::string content = pattern(300'000);
    const io_channel channel{ends.write.get()};
    channel.set_low_water(1);
    channel.set_high_water(10'000);
    ends.write.close();
    std::mutex lock;
    std::vector<std::string> rests;
    gcd_test::signal finished;
    channel.write(data{content}, [&](bool done, const data& rest, int) {
        const std::lock_guard hold{lock};
        rests.push_back(gcd_test::text(rest));
        if (done) finished.set();
    });
    channel.close();
    CHECK(gcd_test::read_all(ends.read.get()) == content);
    REQUIRE(finished.wait());
    const std::lock_guard hold{lock};
    std::size_t before = content.size();
    for (const std::string& rest : rests) {
        CHECK(rest.size() <= before);
        CHECK(before - rest.size() <= 10'000);
        CHECK(content.compare(content.size() - rest.size(), rest.size(), rest) == 0);
        before = rest.size();
    }
    CHECK(before == 0);
}

TEST_CASE("reads and writes on many pipes at once don't mix", "[io][pipe]") {
    struct lane {
        gcd_test::pipe ends;
        std::unique_ptr<io_channel> reader, writer;
        std::string content;
        collect read;
        std::array<collect, 4> writes;
    };
    std::array<lane, 20> lanes;
    const gcd::queue queue{"handlers"};
    unsigned char letter = 'a';
    for (lane& each : lanes) {
        each.reader = std::make_unique<io_channel>(each.ends.read.get(), io_type::stream, &queue);
        each.writer = std::make_unique<io_channel>(each.ends.write.get(), io_type::stream, &queue);
        each.ends.write.close();
        each.reader->read(io_channel::unlimited, each.read.chunks());
        each.content = std::string(100'000, static_cast<char>(letter++));
    }
    for (std::size_t turn = 0; turn != 4; ++turn)
        for (lane& each : lanes)
            each.writer->write(data{each.content.substr(turn * 25'000, 25'000)}, each.writes[turn].chunks());
    for (lane& each : lanes) {
        each.writer.reset();
        REQUIRE(each.read.wait());
        CHECK(each.read.bytes() == each.content);
        for (collect& write : each.writes) {
            REQUIRE(write.wait());
            CHECK(write.error() == 0);
        }
    }
}

#ifdef __linux__
TEST_CASE("on a serial queue handlers of reads come in the order of the reads", "[io][pipe]") {
    gcd_test::pipe ends;
    const gcd::queue queue{"handlers"};
    const std::string content = pattern(60'000);
    const io_channel channel{ends.read.get(), io_type::stream, &queue};
    channel.set_low_water(1);
    channel.set_high_water(1'000);
    std::string received;
    gcd_test::latch all{20};
    {
        const gcd::suspension pause = queue.suspended();
        for (int i = 0; i != 20; ++i)
            channel.read(3'000, [&](bool done, const data& chunk, int) {
                received += gcd_test::text(chunk);
                if (done) all.count_down();
            });
        write_all(ends.write.get(), content);
    }
    REQUIRE(all.wait());
    CHECK(received == content);
}

TEST_CASE("a handler that is behind holds the reading up, not the memory", "[io][pipe]") {
    const gcd_test::pipe ends;
    const gcd::queue queue{"behind"};
    const io_channel channel{ends.read.get(), io_type::stream, &queue};
    channel.set_low_water(1);
    REQUIRE(::fcntl(ends.write.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string piece = pattern(65'536);
    collect read;
    std::size_t written = 0;
    {
        const gcd::suspension pause = queue.suspended();
        channel.read(io_channel::unlimited, read.chunks());
        // Until the pipe stays full.
        int full = 0;
        REQUIRE(await([&] {
            const ssize_t put = ::write(ends.write.get(), piece.data(), piece.size());
            if (put > 0) written += static_cast<std::size_t>(put);
            full = put > 0 ? 0 : full + 1;
            return full == 50 || written > 64U * 1024 * 1024;
        }));
        CHECK(written < 8U * 1024 * 1024);
    }
    REQUIRE(await([&] {
        return read.sizes().size() > 1 && [&] {
            std::size_t all = 0;
            for (const std::size_t size : read.sizes()) all += size;
            return all == written;
        }();
    }));
    channel.close(true);
    REQUIRE(read.wait());
    CHECK(read.error() == ECANCELED);
}

TEST_CASE("a stop ends a read whose handler is behind", "[io][pipe]") {
    const gcd_test::fd zeros{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    const gcd::queue queue{"behind"};
    gcd_test::signal ended;
    const io_channel channel{zeros.get(), io_type::stream, nullptr, [&](int) { ended.set(); }};
    collect read;
    {
        const gcd::suspension pause = queue.suspended();
        channel.read(io_channel::unlimited, read.chunks(), 0, &queue);
        channel.close(true);
        CHECK_FALSE(ended.is_set());
    }
    REQUIRE(read.wait());
    CHECK(read.error() == ECANCELED);
    CHECK(ended.wait());
}
#endif

// --- sockets --------------------------------------------------------------------------------------------------------

#ifdef __linux__
TEST_CASE("a socket's flags are never touched", "[io][socket]") {
    gcd_test::socket_pair sockets;
    const int fd = sockets.first.get();
    gcd_test::signal ended;
    const std::string content = pattern(2'000'000);
    collect read, write;
    {
        const io_channel channel{fd, io_type::stream, nullptr, [&](int) { ended.set(); }};
        CHECK_FALSE(non_blocking(fd));
        channel.set_low_water(1);
        channel.read(io_channel::unlimited, read.chunks());
        channel.write(data{content}, write.chunks());
        // The write waits for room, the read for bytes, and neither blocks the other.
        REQUIRE(await([&] { return !write.sizes().empty(); }));
        write_all(sockets.second.get(), "in");
        CHECK(await([&] { return read.bytes() == "in"; }));
        CHECK_FALSE(write.is_done());
        CHECK_FALSE(non_blocking(fd));
    }
    std::string received;
    while (received.size() != content.size()) {
        std::array<char, 8192> chunk;
        const ssize_t got = ::read(sockets.second.get(), chunk.data(), chunk.size());
        REQUIRE(got > 0);
        received.append(chunk.data(), static_cast<std::size_t>(got));
    }
    CHECK(received == content);
    REQUIRE(write.wait());
    sockets.second.close();
    REQUIRE(read.wait());
    REQUIRE(ended.wait());
    CHECK_FALSE(non_blocking(fd));
}
#endif

TEST_CASE("one half of a socket ends without the other", "[io][socket]") {
    const gcd_test::socket_pair sockets;
    const io_channel channel{sockets.first.get()};
    collect read, write;
    channel.read(io_channel::unlimited, read.chunks());
    write_all(sockets.second.get(), "last words");
    REQUIRE(::shutdown(sockets.second.get(), SHUT_WR) == 0);
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes() == "last words");
    channel.write(data{"answer"}, write.chunks());
    REQUIRE(write.wait());
    CHECK(write.error() == 0);
    std::array<char, 6> answer{};
    REQUIRE(::read(sockets.second.get(), answer.data(), answer.size()) == 6);
    CHECK(std::string(answer.data(), answer.size()) == "answer");
}

TEST_CASE("a write to a socket whose peer is gone gives EPIPE", "[io][socket]") {
    gcd_test::socket_pair sockets;
    const io_channel channel{sockets.first.get()};
    channel.set_low_water(1);
    collect write, later;
    channel.write(data{std::string(10'000'000, 'x')}, write.chunks());
    REQUIRE(await([&] { return !write.sizes().empty(); }));
    sockets.second.close();
    REQUIRE(write.wait());
    CHECK((write.error() == EPIPE || write.error() == ECONNRESET));
    CHECK_FALSE(write.rest().empty());
    channel.write(data{"later"}, later.chunks());
    REQUIRE(later.wait());
    CHECK(later.error() == EPIPE);
    CHECK(later.rest() == "later");
}

// --- terminals ------------------------------------------------------------------------------------------------------

TEST_CASE("a terminal is read and written at once", "[io][terminal]") {
    const terminal ends;
    const int fd = ends.master.get();
    gcd_test::signal ended;
    const std::string content(30'000, 'o');
    collect read, write;
    {
        const io_channel channel{fd, io_type::stream, nullptr, [&](int) { ended.set(); }};
        CHECK(non_blocking(fd));
        channel.read(5, read.chunks());
        channel.write(data{content}, write.chunks());
    }
    std::string received;
    while (received.size() != content.size()) {
        std::array<char, 1024> chunk;
        const ssize_t got = ::read(ends.slave.get(), chunk.data(), chunk.size());
        REQUIRE(got > 0);
        received.append(chunk.data(), static_cast<std::size_t>(got));
    }
    CHECK(received == content);
    REQUIRE(write.wait());
    CHECK(write.error() == 0);
    write_all(ends.slave.get(), "typed");
    REQUIRE(read.wait());
    CHECK(read.bytes() == "typed");
    REQUIRE(ended.wait());
    CHECK_FALSE(non_blocking(fd));
}

TEST_CASE("a read from a terminal that hangs up ends", "[io][terminal]") {
    terminal ends;
    const io_channel channel{ends.master.get()};
    collect read;
    channel.read(100, read.chunks());
    write_all(ends.slave.get(), "bye");
    ends.slave.close();
    REQUIRE(read.wait());
    CHECK(read.bytes() == "bye");
    // Linux says EIO, others that it is the end of the file.
    CHECK((read.error() == 0 || read.error() == EIO));
}

// --- files ----------------------------------------------------------------------------------------------------------

TEST_CASE("stream writes to a file follow one another", "[io][file]") {
    const temp_file file{"head "};
    const auto fd = file.open(O_WRONLY | O_APPEND);
    const io_channel channel{fd.get()};
    std::string content = "head ";
    std::vector<std::unique_ptr<collect>> writes;
    for (int i = 0; i != 50; ++i) {
        const std::string piece = pattern(static_cast<std::size_t>(i * 100)) + std::to_string(i);
        content += piece;
        channel.write(data{piece}, writes.emplace_back(std::make_unique<collect>())->chunks());
    }
    for (const auto& write : writes) {
        REQUIRE(write->wait());
        CHECK(write->error() == 0);
    }
    CHECK(file.content() == content);
}

TEST_CASE("random reads and writes under way at once keep to their places", "[io][file]") {
    constexpr std::size_t places = 64, size = 20'000;
    const std::string content = pattern(places * size);
    const temp_file file{content};
    const auto fd = file.open();
    const gcd::queue queue{"handlers", {.concurrent = true}};
    gcd_test::signal ended;
    std::array<collect, places> operations;
    std::string expected = content;
    {
        const io_channel channel{fd.get(), io_type::random, &queue, [&](int) { ended.set(); }};
        for (std::size_t i = 0; i != places; ++i) {
            const auto offset = static_cast<std::int64_t>(i * size);
            if (i % 2 == 0) {
                channel.read(size, operations[i].chunks(), offset);
            } else {
                const std::string piece(size, static_cast<char>('A' + i % 26));
                expected.replace(i * size, size, piece);
                channel.write(data{piece}, operations[i].chunks(), offset);
            }
        }
    }
    REQUIRE(ended.wait());
    for (std::size_t i = 0; i != places; ++i) {
        REQUIRE(operations[i].is_done());
        CHECK(operations[i].error() == 0);
        CHECK(operations[i].ends() == 1);
        if (i % 2 == 0) CHECK(operations[i].bytes() == content.substr(i * size, size));
    }
    CHECK(file.content() == expected);
}

TEST_CASE("a stop ends random operations that wait for others", "[io][file]") {
    const std::string content = pattern(1'000'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const gcd::queue queue{"handlers"};
    gcd_test::signal ended;
    const io_channel channel{fd.get(), io_type::random, &queue, [&](int) { ended.set(); }};
    std::array<collect, 100> reads;
    {
        const gcd::suspension pause = queue.suspended();
        for (collect& read : reads) channel.read(io_channel::unlimited, read.chunks());
        channel.close(true);
    }
    REQUIRE(ended.wait());
    for (collect& read : reads) {
        REQUIRE(read.is_done());
        CHECK((read.error() == ECANCELED || read.error() == 0));
        CHECK(content.compare(0, read.bytes().size(), read.bytes()) == 0);
    }
}

TEST_CASE("a read past the end of a file is empty, and no error", "[io][file]") {
    const temp_file file{"short"};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get(), io_type::random};
    collect part, none;
    channel.read(100, part.chunks(), 3);
    channel.read(100, none.chunks(), 5);
    REQUIRE(part.wait());
    REQUIRE(none.wait());
    CHECK(part.bytes() == "rt");
    CHECK(part.error() == 0);
    CHECK(none.bytes().empty());
    CHECK(none.error() == 0);
}

TEST_CASE("a write beyond the largest file gives the rest and the error", "[io][file]") {
    const temp_file file;
    const auto fd = file.open();
    const io_channel channel{fd.get(), io_type::random};
    collect write;
    channel.write(data{"too far"}, write.chunks(), std::numeric_limits<std::int64_t>::max() - 3);
    REQUIRE(write.wait());
    CHECK(write.error() != 0);
    CHECK(write.rest() == "too far");
    CHECK(write.ends() == 1);
    CHECK(file.content().empty());
}

#ifdef __linux__
TEST_CASE("a full disk gives the rest and ENOSPC, and I/O goes on", "[io][file]") {
    const gcd_test::fd full{::open("/dev/full", O_RDWR | O_CLOEXEC)};
    const io_channel channel{full.get()};
    collect write, again, read;
    channel.write(data{"no room"}, write.chunks());
    channel.write(data{"none"}, again.chunks());
    channel.read(100, read.chunks());
    REQUIRE(write.wait());
    REQUIRE(again.wait());
    REQUIRE(read.wait());
    CHECK(write.error() == ENOSPC);
    CHECK(write.rest() == "no room");
    CHECK(again.error() == ENOSPC);
    CHECK(read.error() == 0);
    CHECK(read.bytes() == std::string(100, '\0'));
    gcd_test::signal told;
    std::atomic<int> error = 0;
    gcd::write_async(full.get(), data{"no room"}, gcd::queue::global_queue(), [&](const data&, int code) {
        error = code;
        told.set();
    });
    REQUIRE(told.wait());
    CHECK(error == ENOSPC);
}

TEST_CASE("what can't be waited for is read and written all the same", "[io][file]") {
    const gcd_test::fd zeros{::open("/dev/zero", O_RDWR | O_CLOEXEC)};
    const gcd_test::fd nothing{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    const io_channel endless{zeros.get()};
    const io_channel empty{nothing.get()};
    collect zero, none, write;
    endless.read(300'000, zero.chunks());
    empty.read(100, none.chunks());
    empty.write(data{std::string(300'000, 'x')}, write.chunks());
    REQUIRE(zero.wait());
    REQUIRE(none.wait());
    REQUIRE(write.wait());
    CHECK(zero.bytes() == std::string(300'000, '\0'));
    CHECK(none.bytes().empty());
    CHECK(none.error() == 0);
    CHECK(write.error() == 0);
}
#endif
