// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

/// Leaves work behind that goes on after the library was unloaded: it submits itself again until told to stop.
extern "C" __attribute__((visibility("default"))) void unloaded_begin(int* left, void (*done)()) {
    struct repeat {
        gcd::queue on;
        int* left;
        void (*done)();

        void operator()() {
            if (--*left == 0) return done();
            const gcd::queue next = on.retain();
            next.run_async(repeat{on.retain(), left, done});
        }
    };
    const gcd::queue on{"unloaded"};
    on.run_async(repeat{on.retain(), left, done});
}
