// SPDX-License-Identifier: MIT
#ifndef GCD_APPLY_HPP
#define GCD_APPLY_HPP
/// @file
/// The parallel for loop.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/queue.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>

namespace gcd::inline GCD_ABI {

namespace detail {

/// A loop's body with the first exception that left it.
template <class F> class borrowed_loop final : public loop_body {
public:
    explicit borrowed_loop(F& body) noexcept : loop_body{&invoke}, body_{body} {}

    void rethrow() {
        if (error_) std::rethrow_exception(error_);
    }

private:
    static bool invoke(loop_body* base, std::size_t first, std::size_t last) noexcept {
        auto* self = static_cast<borrowed_loop*>(base);
        F& body = self->body_;
        try {
            for (std::size_t index = first; index != last; ++index) {
                if (self->stopped.load(std::memory_order_relaxed)) return false;
                static_cast<void>(body(index));
            }
            return true;
        } catch (...) {
            // The engine waits for every thread that runs the body before it returns, which orders this write
            // before the caller's read.
            if (!self->failed_.exchange(true, std::memory_order_relaxed)) self->error_ = std::current_exception();
            self->stopped.store(true, std::memory_order_relaxed);
            return false;
        }
    }

    F& body_;
    std::atomic<bool> failed_{false};
    std::exception_ptr error_;
};

} // namespace detail

/// Calls `body(i)` for each i below `iterations`, side by side on the queue's threads and on this one, and waits for
/// all. On a serial queue the calls come in order. If one throws, no further ones start, and the first exception is
/// thrown here when those under way have ended. May be nested.
/// @throws would_deadlock if this thread already holds the queue. @throws std::logic_error if the queue is inactive.
/// @throws interrupted; see interruptible.
/// @see dispatch_apply_f
template <std::invocable<std::size_t> F> void apply(std::size_t iterations, const queue& on, F&& body) {
    detail::require_callable(body, "gcd::apply: the callable is empty");
    detail::borrowed_loop<std::remove_reference_t<F>> loop{body};
    detail::backend::apply(iterations, detail::access::object_of(on), loop);
    loop.rethrow();
}

/// As above, on the global queue of default QoS. @see dispatch_apply_f
template <std::invocable<std::size_t> F> void apply(std::size_t iterations, F&& body) {
    apply(iterations, queue::global_queue(), std::forward<F>(body));
}

} // namespace gcd::inline GCD_ABI

#endif
