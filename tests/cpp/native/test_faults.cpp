// SPDX-License-Identifier: MIT
/// @file
/// Each system call fails once, and then for good: an error of the right type or a retry; nothing is lost, nothing leaks.
///
/// Every run is in a child of its own, where the engine starts afresh and makes all that it needs.

#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <gcd/detail/posix/sys.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using happening = gcd_test::signal;
using gcd_test::await;
using gcd_test::collect;
using gcd_test::holds_in_child;

namespace {

/// What the hook looks at; set before it is installed.
const char* failing = "";
int error_given = 0;
int first_failing = 0;
int how_many = 0;
std::atomic<int> calls{0};

int answer(const char* call) {
    if (std::string_view{call} != failing) return 0;
    const int number = ++calls;
    return number >= first_failing && number - first_failing < how_many ? error_given : 0;
}

/// While it lives, the calls of that name from the `first` on fail, `count` of them.
struct fault {
    fault(const char* call, int error, int first, int count) {
        failing = call;
        error_given = error;
        first_failing = first;
        how_many = count;
        calls = 0;
        gcd::detail::sys::fault_hook = &answer;
    }
    fault(const fault&) = delete;
    fault& operator=(const fault&) = delete;
    ~fault() { gcd::detail::sys::fault_hook = nullptr; }
};

constexpr int never = 1'000'000;

/// 0, or the error with which the system refused.
using use = int();

template <class Source> int told(const Source& source, const happening& seen) {
    source.start();
    const bool came = seen.wait();
    source.cancel_and_wait();
    return came ? 0 : -1;
}

int use_timer() {
    const gcd::queue on;
    happening seen;
    return told(gcd::timer{{.interval = 1ms, .repeating = false}, on, [&] { seen.set(); }}, seen);
}

int use_calendar() {
    const gcd::queue on;
    auto seen = std::make_shared<happening>();
    on.after(std::chrono::system_clock::now() + 1ms, [seen] { seen->set(); });
    return seen->wait() ? 0 : -1;
}

int use_read_source() {
    const gcd::queue on;
    const gcd_test::pipe ends;
    happening seen;
    gcd_test::write_all(ends.write.get(), "x");
    return told(gcd::read_source{{ends.read.get()}, on, [&] { seen.set(); }}, seen);
}

int use_write_source() {
    const gcd::queue on;
    const gcd_test::pipe ends;
    happening seen;
    return told(gcd::write_source{{ends.write.get()}, on, [&] { seen.set(); }}, seen);
}

int use_file_source() {
    const gcd::queue on;
    const gcd_test::temp_file file{"text"};
    const auto fd = file.open();
    happening seen;
    return told(gcd::read_source{{fd.get()}, on, [&] { seen.set(); }}, seen);
}

int use_signal_source() {
    const gcd::queue on;
    happening seen;
    const gcd::signal_source source{{SIGUSR2}, on, [&] { seen.set(); }};
    source.start();
    ::kill(::getpid(), SIGUSR2);
    return told(source, seen);
}

int use_process_source() {
    const gcd::queue on;
    happening seen;
    gcd_test::pipe ends;
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ends.write.close();
        static_cast<void>(!::read(ends.read.get(), &byte, 1));
        ::_exit(0);
    }
    struct reaped {
        gcd_test::pipe& ends;
        pid_t child;
        ~reaped() {
            ends.write.close();
            ::waitpid(child, nullptr, 0);
        }
    } const end{ends, child};
    const gcd::process_source source{{child}, on, [&] { seen.set(); }};
    source.start();
    ends.write.close();
    return told(source, seen);
}

/// Waits for the operation, and for the channel to be gone.
template <class F> int transfer(int fd, gcd::io_type type, F&& begin) {
    auto gone = std::make_shared<happening>();
    collect done;
    {
        const gcd::io_channel channel{fd, type, nullptr, [gone](int) { gone->set(); }};
        begin(channel, done);
        if (!done.wait()) return -1;
    }
    if (!gone->wait()) return -1;
    return done.error();
}

int use_file_channel() {
    const std::string content = gcd_test::pattern(100'000);
    const gcd_test::temp_file file{content};
    const auto fd = file.open();
    std::string got;
    const int error = transfer(fd.get(), gcd::io_type::stream, [&](const auto& channel, collect& done) {
        channel.read(content.size(), done.chunks());
        if (done.wait()) got = done.bytes();
    });
    // What came before a failure has to be right.
    return got == content.substr(0, got.size()) && (error != 0 || got.size() == content.size()) ? error : -1;
}

int use_random_channel() {
    const gcd_test::temp_file file{"0123456789"};
    const auto fd = file.open();
    const int error = transfer(fd.get(), gcd::io_type::random, [](const auto& channel, collect& done) {
        channel.write(gcd::data{std::string_view{"xy"}}, done.chunks(), 4);
    });
    if (error != 0) return file.content() == "0123456789" ? error : -1;
    std::string got;
    const int second = transfer(fd.get(), gcd::io_type::random, [&](const auto& channel, collect& done) {
        channel.read(4, done.chunks(), 3);
        if (done.wait()) got = done.bytes();
    });
    return second != 0 || got == "3xy6" ? second : -1;
}

/// Too much for the pipe or the socket, so that writes are short.
int write_and_read(int from, int to) {
    const std::string content = gcd_test::pattern(300'000);
    auto gone = std::make_shared<happening>();
    collect written, read;
    int error = 0;
    {
        const gcd::io_channel reader{from, gcd::io_type::stream, nullptr, [gone](int) { gone->set(); }};
        reader.read(content.size(), read.chunks());
        try {
            error = transfer(to, gcd::io_type::stream, [&](const auto& channel, collect& done) {
                channel.write(gcd::data{std::string_view{content}}, done.chunks());
                if (!await([&] { return done.is_done() || (read.is_done() && read.error() != 0); })) return;
                if (!done.is_done()) channel.close(true);
            });
        } catch (...) {
            reader.close(true);
            if (!read.wait() || !gone->wait()) return -1;
            throw;
        }
        if (error != 0) reader.close(true);
        if (!read.wait()) return -1;
    }
    if (!gone->wait()) return -1;
    if (read.bytes() != content.substr(0, read.bytes().size())) return -1;
    if (error != 0 && error != ECANCELED) return error;
    if (read.error() != 0) return read.error();
    return read.bytes().size() == content.size() ? 0 : -1;
}

int use_pipe_channels() {
    const gcd_test::pipe ends;
    return write_and_read(ends.read.get(), ends.write.get());
}

int use_socket_channels() {
    const gcd_test::socket_pair ends;
    return write_and_read(ends.first.get(), ends.second.get());
}

int use_single_calls() {
    const gcd::queue on;
    const gcd_test::pipe ends;
    auto written = std::make_shared<collect>();
    auto read = std::make_shared<collect>();
    gcd::write_async(ends.write.get(), gcd::data{std::string_view{"text"}}, on,
                     [written](const gcd::data& rest, int error) { written->once()(rest, error); });
    if (!written->wait()) return -1;
    if (written->error() != 0) return written->error();
    gcd::read_async(ends.read.get(), 4, on, [read](const gcd::data& all, int error) { read->once()(all, error); });
    if (!read->wait()) return -1;
    return read->error() != 0 || read->bytes() == "text" ? read->error() : -1;
}

int use_queues() {
    const gcd::queue serial;
    const gcd::queue wide{"wide", {.concurrent = true, .qos = gcd::qos::utility}};
    const gcd::group group;
    auto ran = std::make_shared<std::atomic<int>>(0);
    for (int i = 0; i < 20; ++i) {
        group.run_async(serial, [ran] { ++*ran; });
        group.run_async(wide, [ran] { ++*ran; });
    }
    gcd::apply(20, [ran](std::size_t) { ++*ran; });
    return group.wait_for(10s) && *ran == 60 ? 0 : -1;
}

struct named_use {
    const char* name;
    use* run;
};
constexpr named_use uses[]{
    {"a timer", &use_timer},
    {"a time of the calendar", &use_calendar},
    {"a read source", &use_read_source},
    {"a write source", &use_write_source},
    {"a source on a file", &use_file_source},
    {"a signal source", &use_signal_source},
    {"a process source", &use_process_source},
    {"a channel on a file", &use_file_channel},
    {"a channel with offsets", &use_random_channel},
    {"channels on a pipe", &use_pipe_channels},
    {"channels on a socket", &use_socket_channels},
    {"single reads and writes", &use_single_calls},
    {"queues", &use_queues},
};

/// As a use, but what it throws counts as what it gave.
int outcome(use* run) {
    try {
        return run();
    } catch (const std::system_error& error) {
        return error.code().value();
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
}

long open_descriptors() {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, std::filesystem::directory_iterator{});
}

/// In a child: the use with that fault, then without. `most` bounds the descriptors that are open then.
bool survives(const named_use& each, const char* call, int error, int first, int count, bool may_fail, long most) {
    const auto wrong = [&](const char* what, int got) {
        std::fprintf(stderr, "%s, %s failing with %d from call %d on: %s (%d)\n", each.name, call, error, first, what,
                     got);
        return false;
    };
    // What was there before has to go on.
    const gcd::queue before{"before"};
    std::atomic<int> ran{0};
    {
        const fault fails{call, error, first, count};
        const int got = outcome(each.run);
        if (got != 0 && (!may_fail || got != error)) return wrong("a wrong outcome", got);
    }
    if (const int got = outcome(each.run); got != 0) return wrong("no use afterwards", got);
    before.run_async([&] { ++ran; });
    before.run_sync([&] { ++ran; });
    if (ran != 2) return wrong("what was there is stuck", ran);
    if (!await([&] { return open_descriptors() <= most; }))
        return wrong("descriptors leak", static_cast<int>(open_descriptors()));
    return true;
}

/// Counts, in a child, the calls of that name that a use makes, and the descriptors that stay open for the engine.
int calls_of(const named_use& each, const char* call, long& most) {
    gcd_test::pipe back;
    const bool held = holds_in_child([&] {
        int made = 0;
        {
            const fault none{call, 0, 1, never};
            if (outcome(each.run) != 0) return false;
            made = calls;
        }
        if (outcome(each.run) != 0) return false;
        const long open = open_descriptors();
        return ::write(back.write.get(), &made, sizeof(made)) == sizeof(made) &&
               ::write(back.write.get(), &open, sizeof(open)) == sizeof(open);
    });
    int made = 0;
    REQUIRE(held);
    REQUIRE(::read(back.read.get(), &made, sizeof(made)) == sizeof(made));
    REQUIRE(::read(back.read.get(), &most, sizeof(most)) == sizeof(most));
    return made;
}

/// Every call of every use fails in its turn. Gives how many faults there were.
int fail_one_by_one(const char* call, int error, bool may_fail) {
    int faults = 0;
    for (const named_use& each : uses) {
        CAPTURE(each.name, call, error);
        long most = 0;
        const int made = calls_of(each, call, most);
        for (int first = 1; first <= made && first <= 8; ++first) {
            CAPTURE(first);
            CHECK(holds_in_child([&] { return survives(each, call, error, first, 1, may_fail, most); }));
            ++faults;
        }
        // And all of them, while the fault lasts. Threads are apart, and so is what also reads the engine's own descriptors.
        const bool lasts = std::string_view{call} != "pthread_create" && std::string_view{call} != "read";
        if (made != 0 && may_fail && lasts)
            CHECK(holds_in_child([&] { return survives(each, call, error, 1, never, may_fail, most); }));
    }
    return faults;
}

} // namespace

TEST_CASE("a call that a signal interrupts is made again, whichever it is", "[fault]") {
    for (const char* call :
         {"epoll_create", "epoll_ctl", "epoll_ctl_mod", "eventfd", "timerfd_create", "signalfd", "pidfd_open", "dup",
          "fcntl", "fstat", "read", "pread", "writev", "pwritev", "recv", "sendmsg"})
        CHECK(fail_one_by_one(call, EINTR, false) > 0);
}

TEST_CASE("a descriptor that can't be had is an error, and leaves nothing behind", "[fault]") {
    for (const char* call : {"epoll_create", "eventfd", "timerfd_create", "signalfd", "pidfd_open", "dup"})
        CHECK(fail_one_by_one(call, EMFILE, true) > 0);
}

TEST_CASE("a descriptor that can't be watched is an error, and leaves nothing behind", "[fault]") {
    for (const int error : {ENOMEM, ENOSPC}) CHECK(fail_one_by_one("epoll_ctl", error, true) > 0);
}

TEST_CASE("a read or write that fails is the error of its operation, and the next one goes on", "[fault]") {
    for (const char* call : {"read", "pread", "recv"}) CHECK(fail_one_by_one(call, EIO, true) > 0);
    for (const char* call : {"writev", "pwritev", "sendmsg"})
        for (const int error : {ENOSPC, EIO}) CHECK(fail_one_by_one(call, error, true) > 0);
}

TEST_CASE("a thread that can't be had once is asked for again, and no item is lost", "[fault]") {
    // What waits for events may be refused for want of the thread that would wait.
    CHECK(fail_one_by_one("pthread_create", EAGAIN, true) > 0);
    // Queues refuse nothing.
    CHECK(holds_in_child([] {
        const fault fails{"pthread_create", EAGAIN, 1, 1};
        return use_queues() == 0;
    }));
}

TEST_CASE("items that found no thread run once a later one finds one", "[fault]") {
    CHECK(holds_in_child([] {
        const gcd::queue on;
        auto ran = std::make_shared<std::atomic<int>>(0);
        {
            const fault fails{"pthread_create", EAGAIN, 1, never};
            for (int i = 0; i < 10; ++i) on.run_async([ran] { ++*ran; });
        }
        if (*ran != 0) return false;
        gcd::queue{}.run_async([ran] { ++*ran; });
        return await([&] { return *ran == 11; });
    }));
}

TEST_CASE("who waits for items that found no thread asks for one", "[fault]") {
    // With the first one made here, as in a program's first submission, and with none to come.
    const auto found_later = [](auto&& wait) {
        return holds_in_child([&] {
            const gcd::queue on{"on", {.qos = gcd::qos::utility}};
            auto group = std::make_shared<gcd::group>();
            auto done = std::make_shared<gcd::semaphore>(0);
            {
                const fault fails{"pthread_create", EAGAIN, 1, never};
                group->run_async(on, [done] { done->signal(); });
            }
            return wait(on, *group, *done);
        });
    };
    CHECK(found_later([](auto&, gcd::group& group, auto&) { return group.wait(), true; }));
    CHECK(found_later([](auto&, auto&, gcd::semaphore& done) { return done.wait(), true; }));
    CHECK(found_later([](const gcd::queue& on, auto&, auto&) { return on.run_sync([] { return true; }); }));
    CHECK(found_later([](auto&, gcd::group& group, auto&) {
        group.notify(gcd::queue::main_queue(), [] { gcd::stop_main(); });
        return gcd::run_main(), true;
    }));
    // As many as may run are blocked, and who would find that out is the monitor.
    CHECK(holds_in_child([] {
        gcd::set_max_threads(1);
        auto began = std::make_shared<std::atomic<bool>>(false);
        auto may_end = std::make_shared<std::atomic<bool>>(false);
        auto was_told = std::make_shared<std::atomic<bool>>(false);
        const gcd::group group;
        const gcd::queue blocked;
        const gcd::queue other;
        group.run_async(blocked, [=] {
            *began = true;
            *was_told = await([&] { return may_end->load(); });
        });
        if (!await([&] { return began->load(); })) return false;
        {
            const fault fails{"pthread_create", EAGAIN, 1, never};
            group.run_async(other, [=] { *may_end = true; });
        }
        group.wait();
        return was_told->load();
    }));
}

TEST_CASE("without memory for nodes of its own the engine uses the heap", "[fault]") {
    for (const named_use& each : uses) {
        CAPTURE(each.name);
        CHECK(holds_in_child([&] {
            const fault fails{"mmap", ENOMEM, 1, never};
            return outcome(each.run) == 0;
        }));
    }
}
