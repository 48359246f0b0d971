// SPDX-License-Identifier: MIT
#ifndef GCD_IO_CHANNEL_HPP
#define GCD_IO_CHANNEL_HPP
/// @file
/// Asynchronous input and output on descriptors.

#include <gcd/config.hpp>
#include <gcd/data.hpp>
#include <gcd/detail/backend.hpp>
#include <gcd/detail/ref.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/fwd.hpp>
#include <gcd/queue.hpp>
#include <gcd/time.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace gcd::inline GCD_ABI {

/// How a channel reads and writes. The values are those of `DISPATCH_IO_STREAM` and `DISPATCH_IO_RANDOM`.
enum class io_type : unsigned char {
    stream = 0, ///< in order, from the descriptor's position on
    random = 1, ///< at offsets, several operations at a time
};

namespace detail {

/// A channel's handler as the engine keeps it: the chunk arrives as a count of its object.
template <class F> io_callback chunk_callback(F&& handler) {
    return [call = to_function<bool, const data&, int>(std::forward<F>(handler))](bool done, data_object* chunk,
                                                                                  int error) {
        call(done, access::make<data>(ref<data_object>{chunk}), error);
    };
}

/// The handler of a single read or write, which is called once.
template <class F> io_callback single_callback(F&& handler) {
    return [call = to_function<const data&, int>(std::forward<F>(handler))](bool, data_object* chunk, int error) {
        call(access::make<data>(ref<data_object>{chunk}), error);
    };
}

} // namespace detail

/// Reads and writes a descriptor in the background, in chunks. Move-only handle; all operations are const and
/// thread-safe. The channel works on a duplicate of the descriptor: yours may be closed at any time, the file stays
/// open until the cleanup handler runs, once, after the last handler. Leave its flags and position alone until then:
/// what isn't a regular file, nor a socket on Linux, is non-blocking meanwhile, for all who share it.
///
/// Handlers are `void(bool done, const data& chunk, int error)`: they run on the queue given with the operation, else
/// on the channel's; `done` comes once, last; `error` is an errno, ECANCELED for what close(stop) ended.
/// The end of the last handle closes the channel, without stopping what is under way.
/// @see dispatch_io_t
class io_channel {
public:
    /// As much as there is.
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// A channel on an open descriptor. `cleanup` is `void(int error)`; it runs on `on`, the global queue of default QoS
    /// if that is null.
    /// @throws std::invalid_argument for a negative descriptor. @throws std::system_error for one that is not open, for
    /// a directory, and for random access to what has no position.
    /// @see dispatch_io_create
    explicit io_channel(int fd, io_type type = io_type::stream, const queue* on = nullptr, cleanup_handler cleanup = {})
        : object_{detail::backend::channel_create(fd, static_cast<detail::channel_type>(type),
                                                  detail::access::object_of(on), on != nullptr, std::move(cleanup))} {}

    /// A second owner of the same channel.
    [[nodiscard]] io_channel retain() const { return io_channel{object_.retain()}; }

    /// Reads up to `length` bytes, to the end of file at most. `offset` counts from the descriptor's position at the
    /// channel's creation, and is for random access only: a stream goes on where it is.
    /// @throws std::logic_error after close(). @throws std::system_error if the descriptor is not open for reading.
    /// @throws std::invalid_argument for a negative offset.
    ///
    /// `memory` may give memory for chunks, so that what they bring needn't be copied to where it is wanted. It is called
    /// with a size, on any thread, one call at a time, and gives that many bytes, or null for the library's own; what it
    /// throws goes to the exception handler. Each piece of memory gets one chunk, whose only region begins where the
    /// memory does. It must stay until the last handler has returned, and as long as there are copies of the chunk. The
    /// native engine asks for chunks of 64 KiB to 16 MiB (see io_limits) of regular files; others don't ask.
    /// @see dispatch_io_read
    template <std::invocable<bool, const data&, int> F>
    void read(std::size_t length, F&& handler, std::int64_t offset = 0, const queue* on = nullptr,
              read_memory memory = {}) const {
        detail::backend::channel_read(object_.get(), offset, length, detail::access::object_of(on), on != nullptr,
                                      detail::chunk_callback(std::forward<F>(handler)), std::move(memory));
    }

    /// Writes all the bytes. The handler's `chunk` is what is still to be written; `offset` as for read().
    /// @throws std::logic_error after close(). @throws std::system_error if the descriptor is not open for writing.
    /// @throws std::invalid_argument for a negative offset.
    /// @note A broken pipe is the error EPIPE. Linux, on libdispatch: to that end SIGPIPE gets a handler that does
    /// nothing, unless the program has set its own disposition, or the descriptor is a socket. @see dispatch_io_write
    template <std::invocable<bool, const data&, int> F>
    void write(const data& bytes, F&& handler, std::int64_t offset = 0, const queue* on = nullptr) const {
        detail::backend::channel_write(object_.get(), offset, detail::access::object_of(bytes),
                                       detail::access::object_of(on), on != nullptr,
                                       detail::chunk_callback(std::forward<F>(handler)));
    }

    /// Runs the callable when the last handlers of all operations before it have returned, and before any after it
    /// begins.
    /// @throws std::logic_error after close(). @see dispatch_io_barrier
    template <task F> void barrier(F&& callable, const queue* on = nullptr) const {
        detail::backend::channel_barrier(object_.get(), detail::access::object_of(on), on != nullptr,
                                         detail::make_work<detail::backend::memory>(std::forward<F>(callable)));
    }

    /// Takes no further operations; what is under way goes on. With `stop` it ends as soon as may be: its handlers get
    /// what was done so far, and ECANCELED. Again: nothing, save that a later `stop` still stops.
    /// @see dispatch_io_close
    void close(bool stop = false) const { detail::backend::channel_close(object_.get(), stop); }
    /// True once close() was called.
    [[nodiscard]] bool is_closed() const { return detail::backend::channel_is_closed(object_.get()); }

    /// Most bytes that a handler is given at once, above 0. Lowers the low-water mark if need be. Marks and interval
    /// are for the operations that come after. @throws std::logic_error after close().
    /// @see dispatch_io_set_high_water
    void set_high_water(std::size_t bytes) const { detail::backend::channel_set_high_water(object_.get(), bytes); }
    /// Fewest bytes that a handler is given at once, save at the end. Raises the high-water mark if need be.
    /// @throws std::logic_error after close().
    /// @see dispatch_io_set_low_water
    void set_low_water(std::size_t bytes) const { detail::backend::channel_set_low_water(object_.get(), bytes); }
    /// Calls handlers at this interval with what there is, be it nothing. Not strict: only if the low-water mark is
    /// reached. Zero for none.
    /// @throws std::invalid_argument if negative. @throws std::logic_error after close().
    /// @see dispatch_io_set_interval
    void set_interval(duration interval, bool strict = false) const {
        detail::backend::channel_set_interval(object_.get(), interval.count(), strict);
    }

    /// The descriptor that the channel was made on. @see dispatch_io_get_descriptor
    [[nodiscard]] int fd() const { return detail::backend::channel_fd(object_.get()); }

private:
    explicit io_channel(detail::ref<detail::channel_object> object) noexcept : object_{std::move(object)} {}

    detail::ref<detail::channel_object> object_;
};

/// Reads up to `length` bytes once, and gives them to `handler`: `void(const data& bytes, int error)`. Waits for the
/// first byte or the end of file, then completes as soon as the next read would block; no thread is blocked meanwhile.
/// The descriptor may be closed as soon as this has returned.
/// @throws std::invalid_argument for a negative descriptor. @throws std::system_error for one that is not open for
/// reading, or a directory.
/// `memory` as for io_channel::read(): asked once at most, within this call, for `length` bytes. @see dispatch_read
template <std::invocable<const data&, int> F>
void read_async(int fd, std::size_t length, const queue& on, F&& handler, const read_memory& memory = {}) {
    detail::backend::read_once(fd, length, detail::access::object_of(on),
                               detail::single_callback(std::forward<F>(handler)), memory);
}

/// Writes all the bytes, and gives those that could not be written to `handler`: `void(const data& rest, int error)`.
/// The descriptor may be closed as soon as this has returned.
/// @throws std::invalid_argument for a negative descriptor. @throws std::system_error for one that is not open for
/// writing, or a directory. @note Linux: SIGPIPE as for io_channel::write. @see dispatch_write
template <std::invocable<const data&, int> F>
void write_async(int fd, const data& bytes, const queue& on, F&& handler) {
    detail::backend::write_once(fd, detail::access::object_of(bytes), detail::access::object_of(on),
                                detail::single_callback(std::forward<F>(handler)));
}

} // namespace gcd::inline GCD_ABI

#endif
