// SPDX-License-Identifier: MIT
/// @file
/// Closing gcd::io_channel: with and without a stop, by the end of the last handle, and what comes last.

#include <gcd/io_channel.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "collect.hpp"
#include "counted.hpp"
#include "temp.hpp"

#include <gcd/queue.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace std::chrono_literals;
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

/// Counts the calls of a cleanup handler.
struct cleanup {
    gcd_test::signal ran;
    std::atomic<int> calls = 0;
    std::atomic<int> error = -1;

    auto handler() {
        return [this](int code) {
            error = code;
            ++calls;
            ran.set();
        };
    }
};

} // namespace

TEST_CASE("close lets what is under way go on", "[io][close]") {
    const gcd_test::pipe ends;
    cleanup end;
    const io_channel channel{ends.read.get(), io_type::stream, nullptr, end.handler()};
    collect read;
    channel.read(3, read.chunks());
    channel.close();
    CHECK(channel.is_closed());
    CHECK_FALSE(end.ran.is_set());
    write_all(ends.write.get(), "abc");
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes() == "abc");
    REQUIRE(end.ran.wait());
    CHECK(end.error == 0);
}

TEST_CASE("close with stop ends what is under way", "[io][close]") {
    const gcd_test::socket_pair sockets;
    cleanup end;
    const io_channel channel{sockets.first.get(), io_type::stream, nullptr, end.handler()};
    const std::string content = pattern(10'000'000);
    collect read, next, write;
    channel.read(100, read.chunks());
    channel.read(100, next.chunks());
    channel.write(data{content}, write.chunks());
    channel.close(true);
    for (collect* operation : {&read, &next, &write}) {
        REQUIRE(operation->wait());
        CHECK(operation->error() == ECANCELED);
        CHECK(operation->ends() == 1);
        CHECK(operation->late() == 0);
    }
    CHECK(content.compare(content.size() - write.rest().size(), std::string::npos, write.rest()) == 0);
    REQUIRE(end.ran.wait());
    CHECK(end.error == 0);
}

TEST_CASE("a stop gives what was read so far", "[io][close]") {
    const gcd_test::pipe ends;
    const io_channel channel{ends.read.get()};
    collect read;
    channel.read(100, read.chunks());
    write_all(ends.write.get(), "abc");
    int left = 0;
    REQUIRE(await([&] { return ::ioctl(ends.read.get(), FIONREAD, &left) == 0 && left == 0; }));
    channel.close(true);
    REQUIRE(read.wait());
    CHECK(read.error() == ECANCELED);
    CHECK(read.bytes() == "abc");
}

TEST_CASE("a stop after a close still stops", "[io][close]") {
    const gcd_test::pipe ends;
    cleanup end;
    const io_channel channel{ends.read.get(), io_type::stream, nullptr, end.handler()};
    collect read;
    channel.read(100, read.chunks());
    channel.close();
    std::this_thread::yield();
    channel.close(true);
    channel.close(true);
    channel.close();
    REQUIRE(read.wait());
    CHECK(read.error() == ECANCELED);
    REQUIRE(end.ran.wait());
    CHECK(end.calls == 1);
}

TEST_CASE("a stop reaches past a barrier", "[io][close]") {
    const gcd_test::pipe ends;
    cleanup end;
    const io_channel channel{ends.read.get(), io_type::stream, nullptr, end.handler()};
    collect first, second;
    std::atomic<bool> after_first = false;
    channel.read(100, first.chunks());
    channel.barrier([&] { after_first = first.is_done(); });
    channel.read(100, second.chunks());
    channel.close();
    channel.close(true);
    REQUIRE(first.wait());
    REQUIRE(second.wait());
    CHECK(first.error() == ECANCELED);
    CHECK(second.error() == ECANCELED);
    REQUIRE(end.ran.wait());
    CHECK(after_first);
}

TEST_CASE("a stop reaches past a barrier in the other direction too", "[io][close]") {
    const gcd_test::socket_pair sockets;
    cleanup end;
    const io_channel channel{sockets.first.get(), io_type::stream, nullptr, end.handler()};
    collect read, written;
    channel.read(100, read.chunks());
    channel.barrier([] {});
    // Far more than the socket takes, and nobody reads.
    channel.write(data{gcd_test::pattern(10'000'000)}, written.chunks());
    channel.close(true);
    REQUIRE(read.wait());
    REQUIRE(written.wait());
    CHECK(read.error() == ECANCELED);
    CHECK(written.error() == ECANCELED);
    CHECK(written.rest().size() == 10'000'000);
    REQUIRE(end.ran.wait());
}

TEST_CASE("a stop reaches what waits for a barrier that runs", "[io][close]") {
    const gcd_test::pipe ends;
    cleanup end;
    gcd_test::signal inside, go_on;
    collect read;
    const io_channel channel{ends.read.get(), io_type::stream, nullptr, end.handler()};
    channel.barrier([&] {
        inside.set();
        static_cast<void>(go_on.wait());
    });
    channel.read(100, read.chunks());
    REQUIRE(inside.wait());
    channel.close(true);
    go_on.set();
    REQUIRE(read.wait());
    CHECK(read.error() == ECANCELED);
    REQUIRE(end.ran.wait());
}

TEST_CASE("a closed channel takes nothing more", "[io][close]") {
    const gcd_test::socket_pair sockets;
    gcd_test::live_count alive;
    const io_channel channel{sockets.first.get()};
    channel.close();
    const auto handler = [](bool, const data&, int) {};
    CHECK_THROWS_AS(channel.read(1, handler), std::logic_error);
    CHECK_THROWS_AS(channel.write(data{"x"}, handler), std::logic_error);
    CHECK_THROWS_AS(channel.barrier([mine = gcd_test::counted{alive}] {}), std::logic_error);
    CHECK_THROWS_AS(channel.set_high_water(1), std::logic_error);
    CHECK_THROWS_AS(channel.set_low_water(1), std::logic_error);
    CHECK_THROWS_AS(channel.set_interval(1s), std::logic_error);
    CHECK_NOTHROW(channel.close());
    CHECK(channel.is_closed());
    CHECK(channel.fd() == sockets.first.get());
    CHECK(alive() == 0);
}

TEST_CASE("cleanup comes once, last, and on its queue", "[io][close]") {
    for (const bool stop : {false, true}) {
        const temp_file file{pattern(100'000)};
        const auto fd = file.open(O_RDONLY);
        const gcd::queue queue{"cleanup"};
        gcd_test::signal ran;
        std::atomic<int> handlers = 0, calls = 0, barriers = 0;
        std::atomic<bool> last = false, on_queue = false;
        const io_channel channel{fd.get(), io_type::random, &queue, [&](int) {
                                     ++calls;
                                     last = handlers == 20 && barriers == 1;
                                     on_queue = queue.is_current();
                                     ran.set();
                                 }};
        const gcd::queue other{"handlers", {.concurrent = true}};
        for (int i = 0; i != 10; ++i)
            channel.read(1000, [&](bool done, const data&, int) { handlers += done; }, i * 1000, &other);
        channel.barrier([&] { ++barriers; }, &other);
        for (int i = 0; i != 10; ++i)
            channel.read(1000, [&](bool done, const data&, int) { handlers += done; }, i * 1000, &other);
        channel.close(stop);
        REQUIRE(ran.wait());
        queue.run_sync([] {});
        CHECK(last);
        CHECK(on_queue);
        CHECK(calls == 1);
    }
}

TEST_CASE("the end of the last handle closes without a stop", "[io][close]") {
    const gcd_test::pipe ends;
    cleanup end;
    collect read;
    {
        io_channel channel{ends.read.get(), io_type::stream, nullptr, end.handler()};
        const io_channel other = channel.retain();
        channel = io_channel{ends.write.get()};
        CHECK_FALSE(other.is_closed());
        other.read(3, read.chunks());
        other.barrier([] {});
    }
    CHECK_FALSE(end.ran.is_set());
    write_all(ends.write.get(), "abc");
    REQUIRE(read.wait());
    CHECK(read.error() == 0);
    CHECK(read.bytes() == "abc");
    REQUIRE(end.ran.wait());
    CHECK(end.calls == 1);
}

TEST_CASE("cleanup comes after its queue's last handle too", "[io][close]") {
    const gcd_test::pipe ends;
    cleanup end;
    {
        const gcd::queue queue{"dropped"};
        queue.suspend();
        const io_channel channel{ends.read.get(), io_type::stream, &queue, end.handler()};
    }
    CHECK(end.ran.wait());
}

TEST_CASE("the descriptor may be closed and its number reused right after close", "[io][close]") {
    const std::string content = pattern(500'000);
    const temp_file file{content};
    const gcd_test::pipe other;
    cleanup end;
    collect read;
    {
        auto fd = file.open(O_RDONLY);
        const int number = fd.get();
        const io_channel channel{number, io_type::stream, nullptr, end.handler()};
        channel.set_high_water(1000);
        channel.read(io_channel::unlimited, read.chunks());
        channel.close();
        REQUIRE(::dup2(other.read.get(), number) == number);
        REQUIRE(read.wait());
        REQUIRE(end.ran.wait());
        CHECK(::fcntl(number, F_GETFL) == ::fcntl(other.read.get(), F_GETFL));
        CHECK_FALSE(non_blocking(number));
    }
    CHECK(read.error() == 0);
    CHECK(read.bytes() == content);
}

TEST_CASE("closing a channel that wrote lets the reader see the end of file", "[io][close]") {
    gcd_test::pipe ends;
    const io_channel channel{ends.write.get()};
    ends.write.close();
    collect write;
    channel.write(data{"abc"}, write.chunks());
    channel.close();
    CHECK(gcd_test::read_all(ends.read.get()) == "abc");
    CHECK(write.wait());
}

TEST_CASE("cleanup finds the caller's flags as they were", "[io][close]") {
    const gcd_test::pipe ends;
    const int fd = ends.read.get();
    for (const bool own : {false, true}) {
        REQUIRE(::fcntl(fd, F_SETFL, own ? O_NONBLOCK : 0) == 0);
        gcd_test::signal ran;
        std::atomic<bool> found = !own;
        {
            const io_channel channel{fd, io_type::stream, nullptr, [&](int) {
                                         found = non_blocking(fd);
                                         ran.set();
                                     }};
            CHECK(non_blocking(fd));
        }
        REQUIRE(ran.wait());
        CHECK(found == own);
    }
}

TEST_CASE("two channels on one descriptor don't take the flag from each other", "[io][close]") {
    const gcd_test::pipe ends;
    const int fd = ends.read.get();
    cleanup first_end, second_end;
    const io_channel first{fd, io_type::stream, nullptr, first_end.handler()};
    const io_channel second{fd, io_type::stream, nullptr, second_end.handler()};
    first.close();
    REQUIRE(first_end.ran.wait());
    CHECK(non_blocking(fd));
    collect read;
    second.read(2, read.chunks());
    write_all(ends.write.get(), "in");
    REQUIRE(read.wait());
    second.close();
    REQUIRE(second_end.ran.wait());
    CHECK_FALSE(non_blocking(fd));
}

TEST_CASE("nothing of a channel is left when it is gone", "[io][close]") {
    gcd_test::live_count alive;
    const gcd::queue queue{"handlers"};
    for (const bool stop : {false, true}) {
        const gcd_test::socket_pair sockets;
        // Held by shared pointers, since handlers are std::functions.
        const auto held = [&] { return std::make_shared<gcd_test::counted>(alive); };
        gcd_test::signal ran;
        {
            const io_channel channel{sockets.first.get(), io_type::stream, &queue,
                                     [&ran, mine = held()](int) { ran.set(); }};
            for (int i = 0; i != 10; ++i) {
                channel.write(data{"bytes"}, [mine = held()](bool, const data&, int) {});
                channel.read(5, [mine = held()](bool, const data&, int) {});
                channel.barrier([mine = gcd_test::counted{alive}] {});
            }
            for (int i = 0; i != 50 && !stop; ++i) write_all(sockets.second.get(), "b");
            channel.close(stop);
        }
        REQUIRE(ran.wait());
        queue.run_sync([] {});
        CHECK(alive() == 0);
    }
}

TEST_CASE("channels that are closed under I/O all end", "[io][close]") {
    constexpr int rounds = 100;
    const gcd::queue global = gcd::queue::global_queue();
    gcd_test::latch ends{rounds};
    std::atomic<int> handlers = 0, expected = 0;
    for (int round = 0; round != rounds; ++round) {
        gcd_test::pipe pipe;
        const io_channel reader{pipe.read.get(), io_type::stream, &global, [&](int) { ends.count_down(); }};
        const io_channel writer{pipe.write.get(), io_type::stream, &global};
        const auto count = [&](bool done, const data&, int) { handlers += done; };
        for (int i = 0; i != 4; ++i) {
            reader.read(50'000, count);
            writer.write(data{std::string(40'000, 'x')}, count);
            expected += 2;
        }
        if (round % 3 == 0) writer.close(true);
        if (round % 2 == 0) reader.close(true);
    }
    REQUIRE(ends.wait());
    CHECK(await([&] { return handlers == expected; }));
}

TEST_CASE("a stop after the end of a closed channel touches nothing", "[io][close]") {
    const gcd_test::pipe ends;
    for (int i = 0; i < 500; ++i) {
        cleanup end;
        {
            const io_channel channel{ends.read.get(), io_type::stream, nullptr, end.handler()};
            channel.close();
            channel.close(true);
        }
        REQUIRE(end.ran.wait());
    }
}
