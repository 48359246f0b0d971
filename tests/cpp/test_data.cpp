// SPDX-License-Identifier: MIT
/// @file
/// gcd::data: regions, sharing, and who gives adopted bytes back.

#include <gcd/data.hpp>

#include "await.hpp"
#include "catch.hpp"

#include <gcd/workloop.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using gcd::data;

namespace {

std::string text(const data& bytes) {
    std::string all;
    for (const data::region& piece : bytes.regions())
        all.append(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
    return all;
}

std::span<const std::byte> view(std::string_view bytes) { return std::as_bytes(std::span{bytes.data(), bytes.size()}); }

} // namespace

TEST_CASE("empty data is an ordinary value", "[data]") {
    const data none;
    CHECK(none.size() == 0);
    CHECK(none.empty());
    CHECK(none.regions().empty());
    CHECK(none.bytes().empty());
    CHECK(none.to_vector().empty());
    CHECK(none.flattened().empty());
    CHECK(none.retain().empty());
    CHECK(none.subrange(0, 10).empty());
    CHECK(none.copy_region(0).first.empty());
    CHECK(none.copy_region(0).second == 0);
    CHECK(none.concat(none).empty());
    CHECK(text(none.concat(data{"abc"})) == "abc");
    CHECK(text(data{"abc"}.concat(none)) == "abc");
    CHECK(none == data{""});
    CHECK(data{std::vector<int>{}} == none);
    CHECK_FALSE(none == data{"a"});
}

TEST_CASE("data is equal to the same bytes, however either is divided", "[data]") {
    const std::string bytes = "0123456789";
    const auto divided = [](std::string_view all, std::size_t each) {
        data made;
        for (; !all.empty(); all.remove_prefix(std::min(each, all.size())))
            made = made.concat(data{all.substr(0, each)});
        return made;
    };
    for (std::size_t left = 1; left <= bytes.size(); ++left) {
        for (std::size_t right = 1; right <= bytes.size(); ++right) {
            CAPTURE(left, right);
            CHECK(divided(bytes, left) == divided(bytes, right));
            for (std::size_t at = 0; at != bytes.size(); ++at) {
                std::string other = bytes;
                other[at] = 'x';
                CHECK_FALSE(divided(bytes, left) == divided(other, right));
            }
        }
    }
    CHECK_FALSE(divided(bytes, 3) == divided("012345678", 3));
}

TEST_CASE("data copies what it is made from", "[data]") {
    std::string source = "The quick brown fox";
    const data copy{source};
    source.assign(source.size(), '-');
    CHECK(copy.size() == 19);
    CHECK(text(copy) == "The quick brown fox");
    CHECK(copy.regions().size() == 1);
}

TEST_CASE("data takes a vector over without a copy", "[data]") {
    std::vector<std::uint16_t> numbers{1, 2, 3};
    const void* place = numbers.data();
    const data taken{std::move(numbers)};
    CHECK(taken.size() == 6);
    CHECK(taken.bytes().data() == place);
}

TEST_CASE("concat shares the regions of both", "[data]") {
    const data hello{"Hello, "};
    const data world{"World!"};
    const data both = hello.concat(world);
    CHECK(text(both) == "Hello, World!");
    CHECK(text(hello) == "Hello, ");
    const auto regions = both.regions();
    REQUIRE(regions.size() == 2);
    CHECK(regions[0].offset == 0);
    CHECK(regions[1].offset == 7);
    CHECK(regions[0].bytes.data() == hello.bytes().data());
    CHECK(regions[1].bytes.data() == world.bytes().data());
}

TEST_CASE("subrange is cut to what there is", "[data]") {
    const data fox{"The quick brown fox"};
    CHECK(text(fox.subrange(4, 5)) == "quick");
    CHECK(text(fox.subrange(16, 100)) == "fox");
    CHECK(text(fox.subrange(0, SIZE_MAX)) == "The quick brown fox");
    CHECK(fox.subrange(19, 1).empty());
    CHECK(fox.subrange(SIZE_MAX, SIZE_MAX).empty());
    CHECK(fox.subrange(3, 0).empty());
    CHECK(fox.subrange(4, 5).bytes().data() == fox.bytes().data() + 4);
}

TEST_CASE("copy_region gives the region around a byte and where it begins", "[data]") {
    const data three = data{"aaa"}.concat(data{"bb"}).concat(data{"cccc"});
    for (const auto& [location, bytes, begin] :
         {std::tuple{0, "aaa", 0}, {2, "aaa", 0}, {3, "bb", 3}, {4, "bb", 3}, {5, "cccc", 5}, {8, "cccc", 5}}) {
        const auto [region, offset] = three.copy_region(static_cast<std::size_t>(location));
        CHECK(text(region) == bytes);
        CHECK(offset == static_cast<std::size_t>(begin));
    }
    const auto [nothing, end] = three.copy_region(9);
    CHECK(nothing.empty());
    CHECK(end == 9);
}

TEST_CASE("flattened has the same bytes in one region", "[data]") {
    const data parts = data{"ab"}.concat(data{"cd"});
    CHECK_THROWS_AS(parts.bytes(), std::logic_error);
    const data flat = parts.flattened();
    CHECK(flat.regions().size() == 1);
    CHECK(flat.bytes().size() == 4);
    CHECK(text(flat) == "abcd");
    const data whole{"abcd"};
    CHECK(whole.flattened().bytes().data() == whole.bytes().data());
}

TEST_CASE("equality looks at the bytes, not at their division", "[data]") {
    CHECK(data{"abcd"} == data{"ab"}.concat(data{"cd"}));
    CHECK(data{"a"}.concat(data{"bcd"}) == data{"abc"}.concat(data{"d"}));
    CHECK_FALSE(data{"abcd"} == data{"abce"});
    CHECK_FALSE(data{"abcd"} == data{"abc"});
}

TEST_CASE("data agrees with a string through any operations", "[data]") {
    std::mt19937 random{7};
    std::vector<std::pair<data, std::string>> known;
    known.emplace_back(data{"0123456789"}, "0123456789");
    known.emplace_back(data{}, "");
    for (int round = 0; round != 500; ++round) {
        const auto& [one, first] = known[random() % known.size()];
        const auto& [other, second] = known[random() % known.size()];
        if (random() % 2 == 0 && first.size() + second.size() < 4000) {
            std::string expected = first + second;
            known.emplace_back(one.concat(other), std::move(expected));
        } else {
            const std::size_t offset = random() % (first.size() + 2);
            const std::size_t length = random() % (first.size() + 2);
            std::string expected = offset < first.size() ? first.substr(offset, length) : "";
            known.emplace_back(one.subrange(offset, length), std::move(expected));
        }
    }
    for (const auto& [bytes, expected] : known) {
        REQUIRE(bytes.size() == expected.size());
        REQUIRE(text(bytes) == expected);
        REQUIRE(bytes == data{expected});
        REQUIRE(text(bytes.flattened()) == expected);
        std::size_t location = 0;
        while (location < expected.size()) {
            const auto [region, offset] = bytes.copy_region(location);
            REQUIRE(offset == location);
            REQUIRE(text(region) == expected.substr(location, region.size()));
            location += region.size();
        }
    }
}

TEST_CASE("release runs on its queue, never on the thread that drops the last reference", "[data]") {
    const std::string_view bytes = "borrowed";
    const gcd::queue queue{"release"};
    gcd_test::signal released;
    std::atomic<bool> on_queue = false;
    std::atomic<int> calls = 0;
    std::thread::id where;
    queue.suspend();
    {
        const data lent{view(bytes), queue, [&] {
                            where = std::this_thread::get_id();
                            on_queue = queue.is_current();
                            ++calls;
                            released.set();
                        }};
        CHECK(lent.bytes().data() == static_cast<const void*>(bytes.data()));
    }
    CHECK(calls == 0);
    queue.resume();
    REQUIRE(released.wait());
    queue.run_sync([] {});
    CHECK(calls == 1);
    CHECK(on_queue);
    CHECK(where != std::this_thread::get_id());
}

TEST_CASE("a part keeps the bytes of the whole", "[data]") {
    const gcd::queue queue{"release"};
    gcd_test::signal released;
    data part;
    {
        const data lent{view("borrowed bytes"), queue, [&] { released.set(); }};
        part = lent.concat(data{"!"}).subrange(9, 6);
    }
    queue.run_sync([] {});
    CHECK_FALSE(released.is_set());
    CHECK(text(part) == "bytes!");
    part = data{};
    CHECK(released.wait());
}

TEST_CASE("the release of no bytes is submitted at once", "[data]") {
    const gcd::queue queue{"release"};
    gcd_test::signal released;
    queue.suspend();
    const data nothing{view(""), queue, [&] { released.set(); }};
    CHECK(nothing.empty());
    CHECK_FALSE(released.is_set());
    queue.resume();
    CHECK(released.wait());
}

TEST_CASE("what a release holds ends with it", "[data]") {
    const gcd::queue queue{"release"};
    auto held = std::make_unique<int>(1);
    const auto alive = std::make_shared<int>(2);
    const std::weak_ptr<int> watch = alive;
    gcd_test::signal released;
    {
        const data lent{view("x"), queue,
                        [&released, held = std::move(held), alive = watch.lock()] { released.set(); }};
        CHECK(watch.use_count() == 2);
    }
    REQUIRE(released.wait());
    queue.run_sync([] {});
    CHECK(watch.use_count() == 1);
}

TEST_CASE("a release that can't be taken is refused at once", "[data]") {
    const auto alive = std::make_shared<int>(1);
    gcd::queue queue{"moved"};
    const gcd::queue taken = std::move(queue);
    CHECK_THROWS_AS((data{view("x"), queue, [alive] {}}), std::logic_error);
    CHECK_THROWS_AS((data{view(""), queue, [alive] {}}), std::logic_error);
    CHECK_THROWS_AS((data{view("x"), taken, std::function<void()>{}}), std::invalid_argument);
    const gcd::workloop inactive{"inactive", {.inactive = true}};
    CHECK_THROWS_AS((data{view("x"), inactive, [alive] {}}), std::logic_error);
    CHECK(alive.use_count() == 1);
}

TEST_CASE("data outlives what it was made from, in whatever order they end", "[data]") {
    std::vector<data> parts;
    {
        const data whole = data{"abc"}.concat(data{"defg"}).concat(data{"h"});
        parts.push_back(whole.subrange(1, 4));
        parts.push_back(parts[0].concat(whole));
        parts.push_back(whole.copy_region(4).first);
    }
    CHECK(text(parts[1]) == "bcdeabcdefgh");
    parts.erase(parts.begin() + 1);
    CHECK(text(parts[0]) == "bcde");
    parts.erase(parts.begin());
    CHECK(text(parts[0]) == "defg");
}

TEST_CASE("data is shared by threads", "[data]") {
    const gcd::queue queue{"release"};
    gcd_test::signal released;
    const std::string bytes(10'000, 'x');
    {
        const data lent{view(bytes), queue, [&] { released.set(); }};
        const data whole = lent.concat(data{"y"});
        std::vector<std::thread> threads;
        std::atomic<int> right = 0;
        for (int i = 0; i != 4; ++i)
            threads.emplace_back([&whole, &right, mine = whole.retain()] {
                for (std::size_t at = 0; at != 2'000; ++at)
                    if (text(whole.subrange(9'990, 20).concat(mine.subrange(at, 1))) == "xxxxxxxxxxyx") ++right;
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(right == 8'000);
    }
    CHECK(released.wait());
}

TEST_CASE("pieces are put together one by one", "[data]") {
    constexpr int count = 20'000;
    data whole;
    for (int i = 0; i != count; ++i) whole = whole.concat(data{std::string_view{i % 2 == 0 ? "a" : "b"}});
    REQUIRE(whole.size() == count);
    CHECK(whole.regions().size() == count);
    const std::string bytes = text(whole);
    for (int i = 0; i != count; ++i)
        if (bytes[static_cast<std::size_t>(i)] != (i % 2 == 0 ? 'a' : 'b')) FAIL_CHECK(i);
    CHECK(text(whole.subrange(count - 3, 3)) == "bab");
}

TEST_CASE("what goes on from the same data goes on by itself", "[data]") {
    data base;
    std::string expected;
    for (int i = 0; i != 40; ++i) {
        base = base.concat(data{std::string_view{"."}});
        expected += '.';
    }
    const data one = base.concat(data{std::string_view{"one"}});
    data other = base.concat(data{std::string_view{"other"}});
    const data twice = base.concat(base);
    const data more = one.concat(data{std::string_view{"!"}});
    CHECK(text(one) == expected + "one");
    CHECK(text(other) == expected + "other");
    CHECK(text(twice) == expected + expected);
    CHECK(text(more) == expected + "one!");
    other = other.concat(other);
    CHECK(text(other) == expected + "other" + expected + "other");
    CHECK(text(base) == expected);
}

TEST_CASE("lent bytes at the end of many pieces are given back with the last data that has them", "[data]") {
    const gcd::queue queue{"release"};
    data base;
    for (int i = 0; i != 40; ++i) base = base.concat(data{std::string_view{"."}});
    for (const bool shorter_first : {false, true}) {
        gcd_test::signal first;
        gcd_test::signal second;
        data shorter = base.concat(data{view("first"), queue, [&] { first.set(); }});
        data longer = shorter.concat(data{view("second"), queue, [&] { second.set(); }});
        (shorter_first ? shorter : longer) = data{};
        if (shorter_first) {
            queue.run_sync([] {});
            CHECK_FALSE(first.is_set());
            CHECK(text(longer).substr(40) == "firstsecond");
            longer = data{};
            CHECK(first.wait());
            CHECK(second.wait());
        } else {
            CHECK(second.wait());
            queue.run_sync([] {});
            CHECK_FALSE(first.is_set());
            shorter = data{};
            CHECK(first.wait());
        }
        CHECK(text(base).size() == 40);
    }
}

TEST_CASE("threads go on from the same data", "[data]") {
    data base;
    for (int i = 0; i != 40; ++i) base = base.concat(data{std::string_view{"."}});
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i)
        threads.emplace_back([&, mark = std::string(1, static_cast<char>('a' + i))] {
            for (int round = 0; round != 500; ++round) {
                data mine = base.retain();
                std::string expected(40, '.');
                for (int piece = 0; piece != 10; ++piece) {
                    mine = mine.concat(data{std::string_view{mark}});
                    expected += mark;
                }
                if (text(mine) == expected) ++right;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(right == 2'000);
    CHECK(text(base) == std::string(40, '.'));
}
