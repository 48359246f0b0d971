// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_FD_ROOM_HPP
#define GCD_DETAIL_LINUX_FD_ROOM_HPP
/// @file
/// What a descriptor that is ready has to tell: how much can be read, or written.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <cstdint>
#include <string>

namespace gcd::inline GCD_ABI::detail {

[[noreturn]] GCD_HIDDEN inline void refuse_descriptor(int error, int fd, const char* what) {
    throw_errno(error, message({what, ": descriptor ", std::to_string(fd)}));
}

/// Asked before anything is opened that could take the number of a descriptor that is not open.
GCD_HIDDEN inline int open_descriptor(int fd, const char* what) {
    if (sys::descriptor_flags(fd) < 0) refuse_descriptor(errno, fd, what);
    return fd;
}

/// Zero at the end; one where the system has no number (a listening socket, /dev/null).
GCD_HIDDEN inline std::uint64_t bytes_to_read(int fd) noexcept {
    struct stat seen{};
    if (sys::status(fd, &seen) == 0 && S_ISREG(seen.st_mode)) {
        const off_t at = sys::position(fd);
        return at >= 0 && at < seen.st_size ? static_cast<std::uint64_t>(seen.st_size - at) : 0;
    }
    int bytes = 0;
    if (sys::readable_bytes(fd, &bytes) != 0) return 1;
    return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

/// At least one, for a descriptor that is ready.
GCD_HIDDEN inline std::uint64_t room_to_write(int fd) noexcept {
    /// Told where the system knows no number.
    constexpr std::uint64_t usual_room = 65'536;
    int size = 0;
    int used = 0;
    if (sys::socket_option(fd, SO_SNDBUF, &size) == 0) {
        if (sys::unsent_bytes(fd, &used) != 0) return usual_room;
    } else if (size = sys::pipe_capacity(fd); size > 0) {
        if (sys::readable_bytes(fd, &used) != 0) return usual_room;
    } else {
        return usual_room;
    }
    return size > used ? static_cast<std::uint64_t>(size - used) : 1;
}

} // namespace gcd::inline GCD_ABI::detail

#endif
