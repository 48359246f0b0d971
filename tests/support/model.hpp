// SPDX-License-Identifier: MIT
#ifndef GCD_TESTS_MODEL_HPP
#define GCD_TESTS_MODEL_HPP
/// @file
/// What the model checks have in common: relacy behind the interfaces of the standard and of the engine's futex, and a
/// main that wants every right model to hold and every broken one to be caught.
///
/// Relacy runs the threads of a model as fibers and switches between them at every atomic operation; loads may give
/// older values where the memory model allows it. It finds data races on `plain` variables, use of freed `allocated`
/// objects, leaks, and models in which all threads sleep.

#include <gcd/detail/native/sched/ring.hpp>
#include <gcd/detail/native/sync/asymmetric.hpp>
#include <gcd/detail/native/sync/list.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <source_location>
#include <streambuf>
#include <string_view>

#include <relacy/relacy.hpp>

// Relacy takes over words that everybody needs.
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace model {

using place = std::source_location;

inline rl::debug_info info(const place& at) { return {at.function_name(), at.file_name(), at.line()}; }

inline rl::memory_order order_of(std::memory_order order) {
    static_assert(static_cast<int>(std::memory_order_seq_cst) == static_cast<int>(rl::mo_seq_cst));
    return static_cast<rl::memory_order>(order);
}

/// The check of a model: fails it.
inline void require(bool holds, const char* what, place at = place::current()) {
    if (!holds) rl::ctx().fail_test(what, rl::test_result_user_assert_failed, info(at));
}

/// std::atomic, watched.
template <class T> class atomic {
    using order = std::memory_order;

public:
    atomic() noexcept : word_{T{}} {}
    atomic(T value) noexcept : word_{value} {}
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    T load(order by = order::seq_cst, place at = place::current()) const noexcept {
        return word_.load(order_of(by), info(at));
    }
    void store(T value, order by = order::seq_cst, place at = place::current()) noexcept {
        word_.store(value, order_of(by), info(at));
    }
    T exchange(T value, order by = order::seq_cst, place at = place::current()) noexcept {
        return word_.exchange(value, order_of(by), info(at));
    }
    T fetch_add(T value, order by = order::seq_cst, place at = place::current()) noexcept {
        return word_.fetch_add(value, order_of(by), info(at));
    }
    T fetch_sub(T value, order by = order::seq_cst, place at = place::current()) noexcept {
        return word_.fetch_sub(value, order_of(by), info(at));
    }
    T fetch_and(T value, order by = order::seq_cst, place at = place::current()) noexcept {
        return word_.fetch_and(value, order_of(by), info(at));
    }
    T fetch_or(T value, order by = order::seq_cst, place at = place::current()) noexcept {
        return word_.fetch_or(value, order_of(by), info(at));
    }
    bool compare_exchange_weak(T& expected, T value, order by, order failed, place at = place::current()) noexcept {
        return word_.compare_exchange_weak(expected, value, order_of(by), info(at), order_of(failed), info(at));
    }
    bool compare_exchange_weak(T& expected, T value, order by, place at = place::current()) noexcept {
        return compare_exchange_weak(expected, value, by, on_failure(by), at);
    }
    bool compare_exchange_strong(T& expected, T value, order by, order failed, place at = place::current()) noexcept {
        return word_.compare_exchange_strong(expected, value, order_of(by), info(at), order_of(failed), info(at));
    }
    bool compare_exchange_strong(T& expected, T value, order by, place at = place::current()) noexcept {
        return compare_exchange_strong(expected, value, by, on_failure(by), at);
    }

    /// What is really there now, as the kernel sees it; orders nothing.
    [[nodiscard]] T latest() const { return word_.debug_value(); }

private:
    static constexpr order on_failure(order by) noexcept {
        if (by == order::acq_rel) return order::acquire;
        return by == order::release ? order::relaxed : by;
    }

    rl::atomic<T> word_;
};

/// A variable that no two threads may use at once, one of them writing, without anything that orders them.
template <class T> class plain {
public:
    plain(T value = T{}) : value_{value} {}
    plain(const plain&) = delete;
    T get(place at = place::current()) const { return value_(info(at)).load(); }
    void set(T value, place at = place::current()) { value_(info(at)).store(value); }
    void add(T more, place at = place::current()) { set(static_cast<T>(get(at) + more), at); }

private:
    rl::var<T> value_;
};

/// Base of what is made with new: its use after its end is found, and so is a leak.
struct allocated {
    static void* operator new(std::size_t size) { return rl::rl_malloc(size, info(place::current())); }
    static void operator delete(void* ended, std::size_t size) {
        // Not left to the destructors, whose last stores compilers take out.
        std::memset(ended, 0, size);
        rl::rl_free(ended, info(place::current()));
    }
};

class lock {
public:
    void lock_at(place at) { mutex_.lock(info(at)); }
    void unlock_at(place at) { mutex_.unlock(info(at)); }

private:
    rl::mutex mutex_;
};

/// std::lock_guard that tells the history where it stands.
class guard {
public:
    explicit guard(lock& held, place at = place::current()) : held_{held}, at_{at} { held_.lock_at(at_); }
    guard(const guard&) = delete;
    ~guard() { held_.unlock_at(at_); }

private:
    lock& held_;
    place at_;
};

// --- futex ----------------------------------------------------------------------------------------------------------

inline constexpr int most_threads = 8;
/// What each thread sleeps on. Addresses only: a word may be gone when it is woken.
inline const void* asleep_on[most_threads] = {};

/// Sleeps if `still` holds for what the word has now. May end for no reason; false if it ended with the time.
template <class T, class Still> bool sleep_if(const atomic<T>& word, Still still, bool timed,
                                              place at = place::current()) {
    rl::context& on = rl::ctx();
    on.sched();
    if (!still(word.latest())) return true;
    const auto self = on.current_thread();
    asleep_on[self] = &word;
    const rl::unpark_reason why = on.park_current_thread(timed, true, false, info(at));
    asleep_on[self] = nullptr;
    return why != rl::unpark_reason_timeout;
}

template <class T> bool futex_wait(const atomic<T>& word, T expected, bool timed = false, place at = place::current()) {
    return sleep_if(word, [expected](T now) { return now == expected; }, timed, at);
}

inline void futex_wake(const void* word, int count = 1, place at = place::current()) {
    rl::context& on = rl::ctx();
    on.sched();
    const auto threads = static_cast<int>(on.get_thread_count());
    const auto first = static_cast<int>(rl::rand(static_cast<unsigned>(threads)));
    for (int i = 0; i < threads && count > 0; ++i) {
        const int each = (first + i) % threads;
        if (asleep_on[each] != word) continue;
        asleep_on[each] = nullptr;
        on.unpark_thread(each, false, info(at));
        --count;
    }
}

/// For basic_list: somebody else is to make the link.
struct link_wait {
    void once() { rl::yield(1, info(place::current())); }
};

template <class Node> using list = gcd::detail::native::basic_list<Node, atomic, link_wait>;

// --- running --------------------------------------------------------------------------------------------------------

/// Takes a history. Fixed, as relacy mixes up what is allocated inside and outside of its runs.
class history : public std::streambuf {
public:
    history() { setp(text, text + sizeof(text)); }
    /// Once, in the order of time; relacy tells it again by threads.
    void print() const {
        const std::string_view all{pbase(), static_cast<std::size_t>(pptr() - pbase())};
        std::cout << all.substr(0, all.find("\nthread 0:")) << std::endl;
    }

private:
    static inline char text[std::size_t{1} << 20U];
};

/// Runs models, and tells whether all went as it should.
class suite {
public:
    template <class Test> void holds(const char* name, unsigned iterations) { run<Test>(name, iterations, true); }
    /// A negative control. With GCD_MODEL_HISTORY in the environment it tells how it failed.
    template <class Test> void catches(const char* name, unsigned iterations) { run<Test>(name, iterations, false); }
    [[nodiscard]] int result() const { return failed_ ? 1 : 0; }

private:
    template <class Test> void run(const char* name, unsigned iterations, bool is_right) {
        using clock = std::chrono::steady_clock;
        history text;
        std::ostream out{&text};
        for (const void*& each : asleep_on) each = nullptr;
        rl::test_params params;
        params.iteration_count = iterations;
        params.output_stream = &out;
        params.progress_stream = &out;
        params.execution_depth_limit = 4'000;
        const clock::time_point begun = clock::now();
        const bool success = rl::simulate<Test>(params);
        const std::chrono::duration<double> taken = clock::now() - begun;
        const char* how = is_right ? success ? "holds" : "FAILS" : success ? "NOT CAUGHT" : "caught";
        std::printf("%-10s %-70s %8llu rounds %6.2f s  %s\n", how, name,
                    static_cast<unsigned long long>(params.stop_iteration), taken.count(),
                    rl::test_result_str(params.test_result));
        if (!success && (is_right || std::getenv("GCD_MODEL_HISTORY") != nullptr)) text.print();
        std::fflush(stdout);
        failed_ = failed_ || success != is_right;
    }

    bool failed_ = false;
};

} // namespace model

#endif
