// SPDX-License-Identifier: MIT
#ifndef GCD_DATA_HPP
#define GCD_DATA_HPP
/// @file
/// Immutable bytes in one or more regions.

#include <gcd/config.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/queue.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI {

/// Immutable bytes, in regions that are shared, not copied, between the objects made from one another. Move-only
/// handle; retain() is cheap. All operations are const and thread-safe. The empty data is an ordinary value.
/// @see dispatch_data_t
class data {
public:
    /// A contiguous piece.
    struct region {
        std::span<const std::byte> bytes; ///< lives as long as the data it came from
        std::size_t offset = 0;           ///< of its first byte within the whole
    };

    /// Empty. @see dispatch_data_empty
    data() noexcept = default;
    /// A copy of the bytes. @see dispatch_data_create
    explicit data(std::span<const std::byte> bytes)
        : object_{bytes.empty() ? nullptr : detail::backend::data_copy(bytes.data(), bytes.size())} {}
    /// A copy of the text, without a NUL at its end. @see dispatch_data_create
    explicit data(std::string_view text)
        : data(std::span{reinterpret_cast<const std::byte*>(text.data()), text.size()}) {}
    /// Takes the vector over, without a copy. @see dispatch_data_create
    template <class T>
        requires std::is_trivially_copyable_v<T>
    explicit data(std::vector<T>&& buffer) : data(take_over(std::move(buffer))) {}

    /// Bytes that belong to somebody else. `release` runs once, on the queue, when no data needs them any more; never
    /// on the thread that drops the last reference. It must not throw. @see dispatch_data_create
    template <task F>
    data(std::span<const std::byte> bytes, const queue& on, F&& release)
        : object_{detail::backend::data_adopt(bytes.data(), bytes.size(), detail::access::object_of(on),
                                              detail::make_work<detail::backend::memory>(std::forward<F>(release)))} {}

    /// A second owner of the same bytes.
    [[nodiscard]] data retain() const { return object_ ? data{object_.retain()} : data{}; }

    /// In bytes. @see dispatch_data_get_size
    [[nodiscard]] std::size_t size() const noexcept { return object_ ? detail::backend::data_size(object_.get()) : 0; }
    /// No bytes at all.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    /// These bytes followed by those of the other. @see dispatch_data_create_concat
    [[nodiscard]] data concat(const data& other) const {
        if (other.empty()) return retain();
        if (empty()) return other.retain();
        return data{reference{detail::backend::data_concat(object_.get(), other.object_.get())}};
    }

    /// A part; offset and length are cut to what there is. @see dispatch_data_create_subrange
    [[nodiscard]] data subrange(std::size_t offset, std::size_t length) const {
        const std::size_t total = size();
        if (offset >= total || length == 0) return {};
        if (offset == 0 && length >= total) return retain();
        return data{reference{detail::backend::data_subrange(object_.get(), offset, std::min(length, total - offset))}};
    }

    /// The region that holds the byte at `location`, and where that region begins; past the end: empty, and the size.
    /// @see dispatch_data_copy_region
    [[nodiscard]] std::pair<data, std::size_t> copy_region(std::size_t location) const {
        if (location >= size()) return {data{}, size()};
        std::size_t offset = 0;
        reference found{detail::backend::data_copy_region(object_.get(), location, &offset)};
        return {data{std::move(found)}, offset};
    }

    /// All regions in order. @see dispatch_data_apply
    [[nodiscard]] std::vector<region> regions() const {
        std::vector<region> all;
        if (!object_) return all;
        for (const detail::data_region& piece : detail::backend::data_regions(object_.get()))
            all.push_back({{static_cast<const std::byte*>(piece.bytes), piece.size}, piece.offset});
        return all;
    }

    /// The same bytes in a single region: this object if it has one, else a copy. @see dispatch_data_create_map
    [[nodiscard]] data flattened() const {
        return object_ ? data{reference{detail::backend::data_flatten(object_.get())}} : data{};
    }
    /// The bytes of a data with a single region. @throws std::logic_error if there are more; see flattened().
    [[nodiscard]] std::span<const std::byte> bytes() const {
        if (!object_) return {};
        const detail::data_region whole = detail::backend::data_contiguous(object_.get());
        return {static_cast<const std::byte*>(whole.bytes), whole.size};
    }
    /// A copy of all bytes.
    [[nodiscard]] std::vector<std::byte> to_vector() const {
        std::vector<std::byte> all(size());
        std::size_t copied = 0;
        for (const region& piece : regions()) {
            std::memcpy(all.data() + copied, piece.bytes.data(), piece.bytes.size());
            copied += piece.bytes.size();
        }
        return all;
    }

    /// The same bytes, however they are divided into regions.
    friend bool operator==(const data& a, const data& b) {
        return a.object_.get() == b.object_.get() || (a.size() == b.size() && a.has_bytes_of(b));
    }

    /// The `dispatch_data_t`, borrowed. @throws std::system_error (not_supported) on the native engine.
    [[nodiscard]] void* native_handle() const { return detail::backend::data_native(object_.get()); }
    /// A handle to a `dispatch_data_t` that comes from elsewhere; keeps a reference of its own.
    /// @throws std::system_error (not_supported) on the native engine.
    [[nodiscard]] static data from_native(void* dispatch_data) {
        return data{reference{detail::backend::data_from_native(dispatch_data)}};
    }

private:
    using reference = detail::ref<detail::data_object>;
    friend struct detail::access;
    explicit data(reference object) noexcept : object_{std::move(object)} {}

    template <class T> static data take_over(std::vector<T>&& buffer) {
        auto owner = std::make_unique<std::vector<T>>(std::move(buffer));
        const auto bytes = std::as_bytes(std::span<const T>{*owner});
        return data{bytes, queue::global_queue(), [kept = std::move(owner)] {}};
    }

    /// Of another one of the same size.
    [[nodiscard]] bool has_bytes_of(const data& other) const {
        const std::vector<region> others = other.regions();
        auto next = others.begin();
        std::span<const std::byte> theirs;
        for (const region& piece : regions()) {
            for (std::span<const std::byte> mine = piece.bytes; !mine.empty();) {
                if (theirs.empty()) theirs = (next++)->bytes;
                const std::size_t size = std::min(mine.size(), theirs.size());
                if (std::memcmp(mine.data(), theirs.data(), size) != 0) return false;
                mine = mine.subspan(size);
                theirs = theirs.subspan(size);
            }
        }
        return true;
    }

    /// Null for the empty data.
    reference object_;
};

} // namespace gcd::inline GCD_ABI

#endif
