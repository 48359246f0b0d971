// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_STREAM_OPERATION_HPP
#define GCD_DETAIL_SYSTEM_STREAM_OPERATION_HPP
/// @file
/// One read or write of a stream (stream.hpp): how far it has come, and what its handler is to be told.

#include <gcd/config.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/types.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <sys/uio.h>

namespace gcd::inline GCD_ABI::detail::system {

/// When handlers are called. The low mark is never above the high one.
struct stream_marks {
    std::size_t low = 524'288; ///< as dispatch I/O
    std::size_t high = std::numeric_limits<std::size_t>::max();
    std::int64_t interval = 0; ///< ns; 0 for none

    void set_high(std::size_t bytes) noexcept {
        high = bytes;
        low = std::min(low, high);
    }
    void set_low(std::size_t bytes) noexcept {
        low = bytes;
        high = std::max({high, low, std::size_t{1}});
    }
};

/// Receives what an operation has done; calls come one at a time and in order, on the operation's queue. `data` is
/// borrowed and may be null. Owned by the operation; `finish` gives it up after the last call.
struct stream_client {
    void (*deliver)(void* context, bool done, void* data, int error);
    void (*finish)(void* context);
    void* context;
};

/// Makes a serial queue in front of another.
GCD_HIDDEN inline void* serial_queue_before(void* target) {
    void* queue = dispatch::queue_create(nullptr, false, 0, 0, true);
    dispatch::set_target_queue(queue, target);
    dispatch::activate(queue);
    return queue;
}

/// One read or write. Belongs to its side's queue from the start to the end.
class stream_operation {
public:
    /// `data` is borrowed: what to write, or null to read. `greedy`: a read that takes what there is.
    stream_operation(std::size_t length, data_object* data, bool greedy, const stream_marks& marks, void* queue,
                     const stream_client& client)
        : length_{length}, greedy_{greedy}, marks_{marks}, client_{client} {
        if (data != nullptr) {
            pieces_ = data_regions(data);
            retain(all_ = data);
        }
        queue_ = serial_queue_before(queue);
    }
    stream_operation(const stream_operation&) = delete;
    stream_operation& operator=(const stream_operation&) = delete;
    ~stream_operation() {
        if (all_ != nullptr) release(all_);
        if (timer_ != nullptr) {
            dispatch::source_cancel(timer_);
            dispatch::release(timer_);
        }
        dispatch::release(queue_);
    }

    enum class progress : unsigned char { some, blocked, done };

    /// Calls the handler regularly, with what there is.
    void start_timer(void* queue) {
        if (marks_.interval == 0) return;
        timer_ = dispatch::source_create_timer(queue);
        dispatch::set_context(timer_, this);
        dispatch::source_set_event_handler(timer_, +[](void* self) { static_cast<stream_operation*>(self)->report(); });
        dispatch::source_set_timer(timer_, dispatch::time(0, marks_.interval),
                                   static_cast<std::uint64_t>(marks_.interval), 0);
        dispatch::activate(timer_);
    }

    /// Done at the end of file, or when all is done; `error` then says how.
    progress read_some(int fd, std::vector<std::byte>& buffer, int& error) {
        const std::size_t room = std::min({buffer.size(), length_ - total_, marks_.high - fresh_});
        const ssize_t got = room == 0 ? 0 : sys::read(fd, buffer.data(), room);
        if (got < 0) return failed(errno, error, greedy_ && total_ != 0);
        if (got == 0) return progress::done;
        data_object* chunk = data_copy(buffer.data(), static_cast<std::size_t>(got));
        if (all_ != nullptr) {
            data_object* joined = data_concat(all_, chunk);
            release(all_);
            release(chunk);
            chunk = joined;
        }
        all_ = chunk;
        return advanced(static_cast<std::size_t>(got));
    }

    progress write_some(int fd, int& error) {
        std::array<iovec, 64> parts{};
        std::size_t room = marks_.high - fresh_;
        int count = 0;
        std::size_t skip = skip_;
        for (std::size_t i = piece_; i != pieces_.size() && count != 64 && room != 0; ++i, skip = 0) {
            const std::size_t size = std::min(pieces_[i].size - skip, room);
            parts[static_cast<std::size_t>(count++)] = {
                const_cast<std::byte*>(static_cast<const std::byte*>(pieces_[i].bytes) + skip), size};
            room -= size;
        }
        if (count == 0) return progress::done;
        const ssize_t put = sys::retried("writev", [&] { return ::writev(fd, parts.data(), count); });
        if (put < 0) return failed(errno, error, false);
        for (std::size_t left = static_cast<std::size_t>(put); left != 0;) {
            const std::size_t size = std::min(pieces_[piece_].size - skip_, left);
            left -= size;
            skip_ += size;
            if (skip_ == pieces_[piece_].size) {
                ++piece_;
                skip_ = 0;
            }
        }
        return advanced(static_cast<std::size_t>(put));
    }

    bool reads() const noexcept { return pieces_.empty(); }

    /// The last call of the handler.
    static void end(std::unique_ptr<stream_operation> self, int error) { self->hand_over(true, error); }

private:
    /// One call of the handler on its way.
    struct delivery {
        stream_client client;
        bool done;
        bool reads;
        data_object* data;
        int error;

        static void run(void* context) {
            const std::unique_ptr<delivery> self{static_cast<delivery*>(context)};
            if (self->done && self->reads && self->error != 0) {
                if (self->data != nullptr) self->client.deliver(self->client.context, false, self->data, 0);
                self->client.deliver(self->client.context, true, nullptr, self->error);
            } else {
                self->client.deliver(self->client.context, self->done, self->data, self->error);
            }
            if (self->data != nullptr) release(self->data);
            if (self->done) self->client.finish(self->client.context);
        }
    };

    static progress failed(int code, int& error, bool enough) {
        if (code == EAGAIN || code == EWOULDBLOCK) return enough ? progress::done : progress::blocked;
        error = code;
        return progress::done;
    }

    progress advanced(std::size_t bytes) {
        total_ += bytes;
        fresh_ += bytes;
        if (total_ == length_) return progress::done;
        if (!greedy_ && fresh_ >= marks_.low) report();
        return progress::some;
    }

    void report() { hand_over(false, 0); }

    /// What was read since the last time, or what is still to be written.
    void hand_over(bool done, int error) {
        data_object* data = nullptr;
        if (reads())
            data = std::exchange(all_, nullptr);
        else if (total_ != length_)
            data = data_subrange(all_, total_, length_ - total_);
        fresh_ = 0;
        dispatch::async(queue_, new delivery{client_, done, reads(), data, error}, &delivery::run);
    }

    const std::size_t length_;
    const bool greedy_;
    const stream_marks marks_;
    const stream_client client_;
    /// Serial, in front of the handler's.
    void* queue_ = nullptr;
    void* timer_ = nullptr;
    /// Read and not handed over; or all that is to be written, in pieces.
    data_object* all_ = nullptr;
    std::vector<data_region> pieces_;
    std::size_t piece_ = 0; ///< the first that is not written
    std::size_t skip_ = 0;  ///< how much of it is
    std::size_t total_ = 0;
    std::size_t fresh_ = 0; ///< since the last call of the handler
};

} // namespace gcd::inline GCD_ABI::detail::system

#endif
