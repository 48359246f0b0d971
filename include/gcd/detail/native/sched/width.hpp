// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_WIDTH_HPP
#define GCD_DETAIL_NATIVE_SCHED_WIDTH_HPP
/// @file
/// How many threads the pool runs at once: what this process may use of the machine.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sched.h>
#include <unistd.h>

namespace gcd::inline GCD_ABI::detail::native {

/// Processors that this thread may run on; 0 if the system doesn't say.
GCD_HIDDEN inline unsigned processors_allowed() {
    // The kernel refuses a set that is smaller than its own.
    for (int size = 1'024; size <= 1'048'576; size *= 4) {
        cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(size));
        if (set == nullptr) return 0;
        const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(size));
        const bool known = ::sched_getaffinity(0, bytes, set) == 0;
        const int count = known ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (known) return static_cast<unsigned>(count);
    }
    return 0;
}

/// A quota as whole processors, rounded up; 0 for none.
inline unsigned processors_of(long long quota, long long period) noexcept {
    if (quota <= 0 || period <= 0) return 0;
    return static_cast<unsigned>(std::min<long long>((quota + period - 1) / period, most_threads));
}

/// The lesser of two limits, of which 0 means none.
inline unsigned lesser_limit(unsigned a, unsigned b) noexcept { return a == 0 || (b != 0 && b < a) ? b : a; }

/// The number at the start of a text, and in `rest` what follows it; 0 for none.
inline long long number_in(const char* text, const char** rest = nullptr) noexcept {
    char* end = nullptr;
    const long long found = std::strtoll(text, &end, 10);
    if (rest != nullptr) *rest = end;
    return found;
}

/// A group's directory, as a path that files can be named in.
class group_path {
public:
    group_path(const char* system, const char* mount, const char* group) noexcept
        : root_{std::strlen(system) + std::strlen(mount)}, end_{root_ + std::strlen(group)} {
        // One that is too long isn't looked for.
        if (end_ > longest) root_ = end_ = 0;
        std::snprintf(path_, end_ + 1, "%s%s%s", system, mount, group);
    }

    /// Reads one of its files; empty if there is none.
    template <std::size_t Room> void read(const char* name, char (&text)[Room]) noexcept {
        std::snprintf(path_ + end_, sizeof(path_) - end_, "%s", name);
        sys::read_text(path_, text);
    }
    /// To the group around it; false where there is none.
    bool leave() noexcept {
        if (end_ == root_) return false;
        do --end_;
        while (end_ > root_ && path_[end_] != '/');
        return true;
    }

private:
    static constexpr std::size_t longest = 4'000;

    std::size_t root_;
    std::size_t end_;
    char path_[longest + 64];
};

/// The least quota on the way from a group up to the root of its hierarchy.
GCD_HIDDEN inline unsigned quota_upwards(group_path at) noexcept {
    unsigned least = 0;
    do {
        char text[64];
        const char* period = nullptr;
        // Version 2: "max 100000", or the quota itself; version 1.
        at.read("/cpu.max", text);
        const long long quota = number_in(text, &period);
        least = lesser_limit(least, processors_of(quota, number_in(period)));
        at.read("/cpu.cfs_quota_us", text);
        const long long former = number_in(text);
        at.read("/cpu.cfs_period_us", text);
        least = lesser_limit(least, processors_of(former, number_in(text)));
    } while (at.leave());
    return least;
}

/// Cuts a text at the first of that character; what follows it, or null.
inline char* cut(char* text, char at) noexcept {
    char* found = std::strchr(text, at);
    if (found != nullptr) *found++ = '\0';
    return found;
}

/// What the control groups of this process allow; 0 for no limit. `system` is where they are mounted, `membership` the
/// process' own list of them; both are arguments for the tests.
GCD_HIDDEN inline unsigned quota_of_groups(const char* system = "/sys/fs/cgroup",
                                           const char* membership = "/proc/self/cgroup") noexcept {
    char text[8'192];
    sys::read_text(membership, text);
    unsigned least = 0;
    for (char* line = text; line != nullptr;) {
        char* const next = cut(line, '\n');
        // hierarchy:controllers:/group; without controllers it is the hierarchy of version 2.
        char* const controllers = cut(line, ':');
        if (char* const group = controllers != nullptr ? cut(controllers, ':') : nullptr) {
            char mount[128];
            std::snprintf(mount, sizeof(mount), ",%s,", controllers);
            if (controllers[0] == '\0') {
                least = lesser_limit(least, quota_upwards({system, "", group}));
            } else if (std::strstr(mount, ",cpu,") != nullptr) {
                least = lesser_limit(least, quota_upwards({system, "/cpu", group}));
                std::snprintf(mount, sizeof(mount), "/%s", controllers);
                least = lesser_limit(least, quota_upwards({system, mount, group}));
            }
        }
        line = next;
    }
    return least;
}

/// `GCD_MAX_THREADS` if it is a number from 1 on; else the lesser of affinity and quota, and at least 1.
GCD_HIDDEN inline unsigned default_width() {
    if (const char* wanted = std::getenv("GCD_MAX_THREADS")) {
        char* end = nullptr;
        const long value = std::strtol(wanted, &end, 10);
        if (end != wanted && *end == '\0' && value >= 1)
            return static_cast<unsigned>(std::min<long>(value, most_threads));
    }
    return std::clamp(lesser_limit(processors_allowed(), quota_of_groups()), 1U, most_threads);
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
