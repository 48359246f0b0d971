// SPDX-License-Identifier: MIT
//
// Many threads ask, one initialises, the others wait until it has. A failed attempt doesn't count.

#include <gcd/gcd.hpp>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace {

gcd::once loaded;
std::string settings;
std::atomic<int> loads{0};

const std::string& get_settings() {
    loaded([] {
        ++loads;
        settings = "colour=blue";
    });
    return settings;
}

} // namespace

int main() {
    std::atomic<int> right{0};
    gcd::apply(8, [&right](std::size_t) {
        if (get_settings() == "colour=blue") ++right;
    });
    std::printf("callers with settings: %d\n", right.load());
    std::printf("loads: %d\n", loads.load());

    gcd::once flaky;
    try {
        flaky([] { throw std::runtime_error("no network"); });
    } catch (const std::runtime_error& error) {
        std::printf("first attempt: %s\n", error.what());
    }
    flaky([] { std::puts("second attempt: done"); });
    flaky([] { std::puts("third attempt: never printed"); });
    return loads == 1 && right == 8 && flaky.is_done() ? 0 : 1;
}
