// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_KEPT_HPP
#define GCD_DETAIL_KEPT_HPP
/// @file
/// Owning what counts its owners itself, in a member `count`: raised relaxed, lowered acq_rel, deleted at zero.

#include <gcd/config.hpp>

#include <atomic>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

/// Gives up the count that the maker of a context holds.
template <class Context> void release_context(Context* context) noexcept {
    if (context->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete context;
}

/// One count of a context, given up at the end.
template <class Context> class kept {
public:
    /// Takes over a count.
    explicit kept(Context* context) noexcept : context_{context} {}
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
