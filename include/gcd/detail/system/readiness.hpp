// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_READINESS_HPP
#define GCD_DETAIL_SYSTEM_READINESS_HPP
/// @file
/// Waiting until a descriptor can be read or written: a source, suspended while nothing waits.

#include <gcd/config.hpp>
#include <gcd/detail/system/source.hpp>
#include <gcd/detail/types.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace gcd::inline GCD_ABI::detail::system {

/// One direction of a descriptor. All of it happens on one serial queue, the calls included.
class readiness {
public:
    using function = void (*)(void* context);

    /// `ready(context)` is called once for each wait(). @throws std::system_error
    readiness(int fd, bool writing, queue_object* on, function ready, void* context)
        : ready_{ready}, context_{context} {
        source_config config;
        config.kind = writing ? source_kind::write : source_kind::read;
        config.handle = fd;
        source_ = source_create(config, on, [this](std::uint64_t) { event(); });
    }
    readiness(const readiness&) = delete;
    readiness& operator=(const readiness&) = delete;
    ~readiness() { release(source_); }

    /// @throws std::system_error
    void wait() {
        if (!started_) source_start(source_);
        if (started_) source_resume(source_);
        started_ = true;
        waiting_ = true;
    }
    void stop_waiting() noexcept {
        if (!std::exchange(waiting_, false)) return;
        source_suspend(source_);
    }
    [[nodiscard]] bool is_waiting() const noexcept { return waiting_; }

    /// Calls `ended(context)` once nothing looks at the descriptor any more; the object may go then.
    void end(function ended) {
        source_set_cancel_handler(source_, [ended, context = context_] { ended(context); });
        source_cancel(source_);
    }

private:
    void event() {
        if (!waiting_) return;
        stop_waiting();
        ready_(context_);
    }

    const function ready_;
    void* const context_;
    source_object* source_ = nullptr;
    bool started_ = false; ///< and suspended while nothing waits
    bool waiting_ = false;
};

} // namespace gcd::inline GCD_ABI::detail::system

#endif
