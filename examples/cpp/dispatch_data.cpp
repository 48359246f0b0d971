// SPDX-License-Identifier: MIT
//
// Immutable bytes: joined and cut without copying, kept in regions.

#include <gcd/gcd.hpp>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string text(const gcd::data& data) {
    std::string all;
    for (const auto& region : data.regions())
        all.append(reinterpret_cast<const char*>(region.bytes.data()), region.bytes.size());
    return all;
}

} // namespace

int main() {
    const gcd::data hello{std::string_view{"Hello, "}};
    const gcd::data world{std::string_view{"World!"}};
    const gcd::data both = hello.concat(world);
    std::printf("joined: %s (%zu bytes)\n", text(both).c_str(), both.size());
    for (const auto& region : both.regions())
        std::printf("region at %zu: %zu bytes\n", region.offset, region.bytes.size());

    std::printf("cut: %s\n", text(both.subrange(3, 6)).c_str());
    const auto [region, offset] = both.copy_region(9);
    std::printf("byte 9 is in the region at %zu: %s\n", offset, text(region).c_str());
    std::printf("flat: %zu region, equal: %s\n", both.flattened().regions().size(),
                both.flattened() == both ? "yes" : "no");

    // A vector is taken over; foreign memory is given back by a callable, on a queue.
    const gcd::data taken{std::vector<char>{'a', 'b', 'c'}};
    std::printf("from a vector: %s\n", text(taken).c_str());

    static const char memory[] = "borrowed";
    gcd::queue releases{"com.example.releases"};
    gcd::semaphore released{0};
    {
        const gcd::data borrowed{std::as_bytes(std::span{memory, sizeof memory - 1}), releases,
                                 [&released] { released.signal(); }};
        std::printf("in use: %s\n", text(borrowed).c_str());
    }
    released.wait();
    std::puts("given back");
}
