// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"
#include "collect.hpp"
#include "temp.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using gcd_test::holds_in_child;
using gcd_test::is_refused;
using gcd_test::latch;

namespace {

/// Ends a child of a fork in a way that its parent knows, when the thread has come to its end.
struct end_of_thread {
    bool is_child = false;
    ~end_of_thread() {
        if (is_child) ::_exit(7);
    }
};
thread_local end_of_thread the_end;

/// Goes on in the child too, which must come to this thread's end. What it gives is the parent's.
bool goes_on_in_child() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        the_end.is_child = true;
        return false;
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/// A handler whose first run forks.
struct fork_once {
    std::atomic<bool> first{true};
    std::atomic<bool> held{false};
    gcd_test::signal ran;

    void run() {
        if (!first.exchange(false)) return;
        held = goes_on_in_child();
        ran.set();
    }
};

/// Everything that an idle engine can do.
bool works() {
    const gcd::queue serial{"child"};
    const gcd::queue concurrent{"child", {.concurrent = true, .target = &serial}};
    int ran = 0;
    serial.run_async([&ran] { ++ran; });
    concurrent.run_sync([&ran] { ++ran; });
    const gcd::group group;
    std::atomic<int> counted{0};
    group.run_async(gcd::queue::global_queue(), [&counted] { ++counted; });
    group.run_async(gcd::queue::global_queue(gcd::qos::background), [&counted] { ++counted; });
    if (!group.wait_for(5s)) return false;
    gcd::apply(100, [&counted](std::size_t) { ++counted; });
    gcd::queue::main_queue().run_async([&ran] { ++ran; });
    gcd::stop_main();
    gcd::run_main();
    return ran == 3 && counted == 102;
}

} // namespace

TEST_CASE("the child of a fork has an engine of its own", "[native][fork]") {
    REQUIRE(works());
    CHECK(holds_in_child([] { return works(); }));
    CHECK(holds_in_child([] { return holds_in_child([] { return works(); }); }));
    CHECK(works());
}

TEST_CASE("idle objects of the parent are the child's", "[native][fork]") {
    const gcd::queue target{"target"};
    const gcd::queue queue{"queue", {.target = &target}};
    const gcd::queue suspended{"suspended"};
    const gcd::group group;
    const gcd::semaphore semaphore{1};
    queue.run_sync([] {});
    suspended.suspend();
    CHECK(holds_in_child([&] {
        int ran = 0;
        queue.run_async([&ran] { ++ran; });
        queue.run_sync([&ran] { ++ran; });
        suspended.run_async([&ran] { ++ran; });
        suspended.resume();
        suspended.run_sync([&ran] { ++ran; });
        group.run_async(queue, [&ran] { ++ran; });
        group.wait();
        semaphore.wait();
        return ran == 5 && !semaphore.signal();
    }));
    suspended.resume();
    CHECK(queue.run_sync([] { return 1; }) == 1);
}

TEST_CASE("objects with work under way in the parent are refused in the child", "[native][fork]") {
    const gcd::queue queue{"busy"};
    const gcd::group group;
    latch started{1};
    latch released{1};
    group.run_async(queue, [&] {
        started.count_down();
        static_cast<void>(released.wait());
    });
    REQUIRE(started.wait());
    CHECK(holds_in_child([&] {
        return is_refused([&] { queue.run_async([] {}); }) && is_refused([&] { queue.run_sync([] {}); }) &&
               is_refused([&] { group.wait(); }) && works();
    }));
    released.count_down();
    CHECK(group.wait_for(5s));
}

TEST_CASE("a queue that a thread of the parent was about to change is refused in the child", "[native][fork]") {
    const gcd::queue queue{"changing"};
    const gcd::queue through{"through", {.target = &queue}};
    latch held{1};
    latch released{1};
    std::thread changing{[&] {
        const std::lock_guard hold{gcd::detail::access::object_of(queue)->lock};
        held.count_down();
        static_cast<void>(released.wait());
    }};
    CHECK(held.wait());
    CHECK(holds_in_child([&] { return is_refused([&] { queue.run_async([] {}); }) && works(); }));
    CHECK(holds_in_child([&] { return is_refused([&] { through.run_sync([] {}); }) && works(); }));
    static const gcd::specific_key<int> key;
    through.set_specific(key, 1);
    through.run_sync([] { CHECK(holds_in_child([] { return gcd::get_all_specific(key).size() == 1; })); });
    released.count_down();
    changing.join();
    CHECK(holds_in_child([&] { return through.run_sync([] { return true; }); }));
}

TEST_CASE("a fork in the middle of a call leaves the child no lock that nobody gives back", "[native][fork]") {
    constexpr int forks = 40;
    const gcd::queue queue{"queue"};
    // Refused or done, but it must come to an end.
    const auto check = [](const auto& in_parent, const auto& in_child) {
        std::atomic<bool> stop{false};
        std::thread calling{[&] {
            while (!stop) in_parent();
        }};
        for (int i = 0; i != forks; ++i) CHECK(holds_in_child([&] { return is_refused(in_child) || works(); }));
        stop = true;
        calling.join();
    };
    const auto check_same = [&check](const auto& call) { check(call, call); };
    SECTION("of a queue") {
        check_same([&queue] {
            queue.suspend();
            queue.resume();
        });
    }
    SECTION("of targets") {
        const auto retarget = [&queue](const gcd::queue& changed) {
            changed.set_target_queue(queue);
            changed.set_target_queue(gcd::queue::global_queue());
        };
        const gcd::queue changed{"changed"};
        check([&] { retarget(changed); }, [&] { retarget(gcd::queue{"new"}); });
    }
    SECTION("of a group") {
        const gcd::group group;
        const gcd::queue held{"held"};
        const gcd::suspension suspended = held.suspended();
        check_same([&] { group.notify(held, [] {}); });
    }
    SECTION("of a semaphore") {
        const gcd::semaphore semaphore{0};
        check_same([&] { static_cast<void>(semaphore.wait_for(1us)); });
    }
    SECTION("of a source") {
        const gcd::timer timer{{.interval = 1h}, queue, [] {}};
        check_same([&timer] { timer.set_cancel_handler([] {}); });
    }
    SECTION("of a descriptor") {
        const gcd_test::pipe ends;
        check_same([&ends] {
            gcd_test::signal closed;
            const auto close = [&closed](int) { closed.set(); };
            gcd::io_channel{ends.read.get(), gcd::io_type::stream, nullptr, close}.close();
            if (!closed.wait()) throw std::runtime_error("the channel didn't end");
        });
    }
}

TEST_CASE("what was submitted in the parent runs there alone", "[native][fork]") {
    auto queue = std::make_unique<gcd::queue>("held");
    std::atomic<int> ran{0};
    queue->suspend();
    queue->run_async([&ran] { ++ran; });
    CHECK(holds_in_child([&] {
        queue.reset();
        return works() && ran == 0;
    }));
    queue->resume();
    queue->run_sync([] {});
    CHECK(ran == 1);
}

TEST_CASE("a fork inside an item leaves the parent's other work to the parent", "[native][fork]") {
    const gcd::queue queue{"forking"};
    std::atomic<int> ran{0};
    bool held = false;
    queue.suspend();
    queue.run_async(
        [&] { held = holds_in_child([&] { return is_refused([&] { queue.run_async([] {}); }) && works(); }); });
    queue.run_async([&ran] { ++ran; });
    queue.resume();
    queue.run_sync([] {});
    CHECK(held);
    CHECK(ran == 1);
}

TEST_CASE("the child of a fork that a handler has made ends with the handler", "[native][fork]") {
    const gcd::queue queue{"forking", {.concurrent = GENERATE(false, true)}};
    fork_once forks;
    const auto once = [&] { forks.run(); };
    const auto check = [&](const auto& source) {
        source.start();
        CHECK(forks.ran.wait());
        source.cancel_and_wait();
        CHECK(forks.held);
    };
    SECTION("of a timer that repeats") { check(gcd::timer{{.interval = 1ms}, queue, once}); }
    SECTION("of a timer that fires once") { check(gcd::timer{{.repeating = false}, queue, once}); }
    SECTION("of a descriptor") {
        const gcd_test::pipe ends;
        gcd_test::write_all(ends.write.get(), "x");
        check(gcd::read_source{{.fd = ends.read.get()}, queue, once});
    }
    SECTION("of a file, which is always ready") {
        const gcd_test::temp_file file{"x"};
        const gcd_test::fd opened = file.open();
        check(gcd::read_source{{.fd = opened.get()}, queue, once});
    }
    SECTION("of a registration") {
        const gcd::timer timer{{.interval = 1h, .start_delay = 1h}, queue, [] {}};
        timer.set_registration_handler(once);
        check(timer);
    }
}

TEST_CASE("the child of a fork that a channel's handler has made ends with the handler", "[native][fork][io]") {
    const gcd_test::temp_file file{gcd_test::pattern(1'000'000)};
    const gcd_test::fd opened = file.open();
    const gcd::queue queue{"forking"};
    fork_once forks;
    const auto once = [&] { forks.run(); };
    gcd_test::signal closed;
    const gcd::io_channel channel{opened.get(), gcd::io_type::stream, &queue, [&](int) { closed.set(); }};
    channel.set_high_water(10'000);
    SECTION("of a read") {
        channel.read(1'000'000, [&](bool, const gcd::data&, int) { once(); });
    }
    SECTION("of a barrier") { channel.barrier(once); }
    CHECK(forks.ran.wait());
    channel.close();
    CHECK(closed.wait());
    CHECK(forks.held);
}

TEST_CASE("the child of a fork that a giver of memory has made ends with it, and reads nothing", "[native][fork][io]") {
    constexpr std::size_t size = 1'000'000;
    const gcd_test::temp_file file{gcd_test::pattern(size)};
    const gcd_test::fd opened = file.open();
    const gcd::queue queue{"forking"};
    fork_once forks;
    std::size_t arrived = 0;
    gcd_test::signal closed;
    {
        const gcd::io_channel channel{opened.get(), gcd::io_type::stream, &queue, [&](int) { closed.set(); }};
        channel.read(
            size, [&](bool, const gcd::data& chunk, int) { arrived += chunk.size(); }, 0, nullptr,
            [&](std::size_t) -> std::byte* {
                forks.run();
                return nullptr;
            });
    }
    CHECK(closed.wait());
    CHECK(forks.held);
    CHECK(arrived == size);
}
