// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_WORK_HPP
#define GCD_DETAIL_WORK_HPP
/// @file
/// How callables cross the seam: work runs once, a handler runs many times.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace gcd::inline GCD_ABI {

/// A callable without arguments that can be submitted: a lambda (move-only captures are fine), a function, a
/// `std::function`. Its result is thrown away.
template <class F>
concept task = std::is_invocable_v<std::decay_t<F>&> && std::is_constructible_v<std::decay_t<F>, F>;

namespace detail {

/// What is to become of a piece of work. Exactly one of the two happens, once, and frees the node.
enum class op : unsigned char { run, drop };

/// How an engine takes a node. All but `item` are its own.
enum class work_kind : unsigned char {
    item,     ///< somebody's callable; stays in its list until it has run
    borrowed, ///< a callable on the stack of a thread that waits; leaves its list before it runs
    token,    ///< a queue that has items, standing in its target
    waiter,   ///< a thread that waits for its turn
};

/// An intrusive node that runs once. The engine fills in the queue when it accepts the work.
///
/// `fn` gives the node back to the engine's memory, where it stays untouched until this thread gives back another one.
struct GCD_VISIBLE work {
    void (*fn)(work*, op) noexcept;
    queue_object* queue = nullptr;    ///< where it was submitted; alive until the work has run
    group_object* group = nullptr;    ///< left when the work has run; holds a count of it
    std::atomic<work*> next{nullptr}; ///< of an engine that has lists
    bool exclusive = false;           ///< runs as a barrier
    work_kind kind = work_kind::item;
    bool carries = false; ///< asks for a carried lock itself: what its thread carries need not be released before
};

GCD_HIDDEN inline void drop(work* item) noexcept { item->fn(item, op::drop); }

/// True for a null function pointer and an empty std::function (or its like).
template <class F> constexpr bool is_null_callable(const F& callable) {
    if constexpr (std::is_function_v<F>)
        return false;
    else if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>)
        return callable == nullptr;
    else if constexpr (!std::is_empty_v<F> && requires { static_cast<bool>(callable == nullptr); })
        return callable == nullptr;
    else
        return false;
}

template <class F> constexpr void require_callable(const F& callable, const char* what) {
    if (is_null_callable(callable)) throw std::invalid_argument(what);
}

/// A callable that asks for a carried lock: it has a static member `carries`.
template <class F> constexpr bool carries_lock = requires { F::carries; };

/// The node of an asynchronous submission: the one allocation that it costs, from the engine's memory.
template <class Backend, class F> struct callable_work final : work {
    F callable;

    template <class G>
    explicit callable_work(G&& from)
        : work{.fn = &invoke, .carries = carries_lock<F>}, callable(std::forward<G>(from)) {}

    static void invoke(work* self, op what) noexcept {
        auto* node = static_cast<callable_work*>(self);
        if (what == op::run) {
            try {
                static_cast<void>(node->callable());
            } catch (...) {
                report_exception();
            }
        }
        node->~callable_work();
        Backend::deallocate(node, sizeof(callable_work));
    }
};

template <class Backend, class F> work* make_work(F&& callable) {
    using node = callable_work<Backend, std::decay_t<F>>;
    static_assert(alignof(node) <= alignof(std::max_align_t), "over-aligned captures are not supported");
    require_callable(callable, "gcd: the callable is empty");
    void* memory = Backend::allocate(sizeof(node));
    if constexpr (std::is_nothrow_constructible_v<std::decay_t<F>, F>) {
        return ::new (memory) node(std::forward<F>(callable));
    } else {
        try {
            return ::new (memory) node(std::forward<F>(callable));
        } catch (...) {
            Backend::deallocate(memory, sizeof(node));
            throw;
        }
    }
}

/// Room for a result, built in place; references are kept as pointers.
template <class R> class result_slot {
    static_assert(std::is_move_constructible_v<R>, "what the callable returns must be movable");

public:
    result_slot() noexcept {}
    result_slot(const result_slot&) = delete;
    ~result_slot() {
        if (filled_) value_.~R();
    }
    template <class F> void fill(F& callable) {
        ::new (static_cast<void*>(std::addressof(value_))) R(callable());
        filled_ = true;
    }
    R take() { return static_cast<R&&>(value_); }

private:
    union {
        R value_;
    };
    bool filled_ = false;
};

template <class R> class result_slot<R&> {
public:
    template <class F> void fill(F& callable) {
        R& result = callable();
        value_ = std::addressof(result);
    }
    R& take() { return *value_; }

private:
    R* value_ = nullptr;
};

template <class R> class result_slot<R&&> {
public:
    template <class F> void fill(F& callable) {
        R&& result = callable();
        value_ = std::addressof(result);
    }
    R&& take() { return static_cast<R&&>(*value_); }

private:
    R* value_ = nullptr;
};

template <> class result_slot<void> {
public:
    template <class F> void fill(F& callable) { static_cast<void>(callable()); }
    void take() {}
};

/// A borrowed callable with its result and its exception, on the stack of a blocking call.
template <class F> class borrowed_call final : public call {
    using result_type = std::invoke_result_t<F&>;

public:
    explicit borrowed_call(F& callable) noexcept : call{&invoke}, callable_{callable} {}

    /// What the callable gave, or threw.
    result_type take() {
        if (threw) [[unlikely]]
            std::rethrow_exception(std::move(error_));
        return result_.take();
    }

private:
    static void invoke(void* base) noexcept {
        auto* self = static_cast<borrowed_call*>(static_cast<call*>(base));
        self->enter();
        try {
            self->result_.fill(self->callable_);
        } catch (...) {
            self->error_ = std::current_exception();
            self->threw = true;
        }
        self->leave();
    }

    F& callable_;
    std::exception_ptr error_;
    [[no_unique_address]] result_slot<std::remove_cv_t<result_type>> result_;
};

/// How an engine hands over what an I/O operation has done: done, one count of the chunk (null if empty), errno.
using io_callback = std::function<void(bool, data_object*, int)>;

/// Makes a stored handler out of any callable; a move-only one is put behind a shared_ptr.
template <class... Args, class F> std::function<void(Args...)> to_function(F&& callable) {
    using plain = std::decay_t<F>;
    require_callable(callable, "gcd: the handler is empty");
    if constexpr (std::is_copy_constructible_v<plain>) {
        return std::function<void(Args...)>(std::forward<F>(callable));
    } else {
        return [shared = std::make_shared<plain>(std::forward<F>(callable))](Args... args) {
            static_cast<void>((*shared)(static_cast<Args>(args)...));
        };
    }
}

} // namespace detail
} // namespace gcd::inline GCD_ABI

#endif
