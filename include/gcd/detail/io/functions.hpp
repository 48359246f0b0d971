// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_FUNCTIONS_HPP
#define GCD_DETAIL_IO_FUNCTIONS_HPP
/// @file
/// What the seam says of channels; single reads and writes are in single.hpp.

#include <gcd/config.hpp>
#include <gcd/detail/io/channel.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

// --- asking ---------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void request(kept<channel_request> asked, const char* what) {
    channel_object* channel = asked->channel.get();
    due_work due;
    {
        const std::lock_guard hold{channel->lock};
        if (channel->closed) throw std::logic_error(message({what, ": the channel is closed"}));
        channel_request* added = asked.give_up();
        (channel->first == nullptr ? channel->first : channel->last->next) = added;
        channel->last = added;
        due = advance(channel);
    }
    submit(due);
}

/// Where handlers go if nothing else is said.
class default_queue {
public:
    default_queue() : queue_{queue_global(gcd::qos::default_class)} {}
    default_queue(const default_queue&) = delete;
    default_queue& operator=(const default_queue&) = delete;
    ~default_queue() { release(queue_); }
    queue_object* get() const noexcept { return queue_; }

private:
    queue_object* queue_;
};

/// A queue that handlers can be sent to.
GCD_HIDDEN inline queue_object* handler_queue(queue_object* queue, const char* what) {
    static_cast<void>(checked(queue, what));
    if (queue->kind == object_kind::workloop && queue->inactive.load(std::memory_order_relaxed))
        throw_takes_no_work(queue, what);
    return queue;
}

GCD_HIDDEN inline queue_object* handler_queue(channel_object* channel, queue_object* queue, bool given,
                                              const char* what) {
    static_cast<void>(checked(channel, what));
    return given ? handler_queue(queue, what) : channel->queue.get();
}

GCD_HIDDEN inline void check_offset(std::int64_t offset, const char* what) {
    if (offset < 0) throw std::invalid_argument(message({what, ": the offset can't be negative"}));
}

// --- life -----------------------------------------------------------------------------------------------------------

GCD_HIDDEN inline void channel_close(channel_object* channel, bool stop) {
    static_cast<void>(checked(channel, "gcd::io_channel::close"));
    due_work due;
    {
        const std::lock_guard hold{channel->lock};
        channel->closed = true;
        if (stop && !channel->stopped) {
            channel->stopped = true;
            // A device that was told of its end has no operations, and may be gone before it came to the stop.
            if (channel->device && !channel->close_sent)
                channel->device->stop();
            else if (!channel->device)
                engine_close(channel, true);
        }
        due = advance(channel);
    }
    submit(due);
}

GCD_HIDDEN inline void retain(channel_object* channel) noexcept {
    channel->handles.fetch_add(1, std::memory_order_relaxed);
}

GCD_HIDDEN inline void release(channel_object* channel) noexcept {
    if (channel->handles.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (is_inherited(channel)) return;
    channel_close(channel, false);
    release_context(channel);
}

/// `first`: what the channel must be fit for.
GCD_HIDDEN inline channel_object* make_channel(int fd, channel_type type, queue_object* on, bool given,
                                               std::function<void(int)> cleanup, step first, const char* what) {
    if (type != channel_type::stream && type != channel_type::random)
        throw std::invalid_argument("gcd::io_channel: the type must be stream or random");
    engine_begin("gcd::io_channel");
    const default_queue fallback;
    kept<channel_object> channel{new channel_object{fd, given ? handler_queue(on, what) : fallback.get(), what}};
    if (type == channel_type::random) channel->file.require_seekable(what);
    if (first == step::read) channel->file.require_readable(what);
    if (first == step::write) channel->file.require_writable(what);
    channel->file.make_non_blocking();
    if (cleanup) {
        auto of = kept<channel_object>::another(channel.get());
        channel->cleanup =
            make_work<memory>([handler = std::move(cleanup), of = std::move(of)] { handler(of->error); });
    }
    try {
        if (engine_serves(channel->file, type)) {
            engine_open(channel.get(), type, fallback.get());
            return channel.give_up();
        }
        channel->device.reset(new io_device{channel->file, type, fallback.get()});
    } catch (...) {
        // It keeps the channel.
        if (work* last = std::exchange(channel->cleanup, nullptr)) drop(last);
        throw;
    }
    // A count for the device, until it has ended.
    static_cast<void>(kept<channel_object>::another(channel.get()).give_up());
    return channel.give_up();
}

GCD_HIDDEN inline channel_object* channel_create(int fd, channel_type type, queue_object* on, bool given,
                                                 std::function<void(int)> cleanup) {
    return make_channel(fd, type, on, given, std::move(cleanup), step::barrier, "gcd::io_channel");
}

/// For a device everything that a read or write needs is made beforehand.
GCD_HIDDEN inline void prepare(channel_request* asked) {
    const channel_object* channel = asked->channel.get();
    if (!channel->device) return;
    io_job job;
    job.write = asked->what == step::write;
    job.length = !job.write ? asked->length : asked->bytes != nullptr ? data_size(asked->bytes) : 0;
    job.greedy = asked->greedy;
    job.asks = asked->memory && channel->file.is_regular();
    job.offset = asked->offset;
    job.bytes = asked->bytes;
    asked->operation = channel->device->make(asked, asked->queue.get(), job);
}

GCD_HIDDEN inline void request_read(channel_object* channel, std::int64_t offset, std::size_t length, queue_object* on,
                                    bool given, io_callback callback, read_memory memory, bool greedy,
                                    const char* what) {
    queue_object* queue = handler_queue(channel, on, given, what);
    channel->file.require_readable(what);
    check_offset(offset, what);
    kept operation{new channel_request{step::read, channel, queue}};
    operation->callback = std::move(callback);
    operation->offset = offset;
    operation->length = length;
    operation->memory = std::move(memory);
    operation->greedy = greedy;
    prepare(operation.get());
    request(std::move(operation), what);
}

GCD_HIDDEN inline void channel_read(channel_object* channel, std::int64_t offset, std::size_t length, queue_object* on,
                                    bool given, io_callback callback, read_memory memory) {
    request_read(channel, offset, length, on, given, std::move(callback), std::move(memory), false,
                 "gcd::io_channel::read");
}

GCD_HIDDEN inline void channel_write(channel_object* channel, std::int64_t offset, data_object* bytes, queue_object* on,
                                     bool given, io_callback callback) {
    const char* what = "gcd::io_channel::write";
    queue_object* queue = handler_queue(channel, on, given, what);
    channel->file.require_writable(what);
    check_offset(offset, what);
    if (channel->file.raises_sigpipe()) engine_survive_broken_pipes();
    kept operation{new channel_request{step::write, channel, queue}};
    operation->callback = std::move(callback);
    operation->offset = offset;
    if (bytes != nullptr) retain(operation->bytes = bytes);
    prepare(operation.get());
    request(std::move(operation), what);
}

GCD_HIDDEN inline kept<channel_request> make_barrier(channel_object* channel, queue_object* on, bool given, work* item,
                                                     const char* what) {
    try {
        kept barrier{new channel_request{step::barrier, channel, handler_queue(channel, on, given, what)}};
        barrier->item = new barrier_work{item, channel};
        return barrier;
    } catch (...) {
        drop(item);
        throw;
    }
}

GCD_HIDDEN inline void channel_barrier(channel_object* channel, queue_object* on, bool given, work* item) {
    const char* what = "gcd::io_channel::barrier";
    request(make_barrier(channel, on, given, item, what), what);
}

GCD_HIDDEN inline bool channel_is_closed(channel_object* channel) {
    const std::lock_guard hold{checked(channel, "gcd::io_channel::is_closed")->lock};
    return channel->closed;
}

GCD_HIDDEN inline void request_setting(channel_object* channel, step what, std::size_t bytes, std::int64_t interval,
                                       bool strict, const char* name) {
    kept setting{new channel_request{what, channel, channel->queue.get()}};
    setting->length = bytes;
    setting->offset = interval;
    setting->strict = strict;
    request(std::move(setting), name);
}

GCD_HIDDEN inline void channel_set_high_water(channel_object* channel, std::size_t bytes) {
    const char* what = "gcd::io_channel::set_high_water";
    static_cast<void>(checked(channel, what));
    if (bytes == 0) throw std::invalid_argument("gcd::io_channel::set_high_water: the mark must be above 0");
    request_setting(channel, step::high_water, bytes, 0, false, what);
}

GCD_HIDDEN inline void channel_set_low_water(channel_object* channel, std::size_t bytes) {
    const char* what = "gcd::io_channel::set_low_water";
    request_setting(checked(channel, what), step::low_water, bytes, 0, false, what);
}

GCD_HIDDEN inline void channel_set_interval(channel_object* channel, std::int64_t nanoseconds, bool strict) {
    const char* what = "gcd::io_channel::set_interval";
    static_cast<void>(checked(channel, what));
    if (nanoseconds < 0) throw std::invalid_argument("gcd::io_channel::set_interval: the interval can't be negative");
    request_setting(channel, step::interval, 0, nanoseconds, strict, what);
}

GCD_HIDDEN inline int channel_fd(channel_object* channel) { return checked(channel, "gcd::io_channel::fd")->fd; }

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif
