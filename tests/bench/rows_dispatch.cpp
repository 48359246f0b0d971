// SPDX-License-Identifier: MIT
/// @file
/// The rows on libdispatch's own C functions, as one would write them by hand.

#include "event_rows.hpp"
#include "io_rows.hpp"
#include "rows.hpp"

#include <gcd/detail/system/block.hpp>
#include <gcd/detail/system/dispatch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

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

/// The context of the blocks of one channel. On the stack, so that it is never the blocks' to delete.
struct transfer {
    std::atomic<long> count{1'000'000};
    handle done{c::semaphore_create(0)};
    std::size_t total = 0;
    std::size_t left = 0;

    static void ended(transfer*, int) {}
    static void chunk(transfer* self, bool last, void* data, int) {
        if (data != nullptr) self->total += c::data_size(data);
        if (last) c::semaphore_signal(self->done.get());
    }
    static void rest(transfer* self, bool last, void* data, int) {
        if (!last) return;
        if (data != nullptr) self->total -= c::data_size(data);
        if (--self->left == 0) c::semaphore_signal(self->done.get());
    }
};

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

    template <auto Body> using block = gcd::detail::system::block<Body>;

    static std::size_t read_to_end(int fd) {
        const queue on = serial();
        transfer state;
        block<&transfer::ended> ended{&state};
        block<&transfer::chunk> chunk{&state};
        const handle channel{c::io_create(false, fd, on.get(), ended.get())};
        c::io_read(channel.get(), 0, SIZE_MAX, on.get(), chunk.get());
        c::semaphore_wait(state.done.get(), forever);
        return state.total;
    }
    static std::size_t write(int fd, const std::vector<std::byte>& bytes, std::size_t times) {
        const queue on = serial();
        transfer state;
        state.total = bytes.size() * times;
        state.left = times;
        block<&transfer::ended> ended{&state};
        block<&transfer::rest> rest{&state};
        const handle piece{c::data_create(bytes.data(), bytes.size())};
        const handle channel{c::io_create(false, fd, on.get(), ended.get())};
        for (std::size_t i = 0; i != times; ++i) c::io_write(channel.get(), 0, piece.get(), on.get(), rest.get());
        c::semaphore_wait(state.done.get(), forever);
        return state.total;
    }
};

} // namespace

int main(int argc, char** argv) {
    return bench::run(argc, argv, {bench::rows<api>::table, bench::event_rows<api>::table, bench::io_rows<api>::table});
}
