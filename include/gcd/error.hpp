// SPDX-License-Identifier: MIT
#ifndef GCD_ERROR_HPP
#define GCD_ERROR_HPP
/// @file
/// What the library throws beside the standard exceptions, and where exceptions of asynchronous items go.
///
/// `std::invalid_argument`: an argument is wrong. `std::logic_error`: the object's state doesn't allow the call.
/// `std::system_error`: the operating system said no; code `not_supported` where this system can't do it at all.

#include <gcd/config.hpp>

#include <atomic>
#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace gcd::inline GCD_ABI {

/// A blocking call that could never return, because this thread already holds what it would wait for.
/// Thrown before anything is submitted; the message names both queues.
class GCD_VISIBLE would_deadlock : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// A blocking call was given up because the thread's gcd::interruptible asked for it.
class GCD_VISIBLE interrupted : public std::runtime_error {
public:
    interrupted() : std::runtime_error("the wait was interrupted") {}
};

/// Receives an exception that left an asynchronous item or a handler. Runs on the thread of the item; must not throw.
using exception_handler = void (*)(std::exception_ptr);

namespace detail {

/// The process' exception handler, null for std::terminate. Written by set_exception_handler (release), read
/// where an exception arrives (acquire). One for all libraries that share this ABI.
GCD_VISIBLE inline constinit std::atomic<exception_handler> exception_slot{nullptr};

/// Hands the exception in flight to the process' handler. Call inside a catch block.
GCD_HIDDEN inline void report_exception() noexcept {
    if (exception_handler handler = exception_slot.load(std::memory_order_acquire))
        handler(std::current_exception());
    else
        std::terminate();
}

[[noreturn]] GCD_HIDDEN inline void throw_not_supported(const char* what) {
    throw std::system_error(std::make_error_code(std::errc::not_supported), what);
}

/// A text made of several.
GCD_HIDDEN inline std::string message(std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const std::string_view part : parts) all.append(part.data(), part.size());
    return all;
}

[[noreturn]] GCD_HIDDEN inline void throw_errno(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

} // namespace detail

/// Sets where exceptions leaving asynchronous items and handlers go; returns the former function.
/// By default, and with a null pointer, `std::terminate` is called, as for a thread. Exceptions out of
/// `run_sync`, `barrier_sync`, `apply` and `once` go to the caller instead. Thread-safe.
inline exception_handler set_exception_handler(exception_handler handler) noexcept {
    return detail::exception_slot.exchange(handler, std::memory_order_acq_rel);
}

} // namespace gcd::inline GCD_ABI

#endif
