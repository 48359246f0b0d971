// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_POLLER_HPP
#define GCD_DETAIL_LINUX_POLLER_HPP
/// @file
/// A private epoll instance: what an engine watches in place of a descriptor that is not its own.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <cstdint>
#include <string>

namespace gcd::inline GCD_ABI::detail {

/// Holds one foreign descriptor, or two of its owner's. It is itself readable exactly while that one is ready; whoever owns the descriptor can
/// have it taken out at any time, and close it, while the engine goes on looking at the instance.
class poller {
public:
    /// @throws std::system_error if the system has no descriptor left
    explicit poller(const char* what) : epoll_{sys::epoll_create()} {
        if (epoll_.get() < 0) throw_errno(errno, what);
    }

    /// Gives 0, or what the system said.
    [[nodiscard]] int add(int fd, std::uint32_t events) noexcept {
        return sys::epoll_control(epoll_.get(), EPOLL_CTL_ADD, fd, events) == 0 ? 0 : errno;
    }
    void remove(int fd) noexcept { sys::epoll_remove(epoll_.get(), fd); }

    /// True if the descriptor is ready now.
    [[nodiscard]] bool is_ready() const noexcept {
        std::uint32_t events = 0;
        return sys::epoll_poll(epoll_.get(), &events) == 1;
    }

    /// What is told of once (EPOLLET) has been told.
    void settle() const noexcept {
        epoll_event told[2];
        static_cast<void>(sys::epoll_sleep(epoll_.get(), told, 2, 0));
    }

    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }

private:
    unique_fd epoll_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
