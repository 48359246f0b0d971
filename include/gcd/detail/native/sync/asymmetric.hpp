// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_SYNC_ASYMMETRIC_HPP
#define GCD_DETAIL_NATIVE_SYNC_ASYMMETRIC_HPP
/// @file
/// Taking a lane with one atomic read-modify-write and giving it back with none, at the expense of whoever comes
/// meanwhile: the asymmetric mode of a lane, and the membarrier that it stands on.
///
/// A lane whose word is exactly `open` (there is an owner, the mode is on, nothing else) is taken through a second word
/// beside it, the hold, which only its holder writes. The lane's word is not touched, so that no change of it that
/// others make can be lost. In turn nobody else changes the word while it is open: whoever wants to **closes** it
/// first, which takes the mode out and puts `exclusive | closing` in, all as if a sync had the lane; then finds out
/// whether a sync really has; and goes on with the plain protocol. What is below is about these two, the holder H and
/// the one that closes the lane, C, of which there is one at a time: the swap of the word decides.
///
/// `hold`: free → passing by H, as it comes (the one read-modify-write). passing → inside by H, if it has seen the word
/// open after that; else → free. inside → passing by H, as it goes. Then H looks at the word once more. If it is open:
/// passing → free, and H touches the lane no more. Else passing → inside, H waits until C has taken `closing` out, and
/// then: inside → free, and it gives `exclusive` back as the plain protocol does. All plain stores, in this order, by H
/// alone.
///
/// C, after its swap, looks at the hold. free: nobody is in, and nobody will be; C takes `exclusive | closing` out.
/// passing: H is a few instructions away from free or inside, for which C waits. inside: C makes a **membarrier**,
/// waits while the hold is passing, and looks: free as above; inside: H will give `exclusive` back, and C takes out
/// only `closing`. C never waits for the body.
///
/// **Exactly one of the two gives back.**
/// - Coming: H's swap of the hold, its load of the word, C's swap of the word and its load of the hold are seq_cst. So
///   either H sees the word closed and goes away (passing → free, and it has nothing to give back), or C sees passing
///   or what follows.
/// - Going: H's store of passing and its load of the word may become visible in either order, as nothing stands between
///   them but a barrier for the compiler. If C finds the hold inside *after* the membarrier, then that store had not
///   been made when the barrier was made on H's processor, so that the load comes after the barrier, hence after C's
///   swap: H sees the lane closed. If C finds it free, H's last load was of an open word, as only then H stores free
///   without the word having been released by C; H is gone, and C gives back. If it is passing, one of the two follows.
/// - A value inside that C reads before its barrier says nothing, hence the barrier; free and passing need none: the
///   former is the end of all that H does, and the latter is awaited.
/// - H's wait for `closing` ends: C, which waits only for passing and has made its barrier, decides without H. As long
///   as C looks at the hold, `exclusive` is set by it, and the lane can't become open for another holder.
///
/// **Nobody uses a lane that is gone.** C has a reference for as long as it closes the lane: it is a producer that has
/// not announced its item yet, or has a handle; and who lets go of the last one closes the lane before. H, when it goes
/// by free, touches nothing afterwards; when it goes by inside, `exclusive` keeps the lane. So the last reference goes
/// as in the plain protocol.
///
/// **No sync overtakes what its thread has submitted before.** That is in a list, which H looks at first, and goes
/// away; or a consumer has taken it out (release) after it has run, and H, as it finds the list empty (acquire), sees
/// with it that the lane was closed before.
///
/// **What H wrote is seen** by the next: the store of free is a release, read by C or by the next holder's swap with
/// acquire; otherwise H gives back with a release of the word itself. What came before is seen by H through its load of
/// the word, which reads from the swap that opened the lane, or that closed it.
///
/// A system may refuse the membarrier. At the start: no lane is ever opened. Later (a filter of system calls set
/// meanwhile): none is from then on, and for those that are, C looks at the hold for a bounded time in place of the
/// barrier, far longer than a store takes to become visible, before it takes H for inside.
///
/// The thread sanitizer knows none of this, so its builds never open a lane. Templated on the atomics and on the
/// barriers, so that a model checker can run it.

#include <gcd/config.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/native/sync/list.hpp>
#include <gcd/detail/native/time.hpp>
#include <gcd/detail/posix/sys.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace gcd::inline GCD_ABI::detail::native {

/// Whether lanes may be opened at all: a choice of the build, as looking for it would cost those that aren't.
#if GCD_ASYMMETRIC_SYNC && !defined(GCD_ABI_TSAN)
inline constexpr bool has_asymmetric_sync = true;
#else
inline constexpr bool has_asymmetric_sync = false;
#endif

/// `Barriers` has light(), for who must be fast, heavy(), which makes up for it and says whether it could, and
/// patience(), the time to wait for if it couldn't; `Wait` is asked between two looks.
template <template <class> class Atomic, class Barriers, class Wait> class basic_hold {
public:
    enum : std::uint32_t { free, passing, inside };

    /// H comes.
    [[gnu::always_inline]] bool enter(const Atomic<std::uint64_t>& state, std::uint64_t open) {
        std::uint32_t nobody = free;
        if (!word_.compare_exchange_strong(nobody, passing, std::memory_order_seq_cst, std::memory_order_relaxed))
            return false;
        if (state.load(std::memory_order_seq_cst) != open) [[unlikely]] {
            word_.store(free, std::memory_order_release);
            return false;
        }
        word_.store(inside, std::memory_order_relaxed);
        return true;
    }

    /// H goes. True if it is gone; otherwise it has `exclusive` to give back.
    [[gnu::always_inline]] bool leave(const Atomic<std::uint64_t>& state, std::uint64_t open, std::uint64_t closing) {
        word_.store(passing, std::memory_order_relaxed);
        Barriers::light();
        if (state.load(std::memory_order_acquire) != open) [[unlikely]]
            return leave_closed(state, closing);
        word_.store(free, std::memory_order_release);
        return true;
    }

    /// C, after it has closed the lane: true if there is a holder, which will give back.
    bool is_held() {
        std::uint32_t seen = settled(std::memory_order_seq_cst);
        if (seen == inside && Barriers::heavy()) seen = settled(std::memory_order_acquire);
        // Without a barrier.
        else if (seen == inside)
            for (typename Barriers::patience patience; seen == inside && patience.again();)
                seen = settled(std::memory_order_acquire);
        return seen == inside;
    }

    /// The one who has the turn asks: has it been taken here?
    [[nodiscard]] bool is_inside() const noexcept { return word_.load(std::memory_order_relaxed) == inside; }
    [[nodiscard]] bool is_free() const noexcept { return word_.load(std::memory_order_acquire) == free; }

private:
    [[gnu::noinline]] bool leave_closed(const Atomic<std::uint64_t>& state, std::uint64_t closing) {
        word_.store(inside, std::memory_order_release);
        for (Wait wait; (state.load(std::memory_order_acquire) & closing) != 0;) wait.once();
        word_.store(free, std::memory_order_relaxed);
        return false;
    }

    std::uint32_t settled(std::memory_order order) {
        std::uint32_t seen = word_.load(order);
        for (Wait wait; seen == passing; seen = word_.load(order)) wait.once();
        return seen;
    }

    Atomic<std::uint32_t> word_{free};
};

/// The last of so many syncs on a lane since it was open opens it again, if it meets nobody: closing it costs about as
/// much as a hundred syncs save. Relaxed; changed by tests.
GCD_VISIBLE inline constinit std::atomic<std::uint32_t> quiet_syncs_to_open{64};

/// What is known of the system's membarrier, by all libraries of the process. `wanted` from unknown by the first that
/// would open a lane where other threads exist: registering takes milliseconds then, which is left to a thread of the
/// pool. → registered or refused by whoever has asked the system; registered → refused by a closer. seq_cst, rare.
enum class barrier_support : std::uint32_t { unknown, wanted, registered, refused };
GCD_VISIBLE inline constinit std::atomic<barrier_support> barriers_known{barrier_support::unknown};

/// Asks the system.
GCD_HIDDEN inline void register_barriers() noexcept {
    const bool given = sys::register_barriers() == 0;
    barriers_known.store(given ? barrier_support::registered : barrier_support::refused, std::memory_order_seq_cst);
}

struct GCD_HIDDEN process_barriers {
    /// Holds the compiler back; the processor may still put the load before the store.
    [[gnu::always_inline]] static void light() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

    /// A full barrier on every thread of the process that is running; the others have had one. False if there is none
    /// to be had, from now on.
    static bool heavy() noexcept {
        if (sys::barrier() == 0) return true;
        // Registrations may not last, as in the child of a fork; asking again costs one that has threads milliseconds.
        if (errno == EPERM && sys::register_barriers() == 0 && sys::barrier() == 0) return true;
        barriers_known.store(barrier_support::refused, std::memory_order_seq_cst);
        return false;
    }

    /// Where there is no barrier: a millisecond of looks, where what a processor has stored is seen by others after
    /// less than a microsecond, and whenever it is interrupted.
    class patience {
    public:
        bool again() noexcept {
            if (read_clock(CLOCK_MONOTONIC) >= end_) return false;
            ::sched_yield();
            return true;
        }

    private:
        std::int64_t end_ = read_clock(CLOCK_MONOTONIC) + 1'000'000;
    };
};

using lane_hold = basic_hold<std::atomic, process_barriers, link_wait>;

} // namespace gcd::inline GCD_ABI::detail::native

#endif
