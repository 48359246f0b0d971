// SPDX-License-Identifier: MIT
#ifndef GCD_CONFIG_HPP
#define GCD_CONFIG_HPP
/// @file
/// Version, choice of the engine, and the ABI tag; the only place that looks at the platform.

/// The version, "major.minor.patch". Everything else (CMake, Python) reads it from this line.
#define GCD_VERSION_STRING "0.2.0"

#if defined(__APPLE__)
#define GCD_OS_APPLE 1
#define GCD_OS_LINUX 0
#elif defined(__linux__)
#define GCD_OS_APPLE 0
#define GCD_OS_LINUX 1
#else
#error "gcd: only macOS and Linux are supported"
#endif

#if defined(GCD_BACKEND_SYSTEM) && defined(GCD_BACKEND_NATIVE)
#error "gcd: define GCD_BACKEND_SYSTEM or GCD_BACKEND_NATIVE, not both"
#elif defined(GCD_BACKEND_NATIVE) && !GCD_OS_LINUX
#error "gcd: the native engine is made of futex, epoll and other parts of Linux; build with GCD_BACKEND_SYSTEM"
#elif GCD_OS_LINUX && !defined(GCD_BACKEND_SYSTEM)
#define GCD_ENGINE native
#define GCD_ENGINE_NAME "native"
#define GCD_NATIVE 1
#else
#define GCD_ENGINE system
#define GCD_ENGINE_NAME "system"
#define GCD_NATIVE 0
#endif

#if defined(__SANITIZE_THREAD__)
#define GCD_ABI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GCD_ABI_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GCD_ABI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GCD_ABI_ASAN 1
#endif
#endif

#if defined(GCD_ABI_TSAN)
#define GCD_ABI_SANITIZER _tsan
#elif defined(GCD_ABI_ASAN)
#define GCD_ABI_SANITIZER _asan
#else
#define GCD_ABI_SANITIZER
#endif

/// 1: the native engine may take a queue that is only ever used by syncs with one atomic operation in place of two, by
/// membarrier. All parts of a program choose alike.
#if !defined(GCD_ASYMMETRIC_SYNC)
#define GCD_ASYMMETRIC_SYNC 0
#endif
#if GCD_ASYMMETRIC_SYNC && GCD_NATIVE
#define GCD_ABI_SYNC _asymmetric
#else
#define GCD_ABI_SYNC
#endif

// Objects built with another engine, another layout or under a sanitizer must not link with these: all of it is in the
// name (abi_system_1, abi_native_1_tsan, …). Raise the number whenever the layout of anything in detail changes.
#define GCD_ABI_PASTE(engine, sync, sanitizer) abi_##engine##_1##sync##sanitizer
#define GCD_ABI_NAME(engine, sync, sanitizer) GCD_ABI_PASTE(engine, sync, sanitizer)
#define GCD_ABI GCD_ABI_NAME(GCD_ENGINE, GCD_ABI_SYNC, GCD_ABI_SANITIZER)

/// Types that cross library boundaries (exceptions, what handles point to) carry this.
#define GCD_VISIBLE __attribute__((visibility("default")))
/// Functions and variables of the implementation: each shared library keeps its own.
#define GCD_HIDDEN __attribute__((visibility("hidden")))

#endif
