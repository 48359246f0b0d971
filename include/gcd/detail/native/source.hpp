// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SOURCE_HPP
#define GCD_DETAIL_NATIVE_SOURCE_HPP
/// @file
/// Sources: not supported by this engine in this version.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <cstdint>
#include <functional>

namespace gcd::inline GCD_ABI::detail {

struct source_object : object {};

namespace native {

[[noreturn]] GCD_HIDDEN inline void throw_no_sources() {
    throw_not_supported("gcd::source: the native engine has no timers and no sources in this version");
}

GCD_HIDDEN inline void retain(source_object*) noexcept {}
GCD_HIDDEN inline void release(source_object*) noexcept {}

GCD_HIDDEN inline source_object* source_create(const source_config&, queue_object*,
                                               std::function<void(std::uint64_t)>) {
    throw_no_sources();
}
GCD_HIDDEN inline void source_set_cancel_handler(source_object*, std::function<void()>) { throw_no_sources(); }
GCD_HIDDEN inline void source_set_registration_handler(source_object*, std::function<void()>) { throw_no_sources(); }
GCD_HIDDEN inline void source_set_timer(source_object*, const timer_config&) { throw_no_sources(); }
GCD_HIDDEN inline void source_start(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline void source_suspend(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline void source_resume(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline void source_cancel(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline void source_cancel_and_wait(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline bool source_is_cancelled(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline std::uint64_t source_data(source_object*) { throw_no_sources(); }
GCD_HIDDEN inline int source_handle(source_object*) { throw_no_sources(); }

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
