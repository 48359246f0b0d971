// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_SOURCES_HPP
#define GCD_TEST_SOURCES_HPP
/// @file
/// What the tests of the sources share.

#include "await.hpp"

#include <gcd/queue.hpp>
#include <gcd/timer.hpp>

#include <chrono>
#include <type_traits>
#include <utility>

namespace gcd_test {

/// Makes a source whose handler may use the test's variables: its end waits for the handler.
template <class Source> class ended {
public:
    template <class Event, class F>
    ended(const Event& event, const gcd::queue& on, F&& handler) : source_(event, on, std::forward<F>(handler)) {}
    ended(const ended&) = delete;
    ended& operator=(const ended&) = delete;
    ~ended() { source_.cancel_and_wait(); }

    const Source* operator->() const { return &source_; }

private:
    Source source_;
};

/// Later than any test lasts.
inline constexpr gcd::duration far = std::chrono::hours{1};

/// Lets the time pass in which something must not happen: a timer of the library that is due later than that.
/// False if even this one doesn't fire.
[[nodiscard]] inline bool pass(std::chrono::milliseconds span) {
    signal over;
    const gcd::queue on{"pass"};
    const ended<gcd::timer> later{gcd::timer_event{.interval = span, .repeating = false}, on, [&] { over.set(); }};
    later->start();
    return over.wait();
}

/// Runs after everything that stands in the queue now.
inline void drain(const gcd::queue& queue) {
    queue.barrier_sync([] {});
}

} // namespace gcd_test

#endif
