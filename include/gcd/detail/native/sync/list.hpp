// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SYNC_LIST_HPP
#define GCD_DETAIL_NATIVE_SYNC_LIST_HPP
/// @file
/// An intrusive list of work: many producers, one consumer at a time.
///
/// `tail` is the last node, or null. A producer exchanges it for its own node. If there was a node before, it links
/// that one to its own and is done: from then on it touches neither list nor owner, which may be gone. If there was
/// none, it stores `head` and has to announce, in a word of the owner, that the list has become non-empty.
///
/// The consumer must not look at `head` before it has seen that announcement (or has been told by the consumer before
/// it): a node consumed earlier would let the list end under its producer's hands, and a late announcement would make
/// the next consumer read a head that is long gone. A node leaves the list by detach(). When it was the last, the tail
/// is swapped back to null; that fails if a producer has come meanwhile, whose link is then awaited.
///
/// Orders: the exchange is acq_rel, so that who finds a predecessor sees it as its producer left it; links are stored
/// with release and loaded with acquire, which hands the node's contents to the consumer. `head` needs no order of its
/// own: it travels with the announcement. Templated on the atomics, so that a model checker can run it.

#include <gcd/config.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>

namespace gcd::inline GCD_ABI::detail::native {

/// `Node` has an atomic `next`; `Wait` is asked between looks at a link that is about to come.
template <class Node, template <class> class Atomic, class Wait> class basic_list {
public:
    /// True if the list was empty: the caller has to announce it.
    [[gnu::always_inline]] bool push(Node* node) noexcept { return push(node, node); }

    /// As above, for a chain of nodes that are linked already.
    [[gnu::always_inline]] bool push(Node* first, Node* last) noexcept {
        last->next.store(nullptr, std::memory_order_relaxed);
        Node* before = tail_.exchange(last, std::memory_order_acq_rel);
        if (before != nullptr) {
            before->next.store(first, std::memory_order_release);
            return false;
        }
        head_.store(first, std::memory_order_relaxed);
        return true;
    }

    /// True if no producer has been here since the list was emptied; a thread sees its own pushes.
    [[nodiscard]] bool seems_empty(std::memory_order by = std::memory_order_relaxed) const noexcept {
        return tail_.load(by) == nullptr;
    }
    [[nodiscard]] Node* last() const noexcept { return tail_.load(std::memory_order_relaxed); }

    /// The consumer's: the first node of a list that is known not to be empty.
    [[nodiscard]] Node* first() const noexcept { return head_.load(std::memory_order_relaxed); }

    /// The consumer's: takes the first node out. True if the list still has nodes.
    [[gnu::always_inline]] bool detach(Node* node) noexcept {
        Node* next = node->next.load(std::memory_order_acquire);
        if (next == nullptr) {
            Node* expected = node;
            if (tail_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel, std::memory_order_relaxed))
                return false;
            Wait wait;
            while ((next = node->next.load(std::memory_order_acquire)) == nullptr) wait.once();
        }
        head_.store(next, std::memory_order_relaxed);
        return true;
    }

private:
    Atomic<Node*> tail_{nullptr};
    /// The consumer moves the head with each node, which must not take the tail's cache line from the producers.
    char apart_[64 - sizeof(Node*)];
    Atomic<Node*> head_{nullptr};
};

/// A producer stands between two instructions; if it lost its processor there, it needs ours.
class link_wait {
public:
    void once() noexcept {
        if (++rounds_ < 100)
            pause();
        else
            ::sched_yield();
    }

private:
    int rounds_ = 0;
};

using work_list = basic_list<work, std::atomic, link_wait>;

} // namespace gcd::inline GCD_ABI::detail::native

#endif
