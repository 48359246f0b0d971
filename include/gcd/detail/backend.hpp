// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_BACKEND_HPP
#define GCD_DETAIL_BACKEND_HPP
/// @file
/// The seam: picks the engine, and states what every engine provides.
///
/// No function traps: each does its job or throws what stands beside it. A null object is a handle that was moved
/// from: std::logic_error. A function that takes `work*` owns it from the call on, also when it throws (it is dropped
/// then). `on` queues are borrowed for the call; an engine keeps what it needs. A blocking function can be given up: it
/// asks the interruption of the innermost frame (held.hpp) at least every 50 ms while it waits, and throws interrupted.

#include <gcd/config.hpp>
#include <gcd/detail/object.hpp>
#include <gcd/detail/types.hpp>
#include <gcd/detail/work.hpp>
#include <gcd/fwd.hpp>

#if GCD_NATIVE
#include <gcd/detail/native/backend.hpp>
#else
#include <gcd/detail/system/backend.hpp>
#endif

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace gcd::inline GCD_ABI::detail {

namespace backend = GCD_ENGINE;

// Memory of work nodes: memory::allocate(size), memory::deallocate(pointer, size).
static_assert(std::is_same_v<decltype(backend::memory::allocate), void*(std::size_t)>);
static_assert(std::is_same_v<decltype(backend::memory::deallocate), void(void*, std::size_t) noexcept>);

#define GCD_SEAM(function, ...)                                                                                        \
    static_assert(requires { static_cast<std::add_pointer_t<__VA_ARGS__>>(&backend::function); })

// One count more or less of a handle; the last one retires the object: it is resumed, activated, cancelled or closed
// as its kind asks, so that what was submitted still runs, and freed when the engine is done with it.
GCD_SEAM(retain, void(queue_object*) noexcept);
GCD_SEAM(release, void(queue_object*) noexcept);
GCD_SEAM(retain, void(group_object*) noexcept);
GCD_SEAM(release, void(group_object*) noexcept);
GCD_SEAM(retain, void(semaphore_object*) noexcept);
GCD_SEAM(release, void(semaphore_object*) noexcept);
GCD_SEAM(retain, void(source_object*) noexcept);
GCD_SEAM(release, void(source_object*) noexcept);
GCD_SEAM(retain, void(data_object*) noexcept);
GCD_SEAM(release, void(data_object*) noexcept);
GCD_SEAM(retain, void(channel_object*) noexcept);
GCD_SEAM(release, void(channel_object*) noexcept);

// --- time: raw dispatch times; nanoseconds since 1970 for wall -------------------------------------------------
GCD_SEAM(time_now, std::uint64_t(gcd::clock));                  // not_supported where the clock is missing
GCD_SEAM(time_wall, std::uint64_t(std::int64_t));               // INT64_MAX is for ever
GCD_SEAM(time_add, std::uint64_t(std::uint64_t, std::int64_t)); // saturates; INT64_MAX is for ever

// --- queues -----------------------------------------------------------------------------------------------------
GCD_SEAM(queue_create, queue_object*(const queue_config&)); // invalid_argument: label, QoS, priority
GCD_SEAM(queue_global, queue_object*(gcd::qos));            // invalid_argument: unknown class
GCD_SEAM(queue_global, queue_object*(queue_priority));
GCD_SEAM(queue_main, queue_object*());
GCD_SEAM(queue_async, void(queue_object*, work*)); // logic_error: inactive workloop
GCD_SEAM(queue_barrier_async, void(queue_object*, work*));
GCD_SEAM(queue_sync, void(queue_object*, call&)); // would_deadlock; logic_error: inactive; interrupted
GCD_SEAM(queue_barrier_sync, void(queue_object*, call&));
GCD_SEAM(queue_try_sync, bool(queue_object*, call&)); // false if that would have to wait; an engine may always say so
GCD_SEAM(queue_try_barrier_sync, bool(queue_object*, call&));
GCD_SEAM(queue_after, void(queue_object*, std::uint64_t, work*)); // drops the work if the time is for ever
GCD_SEAM(queue_suspend, void(queue_object*));                     // logic_error: not an own queue
GCD_SEAM(queue_resume, void(queue_object*));                      // logic_error: not suspended
GCD_SEAM(queue_activate, void(queue_object*));                    // logic_error: not inactive
GCD_SEAM(queue_set_target, void(queue_object*, queue_object*));   // logic_error, invalid_argument: a cycle
GCD_SEAM(queue_current, queue_object*());                         // of the innermost item, borrowed; or null
GCD_SEAM(queue_current_label, std::string());
GCD_SEAM(queue_is_current, bool(queue_object*));
GCD_SEAM(queue_native, void*(queue_object*));
GCD_SEAM(queue_from_native, queue_object*(void*)); // invalid_argument: null
GCD_SEAM(queue_adopt_native, queue_object*(void*));
GCD_SEAM(workloop_create, queue_object*(std::string_view, bool, autorelease_frequency));
GCD_SEAM(workloop_set_autorelease_frequency, void(queue_object*, autorelease_frequency)); // logic_error: active

// --- main queue -------------------------------------------------------------------------------------------------
GCD_SEAM(main_run, void()); // logic_error: off the main thread, or nested
GCD_SEAM(main_stop, void());
GCD_SEAM(main_descriptor, int()); // not_supported on macOS
GCD_SEAM(main_drain, void());

// --- groups, semaphores, once, apply ----------------------------------------------------------------------------
GCD_SEAM(group_create, group_object*());
GCD_SEAM(group_async, void(group_object*, queue_object*, work*));
GCD_SEAM(group_enter, void(group_object*));
GCD_SEAM(group_leave, void(group_object*)); // logic_error: nothing entered
GCD_SEAM(group_notify, void(group_object*, queue_object*, work*));
GCD_SEAM(group_wait, bool(group_object*, std::uint64_t));         // interrupted
GCD_SEAM(semaphore_create, semaphore_object*(long));              // invalid_argument: negative
GCD_SEAM(semaphore_wait, bool(semaphore_object*, std::uint64_t)); // interrupted
GCD_SEAM(semaphore_signal, bool(semaphore_object*));              // logic_error: past the largest value
GCD_SEAM(once_run, void(backend::once_state&, call&));            // runs nothing if done; would_deadlock; interrupted
GCD_SEAM(apply, void(std::size_t, queue_object*, loop_body&));    // as queue_sync

// --- sources ----------------------------------------------------------------------------------------------------
GCD_SEAM(source_create, source_object*(const source_config&, queue_object*, std::function<void(std::uint64_t)>));
GCD_SEAM(source_set_cancel_handler, void(source_object*, std::function<void()>));
GCD_SEAM(source_set_registration_handler, void(source_object*, std::function<void()>)); // logic_error: started
GCD_SEAM(source_set_timer, void(source_object*, const timer_config&));
GCD_SEAM(source_start, void(source_object*)); // logic_error: cancelled; system_error
GCD_SEAM(source_suspend, void(source_object*));
GCD_SEAM(source_resume, void(source_object*)); // logic_error: not suspended
GCD_SEAM(source_cancel, void(source_object*));
GCD_SEAM(source_cancel_and_wait, void(source_object*)); // would_deadlock; interrupted
GCD_SEAM(source_is_cancelled, bool(source_object*));
GCD_SEAM(source_data, std::uint64_t(source_object*));
GCD_SEAM(source_handle, int(source_object*));

// --- data: never null, never empty; the empty data has no object ------------------------------------------------
GCD_SEAM(data_copy, data_object*(const void*, std::size_t));
GCD_SEAM(data_adopt,
         data_object*(const void*, std::size_t, queue_object*, work*)); // null, and the work submitted, for size 0
GCD_SEAM(data_size, std::size_t(data_object*) noexcept);
GCD_SEAM(data_concat, data_object*(data_object*, data_object*));
GCD_SEAM(data_subrange, data_object*(data_object*, std::size_t, std::size_t)); // within the size, not empty
GCD_SEAM(data_copy_region, data_object*(data_object*, std::size_t, std::size_t*));
GCD_SEAM(data_regions, std::vector<data_region>(data_object*));
GCD_SEAM(data_flatten, data_object*(data_object*));
GCD_SEAM(data_contiguous, data_region(data_object*)); // logic_error: more than one region
GCD_SEAM(data_native, void*(data_object*));           // of the empty data for null
GCD_SEAM(data_from_native, data_object*(void*));      // null for an empty one; invalid_argument: null

// --- I/O: a null queue means the channel's if `given` is false, and a moved-from handle if it is true --------------
GCD_SEAM(channel_create, channel_object*(int, channel_type, queue_object*, bool, std::function<void(int)>));
GCD_SEAM(channel_read, void(channel_object*, std::int64_t, std::size_t, queue_object*, bool, io_callback, read_memory));
GCD_SEAM(channel_write, void(channel_object*, std::int64_t, data_object*, queue_object*, bool, io_callback));
GCD_SEAM(channel_barrier, void(channel_object*, queue_object*, bool, work*));
GCD_SEAM(channel_close, void(channel_object*, bool));
GCD_SEAM(channel_is_closed, bool(channel_object*));
GCD_SEAM(channel_set_high_water, void(channel_object*, std::size_t)); // operations, setters: logic_error when closed
GCD_SEAM(channel_set_low_water, void(channel_object*, std::size_t));
GCD_SEAM(channel_set_interval, void(channel_object*, std::int64_t, bool));
GCD_SEAM(channel_fd, int(channel_object*));
GCD_SEAM(read_once, void(int, std::size_t, queue_object*, io_callback, const read_memory&));
GCD_SEAM(write_once, void(int, data_object*, queue_object*, io_callback));

// --- the pool ---------------------------------------------------------------------------------------------------
GCD_SEAM(begin_waiting_for_lock, void() noexcept); // the engine needs no replacement for this thread
GCD_SEAM(end_waiting_for_lock, void() noexcept);
GCD_SEAM(leave_carried, bool(const carried_lock*) noexcept); // true: released by the engine in time, or taken
GCD_SEAM(take_carried, bool(const carried_lock*) noexcept);  // true if this thread had kept it
GCD_SEAM(set_max_threads, void(unsigned));                   // 1 to most_threads; not_supported

#undef GCD_SEAM

} // namespace gcd::inline GCD_ABI::detail

#endif
