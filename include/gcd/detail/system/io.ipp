// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_IO_IPP
#define GCD_DETAIL_SYSTEM_IO_IPP
/// @file
/// Single reads and writes.
///
/// A write is a channel for one operation: the handler is called when the descriptor and the caller's flags have been
/// given back. So is a read from a stream that stream.hpp serves; other reads are dispatch_read's, which alone of
/// libdispatch's takes what there is.

#include <gcd/config.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/system/block.hpp>
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/system/io.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/stream.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/error.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace gcd::inline GCD_ABI::detail::system {

/// What a single operation came to, between its handler and the end of its channel.
struct single_result {
    io_callback callback;
    data_object* data = nullptr;
    int error = 0;

    explicit single_result(io_callback&& handler) : callback{std::move(handler)} {}
    single_result(const single_result&) = delete;
    single_result& operator=(const single_result&) = delete;
    ~single_result() {
        if (data != nullptr) release(data);
    }

    /// What was read, piece by piece.
    void add(data_object* piece, int code) {
        error = code;
        if (piece == nullptr) return;
        if (data_object* former = std::exchange(data, piece)) {
            data = data_concat(former, piece);
            release(former);
            release(piece);
        }
    }
    /// What is still to be written.
    void replace(data_object* rest, int code) {
        error = code;
        if (data_object* former = std::exchange(data, rest)) release(former);
    }
    void tell() {
        if (callback) std::exchange(callback, nullptr)(true, std::exchange(data, nullptr), error);
    }
};

/// A channel for one operation; its cleanup handler is the caller's handler.
template <class Submit>
void run_single(int fd, queue_object* on, io_callback&& callback, step kind, const char* what, Submit&& submit) {
    auto result = std::make_shared<single_result>(std::move(callback));
    const std::unique_ptr<channel_object, void (*)(channel_object*) noexcept> channel{
        make_channel(fd, channel_type::stream, on, true, [result](int) { result->tell(); }, kind, what), &release};
    try {
        const default_queue queue;
        submit(channel.get(), queue.get(), result);
    } catch (...) {
        result->callback = nullptr;
        throw;
    }
}

/// A single read by libdispatch: the context of its block, and then the work that calls the handler.
struct single_read final : work {
    std::atomic<long> count{1};
    lent_fd file;
    queue_hold queue;
    single_result result;

    single_read(int fd, const char* what, queue_object* on, io_callback&& handler)
        : work{&call_handler}, file{fd, what}, queue{on}, result{std::move(handler)} {}

    static void call_handler(work* base, op what) noexcept {
        const kept<single_read> self{static_cast<single_read*>(base)};
        if (what == op::drop) return;
        try {
            self->result.tell();
        } catch (...) {
            report_exception();
        }
    }

    /// Called when libdispatch has let go of the descriptor; on a global queue, so that the caller has it back at
    /// once, however busy the handler's queue is.
    static void complete(single_read* self, void* data, int error) {
        self->file.give_back();
        if (data != nullptr && dispatch::data_size(data) != 0) {
            dispatch::retain(data);
            self->result.data = static_cast<data_object*>(data);
        }
        self->result.error = error;
        submit({kept<single_read>::another(self).give_up(), self->queue.get(), nullptr});
    }
};

GCD_HIDDEN inline void read_once(int fd, std::size_t length, queue_object* on, io_callback callback) {
    const char* what = "gcd::read_async";
    kept read{new single_read{fd, what, handler_queue(on, what), std::move(callback)}};
    if (stream::serves(read->file, channel_type::stream)) {
        run_single(fd, on, std::exchange(read->result.callback, nullptr), step::read, what,
                   [&](channel_object* channel, queue_object* queue, auto& result) {
                       const auto add = [result](bool, data_object* piece, int error) { result->add(piece, error); };
                       request_read(channel, 0, length, queue, true, add, true, what);
                   });
        return;
    }
    read->file.require_readable(what);
    read->file.make_non_blocking();
    const default_queue queue;
    block<&single_read::complete> handler{read.get()};
    dispatch::read(read->file.get(), length, queue.get()->native, handler.get());
}

GCD_HIDDEN inline void write_once(int fd, data_object* bytes, queue_object* on, io_callback callback) {
    run_single(fd, on, std::move(callback), step::write, "gcd::write_async",
               [&](channel_object* channel, queue_object* queue, auto& result) {
                   channel_write(channel, 0, bytes, queue, true,
                                 [result](bool, data_object* rest, int error) { result->replace(rest, error); });
               });
}

} // namespace gcd::inline GCD_ABI::detail::system

#endif
