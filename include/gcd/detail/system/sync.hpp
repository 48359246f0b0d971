// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_SYNC_HPP
#define GCD_DETAIL_SYSTEM_SYNC_HPP
/// @file
/// Running a borrowed callable in its turn on a queue, and once_state.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

namespace gcd::inline GCD_ABI::detail::system {

inline constexpr std::chrono::milliseconds ask_period{50};

template <bool Exclusive> [[gnu::always_inline]] inline void plain_sync(void* native, void* context,
                                                                        dispatch::function run) {
    if constexpr (Exclusive)
        dispatch::barrier_sync(native, context, run);
    else
        dispatch::sync(native, context, run);
}

#if GCD_OS_APPLE
/// dispatch_sync refuses workloops.
template <bool Exclusive> GCD_HIDDEN void sync_in_turn(queue_object* queue, void* context, dispatch::function run) {
    if (queue->kind == object_kind::workloop)
        dispatch::async_and_wait(queue->native, context, run);
    else
        plain_sync<Exclusive>(queue->native, context, run);
}
#else
template <bool Exclusive> [[gnu::always_inline]] inline void sync_in_turn(queue_object* queue, void* context,
                                                                          dispatch::function run) {
    plain_sync<Exclusive>(queue->native, context, run);
}
#endif

/// A sync that can be given up: an item takes the queue's turn and hands it to the caller, and the queue waits until
/// the caller has run the body.
///
/// `phase` is guarded by `lock`. waiting → granted by the item, or → abandoned by the caller, whichever comes first;
/// granted → done by whoever runs the body. Both sides own the object, so that an abandoned one outlives the caller.
class hand_off {
public:
    enum class step : unsigned char { waiting, granted, abandoned, done };

    hand_off(call& body, bool on_queue) : body_{body}, on_queue_{on_queue} {}

    /// The queue's side: has the turn until the body has run.
    void grant() noexcept {
        std::unique_lock hold{lock_};
        if (phase_ == step::abandoned) return;
        phase_ = step::granted;
        if (on_queue_) {
            hold.unlock();
            body_.run(&body_);
            hold.lock();
            phase_ = step::done;
            changed_.notify_all();
            return;
        }
        changed_.notify_all();
        changed_.wait(hold, [this] { return phase_ == step::done; });
    }

    /// The caller's side: runs the body once it has the turn. False if it was given up before.
    bool wait(const give_up* ask) {
        std::unique_lock hold{lock_};
        while (phase_ == step::waiting) {
            if (changed_.wait_for(hold, ask_period) == std::cv_status::no_timeout) continue;
            if (phase_ != step::waiting) break;
            hold.unlock();
            const bool asked = ask->asked(ask);
            hold.lock();
            if (asked && phase_ == step::waiting) {
                phase_ = step::abandoned;
                return false;
            }
        }
        if (on_queue_) {
            changed_.wait(hold, [this] { return phase_ == step::done; });
            return true;
        }
        hold.unlock();
        body_.run(&body_);
        hold.lock();
        phase_ = step::done;
        changed_.notify_all();
        return true;
    }

private:
    call& body_;
    /// The body belongs on the queue's thread (the main queue), not on the caller's.
    bool on_queue_;
    std::mutex lock_;
    std::condition_variable changed_;
    step phase_ = step::waiting;
};

GCD_HIDDEN inline void sync_handed_off(queue_object* queue, call& body, bool exclusive, const give_up* ask) {
    const bool on_queue = ends_in_main_queue(queue);
    body.fill(queue, exclusive, innermost_frame, on_queue ? nullptr : ask);
    const auto turn = std::make_shared<hand_off>(body, on_queue);
    work* item = make_work<memory>([turn] { turn->grant(); });
    if (exclusive)
        queue_barrier_async(queue, item);
    else
        queue_async(queue, item);
    if (!turn->wait(ask)) throw interrupted{};
}

/// What a thread inside an item, or one that meets a wary queue, has to make sure of before it waits for a turn.
[[gnu::always_inline]] inline void look_closer(queue_object* queue, bool barrier, const char* what) {
    if (queue->inactive.load(std::memory_order_acquire)) [[unlikely]]
        throw_inactive(queue, what);
    if (innermost_frame == nullptr && queue->kind != object_kind::main_queue &&
        !main_is_target.load(std::memory_order_relaxed))
        return;
    if (queue_object* held = find_held(queue, barrier)) [[unlikely]]
        throw_deadlock(what, queue, held);
}

/// A sync would have its turn at once, as far as can be told: nothing is pending, nobody who isn't counted (a handler
/// of a source, a sync of another thread) has the queue alone, and nothing but the queue's own items could be ahead. A
/// barrier may have readers ahead, whom nobody marks. A wrong answer makes a wait that can't be given up, or a detour.
template <bool Exclusive> GCD_HIDDEN bool is_idle(queue_object* queue) {
    if (queue->kind == object_kind::global_queue) return true; // a sync there never waits
    return queue->kind == object_kind::queue && !(Exclusive && queue->concurrent) &&
           !queue->taken.load(std::memory_order_relaxed) &&
           as_counted(queue)->ran.load(std::memory_order_relaxed) ==
               as_counted(queue)->submitted.load(std::memory_order_relaxed) &&
           !queue->shared.load(std::memory_order_relaxed) && queue->target.load(std::memory_order_relaxed) == nullptr &&
           !is_suspended(queue);
}

/// The turn of a caller that has to look at everything.
template <bool Exclusive> [[gnu::noinline]] GCD_HIDDEN void sync_unusual(queue_object* queue, call& body) {
    look_closer(queue, Exclusive, Exclusive ? "barrier_sync" : "run_sync");
    frame* caller = innermost_frame;
    const give_up* ask = caller != nullptr ? caller->interruption : nullptr;
    body.fill(queue, Exclusive, caller, ask);
    if (!Exclusive && queue->concurrent && has_turn(queue)) return body.run(&body);
    if (ask != nullptr && !is_idle<Exclusive>(queue)) return sync_handed_off(queue, body, Exclusive, ask);
    sync_in_turn<Exclusive>(queue, &body, body.run);
}

/// The turn of a caller that is inside an item, and mostly holds nothing that matters to the queue.
template <bool Exclusive> [[gnu::noinline]] GCD_HIDDEN void sync_inside(queue_object* queue, call& body) {
    frame* caller = innermost_frame;
    if (queue->inactive.load(std::memory_order_relaxed) || queue->concurrent || caller->interruption != nullptr ||
        find_held(queue, Exclusive) != nullptr) [[unlikely]]
        return sync_unusual<Exclusive>(queue, body);
    body.fill(queue, Exclusive, caller, nullptr);
    sync_in_turn<Exclusive>(queue, &body, body.run);
}

/// Outside of any item a thread holds nothing but the main queue.
template <bool Exclusive> [[gnu::always_inline]] inline void sync_from(queue_object* queue, call& body,
                                                                       const char* what) {
    static_cast<void>(checked(queue, what));
    if (innermost_frame != nullptr) [[unlikely]]
        return sync_inside<Exclusive>(queue, body);
    if (queue->wary.load(std::memory_order_relaxed)) [[unlikely]]
        return sync_unusual<Exclusive>(queue, body);
    body.fill(queue, Exclusive, nullptr, nullptr);
    sync_in_turn<Exclusive>(queue, &body, body.run);
}

[[gnu::always_inline]] inline void queue_sync(queue_object* queue, call& body) {
    sync_from<false>(queue, body, "run_sync");
}

/// On queues that aren't ours alone a barrier is an ordinary item.
[[gnu::always_inline]] inline void queue_barrier_sync(queue_object* queue, call& body) {
    if (queue != nullptr && queue->kind != object_kind::queue) return sync_from<false>(queue, body, "barrier_sync");
    sync_from<true>(queue, body, "barrier_sync");
}

struct GCD_VISIBLE once_parking;

/// The state of a gcd::once. `state` goes fresh → running → done, or back to fresh if the callable threw; written under
/// the lock of once_parking, `done` with release, read anywhere with acquire.
class GCD_VISIBLE once_state {
public:
    constexpr once_state() = default;
    bool is_done() const noexcept { return state_.load(std::memory_order_acquire) == done; }

private:
    friend void once_run(once_state&, call&);
    friend once_parking& parking_of(once_state&);
    static constexpr int fresh = 0, running = 1, done = 2;

    std::atomic<int> state_{fresh};
    /// Of the library that called first, for all: another one has a parking of its own. Set once (acq_rel).
    std::atomic<once_parking*> parking_{nullptr};
    /// The item that runs the callable. Guarded as `state_`.
    const frame* runner_ = nullptr;
};

/// Where threads wait for a once that another thread runs. One for all of a library: it is rarely used, and a once
/// stays small and constant-initialised.
struct GCD_VISIBLE once_parking {
    std::mutex lock;
    std::condition_variable changed;

    GCD_HIDDEN static once_parking& instance() {
        static auto* parking = new once_parking; // never destroyed: threads may wait while the process ends
        return *parking;
    }
};

GCD_HIDDEN inline once_parking& parking_of(once_state& once) {
    once_parking* own = &once_parking::instance();
    once_parking* chosen = nullptr;
    return once.parking_.compare_exchange_strong(chosen, own, std::memory_order_acq_rel) ? *own : *chosen;
}

/// Runs the body if nobody has completed one, waits while another thread runs one.
GCD_HIDDEN inline void once_run(once_state& once, call& body) {
    const give_up* ask = current_interruption();
    once_parking& parking = parking_of(once);
    std::unique_lock hold{parking.lock};
    for (;;) {
        const int seen = once.state_.load(std::memory_order_relaxed);
        if (seen == once_state::done) return;
        if (seen == once_state::fresh) break;
        for (const frame* inside = innermost_frame; inside != nullptr; inside = inside->previous)
            if (inside == once.runner_)
                throw would_deadlock(
                    "gcd::once: called from inside its own callable, for which it would wait for ever");
        if (ask == nullptr) {
            parking.changed.wait(hold);
        } else if (parking.changed.wait_for(hold, ask_period) == std::cv_status::timeout) {
            hold.unlock();
            if (ask->asked(ask)) throw interrupted{};
            hold.lock();
        }
    }
    once.state_.store(once_state::running, std::memory_order_relaxed);
    once.runner_ = &body;
    hold.unlock();
    body.fill_without_queue(innermost_frame, ask);
    body.run(&body);
    hold.lock();
    once.runner_ = nullptr;
    once.state_.store(body.threw ? once_state::fresh : once_state::done, std::memory_order_release);
    parking.changed.notify_all();
}

GCD_HIDDEN inline bool queue_try_sync(queue_object* queue, call&) {
    static_cast<void>(checked(queue, "try_run_sync"));
    return false;
}
GCD_HIDDEN inline bool queue_try_barrier_sync(queue_object* queue, call&) {
    static_cast<void>(checked(queue, "try_barrier_sync"));
    return false;
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
