// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_BLOCK_HPP
#define GCD_DETAIL_SYSTEM_BLOCK_HPP
/// @file
/// Blocks made by hand, for the calls of libdispatch that take nothing else: g++ has no blocks, clang may have none.

#include <gcd/config.hpp>
#include <gcd/detail/kept.hpp>

#include <atomic>

extern "C" {
extern void* _NSConcreteStackBlock[32];
}

namespace gcd::inline GCD_ABI::detail::system {

/// What the run time knows of a block's layout; the names of the fields are ours, their order is the ABI's.
struct block_descriptor {
    unsigned long reserved;
    unsigned long size;
    void (*copy)(void* to, const void* from);
    void (*dispose)(const void* block);
};

/// A block on the stack that calls `Body` with its context. The context counts its owners in `count`: each copy that
/// the run time makes is one more, and whoever is the last deletes it. The caller keeps his own count.
template <auto Body> class block;

template <class Context, class Result, class... Args, Result (*Body)(Context*, Args...)> class block<Body> {
public:
    explicit block(Context* context) noexcept : context_{context} {}
    block(const block&) = delete;
    block& operator=(const block&) = delete;

    /// As an argument of a call that takes a block.
    void* get() noexcept { return this; }

private:
    /// The block has copy and dispose functions.
    static constexpr int has_helpers = 1 << 25;

    /// Another thread may dispose of the block. That it does so after the call is libdispatch's to order; the count held
    /// here says it in a way that a thread sanitizer sees too.
    static Result invoke(block* self, Args... args) {
        const auto held = kept<Context>::another(self->context_);
        return Body(held.get(), args...);
    }
    static void copy(void* to, const void*) {
        static_cast<block*>(to)->context_->count.fetch_add(1, std::memory_order_relaxed);
    }
    static void dispose(const void* self) { release_context(static_cast<const block*>(self)->context_); }

    static constexpr block_descriptor layout{0, sizeof(void*) * 4 + sizeof(int) * 2, &copy, &dispose};

    // The ABI's layout begins here.
    void* isa_ = _NSConcreteStackBlock;
    int flags_ = has_helpers;
    int reserved_ = 0;
    Result (*invoke_)(block*, Args...) = &invoke;
    const block_descriptor* descriptor_ = &layout;
    Context* context_;
};

} // namespace gcd::inline GCD_ABI::detail::system

#endif
