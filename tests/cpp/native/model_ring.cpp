// SPDX-License-Identifier: MIT
/// @file
/// Model check of a worker's ring, sched/ring.hpp itself with room for two or four items: its owner puts in and takes
/// out, one thief takes single items, another one half of what is there, while the slots are used again and again.
///
/// Checked: every item is taken once, with what its owner wrote; each thread takes them in the order of their going in.
///
/// Controls: a thief swaps the head before it reads the slot; one that moves the head without a comparison; an owner
/// that makes the tail known without release; one that doesn't mind how much room there is.

#include "model.hpp"

namespace {

enum class ring_fault { none, swap_first, move_blindly, tail_relaxed, no_room };

struct item {
    model::plain<int> number{-1};
    model::plain<int> taken{0};
};

/// basic_ring with one step broken.
template <ring_fault Fault, std::size_t Capacity> class broken_ring {
    using order = std::memory_order;

public:
    std::size_t push(item* const* items, std::size_t count) {
        const std::uint64_t tail = tail_.load(order::relaxed);
        const std::size_t room = Capacity - static_cast<std::size_t>(tail - head_.load(order::acquire));
        if (Fault != ring_fault::no_room && count > room) count = room;
        for (std::size_t i = 0; i < count; ++i) slots_[(tail + i) % Capacity].store(items[i], order::relaxed);
        tail_.store(tail + count, Fault == ring_fault::tail_relaxed ? order::relaxed : order::seq_cst);
        return count;
    }
    item* pop() {
        std::uint64_t head = head_.load(order::acquire);
        for (;;) {
            if (head >= tail_.load(order::acquire)) return nullptr;
            if constexpr (Fault == ring_fault::swap_first) {
                if (head_.compare_exchange_weak(head, head + 1, order::acq_rel, order::acquire))
                    return slots_[head % Capacity].load(order::relaxed);
            } else {
                item* first = slots_[head % Capacity].load(order::relaxed);
                if constexpr (Fault == ring_fault::move_blindly) {
                    head_.store(head + 1, order::release);
                    return first;
                } else if (head_.compare_exchange_weak(head, head + 1, order::acq_rel, order::acquire)) {
                    return first;
                }
            }
        }
    }
    std::size_t steal(item** into, std::size_t) {
        into[0] = pop();
        return into[0] != nullptr ? 1 : 0;
    }

private:
    model::atomic<std::uint64_t> head_{0};
    model::atomic<std::uint64_t> tail_{0};
    model::atomic<item*> slots_[Capacity] = {};
};

template <ring_fault Fault, std::size_t Capacity> struct thieves : rl::test_suite<thieves<Fault, Capacity>, 3> {
    static constexpr int items = 7;

    std::conditional_t<Fault == ring_fault::none, gcd::detail::native::basic_ring<item, model::atomic, Capacity>,
                       broken_ring<Fault, Capacity>>
        ring;
    item all[items];

    void take(item* one, int& last) {
        const int number = one->number.get();
        model::require(number > last, "items come in their order");
        last = number;
        one->taken.add(1);
    }
    void thread(unsigned self) {
        int last = -1;
        if (self == 0) {
            int next = 0;
            while (next < items) {
                item* some[3];
                std::size_t count = 0;
                for (; count < 3 && next + static_cast<int>(count) < items; ++count) {
                    some[count] = &all[next + static_cast<int>(count)];
                    if (some[count]->number.get() < 0) some[count]->number.set(next + static_cast<int>(count));
                }
                next += static_cast<int>(ring.push(some, count));
                if (item* own = ring.pop()) take(own, last);
            }
        } else if (self == 1) {
            for (int tries = 0; tries < 4; ++tries)
                if (item* one = ring.pop()) take(one, last);
        } else {
            for (int tries = 0; tries < 3; ++tries) {
                item* some[4];
                const std::size_t count = ring.steal(some, 4);
                for (std::size_t i = 0; i < count; ++i) take(some[i], last);
            }
        }
    }
    void after() {
        int last = -1;
        while (item* rest = ring.pop()) take(rest, last);
        for (item& each : all) model::require(each.taken.get() == 1, "every item has been taken once");
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<thieves<ring_fault::none, 2>>("owner and two thieves, room for two", 200'000);
    all.holds<thieves<ring_fault::none, 4>>("owner and two thieves, room for four", 200'000);
    all.catches<thieves<ring_fault::swap_first, 2>>("the head swapped before the slot is read", 200'000);
    all.catches<thieves<ring_fault::move_blindly, 2>>("the head moved without a comparison", 200'000);
    all.catches<thieves<ring_fault::tail_relaxed, 2>>("the tail made known without release", 200'000);
    all.catches<thieves<ring_fault::no_room, 2>>("more put in than there is room for", 200'000);
    return all.result();
}
