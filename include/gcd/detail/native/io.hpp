// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_NATIVE_IO_HPP
#define GCD_DETAIL_NATIVE_IO_HPP
/// @file
/// Channels: all of them are the library's own devices (io/device.hpp). This engine adds single reads of files, for which
/// nothing has to be waited.

#include <gcd/config.hpp>
#include <gcd/detail/io/channel.hpp>
#include <gcd/detail/io/functions.hpp>
#include <gcd/detail/io/gather.hpp>
#include <gcd/detail/io/operation.hpp>
#include <gcd/detail/io/recurring.hpp>
#include <gcd/detail/io/single.hpp>
#include <gcd/detail/kept.hpp>
#include <gcd/detail/posix/lent_fd.hpp>
#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include <sys/stat.h>

namespace gcd::inline GCD_ABI::detail::native {

GCD_HIDDEN inline void engine_begin(const char*) {}

/// Its threads, which do all writing, block SIGPIPE.
GCD_HIDDEN inline void engine_survive_broken_pipes() noexcept {}

GCD_HIDDEN inline bool engine_serves(const lent_fd&, channel_type) noexcept { return false; }
GCD_HIDDEN inline void engine_open(channel_object*, channel_type, queue_object*) {}
GCD_HIDDEN inline void engine_release(channel_object*) noexcept {}
GCD_HIDDEN inline void engine_start(channel_object*, channel_request*) {}
GCD_HIDDEN inline void engine_close(channel_object*, bool) noexcept {}

/// A single read of a regular file: on a global queue first, then on the handler's.
struct file_read final : work {
    lent_fd file;
    queue_hold queue;
    io_callback callback;
    const std::size_t length;
    std::size_t total = 0;
    int error = 0;
    bool complete = false;
    read_room room;
    std::size_t begin = 0; ///< what the room holds from here on was not gathered yet
    data_gather gathered;

    file_read(int fd, std::size_t bytes, queue_object* on, const char* what)
        : work{&invoke}, file{fd, what}, queue{on}, length{bytes} {
        kind = work_kind::borrowed;
    }

private:
    /// Then others of the pool have a turn.
    static constexpr std::size_t most_at_once = 4'194'304;

    static void invoke(work* base, op what) noexcept {
        owned self{static_cast<file_read*>(base)};
        if (what == op::drop) return;
        if (self->complete) return self->tell();
        try {
            self->read_on();
        } catch (const std::bad_alloc&) {
            self->error = ENOMEM;
            self->complete = true;
        }
        const default_queue again;
        const queue_hold next{self->complete ? self->queue.get() : again.get()};
        if (self->complete) self->file.give_back();
        submit_borrowed(next.get(), self.give_up());
    }

    void read_on() {
        for (std::size_t now = 0; total != length && now < most_at_once;) {
            const std::size_t wanted = length - total;
            if (room.is_too_small_for(wanted)) {
                gather();
                room.renew();
                begin = 0;
            }
            const ssize_t got = sys::read(file.get(), room.next(), std::min(wanted, room.left()));
            if (got <= 0) {
                if (got < 0) error = errno;
                complete = true;
                break;
            }
            room.advance(static_cast<std::size_t>(got));
            total += static_cast<std::size_t>(got);
            now += static_cast<std::size_t>(got);
        }
        if (total == length) complete = true;
        if (complete) gather();
    }

    void gather() {
        if (data_object* piece = room.take(begin)) gathered.add(piece);
    }

    void tell() {
        data_object* bytes = gathered.take(error);
        try {
            std::exchange(callback, nullptr)(true, bytes, error);
        } catch (...) {
            report_exception();
        }
    }
};

GCD_HIDDEN inline bool engine_read_once(int fd, std::size_t length, queue_object* on, io_callback& callback,
                                        const read_memory& memory, const char* what) {
    struct stat status{};
    if (fd < 0 || sys::status(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
    owned read{new file_read{fd, length, handler_queue(on, what), what}};
    read->file.require_readable(what);
    if (std::byte* given = given_memory(memory, length)) read->room.renew(given, length);
    read->callback = std::move(callback);
    const default_queue first;
    queue_async(first.get(), read.give_up());
    return true;
}

} // namespace gcd::inline GCD_ABI::detail::native

#endif
