// SPDX-License-Identifier: MIT
//
// HTTP over sources and channels, on loopback: a server, and clients that share it.

#include <gcd/gcd.hpp>

#include <arpa/inet.h>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

// Called for each whole message that arrives (none here has a body); answers go out on the same channel.
using on_message = std::function<void(const gcd::io_channel&, std::string_view)>;

// A connection: `open` counts it until its descriptor is closed. The read's handler keeps the channel until the end.
gcd::io_channel connect(int fd, const gcd::queue& on, const gcd::group& open, on_message handle) {
    open.enter().release();
    gcd::io_channel channel{fd, gcd::io_type::stream, &on, [fd, &open](int) {
                                ::close(fd);
                                open.leave();
                            }};
    channel.set_low_water(1); // hand over what there is
    channel.read(gcd::io_channel::unlimited, [own = channel.retain(), handle = std::move(handle),
                                              pending = std::string{}](bool done, const gcd::data& chunk, int) mutable {
        for (const gcd::data::region& region : chunk.regions())
            pending.append(reinterpret_cast<const char*>(region.bytes.data()), region.bytes.size());
        for (std::size_t end = 0; (end = pending.find("\r\n\r\n")) != std::string::npos; pending.erase(0, end + 4))
            handle(own, std::string_view{pending}.substr(0, end));
        if (done) own.close();
    });
    return channel;
}

void send(const gcd::io_channel& to, const std::string& message) {
    to.write(gcd::data{message}, [](bool, const gcd::data&, int) {});
}

} // namespace

int main() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); // port 0: the system chooses
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, raw, size) != 0 || ::listen(listener, 16) != 0) return 1;
    if (::getsockname(listener, raw, &size) != 0) return 1;

    gcd::group open;
    gcd::queue server{"com.example.server"};
    gcd::queue answers{"com.example.answers"};
    gcd::read_source accepting{{.fd = listener}, server, [&] {
                                   const int fd = ::accept(listener, nullptr, nullptr);
                                   if (fd < 0) return;
                                   connect(fd, server, open, [](const gcd::io_channel& to, std::string_view request) {
                                       const auto path = request.substr(4, request.find(' ', 4) - 4);
                                       send(to, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Path: " + std::string{path} +
                                                    "\r\n\r\n");
                                   });
                               }};
    accepting.set_cancel_handler([listener] { ::close(listener); });
    accepting.start();

    // Four connections with ten requests each, all sent before the first answer is awaited.
    gcd::semaphore answered{0};
    std::vector<gcd::io_channel> clients;
    for (int client = 0; client < 4; ++client) {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(fd, raw, size) != 0) return 1;
        clients.push_back(
            connect(fd, answers, open, [&, next = 0](const gcd::io_channel&, std::string_view head) mutable {
                if (head.ends_with("X-Path: /page/" + std::to_string(next++))) answered.signal();
            }));
        for (int page = 0; page < 10; ++page)
            send(clients.back(), "GET /page/" + std::to_string(page) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    for (int answer = 0; answer < 40; ++answer) answered.wait();
    std::puts("40 answers, in order on each connection");

    for (const gcd::io_channel& client : clients) client.close(true);
    accepting.cancel_and_wait();
    open.wait();
    std::puts("all connections are closed");
}
