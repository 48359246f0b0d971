// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_PIDFD_HPP
#define GCD_DETAIL_LINUX_PIDFD_HPP
/// @file
/// The end of a process as a readable descriptor.

#include <gcd/config.hpp>
#include <gcd/detail/linux/poller.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <cstdint>
#include <string>

namespace gcd::inline GCD_ABI::detail {

/// Watches for the end of a process, which is told exactly once. The status is left for the parent.
class process_watch {
public:
    /// @throws std::system_error not_supported for other events than exit, or what the system said
    process_watch(int pid, std::uint32_t events) : poller_{what} {
        refuse_others(events);
        target_ = unique_fd{sys::pidfd_open(pid)};
        // A process that nobody knows any more has ended: a counter that is above zero stands in for it.
        if (target_.get() < 0 && errno == ESRCH) target_ = unique_fd{sys::event_counter(1)};
        if (target_.get() < 0) throw_errno(errno, what);
        // A pidfd stays readable for ever after; once is enough.
        if (const int error = poller_.add(target_.get(), EPOLLIN | EPOLLONESHOT); error != 0) throw_errno(error, what);
    }

    [[nodiscard]] int fd() const noexcept { return poller_.fd(); }

    bool take(std::uint64_t& data) noexcept {
        data = exit;
        return poller_.is_ready();
    }

    void stop() noexcept { poller_.remove(target_.get()); }

private:
    static constexpr const char* what = "gcd::process_source::start";
    static constexpr std::uint32_t exit = 0x80000000;
    static constexpr std::uint32_t fork = 0x40000000;
    static constexpr std::uint32_t exec = 0x20000000;
    static constexpr std::uint32_t signal = 0x08000000;

    static void refuse_others(std::uint32_t events) {
        std::string named;
        const auto name = [&](std::uint32_t event, const char* called) {
            if ((events & event) == 0) return;
            if (!named.empty()) named += ", ";
            named += called;
        };
        name(fork, "fork");
        name(exec, "exec");
        name(signal, "signal");
        if (!named.empty())
            throw_not_supported(
                message({what, ": Linux can't watch a process for ", named, "; only exit can be watched for"}).c_str());
    }

    poller poller_;
    unique_fd target_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
