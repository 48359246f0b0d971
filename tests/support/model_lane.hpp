// SPDX-License-Identifier: MIT
#ifndef GCD_TESTS_MODEL_LANE_HPP
#define GCD_TESTS_MODEL_LANE_HPP
/// @file
/// A lane as the model checks see it: the real list under it, and of sched/lane.hpp, sched/drain.hpp and sync.hpp those
/// functions that change its word. Names, steps and orders are theirs; targets, levels and forks are left out, as they
/// have no part in the word's protocol. A lane that is `Asymmetric` has the real hold of sync/asymmetric.hpp; it is
/// open at the start, and opened by every sync that can.

#include "model.hpp"

namespace model {

/// What is broken. Each is one step of the algorithm that looks as if it would do.
enum class lane_fault {
    none,
    head_after_announcement, ///< push: `head` is stored after `dirty`
    leave_with_store,        ///< leave: a plain store in place of the compare-and-swap
    leave_blindly,           ///< leave: clears `enqueued` without another look at `dirty`
    consume_unannounced,     ///< leave: takes a tail for an announcement
    producer_looks_again,    ///< announce: touches the lane after it has been made known
    hand_over_forgets,       ///< hand_over: doesn't leave `dirty` for the nodes behind
    grant_first,             ///< hand_over: grants before the word says so
    grant_looks_first,       ///< grant: looks whether the thread sleeps, then writes
    claimed_sleeps,          ///< await_turn: sleeps on `claimed`, which grant() doesn't wake
    put_down_blindly,        ///< put_down: doesn't look whether the lane is still suspended
    resume_looks_first,      ///< unblock: looks for `dirty`, then clears
    give_back_looks_first,   ///< give_back_slowly: looks for `dirty`, then clears
    zero_by_load,            ///< end_readers: decides on zero by a load of its own
    block_blindly,           ///< begin_alone: sets `blocked` without another look at the readers
    read_beside,             ///< try_read: minds only the list and `exclusive`
    take_unlooked,           ///< try_take: doesn't look at the list
    no_barrier,              ///< the hold: the barrier is none
    change_open,             ///< close: an open lane is changed as any other
    close_without_hold,      ///< close: doesn't look who is in
    close_waits_for_none,    ///< close: takes who is on the way in or out for nobody
    let_go_open,             ///< let_go: doesn't close the lane before
    suspend_open,            ///< suspend: doesn't close the lane before
};

/// What the hold needs of the system: a membarrier is a fence on every thread at once.
template <bool Works> struct lane_barriers {
    static void light() {}
    static bool heavy() {
        rl::ctx().sched();
        if (Works) rl::systemwide_fence(info(place::current()));
        return true;
    }
    struct patience {
        bool again() { return false; }
    };
};

struct lane_node : allocated {
    enum kind_of { item, waiter };
    atomic<lane_node*> next{nullptr};
    plain<int> number;
    const kind_of kind;
    const bool exclusive;

    explicit lane_node(int which, kind_of what = item, bool alone = false)
        : number{which}, kind{what}, exclusive{alone} {}
    virtual ~lane_node() = default;
};

/// struct waiter. Made with new also where it would stand on a stack, so that its use after its end is found.
struct lane_waiter : lane_node {
    enum : std::uint32_t { waiting, parked, claimed, granted, abandoned };
    atomic<std::uint32_t> word{waiting};
    atomic<int> owners{2};
    const bool shared;
    plain<int> was_parked{0};

    lane_waiter(bool alone, bool can_be_given_up) : lane_node{-1, waiter, alone}, shared{can_be_given_up} {}
};

/// basic_list with the head left to the caller.
template <class Node> class late_list {
public:
    bool push(Node* node) noexcept {
        node->next.store(nullptr, std::memory_order_relaxed);
        Node* before = tail_.exchange(node, std::memory_order_acq_rel);
        if (before == nullptr) return true;
        before->next.store(node, std::memory_order_release);
        return false;
    }
    void set_head(Node* node) noexcept { head_.store(node, std::memory_order_relaxed); }
    bool seems_empty(std::memory_order by = std::memory_order_relaxed) const noexcept {
        return tail_.load(by) == nullptr;
    }
    Node* first() const noexcept { return head_.load(std::memory_order_relaxed); }
    bool detach(Node* node) noexcept {
        Node* next = node->next.load(std::memory_order_acquire);
        if (next == nullptr) {
            Node* expected = node;
            if (tail_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel, std::memory_order_relaxed))
                return false;
            link_wait wait;
            while ((next = node->next.load(std::memory_order_acquire)) == nullptr) wait.once();
        }
        head_.store(next, std::memory_order_relaxed);
        return true;
    }

private:
    atomic<Node*> tail_{nullptr};
    atomic<Node*> head_{nullptr};
};

/// `World` says what an item does, and where a token goes: run(lane*, node), schedule(lane*), ended(lane*).
template <class World, lane_fault Fault, bool Asymmetric = false> struct lane : allocated {
    enum : std::uint64_t {
        dirty = 1,
        enqueued = 0x20,
        exclusive = 0x40,
        blocked = 0x80,
        suspended = 0x100,
        kept = 0x400,
        asymmetric = 0x1000,
        closing = 0x2000,
        open = kept | asymmetric,
        one_reader = std::uint64_t{1} << 32U,
        readers_mask = ~std::uint64_t{0} << 32U,
    };
    using order = std::memory_order;

    static constexpr bool late = Fault == lane_fault::head_after_announcement;
    std::conditional_t<late, late_list<lane_node>, list<lane_node>> items;
    atomic<std::uint64_t> state;
    gcd::detail::native::basic_hold<atomic, lane_barriers<Fault != lane_fault::no_barrier>, link_wait> hold;
    atomic<long> keeps;
    const bool serial;
    World& world;

    lane(World& of, long owners, bool one_by_one)
        : state{Asymmetric ? open : kept}, keeps{owners}, serial{one_by_one}, world{of} {}

    // --- life

    static bool is_dead(std::uint64_t seen) {
        return (seen & (kept | enqueued | exclusive | dirty | readers_mask)) == 0;
    }
    static void destroy(lane* ended) {
        World& of = ended->world;
        delete ended;
        of.ended();
    }
    void let_go() {
        if (keeps.fetch_sub(1, order::acq_rel) != 1) return;
        const std::uint64_t before = change_bits<Fault == lane_fault::let_go_open>(kept, 0);
        if (is_dead(before & ~std::uint64_t{kept})) destroy(this);
    }

    // --- the asymmetric mode

    bool close() {
        std::uint64_t seen = open;
        if (!state.compare_exchange_strong(seen, kept | exclusive | closing, order::seq_cst, order::relaxed))
            return false;
        bool held = false;
        if constexpr (Fault == lane_fault::close_waits_for_none)
            held = hold.is_inside();
        else if constexpr (Fault != lane_fault::close_without_hold)
            held = hold.is_held();
        if (held)
            state.fetch_and(~std::uint64_t{closing}, order::acq_rel);
        else
            unblock(exclusive | closing);
        return true;
    }
    std::uint64_t closed(std::uint64_t seen) {
        if constexpr (Asymmetric && Fault != lane_fault::change_open)
            while ((seen & asymmetric) != 0) {
                close();
                seen = state.load(order::relaxed);
            }
        return seen;
    }
    template <bool Anyway> std::uint64_t change_bits(std::uint64_t cleared, std::uint64_t set) {
        if constexpr (!Asymmetric)
            return cleared != 0 ? state.fetch_and(~cleared, order::acq_rel) : state.fetch_or(set, order::acq_rel);
        std::uint64_t seen = state.load(order::relaxed);
        do {
            if (!Anyway) seen = closed(seen);
        } while (!state.compare_exchange_weak(seen, (seen & ~cleared) | set, order::acq_rel, order::relaxed));
        return seen;
    }

    // --- producing

    void schedule() { world.schedule(this); }

    void announce(lane_node* node) {
        constexpr std::uint64_t in_the_way = enqueued | exclusive | suspended;
        std::uint64_t seen = state.load(order::relaxed);
        std::uint64_t next = 0;
        do {
            seen = closed(seen);
            next = seen | dirty;
            if ((seen & in_the_way) == 0) next |= enqueued;
        } while (!state.compare_exchange_weak(seen, next, order::seq_cst, order::relaxed));
        if constexpr (late) items.set_head(node);
        if ((seen & in_the_way) == 0) schedule();
        if constexpr (Fault == lane_fault::producer_looks_again) static_cast<void>(state.load(order::relaxed));
    }
    void push(lane_node* node) {
        if (items.push(node)) announce(node);
    }
    void suspend() { change_bits<Fault == lane_fault::suspend_open>(0, suspended); }
    void unblock(std::uint64_t bits) {
        constexpr std::uint64_t in_the_way = enqueued | exclusive | suspended;
        std::uint64_t seen = state.load(order::relaxed);
        std::uint64_t next = 0;
        bool ready = false;
        if constexpr (Fault == lane_fault::resume_looks_first) {
            const bool has = (seen & dirty) != 0;
            seen = state.fetch_and(~bits, order::seq_cst) & ~bits;
            if (has && (seen & in_the_way) == 0) {
                state.fetch_or(enqueued, order::seq_cst);
                schedule();
            }
            return;
        }
        do {
            next = seen & ~bits;
            ready = (next & dirty) != 0 && (next & in_the_way) == 0;
            if (ready) next |= enqueued;
        } while (!state.compare_exchange_weak(seen, next, order::seq_cst, order::relaxed));
        if (ready) schedule();
    }

    // --- waiting for a turn

    static void disown(lane_waiter* node) {
        if (node->owners.fetch_sub(1, order::acq_rel) == 1) delete node;
    }
    static bool claim(lane_waiter* node) {
        if (!node->shared) return true;
        std::uint32_t seen = node->word.load(order::relaxed);
        while (seen != lane_waiter::abandoned)
            if (node->word.compare_exchange_weak(seen, lane_waiter::claimed, order::acq_rel)) {
                node->was_parked.set(seen == lane_waiter::parked);
                return true;
            }
        disown(node);
        return false;
    }
    static void grant(lane_waiter* node) {
        if (!node->shared) {
            if constexpr (Fault == lane_fault::grant_looks_first) {
                const std::uint32_t before = node->word.load(order::acquire);
                node->word.store(lane_waiter::granted, order::release);
                if (before == lane_waiter::parked) futex_wake(&node->word);
            } else if (node->word.exchange(lane_waiter::granted, order::acq_rel) == lane_waiter::parked) {
                futex_wake(&node->word);
            }
            return;
        }
        const bool was_parked = node->was_parked.get() != 0;
        node->word.store(lane_waiter::granted, order::release);
        if (was_parked) futex_wake(&node->word);
        disown(node);
    }
    /// The slices of a wait that asks are timed only where giving up is possible: they mustn't hide a wake-up that is
    /// missing.
    static bool await_turn(lane_waiter* node, bool may_give_up) {
        if (node->word.load(order::acquire) == lane_waiter::granted) return true;
        std::uint32_t expected = lane_waiter::waiting;
        if (!node->word.compare_exchange_strong(expected, lane_waiter::parked, order::acq_rel) &&
            expected == lane_waiter::granted)
            return true;
        for (;;) {
            const std::uint32_t seen = node->word.load(order::acquire);
            if (seen == lane_waiter::granted) return true;
            if (seen == lane_waiter::claimed && Fault != lane_fault::claimed_sleeps) {
                link_wait{}.once();
                continue;
            }
            const bool in_time = futex_wait(node->word, seen, may_give_up && seen == lane_waiter::parked);
            if (in_time || node->word.load(order::acquire) != lane_waiter::parked) continue;
            expected = lane_waiter::parked;
            if (node->word.compare_exchange_strong(expected, lane_waiter::abandoned, order::acq_rel)) return false;
        }
    }

    // --- taking the token and giving it up

    bool take_dirty() { return (state.fetch_and(~std::uint64_t{dirty}, order::acq_rel) & dirty) != 0; }

    /// True if there are items after all.
    bool leave() {
        std::uint64_t seen = state.load(order::relaxed);
        for (;;) {
            if ((seen & dirty) != 0) return take_dirty();
            if constexpr (Fault == lane_fault::consume_unannounced)
                if (!items.seems_empty()) return true;
            std::uint64_t next = seen & ~std::uint64_t{enqueued};
            if constexpr (Fault == lane_fault::leave_with_store) {
                state.store(next, order::release);
            } else if constexpr (Fault == lane_fault::leave_blindly) {
                next = state.fetch_and(~std::uint64_t{enqueued}, order::acq_rel) & ~std::uint64_t{enqueued};
            } else if (!state.compare_exchange_weak(seen, next, order::acq_rel, order::relaxed)) {
                continue;
            }
            if (is_dead(next)) destroy(this);
            return false;
        }
    }
    bool put_down(std::uint64_t known) {
        std::uint64_t seen = state.load(order::relaxed);
        if constexpr (Fault == lane_fault::put_down_blindly) {
            state.fetch_or(known, order::acq_rel);
            state.fetch_and(~std::uint64_t{enqueued}, order::acq_rel);
            return true;
        }
        for (;;) {
            if ((seen & suspended) == 0) return false;
            const std::uint64_t next = (seen | known) & ~std::uint64_t{enqueued};
            if (state.compare_exchange_weak(seen, next, order::acq_rel, order::relaxed)) return true;
        }
    }
    void pass_on(std::uint64_t known) {
        state.fetch_or(known, order::release);
        schedule();
    }
    bool hand_over(lane_waiter* to, std::uint64_t known) {
        if (!claim(to)) return false;
        if constexpr (Fault == lane_fault::hand_over_forgets) known = 0;
        if constexpr (Fault == lane_fault::grant_first) grant(to);
        std::uint64_t seen = state.load(order::relaxed);
        while (!state.compare_exchange_weak(seen, ((seen & ~std::uint64_t{enqueued}) | exclusive) | known,
                                            order::acq_rel, order::relaxed)) {
        }
        if constexpr (Fault != lane_fault::grant_first) grant(to);
        return true;
    }

    // --- draining

    lane_node* first() {
        lane_node* node = items.first();
        require(node != nullptr, "the list has a head");
        return node;
    }

    void drain_serial() {
        bool known = take_dirty();
        for (;;) {
            if (!known && !leave()) return;
            known = true;
            if ((state.load(order::acquire) & suspended) != 0) {
                if (put_down(dirty)) return;
                continue;
            }
            lane_node* node = first();
            if (node->kind == lane_node::item) {
                world.run(this, node);
                known = items.detach(node);
                delete node;
            } else {
                known = items.detach(node);
                if (hand_over(static_cast<lane_waiter*>(node), known ? std::uint64_t{dirty} : 0)) return;
            }
        }
    }

    bool begin_alone() {
        std::uint64_t seen = state.load(order::acquire);
        if constexpr (Fault == lane_fault::block_blindly) {
            if ((seen & readers_mask) == 0) return true;
            state.fetch_or(blocked | dirty, order::acq_rel);
            return false;
        }
        while ((seen & readers_mask) != 0)
            if (state.compare_exchange_weak(seen, seen | blocked | dirty, order::acq_rel, order::acquire)) return false;
        return true;
    }
    void end_readers(std::uint64_t count) {
        const std::uint64_t less = count * one_reader;
        std::uint64_t now = state.fetch_sub(less, order::acq_rel) - less;
        if constexpr (Fault == lane_fault::zero_by_load) now = state.load(order::acquire);
        if ((now & readers_mask) != 0) return;
        if ((now & blocked) != 0) {
            state.fetch_and(~std::uint64_t{blocked}, order::acq_rel);
            schedule();
        } else if (is_dead(now)) {
            destroy(this);
        }
    }

    /// drain_one(), which drain_batch() is for many.
    void drain_one(lane_node* node) {
        const bool more = items.detach(node);
        state.fetch_add(one_reader, order::acq_rel);
        if (more)
            pass_on(dirty);
        else if (leave())
            pass_on(dirty);
        world.run(this, node);
        delete node;
        end_readers(1);
    }
    void drain_concurrent() {
        bool known = take_dirty();
        for (;;) {
            if (!known && !leave()) return;
            known = true;
            if ((state.load(order::acquire) & suspended) != 0) {
                if (put_down(dirty)) return;
                continue;
            }
            lane_node* node = first();
            if (!node->exclusive) {
                if (node->kind == lane_node::item) return drain_one(node);
                known = items.detach(node);
                auto* reader = static_cast<lane_waiter*>(node);
                if (!claim(reader)) continue;
                state.fetch_add(one_reader, order::acq_rel);
                grant(reader);
                continue;
            }
            if (!begin_alone()) return;
            if (node->kind == lane_node::waiter) {
                known = items.detach(node);
                if (hand_over(static_cast<lane_waiter*>(node), known ? std::uint64_t{dirty} : 0)) return;
                continue;
            }
            world.run(this, node);
            known = items.detach(node);
            delete node;
        }
    }
    void drain() {
        if (serial)
            drain_serial();
        else
            drain_concurrent();
    }

    // --- syncs

    bool try_take() {
        if (Fault != lane_fault::take_unlooked &&
            !items.seems_empty(Asymmetric ? std::memory_order_acquire : std::memory_order_relaxed))
            return false;
        if constexpr (Asymmetric)
            if (state.load(order::relaxed) == open) return hold.enter(state, open);
        std::uint64_t idle = kept;
        return state.compare_exchange_strong(idle, kept | exclusive, order::seq_cst, order::relaxed);
    }
    bool try_read() {
        if (!items.seems_empty()) return false;
        std::uint64_t seen = kept;
        constexpr std::uint64_t minded =
            Fault == lane_fault::read_beside ? std::uint64_t{kept | exclusive} : ~std::uint64_t{readers_mask};
        for (;;) {
            while ((seen & minded) == kept)
                if (state.compare_exchange_weak(seen, seen + one_reader, order::seq_cst, order::relaxed)) return true;
            if (!Asymmetric || seen != open || !close()) return false;
            seen = kept;
        }
    }
    void give_back_slowly() {
        constexpr std::uint64_t in_the_way = enqueued | suspended;
        std::uint64_t seen = state.load(order::relaxed);
        std::uint64_t next = 0;
        bool ready = false;
        if constexpr (Fault == lane_fault::give_back_looks_first) {
            ready = (seen & dirty) != 0 && (seen & in_the_way) == 0;
            next = state.fetch_and(~std::uint64_t{exclusive}, order::seq_cst) & ~std::uint64_t{exclusive};
            if (ready) state.fetch_or(enqueued, order::seq_cst);
        } else {
            do {
                next = seen & ~std::uint64_t{exclusive};
                ready = (next & dirty) != 0 && (next & in_the_way) == 0;
                if (ready) next |= enqueued;
            } while (!state.compare_exchange_weak(seen, next, order::seq_cst, order::relaxed));
        }
        if (ready)
            schedule();
        else if (is_dead(next))
            destroy(this);
    }
    void give_back() {
        if constexpr (Asymmetric)
            if (hold.is_inside()) {
                if (!hold.leave(state, open, closing)) give_back_slowly();
                return;
            }
        std::uint64_t alone = kept | exclusive;
        const std::uint64_t idle = Asymmetric ? open : kept;
        if (!state.compare_exchange_strong(alone, idle, order::release, order::relaxed)) give_back_slowly();
    }
    bool take_turn(bool alone) {
        if (alone ? try_take() : try_read()) return true;
        return Asymmetric && alone && close() && try_take();
    }
    /// False if it has been given up.
    template <class Body> bool sync(bool alone, bool may_give_up, Body body) {
        if (!take_turn(alone)) {
            auto* here = new lane_waiter{alone && !serial, may_give_up};
            push(here);
            const bool granted = await_turn(here, may_give_up);
            if (may_give_up)
                disown(here);
            else
                delete here;
            if (!granted) return false;
        }
        body();
        if (alone)
            give_back();
        else
            end_readers(1);
        return true;
    }
};

/// Where tokens go, and the thread that runs them.
template <class Lane> class mailbox {
public:
    void post(Lane* token) {
        require(slot_.exchange(token, std::memory_order_acq_rel) == nullptr, "a lane has one token");
        knock();
    }
    void close() {
        closed_.store(1, std::memory_order_release);
        knock();
    }
    /// Until it is closed.
    void serve() {
        for (;;) {
            const std::uint32_t seen = knocks_.fetch_or(0, std::memory_order_acquire);
            if (Lane* token = slot_.exchange(nullptr, std::memory_order_acq_rel)) {
                token->drain();
                continue;
            }
            if (closed_.load(std::memory_order_acquire) != 0) return;
            futex_wait(knocks_, seen);
        }
    }

private:
    void knock() {
        knocks_.fetch_add(1, std::memory_order_release);
        futex_wake(&knocks_);
    }

    atomic<Lane*> slot_{nullptr};
    atomic<std::uint32_t> closed_{0};
    atomic<std::uint32_t> knocks_{0};
};

/// A scene with one serial lane, owned `Self::owners` times, whose items are numbers and are counted: each runs once,
/// nothing beside anything else. `Self` says what the threads do. Whoever makes the token runs it.
template <class Self, unsigned Threads, int Items, lane_fault Fault, bool Asymmetric = false>
struct run_in_place : rl::test_suite<Self, Threads> {
    using lane = model::lane<Self, Fault, Asymmetric>;

    lane* onto;
    plain<int> inside;
    plain<int> runs[Items];
    bool is_over = false;

    void before() { onto = new lane{static_cast<Self&>(*this), Self::owners, true}; }
    void after() {
        require(is_over, "the lane has been freed");
        for (auto& each : runs) require(each.get() == 1, "every item has run once");
    }
    void submit(int number) { onto->push(new lane_node{number}); }
    void sync(bool may_give_up = false) {
        onto->sync(true, may_give_up, [this] { inside.add(1); });
    }
    void sync_after(int number, bool may_give_up = false) {
        onto->sync(true, may_give_up, [this, number] {
            inside.add(1);
            require(runs[number].get() == 1, "what the thread has submitted has run");
        });
    }

    void run(lane* of, lane_node* node) {
        inside.add(1);
        runs[node->number.get()].add(1);
        of->let_go();
    }
    void schedule(lane* ready) { ready->drain(); }
    void ended() { is_over = true; }
};

/// The same with a last thread that runs what others make ready: tokens go from hand to hand.
template <class Self, unsigned Threads, int Items, lane_fault Fault, bool Asymmetric = false>
struct run_by_consumer : run_in_place<Self, Threads, Items, Fault, Asymmetric> {
    using base = run_in_place<Self, Threads, Items, Fault, Asymmetric>;

    mailbox<typename base::lane> ready;

    void thread(unsigned self) {
        if (self + 1 == Threads)
            ready.serve();
        else
            static_cast<Self*>(this)->produce(self);
    }

    void schedule(typename base::lane* token) { ready.post(token); }
    void ended() {
        base::ended();
        ready.close();
    }
};

} // namespace model

#endif
