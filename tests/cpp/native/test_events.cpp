// SPDX-License-Identifier: MIT
/// @file
/// What only this engine does with timers and descriptors: leeway, clock jumps, descriptors that change under a source.

#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"
#include "sources.hpp"
#include "switches.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd::detail::native::the_loop;
using gcd_test::await;
using gcd_test::ended;
using gcd_test::holds_in_child;
using gcd_test::is_refused;
using gcd_test::pass;
using timer = ended<gcd::timer>;
using reader = ended<gcd::read_source>;
using steady = std::chrono::steady_clock;

namespace {

constexpr std::int64_t hour = 3'600'000'000'000;

/// The system's time as it would be after a change, until the end.
class time_jump {
public:
    explicit time_jump(std::int64_t by) : by_{by} { the_loop().jump_wall_clock(by); }
    time_jump(const time_jump&) = delete;
    time_jump& operator=(const time_jump&) = delete;
    ~time_jump() { the_loop().jump_wall_clock(-by_); }

private:
    std::int64_t by_;
};

bool event_thread_ends() {
    return await([] { return the_loop().look().threads == 0; }, 60s);
}

void clear(int fd) {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd, &count, sizeof(count)));
}
void bump(int fd) {
    const std::uint64_t one = 1;
    REQUIRE(::write(fd, &one, sizeof(one)) == sizeof(one));
}

} // namespace

TEST_CASE("what has leeway is told together with what is due within it", "[timer]") {
    using namespace gcd::detail::native;
    struct waiting : timed {
        gcd_test::signal told;
        waiting()
            : timed{[](timed* base, telling what) noexcept {
                  if (what == telling::tell) static_cast<waiting*>(base)->told.set();
              }} {}
    };
    // One of its own, as anything else that wakes the process' loop would be an occasion too. It is never destroyed.
    static auto* const loop = new event_loop;
    waiting first;
    loop->arm_once(&first, gcd::clock::uptime, 1, 0);
    REQUIRE(first.told.wait());
    REQUIRE(await([] { return loop->look().asleep == 2; }));
    waiting early;
    waiting late;
    const std::int64_t now = loop->now(gcd::clock::uptime);
    loop->arm_once(&early, gcd::clock::uptime, now + 20'000'000, 3'600'000'000'000);
    loop->arm_once(&late, gcd::clock::uptime, now + 80'000'000, 0);
    REQUIRE(early.told.wait());
    CHECK(loop->now(gcd::clock::uptime) >= now + 80'000'000);
    CHECK(late.told.wait());
}

TEST_CASE("when the system's time jumps, a wall-clock timer fires once and tells what it has missed", "[timer]") {
    const gcd::queue queue{"timer"};
    const auto due = std::chrono::system_clock::now() + 1h;
    std::atomic<std::uint64_t> runs{0};
    std::atomic<std::uint64_t> fired{0};
    const auto count = [&](gcd::timer_event::data data) {
        fired += data.fired;
        ++runs;
    };
    SECTION("forward, past its time") {
        const timer once{gcd::timer_event{.start_delay = gcd::time::wall(due), .repeating = false}, queue, count};
        once->start();
        const time_jump forward{2 * hour};
        CHECK(await([&] { return runs == 1; }));
        CHECK(fired == 1);
    }
    SECTION("forward, by many intervals") {
        const timer often{gcd::timer_event{.interval = 1min, .start_delay = gcd::time::wall(due)}, queue, count};
        often->start();
        const time_jump forward{3 * hour};
        REQUIRE(await([&] { return runs == 1; }));
        CHECK(fired >= 120);
        CHECK(fired <= 121);
        REQUIRE(pass(20ms));
        CHECK(runs == 1);
    }
    SECTION("back") {
        const timer once{gcd::timer_event{.start_delay = gcd::time::wall(std::chrono::system_clock::now() + 20ms),
                                          .repeating = false},
                         queue, count};
        once->start();
        {
            const time_jump back{-hour};
            REQUIRE(pass(60ms));
            CHECK(runs == 0);
        }
        CHECK(await([&] { return runs == 1; }));
    }
    SECTION("others don't notice") {
        const timer later{gcd::timer_event{.interval = 1h, .repeating = false}, queue, count};
        later->start();
        const time_jump forward{2 * hour};
        REQUIRE(pass(20ms));
        CHECK(runs == 0);
    }
}

TEST_CASE("a descriptor that is closed, with a duplicate left open, and used again harms nobody", "[fd]") {
    const gcd::queue queue{"fd"};
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const int duplicate = ::dup(ends[0]);
    std::atomic<int> heard{0};
    std::optional<reader> old;
    old.emplace(gcd::read_event{ends[0]}, queue, [&] { ++heard; });
    (*old)->start();
    const int other = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    REQUIRE(::dup2(other, ends[0]) == ends[0]);
    const unsigned before = the_loop().look().rebuilt;
    const bool old_goes_first = GENERATE(true, false);
    if (old_goes_first) old.reset();
    std::atomic<int> fresh_heard{0};
    {
        const reader fresh{gcd::read_event{ends[0]}, queue, [&] {
                               clear(ends[0]);
                               ++fresh_heard;
                           }};
        fresh->start();
        REQUIRE(::write(ends[1], "x", 1) == 1);
        CHECK(await([&] { return the_loop().look().rebuilt > before; }));
        bump(other);
        CHECK(await([&] { return fresh_heard == 1; }));
        REQUIRE(::write(ends[1], "x", 1) == 1);
        REQUIRE(pass(20ms));
        CHECK(heard == 0);
        CHECK(fresh_heard == 1);
    }
    old.reset();
    for (const int fd : {ends[0], ends[1], duplicate, other}) ::close(fd);
}

TEST_CASE("more than ten thousand descriptors are watched at once", "[fd]") {
    constexpr std::size_t count = 10'500;
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    REQUIRE(limit.rlim_max > count + 100);
    const gcd::queue queue{"fd"};
    std::vector<int> counters(count);
    std::vector<std::atomic<int>> heard(count);
    {
        std::vector<std::unique_ptr<reader>> sources;
        for (std::size_t i = 0; i < count; ++i) {
            counters[i] = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            REQUIRE(counters[i] >= 0);
            sources.push_back(std::make_unique<reader>(gcd::read_event{counters[i]}, queue, [&, i] {
                clear(counters[i]);
                ++heard[i];
            }));
            (*sources.back())->start();
        }
        for (int round = 1; round <= 2; ++round) {
            for (const int counter : counters) bump(counter);
            CHECK(await([&] {
                for (const auto& each : heard)
                    if (each < round) return false;
                return true;
            }));
        }
    }
    for (const int counter : counters) ::close(counter);
}

TEST_CASE("timers armed and cancelled in great number leave nothing behind", "[timer]") {
    const gcd::queue queue{"timer"};
    std::atomic<int> fired{0};
    for (int i = 0; i < 100'000; ++i) {
        const gcd::timer tick{{.interval = gcd::duration{std::chrono::milliseconds{1'000 + i}}}, queue, [] {}};
        tick.set_timer({.interval = 1h, .start_delay = 1h});
        tick.start();
    }
    const timer last{gcd::timer_event{.interval = 1ms, .repeating = false}, queue, [&] { ++fired; }};
    last->start();
    CHECK(await([&] { return fired == 1; }));
}

TEST_CASE("the event thread is there while somebody waits, and ends some time after", "[timer]") {
    REQUIRE(event_thread_ends());
    const gcd::queue queue{"timer"};
    {
        const timer far{gcd::timer_event{.interval = 1h, .repeating = false}, queue, [] {}};
        CHECK(the_loop().look().threads == 0);
        far->start();
        CHECK(the_loop().look().threads != 0);
    }
    CHECK(event_thread_ends());
    gcd_test::signal fired;
    queue.after(1ms, [&] { fired.set(); });
    CHECK(fired.wait());
    CHECK(the_loop().look().threads != 0);
}

TEST_CASE("events are heard while the thread that tells of them is inside of a long item", "[timer]") {
    const gcd::queue slow{"slow"};
    const gcd::queue other{"other"};
    gcd_test::signal begun, go, ended, warm;
    slow.after(1ms, [&] { warm.set(); });
    REQUIRE(warm.wait());
    REQUIRE(await([] { return the_loop().look().asleep == 2; }));
    slow.after(1ms, [&] {
        begun.set();
        static_cast<void>(go.wait(30s));
        ended.set();
    });
    REQUIRE(begun.wait());
    // Longer than a thread that nobody needs stays.
    CHECK_FALSE(await([] { return the_loop().look().threads == 1; }, 7s));
    other.after(1ms, [&] { go.set(); });
    CHECK(ended.wait());
    CHECK(event_thread_ends());
}

TEST_CASE("what waits for later costs nothing meanwhile", "[timer][fd]") {
    REQUIRE(event_thread_ends());
    const gcd::queue queue{"idle"};
    const int counters[2] = {::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    {
        const timer far{gcd::timer_event{.interval = 1h, .repeating = false}, queue, [] {}};
        far->start();
        const reader watched{gcd::read_event{counters[0]}, queue, [] {}};
        watched->start();
        const reader cancelled{gcd::read_event{counters[1]}, queue, [] {}};
        cancelled->start();
        cancelled->cancel();
        gcd_test::signal fired;
        queue.after(1ms, [&] { fired.set(); });
        REQUIRE(fired.wait());
        REQUIRE(await([] { return the_loop().look().asleep == 2; }));
        const auto& pool = gcd::detail::native::the_pool();
        REQUIRE(await([&] { return pool.running(pool.status.load()) == 0 && pool.monitor_armed.load() == 0; }));
        const auto before = gcd_test::switches_at_rest();
        CHECK(before.size() >= 2);
        // Time is what this is about: nothing happens while it passes.
        std::this_thread::sleep_for(1s);
        CHECK(gcd_test::switches_of_own_threads() == before);
    }
    for (const int counter : counters) ::close(counter);
}

TEST_CASE("an event thread that an item of a lower level asks for is no nicer than the usual ones", "[timer][qos]") {
    const int usual = ::getpriority(PRIO_PROCESS, 0);
    REQUIRE(event_thread_ends());
    const gcd::queue queue{"timer"};
    gcd_test::signal fired;
    int seen = -100;
    gcd::queue::global_queue(gcd::qos::background).run_async([&] {
        queue.after(1ms, [&] {
            seen = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
            fired.set();
        });
    });
    REQUIRE(fired.wait());
    CHECK(seen == usual);
    gcd_test::signal again;
    queue.after(1ms, [&] {
        seen = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
        again.set();
    });
    REQUIRE(again.wait());
    CHECK(seen == usual);
}

TEST_CASE("in the child of a fork timers and descriptors are the child's own", "[fork]") {
    const gcd::queue queue{"fork"};
    const int counter = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    std::atomic<int> heard{0};
    std::atomic<int> ticks{0};
    {
        const gcd::timer unstarted{{.interval = 1ms, .repeating = false}, queue, [&] { ++ticks; }};
        const reader started{gcd::read_event{counter}, queue, [&] {
                                 clear(counter);
                                 ++heard;
                             }};
        started->start();
        CHECK(holds_in_child([&] {
            bool right = is_refused([&] { started->cancel(); });
            unstarted.start();
            right = right && await([&] { return ticks == 1; });
            const gcd::queue own{"child"};
            std::atomic<int> fired{0};
            own.after(1ms, [&] { ++fired; });
            const gcd::timer tick{{.interval = 1ms}, own, [&] { ++fired; }};
            tick.start();
            right = right && await([&] { return fired >= 3; });
            tick.cancel_and_wait();
            return right;
        }));
        bump(counter);
        CHECK(await([&] { return heard == 1; }));
        CHECK(ticks == 0);
    }
    ::close(counter);
}
