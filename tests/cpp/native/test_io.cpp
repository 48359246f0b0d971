// SPDX-License-Identifier: MIT
/// @file
/// Input, output and data of the native engine, where the system is made to fail, and in the child of a fork.

#include <gcd/io_channel.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <gcd/detail/posix/sys.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>

using gcd::data;
using gcd::io_channel;
using gcd::io_type;
using gcd_test::collect;
using gcd_test::pattern;
using gcd_test::temp_file;

namespace {

/// Asked at each system call of the library, while it lives.
struct fault {
    explicit fault(gcd::detail::sys::fault hook) { gcd::detail::sys::fault_hook = hook; }
    fault(const fault&) = delete;
    fault& operator=(const fault&) = delete;
    ~fault() { gcd::detail::sys::fault_hook = nullptr; }
};

bool moves_bytes(std::string_view call) {
    return call == "read" || call == "pread" || call == "writev" || call == "pwritev" || call == "recv" ||
           call == "sendmsg";
}

std::atomic<int> calls = 0;

} // namespace

TEST_CASE("I/O goes on where signals interrupt it", "[io][fault]") {
    calls = 0;
    const fault interrupted{+[](const char* call) { return moves_bytes(call) && ++calls % 3 != 0 ? EINTR : 0; }};
    const std::string content = pattern(700'000);
    const temp_file file{content};
    const auto fd = file.open();
    gcd_test::pipe ends;
    gcd_test::socket_pair sockets;
    collect stream, random, piped, sent, received, patched, written;
    const io_channel from_file{fd.get()};
    const io_channel at_places{fd.get(), io_type::random};
    from_file.read(io_channel::unlimited, stream.chunks());
    REQUIRE(stream.wait());
    at_places.read(1'000, random.chunks(), 0);
    at_places.write(data{"patch"}, patched.chunks(), 5);
    {
        const io_channel reader{ends.read.get()};
        const io_channel writer{ends.write.get()};
        ends.write.close();
        reader.read(io_channel::unlimited, piped.chunks());
        writer.write(data{content}, written.chunks());
    }
    {
        const io_channel here{sockets.first.get()};
        const io_channel there{sockets.second.get()};
        there.read(content.size(), received.chunks());
        here.write(data{content}, sent.chunks());
    }
    for (collect* each : {&random, &piped, &sent, &received, &patched, &written}) {
        REQUIRE(each->wait());
        CHECK(each->error() == 0);
    }
    CHECK(stream.bytes() == content);
    CHECK(piped.bytes() == content);
    CHECK(received.bytes() == content);
    CHECK(file.content().substr(0, 12) == content.substr(0, 5) + "patch" + content.substr(10, 2));
}

TEST_CASE("a read that fails gives what was read before, and the next one goes on", "[io][fault]") {
    calls = 0;
    const std::string content = pattern(1'000'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const io_channel channel{fd.get()};
    collect broken, rest;
    {
        const fault failing{
            +[](const char* call) { return std::string_view{call} == "read" && ++calls == 4 ? EIO : 0; }};
        channel.read(io_channel::unlimited, broken.chunks());
        REQUIRE(broken.wait());
    }
    channel.read(io_channel::unlimited, rest.chunks());
    REQUIRE(rest.wait());
    CHECK(broken.error() == EIO);
    CHECK(broken.rest().empty());
    CHECK_FALSE(broken.bytes().empty());
    CHECK(rest.error() == 0);
    CHECK(broken.bytes() + rest.bytes() == content);
}

TEST_CASE("a write that fails gives what wasn't written", "[io][fault]") {
    calls = 0;
    const std::string content = pattern(2'000'000);
    const temp_file file;
    const auto fd = file.open();
    const io_channel channel{fd.get()};
    collect write;
    const fault failing{+[](const char* call) { return std::string_view{call} == "writev" && ++calls == 3 ? EIO : 0; }};
    channel.write(data{content}, write.chunks());
    REQUIRE(write.wait());
    CHECK(write.error() == EIO);
    CHECK(file.content() + write.rest() == content);
}

TEST_CASE("what can't be waited for because the system has no room ends with its error", "[io][fault]") {
    gcd_test::pipe ends;
    collect read;
    const fault failing{+[](const char* call) { return std::string_view{call} == "epoll_ctl" ? ENOSPC : 0; }};
    {
        const io_channel channel{ends.read.get()};
        channel.read(10, read.chunks());
        REQUIRE(read.wait());
    }
    CHECK(read.error() == ENOSPC);
}

TEST_CASE("what was read stays as it was while more is read", "[io]") {
    const std::string content = pattern(8'000'000);
    const temp_file file{content};
    const auto fd = file.open(O_RDONLY);
    const gcd::queue queue{"handlers"};
    const io_channel channel{fd.get(), io_type::stream, &queue};
    std::vector<data> kept;
    gcd_test::signal finished;
    channel.set_high_water(100'000);
    channel.read(io_channel::unlimited, [&](bool done, const data& chunk, int) {
        kept.push_back(chunk.retain());
        if (done) finished.set();
    });
    REQUIRE(finished.wait());
    // Every other one goes, and its memory is used again.
    std::vector<data> half;
    for (std::size_t i = 0; i < kept.size(); i += 2) half.push_back(kept[i].retain());
    std::vector<std::string> before;
    for (const data& each : half) before.push_back(gcd_test::text(each));
    kept.clear();
    collect again;
    channel.close();
    const auto other = file.open(O_RDONLY);
    const io_channel second{other.get()};
    second.read(io_channel::unlimited, again.chunks());
    REQUIRE(again.wait());
    CHECK(again.bytes() == content);
    bool same = true;
    for (std::size_t i = 0; i != half.size(); ++i) same = same && gcd_test::text(half[i]) == before[i];
    CHECK(same);
}

TEST_CASE("data goes on in the child of a fork", "[data][fork]") {
    const data before = data{"made "}.concat(data{"in the parent"});
    CHECK(gcd_test::holds_in_child([&] {
        const data longer = before.concat(data{", read in the child"}).subrange(5, 24);
        return gcd_test::text(longer) == "in the parent, read in t";
    }));
}
