// SPDX-License-Identifier: MIT
#ifndef GCD_POOL_HPP
#define GCD_POOL_HPP
/// @file
/// The threads that run items.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/types.hpp>

#include <stdexcept>

namespace gcd::inline GCD_ABI {

/// Says how many threads of the pool may run items at the same time, from now on; those that block aren't counted.
/// Before the first call it is the environment variable GCD_MAX_THREADS, or else as many as the process has processors.
/// Items that run are not cut short. Thread-safe.
/// @throws std::invalid_argument outside of 1 to 512. @throws std::system_error (not_supported) on libdispatch, which
/// sizes its pool itself.
inline void set_max_threads(unsigned count) {
    if (count == 0 || count > detail::most_threads)
        throw std::invalid_argument("gcd::set_max_threads: the number of threads must be within 1 and 512");
    detail::backend::set_max_threads(count);
}

} // namespace gcd::inline GCD_ABI

#endif
