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
#include <new>

namespace gcd::inline GCD_ABI::detail {

/// Every kind but the timer. Registered with the system by start() and taken out by stop(), both on the caller's
/// thread; the descriptor is closed with the object, once the engine has stopped looking at it.
class watch {
public:
    watch() noexcept {}
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;
    ~watch() { close(); }

    /// @throws std::system_error
    void start(const source_config& config) {
        switch (config.kind) {
        case source_kind::read: make(fd_, config.handle, false, "gcd::read_source::start"); break;
        case source_kind::write: make(fd_, config.handle, true, "gcd::write_source::start"); break;
        case source_kind::signal: make(signal_, config.handle); break;
        case source_kind::process: make(process_, config.handle, config.mask); break;
        case source_kind::timer: return;
        }
        made_ = config.kind;
    }

    [[nodiscard]] int fd() const noexcept {
        switch (made_) {
        case source_kind::read:
        case source_kind::write: return fd_.fd();
        case source_kind::signal: return signal_.fd();
        case source_kind::process: return process_.fd();
        case source_kind::timer: break;
        }
        return -1;
    }
    /// What has come since the last time; false if there is nothing after all.
    bool take(std::uint64_t& data) noexcept {
        switch (made_) {
        case source_kind::read:
        case source_kind::write: return fd_.take(data);
        case source_kind::signal: return signal_.take(data);
        case source_kind::process: return process_.take(data);
        case source_kind::timer: break;
        }
        return false;
    }
    void stop() noexcept {
        switch (made_) {
        case source_kind::read:
        case source_kind::write: return fd_.stop();
        case source_kind::signal: return signal_.stop();
        case source_kind::process: return process_.stop();
        case source_kind::timer: return;
        }
    }
    void close() noexcept {
        switch (made_) {
        case source_kind::read:
        case source_kind::write: fd_.~fd_watch(); break;
        case source_kind::signal: signal_.~signal_watch(); break;
        case source_kind::process: process_.~process_watch(); break;
        case source_kind::timer: return;
        }
        made_ = source_kind::timer;
    }

private:
    template <class Watch, class... Args> static void make(Watch& at, Args... args) { ::new (&at) Watch{args...}; }

    /// Which of the three there is; timer for none. By hand, as a variant takes every user a long time to compile.
    source_kind made_ = source_kind::timer;
    union {
        fd_watch fd_;
        signal_watch signal_;
        process_watch process_;
    };
};

} // namespace gcd::inline GCD_ABI::detail

#endif
