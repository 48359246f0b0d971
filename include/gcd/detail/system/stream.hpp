// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_STREAM_HPP
#define GCD_DETAIL_SYSTEM_STREAM_HPP
/// @file
/// Streams on Linux that may have to be waited for: pipes, sockets, terminals.
///
/// Dispatch I/O would watch the descriptor itself, and there it goes wrong. When the other end hangs up, its manager
/// thread still looks at the registration while another thread frees it. When the last reader of a full pipe goes,
/// Linux tells of an error and of nothing else, for which libdispatch doesn't listen: the write never ends, and the
/// manager asks again without a pause. So the descriptor is read and written here, and stands in a private epoll
/// instance while it is waited for, as those of sources do. Files never block and stay with dispatch I/O.

#include <gcd/config.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/stream_operation.hpp>
#include <gcd/detail/types.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#if GCD_OS_LINUX
#include <gcd/detail/linux/poller.hpp>
#endif

namespace gcd::inline GCD_ABI::detail::system {

#if GCD_OS_LINUX

/// The operations of one direction, one after the other. Everything but the constructor, submit() and stop() happens
/// on the side's own serial queue.
class stream_side {
public:
    using function = void (*)(void*);

    stream_side(int fd, bool writing, void* target) : fd_{fd}, writing_{writing}, queue_{serial_queue_before(target)} {}
    stream_side(const stream_side&) = delete;
    stream_side& operator=(const stream_side&) = delete;
    ~stream_side() { dispatch::release(queue_); }

    void submit(std::unique_ptr<stream_operation> operation) {
        dispatch::async(queue_, new start{this, std::move(operation)}, &start::run);
    }

    /// Ends all operations, also those that come after.
    void stop() noexcept {
        stopped_.store(true, std::memory_order_relaxed);
        dispatch::async(
            queue_, this, +[](void* context) {
                auto* self = static_cast<stream_side*>(context);
                self->stop_waiting();
                self->run();
            });
    }

    /// Calls `ended(context)` once nothing looks at the descriptor any more. There are no operations then.
    void end(void* context, function ended) noexcept {
        context_ = context;
        ended_ = ended;
        dispatch::async(queue_, this, +[](void* self) { static_cast<stream_side*>(self)->shut(); });
    }

private:
    struct start {
        stream_side* side;
        std::unique_ptr<stream_operation> operation;

        static void run(void* context) {
            const std::unique_ptr<start> self{static_cast<start*>(context)};
            stream_side* side = self->side;
            self->operation->start_timer(side->queue_);
            side->operations_.push_back(std::move(self->operation));
            if (side->operations_.size() == 1) side->run();
        }
    };

    static constexpr std::size_t buffer_size = 65'536;
    static constexpr int steps_at_once = 32;

    /// Goes on with the first operation until it would block; now and then lets others have the thread.
    void run() {
        for (int steps = 0; !operations_.empty() && !waiting_; ++steps) {
            if (steps == steps_at_once) {
                dispatch::async(queue_, this, +[](void* self) { static_cast<stream_side*>(self)->run(); });
                return;
            }
            step();
        }
    }

    void step() {
        int error = 0;
        auto progress = stream_operation::progress::done;
        if (stopped_.load(std::memory_order_relaxed)) {
            error = ECANCELED;
        } else if (writing_) {
            progress = operations_.front()->write_some(fd_, error);
        } else {
            buffer_.resize(buffer_size);
            progress = operations_.front()->read_some(fd_, buffer_, error);
        }
        if (progress == stream_operation::progress::blocked) error = wait();
        if (progress == stream_operation::progress::done || error != 0) {
            auto ended = std::move(operations_.front());
            operations_.pop_front();
            stream_operation::end(std::move(ended), error);
        }
        if (operations_.empty()) buffer_ = {};
    }

    /// Goes on when the descriptor is ready. Gives an errno if that can't be known.
    int wait() {
        if (!poller_) {
            try {
                poller_ = std::make_unique<poller>("gcd::io_channel");
            } catch (const std::system_error& failure) {
                return failure.code().value();
            }
            source_ = dispatch::source_create_read(poller_->fd(), queue_);
            dispatch::set_context(source_, this);
            dispatch::source_set_event_handler(source_, +[](void* self) { static_cast<stream_side*>(self)->ready(); });
            dispatch::source_set_cancel_handler(source_, +[](void* self) { static_cast<stream_side*>(self)->gone(); });
            dispatch::activate(source_);
        }
        const int error = poller_->add(fd_, writing_ ? EPOLLOUT : EPOLLIN);
        waiting_ = error == 0;
        return error;
    }

    void stop_waiting() noexcept {
        if (waiting_) poller_->remove(fd_);
        waiting_ = false;
    }

    void ready() {
        if (!waiting_ || !poller_->is_ready()) return;
        stop_waiting();
        run();
    }

    void shut() noexcept {
        if (source_ == nullptr) return ended_(context_);
        void* source = source_; // this may be gone within the cancellation
        dispatch::source_cancel(source);
        dispatch::release(source);
    }
    void gone() noexcept {
        poller_.reset();
        ended_(context_);
    }

    const int fd_;
    const bool writing_;
    void* queue_;
    std::deque<std::unique_ptr<stream_operation>> operations_;
    /// Set once, by any thread; only tells run() to end early, so that relaxed is enough.
    std::atomic<bool> stopped_{false};
    bool waiting_ = false;
    std::vector<std::byte> buffer_;
    std::unique_ptr<poller> poller_;
    void* source_ = nullptr;
    void* context_ = nullptr;
    function ended_ = nullptr;
};

/// Both directions of a descriptor, and the marks for what comes next.
class stream {
public:
    stream(int fd, void* target) : reader_{fd, false, target}, writer_{fd, true, target} {}

    /// False for what dispatch I/O does as well.
    static bool serves(const lent_fd& file, channel_type type) noexcept {
        return type == channel_type::stream && !file.is_regular();
    }

    stream_marks marks;

    /// `bytes` null or empty, and `greedy` alone for reading.
    void submit(bool write, std::size_t length, data_object* bytes, bool greedy, void* queue,
                const stream_client& client) {
        (write ? writer_ : reader_)
            .submit(std::make_unique<stream_operation>(length, bytes, greedy, marks, queue, client));
    }
    void stop() noexcept {
        reader_.stop();
        writer_.stop();
    }
    /// As stream_side::end, for both.
    void end(void* context, stream_side::function ended) noexcept {
        context_ = context;
        ended_ = ended;
        reader_.end(this, &side_ended);
        writer_.end(this, &side_ended);
    }

private:
    static void side_ended(void* context) {
        auto* self = static_cast<stream*>(context);
        if (self->sides_.fetch_sub(1, std::memory_order_acq_rel) == 1) self->ended_(self->context_);
    }

    stream_side reader_;
    stream_side writer_;
    /// Sides that have not ended; whoever lowers it to zero (acq_rel) tells of the end.
    std::atomic<int> sides_{2};
    void* context_ = nullptr;
    stream_side::function ended_ = nullptr;
};

#else

/// Not needed there.
class stream {
public:
    stream(int, void*) {}
    static bool serves(const lent_fd&, channel_type) noexcept { return false; }
    stream_marks marks;
    void submit(bool, std::size_t, data_object*, bool, void*, const stream_client&) {}
    void stop() noexcept {}
    void end(void*, void (*)(void*)) noexcept {}
};

#endif

} // namespace gcd::inline GCD_ABI::detail::system

#endif
