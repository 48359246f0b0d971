// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_SIDE_HPP
#define GCD_DETAIL_IO_SIDE_HPP
/// @file
/// Operations on a descriptor, one after the other.

#include <gcd/config.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/io/operation.hpp>
#include <gcd/detail/io/recurring.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include <sched.h>

#if GCD_OS_LINUX

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// A row of operations.
class operation_row {
public:
    [[nodiscard]] io_operation* first() const noexcept { return first_; }
    void append(io_operation* added) noexcept {
        added->next_in_line = nullptr;
        (first_ == nullptr ? first_ : last_->next_in_line) = added;
        last_ = added;
    }
    io_operation* take() noexcept {
        io_operation* taken = first_;
        if (taken != nullptr) first_ = taken->next_in_line;
        return taken;
    }

private:
    io_operation* first_ = nullptr;
    io_operation* last_ = nullptr;
};

/// Operations that any of several sides may take, each when it has none.
class shared_row {
public:
    static constexpr unsigned most_sides = 8;

    /// How many sides have something to do.
    [[nodiscard]] unsigned busy() noexcept {
        const std::lock_guard hold{lock_};
        return static_cast<unsigned>(__builtin_popcount(busy_));
    }
    /// Gives the number of a side that is to begin with it, the lowest; or `most_sides` if all have enough to do.
    unsigned add(io_operation* added) noexcept {
        const std::lock_guard hold{lock_};
        const auto free = static_cast<unsigned>(__builtin_ctz(~busy_));
        if (free < most_sides) {
            busy_ |= 1U << free;
            return free;
        }
        row_.append(added);
        return most_sides;
    }
    /// For a side that has none; null if there are none.
    io_operation* take(unsigned side) noexcept {
        const std::lock_guard hold{lock_};
        io_operation* taken = row_.take();
        if (taken == nullptr) busy_ &= ~(1U << side);
        return taken;
    }

private:
    std::mutex lock_;
    operation_row row_;
    unsigned busy_ = 0; ///< a bit for each side
};

/// What a side works on.
struct side_config {
    int fd;
    transfer how;
    bool may_wait;                ///< for the descriptor to be ready; files never do
    shared_row* shared = nullptr; ///< where further operations come from
    unsigned number = 0;          ///< there
};

/// Everything but the constructor, submit(), stop() and end() happens on the side's own serial queue.
class io_side {
public:
    using function = void (*)(void* context);

    io_side(const side_config& config, queue_object* target) : config_{config}, queue_{serial_queue_before(target)} {}
    io_side(const io_side&) = delete;
    io_side& operator=(const io_side&) = delete;
    ~io_side() { release(queue_); }

    void submit(io_operation* operation) noexcept {
        {
            const std::lock_guard hold{arrivals_lock_};
            arrivals_.append(operation);
        }
        go_on_.submit();
    }

    /// Ends all operations, also those that come after.
    void stop() noexcept {
        stopped_.store(true, std::memory_order_relaxed);
        go_on_.submit();
    }

    /// Calls `ended(context)` once nothing looks at the descriptor any more. There are no operations then.
    void end(void* context, function ended) noexcept {
        context_ = context;
        ended_ = ended;
        shut_.submit();
    }

private:
    /// Then others of the pool have a turn.
    static constexpr int steps_at_once = 4;
    /// A descriptor that has given so much since it was waited for will mostly have more in a moment, for which a few
    /// looks are made: cheaper than to be told of it, and the other side may need this very processor.
    static constexpr std::size_t flowing = 16'384;
    static constexpr int looks = 20;

    void take_arrivals() {
        operation_row arrived;
        {
            const std::lock_guard hold{arrivals_lock_};
            arrived = std::exchange(arrivals_, operation_row{});
        }
        while (io_operation* operation = arrived.take()) add(operation);
    }

    void add(io_operation* operation) {
        const bool first = operations_.first() == nullptr;
        operations_.append(operation);
        int error = 0;
        try {
            operation->begin(&go_on_, queue_, room_);
        } catch (const std::system_error& failure) {
            error = failure.code().value();
        } catch (const std::bad_alloc&) {
            error = ENOMEM;
        }
        if (error != 0) operation->fail(error);
        if (first) operation->come_first(room_);
    }

    /// Goes on with the first operation until it would block, or its handler is behind.
    void run() {
        take_arrivals();
        if (stopped_.load(std::memory_order_relaxed) && ready_) ready_->stop_waiting();
        for (int steps = 0; operations_.first() != nullptr && !is_waiting(); ++steps) {
            if (steps == steps_at_once) return go_on_.submit();
            if (!step(*operations_.first())) return;
        }
    }

    [[nodiscard]] bool is_waiting() const noexcept { return ready_ && ready_->is_waiting(); }

    /// False if the operation is held up.
    bool step(io_operation& operation) {
        using progress = io_operation::progress;
        int error = operation.failure();
        progress made = progress::done;
        if (error == 0 && stopped_.load(std::memory_order_relaxed)) error = ECANCELED;
        if (error == 0) made = move(operation, error);
        if (made == progress::blocked) made = look_again(operation, error);
        switch (made) {
        case progress::some: return true;
        case progress::held_up: return false;
        case progress::blocked:
            operation.leave_unused(room_);
            error = wait(operation);
            if (error == 0) return true;
            break;
        case progress::done: break;
        }
        finish(error);
        return true;
    }

    io_operation::progress move(io_operation& operation, int& error) {
        try {
            const std::size_t before = operation.total();
            const auto made = operation.reads() ? operation.read_some(config_.fd, config_.how, room_, error)
                                                : operation.write_some(config_.fd, config_.how, error);
            flow_ += operation.total() - before;
            return made;
        } catch (const std::bad_alloc&) {
            error = ENOMEM;
            return io_operation::progress::done;
        }
    }

    io_operation::progress look_again(io_operation& operation, int& error) {
        auto made = io_operation::progress::blocked;
        for (int look = 0; look != looks && flow_ >= flowing && made == io_operation::progress::blocked; ++look) {
            ::sched_yield();
            made = move(operation, error);
        }
        return made;
    }

    /// Gives an errno if that can't be known.
    int wait(const io_operation& operation) {
        if (!config_.may_wait) return EAGAIN;
        flow_ = 0;
        try {
            if (!ready_)
                ready_.reset(new readiness{config_.fd, !operation.reads(), queue_,
                                           +[](void* self) { static_cast<io_side*>(self)->run(); }, this});
            ready_->wait();
        } catch (const std::system_error& failure) {
            return failure.code().value();
        } catch (const std::bad_alloc&) {
            return ENOMEM;
        }
        return 0;
    }

    void finish(int error) {
        operations_.take()->end(room_, error);
        if (operations_.first() == nullptr && config_.shared != nullptr)
            if (io_operation* next = config_.shared->take(config_.number)) add(next);
        if (io_operation* next = operations_.first())
            next->come_first(room_);
        else
            room_.clear();
    }

    void shut() {
        if (!ready_) return ended_(context_);
        // This may be gone within the call.
        ready_->end(+[](void* self) { static_cast<io_side*>(self)->gone(); });
    }
    void gone() {
        ready_.reset();
        ended_(context_);
    }

    const side_config config_;
    queue_object* const queue_;
    recurring_work go_on_{queue_, +[](void* self) { static_cast<io_side*>(self)->run(); }, this};
    recurring_work shut_{queue_, +[](void* self) { static_cast<io_side*>(self)->shut(); }, this};
    std::mutex arrivals_lock_;
    operation_row arrivals_; ///< submitted and not looked at yet; under the lock
    operation_row operations_;
    read_room room_;
    std::size_t flow_ = 0; ///< bytes since the last wait
    /// Set once, by any thread; only tells run() to end early, so that relaxed is enough.
    std::atomic<bool> stopped_{false};
    owned<readiness> ready_;
    void* context_ = nullptr;
    function ended_ = nullptr;
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif

#endif
