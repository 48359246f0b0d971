// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_SYSTEM_BACKEND_HPP
#define GCD_DETAIL_SYSTEM_BACKEND_HPP
/// @file
/// The engine `system`: libdispatch itself.

#include <gcd/detail/system/time.hpp>

#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/sync.hpp>

#include <gcd/detail/system/apply.hpp>
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/group.hpp>
#include <gcd/detail/system/io.hpp>
#include <gcd/detail/system/main.hpp>
#include <gcd/detail/system/semaphore.hpp>
#include <gcd/detail/system/source.hpp>

#endif
