// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_SINGLE_HPP
#define GCD_DETAIL_IO_SINGLE_HPP
/// @file
/// Single reads and writes: a channel for one operation. The handler is called when the descriptor and the caller's
/// flags have been given back.

#include <gcd/config.hpp>
#include <gcd/detail/io/channel.hpp>
#include <gcd/detail/io/engine.hpp>
#include <gcd/detail/io/functions.hpp>
#include <gcd/detail/io/gather.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

namespace gcd::inline GCD_ABI::detail::GCD_ENGINE {

/// What a single operation came to, between its handler and the end of its channel.
struct single_result {
    std::atomic<long> count{1};
    io_callback callback;
    const bool reads;
    data_gather read; ///< piece by piece
    data_hold rest{nullptr};
    int error = 0;

    single_result(io_callback&& handler, step kind) : callback{std::move(handler)}, reads{kind == step::read} {}
    single_result(const single_result&) = delete;
    single_result& operator=(const single_result&) = delete;
    ~single_result() = default;

    /// Another piece of what is read, or what is still to be written.
    void take(data_object* bytes, int code) noexcept {
        if (!reads)
            rest.reset(bytes);
        else if (bytes != nullptr)
            add(bytes);
        if (error != ENOMEM) error = code;
    }
    void tell() {
        if (!callback) return;
        data_object* bytes = reads ? read.take(error) : rest.give_up();
        std::exchange(callback, nullptr)(true, bytes, error);
    }

private:
    /// After a piece for which there was no memory no other is added: what there is has no holes.
    void add(data_object* piece) noexcept {
        if (error == ENOMEM) return release(piece);
        try {
            read.add(piece);
        } catch (const std::bad_alloc&) {
            error = ENOMEM;
        }
    }
};

/// A channel for one operation, a read or a write; its cleanup handler is the caller's handler.
GCD_HIDDEN inline void run_single(int fd, queue_object* on, io_callback&& callback, step kind, const char* what,
                                  std::size_t length, data_object* bytes) {
    const kept result{new single_result{std::move(callback), kind}};
    channel_object* channel =
        make_channel(fd, channel_type::stream, on, true, [result](int) { result->tell(); }, kind, what);
    try {
        const default_queue queue;
        io_callback take = [result](bool, data_object* part, int error) { result->take(part, error); };
        if (kind == step::write)
            channel_write(channel, 0, bytes, queue.get(), true, std::move(take));
        else
            request_read(channel, 0, length, queue.get(), true, std::move(take), {}, true, what);
    } catch (...) {
        result->callback = nullptr;
        release(channel);
        throw;
    }
    release(channel);
}

GCD_HIDDEN inline void read_once(int fd, std::size_t length, queue_object* on, io_callback callback,
                                 const read_memory& memory) {
    const char* what = "gcd::read_async";
    if (engine_read_once(fd, length, on, callback, memory, what)) return;
    run_single(fd, on, std::move(callback), step::read, what, length, nullptr);
}

GCD_HIDDEN inline void write_once(int fd, data_object* bytes, queue_object* on, io_callback callback) {
    run_single(fd, on, std::move(callback), step::write, "gcd::write_async", 0, bytes);
}

} // namespace gcd::inline GCD_ABI::detail::GCD_ENGINE

#endif
