// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "switches.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd_test::await;
using gcd_test::latch;
using gcd_test::switches_of_own_threads;
namespace native = gcd::detail::native;

namespace {

native::pool& first_pool() { return native::the_pool(); }

unsigned parked() { return native::pool::parked(first_pool().status.load()); }
unsigned searching() { return native::pool::searching(first_pool().status.load()); }
unsigned running() { return native::pool::running(first_pool().status.load()); }

/// Keeps a processor busy.
void spin(std::chrono::microseconds span) {
    const auto end = std::chrono::steady_clock::now() + span;
    while (std::chrono::steady_clock::now() < end) {
    }
}

/// A limit for the time of a test.
class limited {
public:
    explicit limited(unsigned count) : former_{first_pool().limit->load()} { native::set_max_threads(count); }
    limited(const limited&) = delete;
    limited& operator=(const limited&) = delete;
    ~limited() { native::set_max_threads(former_); }

private:
    unsigned former_;
};

/// An item of a global queue that submits itself again until the end of its life, so that one thread is always at work
/// and always has something at hand.
class stream {
public:
    stream() { go_on(); }
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;
    ~stream() {
        stop_ = true;
        static_cast<void>(ended_.wait());
    }

private:
    void go_on() {
        if (stop_) return ended_.count_down();
        spin(20us);
        gcd::queue::global_queue().run_async([this] { go_on(); });
    }

    std::atomic<bool> stop_{false};
    latch ended_{1};
};

} // namespace

TEST_CASE("items that block get others started beside them", "[native][pool]") {
    const gcd::queue global = gcd::queue::global_queue();
    constexpr int items = 24;
    latch started{items};
    latch released{1};
    latch ended{items};
    for (int i = 0; i < items; ++i)
        global.run_async([&] {
            started.count_down();
            static_cast<void>(released.wait(30s));
            ended.count_down();
        });
    CHECK(started.wait());
    released.count_down();
    CHECK(ended.wait());
}

TEST_CASE("items that wait in the library get others started beside them", "[native][pool]") {
    const gcd::queue global = gcd::queue::global_queue();
    constexpr int items = 24;
    const gcd::semaphore gate{0};
    latch started{items};
    latch ended{items};
    for (int i = 0; i < items; ++i)
        global.run_async([&] {
            started.count_down();
            gate.wait();
            ended.count_down();
        });
    CHECK(started.wait());
    for (int i = 0; i < items; ++i) gate.signal();
    CHECK(ended.wait());
}

TEST_CASE("no more items run side by side than the limit says", "[native][pool]") {
    // Threads that cases before this one have blocked.
    REQUIRE(await([] { return running() == 0; }));
    const limited one{1};
    const gcd::queue global = gcd::queue::global_queue();
    constexpr int items = 50;
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    latch ended{items};
    for (int i = 0; i < items; ++i)
        global.run_async([&] {
            const int now = ++inside;
            if (now > most) most = now;
            spin(200us);
            --inside;
            ended.count_down();
        });
    CHECK(ended.wait());
    CHECK(most == 1);
}

TEST_CASE("items that contend for one mutex don't make the pool grow", "[native][pool]") {
    const gcd::queue global = gcd::queue::global_queue();
    const unsigned width = first_pool().limit->load();
    const unsigned before = first_pool().made.load();
    constexpr int items = 1'000;
    std::mutex one;
    latch ended{items};
    for (int i = 0; i < items; ++i)
        global.run_async([&] {
            {
                const gcd::waiting_for_lock waits;
                one.lock();
            }
            spin(10us);
            one.unlock();
            ended.count_down();
        });
    CHECK(ended.wait());
    CHECK(first_pool().made.load() <= std::max(before, 2 * width));
}

TEST_CASE("a pool without work is parked, all of it", "[native][pool]") {
    const gcd::queue global = gcd::queue::global_queue();
    latch ended{100};
    for (int i = 0; i < 100; ++i) global.run_async([&] { ended.count_down(); });
    REQUIRE(ended.wait());
    CHECK(await([] { return running() == 0 && searching() == 0; }));
    CHECK(parked() > 0);
    CHECK(await([] { return first_pool().monitor_armed.load() == 0; }));
}

TEST_CASE("an idle pool never wakes up by itself", "[native][pool]") {
    const gcd::queue suspended{"suspended"};
    suspended.suspend();
    suspended.run_async([] {});
    latch ended{100};
    for (int i = 0; i < 100; ++i) gcd::queue::global_queue().run_async([&] { ended.count_down(); });
    REQUIRE(ended.wait());
    // What there is too much of has to go first.
    REQUIRE(await([] { return running() == 0 && first_pool().monitor_armed.load() == 0; }));
    const auto before = gcd_test::switches_at_rest();
    CHECK(!before.empty());
    // Time is what this is about: nothing happens while it passes.
    std::this_thread::sleep_for(1s);
    CHECK(switches_of_own_threads() == before);
    suspended.resume();
    suspended.run_sync([] {});
}

TEST_CASE("threads that are too many end after a while, and those that may run stay", "[native][pool]") {
    constexpr unsigned items = 12;
    latch started{items};
    latch released{1};
    latch ended{items};
    for (unsigned i = 0; i < items; ++i)
        gcd::queue::global_queue().run_async([&] {
            started.count_down();
            static_cast<void>(released.wait(30s));
            ended.count_down();
        });
    REQUIRE(started.wait());
    released.count_down();
    REQUIRE(ended.wait());
    const unsigned width = first_pool().limit->load();
    CHECK(await([&] { return parked() <= width; }, 20s));
    CHECK(parked() + running() >= std::min(width, 1U));
}

TEST_CASE("the pool's threads block signals and bear a name", "[native][pool]") {
    latch ended{1};
    std::string name;
    sigset_t blocked;
    sigemptyset(&blocked);
    gcd::queue::global_queue().run_async([&] {
        std::ifstream file{"/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/comm"};
        std::getline(file, name);
        ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        ended.count_down();
    });
    REQUIRE(ended.wait());
    CHECK(name == "gcd-worker");
    CHECK(sigismember(&blocked, SIGINT) == 1);
    CHECK(sigismember(&blocked, SIGCHLD) == 1);
    CHECK(sigismember(&blocked, SIGPIPE) == 1);
    // What the thread itself does wrong: a handler of the program's is to hear of it.
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) CHECK(sigismember(&blocked, own) == 0);
}

TEST_CASE("lower levels run on nicer threads, and the usual ones stay as they are", "[native][pool][qos]") {
    const int usual = ::getpriority(PRIO_PROCESS, 0);
    int seen[3] = {-100, -100, -100};
    const gcd::qos classes[3] = {gcd::qos::default_class, gcd::qos::utility, gcd::qos::background};
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 3; ++i) {
            latch ended{1};
            const gcd::queue on{"", {.qos = classes[i]}};
            on.run_async([&] {
                seen[i] = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
                ended.count_down();
            });
            REQUIRE(ended.wait());
        }
    CHECK(seen[0] == usual);
    // 10 and 19 more, as far as it goes: this process may be nice itself.
    constexpr int nicest = 19;
    CHECK(seen[1] == std::min(usual + 10, nicest));
    CHECK(seen[2] == std::min(usual + 19, nicest));
}

TEST_CASE("threads that items of nicer ones ask for are as nice as others of their level", "[native][pool][qos]") {
    const int usual = ::getpriority(PRIO_PROCESS, 0);
    constexpr int nicest = 19;
    const limited more{4};
    // No item ends before the others have begun, so that each needs a thread, and most of those are asked for here.
    for (const gcd::qos from : {gcd::qos::background, gcd::qos::utility})
        for (const gcd::qos to : {gcd::qos::utility, gcd::qos::default_class}) {
            int seen[2] = {-100, -100};
            latch inside{2};
            latch ended{2};
            gcd::queue::global_queue(from).run_async([&] {
                for (int& each : seen)
                    gcd::queue::global_queue(to).run_async([&] {
                        if (inside.arrive_and_wait())
                            each = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
                        ended.count_down();
                    });
            });
            REQUIRE(ended.wait());
            const int expected = to == gcd::qos::utility ? std::min(usual + 10, nicest) : usual;
            CHECK(seen[0] == expected);
            CHECK(seen[1] == expected);
        }
}

TEST_CASE("a lower level gets on while the higher ones keep every thread busy", "[native][pool][qos]") {
    const limited one{1};
    std::atomic<bool> stop{false};
    latch busy{1};
    latch stopped{1};
    gcd::queue::global_queue().run_async([&] {
        busy.count_down();
        while (!stop) std::this_thread::yield();
        stopped.count_down();
    });
    REQUIRE(busy.wait());
    latch ran{1};
    gcd::queue::global_queue(gcd::qos::background).run_async([&] { ran.count_down(); });
    CHECK(ran.wait());
    stop = true;
    CHECK(stopped.wait());
}

TEST_CASE("an item that keeps its thread doesn't hold up what it has submitted", "[native][pool]") {
    const gcd::queue other{"other"};
    std::atomic<bool> ran{false};
    latch ended{1};
    gcd::queue::global_queue().run_async([&] {
        // A row of hops first, after which the pool takes it for granted that the thread comes back to its own slot.
        for (int i = 0; i < 50; ++i) {
            latch hopped{1};
            const gcd::queue hop{"hop"};
            hop.run_async([&] { hopped.count_down(); });
            static_cast<void>(hopped.wait());
        }
        other.run_async([&] { ran = true; });
        const auto end = std::chrono::steady_clock::now() + gcd_test::bound;
        while (!ran && std::chrono::steady_clock::now() < end) {
        }
        ended.count_down();
    });
    CHECK(ended.wait(2 * gcd_test::bound));
    CHECK(ran);
}

TEST_CASE("what an item waits for outside the library runs, however busy the other threads are", "[native][pool]") {
    const bool sleeps = GENERATE(true, false);
    const bool has_queue = GENERATE(true, false);
    CAPTURE(sleeps, has_queue);
    const limited two{2};
    const gcd::queue other = has_queue ? gcd::queue{"other"} : gcd::queue::global_queue();
    const stream busy;
    latch ran{1};
    latch ended{1};
    std::atomic<bool> in_time{false};
    gcd::queue::global_queue().run_async([&] {
        other.run_async([&] { ran.count_down(); });
        if (sleeps) {
            in_time = ran.wait();
        } else {
            const auto end = std::chrono::steady_clock::now() + gcd_test::bound;
            while (!in_time && std::chrono::steady_clock::now() < end) in_time = ran.wait(0s);
        }
        ended.count_down();
    });
    CHECK(ended.wait(2 * gcd_test::bound));
    CHECK(in_time);
}

TEST_CASE("a queue with long items gives way to others, through whatever it goes", "[native][pool]") {
    const int shape = GENERATE(0, 1, 2, 3, 4);
    CAPTURE(shape);
    const limited one{1};
    const gcd::queue serial{"serial"};
    const gcd::queue concurrent{"concurrent", {.concurrent = true}};
    const gcd::queue plain{"plain"};
    const gcd::queue under_serial{"under serial", {.target = &serial}};
    const gcd::queue under_concurrent{"under concurrent", {.target = &concurrent}};
    const gcd::queue under_both{"under both", {.target = &under_concurrent}};
    const gcd::queue* const shapes[] = {&plain, &concurrent, &under_serial, &under_concurrent, &under_both};
    const gcd::queue& on = *shapes[shape];
    std::atomic<bool> stop{false};
    std::atomic<int> count{0};
    latch stopped{2};
    // Two rows, so that the queue never looks empty.
    std::function<void()> row = [&] {
        ++count;
        spin(1ms);
        if (stop) return stopped.count_down();
        on.barrier_async([&row] { row(); });
    };
    for (int i = 0; i != 2; ++i) on.barrier_async([&row] { row(); });
    REQUIRE(await([&] { return count > 1; }));
    const gcd::queue other{"other"};
    latch ran{1};
    const int before = count;
    int after = 0;
    other.run_async([&] {
        after = count;
        ran.count_down();
    });
    CHECK(ran.wait());
    stop = true;
    REQUIRE(stopped.wait());
    // Milliseconds that the monitor may need to get a processor. By number alone it would be thousands.
    CHECK(after - before < 200);
}

TEST_CASE("no item waits for ever for those that keep coming, of whatever level", "[native][pool][qos]") {
    const limited one{1};
    const gcd::queue urgent = gcd::queue::global_queue(gcd::qos::user_interactive);
    const gcd::queue global = gcd::queue::global_queue();
    // Urgent ones from outside, and a queue that is always ready again.
    std::atomic<bool> stop{false};
    std::atomic<int> left{0};
    std::thread flood{[&] {
        while (!stop) {
            for (; left < 500; ++left) // more than a ring has room for
                urgent.run_async([&] {
                    spin(100us);
                    --left;
                });
            std::this_thread::sleep_for(1ms);
        }
    }};
    const gcd::queue again{"again"};
    latch stopped{1};
    std::function<void()> row = [&] {
        spin(100us);
        if (stop) return stopped.count_down();
        again.run_async([&row] { row(); });
    };
    again.run_async([&row] { row(); });

    const gcd::queue other{"other"};
    latch from_outside{2};
    latch from_inside{2};
    for (const gcd::queue* each : {&global, &other}) {
        each->run_async([&from_outside] { from_outside.count_down(); });
        urgent.run_async([&from_inside, each] { each->run_async([&from_inside] { from_inside.count_down(); }); });
    }
    CHECK(from_outside.wait());
    CHECK(from_inside.wait());
    stop = true;
    flood.join();
    REQUIRE(stopped.wait());
    REQUIRE(await([&] { return left == 0; }));
}
