// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_IO_HPP
#define GCD_DETAIL_NATIVE_IO_HPP
/// @file
/// Channels: all of them are the library's own devices (io/device.hpp); this engine adds nothing.

#include <gcd/config.hpp>
#include <gcd/detail/io/channel.hpp>
#include <gcd/detail/io/functions.hpp>
#include <gcd/detail/io/single.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <cstddef>

namespace gcd::inline GCD_ABI::detail::native {

GCD_HIDDEN inline void engine_begin(const char*) {}

/// Its threads, which do all writing, block every signal.
GCD_HIDDEN inline void engine_survive_broken_pipes() noexcept {}

GCD_HIDDEN inline bool engine_serves(const lent_fd&, channel_type) noexcept { return false; }
GCD_HIDDEN inline void engine_open(channel_object*, channel_type, queue_object*) {}
GCD_HIDDEN inline void engine_release(channel_object*) noexcept {}
GCD_HIDDEN inline void engine_start(channel_object*, channel_request*) {}
GCD_HIDDEN inline void engine_close(channel_object*, bool) noexcept {}
GCD_HIDDEN inline bool engine_read_once(int, std::size_t, queue_object*, io_callback&, const char*) { return false; }

} // namespace gcd::inline GCD_ABI::detail::native

#endif
