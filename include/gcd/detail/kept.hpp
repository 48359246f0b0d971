// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_KEPT_HPP
#define GCD_DETAIL_KEPT_HPP
/// @file
/// Owning alone, and owning what counts its owners itself, in a member `count`: raised relaxed, lowered acq_rel, deleted
/// at zero.

#include <gcd/config.hpp>

#include <atomic>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

/// Owns what `new` made. In place of std::unique_ptr, which costs the compiler a fiftieth of the time for all of this
/// library's headers, for each type.
template <class Object> class owned {
public:
    owned() = default;
    explicit owned(Object* object) noexcept : object_{object} {}
    owned(owned&& other) noexcept : object_{other.give_up()} {}
    owned& operator=(owned&& other) noexcept {
        reset(other.give_up());
        return *this;
    }
    ~owned() { delete object_; }

    void reset(Object* object = nullptr) noexcept {
        Object* former = object_;
        object_ = object;
        delete former;
    }

    Object* get() const noexcept { return object_; }
    Object& operator*() const noexcept { return *object_; }
    Object* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }
    [[nodiscard]] Object* give_up() noexcept {
        Object* object = object_;
        object_ = nullptr;
        return object;
    }

private:
    Object* object_ = nullptr;
};

/// Gives up the count that the maker of a context holds.
template <class Context> void release_context(Context* context) noexcept {
    if (context->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete context;
}

/// One count of a context, given up at the end.
template <class Context> class kept {
public:
    /// Takes over a count.
    explicit kept(Context* context) noexcept : context_{context} {}
    kept(const kept& other) noexcept : kept{another(other.context_)} {}
    kept(kept&& other) noexcept : context_{std::exchange(other.context_, nullptr)} {}
    kept& operator=(kept&&) = delete;
    ~kept() {
        if (context_ != nullptr) release_context(context_);
    }
    static kept another(Context* context) noexcept {
        context->count.fetch_add(1, std::memory_order_relaxed);
        return kept{context};
    }

    Context* get() const noexcept { return context_; }
    Context* operator->() const noexcept { return context_; }
    [[nodiscard]] Context* give_up() noexcept { return std::exchange(context_, nullptr); }

private:
    Context* context_;
};

} // namespace gcd::inline GCD_ABI::detail

#endif
