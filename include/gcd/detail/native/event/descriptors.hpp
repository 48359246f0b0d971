// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_EVENT_DESCRIPTORS_HPP
#define GCD_DETAIL_NATIVE_EVENT_DESCRIPTORS_HPP
/// @file
/// Descriptors that somebody waits for, all in one epoll set.
///
/// The descriptors are their users', and are never duplicated: a duplicate would keep a file open whose end the other
/// side waits for. So a user may close one under its watch, leave a duplicate of it open, and use its number again.
/// What is known of a number is therefore kept with a generation, which each registration carries in its events:
///
/// - The kernel forgets a file that is closed for good. A number that it doesn't know (ENOENT, EBADF) although there
///   are watchers for it means that their file is gone; they are let go and hear nothing more. The number starts
///   afresh.
/// - A file that a duplicate keeps open stays registered under a number that isn't its any more, out of anybody's
///   reach. It can be heard of once, since every registration is for one event at a time; the generation tells that
///   this is stale, and the set is made anew without it.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI::detail::native {

/// How the loop calls what waits.
enum class telling : unsigned char {
    keep, ///< it is about to be told, and must last until then; under the loop's lock
    tell, ///< what it waits for has come; without the lock, and what was kept is given up
};

/// Part of what waits for a descriptor. Told once each time that it is armed: it is ready, or has failed. The fields
/// are the table's.
struct descriptor_watcher {
    int fd = -1;
    std::uint32_t events = 0; ///< EPOLLIN or EPOLLOUT
    bool is_armed = false;
    bool is_listed = false; ///< the table knows it; false for one that was let go, or is always ready
    descriptor_watcher* next = nullptr;
    descriptor_watcher* next_told = nullptr;
    void (*const call)(descriptor_watcher*, telling) noexcept;

    explicit descriptor_watcher(void (*how)(descriptor_watcher*, telling) noexcept) : call{how} {}
};

/// Guarded by its owner's lock.
class descriptor_table {
public:
    /// @throws std::system_error
    void open() {
        if (epoll_.get() >= 0) return;
        epoll_ = unique_fd{sys::epoll_create()};
        if (epoll_.get() < 0) throw_errno(errno, "gcd: epoll_create");
    }
    void close() noexcept { epoll_ = unique_fd{}; }
    /// Once it is open, always the same.
    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
    [[nodiscard]] bool empty() const noexcept { return watchers_ == 0; }

    /// A descriptor of the owner's own, which is never taken out. Gives 0, or an errno.
    [[nodiscard]] int add_own(int fd) {
        if (own_count_ == own_.size()) return ENOSPC;
        const int error = add_own_to(epoll_.get(), fd);
        if (error == 0) own_[own_count_++] = fd;
        return error;
    }
    static bool is_own(const epoll_event& event, int fd) noexcept { return event.data.u64 == own_mark(fd); }

    enum class added : unsigned char { waits, always_ready };

    /// Begins to watch, armed. What can't be waited for (a file, a directory) is always ready, and not kept here.
    /// @throws std::system_error if the descriptor is not open, or the system has no room
    added add(descriptor_watcher* watcher, int fd, std::uint32_t events, const char* what) {
        if (static_cast<std::size_t>(fd) >= numbers_.size()) {
            // The table grows for what can be watched only, not for any large number.
            if (sys::descriptor_flags(fd) == -1)
                throw_errno(errno, message({what, ": descriptor ", std::to_string(fd)}));
            numbers_.resize(static_cast<std::size_t>(fd) + 1);
        }
        number& at = numbers_[static_cast<std::size_t>(fd)];
        const std::uint32_t wanted = armed_events(at) | events;
        int error = at.first != nullptr ? control(EPOLL_CTL_MOD, fd, wanted, at) : ENOENT;
        if (at.first != nullptr && (error == ENOENT || error == EBADF || error == EPERM)) let_go_of_all(at);
        if (error == ENOENT) error = control(EPOLL_CTL_ADD, fd, events, at);
        // The same file as before at the same number, which a duplicate has kept.
        if (error == EEXIST) error = control(EPOLL_CTL_MOD, fd, events, at);
        if (error == EPERM) return added::always_ready;
        if (error != 0) throw_errno(error, message({what, ": descriptor ", std::to_string(fd)}));
        watcher->fd = fd;
        watcher->events = events;
        watcher->is_armed = watcher->is_listed = true;
        watcher->next = std::exchange(at.first, watcher);
        ++watchers_;
        return added::waits;
    }

    /// The watcher hears nothing that isn't on its way already.
    void remove(descriptor_watcher* watcher) noexcept {
        if (!watcher->is_listed) return;
        number& at = numbers_[static_cast<std::size_t>(watcher->fd)];
        descriptor_watcher** link = &at.first;
        while (*link != watcher) link = &(*link)->next;
        *link = watcher->next;
        forget(watcher);
        if (at.first != nullptr) return;
        ++at.generation;
        if (control(EPOLL_CTL_DEL, watcher->fd, 0, at) != 0) at.may_linger = true;
    }

    /// To be told again. Without effect for one that was let go.
    void arm(descriptor_watcher* watcher) noexcept {
        if (!watcher->is_listed || watcher->is_armed) return;
        watcher->is_armed = true;
        enable(numbers_[static_cast<std::size_t>(watcher->fd)], watcher->fd);
    }

    /// What an event of the set tells: those who are to be told, linked in front of `told`, each kept. False if it
    /// comes from a registration that is out of reach.
    bool take(const epoll_event& event, descriptor_watcher*& told) noexcept {
        const auto fd = static_cast<std::size_t>(event.data.u64 & 0xFFFF'FFFFU);
        if (fd >= numbers_.size()) return true;
        number& at = numbers_[fd];
        if (at.first == nullptr || at.generation != event.data.u64 >> 32U) return !at.may_linger;
        at.enabled = 0;
        const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        for (descriptor_watcher* seen = at.first; seen != nullptr; seen = seen->next) {
            if (!seen->is_armed || (!failed && (seen->events & event.events) == 0)) continue;
            seen->is_armed = false;
            seen->call(seen, telling::keep);
            seen->next_told = std::exchange(told, seen);
        }
        enable(at, static_cast<int>(fd));
        return true;
    }

    /// A new set with what is watched now, under the same descriptor. If the system has no room for one, the former
    /// stays. Who sleeps on the former has to be woken, by a descriptor of the owner's own.
    void rebuild() noexcept {
        const unique_fd fresh{sys::epoll_create()};
        if (fresh.get() < 0) return;
        for (std::size_t i = 0; i != own_count_; ++i)
            if (add_own_to(fresh.get(), own_[i]) != 0) return;
        for (std::size_t fd = 0; fd < numbers_.size(); ++fd) {
            number& at = numbers_[fd];
            if (at.first == nullptr) continue;
            const int error = control(fresh.get(), EPOLL_CTL_ADD, static_cast<int>(fd), armed_events(at), at);
            if (error == ENOMEM || error == ENOSPC) return;
            if (error != 0) let_go_of_all(at);
        }
        if (sys::replace(fresh.get(), epoll_.get()) < 0) return;
        for (number& at : numbers_) at.may_linger = false;
        ++rebuilt_;
    }
    /// How often that has happened; for tests.
    [[nodiscard]] unsigned times_rebuilt() const noexcept { return rebuilt_; }

private:
    /// What is known of a descriptor's number.
    struct number {
        descriptor_watcher* first = nullptr;
        std::uint32_t enabled = 0; ///< what the kernel tells of next; then zero, until it is asked again
        std::uint32_t generation = 0;
        /// A registration of an earlier generation may still be in the set.
        bool may_linger = false;
    };

    /// Apart from all numbers.
    static std::uint64_t own_mark(int fd) noexcept {
        return std::uint64_t{0xFFFF'FFFF} << 32U | (0x8000'0000U | static_cast<std::uint32_t>(fd));
    }
    static int add_own_to(int epoll, int fd) noexcept {
        return sys::epoll_control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, own_mark(fd)) == 0 ? 0 : errno;
    }

    static std::uint32_t armed_events(const number& at) noexcept {
        std::uint32_t events = 0;
        for (const descriptor_watcher* seen = at.first; seen != nullptr; seen = seen->next)
            if (seen->is_armed) events |= seen->events;
        return events;
    }

    /// Gives 0, or an errno.
    int control(int operation, int fd, std::uint32_t events, number& at) const noexcept {
        return control(epoll_.get(), operation, fd, events, at);
    }
    static int control(int epoll, int operation, int fd, std::uint32_t events, number& at) noexcept {
        const std::uint64_t mark = std::uint64_t{at.generation} << 32U | static_cast<std::uint32_t>(fd);
        if (sys::epoll_control(epoll, operation, fd, events | EPOLLONESHOT, mark) != 0) return errno;
        at.enabled = events;
        return 0;
    }

    void enable(number& at, int fd) noexcept {
        const std::uint32_t wanted = armed_events(at);
        if ((wanted & ~at.enabled) == 0) return;
        if (control(EPOLL_CTL_MOD, fd, wanted, at) != 0) let_go_of_all(at);
    }

    void forget(descriptor_watcher* watcher) noexcept {
        watcher->is_armed = watcher->is_listed = false;
        --watchers_;
    }

    /// Their file is not the number's any more.
    void let_go_of_all(number& at) noexcept {
        while (descriptor_watcher* gone = at.first) {
            at.first = gone->next;
            forget(gone);
        }
        at.enabled = 0;
        at.may_linger = true;
        ++at.generation;
    }

    unique_fd epoll_;
    std::array<int, 8> own_{};
    std::size_t own_count_ = 0;
    std::vector<number> numbers_; ///< by descriptor
    std::size_t watchers_ = 0;
    unsigned rebuilt_ = 0;
};

} // namespace gcd::inline GCD_ABI::detail::native

#endif
