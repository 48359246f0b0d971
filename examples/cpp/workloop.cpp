// SPDX-License-Identifier: MIT
//
// A workloop is a serial queue that takes the item of highest QoS first; the QoS is that of the queue it came through.

#include <gcd/gcd.hpp>

#include <cstdio>
#include <stdexcept>

int main() {
    gcd::workloop loop{"com.example.workloop"};
    loop.run_async([] { std::puts("an item of the workloop"); });
    std::printf("it gives values back: %d\n", loop.run_sync([] { return 42; }));

    // Queues of different QoS share it: one item at a time, whatever queue it came through.
    gcd::queue urgent{"com.example.urgent", {.qos = gcd::qos::user_interactive, .target = &loop}};
    gcd::queue later{"com.example.later", {.qos = gcd::qos::background, .target = &loop}};
    int count = 0; // no lock: all items go through the workloop
    gcd::group all;
    for (int i = 0; i < 500; ++i) {
        all.run_async(urgent, [&count] { ++count; });
        all.run_async(later, [&count] { ++count; });
    }
    all.wait();
    std::printf("items that shared it: %d\n", count);

    // Inactive, it takes no work yet; its settings can still be changed.
    gcd::workloop lazy{"com.example.lazy", {.inactive = true}};
    try {
        lazy.run_async([] {});
    } catch (const std::logic_error&) {
        std::puts("work for an inactive workloop: refused");
    }
    lazy.set_autorelease_frequency(gcd::autorelease_frequency::work_item);
    lazy.activate();
    lazy.run_sync([] { std::puts("active now"); });
    return count == 1000 ? 0 : 1;
}
