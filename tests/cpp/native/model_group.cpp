// SPDX-License-Identifier: MIT
/// @file
/// Model check of a group's word: group_count_down, settle, group_notify, group_wait and release of group.hpp.
///
/// Checked: who finds zero finds the notifications submitted, each once, and they find what the items did; whoever waits
/// is woken, also if the group is entered again at once; the group is freed once, by whoever is the last, and not touched
/// afterwards.
///
/// Controls: the count lowered by a plain fetch_sub; notifications marked without another look at the count; a leaver
/// that settles by two looks, or that looks for `kept` after its subtraction; a notification that finds zero by a look
/// that acquires nothing; a zero that isn't counted for those who sleep.

#include "model.hpp"

namespace {

enum class group_fault {
    none,
    plain_subtraction,
    notify_blindly,
    settle_by_two_looks,
    notify_relaxed,
    kept_by_load,
    zero_uncounted
};

template <group_fault Fault> struct group : model::allocated {
    enum : std::uint64_t {
        one = 1,
        count_mask = (std::uint64_t{1} << 32U) - 1,
        notified = std::uint64_t{1} << 32U,
        waited = std::uint64_t{1} << 33U,
        kept = std::uint64_t{1} << 34U,
        one_zero = std::uint64_t{1} << 35U,
        zeros_mask = std::uint64_t{15} << 35U,
    };
    using order = std::memory_order;
    /// Counts how often it has been submitted.
    using notification = model::plain<int>;

    model::atomic<std::uint64_t> state;
    model::atomic<int> handles;
    model::lock lock;
    notification* notifications[2] = {};
    model::plain<int> pending{0};
    /// What each of the first two threads has done before it leaves.
    model::plain<int> work[2];

    group(std::uint64_t items, int owners) : state{kept | items}, handles{owners} {}

    void retain() { handles.fetch_add(1, order::relaxed); }
    static void destroy(group* ended) { delete ended; }
    void release() {
        if (handles.fetch_sub(1, order::acq_rel) != 1) return;
        std::uint64_t seen = state.load(order::relaxed);
        std::uint64_t next = 0;
        do {
            next = seen & ~std::uint64_t{kept};
        } while (!state.compare_exchange_weak(seen, next, order::acq_rel, order::relaxed));
        if ((next & count_mask) == 0) destroy(this);
    }

    void submit_notifications() {
        notification* due[2];
        const int count = pending.get();
        for (int i = 0; i < count; ++i) due[i] = notifications[i];
        pending.set(0);
        state.fetch_and(~std::uint64_t{notified}, order::relaxed);
        for (int i = 0; i < count; ++i) {
            due[i]->add(1);
            for (auto& each : work) model::require(each.get() == 1, "a notification finds what the items did");
        }
    }
    std::uint64_t settle(std::uint64_t by) {
        const model::guard hold{lock};
        const std::uint64_t seen = state.load(order::relaxed);
        if ((seen & count_mask) != by)
            return Fault == group_fault::settle_by_two_looks ? state.load(order::relaxed) : seen;
        submit_notifications();
        return state.load(order::relaxed);
    }
    void work_and_leave(unsigned self) {
        work[self].set(1);
        count_down(1);
    }
    void enter() { state.fetch_add(one, order::relaxed); }
    void count_down(std::uint64_t by) {
        std::uint64_t seen = state.load(order::relaxed);
        std::uint64_t next = 0;
        if constexpr (Fault == group_fault::plain_subtraction) {
            seen = state.fetch_sub(by, order::acq_rel);
            next = seen - by;
            if ((next & count_mask) == 0 && (next & notified) != 0) {
                const model::guard hold{lock};
                submit_notifications();
            }
        } else {
            do {
                if ((seen & notified) != 0) seen = settle(by);
                next = seen - by;
                if ((next & (count_mask | waited)) == waited) {
                    next = (next & ~(waited | zeros_mask)) | ((next + one_zero) & zeros_mask);
                    if constexpr (Fault == group_fault::zero_uncounted)
                        next = (next & ~std::uint64_t{zeros_mask}) | (seen & zeros_mask);
                }
            } while (!state.compare_exchange_weak(seen, next, order::acq_rel, order::relaxed));
        }
        if ((next & count_mask) != 0) return;
        if constexpr (Fault == group_fault::kept_by_load) next = state.load(order::acquire);
        if ((next & kept) == 0) return destroy(this);
        if ((seen & waited) != 0) model::futex_wake(&state, model::most_threads);
    }
    void notify(notification* item) {
        const model::guard hold{lock};
        notifications[pending.get()] = item;
        pending.add(1);
        constexpr order looks = Fault == group_fault::notify_relaxed ? order::relaxed : order::acquire;
        std::uint64_t seen = state.load(looks);
        if constexpr (Fault == group_fault::notify_blindly) {
            if ((seen & count_mask) != 0) {
                state.fetch_or(notified, order::acq_rel);
                return;
            }
        }
        while ((seen & count_mask) != 0)
            if (state.compare_exchange_weak(seen, seen | notified, order::acq_rel, looks)) return;
        submit_notifications();
    }
    void wait() {
        if ((state.load(order::acquire) & count_mask) == 0) return;
        retain();
        std::uint64_t seen = state.load(order::acquire);
        const std::uint64_t zeros = seen & zeros_mask;
        while ((seen & count_mask) != 0 && (seen & zeros_mask) == zeros) {
            if ((seen & waited) == 0) {
                if (!state.compare_exchange_weak(seen, seen | waited, order::acq_rel, order::acquire)) continue;
                seen |= waited;
            }
            model::sleep_if(state, [seen](std::uint64_t now) { return (now >> 32U) == (seen >> 32U); }, false);
            seen = state.load(order::acquire);
        }
        release();
    }
};

/// Two threads end an item each; one is to be notified, waits and lets go, another one waits and lets go.
template <group_fault Fault> struct ending : rl::test_suite<ending<Fault>, 4> {
    using group_type = group<Fault>;
    group_type* of;
    model::plain<int> submitted;

    void before() { of = new group_type{2, 2}; }
    void thread(unsigned self) {
        if (self < 2) return of->work_and_leave(self);
        if (self == 2) of->notify(&submitted);
        of->wait();
        if (self == 2) model::require(submitted.get() == 1, "who finds zero finds the notification submitted");
        of->release();
    }
    void after() { model::require(submitted.get() == 1, "the notification has been submitted once"); }
};

/// Both others are to be notified, and let go at once.
template <group_fault Fault> struct notifying : rl::test_suite<notifying<Fault>, 4> {
    using group_type = group<Fault>;
    group_type* of;
    model::plain<int> submitted[2];

    void before() { of = new group_type{2, 2}; }
    void thread(unsigned self) {
        if (self < 2) return of->work_and_leave(self);
        of->notify(&submitted[self - 2]);
        of->release();
    }
    void after() {
        for (auto& each : submitted) model::require(each.get() == 1, "each notification has been submitted once");
    }
};

/// The group is entered again as soon as it is left, and a thread that slept before that still comes through.
template <group_fault Fault> struct entering_again : rl::test_suite<entering_again<Fault>, 2> {
    using group_type = group<Fault>;
    group_type* of;
    model::atomic<std::uint32_t> through{0};

    void before() { of = new group_type{1, 2}; }
    void thread(unsigned self) {
        if (self == 1) {
            of->wait();
            through.store(1, std::memory_order_release);
            model::futex_wake(&through);
        } else if ((of->state.load(std::memory_order_acquire) & group_type::waited) != 0) {
            of->count_down(1);
            of->enter();
            while (through.load(std::memory_order_acquire) == 0) model::futex_wait(through, std::uint32_t{0});
            of->count_down(1);
        } else {
            of->count_down(1);
        }
        of->release();
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<ending<group_fault::none>>("two leavers, a notification, two waits", 300'000);
    all.holds<notifying<group_fault::none>>("two leavers, two notifications", 300'000);
    all.holds<entering_again<group_fault::none>>("entered again under a wait", 200'000);
    all.catches<ending<group_fault::plain_subtraction>>("lowered by a plain fetch_sub", 200'000);
    all.catches<notifying<group_fault::plain_subtraction>>("the same, with two notifications", 200'000);
    all.catches<notifying<group_fault::notify_blindly>>("notifications marked without another look", 200'000);
    all.catches<notifying<group_fault::settle_by_two_looks>>("settling by two looks", 300'000);
    all.catches<notifying<group_fault::notify_relaxed>>("a notification at zero that acquires nothing", 300'000);
    all.catches<ending<group_fault::kept_by_load>>("kept looked for after the subtraction", 200'000);
    all.catches<entering_again<group_fault::zero_uncounted>>("a zero that isn't counted", 200'000);
    return all.result();
}
