// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_OPERATION_HPP
#define GCD_DETAIL_IO_OPERATION_HPP
/// @file
/// One read or write: how far it has come, and what its handler is to be told.
///
/// Bytes are read straight into a room (data_room), and its parts become the regions that the handler gets. While that
/// works on one chunk the next ones are read, up to a limit; so a handler that is slow, or whose queue is suspended,
/// holds the reading up, not the memory.

#include <gcd/config.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/io/gather.hpp>
#include <gcd/detail/io/job.hpp>
#include <gcd/detail/io/recurring.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <sys/uio.h>

#if GCD_OS_LINUX

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// What a descriptor is read and written with.
enum class transfer : unsigned char {
    plain,     ///< from its position on
    socket,    ///< the same, and never blocks whatever its flags say
    at_offset, ///< at the operation's offset
};

/// Memory that reads go into, one after the other.
class read_room {
public:
    read_room() = default;
    read_room(const read_room&) = delete;
    read_room& operator=(const read_room&) = delete;
    ~read_room() { clear(); }

    [[nodiscard]] std::byte* next() const noexcept { return bytes_ + used_; }
    [[nodiscard]] std::size_t left() const noexcept { return size_ - used_; }
    /// A read asks for no less than `least`, if so much is wanted; given memory is filled to its end.
    [[nodiscard]] bool is_too_small_for(std::size_t wanted) const noexcept {
        return left() < (given_ ? 1 : std::min(wanted, least));
    }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    /// Memory that was given for one chunk.
    [[nodiscard]] bool is_given() const noexcept { return given_; }
    void advance(std::size_t bytes) noexcept { used_ += bytes; }
    /// What lies from `from` on, as data, or null for nothing; `from` is then where to go on. Little is copied, so that
    /// it doesn't keep the room.
    [[nodiscard]] data_object* take(std::size_t& from) {
        const std::size_t size = used_ - from;
        if (size == 0) return nullptr;
        if (size <= copied_size) {
            used_ = from;
            return data_copy(bytes_ + from, size);
        }
        data_object* taken = data_subrange(data_, from, size);
        if (given_) clear();
        from = used_;
        return taken;
    }

    void renew() { become(data_room()); }
    void renew(std::byte* memory, std::size_t size) {
        become(data_room(memory, size));
        given_ = true;
    }
    void clear() noexcept {
        if (data_object* former = std::exchange(data_, nullptr)) release(former);
        size_ = used_ = 0;
        given_ = false;
    }

    static constexpr std::size_t least = 16'384;

private:
    /// Up to this a chunk is copied, so that it doesn't keep a whole room.
    static constexpr std::size_t copied_size = 16'384;

    void become(data_object* made) {
        clear();
        data_ = made;
        const data_region whole = data_contiguous(data_);
        bytes_ = static_cast<std::byte*>(const_cast<void*>(whole.bytes));
        size_ = whole.size;
    }

    data_object* data_ = nullptr;
    std::byte* bytes_ = nullptr;
    std::size_t size_ = 0;
    std::size_t used_ = 0;
    bool given_ = false;
};

/// As a piece of work it is its handler's next call. Made by any thread; worked at on its side's queue; ended with the
/// last call of the handler.
class io_operation final : public work {
public:
    io_operation* next_in_line = nullptr; ///< of whatever list it stands in

    /// `place`: for transfer::at_offset.
    /// @throws std::invalid_argument if `handlers` has as many targets as there may be.
    io_operation(channel_request* request, queue_object* handlers, const io_job& job, std::int64_t place)
        : work{&call_next}, request_{request}, length_{job.length}, offset_{place}, reads_{!job.write},
          greedy_{job.greedy}, asks_{job.asks} {
        if (job.bytes != nullptr) pieces_ = data_regions(job.bytes);
        calls_queue_ = serial_queue_before(handlers);
        if (job.bytes != nullptr) retain(all_ = job.bytes);
    }
    io_operation(const io_operation&) = delete;
    io_operation& operator=(const io_operation&) = delete;
    ~io_operation() {
        release(calls_queue_);
        if (all_ != nullptr) release(all_);
        if (timer_ != nullptr) release(timer_);
        for (std::size_t i = first_call_; i != calls_.size(); ++i)
            if (calls_[i] != nullptr) release(calls_[i]);
    }

    enum class progress : unsigned char {
        some,
        blocked, ///< the descriptor isn't ready
        held_up, ///< by the handler; `go_on` is submitted once that has caught up
        done,
    };

    [[nodiscard]] bool reads() const noexcept { return reads_; }
    /// Bytes that have been read or written.
    [[nodiscard]] std::size_t total() const noexcept { return total_; }

    /// Once, before it goes to a side.
    void set_marks(const io_marks& marks) noexcept { marks_ = marks; }

    /// On its side's queue, of which `go_on` is the turn. Others may be ahead.
    void begin(recurring_work* go_on, queue_object* on, read_room& room) {
        go_on_ = go_on;
        if (marks_.interval != 0) start_timer(on, room);
    }
    /// Nothing can be done with it; what its handler is to be told when its turn comes, or 0.
    void fail(int error) noexcept { failure_ = error; }
    [[nodiscard]] int failure() const noexcept { return failure_; }
    /// None is ahead any more: from here on the room is this one's.
    void come_first(const read_room& room) noexcept {
        begin_ = room.used();
        is_first_ = true;
    }

    /// Done at the end of file, or when all is done; `error` then says how.
    progress read_some(int fd, transfer how, read_room& room, int& error) {
        if (is_held_up()) return progress::held_up;
        const std::size_t wanted = length_ - total_;
        if (wanted != 0 && !make_room(room, wanted)) return progress::held_up;
        // With memory asked for, no more than a chunk, so that the next one may have some.
        const std::size_t most = asks_ ? marks_.high - fresh_ : wanted;
        const std::size_t size = std::min({room.left(), wanted, most});
        const ssize_t got = size == 0 ? 0 : read_into(fd, how, room.next(), size);
        if (got < 0) return failed(errno, error, greedy_ && total_ != 0);
        if (got == 0) return progress::done;
        room.advance(static_cast<std::size_t>(got));
        total_ += static_cast<std::size_t>(got);
        fresh_ += static_cast<std::size_t>(got);
        if (total_ == length_) return progress::done;
        if (!greedy_ && fresh_ >= marks_.low) report(room, marks_.low);
        return progress::some;
    }

    progress write_some(int fd, transfer how, int& error) {
        constexpr int most_parts = 64;
        std::array<iovec, most_parts> parts{};
        std::size_t room = std::min(marks_.high - fresh_, most_at_once);
        int count = 0;
        std::size_t skip = skip_;
        for (std::size_t i = piece_; i != pieces_.size() && count != most_parts && room != 0; ++i, skip = 0) {
            const std::size_t size = std::min(pieces_[i].size - skip, room);
            parts[static_cast<std::size_t>(count++)] = {
                const_cast<std::byte*>(static_cast<const std::byte*>(pieces_[i].bytes) + skip), size};
            room -= size;
        }
        if (count == 0) return progress::done;
        const ssize_t put = write_from(fd, how, parts.data(), count);
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
        total_ += static_cast<std::size_t>(put);
        fresh_ += static_cast<std::size_t>(put);
        if (total_ == length_) return progress::done;
        if (fresh_ >= marks_.low) report_rest();
        return progress::some;
    }

    /// While it waits for its descriptor it keeps no room that it has nothing in.
    void leave_unused(read_room& room) noexcept {
        if (room.used() != begin_) return;
        room.clear();
        begin_ = 0;
    }

    /// The last call of the handler; the operation isn't its side's any more.
    void end(read_room& room, int error) noexcept {
        if (timer_ != nullptr) source_cancel(timer_);
        data_object* last = nullptr;
        try {
            if (reads_)
                last = take_last(room, error != 0);
            else if (total_ != length_)
                last = rest();
        } catch (const std::bad_alloc&) {
            error = ENOMEM;
        }
        if (room.is_given()) room.clear();
        const std::lock_guard hold{lock_};
        ended_ = true;
        last_ = last;
        error_ = error;
        send_calls();
    }

private:
    static constexpr std::size_t most_at_once = 524'288;
    /// Calls that a read may be ahead of its handler; it stops when these and the bytes are reached.
    static constexpr std::size_t calls_ahead = 2;

    // --- on the side's queue ----------------------------------------------------------------------------------------

    [[nodiscard]] off_t place() const noexcept {
        constexpr auto last = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        return static_cast<off_t>(std::min(static_cast<std::uint64_t>(offset_) + total_, last));
    }
    ssize_t read_into(int fd, transfer how, std::byte* into, std::size_t size) const noexcept {
        switch (how) {
        case transfer::socket: return sys::receive(fd, into, size);
        case transfer::at_offset: return sys::read_at(fd, into, size, place());
        default: return sys::read(fd, into, size);
        }
    }
    ssize_t write_from(int fd, transfer how, iovec* parts, int count) const noexcept {
        switch (how) {
        case transfer::socket: return sys::send(fd, parts, count);
        case transfer::at_offset: return sys::write_at(fd, parts, count, place());
        default: return sys::write(fd, parts, count);
        }
    }

    static progress failed(int code, int& error, bool enough) {
        if (code == EAGAIN || code == EWOULDBLOCK) return enough ? progress::done : progress::blocked;
        error = code;
        return progress::done;
    }

    /// Calls the handler regularly, with what there is; not while that is behind.
    void start_timer(queue_object* on, read_room& room) {
        source_config config;
        config.timer.start_delay = config.timer.interval = marks_.interval;
        timer_ = source_create(config, on, [this, &room](std::uint64_t) {
            try {
                report_now(room);
            } catch (const std::bad_alloc&) {
                failure_ = ENOMEM;
                go_on_->submit();
            }
        });
        source_start(timer_);
    }

    void report_now(read_room& room) {
        if (waiting_calls() >= calls_ahead) return;
        if (!reads_)
            report_rest();
        else if (is_first_)
            report(room, 0);
        else
            call(nullptr);
    }

    /// False in the child of a fork that the giver of memory has made.
    bool make_room(read_room& room, std::size_t wanted) {
        if (asks_ && fresh_ == 0 && !room.is_given()) {
            const std::size_t chunk = std::min({wanted, std::max(marks_.low, read_room::least), marks_.high});
            std::byte* memory = nullptr;
            if (!ask_for_memory(request_, chunk, memory)) [[unlikely]]
                return false;
            if (memory != nullptr) {
                room.renew(memory, chunk);
                begin_ = 0;
                return true;
            }
        }
        if (room.is_too_small_for(wanted)) {
            keep_region(room);
            room.renew();
            begin_ = 0;
        }
        return true;
    }

    /// What has been read into the room becomes a region.
    void keep_region(read_room& room) {
        if (data_object* piece = room.take(begin_)) gathered_.add(piece);
    }

    data_object* take_fresh(read_room& room) {
        keep_region(room);
        fresh_ = 0;
        return gathered_.take();
    }

    /// The chunk of the last call, or null if `all` is to come before it.
    data_object* take_last(read_room& room, bool all) {
        data_object* last = take_fresh(room);
        return last != nullptr ? call_in_slices(last, all) : nullptr;
    }

    /// Hands over what was read, save what comes to less than `least` after the last slice.
    void report(read_room& room, std::size_t least) {
        data_object* left = take_fresh(room);
        if (left != nullptr) left = call_in_slices(left, false);
        const std::size_t size = left != nullptr ? data_size(left) : 0;
        if (left == nullptr || size >= least) return call(left);
        fresh_ = size;
        gathered_.add(left);
    }

    [[nodiscard]] data_object* rest() const { return data_subrange(all_, total_, length_ - total_); }
    void report_rest() {
        fresh_ = 0;
        call(total_ != length_ ? rest() : nullptr);
    }

    // --- towards the handler ----------------------------------------------------------------------------------------

    /// Calls with what is above the high mark; gives the rest, or null if `all` is to be called with.
    data_object* call_in_slices(data_object* bytes, bool all) {
        data_hold whole{bytes};
        for (;;) {
            const std::size_t size = data_size(whole.get());
            if (size <= marks_.high) break;
            data_hold left{data_subrange(whole.get(), marks_.high, size - marks_.high)};
            call(data_subrange(whole.get(), 0, marks_.high));
            whole.reset(left.give_up());
        }
        if (!all) return whole.give_up();
        call(whole.give_up());
        return nullptr;
    }

    void call(data_object* chunk) {
        data_hold held{chunk};
        const std::lock_guard hold{lock_};
        calls_.push_back(chunk);
        static_cast<void>(held.give_up());
        if (chunk != nullptr) ahead_ += data_size(chunk);
        send_calls();
    }

    /// With the lock.
    void send_calls() noexcept {
        if (!std::exchange(on_the_way_, true)) submit_borrowed(calls_queue_, this);
    }

    [[nodiscard]] std::size_t waiting_calls() {
        const std::lock_guard hold{lock_};
        return calls_.size() - first_call_;
    }

    [[nodiscard]] bool is_held_up() {
        const std::lock_guard hold{lock_};
        held_up_ = calls_.size() - first_call_ >= calls_ahead && ahead_ >= io_limits::read_ahead;
        return held_up_;
    }

    /// On the calls' queue.
    static void call_next(work* base, op what) noexcept {
        auto* self = static_cast<io_operation*>(base);
        data_object* chunk = nullptr;
        bool last = false;
        int error = 0;
        {
            const std::lock_guard hold{self->lock_};
            last = self->first_call_ == self->calls_.size();
            chunk =
                last ? std::exchange(self->last_, nullptr) : std::exchange(self->calls_[self->first_call_], nullptr);
            if (last) error = self->error_;
        }
        const std::size_t size = chunk != nullptr && !last ? data_size(chunk) : 0;
        if (what == op::run) {
            if (!call_handler(self->request_, last, chunk, error)) [[unlikely]]
                return;
        } else if (chunk != nullptr) {
            release(chunk);
        }
        if (last) {
            channel_request* request = self->request_;
            delete self;
            return end_request(request);
        }
        const std::lock_guard hold{self->lock_};
        self->ahead_ -= size;
        if (++self->first_call_ == self->calls_.size()) {
            self->calls_.clear();
            self->first_call_ = 0;
        }
        // The side stays as long as the operation does, which can't end before the lock is given back.
        if (std::exchange(self->held_up_, false)) self->go_on_->submit();
        self->on_the_way_ = false;
        if (self->first_call_ != self->calls_.size() || self->ended_) self->send_calls();
    }

    channel_request* const request_;
    /// Serial, in front of the handler's, so that calls never overlap; and where this is serial too, they come in the
    /// order of their operations, mostly.
    queue_object* calls_queue_ = nullptr;
    io_marks marks_;
    const std::size_t length_;
    const std::int64_t offset_;
    const bool reads_;
    const bool greedy_;
    const bool asks_; ///< for memory
    bool is_first_ = false;
    int failure_ = 0;

    recurring_work* go_on_ = nullptr;
    source_object* timer_ = nullptr;
    /// Read: what has left the room; and from where on the room holds what was read and not handed over.
    data_gather gathered_;
    std::size_t begin_ = 0;
    /// Write: all of it, and its pieces; the first that is not written, and how much of it is.
    data_object* all_ = nullptr;
    std::vector<data_region> pieces_;
    std::size_t piece_ = 0;
    std::size_t skip_ = 0;
    std::size_t total_ = 0;
    std::size_t fresh_ = 0; ///< not handed over, or not told of

    /// Guards the rest. No caller's code runs under it.
    std::mutex lock_;
    std::vector<data_object*> calls_; ///< that are to be made before the last one; the one under way is the first
    std::size_t first_call_ = 0;
    std::size_t ahead_ = 0; ///< bytes of these
    bool on_the_way_ = false;
    bool held_up_ = false;
    bool ended_ = false;
    data_object* last_ = nullptr;
    int error_ = 0;
};

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif

#endif
