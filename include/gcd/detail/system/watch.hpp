// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_WATCH_HPP
#define GCD_DETAIL_SYSTEM_WATCH_HPP
/// @file
/// What a source watches, and the dispatch source that looks at it.

#include <gcd/config.hpp>
#include <gcd/detail/system/dispatch.hpp>
#include <gcd/detail/types.hpp>

#include <cstdint>

#if GCD_OS_LINUX

#include <gcd/detail/linux/watch.hpp>

namespace gcd::inline GCD_ABI::detail::system {

/// A descriptor of ours that is readable while there is something to tell.
class source_watch : public watch {
public:
    [[nodiscard]] void* make_native(const source_config&, void* queue) const {
        return dispatch::source_create_read(fd(), queue);
    }
    bool take(void*, std::uint64_t& data) noexcept { return watch::take(data); }
};

} // namespace gcd::inline GCD_ABI::detail::system

#else

#include <gcd/detail/posix/sys.hpp>
#include <gcd/detail/posix/unique_fd.hpp>
#include <gcd/error.hpp>

#include <cerrno>
#include <string>

namespace gcd::inline GCD_ABI::detail::system {

/// libdispatch's own kinds; they are registered within the activation. Descriptors are duplicated, so that the user
/// may close theirs while libdispatch still looks.
class source_watch {
public:
    /// @throws std::system_error if a descriptor is not open, or the system has no room
    void start(const source_config& config) {
        if (config.kind != source_kind::read && config.kind != source_kind::write) return;
        duplicate_ = unique_fd{sys::duplicate(config.handle)};
        if (duplicate_.get() < 0)
            throw_errno(errno, message({config.kind == source_kind::read ? "gcd::read_source" : "gcd::write_source",
                                        "::start: descriptor ", std::to_string(config.handle)}));
    }

    [[nodiscard]] void* make_native(const source_config& config, void* queue) const {
        switch (config.kind) {
        case source_kind::read: return dispatch::source_create_read(duplicate_.get(), queue);
        case source_kind::write: return dispatch::source_create_write(duplicate_.get(), queue);
        case source_kind::signal: return dispatch::source_create_signal(config.handle, queue);
        case source_kind::process: return dispatch::source_create_process(config.handle, config.mask, queue);
        case source_kind::timer: break;
        }
        return nullptr;
    }

    bool take(void* native, std::uint64_t& data) noexcept {
        data = dispatch::source_data(native);
        return true;
    }
    void stop() noexcept {}
    void close() noexcept { duplicate_ = unique_fd{}; }

private:
    unique_fd duplicate_;
};

} // namespace gcd::inline GCD_ABI::detail::system

#endif

#endif
