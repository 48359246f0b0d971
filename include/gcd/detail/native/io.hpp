// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_IO_HPP
#define GCD_DETAIL_NATIVE_IO_HPP
/// @file
/// I/O: not supported by this engine in this version.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace gcd::inline GCD_ABI::detail {

struct channel_object : object {};

namespace native {

[[noreturn]] GCD_HIDDEN inline void throw_no_io() {
    throw_not_supported("gcd::io_channel, read_async, write_async: the native engine has no I/O in this version");
}

GCD_HIDDEN inline void retain(channel_object*) noexcept {}
GCD_HIDDEN inline void release(channel_object*) noexcept {}

GCD_HIDDEN inline channel_object* channel_create(int, channel_type, queue_object*, bool, std::function<void(int)>) {
    throw_no_io();
}
GCD_HIDDEN inline void channel_read(channel_object*, std::int64_t, std::size_t, queue_object*, bool, io_callback) {
    throw_no_io();
}
GCD_HIDDEN inline void channel_write(channel_object*, std::int64_t, data_object*, queue_object*, bool, io_callback) {
    throw_no_io();
}
GCD_HIDDEN inline void channel_barrier(channel_object*, queue_object*, bool, work* item) {
    drop(item);
    throw_no_io();
}
GCD_HIDDEN inline void channel_close(channel_object*, bool) { throw_no_io(); }
GCD_HIDDEN inline bool channel_is_closed(channel_object*) { throw_no_io(); }
GCD_HIDDEN inline void channel_set_high_water(channel_object*, std::size_t) { throw_no_io(); }
GCD_HIDDEN inline void channel_set_low_water(channel_object*, std::size_t) { throw_no_io(); }
GCD_HIDDEN inline void channel_set_interval(channel_object*, std::int64_t, bool) { throw_no_io(); }
GCD_HIDDEN inline int channel_fd(channel_object*) { throw_no_io(); }
GCD_HIDDEN inline void read_once(int, std::size_t, queue_object*, io_callback) { throw_no_io(); }
GCD_HIDDEN inline void write_once(int, data_object*, queue_object*, io_callback) { throw_no_io(); }

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
