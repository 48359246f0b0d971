// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_REF_HPP
#define GCD_DETAIL_REF_HPP
/// @file
/// The one reference that a handle owns.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/object.hpp>

#include <utility>

namespace gcd::inline GCD_ABI::detail {

/// Owns one handle count of an engine object. Move-only; retain() makes a second owner.
template <class Object> class GCD_VISIBLE ref {
public:
    ref() = default;
    /// Takes over a count.
    explicit ref(Object* object) noexcept : object_{object} {}
    ref(ref&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
    ref& operator=(ref&& other) noexcept {
        ref{std::move(other)}.swap(*this);
        return *this;
    }
    ~ref() {
        if (object_ != nullptr) backend::release(object_);
    }

    void swap(ref& other) noexcept { std::swap(object_, other.object_); }
    Object* get() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

    /// @throws std::logic_error if it was moved from.
    ref retain() const {
        backend::retain(checked(object_, "gcd: retain"));
        return ref{object_};
    }

private:
    Object* object_ = nullptr;
};

/// Lets the library's own handles see into each other.
struct access {
    template <class Handle> static auto* object_of(const Handle& handle) noexcept { return handle.object_.get(); }
    template <class Handle> static auto* object_of(const Handle* handle) noexcept {
        return handle != nullptr ? handle->object_.get() : nullptr;
    }
    template <class Handle, class Reference> static Handle make(Reference reference) {
        return Handle{std::move(reference)};
    }
};

} // namespace gcd::inline GCD_ABI::detail

#endif
