// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_EVENT_LOOP_HPP
#define GCD_DETAIL_NATIVE_EVENT_LOOP_HPP
/// @file
/// The event thread: waits for times and for descriptors, and tells those who wait for them.
///
/// It is there only while somebody waits: made by the first, it ends some seconds after the last. Everything it knows
/// is under one lock, which is never held while anybody is told.
///
/// **Running what it has made ready.** Where a worker of the pool would have to be woken for what it tells, it runs
/// that itself, which saves the waking. Meanwhile a second thread of the same kind sleeps on the same descriptors: an
/// item may take as long as it likes. The kernel wakes the one that has gone to sleep last, so that the second costs
/// nothing. Whoever finds nobody else asleep leaves the running to the pool.
///
/// **Sleeping and waking.** It sleeps in epoll_wait, on the descriptors and on a timerfd for each clock. Who waits for
/// something new changes the set or the timerfd himself, from his own thread, which the kernel allows while the other
/// sleeps on them; so it need not be woken for that. A timerfd is set anew only for a time that is earlier than what it
/// is set to. One that was set for somebody who doesn't wait any more expires once for nothing.

#include <gcd/config.hpp>
#include <gcd/detail/native/event/deadlines.hpp>
#include <gcd/detail/native/event/descriptors.hpp>
#include <gcd/detail/native/sync/futex.hpp>
#include <gcd/detail/native/time.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/detail/types.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gcd::inline GCD_ABI::detail::native {

struct worker;

/// Part of what waits for a time. The fields are the loop's, save where it is said.
struct timed : deadline_entry {
    clock on = clock::uptime;
    bool once = false;
    bool is_enlisted = false;
    /// The owner's name for what it waits for, and for what it is told of: they differ if it has been armed anew
    /// meanwhile. The second may be read while it is told.
    std::uint32_t mark = 0;
    std::uint32_t told_mark = 0;
    timed* next_told = nullptr;
    void (*const call)(timed*, telling) noexcept;

    explicit timed(void (*how)(timed*, telling) noexcept) : call{how} {}
};

class GCD_VISIBLE event_loop {
public:
    // --- times ----------------------------------------------------------------------------------------------------
    //
    // Told at `target` (ns on the clock), or up to `leeway` later. For one that is enlisted there is room, so that it
    // can be armed where nothing may fail.

    /// For one that is told once, and not enlisted. @throws std::system_error, std::bad_alloc
    void arm_once(timed* entry, clock on, std::int64_t target, std::int64_t leeway);
    /// Enlists it, and arms it unless `target` is `end_of_time`, in place of what it waited for until now. If that fails,
    /// nothing has changed. @throws std::system_error, std::bad_alloc
    void set(timed* entry, clock on, std::int64_t target, std::int64_t leeway, std::uint32_t mark);
    /// It is enlisted, and doesn't wait.
    void arm(timed* entry, std::int64_t target, std::int64_t leeway, std::uint32_t mark) noexcept;
    /// It waits no more, and is not enlisted. It may be about to be told all the same.
    void clear(timed* entry) noexcept;

    /// Now, as times are told by.
    [[nodiscard]] std::int64_t now(clock on) const noexcept {
        return read_clock(clock_id(on)) + (on == clock::wall ? wall_shift_.load(std::memory_order_relaxed) : 0);
    }

    // --- descriptors ----------------------------------------------------------------------------------------------

    /// As descriptor_table::add. The thread is there afterwards.
    descriptor_table::added watch(descriptor_watcher* watcher, int fd, std::uint32_t events, const char* what);
    void unwatch(descriptor_watcher* watcher) noexcept;
    void arm(descriptor_watcher* watcher) noexcept;

    /// For tests: its threads, how many of them sleep, and how often the epoll set was made anew.
    struct state {
        unsigned threads;
        unsigned asleep;
        unsigned rebuilt;
    };
    [[nodiscard]] state look() noexcept;
    /// For tests: as if the system's time had been set forward by so many ns, or back.
    void jump_wall_clock(std::int64_t by) noexcept;

    /// In the child of a fork: the descriptors are the parent's too.
    void close_inherited() noexcept;

private:
    static constexpr std::size_t clocks = 3;
    /// How long the thread stays when nobody waits any more.
    static constexpr std::int64_t spare_time = 5'000'000'000;

    struct timeline {
        deadlines waiting;
        std::size_t enlisted = 0;
        unique_fd timer;
        /// When the timer expires; `end_of_time` if it is not set.
        std::int64_t set_to = end_of_time;
    };

    // All under the lock, save run().
    timeline& line_of(clock on) noexcept { return lines_[static_cast<std::size_t>(on)]; }
    [[nodiscard]] bool somebody_waits() const noexcept;
    void open(clock on);
    void need_thread();
    static void ask_monitor() noexcept;
    void start_for_others() noexcept;
    void make_room(clock on);
    void insert(timed* entry, std::int64_t target, std::int64_t leeway, std::uint32_t mark) noexcept;
    void take_out(timed* entry) noexcept;
    void wake_by(clock on, std::int64_t at) noexcept;
    void rest() noexcept;
    [[nodiscard]] bool may_end() noexcept;
    void end_thread() noexcept;
    void poke() noexcept;
    void need_second() noexcept;
    void collect_times(timed**& last) noexcept;
    void collect_ready(const epoll_event* events, int count, descriptor_watcher*& ready) noexcept;

    static void* body(void* loop) noexcept;
    void run(worker* guest) noexcept;
    /// Sleeps until something has happened; gives the number of events.
    int sleep(epoll_event* events, int room) noexcept;

    futex_lock lock_;
    /// Zero but in tests. Relaxed: a number.
    std::atomic<std::int64_t> wall_shift_{0};
    timeline lines_[clocks];
    descriptor_table descriptors_;
    unsigned threads_ = 0;
    unsigned away_ = 0; ///< of them: telling, or inside of an item
    /// Threads that sleep, or are about to. Raised before the sleep (relaxed, as one that isn't seen is only not relied
    /// on), lowered after it under the lock: who finds it above zero under the lock has somebody who will look.
    std::atomic<unsigned> asleep_{0};
    /// A thread is telling those whose time has come; another one that finds more leaves them to it, so that they are
    /// told in their order.
    bool tells_times_ = false;
    bool has_more_times_ = false;
    /// Since when nobody waits; on the uptime clock.
    std::int64_t idle_since_ = 0;
};

/// One for all libraries of the process that share this ABI.
GCD_VISIBLE inline constinit std::atomic<event_loop*> shared_loop{nullptr};

/// The loop, made at its first use; never destroyed.
GCD_HIDDEN event_loop& the_loop();

} // namespace gcd::inline GCD_ABI::detail::native

#include <gcd/detail/native/event/loop.ipp>

#endif
