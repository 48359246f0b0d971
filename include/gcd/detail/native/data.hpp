// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_DATA_HPP
#define GCD_DETAIL_NATIVE_DATA_HPP
/// @file
/// Immutable bytes: a row of regions, each of which keeps the object that has the bytes.
///
/// An object either has bytes, which are its only region, or a row of pieces of such objects: never pieces of pieces,
/// so that nothing has to be walked, and an end is one step deep. Header, row and copied bytes are one allocation, save
/// that long rows are apart and shared: an object that is another one and some more has its row with some more pieces
/// (data_row), so that many concatenations one by one cost no more than the pieces. No thread of the engine's has a part
/// in it, so that a fork doesn't touch it.

#include <gcd/config.hpp>
#include <gcd/detail/native/memory.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI::detail {

namespace native {

/// Where an object's bytes are, and how they end.
enum class data_form : unsigned char {
    pieces, ///< of other objects
    row,    ///< the same, in a row that stands by itself
    copied, ///< behind the object
    lent,   ///< somebody else's, who gets them back by a piece of work
    room,   ///< before the object: see data_room
    given,  ///< somebody else's, who keeps them
};

/// A region, and the object that has its bytes; null for the object itself.
struct data_piece : data_region {
    data_object* owner;
};

struct data_row;

} // namespace native

/// Its pieces lie behind it, and behind those what its form says.
struct GCD_VISIBLE data_object {
    /// Handles, and pieces of other objects. Raised relaxed, lowered acq_rel; whoever reaches zero ends the object.
    std::atomic<long> handles{1};
    const std::size_t size;
    const std::size_t count; ///< of pieces
    const native::data_form form;
    native::data_row* row = nullptr; ///< of that form: its first `count` pieces are this one's

    data_object(std::size_t bytes, std::size_t pieces, native::data_form how) noexcept
        : size{bytes}, count{pieces}, form{how} {}

    native::data_piece* pieces() noexcept;
    void* behind() noexcept { return pieces() + count; }
};

/// Bytes belong to no engine thread, so that a fork doesn't touch them.
GCD_HIDDEN inline data_object* checked(data_object* held, const char* what) {
    if (held == nullptr) [[unlikely]]
        throw_moved_from(what);
    return held;
}

namespace native {

/// A row of pieces whose beginnings several objects have: each has as many of the first ones as it knows. What lies
/// before the end of an object that lives doesn't change, and is read without the lock; the rest is the lock's. Who
/// wants to go on where the row ends puts its pieces there; at the end of an object those go that no other one has.
/// In the child of a fork, where the lock may be a thread's of the parent, the row is only read, and stays.
struct data_row {
    futex_lock lock;
    const unsigned generation = fork_generation.load(std::memory_order_relaxed);
    std::size_t used = 0;
    std::size_t objects = 1;
    const std::size_t capacity;
    data_piece* const pieces;
    std::size_t* const ends; ///< for each piece: of how many objects it is the last

    explicit data_row(std::size_t room)
        : capacity{room}, pieces{static_cast<data_piece*>(::operator new(room * (sizeof(data_piece) + sizeof(*ends))))},
          ends{reinterpret_cast<std::size_t*>(pieces + room)} {}
    data_row(const data_row&) = delete;
    data_row& operator=(const data_row&) = delete;
    ~data_row() { ::operator delete(pieces); }

    [[nodiscard]] bool is_inherited() const noexcept {
        return generation != fork_generation.load(std::memory_order_relaxed);
    }
};

} // namespace native

inline native::data_piece* data_object::pieces() noexcept {
    return row != nullptr ? row->pieces : reinterpret_cast<native::data_piece*>(this + 1);
}

namespace native {

// --- memory -------------------------------------------------------------------------------------------------------

static_assert(alignof(data_piece) <= alignof(data_object) && sizeof(data_object) % alignof(data_piece) == 0);

inline constexpr std::size_t most_pieces = std::numeric_limits<std::ptrdiff_t>::max() / 2 / sizeof(data_piece);

inline std::size_t data_memory(std::size_t pieces, std::size_t behind) noexcept {
    return sizeof(data_object) + pieces * sizeof(data_piece) + behind;
}

/// An object with room for its pieces, and for so many bytes behind them.
GCD_HIDDEN inline data_object* make_data(std::size_t size, std::size_t pieces, data_form form, std::size_t behind) {
    if (pieces > most_pieces || behind > std::numeric_limits<std::ptrdiff_t>::max() / 2) throw std::bad_alloc{};
    return ::new (memory::allocate(data_memory(pieces, behind))) data_object{size, pieces, form};
}

/// Memory that is filled before parts of it are given away as data. All of one size, page by page; some are kept for
/// reuse, because the faults of fresh pages cost more than what is read into them. The object stands at the end of the
/// memory.
inline constexpr std::size_t room_size = 131'072;
inline constexpr std::align_val_t room_alignment{4'096};
#if defined(GCD_ABI_ASAN)
inline constexpr std::size_t rooms_kept = 0;
#else
inline constexpr std::size_t rooms_kept = 16;
#endif

/// The rooms that nobody uses now. Each place is taken and filled by exchanges (acq_rel), without a lock, so that a
/// fork finds nothing half done. Never freed.
struct GCD_VISIBLE spare_rooms {
    std::array<std::atomic<void*>, rooms_kept> places{};

    /// The one that was given last, mostly, or null.
    void* take() noexcept {
        for (std::atomic<void*>& place : places)
            if (place.load(std::memory_order_relaxed) != nullptr)
                if (void* found = place.exchange(nullptr, std::memory_order_acq_rel)) return found;
        return nullptr;
    }
    bool give(void* memory) noexcept {
        for (std::atomic<void*>& place : places) {
            void* none = place.load(std::memory_order_relaxed);
            if (none == nullptr && place.compare_exchange_strong(none, memory, std::memory_order_acq_rel)) return true;
        }
        return false;
    }
};
GCD_VISIBLE inline constinit spare_rooms unused_rooms{};

GCD_HIDDEN inline data_object* data_room() {
    constexpr std::size_t memory_size = room_size + sizeof(data_object) + sizeof(data_piece);
    void* start = unused_rooms.take();
    if (start == nullptr) start = ::operator new(memory_size, room_alignment);
    auto* made = ::new (static_cast<std::byte*>(start) + room_size) data_object{room_size, 1, data_form::room};
    ::new (made->pieces()) data_piece{{start, room_size, 0}, nullptr};
    return made;
}

/// The same, in memory that stays the caller's.
GCD_HIDDEN inline data_object* data_room(std::byte* memory, std::size_t size) {
    data_object* made = make_data(size, 1, data_form::given, 0);
    ::new (made->pieces()) data_piece{{memory, size, 0}, nullptr};
    return made;
}

// --- life ---------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void retain(data_object* data) noexcept { data->handles.fetch_add(1, std::memory_order_relaxed); }

GCD_HIDDEN void end_data(data_object* data) noexcept;

GCD_HIDDEN inline void release(data_object* data) noexcept {
    if (data->handles.fetch_sub(1, std::memory_order_acq_rel) == 1) end_data(data);
}

/// The end of an object with so many of the row's pieces. Bytes are let go without the lock, as that may call what the
/// user has given.
GCD_HIDDEN inline void leave_row(data_row* row, std::size_t count) noexcept {
    if (row->is_inherited()) return;
    for (bool leaves = true;; leaves = false) {
        data_object* owner = nullptr;
        bool is_last = false;
        {
            const std::lock_guard hold{row->lock};
            if (leaves) --row->ends[count - 1];
            if (row->used != 0 && row->ends[row->used - 1] == 0)
                owner = row->pieces[--row->used].owner;
            else
                is_last = --row->objects == 0;
        }
        if (owner != nullptr) {
            release(owner);
            continue;
        }
        if (is_last) delete row;
        return;
    }
}

/// The bytes go back by work on the queue that was named for it.
GCD_HIDDEN inline void give_bytes_back(work* item) noexcept {
    queue_object* on = item->queue;
    try {
        queue_async(on, item);
    } catch (...) {
        // Refused and dropped: in the child of a fork the queue may be the parent's.
    }
    let_go(on);
}

[[gnu::noinline]] GCD_HIDDEN inline void end_data(data_object* data) noexcept {
    std::size_t behind = 0;
    if (data->form == data_form::row) {
        leave_row(data->row, data->count);
        return memory::deallocate(data, data_memory(0, 0));
    }
    switch (data->form) {
    case data_form::row:
    case data_form::given: break;
    case data_form::pieces:
        for (std::size_t i = 0; i != data->count; ++i) release(data->pieces()[i].owner);
        break;
    case data_form::copied: behind = data->size; break;
    case data_form::lent:
        behind = sizeof(work*);
        give_bytes_back(*static_cast<work**>(data->behind()));
        break;
    case data_form::room: {
        void* start = const_cast<void*>(data->pieces()->bytes);
        if (!unused_rooms.give(start)) ::operator delete(start, room_alignment);
        return;
    }
    }
    memory::deallocate(data, data_memory(data->count, behind));
}

// --- making -------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline data_object* data_copy(const void* bytes, std::size_t size) {
    data_object* made = make_data(size, 1, data_form::copied, size);
    std::memcpy(made->behind(), bytes, size);
    ::new (made->pieces()) data_piece{{made->behind(), size, 0}, nullptr};
    return made;
}

GCD_HIDDEN inline data_object* data_adopt(const void* bytes, std::size_t size, queue_object* on, work* item) {
    if (size == 0) {
        queue_async(on, item);
        return nullptr;
    }
    accept(on, "gcd::data", item);
    data_object* made = nullptr;
    try {
        made = make_data(size, 1, data_form::lent, sizeof(work*));
    } catch (...) {
        drop(item);
        throw;
    }
    keep(on);
    ::new (made->pieces()) data_piece{{bytes, size, 0}, nullptr};
    ::new (made->behind()) work* {item};
    return made;
}

/// Appends pieces to an object that is being made, and keeps their bytes.
class piece_writer {
public:
    explicit piece_writer(data_piece* into, std::size_t offset = 0) noexcept : next_{into}, offset_{offset} {}

    void add(data_object* owner, const void* bytes, std::size_t size) noexcept {
        retain(owner);
        ::new (next_++) data_piece{{bytes, size, offset_}, owner};
        offset_ += size;
    }
    void add_all(data_object* from) noexcept {
        for (data_piece* piece = from->pieces(); piece != from->pieces() + from->count; ++piece)
            add(piece->owner != nullptr ? piece->owner : from, piece->bytes, piece->size);
    }

private:
    data_piece* next_;
    std::size_t offset_;
};

/// From so many pieces on they stand in a row of their own.
inline constexpr std::size_t least_row = 16;

/// The pieces of `other` at the end of the row that `one` has. False if that goes on already, or is full.
GCD_HIDDEN inline bool continue_row(data_object* one, data_object* other) noexcept {
    data_row* row = one->row;
    if (row == nullptr || row->is_inherited()) return false;
    const std::lock_guard hold{row->lock};
    if (row->used != one->count || row->capacity - row->used < other->count) return false;
    piece_writer{row->pieces + row->used, one->size}.add_all(other);
    for (std::size_t i = 0; i != other->count; ++i) row->ends[row->used++] = 0;
    row->ends[row->used - 1] = 1;
    ++row->objects;
    return true;
}

GCD_HIDDEN inline data_object* data_concat_row(data_object* one, data_object* other) {
    const std::size_t count = one->count + other->count;
    if (count > most_pieces / 2) throw std::bad_alloc{};
    auto* made =
        ::new (memory::allocate(data_memory(0, 0))) data_object{one->size + other->size, count, data_form::row};
    if (continue_row(one, other)) {
        made->row = one->row;
        return made;
    }
    try {
        made->row = new data_row{2 * count};
    } catch (...) {
        memory::deallocate(made, data_memory(0, 0));
        throw;
    }
    piece_writer pieces{made->row->pieces};
    pieces.add_all(one);
    pieces.add_all(other);
    made->row->used = count;
    for (std::size_t i = 0; i != count; ++i) made->row->ends[i] = 0;
    made->row->ends[count - 1] = 1;
    return made;
}

GCD_HIDDEN inline data_object* data_concat(data_object* one, data_object* other) {
    if (other->size > std::numeric_limits<std::size_t>::max() - one->size)
        throw std::length_error("gcd::data::concat: the size is beyond what there are numbers for");
    if (one->count + other->count >= least_row) return data_concat_row(one, other);
    data_object* made = make_data(one->size + other->size, one->count + other->count, data_form::pieces, 0);
    piece_writer pieces{made->pieces()};
    pieces.add_all(one);
    pieces.add_all(other);
    return made;
}

/// The piece that holds the byte at `location`.
GCD_HIDDEN inline data_piece* piece_at(data_object* data, std::size_t location) noexcept {
    data_piece* first = data->pieces();
    return std::upper_bound(first, first + data->count, location,
                            [](std::size_t place, const data_piece& piece) { return place < piece.offset; }) -
           1;
}

GCD_HIDDEN inline data_object* data_subrange(data_object* data, std::size_t offset, std::size_t length) {
    if (length == data->size) {
        retain(data);
        return data;
    }
    data_piece* first = piece_at(data, offset);
    data_piece* last = piece_at(data, offset + length - 1);
    if (first == last && first->owner != nullptr && length == first->owner->size) {
        retain(first->owner);
        return first->owner;
    }
    data_object* made = make_data(length, static_cast<std::size_t>(last - first) + 1, data_form::pieces, 0);
    piece_writer row{made->pieces()};
    std::size_t left = length;
    std::size_t skip = offset - first->offset;
    for (data_piece* piece = first; left != 0; ++piece, skip = 0) {
        const std::size_t size = std::min(piece->size - skip, left);
        row.add(piece->owner != nullptr ? piece->owner : data, static_cast<const std::byte*>(piece->bytes) + skip,
                size);
        left -= size;
    }
    return made;
}

GCD_HIDDEN inline data_object* data_copy_region(data_object* data, std::size_t location, std::size_t* offset) {
    const data_piece* piece = piece_at(data, location);
    *offset = piece->offset;
    if (data->count != 1) return data_subrange(data, piece->offset, piece->size);
    retain(data);
    return data;
}

GCD_HIDDEN inline data_object* data_flatten(data_object* data) {
    if (data->count == 1) {
        retain(data);
        return data;
    }
    data_object* made = make_data(data->size, 1, data_form::copied, data->size);
    ::new (made->pieces()) data_piece{{made->behind(), data->size, 0}, nullptr};
    for (const data_piece* piece = data->pieces(); piece != data->pieces() + data->count; ++piece)
        std::memcpy(static_cast<std::byte*>(made->behind()) + piece->offset, piece->bytes, piece->size);
    return made;
}

// --- looking ------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline std::size_t data_size(data_object* data) noexcept { return data->size; }

GCD_HIDDEN inline std::vector<data_region> data_regions(data_object* data) {
    return {data->pieces(), data->pieces() + data->count};
}

GCD_HIDDEN inline data_region data_contiguous(data_object* data) {
    if (checked(data, "gcd::data::bytes")->count != 1) throw_several_regions();
    return *data->pieces();
}

GCD_HIDDEN inline void* data_native(data_object*) {
    throw_not_supported("gcd::data::native_handle: the native engine has no dispatch_data_t");
}

GCD_HIDDEN inline data_object* data_from_native(void* native) {
    require_native_data(native);
    throw_not_supported("gcd::data::from_native: the native engine has no dispatch_data_t");
}

} // namespace native
} // namespace gcd::inline GCD_ABI::detail

#endif
