// SPDX-License-Identifier: MIT
//
// A signal arrives as an ordinary call on a queue, where everything is allowed, unlike in a signal handler.

#include <gcd/gcd.hpp>

#include <cstdio>
#include <string>

#include <signal.h>
#include <unistd.h>

int main() {
    // Needed on macOS, where the default action would still end the process; harmless elsewhere.
    ::signal(SIGUSR1, SIG_IGN);
    ::signal(SIGTERM, SIG_IGN);

    gcd::queue work{"com.example.signals"};
    gcd::semaphore handled{0};

    gcd::signal_source reload{{SIGUSR1}, work, [&](gcd::signal_event::data data) {
                                  const std::string where = gcd::current_label();
                                  std::printf("SIGUSR1 x%llu on %s\n", static_cast<unsigned long long>(data.count),
                                              where.c_str());
                                  handled.signal();
                              }};
    gcd::signal_source stop{{SIGTERM}, work, [&] {
                                std::puts("SIGTERM: shutting down in good order");
                                handled.signal();
                            }};
    reload.start();
    stop.start();

    // Sent one by one, as the kernel merges those that are pending together.
    for (int i = 0; i < 2; ++i) {
        ::kill(::getpid(), SIGUSR1);
        handled.wait();
    }
    ::kill(::getpid(), SIGTERM);
    handled.wait();

    reload.cancel_and_wait();
    stop.cancel_and_wait();
    std::puts("no longer watching");
}
