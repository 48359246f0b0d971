// SPDX-License-Identifier: MIT
#include <gcd/detail/native/sched/width.hpp>

#include "catch.hpp"
#include "temp.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace native = gcd::detail::native;

namespace {

/// A tree of control groups as files.
class groups {
public:
    explicit groups(const std::string& membership) { write("self", membership); }

    void write(const std::string& path, const std::string& text) {
        const std::filesystem::path file = root_.path() + "/" + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file} << text << "\n";
    }
    unsigned quota() const {
        return native::quota_of_groups((root_.path() + "/system").c_str(), (root_.path() + "/self").c_str());
    }

private:
    gcd_test::temp_dir root_;
};

} // namespace

TEST_CASE("a quota is whole processors, rounded up", "[native][width]") {
    CHECK(native::processors_of(200'000, 100'000) == 2);
    CHECK(native::processors_of(150'000, 100'000) == 2);
    CHECK(native::processors_of(1'000, 100'000) == 1);
    CHECK(native::processors_of(-1, 100'000) == 0);
    CHECK(native::processors_of(0, 0) == 0);
}

TEST_CASE("the least quota on the way to the root of a version 2 hierarchy counts", "[native][width]") {
    groups tree{"0::/outer/inner"};
    CHECK(tree.quota() == 0);
    tree.write("system/outer/inner/cpu.max", "max 100000");
    CHECK(tree.quota() == 0);
    tree.write("system/outer/inner/cpu.max", "400000 100000");
    CHECK(tree.quota() == 4);
    tree.write("system/outer/cpu.max", "250000 100000");
    CHECK(tree.quota() == 3);
    tree.write("system/cpu.max", "100000 100000");
    CHECK(tree.quota() == 1);
}

TEST_CASE("the quota of a version 1 hierarchy counts", "[native][width]") {
    groups tree{"4:memory:/else\n3:cpu,cpuacct:/jobs/one\n2:cpuset:/jobs"};
    CHECK(tree.quota() == 0);
    tree.write("system/cpu,cpuacct/jobs/one/cpu.cfs_period_us", "100000");
    tree.write("system/cpu,cpuacct/jobs/one/cpu.cfs_quota_us", "-1");
    CHECK(tree.quota() == 0);
    tree.write("system/cpu,cpuacct/jobs/cpu.cfs_period_us", "50000");
    tree.write("system/cpu,cpuacct/jobs/cpu.cfs_quota_us", "100000");
    CHECK(tree.quota() == 2);
}

TEST_CASE("lists of groups that say nothing are no limit", "[native][width]") {
    const std::string deep(5'000, 'x');
    for (const std::string& text :
         {std::string{}, std::string{"0"}, std::string{"0:"}, std::string{"0::"}, "0::/" + deep, "1:" + deep + ":/",
          std::string{":cpu:/a\n\n:::\n"}, std::string{"0::nothing"}})
        CHECK(groups{text}.quota() == 0);
    groups tree{"0::/"};
    tree.write("system/cpu.max", "100000 100000");
    CHECK(tree.quota() == 1);
    tree.write("system/cpu.max", "100000");
    CHECK(tree.quota() == 0);
}

TEST_CASE("GCD_MAX_THREADS goes before what the machine has, if it is a number", "[native][width]") {
    const unsigned usual = native::default_width();
    CHECK(usual >= 1);
    ::setenv("GCD_MAX_THREADS", "7", 1);
    CHECK(native::default_width() == 7);
    for (const char* wrong : {"", "0", "-3", "seven", "7x"}) {
        ::setenv("GCD_MAX_THREADS", wrong, 1);
        CHECK(native::default_width() == usual);
    }
    ::setenv("GCD_MAX_THREADS", "100000", 1);
    CHECK(native::default_width() == gcd::detail::most_threads);
    ::unsetenv("GCD_MAX_THREADS");
}
