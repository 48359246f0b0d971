// SPDX-License-Identifier: MIT
//
// The callback that fills the sound card's buffer waits for nothing: a queue fills a ring before it, a timer meters
// behind it.

#include <gcd/gcd.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

constexpr std::size_t block = 256; // samples a callback; 5.3 ms at 48 kHz
constexpr std::size_t blocks = 150;

// One writer, one reader. Each index is stored by its owner alone (release) and read by the other side (acquire), which
// orders the samples with it.
class ring {
public:
    std::size_t free() const { return samples_.size() - (written_.load() - read_.load(std::memory_order_acquire)); }
    void push(float sample) {
        const std::size_t at = written_.load(std::memory_order_relaxed);
        samples_[at % samples_.size()] = sample;
        written_.store(at + 1, std::memory_order_release);
    }
    bool pop(float& sample) {
        const std::size_t at = read_.load(std::memory_order_relaxed);
        if (at == written_.load(std::memory_order_acquire)) return false;
        sample = samples_[at % samples_.size()];
        read_.store(at + 1, std::memory_order_release);
        return true;
    }

private:
    std::array<float, block * 16> samples_{};
    std::atomic<std::size_t> written_{0};
    std::atomic<std::size_t> read_{0};
};

} // namespace

int main() {
    using namespace std::chrono_literals;
    using clock = std::chrono::steady_clock;
    ring ready;
    std::atomic<float> peak{0.0F};         // written by the callback, read by the meter; nothing hangs on its order
    std::atomic<std::size_t> underruns{0}; // the same

    // Synthesis, or a file: may take its time as long as the ring isn't empty.
    gcd::queue synthesis{"com.example.synthesis", {.qos = gcd::qos::user_initiated}};
    double phase = 0;
    auto fill = [&] {
        for (std::size_t room = ready.free(); room > 0; --room)
            ready.push(static_cast<float>(0.5 * std::sin(phase += 2 * 3.141592653589793 * 440 / 48000)));
    };
    synthesis.run_sync(fill);
    gcd::timer filler{{.interval = 10ms}, synthesis, fill};

    // The audio system's thread would call this; here a timer does.
    gcd::queue card{"com.example.card", {.qos = gcd::qos::user_interactive}};
    gcd::semaphore finished{0};
    std::vector<double> late;
    late.reserve(blocks);
    clock::time_point start;
    std::uint64_t ticks = 0;
    gcd::timer callback{{.interval = 5333us}, card, [&](gcd::timer_event::data data) {
                            ticks += data.fired; // more than one if the machine was too busy
                            const auto due = start + (ticks - 1) * 5333us;
                            late.push_back(std::chrono::duration<double, std::milli>{clock::now() - due}.count());
                            float loudest = 0;
                            for (std::size_t i = 0; i < block; ++i) {
                                float sample = 0;
                                if (!ready.pop(sample)) underruns.fetch_add(1, std::memory_order_relaxed);
                                loudest = std::max(loudest, std::fabs(sample));
                            }
                            peak.store(loudest, std::memory_order_relaxed);
                            if (late.size() == blocks) finished.signal();
                        }};

    gcd::queue display{"com.example.display", {.qos = gcd::qos::utility}};
    gcd::timer meter{{.interval = 100ms, .start_delay = 100ms, .leeway = 20ms}, display, [&] {
                         std::printf("level %.2f\n", static_cast<double>(peak.load(std::memory_order_relaxed)));
                     }};

    filler.start();
    start = clock::now();
    callback.start();
    meter.start();
    finished.wait();
    callback.cancel_and_wait();
    meter.cancel_and_wait();
    filler.cancel_and_wait();
    std::sort(late.begin(), late.end());
    std::printf("late by %.3f ms in the median, %.3f ms at worst; samples missing: %zu\n", late[late.size() / 2],
                late.back(), underruns.load());
}
