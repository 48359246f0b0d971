// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_WIDTH_HPP
#define GCD_DETAIL_NATIVE_SCHED_WIDTH_HPP
/// @file
/// How many threads the pool runs at once: what this process may use of the machine.

#include <gcd/config.hpp>
#include <gcd/detail/types.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

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

/// The first line of a file, or nothing.
GCD_HIDDEN inline std::string first_line(const std::string& path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

/// The least quota on the way from a group up to the root of its hierarchy.
template <class Quota> unsigned quota_upwards(const std::string& root, std::string group, Quota&& quota_of) {
    unsigned least = 0;
    for (;;) {
        least = lesser_limit(least, quota_of(root + group));
        if (group.empty() || group == "/") return least;
        group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
    }
}

/// What the control groups of this process allow; 0 for no limit. `system` is where they are mounted, `membership` the
/// process' own list of them; both are arguments for the tests.
GCD_HIDDEN inline unsigned quota_of_groups(const std::string& system = "/sys/fs/cgroup",
                                           const std::string& membership = "/proc/self/cgroup") {
    std::ifstream file{membership};
    unsigned least = 0;
    for (std::string line; std::getline(file, line);) {
        // hierarchy:controllers:/group
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string group = line.substr(second + 1);
        if (controllers.empty()) {
            least = lesser_limit(least, quota_upwards(system, group, [](const std::string& at) {
                                     std::istringstream words{first_line(at + "/cpu.max")};
                                     std::string quota;
                                     long long period = 0;
                                     if (!(words >> quota >> period) || quota == "max") return 0U;
                                     return processors_of(std::strtoll(quota.c_str(), nullptr, 10), period);
                                 }));
        } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
            const auto quota_of = [](const std::string& at) {
                return processors_of(std::strtoll(first_line(at + "/cpu.cfs_quota_us").c_str(), nullptr, 10),
                                     std::strtoll(first_line(at + "/cpu.cfs_period_us").c_str(), nullptr, 10));
            };
            for (const std::string& mount : {"/" + controllers, std::string{"/cpu"}})
                least = lesser_limit(least, quota_upwards(system + mount, group, quota_of));
        }
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
    unsigned quota = 0;
    try {
        quota = quota_of_groups();
    } catch (...) {
        // Without memory for the names there is no limit to be found.
    }
    return std::clamp(lesser_limit(processors_allowed(), quota), 1U, most_threads);
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
