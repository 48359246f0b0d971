// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_SWITCHES_HPP
#define GCD_TEST_SWITCHES_HPP
/// @file
/// How often the library's own threads have gone to sleep: unchanged while none of them wakes up.

#include "await.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <utility>

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

/// The same once it rests: a thread that has said that it sleeps is about to.
inline std::map<std::string, std::string> switches_at_rest() {
    std::map<std::string, std::string> seen = switches_of_own_threads();
    static_cast<void>(await([&seen] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        const auto before = std::exchange(seen, switches_of_own_threads());
        return before == seen;
    }));
    return seen;
}

} // namespace gcd_test

#endif
