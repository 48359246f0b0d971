// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_LINUX_PENDING_SIGNAL_HPP
#define GCD_DETAIL_LINUX_PENDING_SIGNAL_HPP
/// @file
/// Signals that no handler will ever see, because every thread of the process blocks them.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail {

/// False where it can't be known. Threads that end meanwhile don't count, nor does a main thread that has ended before the
/// process.
GCD_HIDDEN inline bool every_thread_blocks(int signal) noexcept {
    DIR* tasks = ::opendir("/proc/self/task");
    if (tasks == nullptr) return false;
    bool blocked = true;
    while (blocked) {
        const dirent* task = ::readdir(tasks);
        if (task == nullptr) break;
        if (task->d_name[0] == '.') continue;
        char path[64];
        std::snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", task->d_name);
        char text[4'096];
        sys::read_text(path, text);
        if (std::strstr(text, "\nState:\tZ") != nullptr || std::strstr(text, "\nState:\tX") != nullptr) continue;
        constexpr const char* name = "\nSigBlk:";
        const char* found = std::strstr(text, name);
        if (found == nullptr) {
            // It is gone; or the groups of its user leave no room for it here, and it can't be known.
            blocked = std::strlen(text) + 1 != sizeof(text);
            continue;
        }
        const std::uint64_t mask = std::strtoull(found + std::strlen(name), nullptr, 16);
        blocked = (mask >> static_cast<unsigned>(signal - 1) & 1U) != 0;
    }
    ::closedir(tasks);
    return blocked;
}

/// Watches for one signal that stays pending.
class pending_signal {
public:
    /// Without a descriptor (below zero) if the system has none left.
    explicit pending_signal(int signal) noexcept : signal_{signal}, fd_{sys::signal_descriptor(signal)} {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// How many there are that nobody else could take; they aren't pending any more.
    unsigned take() noexcept {
        // One on its way to a handler is pending too, for a moment.
        if (!sys::is_ready(fd_.get(), POLLIN) || !every_thread_blocks(signal_)) return 0;
        unsigned count = 0;
        signalfd_siginfo taken{};
        while (sys::read(fd_.get(), &taken, sizeof(taken)) == static_cast<ssize_t>(sizeof(taken))) ++count;
        return count;
    }

private:
    int signal_;
    unique_fd fd_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
