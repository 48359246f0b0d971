// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_EVENT_DEADLINES_HPP
#define GCD_DETAIL_NATIVE_EVENT_DEADLINES_HPP
/// @file
/// Points in time that somebody waits for, on one clock. Pure data: knows no clock and no thread.

#include <gcd/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace gcd::inline GCD_ABI::detail::native {

inline constexpr std::int64_t end_of_time = std::numeric_limits<std::int64_t>::max();

/// Part of what waits. Due from `target` on, and to be told by `latest` at the latest: what lies in between lets
/// several be told at once.
struct deadline_entry {
    std::int64_t target = 0; ///< ns on the clock
    std::int64_t latest = 0;
    /// Where it stands in the two heaps, counted from one; zero while it stands in none.
    std::uint32_t place_by_target = 0;
    std::uint32_t place_by_latest = 0;

    [[nodiscard]] bool is_waiting() const noexcept { return place_by_target != 0; }
};

/// In a heap: the key beside the pointer, so that comparing touches one array only.
struct deadline_node {
    std::int64_t key;
    deadline_entry* entry;
};

/// A heap with four children a node; the first entry is the earliest. Entries know their places, so that each can be
/// taken out.
template <std::int64_t deadline_entry::* Key, std::uint32_t deadline_entry::* Place> class deadline_heap {
public:
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] deadline_entry* first() const noexcept { return entries_.front().entry; }
    [[nodiscard]] std::int64_t earliest() const noexcept { return entries_.front().key; }

    void reserve(std::size_t count) {
        // By doubling, as one entry more is asked for each time.
        if (count > entries_.capacity()) entries_.reserve(std::max(count, entries_.capacity() * 2));
    }
    /// Within what was reserved.
    void insert(deadline_entry* added) noexcept {
        entries_.push_back({added->*Key, added});
        rise(entries_.size() - 1, entries_.back());
    }
    void remove(deadline_entry* removed) noexcept {
        const std::size_t hole = removed->*Place - 1;
        removed->*Place = 0;
        const deadline_node last = entries_.back();
        entries_.pop_back();
        if (hole == entries_.size()) return;
        if (hole != 0 && last.key < entries_[parent(hole)].key)
            rise(hole, last);
        else
            sink(hole, last);
    }

private:
    static constexpr std::size_t children = 4;
    static std::size_t parent(std::size_t at) noexcept { return (at - 1) / children; }

    void put(std::size_t at, deadline_node moved) noexcept {
        entries_[at] = moved;
        moved.entry->*Place = static_cast<std::uint32_t>(at + 1);
    }
    void rise(std::size_t at, deadline_node moved) noexcept {
        while (at != 0 && moved.key < entries_[parent(at)].key) {
            put(at, entries_[parent(at)]);
            at = parent(at);
        }
        put(at, moved);
    }
    void sink(std::size_t at, deadline_node moved) noexcept {
        const std::size_t size = entries_.size();
        for (;;) {
            const std::size_t begin = at * children + 1;
            if (begin >= size) break;
            const std::size_t end = std::min(begin + children, size);
            std::size_t least = begin;
            for (std::size_t child = begin + 1; child < end; ++child)
                if (entries_[child].key < entries_[least].key) least = child;
            if (entries_[least].key >= moved.key) break;
            put(at, entries_[least]);
            at = least;
        }
        put(at, moved);
    }

    std::vector<deadline_node> entries_;
};

/// All that wait on one clock.
class deadlines {
public:
    [[nodiscard]] bool empty() const noexcept { return by_target_.empty(); }
    /// When the next one has to be told at the latest; `end_of_time` if there is none.
    [[nodiscard]] std::int64_t next_wake() const noexcept { return empty() ? end_of_time : by_latest_.earliest(); }

    /// Room for so many in all; insert() needs no memory then. @throws std::bad_alloc
    void reserve(std::size_t count) {
        by_target_.reserve(count);
        by_latest_.reserve(count);
    }
    void insert(deadline_entry* added) noexcept {
        by_target_.insert(added);
        by_latest_.insert(added);
    }
    void remove(deadline_entry* removed) noexcept {
        by_target_.remove(removed);
        by_latest_.remove(removed);
    }
    /// Takes out one that is due, the one that was due first; null if there is none.
    deadline_entry* take_due(std::int64_t now) noexcept {
        if (empty() || by_target_.earliest() > now) return nullptr;
        deadline_entry* due = by_target_.first();
        remove(due);
        return due;
    }

private:
    deadline_heap<&deadline_entry::target, &deadline_entry::place_by_target> by_target_;
    deadline_heap<&deadline_entry::latest, &deadline_entry::place_by_latest> by_latest_;
};

/// The sum of two times, at most `end_of_time`.
GCD_HIDDEN inline std::int64_t saturated_sum(std::int64_t at, std::int64_t more) noexcept {
    std::int64_t sum = 0;
    return __builtin_add_overflow(at, more, &sum) ? end_of_time : sum;
}

/// How often a timer that was due at `target` has been due by now, and when it is next. Drift-free: the next time is a
/// whole number of intervals after the last, however late it is told; a clock that jumps makes it one telling.
struct elapsed_intervals {
    std::uint64_t count;
    std::int64_t next;

    elapsed_intervals(std::int64_t target, std::int64_t interval, std::int64_t now) noexcept
        : count{1}, next{end_of_time} {
        if (interval == end_of_time) return;
        // Told early only if the clock was set back meanwhile.
        if (now > target)
            count += (static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(target)) /
                     static_cast<std::uint64_t>(interval);
        std::int64_t passed = 0;
        if (!__builtin_mul_overflow(count, interval, &passed)) next = saturated_sum(target, passed);
    }
};

} // namespace gcd::inline GCD_ABI::detail::native

#endif
