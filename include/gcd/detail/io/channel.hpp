// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_CHANNEL_HPP
#define GCD_DETAIL_IO_CHANNEL_HPP
/// @file
/// A channel's account: what was asked of it, what is under way, and when it is over.
///
/// The I/O itself is done by the library's own device (device.hpp), or by the engine (the end of this file). A channel
/// works on a descriptor of its own (lent_fd.hpp), so that what looks at it some time after a close is no concern of
/// the caller's. Requests pass through a list: a barrier waits at its head until nothing is under way, what is behind
/// it waits for its end, and a stop reaches the I/O at once. The cleanup handler comes when nothing is under way any
/// more and the descriptor was given back.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/io/device.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/io/job.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>
#include <gcd/fwd.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

namespace GCD_ENGINE {

/// Keeps a queue in existence, not in use: the end of its last handle still lets pending work run.
class queue_hold {
public:
    explicit queue_hold(queue_object* queue) noexcept : queue_{queue} { keep(queue); }
    queue_hold(const queue_hold&) = delete;
    queue_hold& operator=(const queue_hold&) = delete;
    ~queue_hold() { let_go(queue_); }
    queue_object* get() const noexcept { return queue_; }

private:
    queue_object* queue_;
};

/// Of the engine: the end of a channel that it served itself.
GCD_HIDDEN void engine_release(channel_object* channel) noexcept;

} // namespace GCD_ENGINE

struct GCD_VISIBLE channel_object : object {
    /// Who needs the memory: the handles (one for all of them), what the engine has, the device, and each request.
    std::atomic<long> count{1};
    const int fd; ///< the caller's
    GCD_ENGINE::queue_hold queue;
    lent_fd file;

    /// Guards the rest. Nothing that may run a caller's code is called under it.
    std::mutex lock;
    GCD_ENGINE::channel_request* first = nullptr; ///< requests that wait for their turn
    GCD_ENGINE::channel_request* last = nullptr;
    std::size_t running = 0; ///< operations whose last handler has not returned
    bool in_barrier = false;
    bool closed = false;
    bool stopped = false;
    bool close_sent = false; ///< the device or the engine knows of the close
    bool let_go = false;     ///< and is done with the descriptor
    int error = 0;           ///< for the cleanup handler
    work* cleanup = nullptr;
    /// Does the I/O where there is one; else the engine, whose channel is `native`.
    owned<GCD_ENGINE::io_device> device;

    /// `what` begins the messages.
    channel_object(int number, queue_object* on, const char* what)
        : object{object_kind::channel}, fd{number}, queue{on}, file{number, what} {}
    ~channel_object() { GCD_ENGINE::engine_release(this); }
};

namespace GCD_ENGINE {

enum class step : unsigned char { read, write, barrier, high_water, low_water, interval };

/// Something asked of a channel. One that is under way has a count for what tells of its end.
struct channel_request {
    std::atomic<long> count{1};
    const step what;
    channel_request* next = nullptr;
    kept<channel_object> channel;
    queue_hold queue;
    io_callback callback;
    read_memory memory;
    std::int64_t offset = 0; ///< or the interval
    std::size_t length = 0;  ///< or the water mark
    bool strict = false;
    bool greedy = false; ///< a read that takes what there is
    data_object* bytes = nullptr;
    work* item = nullptr;
    owned<io_operation> operation; ///< for a device, until it starts

    channel_request(step kind, channel_object* of, queue_object* on)
        : what{kind}, channel{kept<channel_object>::another(of)}, queue{on} {}
    channel_request(const channel_request&) = delete;
    channel_request& operator=(const channel_request&) = delete;
    ~channel_request() {
        if (bytes != nullptr) release(bytes);
        if (item != nullptr) drop(item);
    }
};

// --- of the engine --------------------------------------------------------------------------------------------------

/// Before a channel is made.
GCD_HIDDEN void engine_begin(const char* what);
/// Before something is written that may raise SIGPIPE.
GCD_HIDDEN void engine_survive_broken_pipes() noexcept;
/// True if the engine serves such a descriptor, not the device.
GCD_HIDDEN bool engine_serves(const lent_fd& file, channel_type type) noexcept;
/// Makes its part of a channel. It calls channel_let_go when it is done with the descriptor.
GCD_HIDDEN void engine_open(channel_object* channel, channel_type type, queue_object* on);
/// Begins with a read or write, or changes a setting. It calls call_handler for each chunk and end_request after the
/// last one, for which it keeps the request.
GCD_HIDDEN void engine_start(channel_object* channel, channel_request* request);
GCD_HIDDEN void engine_close(channel_object* channel, bool stop) noexcept;
/// A single read, if the engine serves it: true. Takes the callback then, and may ask for memory.
GCD_HIDDEN bool engine_read_once(int fd, std::size_t length, queue_object* on, io_callback& callback,
                                 const read_memory& memory, const char* what);

// --- going on -------------------------------------------------------------------------------------------------------

/// What may go to a queue now, found under the channel's lock and submitted without it.
struct due_work {
    work* item = nullptr;
    queue_object* queue = nullptr;
    channel_request* keeper = nullptr; ///< keeps the queue
};

GCD_HIDDEN due_work advance(channel_object* channel);

GCD_HIDDEN inline void submit(const due_work& due) noexcept {
    if (due.item != nullptr) {
        try {
            queue_async(due.queue, due.item);
        } catch (...) {
            // Refused and dropped, which ends it as well.
        }
    }
    if (due.keeper != nullptr) release_context(due.keeper);
}

/// The callable of a barrier; its end lets the channel go on.
struct barrier_work final : work {
    work* inner;
    kept<channel_object> channel;
    bool started = false; ///< the channel waits for its end

    barrier_work(work* callable, channel_object* of)
        : work{&invoke}, inner{callable}, channel{kept<channel_object>::another(of)} {
        kind = work_kind::borrowed; // as its memory isn't the engine's
    }

    static void invoke(work* base, op what) noexcept {
        owned self{static_cast<barrier_work*>(base)};
        self->inner->queue = self->queue;
        self->inner->fn(self->inner, what);
        // In the child of a fork that the callable has made, the rest is the parent's.
        if (is_inherited(self->channel.get())) [[unlikely]]
            return static_cast<void>(self.give_up());
        if (!self->started) return;
        due_work due;
        {
            const std::lock_guard hold{self->channel->lock};
            self->channel->in_barrier = false;
            due = advance(self->channel.get());
        }
        submit(due);
    }
};

GCD_HIDDEN inline bool call_handler(channel_request* of, bool done, data_object* chunk, int error) noexcept {
    const handler_frame inside{of->queue.get()};
    try {
        // The last call takes the callable with it, so that what it holds ends on its queue too.
        if (done) {
            const read_memory last = std::move(of->memory);
            std::exchange(of->callback, nullptr)(true, chunk, error);
        } else
            of->callback(false, chunk, error);
    } catch (...) {
        report_exception();
    }
    return !is_inherited(of->channel.get());
}

/// Memory of the caller's for a chunk of such a size, or null. What it throws is the caller's.
GCD_HIDDEN inline std::byte* given_memory(const read_memory& by, std::size_t size) {
    return by && size >= io_limits::least_given && size <= io_limits::greatest_given ? by(size) : nullptr;
}

GCD_HIDDEN inline bool ask_for_memory(channel_request* of, std::size_t size, std::byte*& memory) noexcept {
    try {
        memory = given_memory(of->memory, size);
    } catch (...) {
        report_exception();
        memory = nullptr;
    }
    return !is_inherited(of->channel.get());
}

GCD_HIDDEN inline void end_request(channel_request* of) noexcept {
    const kept<channel_request> ended{of};
    channel_object* channel = of->channel.get();
    due_work due;
    {
        const std::lock_guard hold{channel->lock};
        --channel->running;
        due = advance(channel);
    }
    submit(due);
}

GCD_HIDDEN inline void start_on_device(io_device& on, channel_request* request) {
    switch (request->what) {
    case step::read:
    case step::write:
        static_cast<void>(kept<channel_request>::another(request).give_up());
        on.start(std::move(request->operation));
        break;
    case step::high_water: on.marks.set_high(request->length); break;
    case step::low_water: on.marks.set_low(request->length); break;
    // What has reached the low mark is handed over at once, so that only a strict interval adds to that.
    case step::interval: on.marks.interval = request->strict ? request->offset : 0; break;
    case step::barrier: break;
    }
}

GCD_HIDDEN inline void start_request(channel_object* channel, channel_request* request) {
    if (request->what == step::read || request->what == step::write) ++channel->running;
    if (channel->device)
        start_on_device(*channel->device, request);
    else
        engine_start(channel, request);
    release_context(request);
}

/// Nothing needs the descriptor any more.
GCD_HIDDEN inline void channel_let_go(channel_object* channel, int error) {
    due_work due;
    {
        const std::lock_guard hold{channel->lock};
        channel->let_go = true;
        channel->error = error;
        channel->file.give_back();
        due = advance(channel);
    }
    submit(due);
}

/// Nothing more is to come. The engine waits for what is under way; a device isn't told before that has ended.
GCD_HIDDEN inline void close_channel(channel_object* channel) noexcept {
    if (channel->close_sent || (channel->device && channel->running != 0)) return;
    channel->close_sent = true;
    if (!channel->device) return engine_close(channel, false);
    channel->device->end(
        channel, +[](void* context) {
            const kept<channel_object> ended{static_cast<channel_object*>(context)};
            channel_let_go(ended.get(), 0);
        });
}

/// Lets begin what may. The channel's lock is held.
GCD_HIDDEN inline due_work advance(channel_object* channel) {
    while (channel->first != nullptr && !channel->in_barrier) {
        channel_request* request = channel->first;
        if (request->what == step::barrier && channel->running != 0) return {};
        channel->first = request->next;
        if (request->what != step::barrier) {
            start_request(channel, request);
            continue;
        }
        channel->in_barrier = true;
        static_cast<barrier_work*>(request->item)->started = true;
        return {std::exchange(request->item, nullptr), request->queue.get(), request};
    }
    if (channel->first != nullptr || channel->in_barrier) return {};
    if (channel->closed) close_channel(channel);
    if (!channel->let_go || channel->running != 0) return {};
    return {std::exchange(channel->cleanup, nullptr), channel->queue.get(), nullptr};
}

} // namespace GCD_ENGINE
} // namespace gcd::inline GCD_ABI::detail

#endif
