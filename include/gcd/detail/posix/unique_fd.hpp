// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_POSIX_UNIQUE_FD_HPP
#define GCD_DETAIL_POSIX_UNIQUE_FD_HPP
/// @file
/// Owns a file descriptor.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>

#include <utility>

namespace gcd::inline GCD_ABI::detail {

/// A descriptor that is closed at the end. Move-only; -1 is none.
class unique_fd {
public:
    unique_fd() = default;
    explicit unique_fd(int fd) noexcept : fd_{fd} {}
    unique_fd(unique_fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        unique_fd{std::move(other)}.swap(*this);
        return *this;
    }
    ~unique_fd() {
        if (fd_ >= 0) sys::close(fd_);
    }

    void swap(unique_fd& other) noexcept { std::swap(fd_, other.fd_); }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_ = -1;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
