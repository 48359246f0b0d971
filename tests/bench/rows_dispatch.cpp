// SPDX-License-Identifier: MIT
/// @file
/// The rows on libdispatch's own C functions, as one would write them by hand.

#include "event_rows.hpp"
#include "rows.hpp"

#include <gcd/detail/system/dispatch.hpp>

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace {

namespace c = gcd::detail::dispatch;

constexpr std::uint64_t forever = ~std::uint64_t{0};

/// Owns one reference.
class handle {
public:
    explicit handle(void* object) : object_{object} {}
    handle(handle&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
    handle& operator=(handle&&) = delete;
    ~handle() {
        if (object_ != nullptr) c::release(object_);
    }
    void* get() const { return object_; }

private:
    void* object_;
};

template <class F> void* boxed(F&& body) { return new std::decay_t<F>(std::forward<F>(body)); }

template <class F> void run_boxed(void* context) {
    auto* body = static_cast<F*>(context);
    (*body)();
    delete body;
}

template <class F> void run_borrowed(void* context) { (*static_cast<F*>(context))(); }

struct api {
    using queue = handle;
    struct group : handle {
        group() : handle{c::group_create()} {}
    };
    struct semaphore : handle {
        explicit semaphore(long value) : handle{c::semaphore_create(value)} {}
    };

    static queue serial(const queue* target = nullptr) {
        queue made{c::queue_create("bench", false, 0, 0, false)};
        if (target != nullptr) c::set_target_queue(made.get(), target->get());
        return made;
    }
    static queue concurrent() { return queue{c::queue_create("bench", true, 0, 0, false)}; }
    static queue global() { return queue{c::global_queue(0)}; }

    template <class F> static void async(const queue& on, F&& body) {
        c::async(on.get(), boxed(std::forward<F>(body)), &run_boxed<std::decay_t<F>>);
    }
    template <class F> static void barrier_async(const queue& on, F&& body) {
        c::barrier_async(on.get(), boxed(std::forward<F>(body)), &run_boxed<std::decay_t<F>>);
    }
    template <class F> static void sync(const queue& on, F&& body) {
        c::sync(on.get(), &body, &run_borrowed<std::remove_reference_t<F>>);
    }
    template <class F> static void barrier_sync(const queue& on, F&& body) {
        c::barrier_sync(on.get(), &body, &run_borrowed<std::remove_reference_t<F>>);
    }
    template <class F> static void apply(std::size_t count, F&& body) {
        c::apply(count, c::global_queue(0), &body,
                 [](void* context, std::size_t index) { (*static_cast<std::remove_reference_t<F>*>(context))(index); });
    }
    template <class F> static void group_async(const group& in, const queue& on, F&& body) {
        c::group_async(in.get(), on.get(), boxed(std::forward<F>(body)), &run_boxed<std::decay_t<F>>);
    }
    static void group_enter(const group& in) { c::group_enter(in.get()); }
    static void group_leave(const group& in) { c::group_leave(in.get()); }
    static void group_wait(const group& in) { c::group_wait(in.get(), forever); }
    static void semaphore_wait(const semaphore& on) { c::semaphore_wait(on.get(), forever); }
    static void semaphore_signal(const semaphore& on) { c::semaphore_signal(on.get()); }

    template <class F> static handle source(void* made, F&& body) {
        c::set_context(made, boxed(std::forward<F>(body)));
        c::set_finalizer(made, [](void* context) { delete static_cast<std::decay_t<F>*>(context); });
        c::source_set_event_handler(made, &run_borrowed<std::decay_t<F>>);
        return handle{made};
    }
    template <class F> static handle timer(const queue& on, std::chrono::nanoseconds delay, F&& body) {
        handle made = source(c::source_create_timer(on.get()), std::forward<F>(body));
        c::source_set_timer(made.get(), c::time(0, delay.count()), forever, 0);
        c::activate(made.get());
        return made;
    }
    template <class F> static handle reader(const queue& on, int fd, F&& body) {
        handle made = source(c::source_create_read(fd, on.get()), std::forward<F>(body));
        c::activate(made.get());
        return made;
    }
    static void cancel(const handle& source) { c::source_cancel(source.get()); }
    template <class F> static void after(const queue& on, std::chrono::steady_clock::time_point due, F&& body) {
        const std::chrono::nanoseconds delay = due - std::chrono::steady_clock::now();
        c::after(c::time(0, delay.count()), on.get(), boxed(std::forward<F>(body)), &run_boxed<std::decay_t<F>>);
    }
};

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, {bench::rows<api>::table, bench::event_rows<api>::table});
}
