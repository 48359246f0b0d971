// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_DATA_HPP
#define GCD_DETAIL_NATIVE_DATA_HPP
/// @file
/// Data: not supported by this engine in this version; only the empty data, which has no object.

#include <gcd/config.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <cstddef>
#include <vector>

namespace gcd::inline GCD_ABI::detail {

struct data_object : object {};

namespace native {

[[noreturn]] GCD_HIDDEN inline void throw_no_data() {
    throw_not_supported("gcd::data: the native engine has no data objects in this version");
}

GCD_HIDDEN inline void retain(data_object*) noexcept {}
GCD_HIDDEN inline void release(data_object*) noexcept {}

GCD_HIDDEN inline data_object* data_copy(const void*, std::size_t) { throw_no_data(); }
GCD_HIDDEN inline data_object* data_adopt(const void*, std::size_t, queue_object*, work* release) {
    drop(release);
    throw_no_data();
}
GCD_HIDDEN inline std::size_t data_size(data_object*) noexcept { return 0; }
GCD_HIDDEN inline data_object* data_concat(data_object*, data_object*) { throw_no_data(); }
GCD_HIDDEN inline data_object* data_subrange(data_object*, std::size_t, std::size_t) { throw_no_data(); }
GCD_HIDDEN inline data_object* data_copy_region(data_object*, std::size_t, std::size_t*) { throw_no_data(); }
GCD_HIDDEN inline std::vector<data_region> data_regions(data_object*) { return {}; }
GCD_HIDDEN inline data_object* data_flatten(data_object*) { throw_no_data(); }
GCD_HIDDEN inline data_region data_contiguous(data_object*) { return {}; }
GCD_HIDDEN inline void* data_native(data_object*) { throw_no_data(); }
GCD_HIDDEN inline data_object* data_from_native(void*) { throw_no_data(); }

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
