// SPDX-License-Identifier: MIT
//
// Read and write sources tell when a descriptor is ready, so that no thread has to wait for it.

#include <gcd/gcd.hpp>

#include <cstdio>
#include <string>

#include <unistd.h>

int main() {
    int ends[2];
    if (::pipe(ends) != 0) return 1;
    const int reading = ends[0];
    const int writing = ends[1];
    gcd::queue work{"com.example.pipe"};

    gcd::semaphore room{0};
    bool told = false;
    gcd::write_source writer{{writing}, work, [&](gcd::write_event::data data) {
                                 // Level-triggered: it would run again and again as long as there is room.
                                 if (told) return;
                                 told = true;
                                 std::printf("room to write: %s\n", data.buffer_space > 0 ? "yes" : "no");
                                 room.signal();
                             }};
    writer.start();
    room.wait();
    writer.cancel_and_wait();

    gcd::semaphore at_end{0};
    std::string received;
    gcd::read_source reader{{reading}, work, [&](gcd::read_event::data data) {
                                char buffer[64];
                                const ssize_t count = ::read(reading, buffer, sizeof buffer);
                                if (count > 0) {
                                    std::printf("%llu bytes were there\n",
                                                static_cast<unsigned long long>(data.bytes_available));
                                    received.append(buffer, static_cast<std::size_t>(count));
                                } else {
                                    std::printf("the end, after: %s\n", received.c_str());
                                    at_end.signal();
                                    reader.cancel();
                                }
                            }};
    // A descriptor may be closed once nothing watches it any more.
    gcd::semaphore closed{0};
    reader.set_cancel_handler([&] {
        ::close(reading);
        closed.signal();
    });
    reader.start();

    const std::string message = "hello, pipe";
    if (::write(writing, message.data(), message.size()) < 0) return 1;
    ::close(writing);
    at_end.wait();
    closed.wait();
    std::puts("closed");
}
