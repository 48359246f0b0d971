// SPDX-License-Identifier: MIT
#ifndef GCD_SEMAPHORE_HPP
#define GCD_SEMAPHORE_HPP
/// @file
/// Counting semaphores.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/time.hpp>

#include <stdexcept>
#include <utility>

namespace gcd::inline GCD_ABI {

/// A counting semaphore. Move-only handle; all operations are const and thread-safe. It may end at any value.
/// @see dispatch_semaphore_t
class semaphore {
public:
    /// One unit taken; signals at its end. Move-only.
    class [[nodiscard]] guard {
    public:
        guard(guard&&) noexcept = default;
        guard& operator=(guard&&) = delete;
        ~guard() {
            try {
                if (object_) detail::backend::semaphore_signal(object_.get());
            } catch (const std::logic_error&) {
                // The child of a fork has no part in it; and the largest value takes no further unit.
            }
        }

    private:
        friend class semaphore;
        explicit guard(detail::ref<detail::semaphore_object> taken) noexcept : object_{std::move(taken)} {}
        detail::ref<detail::semaphore_object> object_;
    };

    /// @param value units there are at first, 0 or more. @throws std::invalid_argument if negative.
    /// @see dispatch_semaphore_create
    explicit semaphore(long value) : object_{detail::backend::semaphore_create(value)} {}

    /// A second owner of the same semaphore.
    [[nodiscard]] semaphore retain() const { return semaphore{object_.retain()}; }

    /// Takes a unit, waits for one if there is none. @throws interrupted; see interruptible.
    /// @see dispatch_semaphore_wait
    void wait() const { detail::backend::semaphore_wait(object_.get(), gcd::time::forever().raw()); }
    /// Takes a unit, waits at most that long for one; false if there was none. @see dispatch_semaphore_wait
    [[nodiscard]] bool wait_for(duration limit) const { return wait_until(start_time{limit}.resolve()); }
    /// Takes a unit, waits until that point at most for one; false if there was none. @see dispatch_semaphore_wait
    [[nodiscard]] bool wait_until(gcd::time limit) const {
        return detail::backend::semaphore_wait(object_.get(), limit.raw());
    }
    /// Takes a unit if there is one now. @see dispatch_semaphore_wait
    [[nodiscard]] bool try_wait() const { return wait_until(gcd::time{}); }

    /// Adds a unit; true if a waiter was woken. @throws std::logic_error past the largest value.
    /// @see dispatch_semaphore_signal
    bool signal() const { return detail::backend::semaphore_signal(object_.get()); }

    /// Takes a unit that is given back at the end of the returned object. @see dispatch_semaphore_wait
    [[nodiscard]] guard acquire() const {
        wait();
        return guard{object_.retain()};
    }

private:
    explicit semaphore(detail::ref<detail::semaphore_object> object) noexcept : object_{std::move(object)} {}
    detail::ref<detail::semaphore_object> object_;
};

} // namespace gcd::inline GCD_ABI

#endif
