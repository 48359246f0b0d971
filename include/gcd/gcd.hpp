// SPDX-License-Identifier: MIT
#ifndef GCD_GCD_HPP
#define GCD_GCD_HPP
/// @file
/// Everything.

#include <gcd/apply.hpp>
#include <gcd/blocking.hpp>
#include <gcd/config.hpp>
#include <gcd/data.hpp>
#include <gcd/error.hpp>
#include <gcd/fd_source.hpp>
#include <gcd/fwd.hpp>
#include <gcd/group.hpp>
#include <gcd/io_channel.hpp>
#include <gcd/main_queue.hpp>
#include <gcd/once.hpp>
#include <gcd/pool.hpp>
#include <gcd/process_source.hpp>
#include <gcd/qos.hpp>
#include <gcd/queue.hpp>
#include <gcd/semaphore.hpp>
#include <gcd/signal_source.hpp>
#include <gcd/source.hpp>
#include <gcd/time.hpp>
#include <gcd/timer.hpp>
#include <gcd/workloop.hpp>

#endif
