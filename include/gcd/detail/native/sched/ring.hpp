// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SCHED_RING_HPP
#define GCD_DETAIL_NATIVE_SCHED_RING_HPP
/// @file
/// A worker's ring of items: its owner puts them in, anyone takes them out, first in, first out.
///
/// `tail` is written by the owner (release) after the slots below it; `head` is raised by whoever takes (acq_rel
/// compare-and-swap), after it has read what it takes. A slot is overwritten only after the owner has seen (acquire) a
/// head that lies beyond it; whoever has read it too late then fails to swap the head. Both only ever grow.

#include <gcd/config.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gcd::inline GCD_ABI::detail::native {

template <class Item, template <class> class Atomic, std::size_t Capacity> class basic_ring {
public:
    /// The owner's: puts as many in as there is room for, and gives their number. With seq_cst, as a thief that parks
    /// looks here after it has said so.
    std::size_t push(Item* const* items, std::size_t count) noexcept {
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        if (const std::size_t most = room(); count > most) count = most;
        for (std::size_t i = 0; i < count; ++i)
            slots_[(tail + i) % Capacity].store(items[i], std::memory_order_relaxed);
        tail_.store(tail + count, std::memory_order_seq_cst);
        return count;
    }

    /// The owner's: how many push() would put in, or fewer.
    [[nodiscard]] std::size_t room() const noexcept {
        return Capacity -
               static_cast<std::size_t>(tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire));
    }

    /// Anyone's: takes the first, or null.
    Item* pop() noexcept {
        std::uint64_t head = head_.load(std::memory_order_acquire);
        for (;;) {
            if (head >= tail_.load(std::memory_order_acquire)) return nullptr;
            Item* item = slots_[head % Capacity].load(std::memory_order_relaxed);
            if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel, std::memory_order_acquire))
                return item;
        }
    }

    /// Anyone's: takes half of what is there, at most `most`.
    std::size_t steal(Item** into, std::size_t most) noexcept {
        std::uint64_t head = head_.load(std::memory_order_acquire);
        for (;;) {
            const std::uint64_t tail = tail_.load(std::memory_order_acquire);
            if (head >= tail) return 0;
            std::size_t count = static_cast<std::size_t>(tail - head + 1) / 2;
            if (count > most) count = most;
            for (std::size_t i = 0; i < count; ++i)
                into[i] = slots_[(head + i) % Capacity].load(std::memory_order_relaxed);
            if (head_.compare_exchange_weak(head, head + count, std::memory_order_acq_rel, std::memory_order_acquire))
                return count;
        }
    }

    [[nodiscard]] bool is_empty() const noexcept {
        return head_.load(std::memory_order_acquire) >= tail_.load(std::memory_order_seq_cst);
    }

private:
    Atomic<std::uint64_t> head_{0};
    char apart_[64];
    Atomic<std::uint64_t> tail_{0};
    Atomic<Item*> slots_[Capacity] = {};
};

using work_ring = basic_ring<work, std::atomic, 256>;

} // namespace gcd::inline GCD_ABI::detail::native

#endif
