// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_SWITCHES_HPP
#define GCD_TEST_SWITCHES_HPP
/// @file
/// How often the library's own threads have gone to sleep: unchanged while none of them wakes up.

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace gcd_test {

/// By thread, for those of the native engine that there are now.
inline std::map<std::string, std::string> switches_of_own_threads() {
    std::map<std::string, std::string> seen;
    for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
        std::ifstream status{task.path() / "status"};
        bool ours = false;
        for (std::string line; std::getline(status, line);) {
            if (line.rfind("Name:\tgcd-", 0) == 0) ours = true;
            if (ours && line.rfind("voluntary_ctxt_switches", 0) == 0) seen[task.path().filename()] = line;
        }
    }
    return seen;
}

} // namespace gcd_test

#endif
