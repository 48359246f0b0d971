// SPDX-License-Identifier: MIT
/// @file
/// The rows that oneTBB can do: it has tasks, and no order between them.

#include "rows.hpp"

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <utility>

namespace {

/// All of it is one arena.
struct arena {};

struct api {
    using queue = arena;
    using group = oneapi::tbb::task_group;
    using semaphore = arena;

    static queue global() { return {}; }
    template <class F> static void async(const queue&, F&& body) { background().run(std::forward<F>(body)); }
    template <class F> static void apply(std::size_t count, F&& body) {
        oneapi::tbb::parallel_for(std::size_t{0}, count, body);
    }
    template <class F> static void group_async(const group& in, const queue&, F&& body) {
        const_cast<group&>(in).run(std::forward<F>(body));
    }
    static void group_wait(const group& in) { const_cast<group&>(in).wait(); }

private:
    /// Never waited for, as a queue isn't.
    static group& background() {
        static auto* tasks = new group;
        return *tasks;
    }
};

using rows = bench::rows<api>;

constexpr bench::row table[] = {
    {"group_async", rows::group_async},   {"apply_empty", rows::apply_empty},
    {"apply_eight", rows::apply_eight},   {"apply_microseconds", rows::apply_microseconds},
    {"global_async", rows::global_async}, {"skynet", rows::skynet},
};

} // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, {table}); }
