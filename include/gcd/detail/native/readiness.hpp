// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_READINESS_HPP
#define GCD_DETAIL_NATIVE_READINESS_HPP
/// @file
/// Waiting until a descriptor can be read or written: a watcher of the event loop, armed while something waits.

#include <gcd/config.hpp>
#include <gcd/detail/native/event/loop.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

#include <sys/epoll.h>

namespace gcd::inline GCD_ABI::detail::native {

/// One direction of a descriptor. All of it happens on one serial queue, the calls included.
class readiness {
public:
    using function = void (*)(void* context);

    /// `ready(context)` is called once for each wait().
    readiness(int fd, bool writing, queue_object* on, function ready, void* context)
        : fd_{fd}, events_{static_cast<std::uint32_t>(writing ? EPOLLOUT : EPOLLIN)},
          told_{new watcher{on, ready, context}} {}
    readiness(const readiness&) = delete;
    readiness& operator=(const readiness&) = delete;
    ~readiness() { let_go(told_); }

    /// @throws std::system_error
    void wait() {
        if (started_) {
            the_loop().arm(told_);
        } else {
            const auto added = the_loop().watch(told_, fd_, events_, "gcd::io_channel");
            always_ready_ = added == descriptor_table::added::always_ready;
            started_ = true;
        }
        told_->waiting = true;
        if (!always_ready_) return;
        keep(told_);
        submit(told_);
    }
    void stop_waiting() noexcept { told_->waiting = false; }
    [[nodiscard]] bool is_waiting() const noexcept { return told_->waiting; }

    /// Calls `ended(context)` once nothing looks at the descriptor any more; the object may go then.
    void end(function ended) noexcept {
        told_->waiting = false;
        the_loop().unwatch(told_);
        ended(told_->context);
    }

private:
    /// Outlasts the object if it is about to be told.
    struct watcher : descriptor_watcher {
        struct step : work {
            watcher* of;
        };

        const function ready;
        void* const context;
        step node;
        bool waiting = false; ///< on the queue
        /// The node is in the queue, with a keep. acq_rel both ways, as for recurring_work.
        std::atomic<bool> submitted{false};
        /// The object, and each telling. Raised relaxed, lowered acq_rel; whoever reaches zero frees it.
        std::atomic<int> keeps{1};

        watcher(queue_object* on, function call_ready, void* with)
            : descriptor_watcher{&told}, ready{call_ready}, context{with},
              node{{.fn = &run, .queue = on, .kind = work_kind::borrowed}, this} {
            native::keep(on);
        }
        watcher(const watcher&) = delete;
        watcher& operator=(const watcher&) = delete;
        ~watcher() { native::let_go(node.queue); }
    };

    static void keep(watcher* of) noexcept { of->keeps.fetch_add(1, std::memory_order_relaxed); }
    static void let_go(watcher* of) noexcept {
        if (of->keeps.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of;
    }

    /// With a keep.
    static void submit(watcher* of) noexcept {
        if (of->submitted.exchange(true, std::memory_order_acq_rel)) return let_go(of);
        native::submit(&of->node);
    }

    static void told(descriptor_watcher* entry, telling what) noexcept {
        auto* of = static_cast<watcher*>(entry);
        if (what == telling::keep)
            keep(of);
        else
            submit(of);
    }

    static void run(work* node, op) noexcept {
        watcher* of = static_cast<watcher::step*>(node)->of;
        of->submitted.exchange(false, std::memory_order_acq_rel);
        if (std::exchange(of->waiting, false)) of->ready(of->context);
        let_go(of);
    }

    const int fd_;
    const std::uint32_t events_;
    watcher* const told_;
    bool started_ = false;
    bool always_ready_ = false;
};

} // namespace gcd::inline GCD_ABI::detail::native

#endif
