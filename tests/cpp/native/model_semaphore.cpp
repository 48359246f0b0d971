// SPDX-License-Identifier: MIT
/// @file
/// Model check of semaphores: take_unit, stand_in_line, semaphore_park, grant_unit and semaphore_signal of
/// semaphore.hpp, with waits that time out.
///
/// Checked: units are neither lost nor doubled, also if a wait is given up while a signal is on its way to it; whoever
/// is owed a unit comes through; a waiter's node is not touched once its thread has gone on, nor the semaphore once all
/// waits are over that its signals were for.
///
/// Controls: a wait that gives up without a comparison, or without a look whether it has been granted; a signal that
/// finds nobody in the list and leaves no unit; a signal that touches the node after it has granted; one that doesn't
/// keep the semaphore.

#include "model.hpp"

namespace {

enum class semaphore_fault { none, leave_blindly, leave_ungranted, owe_nothing, look_after_grant, not_in_use };

/// On the stack of its thread in the engine; here made with new, so that its use after its end is found.
struct waiting_thread : model::allocated {
    enum : std::uint32_t { waiting, granted };
    model::atomic<std::uint32_t> word{waiting};
    model::plain<waiting_thread*> next{nullptr};
    model::plain<waiting_thread*> previous{nullptr};
};

template <semaphore_fault Fault> struct semaphore : model::allocated {
    using order = std::memory_order;

    model::atomic<long> value;
    model::atomic<int> handles;
    model::lock lock;
    model::plain<waiting_thread*> first{nullptr};
    model::plain<waiting_thread*> last{nullptr};
    model::plain<long> owed{0};

    semaphore(long units, int owners) : value{units}, handles{owners} {}

    void retain() { handles.fetch_add(1, order::relaxed); }
    void release() {
        if (handles.fetch_sub(1, order::acq_rel) == 1) delete this;
    }
    bool take_unit() {
        long seen = value.load(order::relaxed);
        while (seen > 0)
            if (value.compare_exchange_weak(seen, seen - 1, order::acquire, order::relaxed)) return true;
        return false;
    }
    void unlink(waiting_thread* leaving) {
        waiting_thread* before = leaving->previous.get();
        waiting_thread* behind = leaving->next.get();
        (before != nullptr ? before->next : first).set(behind);
        (behind != nullptr ? behind->previous : last).set(before);
    }
    bool leave(waiting_thread* here) {
        const model::guard hold{lock};
        if (Fault != semaphore_fault::leave_ungranted && here->word.load(order::acquire) == waiting_thread::granted)
            return false;
        long seen = value.load(order::relaxed);
        if constexpr (Fault == semaphore_fault::leave_ungranted) {
            value.fetch_add(1, order::relaxed);
            if (here->word.load(order::acquire) != waiting_thread::granted) unlink(here);
            return true;
        }
        if constexpr (Fault == semaphore_fault::leave_blindly) {
            if (seen >= 0) return false;
            value.fetch_add(1, order::relaxed);
            unlink(here);
            return true;
        }
        while (seen < 0)
            if (value.compare_exchange_weak(seen, seen + 1, order::relaxed)) {
                unlink(here);
                return true;
            }
        return false;
    }
    bool stand_in_line(bool timed) {
        auto* here = new waiting_thread;
        {
            const model::guard hold{lock};
            if (owed.get() != 0) {
                owed.add(-1);
                delete here;
                return true;
            }
            here->previous.set(last.get());
            (last.get() != nullptr ? last.get()->next : first).set(here);
            last.set(here);
        }
        bool staying = false;
        bool has_left = false;
        while (!has_left && here->word.load(order::acquire) != waiting_thread::granted) {
            const std::uint32_t waiting = waiting_thread::waiting;
            const bool in_time = model::futex_wait(here->word, waiting, timed && !staying);
            if (in_time || staying || here->word.load(order::acquire) == waiting_thread::granted) continue;
            has_left = leave(here);
            staying = !has_left;
        }
        delete here;
        return !has_left;
    }
    bool wait(bool timed) {
        if (take_unit()) return true;
        retain();
        const bool done = value.fetch_sub(1, order::acquire) > 0 || stand_in_line(timed);
        release();
        return done;
    }
    void grant_unit() {
        if constexpr (Fault != semaphore_fault::not_in_use) retain();
        waiting_thread* to = nullptr;
        {
            const model::guard hold{lock};
            to = first.get();
            if (to == nullptr) {
                if constexpr (Fault != semaphore_fault::owe_nothing) owed.add(1);
            } else {
                unlink(to);
                to->word.store(waiting_thread::granted, order::release);
            }
        }
        if (to != nullptr) {
            if constexpr (Fault == semaphore_fault::look_after_grant) static_cast<void>(to->word.load(order::relaxed));
            model::futex_wake(&to->word);
        }
        if constexpr (Fault != semaphore_fault::not_in_use) release();
    }
    void signal() {
        if (value.fetch_add(1, order::release) >= 0) return;
        grant_unit();
    }
};

/// Waits, some of which may give up, and as many signals.
template <semaphore_fault Fault, unsigned Pairs> struct giving_up : rl::test_suite<giving_up<Fault, Pairs>, 2 * Pairs> {
    using semaphore_type = semaphore<Fault>;
    semaphore_type* of;
    model::plain<int> taken[Pairs];

    void before() { of = new semaphore_type{0, 1}; }
    void thread(unsigned self) {
        if (self >= Pairs) return of->signal();
        // The first one insists.
        const bool done = of->wait(self != 0);
        if (done) taken[self].set(1);
        model::require(done || self != 0, "who doesn't give up comes through");
    }
    void after() {
        long units = Pairs;
        for (auto& each : taken) units -= each.get();
        model::require(of->value.load(std::memory_order_relaxed) == units, "what has not been taken is there");
        model::require(of->first.get() == nullptr && of->last.get() == nullptr, "nobody stands in line");
        model::require(of->owed.get() == 0, "nobody is owed anything");
        of->release();
    }
};

/// Whose waits are over lets the semaphore go; those who signal have no share in it.
template <semaphore_fault Fault> struct ending : rl::test_suite<ending<Fault>, 4> {
    using semaphore_type = semaphore<Fault>;
    semaphore_type* of;
    model::plain<int> written[2];

    void before() { of = new semaphore_type{0, 2}; }
    void thread(unsigned self) {
        if (self >= 2) {
            written[self - 2].set(1);
            return of->signal();
        }
        of->wait(false);
        of->release();
    }
};

/// What was written before the signal is seen after the wait.
template <semaphore_fault Fault> struct publishing : rl::test_suite<publishing<Fault>, 2> {
    using semaphore_type = semaphore<Fault>;
    semaphore_type* of;
    model::plain<int> written;

    void before() { of = new semaphore_type{0, 1}; }
    void thread(unsigned self) {
        if (self == 1) {
            written.set(1);
            return of->signal();
        }
        of->wait(false);
        model::require(written.get() == 1, "what was written before");
        of->release();
    }
};

} // namespace

int main() {
    model::suite all;
    all.holds<giving_up<semaphore_fault::none, 2>>("two waits and two signals, one may give up", 300'000);
    all.holds<giving_up<semaphore_fault::none, 3>>("three of each, two may give up", 200'000);
    all.holds<ending<semaphore_fault::none>>("the semaphore ends with the waits", 300'000);
    all.holds<publishing<semaphore_fault::none>>("a signal publishes", 100'000);
    all.catches<giving_up<semaphore_fault::leave_blindly, 2>>("giving up without a comparison", 300'000);
    all.catches<giving_up<semaphore_fault::leave_ungranted, 2>>("giving up without a look at the grant", 300'000);
    all.catches<giving_up<semaphore_fault::owe_nothing, 2>>("no unit left for who isn't in the list yet", 300'000);
    all.catches<ending<semaphore_fault::look_after_grant>>("the node touched after the grant", 300'000);
    all.catches<ending<semaphore_fault::not_in_use>>("a signal that doesn't keep the semaphore", 300'000);
    return all.result();
}
