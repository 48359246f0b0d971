// SPDX-License-Identifier: MIT
/// @file
/// Each allocation of an input or output fails once: an error at the call or at the handler, and nothing is left behind.
///
/// Not under the sanitizers, which have an `operator new` of their own.

#include <gcd/gcd.hpp>

#if !defined(GCD_ABI_ASAN) && !defined(GCD_ABI_TSAN)

#include "await.hpp"
#include "catch.hpp"
#include "child.hpp"
#include "collect.hpp"
#include "counted.hpp"
#include "temp.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

namespace {

/// The allocation that fails, counted down from there; 0 for none.
std::atomic<int> until_failure{0};

void* allocate_or_fail(std::size_t size) noexcept {
    if (until_failure.load(std::memory_order_relaxed) != 0 && until_failure.fetch_sub(1) == 1) return nullptr;
    return std::malloc(size != 0 ? size : 1);
}

} // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
    void* made = allocate_or_fail(size);
    if (made == nullptr) throw std::bad_alloc{};
    return made;
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate_or_fail(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

constexpr std::size_t file_size = 300'000;

/// What a handler has come to.
struct ending {
    gcd_test::signal done;
    std::atomic<std::size_t> bytes{0};
    std::atomic<int> error{0};

    auto handler(gcd_test::live_count& alive) {
        return [this, mine = gcd_test::counted{alive}](bool last, const gcd::data& chunk, int code) {
            bytes += chunk.size();
            if (!last) return;
            error = code;
            done.set();
        };
    }
    /// Waits for the end, which is without an error, or says why not.
    [[nodiscard]] bool ends() const { return done.wait() && (error == 0 || error == ENOMEM); }
};

bool channel_holds(const gcd_test::temp_file& file, gcd::io_type type) {
    gcd_test::live_count alive;
    ending first, second;
    gcd_test::signal closed, between;
    int accepted = 0;
    try {
        const gcd_test::fd opened = file.open();
        const gcd::io_channel channel{opened.get(), type, nullptr, [&closed](int) { closed.set(); }};
        ++accepted;
        channel.set_high_water(40'000);
        channel.read(file_size, first.handler(alive));
        ++accepted;
        channel.barrier([&between, mine = gcd_test::counted{alive}] { between.set(); });
        ++accepted;
        channel.read(file_size, second.handler(alive));
        ++accepted;
    } catch (const std::bad_alloc&) {
        // What was accepted is still to be done.
    }
    bool held = true;
    if (accepted > 1) held = first.ends() && (first.error != 0 || first.bytes == file_size);
    if (accepted > 2) held = held && between.wait();
    if (accepted > 3) {
        const std::size_t expected = type == gcd::io_type::random ? file_size : 0;
        held = held && second.ends() && (first.error != 0 || second.error != 0 || second.bytes == expected);
    }
    if (accepted > 0) held = held && closed.wait();
    return held && gcd_test::await([&alive] { return alive() == 0; });
}

bool single_holds(const gcd_test::temp_file& file, bool from_pipe) {
    gcd_test::live_count alive;
    gcd_test::signal read;
    std::atomic<std::size_t> got{0};
    std::atomic<int> error{0};
    bool accepted = false;
    const std::size_t expected = from_pipe ? 50'000 : file_size;
    try {
        const gcd_test::fd opened = from_pipe ? gcd_test::fd{} : file.open();
        const gcd_test::pipe ends;
        if (from_pipe) gcd_test::write_all(ends.write.get(), std::string(expected, 'x'));
        gcd::read_async(from_pipe ? ends.read.get() : opened.get(), file_size, gcd::queue::global_queue(),
                        [&, mine = gcd_test::counted{alive}](const gcd::data& bytes, int code) {
                            got = bytes.size();
                            error = code;
                            read.set();
                        });
        accepted = true;
    } catch (const std::bad_alloc&) {
        // Nothing was accepted.
    }
    return (!accepted || (read.wait() && (error == 0 ? got == expected : error == ENOMEM))) &&
           gcd_test::await([&alive] { return alive() == 0; });
}

/// Again and again, with one failure further on each time, until it is done before there is one.
template <class Use> bool holds_without_any(Use use) {
    // In place from here on: threads, rooms, what libraries keep.
    for (int i = 0; i != 3; ++i)
        if (!use()) return false;
    for (int number = 1;; ++number) {
        until_failure = number;
        const bool held = use();
        const bool reached = until_failure.exchange(0) <= 0;
        if (!held) {
            std::fprintf(stderr, "without the allocation number %d\n", number);
            return false;
        }
        if (!reached) return number > 1;
    }
}

} // namespace

TEST_CASE("a channel does without any one piece of memory", "[native][io]") {
    const gcd_test::temp_file file{gcd_test::pattern(file_size)};
    const auto type = GENERATE(gcd::io_type::stream, gcd::io_type::random);
    CHECK(gcd_test::holds_in_child([&] { return holds_without_any([&] { return channel_holds(file, type); }); }));
}

TEST_CASE("a single read does without any one piece of memory", "[native][io]") {
    const gcd_test::temp_file file{gcd_test::pattern(file_size)};
    const bool from_pipe = GENERATE(false, true);
    CHECK(gcd_test::holds_in_child([&] { return holds_without_any([&] { return single_holds(file, from_pipe); }); }));
}

#endif
