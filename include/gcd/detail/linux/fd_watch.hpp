// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_FD_WATCH_HPP
#define GCD_DETAIL_LINUX_FD_WATCH_HPP
/// @file
/// Readiness of a descriptor of the user's.
///
/// libdispatch would watch the descriptor itself, and there it goes wrong: a closed pipe ends the watch with bytes
/// still in it, files and /dev/null never fire, and a descriptor closed while watched is trouble. So it stands in a
/// private epoll instance, level-triggered, and leaves it within cancel().

#include <gcd/config.hpp>
#include <gcd/detail/linux/fd_room.hpp>
#include <gcd/detail/linux/poller.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>

#include <cerrno>
#include <cstdint>

namespace gcd::inline GCD_ABI::detail {

/// Watches a descriptor for reading or writing. Errors and hang-ups count as ready: a call would not block.
class fd_watch {
public:
    /// @throws std::system_error if the descriptor is not open, or the system has no room
    fd_watch(int fd, bool writing, const char* what)
        : fd_{open_descriptor(fd, what)}, writing_{writing}, poller_{what} {
        int error = poller_.add(fd, writing ? EPOLLOUT : EPOLLIN);
        if (error == EPERM) {
            // Nothing that can be waited for (a file, a directory, /dev/null): always ready. The counter stands in.
            always_ = unique_fd{sys::event_counter(1)};
            error = always_.get() < 0 ? errno : poller_.add(always_.get(), EPOLLIN);
        }
        if (error != 0) refuse_descriptor(error, fd, what);
    }

    [[nodiscard]] int fd() const noexcept { return poller_.fd(); }

    /// False if the readiness has passed: somebody else was faster, or the watch was stopped.
    bool take(std::uint64_t& data) noexcept {
        if (!poller_.is_ready()) return false;
        data = writing_ ? room_to_write(fd_) : bytes_to_read(fd_);
        return true;
    }

    void stop() noexcept { poller_.remove(always_.get() >= 0 ? always_.get() : fd_); }

private:
    int fd_;
    bool writing_;
    poller poller_;
    unique_fd always_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
