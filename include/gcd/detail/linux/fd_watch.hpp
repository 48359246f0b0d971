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
#include <gcd/detail/linux/poller.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <cstdint>
#include <string>

namespace gcd::inline GCD_ABI::detail {

/// Watches a descriptor for reading or writing. Errors and hang-ups count as ready: a call would not block.
class fd_watch {
public:
    /// @throws std::system_error if the descriptor is not open, or the system has no room
    fd_watch(int fd, bool writing, const char* what) : fd_{required(fd, what)}, writing_{writing}, poller_{what} {
        int error = poller_.add(fd, writing ? EPOLLOUT : EPOLLIN);
        if (error == EPERM) {
            // Nothing that can be waited for (a file, a directory, /dev/null): always ready. The counter stands in.
            always_ = unique_fd{sys::event_counter(1)};
            error = always_.get() < 0 ? errno : poller_.add(always_.get(), EPOLLIN);
        }
        if (error != 0) refuse(error, fd, what);
    }

    [[nodiscard]] int fd() const noexcept { return poller_.fd(); }

    /// False if the readiness has passed: somebody else was faster, or the watch was stopped.
    bool take(std::uint64_t& data) noexcept {
        if (!poller_.is_ready()) return false;
        data = writing_ ? room() : waiting();
        return true;
    }

    void stop() noexcept { poller_.remove(always_.get() >= 0 ? always_.get() : fd_); }

private:
    /// Told where the system knows no number.
    static constexpr std::uint64_t usual_room = 65'536;

    [[noreturn]] static void refuse(int error, int fd, const char* what) {
        throw_errno(error, std::string{what} + ": descriptor " + std::to_string(fd));
    }

    /// Asked before anything is opened: the epoll instance would take the number of a descriptor that is not open.
    static int required(int fd, const char* what) {
        if (sys::descriptor_flags(fd) < 0) refuse(errno, fd, what);
        return fd;
    }

    /// Bytes to read, or zero at the end; one where the system has no number (a listening socket, /dev/null).
    [[nodiscard]] std::uint64_t waiting() const noexcept {
        struct stat seen{};
        if (sys::status(fd_, &seen) == 0 && S_ISREG(seen.st_mode)) {
            const off_t at = sys::position(fd_);
            return at >= 0 && at < seen.st_size ? static_cast<std::uint64_t>(seen.st_size - at) : 0;
        }
        int bytes = 0;
        if (sys::readable_bytes(fd_, &bytes) != 0) return 1;
        return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
    }

    /// Bytes that can be written; at least one, since it is ready.
    [[nodiscard]] std::uint64_t room() const noexcept {
        int size = 0;
        int used = 0;
        if (sys::socket_option(fd_, SO_SNDBUF, &size) == 0) {
            if (sys::unsent_bytes(fd_, &used) != 0) return usual_room;
        } else if (size = sys::pipe_capacity(fd_); size > 0) {
            if (sys::readable_bytes(fd_, &used) != 0) return usual_room;
        } else {
            return usual_room;
        }
        return size > used ? static_cast<std::uint64_t>(size - used) : 1;
    }

    int fd_;
    bool writing_;
    poller poller_;
    unique_fd always_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
