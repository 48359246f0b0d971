// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_DISPATCH_HPP
#define GCD_DETAIL_SYSTEM_DISPATCH_HPP
/// @file
/// libdispatch, as functions over `void*`: the only place that includes its header and names its types.
///
/// Every function that names a dispatch type is inlined and has internal linkage: under Objective-C ARC those types
/// are others than in C++, and so would the functions' mangled names be.

#include <gcd/config.hpp>

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

// g++ has neither of these, and libdispatch's headers use them unguarded.
#if !defined(__has_feature)
#define __has_feature(x) 0
#define GCD_DEFINED_HAS_FEATURE
#endif
#if !defined(__has_extension)
#define __has_extension(x) 0
#define GCD_DEFINED_HAS_EXTENSION
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#pragma GCC diagnostic ignored "-Wpedantic"
// A mark that stands where g++ doesn't take it; its notes about that can't be silenced. It is defined in a header that
// wants to be included by dispatch.h only.
#define __DISPATCH_INDIRECT__
#include <dispatch/base.h>
#include <os/generic_unix_base.h>
#undef __DISPATCH_INDIRECT__
#undef DISPATCH_LINUX_UNAVAILABLE
#define DISPATCH_LINUX_UNAVAILABLE()
#endif
#include <dispatch/dispatch.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#if defined(GCD_DEFINED_HAS_FEATURE)
#undef __has_feature
#undef GCD_DEFINED_HAS_FEATURE
#endif
#if defined(GCD_DEFINED_HAS_EXTENSION)
#undef __has_extension
#undef GCD_DEFINED_HAS_EXTENSION
#endif

#if GCD_OS_LINUX
// Exported by libdispatch on Linux, and in none of its installed headers.
extern "C" {
int _dispatch_get_main_queue_handle_4CF(void);
void _dispatch_main_queue_callback_4CF(void*);
}
#endif

#if defined(__clang__)
#define GCD_DISPATCH [[gnu::always_inline, clang::internal_linkage]] inline
#else
#define GCD_DISPATCH [[gnu::always_inline]] static inline
#endif

namespace gcd::inline GCD_ABI::detail::dispatch {

using function = void (*)(void*);

// libdispatch orders what happens before one of its calls and after another: a reference that goes and the finalizer, a
// queue specific that is set and found. It is not instrumented, so the thread sanitizer has to be told, by the state
// object that the two have in common: `orders_before` ahead of the first call, `orders_after` behind the second.
#if defined(GCD_ABI_TSAN)
extern "C" {
void __tsan_acquire(void*);
void __tsan_release(void*);
}
GCD_DISPATCH void orders_before(void* state) { __tsan_release(state); }
GCD_DISPATCH void orders_after(void* state) { __tsan_acquire(state); }
#else
GCD_DISPATCH void orders_before(void*) {}
GCD_DISPATCH void orders_after(void*) {}
#endif

/// A borrowed pointer as a dispatch type. A macro, because a template's name would hold the type.
#define GCD_AS(type, pointer) ((OS_OBJECT_BRIDGE type)(pointer))

// Objects -----------------------------------------------------------------------------------------------------------
// The parentheses step round the macros that ARC puts in place of these functions.
GCD_DISPATCH void retain(void* object) { (dispatch_retain)(GCD_AS(dispatch_object_t, object)); }
GCD_DISPATCH void release(void* object) { (dispatch_release)(GCD_AS(dispatch_object_t, object)); }
GCD_DISPATCH void suspend(void* object) { dispatch_suspend(GCD_AS(dispatch_object_t, object)); }
GCD_DISPATCH void resume(void* object) { dispatch_resume(GCD_AS(dispatch_object_t, object)); }
GCD_DISPATCH void activate(void* object) { dispatch_activate(GCD_AS(dispatch_object_t, object)); }
GCD_DISPATCH void set_target_queue(void* object, void* queue) {
    dispatch_set_target_queue(GCD_AS(dispatch_object_t, object), GCD_AS(dispatch_queue_t, queue));
}
GCD_DISPATCH void set_context(void* object, void* context) {
    dispatch_set_context(GCD_AS(dispatch_object_t, object), context);
}
GCD_DISPATCH void* get_context(void* object) { return dispatch_get_context(GCD_AS(dispatch_object_t, object)); }
GCD_DISPATCH void set_finalizer(void* object, function finalizer) {
    dispatch_set_finalizer_f(GCD_AS(dispatch_object_t, object), finalizer);
}

/// Takes over what a create function returned: under ARC it is the compiler's otherwise.
#if defined(__has_feature)
#if __has_feature(objc_arc) && OS_OBJECT_USE_OBJC
#define GCD_ADOPT(created) ((__bridge_retained void*)(created))
#endif
#endif
#if !defined(GCD_ADOPT)
#define GCD_ADOPT(created) ((void*)(created))
#endif

// Time --------------------------------------------------------------------------------------------------------------
GCD_DISPATCH std::uint64_t time(std::uint64_t when, std::int64_t delta) { return dispatch_time(when, delta); }
GCD_DISPATCH std::uint64_t walltime(const timespec* when, std::int64_t delta) { return dispatch_walltime(when, delta); }

// Queues ------------------------------------------------------------------------------------------------------------
/// `qos` 0 for none.
GCD_DISPATCH void* queue_create(const char* label, bool concurrent, unsigned qos, int relative_priority,
                                bool inactive) {
    dispatch_queue_attr_t attributes = concurrent ? DISPATCH_QUEUE_CONCURRENT : DISPATCH_QUEUE_SERIAL;
    if (qos != 0)
        attributes = dispatch_queue_attr_make_with_qos_class(attributes, static_cast<dispatch_qos_class_t>(qos),
                                                             relative_priority);
    if (inactive) attributes = dispatch_queue_attr_make_initially_inactive(attributes);
    return GCD_ADOPT(dispatch_queue_create(label, attributes));
}
/// Borrowed; by QoS class or by priority.
GCD_DISPATCH void* global_queue(std::intptr_t identifier) {
    return (OS_OBJECT_BRIDGE void*)dispatch_get_global_queue(identifier, 0);
}
GCD_DISPATCH void* main_queue() { return (OS_OBJECT_BRIDGE void*)dispatch_get_main_queue(); }
GCD_DISPATCH const char* queue_label(void* queue) { return dispatch_queue_get_label(GCD_AS(dispatch_queue_t, queue)); }
GCD_DISPATCH const char* current_label() { return dispatch_queue_get_label(DISPATCH_CURRENT_QUEUE_LABEL); }
GCD_DISPATCH unsigned queue_qos(void* queue, int* relative_priority) {
    return static_cast<unsigned>(dispatch_queue_get_qos_class(GCD_AS(dispatch_queue_t, queue), relative_priority));
}
GCD_DISPATCH void set_specific(void* queue, const void* key, void* value, function destructor) {
    dispatch_queue_set_specific(GCD_AS(dispatch_queue_t, queue), key, value, destructor);
}
GCD_DISPATCH void* get_specific(void* queue, const void* key) {
    return dispatch_queue_get_specific(GCD_AS(dispatch_queue_t, queue), key);
}
GCD_DISPATCH void* current_specific(const void* key) { return dispatch_get_specific(key); }

/// Where the state of a queue hangs: an address within libdispatch, the same for every library of the process that
/// has this layout of the state.
GCD_DISPATCH const void* state_key() { return reinterpret_cast<const char*>(DISPATCH_SOURCE_TYPE_TIMER) + 1; }

GCD_DISPATCH void async(void* queue, void* context, function run) {
    dispatch_async_f(GCD_AS(dispatch_queue_t, queue), context, run);
}
GCD_DISPATCH void barrier_async(void* queue, void* context, function run) {
    dispatch_barrier_async_f(GCD_AS(dispatch_queue_t, queue), context, run);
}
GCD_DISPATCH void sync(void* queue, void* context, function run) {
    dispatch_sync_f(GCD_AS(dispatch_queue_t, queue), context, run);
}
GCD_DISPATCH void barrier_sync(void* queue, void* context, function run) {
    dispatch_barrier_sync_f(GCD_AS(dispatch_queue_t, queue), context, run);
}
GCD_DISPATCH void after(std::uint64_t when, void* queue, void* context, function run) {
    dispatch_after_f(when, GCD_AS(dispatch_queue_t, queue), context, run);
}
GCD_DISPATCH void apply(std::size_t iterations, void* queue, void* context, void (*run)(void*, std::size_t)) {
    dispatch_apply_f(iterations, GCD_AS(dispatch_queue_t, queue), context, run);
}

#if GCD_OS_APPLE
GCD_DISPATCH void async_and_wait(void* queue, void* context, function run) {
    dispatch_async_and_wait_f(GCD_AS(dispatch_queue_t, queue), context, run);
}
/// Always inactive.
GCD_DISPATCH void* workloop_create(const char* label) { return GCD_ADOPT(dispatch_workloop_create_inactive(label)); }
GCD_DISPATCH void workloop_set_autorelease_frequency(void* workloop, unsigned frequency) {
    dispatch_workloop_set_autorelease_frequency(GCD_AS(dispatch_workloop_t, workloop),
                                                static_cast<dispatch_autorelease_frequency_t>(frequency));
}
#endif

// Groups and semaphores ---------------------------------------------------------------------------------------------
GCD_DISPATCH void* group_create() { return GCD_ADOPT(dispatch_group_create()); }
GCD_DISPATCH void group_enter(void* group) { dispatch_group_enter(GCD_AS(dispatch_group_t, group)); }
GCD_DISPATCH void group_leave(void* group) { dispatch_group_leave(GCD_AS(dispatch_group_t, group)); }
GCD_DISPATCH void group_async(void* group, void* queue, void* context, function run) {
    dispatch_group_async_f(GCD_AS(dispatch_group_t, group), GCD_AS(dispatch_queue_t, queue), context, run);
}
/// Zero if the count was zero in time.
GCD_DISPATCH std::intptr_t group_wait(void* group, std::uint64_t limit) {
    return dispatch_group_wait(GCD_AS(dispatch_group_t, group), limit);
}
GCD_DISPATCH void* semaphore_create(std::intptr_t value) { return GCD_ADOPT(dispatch_semaphore_create(value)); }
/// Zero if it was signalled in time.
GCD_DISPATCH std::intptr_t semaphore_wait(void* semaphore, std::uint64_t limit) {
    return dispatch_semaphore_wait(GCD_AS(dispatch_semaphore_t, semaphore), limit);
}
GCD_DISPATCH std::intptr_t semaphore_signal(void* semaphore) {
    return dispatch_semaphore_signal(GCD_AS(dispatch_semaphore_t, semaphore));
}

// Data and I/O ------------------------------------------------------------------------------------------------------
// The headers hide what takes blocks where the compiler has none. These are the same functions under names of our own,
// with void* for objects and blocks, so that each way to compile sees the same declarations.
#define GCD_TEXT_OF(text) #text
#define GCD_TEXT(macro) GCD_TEXT_OF(macro)
#define GCD_SYMBOL(name) __asm__(GCD_TEXT(__USER_LABEL_PREFIX__) #name) GCD_VISIBLE
extern "C" {
void* gcd_dispatch_data_create(const void*, std::size_t, void*, void*) GCD_SYMBOL(dispatch_data_create);
bool gcd_dispatch_data_apply(void*, void*) GCD_SYMBOL(dispatch_data_apply);
void* gcd_dispatch_io_create(unsigned long, int, void*, void*) GCD_SYMBOL(dispatch_io_create);
void gcd_dispatch_io_read(void*, off_t, std::size_t, void*, void*) GCD_SYMBOL(dispatch_io_read);
void gcd_dispatch_io_write(void*, off_t, void*, void*, void*) GCD_SYMBOL(dispatch_io_write);
void gcd_dispatch_read(int, std::size_t, void*, void*) GCD_SYMBOL(dispatch_read);
extern void* const gcd_dispatch_destructor_free GCD_SYMBOL(_dispatch_data_destructor_free);
extern void* const gcd_dispatch_destructor_none GCD_SYMBOL(_dispatch_data_destructor_none);
}
#undef GCD_SYMBOL
#undef GCD_TEXT
#undef GCD_TEXT_OF

GCD_DISPATCH void* empty_data() { return (OS_OBJECT_BRIDGE void*)dispatch_data_empty; }
/// Copies the bytes.
GCD_DISPATCH void* data_create(const void* bytes, std::size_t size) {
    return gcd_dispatch_data_create(bytes, size, nullptr, nullptr);
}
/// Borrows the bytes; `block` runs on the queue when they are no longer needed.
GCD_DISPATCH void* data_create(const void* bytes, std::size_t size, void* queue, void* block) {
    return gcd_dispatch_data_create(bytes, size, queue, block);
}
/// Takes the memory over, and frees it in place, without a queue.
GCD_DISPATCH void* data_create_from_malloc(const void* bytes, std::size_t size) {
    return gcd_dispatch_data_create(bytes, size, nullptr, gcd_dispatch_destructor_free);
}
/// The memory stays the caller's.
GCD_DISPATCH void* data_create_without_owner(const void* bytes, std::size_t size) {
    return gcd_dispatch_data_create(bytes, size, nullptr, gcd_dispatch_destructor_none);
}
GCD_DISPATCH std::size_t data_size(void* data) { return dispatch_data_get_size(GCD_AS(dispatch_data_t, data)); }
GCD_DISPATCH void* data_create_map(void* data) {
    return GCD_ADOPT(dispatch_data_create_map(GCD_AS(dispatch_data_t, data), nullptr, nullptr));
}
GCD_DISPATCH void* data_create_concat(void* one, void* other) {
    return GCD_ADOPT(dispatch_data_create_concat(GCD_AS(dispatch_data_t, one), GCD_AS(dispatch_data_t, other)));
}
GCD_DISPATCH void* data_create_subrange(void* data, std::size_t offset, std::size_t length) {
    return GCD_ADOPT(dispatch_data_create_subrange(GCD_AS(dispatch_data_t, data), offset, length));
}
GCD_DISPATCH void* data_copy_region(void* data, std::size_t location, std::size_t* offset) {
    return GCD_ADOPT(dispatch_data_copy_region(GCD_AS(dispatch_data_t, data), location, offset));
}
/// `block`: bool(void* region, std::size_t offset, const void* bytes, std::size_t size)
GCD_DISPATCH bool data_apply(void* data, void* block) { return gcd_dispatch_data_apply(data, block); }

/// `block`: void(int error)
GCD_DISPATCH void* io_create(bool random, int fd, void* queue, void* block) {
    return gcd_dispatch_io_create(random ? DISPATCH_IO_RANDOM : DISPATCH_IO_STREAM, fd, queue, block);
}
/// `block`: void(bool done, void* data, int error)
GCD_DISPATCH void io_read(void* channel, std::int64_t offset, std::size_t length, void* queue, void* block) {
    gcd_dispatch_io_read(channel, offset, length, queue, block);
}
/// `block` as for io_read.
GCD_DISPATCH void io_write(void* channel, std::int64_t offset, void* data, void* queue, void* block) {
    gcd_dispatch_io_write(channel, offset, data, queue, block);
}
GCD_DISPATCH void io_close(void* channel, bool stop) {
    dispatch_io_close(GCD_AS(dispatch_io_t, channel), stop ? DISPATCH_IO_STOP : 0);
}
GCD_DISPATCH void io_set_high_water(void* channel, std::size_t bytes) {
    dispatch_io_set_high_water(GCD_AS(dispatch_io_t, channel), bytes);
}
GCD_DISPATCH void io_set_low_water(void* channel, std::size_t bytes) {
    dispatch_io_set_low_water(GCD_AS(dispatch_io_t, channel), bytes);
}
GCD_DISPATCH void io_set_interval(void* channel, std::uint64_t nanoseconds, bool strict) {
    dispatch_io_set_interval(GCD_AS(dispatch_io_t, channel), nanoseconds, strict ? DISPATCH_IO_STRICT_INTERVAL : 0);
}
/// `block`: void(void* data, int error)
GCD_DISPATCH void read(int fd, std::size_t length, void* queue, void* block) {
    gcd_dispatch_read(fd, length, queue, block);
}

// Sources -----------------------------------------------------------------------------------------------------------
// Handlers get the source's context. Null from a create function: the system knows no such source.
GCD_DISPATCH void* source_create_timer(void* queue) {
    return GCD_ADOPT(dispatch_source_create(DISPATCH_SOURCE_TYPE_TIMER, 0, 0, GCD_AS(dispatch_queue_t, queue)));
}
GCD_DISPATCH void* source_create_read(int fd, void* queue) {
    return GCD_ADOPT(dispatch_source_create(DISPATCH_SOURCE_TYPE_READ, static_cast<std::uintptr_t>(fd), 0,
                                            GCD_AS(dispatch_queue_t, queue)));
}
#if GCD_OS_APPLE
GCD_DISPATCH void* source_create_write(int fd, void* queue) {
    return GCD_ADOPT(dispatch_source_create(DISPATCH_SOURCE_TYPE_WRITE, static_cast<std::uintptr_t>(fd), 0,
                                            GCD_AS(dispatch_queue_t, queue)));
}
GCD_DISPATCH void* source_create_signal(int signal, void* queue) {
    return GCD_ADOPT(dispatch_source_create(DISPATCH_SOURCE_TYPE_SIGNAL, static_cast<std::uintptr_t>(signal), 0,
                                            GCD_AS(dispatch_queue_t, queue)));
}
GCD_DISPATCH void* source_create_process(int pid, unsigned long events, void* queue) {
    return GCD_ADOPT(dispatch_source_create(DISPATCH_SOURCE_TYPE_PROC, static_cast<std::uintptr_t>(pid), events,
                                            GCD_AS(dispatch_queue_t, queue)));
}
#endif
GCD_DISPATCH void source_set_event_handler(void* source, function run) {
    dispatch_source_set_event_handler_f(GCD_AS(dispatch_source_t, source), run);
}
GCD_DISPATCH void source_set_cancel_handler(void* source, function run) {
    dispatch_source_set_cancel_handler_f(GCD_AS(dispatch_source_t, source), run);
}
GCD_DISPATCH void source_set_registration_handler(void* source, function run) {
    dispatch_source_set_registration_handler_f(GCD_AS(dispatch_source_t, source), run);
}
GCD_DISPATCH void source_set_timer(void* source, std::uint64_t start, std::uint64_t interval, std::uint64_t leeway) {
    dispatch_source_set_timer(GCD_AS(dispatch_source_t, source), start, interval, leeway);
}
GCD_DISPATCH std::uint64_t source_data(void* source) {
    return dispatch_source_get_data(GCD_AS(dispatch_source_t, source));
}
GCD_DISPATCH void source_cancel(void* source) { dispatch_source_cancel(GCD_AS(dispatch_source_t, source)); }

} // namespace gcd::inline GCD_ABI::detail::dispatch

#endif
