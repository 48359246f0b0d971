// SPDX-License-Identifier: MIT
/// @file
/// Process sources: the end of a process is told once, and its status is left for its parent.

#include "await.hpp"
#include "catch.hpp"
#include "sources.hpp"
#include "temp.hpp"

#include <gcd/process_source.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd::process_event;
using gcd::process_events;
using gcd_test::await;
using gcd_test::pass;
using process_watch = gcd_test::ended<gcd::process_source>;

namespace {

/// A child that ends with the status 7 when its descriptor is closed.
class child {
public:
    child() : pid_(::fork()) {
        if (pid_ < 0) gcd_test::throw_errno("fork");
        if (pid_ != 0) return;
        ::close(gate_.write.get());
        char byte = 0;
        while (::read(gate_.read.get(), &byte, 1) < 0 && errno == EINTR) {
        }
        ::_exit(7);
    }
    ~child() {
        end();
        if (!reaped_) reap();
    }
    [[nodiscard]] int pid() const { return pid_; }
    void end() { gate_.write.close(); }
    int reap() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        reaped_ = true;
        return status;
    }
    /// Waits for the end, and leaves the status.
    void await_end() const {
        siginfo_t info{};
        while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
        }
    }

private:
    gcd_test::pipe gate_;
    pid_t pid_;
    bool reaped_ = false;
};

} // namespace

TEST_CASE("the end of a child is told once, and its status is left", "[process]") {
    const gcd::queue queue{"process"};
    child watched;
    std::atomic<int> runs{0};
    std::atomic<process_events> told{process_events::none};
    const process_watch exit{process_event{.pid = watched.pid()}, queue, [&](process_event::data data) {
                                 told = data.events;
                                 ++runs;
                             }};
    CHECK(exit->handle() == watched.pid());
    CHECK(exit->data().events == process_events::none);
    exit->start();
    REQUIRE(pass(10ms));
    CHECK(runs == 0);
    watched.end();
    REQUIRE(await([&] { return runs >= 1; }));
    REQUIRE(pass(20ms));
    CHECK(runs == 1);
    CHECK(told.load() == process_events::exit);
    CHECK(exit->data().events == process_events::exit);
    const int status = watched.reap();
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("a process that has ended already fires at once", "[process]") {
    const gcd::queue queue{"process"};
    child watched;
    const int pid = watched.pid();
    watched.end();
    SECTION("and waits for its parent") { watched.await_end(); }
    SECTION("and is gone") { watched.reap(); }
    std::atomic<int> runs{0};
    const process_watch exit{process_event{.pid = pid}, queue, [&] { ++runs; }};
    exit->start();
    REQUIRE(await([&] { return runs >= 1; }));
    REQUIRE(pass(20ms));
    CHECK(runs == 1);
}

TEST_CASE("a process that is not a child of ours can be watched", "[process]") {
    const gcd::queue queue{"process"};
    gcd_test::pipe told;
    gcd_test::pipe gate;
    const pid_t middle = ::fork();
    REQUIRE(middle >= 0);
    if (middle == 0) {
        const pid_t grandchild = ::fork();
        if (grandchild == 0) {
            ::close(gate.write.get());
            ::close(told.write.get());
            char byte = 0;
            while (::read(gate.read.get(), &byte, 1) < 0 && errno == EINTR) {
            }
            ::_exit(0);
        }
        static_cast<void>(!::write(told.write.get(), &grandchild, sizeof(grandchild)));
        ::_exit(0);
    }
    pid_t grandchild = 0;
    REQUIRE(::read(told.read.get(), &grandchild, sizeof(grandchild)) == static_cast<ssize_t>(sizeof(grandchild)));
    ::waitpid(middle, nullptr, 0);
    std::atomic<int> runs{0};
    const process_watch exit{process_event{.pid = grandchild}, queue, [&] { ++runs; }};
    exit->start();
    REQUIRE(pass(10ms));
    CHECK(runs == 0);
    gate.write.close();
    CHECK(await([&] { return runs == 1; }));
}

TEST_CASE("several sources may watch one process", "[process]") {
    const gcd::queue queue{"process"};
    child watched;
    std::atomic<int> runs{0};
    const process_watch one{process_event{.pid = watched.pid()}, queue, [&] { ++runs; }};
    const process_watch two{process_event{.pid = watched.pid()}, queue, [&] { ++runs; }};
    one->start();
    two->start();
    watched.end();
    CHECK(await([&] { return runs == 2; }));
}

TEST_CASE("bad processes and events are refused when the source is made", "[process]") {
    const gcd::queue queue{"process"};
    const auto make = [&](int pid, process_events events) {
        const gcd::process_source made{process_event{.pid = pid, .events = events}, queue, [] {}};
    };
    CHECK_THROWS_AS(make(0, process_events::exit), std::invalid_argument);
    CHECK_THROWS_AS(make(-1, process_events::exit), std::invalid_argument);
    CHECK_THROWS_AS(make(1, process_events::none), std::invalid_argument);
    CHECK_THROWS_AS(make(1, static_cast<process_events>(1)), std::invalid_argument);
}

#if defined(__linux__)
TEST_CASE("events that Linux can't watch for are refused by start, by name and as a whole", "[process]") {
    const gcd::queue queue{"process"};
    child watched;
    std::atomic<int> runs{0};
    const process_watch refused{
        process_event{.pid = watched.pid(),
                      .events = process_events::exit | process_events::fork | process_events::exec},
        queue, [&] { ++runs; }};
    try {
        refused->start();
        FAIL("start() did not throw");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::not_supported);
        const std::string what = error.what();
        CHECK(what.find("fork") != std::string::npos);
        CHECK(what.find("exec") != std::string::npos);
        CHECK(what.find("signal") == std::string::npos);
    }
    watched.end();
    watched.await_end();
    REQUIRE(pass(10ms));
    CHECK(runs == 0);
    CHECK_FALSE(refused->is_cancelled());

    const process_watch signalled{process_event{.pid = watched.pid(), .events = process_events::signal}, queue, [] {}};
    CHECK_THROWS_AS(signalled->start(), std::system_error);
}
#endif
