// SPDX-License-Identifier: MIT
/// @file
/// The heap of deadlines, and the arithmetic of timers.

#include <gcd/detail/native/event/deadlines.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

using namespace gcd::detail::native;

namespace {

std::int64_t latest_of(const std::vector<deadline_entry>& entries) {
    std::int64_t earliest = end_of_time;
    for (const deadline_entry& entry : entries)
        if (entry.is_waiting()) earliest = std::min(earliest, entry.latest);
    return earliest;
}

} // namespace

TEST_CASE("deadlines come out in the order of their targets", "[deadlines]") {
    std::vector<deadline_entry> entries(1'000);
    deadlines all;
    all.reserve(entries.size());
    std::mt19937 random{1};
    for (deadline_entry& entry : entries) {
        entry.target = static_cast<std::int64_t>(random() % 500);
        entry.latest = entry.target;
        all.insert(&entry);
    }
    std::int64_t before = 0;
    std::size_t count = 0;
    while (deadline_entry* due = all.take_due(250)) {
        CHECK(due->target >= before);
        CHECK_FALSE(due->is_waiting());
        before = due->target;
        ++count;
    }
    CHECK(before == 250);
    CHECK(count == static_cast<std::size_t>(
                       std::count_if(entries.begin(), entries.end(), [](const auto& e) { return e.target <= 250; })));
    CHECK(all.next_wake() > 250);
}

TEST_CASE("any deadline can be taken out, and both orders stay right", "[deadlines]") {
    std::vector<deadline_entry> entries(300);
    deadlines all;
    all.reserve(entries.size());
    std::mt19937 random{2};
    for (int round = 0; round < 20'000; ++round) {
        deadline_entry& entry = entries[random() % entries.size()];
        if (entry.is_waiting()) {
            all.remove(&entry);
        } else {
            entry.target = static_cast<std::int64_t>(random() % 1'000);
            entry.latest = entry.target + static_cast<std::int64_t>(random() % 100);
            all.insert(&entry);
        }
        REQUIRE(all.next_wake() == latest_of(entries));
    }
    std::int64_t before = 0;
    while (deadline_entry* due = all.take_due(end_of_time - 1)) {
        REQUIRE(due->target >= before);
        before = due->target;
    }
    CHECK(all.empty());
    CHECK(all.next_wake() == end_of_time);
}

TEST_CASE("leeway lets overlapping deadlines share one waking", "[deadlines]") {
    deadline_entry entries[3] = {
        {.target = 100, .latest = 200}, {.target = 150, .latest = 250}, {.target = 201, .latest = 300}};
    deadlines all;
    all.reserve(3);
    for (deadline_entry& entry : entries) all.insert(&entry);
    CHECK(all.next_wake() == 200);
    CHECK(all.take_due(200) == &entries[0]);
    CHECK(all.take_due(200) == &entries[1]);
    CHECK(all.take_due(200) == nullptr);
    CHECK(all.next_wake() == 300);
}

TEST_CASE("a timer tells what it has missed, and doesn't drift", "[deadlines]") {
    SECTION("on time") {
        const elapsed_intervals elapsed{1'000, 10, 1'000};
        CHECK(elapsed.count == 1);
        CHECK(elapsed.next == 1'010);
    }
    SECTION("late by less than an interval") {
        const elapsed_intervals elapsed{1'000, 10, 1'009};
        CHECK(elapsed.count == 1);
        CHECK(elapsed.next == 1'010);
    }
    SECTION("late by several") {
        const elapsed_intervals elapsed{1'000, 10, 1'035};
        CHECK(elapsed.count == 4);
        CHECK(elapsed.next == 1'040);
    }
    SECTION("a clock that was set back meanwhile") {
        const elapsed_intervals elapsed{1'000, 10, 400};
        CHECK(elapsed.count == 1);
        CHECK(elapsed.next == 1'010);
    }
    SECTION("once") {
        const elapsed_intervals elapsed{1'000, end_of_time, 5'000};
        CHECK(elapsed.count == 1);
        CHECK(elapsed.next == end_of_time);
    }
    SECTION("an interval of a nanosecond for a century") {
        const std::int64_t century = std::int64_t{100} * 365 * 86'400 * 1'000'000'000;
        const elapsed_intervals elapsed{0, 1, century};
        CHECK(elapsed.count == static_cast<std::uint64_t>(century) + 1);
        CHECK(elapsed.next == century + 1);
    }
    SECTION("beyond the end of time") {
        const elapsed_intervals elapsed{end_of_time - 10, end_of_time - 1, end_of_time - 5};
        CHECK(elapsed.count == 1);
        CHECK(elapsed.next == end_of_time);
    }
    CHECK(saturated_sum(end_of_time - 1, 5) == end_of_time);
    CHECK(saturated_sum(-5, 3) == -2);
}
