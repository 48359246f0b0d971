// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_DATA_HPP
#define GCD_DETAIL_SYSTEM_DATA_HPP
/// @file
/// Immutable bytes: dispatch data objects, without any state beside them.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/block.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace gcd::inline GCD_ABI::detail {

// data_object has no definition here: a pointer to it is the dispatch_data_t.

/// Bytes belong to no engine thread, so that a fork doesn't touch them.
GCD_HIDDEN inline data_object* checked(data_object* held, const char* what) {
    if (held == nullptr) [[unlikely]]
        throw_moved_from(what);
    return held;
}

namespace system {

GCD_HIDDEN inline data_object* made_data(void* native) {
    if (native == nullptr) throw std::bad_alloc{};
    return static_cast<data_object*>(native);
}

GCD_HIDDEN inline void retain(data_object* data) noexcept { dispatch::retain(data); }
GCD_HIDDEN inline void release(data_object* data) noexcept { dispatch::release(data); }

GCD_HIDDEN inline data_object* data_copy(const void* bytes, std::size_t size) {
    return made_data(dispatch::data_create(bytes, size));
}

/// The work that gives adopted bytes back, as the context of a destructor block.
struct data_release {
    std::atomic<long> count{1};
    work* item;

    explicit data_release(work* from) noexcept : item{from} {}
    data_release(const data_release&) = delete;
    data_release& operator=(const data_release&) = delete;
    ~data_release() {
        if (item != nullptr) drop(item);
    }
    static void run(data_release* self) { run_work<false>(std::exchange(self->item, nullptr)); }
};

GCD_HIDDEN inline data_object* data_adopt(const void* bytes, std::size_t size, queue_object* on, work* item) {
    if (size == 0) {
        queue_async(on, item);
        return nullptr;
    }
    accept(on, "gcd::data", item);
    data_release* context = nullptr;
    try {
        context = new data_release{item};
    } catch (...) {
        drop(item);
        throw;
    }
    block<&data_release::run> destructor{context};
    void* native = dispatch::data_create(bytes, size, on->native, destructor.get());
    release_context(context);
    return made_data(native);
}

#if GCD_OS_LINUX
/// Memory that is filled before parts of it are given away as data.
GCD_HIDDEN inline data_object* data_room() {
    constexpr std::size_t room_size = 131'072;
    void* memory = std::malloc(room_size);
    if (memory == nullptr) throw std::bad_alloc{};
    return made_data(dispatch::data_create_from_malloc(memory, room_size));
}
/// The same, in memory that stays the caller's.
GCD_HIDDEN inline data_object* data_room(std::byte* memory, std::size_t size) {
    return made_data(dispatch::data_create_without_owner(memory, size));
}
#endif

GCD_HIDDEN inline std::size_t data_size(data_object* data) noexcept { return dispatch::data_size(data); }

GCD_HIDDEN inline data_object* data_concat(data_object* one, data_object* other) {
    return made_data(dispatch::data_create_concat(one, other));
}

GCD_HIDDEN inline data_object* data_subrange(data_object* data, std::size_t offset, std::size_t length) {
    return made_data(dispatch::data_create_subrange(data, offset, length));
}

GCD_HIDDEN inline data_object* data_copy_region(data_object* data, std::size_t location, std::size_t* offset) {
    return made_data(dispatch::data_copy_region(data, location, offset));
}

/// Receives the regions of a data. Lives on the stack: its own count keeps the block's from deleting it.
struct region_list {
    std::atomic<long> count{1};
    bool complete = true;
    std::vector<data_region> regions;

    static bool add(region_list* self, void*, std::size_t offset, const void* bytes, std::size_t size) {
        try {
            self->regions.push_back({bytes, size, offset});
        } catch (...) {
            self->complete = false;
        }
        return self->complete;
    }
};

GCD_HIDDEN inline std::vector<data_region> data_regions(data_object* data) {
    region_list list;
    block<&region_list::add> applier{&list};
    dispatch::data_apply(data, applier.get());
    if (!list.complete) throw std::bad_alloc{};
    return std::move(list.regions);
}

/// A data with one region is its own map.
GCD_HIDDEN inline data_object* data_flatten(data_object* data) { return made_data(dispatch::data_create_map(data)); }

/// The first region, and whether it is the only one.
struct region_probe {
    std::atomic<long> count{1};
    data_region first;
    bool single = true;

    static bool see(region_probe* self, void*, std::size_t offset, const void* bytes, std::size_t size) {
        self->single = self->first.bytes == nullptr;
        if (self->single) self->first = {bytes, size, offset};
        return self->single;
    }
};

GCD_HIDDEN inline data_region data_contiguous(data_object* data) {
    region_probe probe;
    block<&region_probe::see> applier{&probe};
    dispatch::data_apply(checked(data, "gcd::data::bytes"), applier.get());
    if (!probe.single) throw_several_regions();
    return probe.first;
}

GCD_HIDDEN inline void* data_native(data_object* data) {
    return data != nullptr ? static_cast<void*>(data) : dispatch::empty_data();
}

GCD_HIDDEN inline data_object* data_from_native(void* native) {
    require_native_data(native);
    if (dispatch::data_size(native) == 0) return nullptr;
    dispatch::retain(native);
    return static_cast<data_object*>(native);
}

} // namespace system
} // namespace gcd::inline GCD_ABI::detail

#endif
