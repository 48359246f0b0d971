// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_CHANNEL_HPP
#define GCD_DETAIL_SYSTEM_CHANNEL_HPP
/// @file
/// What stands behind an I/O channel: dispatch I/O, or a stream of our own (stream.hpp), and the account of both.
///
/// A channel works on a descriptor of its own (lent_fd.hpp), so that libdispatch's hold on it, which ends some time
/// after a close, is no concern of the caller's. It also keeps its own account of what is under way, because
/// dispatch_io_barrier holds up a stop until the operations before it end by themselves, runs before their last
/// handlers have returned, and on the channel's queue alone; and the cleanup handler of dispatch I/O doesn't wait for
/// operations that end before they begin. So requests pass through a list: a barrier waits at its head until nothing
/// is under way, what is behind it waits for its end, and a stop reaches the engine at once.

#include <gcd/config.hpp>
#include <gcd/detail/held.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/system/block.hpp>
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/stream.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace gcd::inline GCD_ABI::detail {

namespace system {

struct channel_request;

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

} // namespace system

struct GCD_VISIBLE channel_object : object {
    /// Who needs the memory: the handles (one for all of them), the blocks that libdispatch has, and each request.
    std::atomic<long> count{1};
    const int fd; ///< the caller's
    system::queue_hold queue;
    lent_fd file;

    /// Guards the rest. Nothing that may run a caller's code is called under it.
    std::mutex lock;
    system::channel_request* first = nullptr; ///< requests that wait for their turn
    system::channel_request* last = nullptr;
    std::size_t running = 0; ///< operations whose last handler has not returned
    bool in_barrier = false;
    bool closed = false;
    bool stopped = false;
    bool close_sent = false; ///< libdispatch knows of the close
    bool let_go = false;     ///< libdispatch is done with the descriptor
    int error = 0;           ///< for the cleanup handler
    work* cleanup = nullptr;
    /// Does the I/O where there is one; else libdispatch's channel, which is `native`.
    std::unique_ptr<system::stream> stream;

    /// `what` begins the messages.
    channel_object(int number, queue_object* on, const char* what)
        : object{object_kind::channel}, fd{number}, queue{on}, file{number, what} {}
    ~channel_object() {
        if (native != nullptr) dispatch::release(native);
    }
};

namespace system {

enum class step : unsigned char { read, write, barrier, high_water, low_water, interval };

/// Something asked of a channel. Also the context of the block that libdispatch calls for an operation.
struct channel_request {
    std::atomic<long> count{1};
    const step what;
    channel_request* next = nullptr;
    kept<channel_object> channel;
    queue_hold queue;
    io_callback callback;
    std::int64_t offset = 0; ///< or the interval
    std::size_t length = 0;  ///< or the water mark
    bool strict = false;
    bool greedy = false; ///< a read that takes what there is
    data_object* bytes = nullptr;
    work* item = nullptr;

    channel_request(step kind, channel_object* of, queue_object* on)
        : what{kind}, channel{kept<channel_object>::another(of)}, queue{on} {}
    channel_request(const channel_request&) = delete;
    channel_request& operator=(const channel_request&) = delete;
    ~channel_request() {
        if (bytes != nullptr) release(bytes);
        if (item != nullptr) drop(item);
    }
    static void deliver(channel_request* self, bool done, void* data, int error);
};

/// What may go to a queue now, found under the channel's lock and submitted without it.
struct due_work {
    work* item = nullptr;
    queue_object* queue = nullptr;
    channel_request* keeper = nullptr; ///< keeps the queue
};

due_work advance(channel_object* channel);
void submit(const due_work& due) noexcept;

/// The callable of a barrier; its end lets the channel go on.
struct barrier_work final : work {
    work* inner;
    kept<channel_object> channel;
    bool started = false; ///< the channel waits for its end

    barrier_work(work* callable, channel_object* of)
        : work{&invoke}, inner{callable}, channel{kept<channel_object>::another(of)} {}

    static void invoke(work* base, op what) noexcept {
        const std::unique_ptr<barrier_work> self{static_cast<barrier_work*>(base)};
        self->inner->queue = self->queue;
        self->inner->fn(self->inner, what);
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

/// libdispatch's call for an operation, on the operation's queue.
GCD_HIDDEN inline void channel_request::deliver(channel_request* self, bool done, void* data, int error) {
    channel_object* channel = self->channel.get();
    {
        const handler_frame inside{self->queue.get()};
        data_object* chunk = nullptr;
        if (data != nullptr && dispatch::data_size(data) != 0) {
            dispatch::retain(data);
            chunk = static_cast<data_object*>(data);
        }
        try {
            // The last call takes the callable with it, so that what it holds ends on its queue too.
            if (done)
                std::exchange(self->callback, nullptr)(true, chunk, error);
            else
                self->callback(false, chunk, error);
        } catch (...) {
            report_exception();
        }
    }
    if (!done) return;
    due_work due;
    {
        const std::lock_guard hold{channel->lock};
        --channel->running;
        due = advance(channel);
    }
    submit(due);
}

/// The same for a stream.
GCD_HIDDEN inline void deliver_from_stream(void* context, bool done, void* data, int error) {
    channel_request::deliver(static_cast<channel_request*>(context), done, data, error);
}
GCD_HIDDEN inline void finish_from_stream(void* context) { release_context(static_cast<channel_request*>(context)); }

GCD_HIDDEN inline void start_on_stream(stream& on, channel_request* request) {
    switch (request->what) {
    case step::read:
    case step::write: {
        const bool write = request->what == step::write;
        const std::size_t length = !write ? request->length : request->bytes != nullptr ? data_size(request->bytes) : 0;
        kept<channel_request> shared = kept<channel_request>::another(request);
        on.submit(write, length, request->bytes, request->greedy, request->queue.get()->native,
                  {&deliver_from_stream, &finish_from_stream, shared.get()});
        static_cast<void>(shared.give_up());
        break;
    }
    case step::high_water: on.marks.set_high(request->length); break;
    case step::low_water: on.marks.set_low(request->length); break;
    // What has reached the low mark is handed over at once, so that only a strict interval adds to that.
    case step::interval: on.marks.interval = request->strict ? request->offset : 0; break;
    case step::barrier: break;
    }
}

GCD_HIDDEN inline void start_on_channel(void* native, channel_request* request) {
    void* queue = request->queue.get()->native;
    block<&channel_request::deliver> handler{request};
    switch (request->what) {
    case step::read: dispatch::io_read(native, request->offset, request->length, queue, handler.get()); break;
    case step::write:
        dispatch::io_write(native, request->offset, data_native(request->bytes), queue, handler.get());
        break;
    case step::high_water: dispatch::io_set_high_water(native, request->length); break;
    case step::low_water: dispatch::io_set_low_water(native, request->length); break;
    case step::interval:
        dispatch::io_set_interval(native, static_cast<std::uint64_t>(request->offset), request->strict);
        break;
    case step::barrier: break;
    }
}

GCD_HIDDEN inline void start_request(channel_object* channel, channel_request* request) {
    if (request->what == step::read || request->what == step::write) ++channel->running;
    if (channel->stream)
        start_on_stream(*channel->stream, request);
    else
        start_on_channel(channel->native, request);
    release_context(request);
}

void channel_let_go(channel_object* channel, int error);

/// Nothing more is to come. dispatch I/O waits for what is under way; a stream isn't told before that has ended.
GCD_HIDDEN inline void close_engine(channel_object* channel) noexcept {
    if (channel->close_sent || (channel->stream && channel->running != 0)) return;
    channel->close_sent = true;
    if (!channel->stream) return dispatch::io_close(channel->native, false);
    channel->stream->end(
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
    if (channel->closed) close_engine(channel);
    if (!channel->let_go || channel->running != 0) return {};
    return {std::exchange(channel->cleanup, nullptr), channel->queue.get(), nullptr};
}

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

GCD_HIDDEN inline void request(kept<channel_request> asked, const char* what) {
    channel_object* channel = asked->channel.get();
    due_work due;
    {
        const std::lock_guard hold{channel->lock};
        if (channel->closed) throw std::logic_error(std::string{what} + ": the channel is closed");
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

/// libdispatch's call when nothing of its own needs the descriptor any more.
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

/// A queue that handlers can be sent to.
GCD_HIDDEN inline queue_object* handler_queue(queue_object* queue, const char* what) {
    static_cast<void>(checked(queue, what));
    if (queue->kind == object_kind::workloop && queue->inactive.load(std::memory_order_relaxed))
        throw std::logic_error(std::string{what} + ": the workloop " + describe(queue) +
                               " is inactive and takes no work before activate()");
    return queue;
}

GCD_HIDDEN inline queue_object* handler_queue(channel_object* channel, queue_object* queue, bool given,
                                              const char* what) {
    static_cast<void>(checked(channel, what));
    return given ? handler_queue(queue, what) : channel->queue.get();
}

GCD_HIDDEN inline void check_offset(std::int64_t offset, const char* what) {
    if (offset < 0) throw std::invalid_argument(std::string{what} + ": the offset can't be negative");
}

} // namespace system
} // namespace gcd::inline GCD_ABI::detail

#endif
