// SPDX-License-Identifier: MIT
/// @file
/// The table of watched descriptors: what becomes of watchers whose file is closed, duplicated or replaced.

#include <gcd/detail/native/event/descriptors.hpp>

#include "catch.hpp"
#include "temp.hpp"

#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using gcd::detail::unique_fd;
using namespace gcd::detail::native;

namespace {

struct counted_watcher : descriptor_watcher {
    int kept = 0;
    int told = 0;
    counted_watcher() : descriptor_watcher{&count} {}
    static void count(descriptor_watcher* base, telling what) noexcept {
        auto* self = static_cast<counted_watcher*>(base);
        ++(what == telling::keep ? self->kept : self->told);
    }
};

struct two_sockets {
    int ends[2];
    two_sockets() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0); }
    ~two_sockets() {
        for (const int end : ends)
            if (end >= 0) ::close(end);
    }
    void send() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
    void receive() const {
        char byte = 0;
        REQUIRE(::read(ends[0], &byte, 1) == 1);
    }
};

class table : public descriptor_table {
public:
    table() { open(); }

    /// One look at the set, without waiting. True if nothing stale was found.
    bool look() {
        epoll_event events[16];
        const int count = ::epoll_wait(fd(), events, 16, 0);
        REQUIRE(count >= 0);
        descriptor_watcher* told = nullptr;
        bool fresh = true;
        for (int i = 0; i < count; ++i) fresh = take(events[i], told) && fresh;
        for (; told != nullptr; told = told->next_told) told->call(told, telling::tell);
        return fresh;
    }
};

} // namespace

TEST_CASE("a watcher is told once each time that it is armed", "[descriptors]") {
    table all;
    const two_sockets pair;
    counted_watcher reader;
    REQUIRE(all.add(&reader, pair.ends[0], EPOLLIN, "test") == descriptor_table::added::waits);
    CHECK(all.look());
    CHECK(reader.told == 0);
    pair.send();
    for (int look = 0; look < 3; ++look) CHECK(all.look());
    CHECK(reader.told == 1);
    CHECK(reader.kept == 1);
    all.arm(&reader);
    CHECK(all.look());
    CHECK(reader.told == 2);
    all.remove(&reader);
    all.arm(&reader);
    CHECK(all.look());
    CHECK(reader.told == 2);
    CHECK(all.empty());
}

TEST_CASE("watchers of one descriptor are independent of each other", "[descriptors]") {
    table all;
    const two_sockets pair;
    counted_watcher first;
    counted_watcher second;
    counted_watcher writer;
    all.add(&first, pair.ends[0], EPOLLIN, "test");
    all.add(&second, pair.ends[0], EPOLLIN, "test");
    all.add(&writer, pair.ends[0], EPOLLOUT, "test");
    CHECK(all.look());
    CHECK(writer.told == 1);
    CHECK(first.told == 0);
    pair.send();
    CHECK(all.look());
    CHECK(first.told == 1);
    CHECK(second.told == 1);
    CHECK(writer.told == 1);
    all.arm(&second);
    CHECK(all.look());
    CHECK(first.told == 1);
    CHECK(second.told == 2);
    all.remove(&second);
    all.arm(&first);
    all.arm(&writer);
    CHECK(all.look());
    CHECK(first.told == 2);
    CHECK(writer.told == 2);
    all.remove(&first);
    all.remove(&writer);
    CHECK(all.empty());
}

TEST_CASE("an error or a hang-up is told to all who are armed", "[descriptors]") {
    table all;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const unique_fd write_end{ends[1]};
    counted_watcher writer;
    for (std::vector<char> filler(4'096);
         ::fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 && ::write(ends[1], filler.data(), filler.size()) > 0;) {
    }
    all.add(&writer, ends[1], EPOLLOUT, "test");
    CHECK(all.look());
    CHECK(writer.told == 0);
    ::close(ends[0]);
    CHECK(all.look());
    CHECK(writer.told == 1);
}

TEST_CASE("what can't be waited for is always ready, and not kept", "[descriptors]") {
    table all;
    const unique_fd file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    counted_watcher reader;
    CHECK(all.add(&reader, file.get(), EPOLLIN, "test") == descriptor_table::added::always_ready);
    CHECK(all.empty());
    all.arm(&reader);
    all.remove(&reader);
    CHECK(all.look());
    CHECK(reader.told == 0);
}

TEST_CASE("a descriptor that is not open is refused, and nothing is kept of it", "[descriptors]") {
    table all;
    const two_sockets pair;
    counted_watcher reader;
    const int closed = ::dup(pair.ends[0]);
    ::close(closed);
    CHECK_THROWS_AS(all.add(&reader, closed, EPOLLIN, "test"), std::system_error);
    CHECK(all.empty());
    CHECK(all.add(&reader, pair.ends[0], EPOLLIN, "test") == descriptor_table::added::waits);
}

TEST_CASE("the largest number is refused as any that is not open, without memory for those below", "[descriptors]") {
    table all;
    counted_watcher reader;
    try {
        all.add(&reader, std::numeric_limits<int>::max(), EPOLLIN, "test");
        FAIL("it was taken");
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == EBADF);
    }
    CHECK(all.empty());
}

TEST_CASE("a watcher whose file was closed hears nothing of the one that has its number", "[descriptors]") {
    table all;
    two_sockets former;
    const two_sockets other;
    counted_watcher old;
    counted_watcher fresh;
    all.add(&old, former.ends[0], EPOLLIN, "test");
    SECTION("the new file is watched too") {
        REQUIRE(::dup2(other.ends[0], former.ends[0]) == former.ends[0]);
        all.add(&fresh, former.ends[0], EPOLLIN, "test");
        other.send();
        CHECK(all.look());
        CHECK(fresh.told == 1);
        CHECK(old.told == 0);
        all.remove(&old);
        all.arm(&fresh);
        CHECK(all.look());
        CHECK(fresh.told == 2);
    }
    SECTION("and arms again after its last event") {
        former.send();
        CHECK(all.look());
        REQUIRE(::dup2(other.ends[0], former.ends[0]) == former.ends[0]);
        other.send();
        all.arm(&old);
        CHECK(all.look());
        CHECK(old.told == 1);
        CHECK(all.empty());
    }
    SECTION("a regular file, which can't be waited for") {
        const unique_fd file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
        REQUIRE(::dup2(file.get(), former.ends[0]) == former.ends[0]);
        CHECK(all.add(&fresh, former.ends[0], EPOLLIN, "test") == descriptor_table::added::always_ready);
        CHECK(all.empty());
    }
    all.remove(&fresh);
}

TEST_CASE("a file that a duplicate keeps open under a former number is found stale, and rebuilding drops it",
          "[descriptors]") {
    table all;
    two_sockets former;
    const two_sockets other;
    counted_watcher old;
    counted_watcher fresh;
    const unique_fd duplicate{::dup(former.ends[0])};
    all.add(&old, former.ends[0], EPOLLIN, "test");
    REQUIRE(::dup2(other.ends[0], former.ends[0]) == former.ends[0]);
    const bool watched = GENERATE(true, false);
    if (watched)
        all.add(&fresh, former.ends[0], EPOLLIN, "test");
    else
        all.remove(&old);
    former.send();
    CHECK_FALSE(all.look());
    CHECK(old.told == 0);
    CHECK(fresh.told == 0);
    all.rebuild();
    CHECK(all.times_rebuilt() == 1);
    former.send();
    CHECK(all.look());
    other.send();
    CHECK(all.look());
    CHECK(fresh.told == (watched ? 1 : 0));
}

TEST_CASE("an event that was fetched before its watcher was removed is not stale", "[descriptors]") {
    table all;
    const two_sockets pair;
    counted_watcher reader;
    all.add(&reader, pair.ends[0], EPOLLIN, "test");
    pair.send();
    epoll_event event{};
    REQUIRE(::epoll_wait(all.fd(), &event, 1, 0) == 1);
    all.remove(&reader);
    descriptor_watcher* told = nullptr;
    CHECK(all.take(event, told));
    CHECK(told == nullptr);
    CHECK(reader.kept == 0);
}

TEST_CASE("a file that comes back to its number by a duplicate is watched anew", "[descriptors]") {
    table all;
    two_sockets pair;
    const two_sockets other;
    counted_watcher old;
    counted_watcher fresh;
    const unique_fd duplicate{::dup(pair.ends[0])};
    all.add(&old, pair.ends[0], EPOLLIN, "test");
    REQUIRE(::dup2(other.ends[0], pair.ends[0]) == pair.ends[0]);
    all.remove(&old);
    REQUIRE(::dup2(duplicate.get(), pair.ends[0]) == pair.ends[0]);
    all.add(&fresh, pair.ends[0], EPOLLIN, "test");
    pair.send();
    CHECK(all.look());
    CHECK(fresh.told == 1);
    CHECK(old.told == 0);
}
