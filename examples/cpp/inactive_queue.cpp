// SPDX-License-Identifier: MIT
//
// An inactive queue takes work and holds it until activate(): time to set everything up first.

#include <gcd/gcd.hpp>

#include <atomic>
#include <cstdio>
#include <stdexcept>

int main() {
    gcd::queue lazy{"com.example.lazy", {.inactive = true}};
    std::printf("inactive: %s\n", lazy.is_inactive() ? "yes" : "no");

    std::atomic<int> ran{0};
    for (int i = 0; i < 3; ++i) lazy.run_async([&ran] { ++ran; });
    std::printf("ran before activation: %d\n", ran.load());

    // A blocking call would wait for ever, so it is refused.
    try {
        lazy.run_sync([] {});
    } catch (const std::logic_error&) {
        std::puts("run_sync on it: refused");
    }

    // Everything of the lazy queue now goes through this one.
    gcd::queue target{"com.example.target"};
    lazy.set_target_queue(target);

    lazy.activate();
    lazy.run_sync([&] { std::printf("ran after activation: %d\n", ran.load()); });
    lazy.run_sync([&] { std::printf("runs inside its target: %s\n", target.is_current() ? "yes" : "no"); });
    std::printf("inactive: %s\n", lazy.is_inactive() ? "yes" : "no");

    try {
        lazy.activate();
    } catch (const std::logic_error&) {
        std::puts("activating it again: refused");
    }
    return ran == 3 ? 0 : 1;
}
