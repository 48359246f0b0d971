// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_POSIX_SYS_HPP
#define GCD_DETAIL_POSIX_SYS_HPP
/// @file
/// The system calls that the library makes: one rule for EINTR, one hook through which tests let them fail.
///
/// Each answers as the call of its name does: -1 and errno on failure. A call that a signal interrupted is made
/// again, except close(): whether the descriptor is gone then is the system's secret, and a second close could hit
/// somebody else's.

#include <gcd/config.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#if GCD_OS_LINUX
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <ctime>
#endif

namespace gcd::inline GCD_ABI::detail::sys {

/// Asked before each call with the call's name; gives the errno to fail with, or 0 to make the call. For tests.
using fault = int (*)(const char* call);

/// Null, or the function that is asked. Set by tests (release) while nothing else runs, read at each call (acquire).
GCD_VISIBLE inline constinit std::atomic<fault> fault_hook{nullptr};

/// True if the hook lets the call fail, with errno as it says.
GCD_HIDDEN inline bool is_to_fail(const char* name) noexcept {
    const fault hook = fault_hook.load(std::memory_order_acquire);
    if (hook == nullptr) [[likely]]
        return false;
    const int error = hook(name);
    if (error != 0) errno = error;
    return error != 0;
}

/// Makes a call until no signal interrupts it, unless the hook lets it fail.
template <class Call> auto retried(const char* name, Call call) noexcept {
    for (;;) {
        const decltype(call()) result = is_to_fail(name) ? -1 : call();
        if (result != -1 || errno != EINTR) return result;
    }
}

/// Never asks the hook: a descriptor must not stay open because a test looks at what else can fail.
GCD_HIDDEN inline void close(int fd) noexcept {
    const int kept = errno;
    static_cast<void>(::close(fd));
    errno = kept;
}

GCD_HIDDEN inline ssize_t read(int fd, void* into, std::size_t size) noexcept {
    return retried("read", [=] { return ::read(fd, into, size); });
}

GCD_HIDDEN inline ssize_t read_at(int fd, void* into, std::size_t size, off_t offset) noexcept {
    return retried("pread", [=] { return ::pread(fd, into, size, offset); });
}

GCD_HIDDEN inline ssize_t write(int fd, const iovec* parts, int count) noexcept {
    return retried("writev", [=] { return ::writev(fd, parts, count); });
}

GCD_HIDDEN inline int duplicate(int fd) noexcept {
    return retried("dup", [=] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
}

/// Fails if the descriptor is not open.
GCD_HIDDEN inline int descriptor_flags(int fd) noexcept {
    return retried("fcntl", [=] { return ::fcntl(fd, F_GETFD); });
}

GCD_HIDDEN inline int status(int fd, struct stat* into) noexcept {
    return retried("fstat", [=] { return ::fstat(fd, into); });
}

GCD_HIDDEN inline off_t position(int fd) noexcept {
    return retried("lseek", [=] { return ::lseek(fd, 0, SEEK_CUR); });
}

/// Bytes that wait to be read.
GCD_HIDDEN inline int readable_bytes(int fd, int* into) noexcept {
    return retried("ioctl", [=] { return ::ioctl(fd, FIONREAD, into); });
}

GCD_HIDDEN inline int socket_option(int fd, int option, int* into) noexcept {
    return retried("getsockopt", [=] {
        socklen_t size = sizeof(*into);
        return ::getsockopt(fd, SOL_SOCKET, option, into, &size);
    });
}

/// A null `set` only asks.
GCD_HIDDEN inline int disposition(int signal, const struct sigaction* set, struct sigaction* former) noexcept {
    return retried("sigaction", [=] { return ::sigaction(signal, set, former); });
}

#if GCD_OS_LINUX

/// What a small file of the system's says, or as much as there is room for; empty if there is none. Never asks the hook:
/// the engine looks whenever it likes.
template <std::size_t Room> void read_text(const char* path, char (&text)[Room]) noexcept {
    text[0] = '\0';
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    const ssize_t size = ::read(file, text, Room - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
}

GCD_HIDDEN inline int epoll_create() noexcept {
    return retried("epoll_create", [] { return ::epoll_create1(EPOLL_CLOEXEC); });
}

/// `mark` comes back with each event. The hook is asked for "epoll_ctl" where a descriptor is added, which takes memory,
/// and for "epoll_ctl_mod" where one is changed, which fails only if it is not in the set any more.
GCD_HIDDEN inline int epoll_control(int epoll, int operation, int fd, std::uint32_t events,
                                    std::uint64_t mark = 0) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = mark;
    return retried(operation == EPOLL_CTL_ADD ? "epoll_ctl" : "epoll_ctl_mod",
                   [&] { return ::epoll_ctl(epoll, operation, fd, &event); });
}

/// Never asks the hook, as close().
GCD_HIDDEN inline void epoll_remove(int epoll, int fd) noexcept {
    epoll_event unused{};
    static_cast<void>(::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &unused));
}

/// What has happened so far, without waiting; 1 if there is something.
GCD_HIDDEN inline int epoll_poll(int epoll, std::uint32_t* events) noexcept {
    epoll_event event{};
    const int count = retried("epoll_wait", [&] { return ::epoll_wait(epoll, &event, 1, 0); });
    *events = event.events;
    return count;
}

/// Makes one descriptor stand for what another one does.
GCD_HIDDEN inline int replace(int with, int fd) noexcept {
    return retried("dup3", [=] { return ::dup3(with, fd, O_CLOEXEC); });
}

/// Sleeps until something has happened, at most so many milliseconds (-1: no limit). Gives the number of events, 0 also
/// where a signal has ended it. Never asks the hook: there is no other way to wait.
GCD_HIDDEN inline int epoll_sleep(int epoll, epoll_event* events, int room, int limit) noexcept {
    const int count = ::epoll_wait(epoll, events, room, limit);
    return count < 0 ? 0 : count;
}

/// True if a call that waits for one of `events` would not block now.
GCD_HIDDEN inline bool is_ready(int fd, short events) noexcept {
    pollfd seen{fd, events, 0};
    return retried("poll", [&] { return ::poll(&seen, 1, 0); }) > 0 && (seen.revents & POLLNVAL) == 0;
}

/// Readable while that signal is pending for the process, or for the thread that asks.
GCD_HIDDEN inline int signal_descriptor(int signal) noexcept {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, signal);
    return retried("signalfd", [&] { return ::signalfd(-1, &one, SFD_CLOEXEC | SFD_NONBLOCK); });
}

/// A timer whose descriptor becomes readable.
GCD_HIDDEN inline int timer_create(clockid_t clock) noexcept {
    return retried("timerfd_create", [=] { return ::timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK); });
}

/// To expire once, at a time on its clock, in ns. Never asks the hook: a valid time can't be refused.
GCD_HIDDEN inline void timer_set(int timer, std::int64_t at) noexcept {
    itimerspec when{};
    when.it_value = {static_cast<std::time_t>(at / 1'000'000'000), static_cast<long>(at % 1'000'000'000)};
    // All zero would stop it.
    if (at <= 0) when.it_value = {0, 1};
    static_cast<void>(::timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr));
}

/// Gives 0, or an errno, as the call of its name does.
GCD_HIDDEN inline int thread_create(const pthread_attr_t* attributes, void* (*body)(void*), void* context) noexcept {
    pthread_t made{};
    return is_to_fail("pthread_create") ? errno : ::pthread_create(&made, attributes, body, context);
}

/// Address space that takes memory where it is written to; null if there is none.
GCD_HIDDEN inline void* reserve_memory(std::size_t size) noexcept {
    if (is_to_fail("mmap")) return nullptr;
    void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return mapped == MAP_FAILED ? nullptr : mapped;
}

/// A counter that is never waited for.
GCD_HIDDEN inline int event_counter(unsigned value) noexcept {
    return retried("eventfd", [=] { return ::eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK); });
}

/// Raises a counter by one. Async-signal-safe, and never asks the hook.
GCD_HIDDEN inline void raise_counter(int fd) noexcept {
    const std::uint64_t one = 1;
    // Fails only if the counter is full, which leaves it readable.
    static_cast<void>(!::write(fd, &one, sizeof(one)));
}

GCD_HIDDEN inline int pidfd_open(pid_t pid) noexcept {
    return retried("pidfd_open", [=] { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); });
}

/// Sleeps while the word holds `expected`, at most until `deadline` (absolute; null: no limit) on CLOCK_REALTIME if
/// `wall`, else on CLOCK_MONOTONIC. May return early, so callers look again; -1 with ETIMEDOUT once the deadline has
/// passed. Neither this nor the wake asks the hook: no caller has another way to wait.
GCD_HIDDEN inline int futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                                 const timespec* deadline = nullptr, bool wall = false) noexcept {
    const int operation = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | (wall ? FUTEX_CLOCK_REALTIME : 0);
    return static_cast<int>(
        ::syscall(SYS_futex, &word, operation, expected, deadline, nullptr, FUTEX_BITSET_MATCH_ANY));
}

/// Wakes at most that many sleepers. The word may be gone by then: an address nobody sleeps on is harmless.
GCD_HIDDEN inline void futex_wake(std::atomic<std::uint32_t>* word, int count) noexcept {
    static_cast<void>(::syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0));
}

/// Before the first barrier(). Takes milliseconds in a process that has several threads.
GCD_HIDDEN inline int register_barriers() noexcept {
    return retried("membarrier", [] {
        return static_cast<int>(::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    });
}

/// A full memory barrier on each thread of this process that is running now; EPERM where nobody has registered.
GCD_HIDDEN inline int barrier() noexcept {
    return retried("membarrier",
                   [] { return static_cast<int>(::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)); });
}

/// True if this process has no other thread; false also where that isn't known.
GCD_HIDDEN inline bool is_single_threaded() noexcept {
    // A link for each thread, besides the folder's own two.
    struct stat seen{};
    return retried("stat", [&] { return ::stat("/proc/self/task", &seen); }) == 0 && seen.st_nlink == 3;
}

GCD_HIDDEN inline ssize_t write_at(int fd, const iovec* parts, int count, off_t offset) noexcept {
    return retried("pwritev", [=] { return ::pwritev(fd, parts, count, offset); });
}

/// As read() of a socket that is non-blocking.
GCD_HIDDEN inline ssize_t receive(int socket, void* into, std::size_t size) noexcept {
    return retried("recv", [=] { return ::recv(socket, into, size, MSG_DONTWAIT); });
}

/// As write() to a socket that is non-blocking, without SIGPIPE.
GCD_HIDDEN inline ssize_t send(int socket, iovec* parts, int count) noexcept {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<std::size_t>(count);
    return retried("sendmsg", [&] { return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

/// Bytes that a socket has taken and not sent yet.
GCD_HIDDEN inline int unsent_bytes(int fd, int* into) noexcept {
    return retried("ioctl", [=] { return ::ioctl(fd, SIOCOUTQ, into); });
}

GCD_HIDDEN inline int pipe_capacity(int fd) noexcept {
    return retried("fcntl", [=] { return ::fcntl(fd, F_GETPIPE_SZ); });
}

#endif

} // namespace gcd::inline GCD_ABI::detail::sys

#endif
