// SPDX-License-Identifier: MIT
//
// A process source tells of a child's end without a thread that waits for it. The child stays for its parent to reap.

#include <gcd/gcd.hpp>

#include <cstdio>
#include <system_error>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace {

pid_t spawn_shell(const char* script) {
    char shell[] = "sh";
    char option[] = "-c";
    char* const arguments[] = {shell, option, const_cast<char*>(script), nullptr};
    pid_t child = 0;
    return ::posix_spawnp(&child, "sh", nullptr, nullptr, arguments, environ) == 0 ? child : -1;
}

} // namespace

int main() {
    const pid_t child = spawn_shell("exit 3");
    if (child < 0) return 1;

    gcd::queue work{"com.example.children"};
    gcd::semaphore ended{0};
    gcd::process_source watch{
        {.pid = child, .events = gcd::process_events::exit}, work, [&](gcd::process_event::data data) {
            const bool exited = data.events == gcd::process_events::exit;
            std::printf("the child has exited: %s\n", exited ? "yes" : "no");
            ended.signal();
        }};
    watch.start();
    ended.wait();
    watch.cancel_and_wait();

    int status = 0;
    ::waitpid(child, &status, 0);
    std::printf("its status: %d\n", WEXITSTATUS(status));

    // Not every system can tell of forks; one that can't says so at start().
    gcd::process_source forks{{.pid = ::getpid(), .events = gcd::process_events::fork}, work, [] {}};
    try {
        forks.start();
        std::puts("forks can be watched here: yes");
    } catch (const std::system_error&) {
        std::puts("forks can be watched here: no");
    }
    return WEXITSTATUS(status) == 3 ? 0 : 1;
}
