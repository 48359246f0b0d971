// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_POSIX_LENT_FD_HPP
#define GCD_DETAIL_POSIX_LENT_FD_HPP
/// @file
/// A descriptor of the library's own on what a caller's descriptor is open on.
///
/// The caller may close his at any time. Both share the open file, though, and with it O_NONBLOCK, which is needed on
/// all that is neither a regular file nor, on Linux, a socket. The first loan of an open file sets the flag, the last
/// one takes it back: if each one restored what it had found, the first to end would make the others block, and the
/// last would leave the flag behind.

#include <gcd/config.hpp>
#include <gcd/detail/posix/fork_lock.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#if GCD_OS_LINUX
#include <sys/syscall.h>
#endif

namespace gcd::inline GCD_ABI::detail {

/// A mutex that is usable before and after all static objects.
struct GCD_VISIBLE static_mutex {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    void lock() noexcept { ::pthread_mutex_lock(&mutex); }
    void unlock() noexcept { ::pthread_mutex_unlock(&mutex); }
};

class lent_fd;

/// All loans of the process that share a flag which the library has set.
struct GCD_VISIBLE lent_files {
    lent_fd* first = nullptr;
    std::uint64_t last_group = 0;
};
GCD_VISIBLE inline constinit lent_files all_lent_files{};
/// Guards them.
GCD_VISIBLE inline constinit static_mutex all_lent_files_lock{};

GCD_HIDDEN inline int flags_of(int fd) noexcept {
    return sys::retried("fcntl", [=] { return ::fcntl(fd, F_GETFL); });
}
GCD_HIDDEN inline int set_flags(int fd, int flags) noexcept {
    return sys::retried("fcntl", [=] { return ::fcntl(fd, F_SETFL, flags); });
}

/// Sees whether a change of one descriptor's flags shows at the other. O_APPEND means nothing to what is not a
/// regular file.
GCD_HIDDEN inline bool share_flags(int one, int other) noexcept {
    const int flags = flags_of(one);
    const int before = flags_of(other);
    if (flags == -1 || before == -1 || set_flags(one, flags ^ O_APPEND) == -1) return false;
    const bool changed = ((flags_of(other) ^ before) & O_APPEND) != 0;
    static_cast<void>(set_flags(one, flags));
    return changed;
}

#if GCD_OS_LINUX
/// True if both descriptors are of the same open file. The kernel can be asked, where it is built so and allowed.
GCD_HIDDEN inline bool same_open_file(int one, int other) noexcept {
    constexpr int compare_files = 0;
    const long order = ::syscall(SYS_kcmp, ::getpid(), ::getpid(), compare_files, one, other);
    return order == -1 ? share_flags(one, other) : order == 0;
}
/// Descriptors that can't be read or written at all, only passed on.
inline constexpr int no_data_flags = O_PATH;
/// Each call on a socket says itself that it is neither to block nor to raise SIGPIPE.
inline constexpr bool sockets_need_no_flag = true;
#else
GCD_HIDDEN inline bool same_open_file(int one, int other) noexcept { return share_flags(one, other); }
inline constexpr int no_data_flags = 0;
inline constexpr bool sockets_need_no_flag = false;
#endif

/// The loan: lasts from the constructor to give_back().
class GCD_VISIBLE lent_fd {
public:
    /// `what` begins the messages. @throws std::invalid_argument, std::system_error.
    lent_fd(int fd, const char* what) {
        if (fd < 0) throw std::invalid_argument(message({what, ": a descriptor can't be negative"}));
        own_ = unique_fd{sys::duplicate(fd)};
        if (own_.get() < 0) fail(errno, what, fd, errno == EBADF ? " is not open" : " can't be duplicated");
        if (sys::status(own_.get(), &status_) != 0) fail(errno, what, fd, " can't be examined");
        flags_ = flags_of(own_.get());
        if (flags_ == -1) fail(errno, what, fd, " can't be examined");
        if (S_ISDIR(status_.st_mode)) fail(EISDIR, what, fd, " is a directory");
        if ((flags_ & no_data_flags) != 0) fail(EBADF, what, fd, " is open for neither reading nor writing");
    }
    lent_fd(const lent_fd&) = delete;
    lent_fd& operator=(const lent_fd&) = delete;
    ~lent_fd() { give_back(); }

    int get() const noexcept { return own_.get(); }
    bool is_regular() const noexcept { return S_ISREG(status_.st_mode); }
    bool is_socket() const noexcept { return S_ISSOCK(status_.st_mode); }
    /// Writing to it when nobody reads any more.
    bool raises_sigpipe() const noexcept { return !is_regular() && !(sockets_need_no_flag && is_socket()); }
    /// A read that fails with EBADF makes libdispatch end other operations too, as if they had succeeded: it must not
    /// get that far. @throws std::system_error
    void require_readable(const char* what) const {
        if (!has_mode(O_RDONLY)) throw_errno(EBADF, message({what, ": the descriptor is not open for reading"}));
    }
    void require_writable(const char* what) const {
        if (!has_mode(O_WRONLY)) throw_errno(EBADF, message({what, ": the descriptor is not open for writing"}));
    }
    void require_seekable(const char* what) const {
        if (sys::position(get()) == -1)
            throw_errno(errno, message({what, ": the descriptor has no position; random access needs a file"}));
    }

    /// Puts O_NONBLOCK in place until the loan ends.
    void make_non_blocking() {
        if (is_regular() || (sockets_need_no_flag && is_socket())) return;
        hold_across_forks<all_lent_files_lock>();
        const std::lock_guard hold{all_lent_files_lock};
        flags_ = flags_of(get());
        if ((flags_ & O_NONBLOCK) == 0) {
            if (set_flags(get(), flags_ | O_NONBLOCK) == -1)
                throw_errno(errno, "gcd: the descriptor can't be made non-blocking");
            group_ = ++all_lent_files.last_group;
        } else {
            // Either the caller's own flag, which stays, or one that another loan has set.
            group_ = group_of_others();
        }
        if (group_ == 0) return;
        next_ = std::exchange(all_lent_files.first, this);
    }

    /// Ends the loan: the flags are the caller's again if this was the last one, and the descriptor is closed.
    void give_back() noexcept {
        if (group_ != 0) {
            const std::lock_guard hold{all_lent_files_lock};
            unlink();
            if (!has_others()) {
                const int flags = flags_of(get());
                if (flags != -1) static_cast<void>(set_flags(get(), flags & ~O_NONBLOCK));
            }
            group_ = 0;
        }
        own_ = unique_fd{};
    }

private:
    [[noreturn]] static void fail(int error, const char* what, int fd, const char* how) {
        throw_errno(error, message({what, ": the descriptor ", std::to_string(fd), how}));
    }

    bool has_mode(int wanted) const noexcept {
        const int mode = flags_ & O_ACCMODE;
        return mode == wanted || mode == O_RDWR;
    }

    bool is_like(const lent_fd& other) const noexcept {
        return status_.st_dev == other.status_.st_dev && status_.st_ino == other.status_.st_ino &&
               ((flags_ ^ other.flags_) & O_ACCMODE) == 0;
    }

    std::uint64_t group_of_others() const noexcept {
        for (const lent_fd* seen = all_lent_files.first; seen != nullptr; seen = seen->next_)
            if (is_like(*seen) && same_open_file(get(), seen->get())) return seen->group_;
        return 0;
    }

    bool has_others() const noexcept {
        for (const lent_fd* seen = all_lent_files.first; seen != nullptr; seen = seen->next_)
            if (seen->group_ == group_) return true;
        return false;
    }

    void unlink() noexcept {
        lent_fd** link = &all_lent_files.first;
        while (*link != this) link = &(*link)->next_;
        *link = next_;
    }

    unique_fd own_;
    struct stat status_{};
    int flags_ = 0;
    /// Which loans answer together for a flag that the library has set; 0 if this one answers for none.
    std::uint64_t group_ = 0;
    lent_fd* next_ = nullptr;
};

#if GCD_OS_LINUX
/// Writing to a pipe or socket whose other end is closed raises SIGPIPE, which by default ends the process. A handler
/// that does nothing, unlike SIG_IGN, isn't inherited by the programs that this process executes.
GCD_HIDDEN inline void survive_broken_pipes() noexcept {
    struct sigaction present{};
    if (sys::disposition(SIGPIPE, nullptr, &present) != 0) return;
    if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) return;
    struct sigaction harmless{};
    harmless.sa_handler = +[](int) {};
    harmless.sa_flags = SA_RESTART;
    ::sigemptyset(&harmless.sa_mask);
    static_cast<void>(sys::disposition(SIGPIPE, &harmless, nullptr));
}
#else
/// The engine's threads block SIGPIPE there.
GCD_HIDDEN inline void survive_broken_pipes() noexcept {}
#endif

} // namespace gcd::inline GCD_ABI::detail

#endif
