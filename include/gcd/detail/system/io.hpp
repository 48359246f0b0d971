// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_IO_HPP
#define GCD_DETAIL_SYSTEM_IO_HPP
/// @file
/// Channels that libdispatch serves: files, random access, and everything on macOS.
///
/// Streams on Linux that may have to be waited for (pipes, sockets, terminals) are not among them: there dispatch I/O
/// watches the descriptor itself, and it goes wrong. When the other end hangs up, its manager thread still looks at the
/// registration while another thread frees it. When the last reader of a full pipe goes, Linux tells of an error and of
/// nothing else, for which libdispatch doesn't listen: the write never ends, and the manager asks again without a
/// pause.
///
/// The account that a channel keeps (io/channel.hpp) is needed here too: dispatch_io_barrier holds up a stop until the
/// operations before it end by themselves, runs before their last handlers have returned, and on the channel's queue
/// alone; and the cleanup handler of dispatch I/O doesn't wait for operations that end before they begin.

#include <gcd/config.hpp>
#include <gcd/detail/io/channel.hpp>
#include <gcd/detail/io/functions.hpp>
#include <gcd/detail/io/single.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/system/block.hpp>
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace gcd::inline GCD_ABI::detail::system {

GCD_HIDDEN inline void engine_begin(const char* what) { begin_use(what); }

GCD_HIDDEN inline void engine_survive_broken_pipes() noexcept { survive_broken_pipes(); }

#if GCD_OS_LINUX
GCD_HIDDEN inline bool engine_serves(const lent_fd& file, channel_type type) noexcept {
    return type == channel_type::random || file.is_regular();
}
#else
GCD_HIDDEN inline bool engine_serves(const lent_fd&, channel_type) noexcept { return true; }
#endif

/// The data of a call of libdispatch's, or null if it is empty.
GCD_HIDDEN inline data_object* own_chunk(void* data) {
    if (data == nullptr || dispatch::data_size(data) == 0) return nullptr;
    dispatch::retain(data);
    return static_cast<data_object*>(data);
}

GCD_HIDDEN inline void engine_open(channel_object* channel, channel_type type, queue_object* on) {
    block<&channel_let_go> let_go{channel};
    channel->native = dispatch::io_create(type == channel_type::random, channel->file.get(), on->native, let_go.get());
}

GCD_HIDDEN inline void engine_release(channel_object* channel) noexcept {
    if (channel->native != nullptr) dispatch::release(channel->native);
}

GCD_HIDDEN inline void engine_close(channel_object* channel, bool stop) noexcept {
    dispatch::io_close(channel->native, stop);
}

/// libdispatch's call for an operation, on the operation's queue.
GCD_HIDDEN inline void deliver(channel_request* of, bool done, void* data, int error) {
    if (!call_handler(of, done, own_chunk(data), error)) return;
    // A count that end_request gives up; the block's own keeps the request meanwhile.
    if (done) end_request(kept<channel_request>::another(of).give_up());
}

GCD_HIDDEN inline void engine_start(channel_object* channel, channel_request* request) {
    void* native = channel->native;
    void* queue = request->queue.get()->native;
    block<&deliver> handler{request};
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

// --- single reads: dispatch_read alone of libdispatch's takes what there is -----------------------------------------

/// The context of a block, and then the work that calls the handler.
struct single_read final : work {
    std::atomic<long> count{1};
    lent_fd file;
    queue_hold queue;
    io_callback callback;
    data_object* data = nullptr;
    int error = 0;

    single_read(int fd, const char* what, queue_object* on) : work{&invoke}, file{fd, what}, queue{on} {}
    single_read(const single_read&) = delete;
    single_read& operator=(const single_read&) = delete;
    ~single_read() {
        if (data != nullptr) release(data);
    }

    static void invoke(work* base, op what) noexcept {
        const kept<single_read> self{static_cast<single_read*>(base)};
        if (what == op::drop) return;
        try {
            std::exchange(self->callback, nullptr)(true, std::exchange(self->data, nullptr), self->error);
        } catch (...) {
            report_exception();
        }
    }

    /// Called when libdispatch has let go of the descriptor; on a global queue, so that the caller has it back at
    /// once, however busy the handler's queue is.
    static void complete(single_read* self, void* data, int error) {
        self->file.give_back();
        self->data = own_chunk(data);
        self->error = error;
        submit({kept<single_read>::another(self).give_up(), self->queue.get(), nullptr});
    }
};

GCD_HIDDEN inline bool engine_read_once(int fd, std::size_t length, queue_object* on, io_callback& callback,
                                        const read_memory&, const char* what) {
    kept read{new single_read{fd, what, handler_queue(on, what)}};
    if (!engine_serves(read->file, channel_type::stream)) return false;
    read->file.require_readable(what);
    read->file.make_non_blocking();
    read->callback = std::move(callback);
    const default_queue queue;
    block<&single_read::complete> handler{read.get()};
    dispatch::read(read->file.get(), length, queue.get()->native, handler.get());
    return true;
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
