// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_WATCH_HPP
#define GCD_DETAIL_LINUX_WATCH_HPP
/// @file
/// What a source watches, as one descriptor that is readable while there is something to tell.

#include <gcd/config.hpp>
#include <gcd/detail/linux/fd_watch.hpp>
#include <gcd/detail/linux/pidfd.hpp>
#include <gcd/detail/linux/signals.hpp>
#include <gcd/detail/types.hpp>

#include <cstdint>
#include <variant>

namespace gcd::inline GCD_ABI::detail {

/// Every kind but the timer. Registered with the system by start() and taken out by stop(), both on the caller's
/// thread; the descriptor is closed with the object, once the engine has stopped looking at it.
class watch {
public:
    /// @throws std::system_error
    void start(const source_config& config) {
        switch (config.kind) {
        case source_kind::read: made_.emplace<fd_watch>(config.handle, false, "gcd::read_source::start"); break;
        case source_kind::write: made_.emplace<fd_watch>(config.handle, true, "gcd::write_source::start"); break;
        case source_kind::signal: made_.emplace<signal_watch>(config.handle); break;
        case source_kind::process: made_.emplace<process_watch>(config.handle, config.mask); break;
        case source_kind::timer: break;
        }
    }

    [[nodiscard]] int fd() const noexcept {
        return visit(made_, -1, [](const auto& watched) { return watched.fd(); });
    }
    /// What has come since the last time; false if there is nothing after all.
    bool take(std::uint64_t& data) noexcept {
        return visit(made_, false, [&](auto& watched) { return watched.take(data); });
    }
    void stop() noexcept {
        visit(made_, 0, [](auto& watched) { return watched.stop(), 0; });
    }
    void close() noexcept { made_.emplace<std::monostate>(); }

private:
    template <class Made, class Result, class See> static Result visit(Made& made, Result none, See&& see) {
        if (auto* fd = std::get_if<fd_watch>(&made)) return see(*fd);
        if (auto* signal = std::get_if<signal_watch>(&made)) return see(*signal);
        if (auto* process = std::get_if<process_watch>(&made)) return see(*process);
        return none;
    }

    std::variant<std::monostate, fd_watch, signal_watch, process_watch> made_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
