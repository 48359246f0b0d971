// SPDX-License-Identifier: MIT
//
// apply is a parallel for loop: it returns when every iteration has run. It nests, and brings exceptions back.

#include <gcd/gcd.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <vector>

int main() {
    // Every iteration writes its own element, so there is nothing to lock.
    std::vector<std::size_t> squares(10);
    gcd::apply(squares.size(), [&squares](std::size_t i) { squares[i] = i * i; });
    std::printf("squares:");
    for (std::size_t square : squares) std::printf(" %zu", square);
    std::puts("");

    std::array<std::array<std::size_t, 4>, 3> table{};
    gcd::apply(table.size(), [&table](std::size_t row) {
        gcd::apply(table[row].size(), [&](std::size_t column) { table[row][column] = (row + 1) * (column + 1); });
    });
    std::printf("bottom right of the table: %zu\n", table[2][3]);

    // On a serial queue the iterations come in order.
    std::vector<std::size_t> order;
    gcd::apply(5, gcd::queue{"com.example.order"}, [&order](std::size_t i) { order.push_back(i); });
    std::printf("in order: %s\n", order == std::vector<std::size_t>{0, 1, 2, 3, 4} ? "yes" : "no");

    try {
        gcd::apply(100, [](std::size_t i) {
            if (i == 7) throw std::runtime_error("item 7 is broken");
        });
    } catch (const std::runtime_error& error) {
        std::printf("caught: %s\n", error.what());
    }
}
