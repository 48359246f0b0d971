// SPDX-License-Identifier: MIT
#ifndef GCD_ONCE_HPP
#define GCD_ONCE_HPP
/// @file
/// Running something once.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/work.hpp>

#include <functional>
#include <utility>

namespace gcd::inline GCD_ABI {

/// Runs one callable, once, for all threads. Usually a global or a static; neither copied nor moved.
/// @see dispatch_once_t
class once {
public:
    constexpr once() = default;
    once(const once&) = delete;
    once& operator=(const once&) = delete;

    /// Runs the callable if none has completed yet; when it returns, one has. Others wait meanwhile. If the callable
    /// throws, the exception goes to its caller and the next call tries again.
    /// @throws would_deadlock if called from inside its own callable. @throws interrupted; see interruptible.
    /// @see dispatch_once_f
    template <class F> void operator()(F&& callable) {
        detail::require_callable(callable, "gcd::once: the callable is empty");
        if (state_.is_done()) [[likely]]
            return;
        auto body = [&callable] { static_cast<void>(std::invoke(callable)); };
        detail::borrowed_call<decltype(body)> borrowed{body};
        detail::backend::once_run(state_, borrowed);
        borrowed.take();
    }

    /// True once a callable has completed. Thread-safe.
    [[nodiscard]] bool is_done() const noexcept { return state_.is_done(); }

private:
    detail::backend::once_state state_;
};

} // namespace gcd::inline GCD_ABI

#endif
