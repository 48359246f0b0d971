// SPDX-License-Identifier: MIT
#include <gcd/gcd.hpp>

int part_cpp(const gcd::queue& work);
int part_cpp_noblocks(const gcd::queue& work);
int part_mm(const gcd::queue& work);
int part_mm_noblocks(const gcd::queue& work);
int part_arc(const gcd::queue& work);
int part_arc_noblocks(const gcd::queue& work);

int main() {
    const gcd::queue work{"apple.main"};
    const int sum = part_cpp(work) + part_cpp_noblocks(work) + part_mm(work) + part_mm_noblocks(work) + part_arc(work) +
                    part_arc_noblocks(work);
    return sum == 12 ? 0 : 1;
}
