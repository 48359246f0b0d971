// SPDX-License-Identifier: MIT
#include "libraries.hpp"

#include <stdexcept>

gcd::queue maker_make() { return gcd::queue{"libraries.maker"}; }

void maker_throw(const gcd::queue& work) {
    work.run_sync([] { throw std::runtime_error("from maker"); });
}
