// SPDX-License-Identifier: MIT
/// @file
/// Signal sources: exact counts, and the program's own dispositions untouched before, beside and after them.

#include "await.hpp"
#include "catch.hpp"
#include "sources.hpp"
#include "temp.hpp"

#include <gcd/queue.hpp>
#include <gcd/signal_source.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using gcd::signal_event;
using gcd_test::await;
using signal_watch = gcd_test::ended<gcd::signal_source>;

namespace {

/// Puts a disposition in place for the test.
class disposition {
public:
    disposition(int signal, void (*handler)(int), int flags = 0) : signal_{signal} {
        struct sigaction made{};
        made.sa_handler = handler;
        made.sa_flags = flags;
        ::sigaction(signal, &made, &former_);
    }
    disposition(int signal, void (*handler)(int, siginfo_t*, void*)) : signal_{signal} {
        struct sigaction made{};
        made.sa_sigaction = handler;
        made.sa_flags = SA_SIGINFO;
        ::sigaction(signal, &made, &former_);
    }
    disposition(const disposition&) = delete;
    disposition& operator=(const disposition&) = delete;
    ~disposition() { ::sigaction(signal_, &former_, nullptr); }

private:
    int signal_;
    struct sigaction former_{};
};

#if defined(__linux__)
struct sigaction installed(int signal) {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return now;
}

std::atomic<int> handled{0};
std::atomic<int> sender{0};

void count_signal(int) { ++handled; }
void count_with_sender(int, siginfo_t* info, void*) {
    sender = info->si_pid;
    ++handled;
}
#endif

void send(int signal, int times = 1) {
    for (int i = 0; i < times; ++i) ::kill(::getpid(), signal);
}

#if defined(__linux__)
/// The status with which a child ends that runs the body, and leaves with 0 if it gets so far.
template <class F> int status_of_child(F&& body) {
    const pid_t pid = ::fork();
    if (pid < 0) gcd_test::throw_errno("fork");
    if (pid == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}
#endif

} // namespace

TEST_CASE("a signal reaches the handler", "[signal]") {
    const gcd::queue queue{"signal"};
    const disposition ignored{SIGUSR1, SIG_IGN};
    std::atomic<std::uint64_t> counted{0};
    const signal_watch usr1{signal_event{SIGUSR1}, queue, [&](signal_event::data data) { counted += data.count; }};
    CHECK(usr1->handle() == SIGUSR1);
    CHECK(usr1->data().count == 0);
    usr1->start();
    send(SIGUSR1);
    REQUIRE(await([&] { return counted == 1; }));
    CHECK(usr1->data().count == 1);
}

#if defined(__linux__)
TEST_CASE("every delivery is counted, from the return of start on", "[signal]") {
    const gcd::queue queue{"signal"};
    std::atomic<std::uint64_t> counted{0};
    const auto count = [&](signal_event::data data) { counted += data.count; };
    for (std::uint64_t round = 0; round < 50; ++round) {
        counted = 0;
        const signal_watch usr1{signal_event{SIGUSR1}, queue, count};
        usr1->start();
        // To this thread: delivered before the call returns, so that none is merged with the next.
        for (int i = 0; i < 20; ++i) ::raise(SIGUSR1);
        REQUIRE(await([&] { return counted == 20; }));
    }
}

TEST_CASE("all threads may block the signal", "[signal]") {
    const gcd::queue queue{"signal"};
    const int signal = GENERATE(SIGUSR1, SIGRTMIN + 3);
    const bool had_handler = GENERATE(false, true);
    const disposition earlier{signal, had_handler ? &count_signal : SIG_DFL};
    handled = 0;
    sigset_t mask;
    sigset_t former;
    ::sigemptyset(&mask);
    ::sigaddset(&mask, signal);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, &mask, &former) == 0);
    // A thread of libdispatch's that the case before has begun blocks it a moment later.
    REQUIRE(await([&] { return gcd::detail::every_thread_blocks(signal); }));
    // Pending before the start as well.
    send(signal);
    std::atomic<std::uint64_t> first{0};
    std::atomic<std::uint64_t> second{0};
    {
        const signal_watch one{signal_event{signal}, queue, [&](signal_event::data data) { first += data.count; }};
        one->start();
        CHECK(await([&] { return first == 1; }));
        const signal_watch other{signal_event{signal}, queue, [&](signal_event::data data) { second += data.count; }};
        other->start();
        for (std::uint64_t round = 1; round <= 3; ++round) {
            send(signal);
            CHECK(await([&] { return first == 1 + round && second == round; }));
        }
        if (signal >= SIGRTMIN) {
            send(signal, 5);
            CHECK(await([&] { return first == 9 && second == 8; }));
        }
        sigset_t pending;
        REQUIRE(::sigpending(&pending) == 0);
        CHECK(sigismember(&pending, signal) == 0);
        CHECK(handled == 0);
    }
    REQUIRE(::pthread_sigmask(SIG_SETMASK, &former, nullptr) == 0);
}

TEST_CASE("deliveries are held while the source is suspended, and told as one", "[signal]") {
    const gcd::queue queue{"signal"};
    std::atomic<int> runs{0};
    std::atomic<std::uint64_t> counted{0};
    const signal_watch usr1{signal_event{SIGUSR1}, queue, [&](signal_event::data data) {
                                counted += data.count;
                                ++runs;
                            }};
    usr1->suspend();
    usr1->start();
    for (int i = 0; i < 7; ++i) ::raise(SIGUSR1);
    REQUIRE(gcd_test::pass(std::chrono::milliseconds{10}));
    CHECK(runs == 0);
    usr1->resume();
    REQUIRE(await([&] { return counted == 7; }));
    CHECK(runs == 1);
}

TEST_CASE("the default action has no effect while a source is started", "[signal]") {
    const gcd::queue queue{"signal"};
    const int status = status_of_child([] { ::raise(SIGUSR2); });
    REQUIRE(WIFSIGNALED(status));
    std::atomic<std::uint64_t> counted{0};
    const signal_watch usr2{signal_event{SIGUSR2}, queue, [&](signal_event::data data) { counted += data.count; }};
    usr2->start();
    send(SIGUSR2);
    CHECK(await([&] { return counted == 1; }));
}

TEST_CASE("an earlier handler of the program still runs", "[signal]") {
    const gcd::queue queue{"signal"};
    std::atomic<std::uint64_t> counted{0};
    const auto count = [&](signal_event::data data) { counted += data.count; };
    handled = 0;
    SECTION("a plain one") {
        const disposition own{SIGUSR1, &count_signal};
        const signal_watch usr1{signal_event{SIGUSR1}, queue, count};
        usr1->start();
        for (int i = 0; i < 3; ++i) ::raise(SIGUSR1);
        REQUIRE(await([&] { return counted == 3; }));
        CHECK(handled == 3);
    }
    SECTION("one that takes the details") {
        sender = 0;
        const disposition own{SIGUSR1, &count_with_sender};
        const signal_watch usr1{signal_event{SIGUSR1}, queue, count};
        usr1->start();
        ::raise(SIGUSR1);
        REQUIRE(await([&] { return counted == 1; }));
        CHECK(handled == 1);
        CHECK(sender == ::getpid());
    }
    SECTION("one that runs a single time") {
        const disposition own{SIGUSR1, &count_signal, static_cast<int>(SA_RESETHAND)};
        const signal_watch usr1{signal_event{SIGUSR1}, queue, count};
        usr1->start();
        for (int i = 0; i < 3; ++i) ::raise(SIGUSR1);
        REQUIRE(await([&] { return counted == 3; }));
        CHECK(handled == 1);
    }
}

TEST_CASE("the last source on a signal gives the earlier disposition back", "[signal]") {
    const gcd::queue queue{"signal"};
    const disposition own{SIGUSR1, &count_signal, SA_RESTART};
    {
        const signal_watch one{signal_event{SIGUSR1}, queue, [] {}};
        const signal_watch two{signal_event{SIGUSR1}, queue, [] {}};
        CHECK(installed(SIGUSR1).sa_handler == &count_signal);
        one->start();
        two->start();
        CHECK(installed(SIGUSR1).sa_handler != &count_signal);
        one->cancel();
        CHECK(installed(SIGUSR1).sa_handler != &count_signal);
        two->cancel();
        CHECK(installed(SIGUSR1).sa_handler == &count_signal);
        CHECK((installed(SIGUSR1).sa_flags & (SA_RESTART | SA_SIGINFO)) == SA_RESTART);
    }
    {
        const signal_watch again{signal_event{SIGUSR1}, queue, [] {}};
        again->start();
        CHECK(installed(SIGUSR1).sa_handler != &count_signal);
    }
    CHECK(installed(SIGUSR1).sa_handler == &count_signal);
}

TEST_CASE("a disposition that the program changed meanwhile is left alone", "[signal]") {
    const gcd::queue queue{"signal"};
    const disposition ignored{SIGUSR1, SIG_IGN};
    const signal_watch usr1{signal_event{SIGUSR1}, queue, [] {}};
    usr1->start();
    const disposition later{SIGUSR1, &count_signal};
    usr1->cancel();
    CHECK(installed(SIGUSR1).sa_handler == &count_signal);
}

TEST_CASE("what a program read while a source was started does no harm when it puts it back", "[signal]") {
    const gcd::queue queue{"signal"};
    const disposition default_action{SIGUSR2, SIG_DFL};
    struct sigaction while_started{};
    {
        const signal_watch usr2{signal_event{SIGUSR2}, queue, [] {}};
        usr2->start();
        while_started = installed(SIGUSR2);
    }
    ::sigaction(SIGUSR2, &while_started, nullptr);
#if !defined(GCD_ABI_TSAN) // in a child of several threads this sanitizer shows its own handlers
    const int status = status_of_child([] { ::raise(SIGUSR2); });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGUSR2);
#endif
    std::atomic<std::uint64_t> counted{0};
    const signal_watch again{signal_event{SIGUSR2}, queue, [&](signal_event::data data) { counted += data.count; }};
    again->start();
    ::raise(SIGUSR2);
    CHECK(await([&] { return counted == 1; }));
}

TEST_CASE("many sources on one signal each count every delivery", "[signal]") {
    const gcd::queue queue{"signal"};
    constexpr std::size_t many = 11;
    std::vector<std::atomic<std::uint64_t>> counted(many);
    std::vector<std::unique_ptr<signal_watch>> sources;
    for (std::size_t i = 0; i < many; ++i) {
        sources.push_back(std::make_unique<signal_watch>(
            signal_event{SIGUSR1}, queue, [&counted, i](signal_event::data data) { counted[i] += data.count; }));
        (*sources.back())->start();
    }
    for (int i = 0; i < 5; ++i) ::raise(SIGUSR1);
    for (auto& each : counted) REQUIRE(await([&] { return each == 5; }));
    sources.erase(sources.begin(), sources.begin() + 5);
    ::raise(SIGUSR1);
    for (std::size_t i = 5; i < many; ++i) REQUIRE(await([&] { return counted[i] == 6; }));
    for (std::size_t i = 0; i < 5; ++i) CHECK(counted[i] == 5);
}

TEST_CASE("signals may come from many threads while sources come and go", "[signal]") {
    const gcd::queue queue{"signal"};
    const disposition ignored{SIGUSR1, SIG_IGN};
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> counted{0};
    std::atomic<std::uint64_t> raised{0};
    std::vector<std::thread> threads;
    const signal_watch whole{signal_event{SIGUSR1}, queue, [&](signal_event::data data) { counted += data.count; }};
    whole->start();
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            while (!over) {
                ::raise(SIGUSR1);
                ++raised;
            }
        });
    for (int round = 0; round < 200; ++round) {
        std::atomic<std::uint64_t> seen{0};
        const signal_watch brief{signal_event{SIGUSR1}, queue, [&](signal_event::data data) { seen += data.count; }};
        brief->start();
        if (!await([&] { return seen > 0; })) break;
    }
    over = true;
    for (auto& thread : threads) thread.join();
    CHECK(await([&] { return counted == raised; }));
}

TEST_CASE("a fault of the program acts as without a source", "[signal]") {
    const gcd::queue queue{"signal"};
    handled = 0;
    const signal_watch fault{signal_event{SIGSEGV}, queue, [] {}};
    SECTION("the program's disposition is back when the instruction is tried again") {
        const disposition own{SIGSEGV, &count_signal};
        fault->start();
        // Called as the kernel does for a bad address.
        siginfo_t info{};
        info.si_code = SEGV_MAPERR;
        const struct sigaction watching = installed(SIGSEGV);
        REQUIRE((watching.sa_flags & SA_SIGINFO) != 0);
        watching.sa_sigaction(SIGSEGV, &info, nullptr);
        CHECK(handled == 0);
        CHECK(installed(SIGSEGV).sa_handler == &count_signal);
        fault->cancel();
    }
    SECTION("one that was sent is counted") {
        const disposition own{SIGSEGV, &count_signal};
        fault->start();
        ::raise(SIGSEGV);
        CHECK(handled == 1);
        CHECK(await([&] { return fault->data().count == 1; }));
        fault->cancel();
    }
}

TEST_CASE("in a forked child the program's dispositions act, and the parent's sources count nothing of it",
          "[signal]") {
    const gcd::queue queue{"signal"};
    std::atomic<std::uint64_t> counted{0};
    const signal_watch usr2{signal_event{SIGUSR2}, queue, [&](signal_event::data data) { counted += data.count; }};
    usr2->start();
    const int status = status_of_child([] { ::raise(SIGUSR2); });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGUSR2);
    ::raise(SIGUSR2);
    REQUIRE(await([&] { return counted >= 1; }));
    gcd_test::drain(queue);
    CHECK(counted == 1);
}

TEST_CASE("real-time signals that the C library keeps for itself are refused, others are counted", "[signal]") {
    const gcd::queue queue{"signal"};
    for (int reserved = 32; reserved < SIGRTMIN; ++reserved)
        CHECK_THROWS_AS((gcd::signal_source{signal_event{reserved}, queue, [] {}}), std::invalid_argument);
    std::atomic<std::uint64_t> counted{0};
    const signal_watch real_time{signal_event{SIGRTMIN + 1}, queue,
                                 [&](signal_event::data data) { counted += data.count; }};
    real_time->start();
    send(SIGRTMIN + 1, 10);
    CHECK(await([&] { return counted == 10; }));
}
#endif

TEST_CASE("bad signal numbers are refused when the source is made", "[signal]") {
    const gcd::queue queue{"signal"};
    for (const int bad : {0, -1, SIGKILL, SIGSTOP, NSIG, 1000})
        CHECK_THROWS_AS((gcd::signal_source{signal_event{bad}, queue, [] {}}), std::invalid_argument);
}
