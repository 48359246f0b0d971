// SPDX-License-Identifier: MIT
#ifndef GCD_GROUP_HPP
#define GCD_GROUP_HPP
/// @file
/// Groups: waiting for a set of items, or being told of their end.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/queue.hpp>
#include <gcd/time.hpp>

#include <chrono>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace gcd::inline GCD_ABI {

namespace detail {

/// A callable that knows whose item it is; the item's count keeps the group.
template <class F> struct group_item {
    const group_object* group;
    F callable;

    void operator()() {
        const group_frame inside{group};
        static_cast<void>(callable());
    }
};

template <class F> constexpr bool carries_lock<group_item<F>> = carries_lock<F>;

template <class F> group_item<std::decay_t<F>> make_group_item(const group_object* group, F&& callable) {
    require_callable(callable, "gcd: the callable is empty");
    return {group, std::forward<F>(callable)};
}

/// Before a wait without a limit.
GCD_HIDDEN inline void require_outside(const group_object* group) {
    if (group != nullptr && inside_item_of(group))
        throw would_deadlock("gcd::group::wait: called without a limit inside an item of the group, which it would "
                             "wait for");
}

} // namespace detail

/// Counts what has been entered and not left. Move-only handle; all operations are const and thread-safe.
/// @see dispatch_group_t
class group {
public:
    /// One entry; leaves at its end. Move-only.
    class [[nodiscard]] token {
    public:
        token(token&&) noexcept = default;
        token& operator=(token&& other) noexcept {
            leave();
            object_ = std::move(other.object_);
            return *this;
        }
        ~token() { leave(); }

        /// Leaves now.
        void leave() noexcept {
            try {
                if (object_) detail::backend::group_leave(object_.get());
            } catch (const std::logic_error&) {
                // A plain group::leave() has ended it already.
            }
            object_ = {};
        }
        /// Gives the entry up to a plain group::leave().
        void release() noexcept { object_ = {}; }

    private:
        friend class group;
        explicit token(detail::ref<detail::group_object> entered) noexcept : object_{std::move(entered)} {}
        detail::ref<detail::group_object> object_;
    };

    /// An empty group. @see dispatch_group_create
    group() : object_{detail::backend::group_create()} {}

    /// A second owner of the same group.
    [[nodiscard]] group retain() const { return group{object_.retain()}; }

    /// Submits the callable to the queue; it counts until it has run. @see dispatch_group_async_f
    template <task F> void run_async(const queue& on, F&& callable) const {
        detail::backend::group_async(object_.get(), detail::access::object_of(on),
                                     detail::make_work<detail::backend::memory>(
                                         detail::make_group_item(object_.get(), std::forward<F>(callable))));
    }

    /// Counts one more until the token ends. @see dispatch_group_enter
    [[nodiscard]] token enter() const {
        detail::backend::group_enter(object_.get());
        return token{object_.retain()};
    }

    /// Balances an entry whose token was released. @throws std::logic_error if nothing is entered.
    /// @see dispatch_group_leave
    void leave() const { detail::backend::group_leave(object_.get()); }

    /// Submits the callable to the queue when the count is zero, at once if it is so now. May be called any number of
    /// times; each callable runs once. They stand in their queues before any wait() returns.
    /// @see dispatch_group_notify_f
    template <task F> void notify(const queue& on, F&& callable) const {
        detail::backend::group_notify(object_.get(), detail::access::object_of(on),
                                      detail::make_work<detail::backend::memory>(std::forward<F>(callable)));
    }

    /// Waits until the count is zero. @throws would_deadlock inside an item of the group. @throws interrupted; see
    /// interruptible. @see dispatch_group_wait
    void wait() const { static_cast<void>(wait_until(gcd::time::forever())); }
    /// Waits at most that long; true if the count was zero. @see dispatch_group_wait
    [[nodiscard]] bool wait_for(duration limit) const { return wait_until(start_time{limit}.resolve()); }
    /// Waits until that point at most; true if the count was zero. @throws would_deadlock inside an item of the group if
    /// there is no limit, gcd::time::forever(). @see dispatch_group_wait
    [[nodiscard]] bool wait_until(gcd::time limit) const {
        if (limit == gcd::time::forever()) detail::require_outside(object_.get());
        return detail::backend::group_wait(object_.get(), limit.raw());
    }

private:
    explicit group(detail::ref<detail::group_object> object) noexcept : object_{std::move(object)} {}
    detail::ref<detail::group_object> object_;
};

} // namespace gcd::inline GCD_ABI

#endif
