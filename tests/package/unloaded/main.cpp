// SPDX-License-Identifier: MIT
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include <dlfcn.h>

namespace {

std::mutex lock;
std::condition_variable ended;
bool over = false;

void end() {
    const std::lock_guard hold{lock};
    over = true;
    ended.notify_all();
}

} // namespace

/// Unloads a library whose items are under way. argv[1]: the library.
int main(int argc, char** argv) {
    int left = 100'000;
    void* library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (library == nullptr) {
        std::printf("can't load: %s\n", dlerror());
        return 1;
    }
    const auto begin = reinterpret_cast<void (*)(int*, void (*)())>(dlsym(library, "unloaded_begin"));
    begin(&left, &end);
    dlclose(library);
    std::unique_lock hold{lock};
    if (ended.wait_for(hold, std::chrono::seconds{30}, [] { return over; })) return 0;
    std::puts("the items didn't come to their end");
    return 2;
}
