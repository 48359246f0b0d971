// SPDX-License-Identifier: MIT
#ifndef GCD_DETAIL_IO_ENGINE_HPP
#define GCD_DETAIL_IO_ENGINE_HPP
/// @file
/// What input and output is made of, from whichever engine it is built for.
///
/// This folder is one implementation for both engines, in the engine's own namespace. It uses the seam's functions on
/// queues, data and timers, and besides `memory`, `keep` and `let_go` of queues, `readiness` of a descriptor, and
/// `data_room`: memory that is filled part by part before the parts are given away. Channels that the engine serves
/// itself are at the end of channel.hpp.

#include <gcd/config.hpp>

#if GCD_NATIVE
#include <gcd/detail/native/data.hpp>
#include <gcd/detail/native/queue.hpp>
#include <gcd/detail/native/readiness.hpp>
#include <gcd/detail/native/source.hpp>
#else
#include <gcd/detail/system/data.hpp>
#include <gcd/detail/system/queue.hpp>
#include <gcd/detail/system/readiness.hpp>
#include <gcd/detail/system/source.hpp>
#endif

#endif
