// SPDX-License-Identifier: MIT
//
// Writing and reading a file without a thread that waits: one call, one handler.

#include <gcd/gcd.hpp>

#include <cstdio>
#include <string>
#include <string_view>

#include <unistd.h>

int main() {
    std::FILE* file = std::tmpfile();
    if (file == nullptr) return 1;
    const int fd = ::fileno(file);
    gcd::queue work{"com.example.io"};
    gcd::semaphore done{0};
    bool good = true;

    const gcd::data message{std::string_view{"written in the background"}};
    gcd::write_async(fd, message, work, [&](const gcd::data& rest, int error) {
        good = error == 0 && rest.empty();
        std::printf("written: error %d, %zu bytes left over\n", error, rest.size());
        done.signal();
    });
    done.wait();

    ::lseek(fd, 0, SEEK_SET);
    gcd::read_async(fd, 1024, work, [&](const gcd::data& chunk, int error) {
        const auto bytes = chunk.to_vector();
        const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        good = good && error == 0 && chunk == message;
        std::printf("read: %s\n", text.c_str());
        done.signal();
    });
    done.wait();

    // At the end of the file there is nothing left, which is no error.
    gcd::read_async(fd, 1024, work, [&](const gcd::data& chunk, int error) {
        good = good && error == 0 && chunk.empty();
        std::printf("at the end: error %d, %zu bytes\n", error, chunk.size());
        done.signal();
    });
    done.wait();
    std::fclose(file);
    return good ? 0 : 1;
}
