// SPDX-License-Identifier: MIT
#include <gcd/pool.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/queue.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

using gcd_test::latch;

namespace {

/// False where the engine sizes its pool itself, which it must say in a certain way.
bool set_max_threads(unsigned count) {
    try {
        gcd::set_max_threads(count);
        return true;
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::not_supported);
        CHECK_THAT(error.what(), gcd_test::ContainsSubstring("libdispatch"));
        return false;
    }
}

} // namespace

TEST_CASE("a pool can't have no thread, nor more than 512", "[pool]") {
    for (const unsigned wrong : {0U, 513U, std::numeric_limits<unsigned>::max()})
        CHECK_THROWS_AS(gcd::set_max_threads(wrong), std::invalid_argument);
}

TEST_CASE("the engine says whether the number of threads can be set", "[pool]") {
    CHECK(set_max_threads(2) == (std::string{GCD_ENGINE_NAME} == "native"));
}

TEST_CASE("items run whatever number of threads is set", "[pool]") {
    const gcd::queue concurrent{"", {.concurrent = true}};
    for (const unsigned count : {1U, 4U, 512U, 1U, std::max(1U, std::thread::hardware_concurrency())}) {
        static_cast<void>(set_max_threads(count));
        latch done{1000};
        for (int i = 0; i < 1000; ++i) concurrent.run_async([&] { done.count_down(); });
        CHECK(done.wait());
    }
}

TEST_CASE("the number of threads may be set by items, and by many threads at once", "[pool]") {
    const gcd::queue concurrent{"", {.concurrent = true}};
    latch done{200};
    for (unsigned i = 0; i < 200; ++i)
        concurrent.run_async([&, i] {
            try {
                gcd::set_max_threads(1 + i % 4);
            } catch (const std::system_error&) {
                // Said by the engine that can't; another case looks into it.
            }
            done.count_down();
        });
    CHECK(done.wait());
    static_cast<void>(set_max_threads(std::max(1U, std::thread::hardware_concurrency())));
}
