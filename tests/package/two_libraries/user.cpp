// SPDX-License-Identifier: MIT
#include "libraries.hpp"

#include <stdexcept>
#include <string_view>

int user_count(const gcd::queue& work, int items) {
    int count = 0;
    gcd::group all;
    for (int i = 0; i < items; ++i) all.run_async(work, [&count] { ++count; });
    all.wait();
    return count;
}

bool user_catches(const gcd::queue& work) {
    try {
        maker_throw(work);
    } catch (const std::runtime_error& error) {
        return std::string_view(error.what()) == "from maker";
    }
    return false;
}
