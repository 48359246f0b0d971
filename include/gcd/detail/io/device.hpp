// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_DEVICE_HPP
#define GCD_DETAIL_IO_DEVICE_HPP
/// @file
/// A descriptor that is read and written by the library itself.
///
/// On pipes, sockets and terminals each direction is a row of operations of its own; on a file that is a stream both
/// are one, as they share the position; and with random access eight operations are under way at a time.

#include <gcd/config.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/io/job.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/types.hpp>

#if GCD_OS_LINUX

#include <gcd/detail/io/operation.hpp>
#include <gcd/detail/io/recurring.hpp>
#include <gcd/detail/io/side.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// Its sides are made when they are first needed. Calls come one at a time; whoever makes them sees to that.
class io_device {
public:
    using function = io_side::function;

    io_device(const lent_fd& file, channel_type type, queue_object* target)
        : fd_{file.get()}, random_{type == channel_type::random}, may_wait_{!file.is_regular()},
          how_{random_            ? transfer::at_offset
               : file.is_socket() ? transfer::socket
                                  : transfer::plain},
          start_{random_ ? sys::position(fd_) : 0}, target_{target} {
        keep(target_);
    }
    io_device(const io_device&) = delete;
    io_device& operator=(const io_device&) = delete;
    ~io_device() { let_go(target_); }

    io_marks marks; ///< for the operations that come after

    /// From any thread.
    [[nodiscard]] owned<io_operation> make(channel_request* request, queue_object* handlers, const io_job& job) const {
        std::int64_t place = 0;
        if (random_ && __builtin_add_overflow(start_, job.offset, &place))
            place = std::numeric_limits<std::int64_t>::max();
        return owned{new io_operation{request, handlers, job, place}};
    }

    /// The operation's request has a count for it now.
    void start(owned<io_operation> operation) noexcept {
        operation->set_marks(marks);
        // For random access as many as are busy exist, and are the first ones; one more is made before the row may name it.
        const unsigned needed = random_ ? shared_.busy() : may_wait_ && !operation->reads() ? 1 : 0;
        if (needed != shared_row::most_sides && !make_side(needed)) {
            read_room none;
            return operation.give_up()->end(none, ENOMEM);
        }
        const unsigned number = random_ ? shared_.add(operation.get()) : needed;
        io_operation* started = operation.give_up();
        if (number != shared_row::most_sides) sides_[number]->submit(started);
    }

    /// Ends all operations, also those that are started later.
    void stop() noexcept {
        stopped_ = true;
        for (const auto& side : sides_)
            if (side) side->stop();
    }

    /// Calls `ended(context)` once nothing looks at the descriptor any more. There are no operations then.
    void end(void* context, function ended) noexcept {
        context_ = context;
        ended_ = ended;
        for (const auto& side : sides_) {
            if (!side) continue;
            open_sides_.fetch_add(1, std::memory_order_relaxed);
            side->end(this, &side_ended);
        }
        // By way of a queue, as whoever calls this may hold what `ended` needs.
        none_left_.submit();
    }

private:
    /// False if there is no memory for it.
    bool make_side(unsigned number) noexcept {
        if (sides_[number]) return true;
        try {
            const side_config config{fd_, how_, may_wait_, random_ ? &shared_ : nullptr, number};
            sides_[number].reset(new io_side{config, target_});
        } catch (const std::bad_alloc&) {
            return false;
        }
        if (stopped_) sides_[number]->stop();
        return true;
    }

    static void side_ended(void* context) {
        auto* self = static_cast<io_device*>(context);
        if (self->open_sides_.fetch_sub(1, std::memory_order_acq_rel) == 1) self->ended_(self->context_);
    }

    const int fd_;
    const bool random_;
    const bool may_wait_;
    const transfer how_;
    const std::int64_t start_; ///< what offsets count from
    queue_object* const target_;
    recurring_work none_left_{target_, &side_ended, this};
    shared_row shared_;
    bool stopped_ = false;
    std::array<owned<io_side>, shared_row::most_sides> sides_;
    /// Sides that have not ended, and one for none; whoever lowers it to zero (acq_rel) tells of the end.
    std::atomic<int> open_sides_{1};
    void* context_ = nullptr;
    function ended_ = nullptr;
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#else

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// Neither is needed there.
class io_operation {};
class io_device {
public:
    io_device(const lent_fd&, channel_type, queue_object*) {}
    io_marks marks;
    [[nodiscard]] owned<io_operation> make(channel_request*, queue_object*, const io_job&) const { return {}; }
    void start(owned<io_operation>) {}
    void stop() noexcept {}
    void end(void*, void (*)(void*)) noexcept {}
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif

#endif
