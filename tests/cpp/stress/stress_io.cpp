// SPDX-License-Identifier: MIT
/// @file
/// Channels that are closed under I/O: on pipes, sockets and files, with and without a stop, the other end gone first,
/// last or in between, handlers held up, and descriptors whose numbers are used again at once.
///
/// Holds: each operation ends once, and none of its handlers run after that or beside one another; cleanup comes once,
/// after the last of them; an operation's bytes arrive in order, none is missing and none comes twice; nothing of a
/// channel is left.

#include <gcd/gcd.hpp>

#include "stress.hpp"
#include "temp.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace gcd_test;

std::atomic<std::uint64_t> channels_made{0};
std::atomic<std::uint64_t> channels_ended{0};
std::atomic<std::uint64_t> operations{0};

/// The byte at each place of what goes through: each tells which one is next.
unsigned char byte_at(std::size_t place) { return static_cast<unsigned char>(place % 251); }

std::string bytes_from(std::size_t place, std::size_t size) {
    std::string all(size, '\0');
    for (std::size_t i = 0; i != size; ++i) all[i] = static_cast<char>(byte_at(place + i));
    return all;
}

/// What is known of one channel.
struct account {
    std::atomic<int> under_way{0};
    std::atomic<int> cleanups{0};

    ~account() {
        must(under_way == 0, "an operation never ended");
        must(cleanups == 1, "cleanup didn't come once");
        channels_ended.fetch_add(1);
    }
};

/// What is known of one operation.
struct operation {
    std::shared_ptr<account> of;
    std::atomic<int> inside{0};
    std::atomic<int> ends{0};
    int next = -1;    ///< the byte that a read gives next; none yet for -1
    std::size_t left; ///< of a write, or of what a read may still give

    operation(std::shared_ptr<account> in, std::size_t size) : of{std::move(in)}, left{size} {
        of->under_way.fetch_add(1);
        operations.fetch_add(1);
    }
    ~operation() { must(ends == 1, "a handler was destroyed before its operation ended"); }

    void begin(bool done) {
        must(inside.fetch_add(1) == 0, "handlers of one operation ran side by side");
        must(ends == 0, "a handler ran after the end");
        must(of->cleanups == 0, "a handler ran after the cleanup");
        if (done) ends.fetch_add(1);
    }
    void end(bool done) {
        inside.fetch_sub(1);
        if (done) of->under_way.fetch_sub(1);
    }
};

void expect_error(int error) {
    must(error == 0 || error == ECANCELED || error == EPIPE || error == ECONNRESET, "an error out of nowhere");
}

struct queues {
    gcd::queue serial{"serial"};
    gcd::queue concurrent{"concurrent", {.concurrent = true}};
    gcd::queue global = gcd::queue::global_queue();

    const gcd::queue& any(chance& dice) const {
        switch (dice.below(3)) {
        case 0: return serial;
        case 1: return concurrent;
        default: return global;
        }
    }
};

gcd::io_channel open(int fd, gcd::io_type type, const gcd::queue& on, std::shared_ptr<account> known) {
    channels_made.fetch_add(1);
    return gcd::io_channel{fd, type, &on, [known = std::move(known)](int) {
                               must(known->under_way == 0, "cleanup came before the last handler");
                               known->cleanups.fetch_add(1);
                           }};
}

/// `first`: the byte that it begins with, or -1 if that isn't known.
void read(const gcd::io_channel& channel, const std::shared_ptr<account>& known, std::size_t length,
          std::int64_t offset, int first, const gcd::queue& on) {
    auto self = std::make_shared<operation>(known, length);
    self->next = first;
    channel.read(
        length,
        [self](bool done, const gcd::data& chunk, int error) {
            self->begin(done);
            expect_error(error);
            must(chunk.size() <= self->left, "more was read than was asked for");
            self->left -= chunk.size();
            for (const gcd::data::region& region : chunk.regions())
                for (const std::byte byte : region.bytes) {
                    const int value = std::to_integer<int>(byte);
                    must(self->next == -1 || self->next == value, "a byte was lost, or came twice");
                    self->next = (value + 1) % 251;
                }
            self->end(done);
        },
        offset, &on);
}

void write(const gcd::io_channel& channel, const std::shared_ptr<account>& known, std::size_t place, std::size_t size,
           std::int64_t offset, const gcd::queue& on) {
    auto self = std::make_shared<operation>(known, size);
    channel.write(
        gcd::data{bytes_from(place, size)},
        [self](bool done, const gcd::data& rest, int error) {
            self->begin(done);
            expect_error(error);
            must(rest.size() <= self->left, "more is left than was");
            self->left = rest.size();
            must(!done || error != 0 || rest.empty(), "a write ended without an error, and not whole");
            self->end(done);
        },
        offset, &on);
}

void set_marks(const gcd::io_channel& channel, chance& dice) {
    if (dice.one_in(3)) channel.set_low_water(dice.below(5'000));
    if (dice.one_in(3)) channel.set_high_water(1 + dice.below(50'000));
    if (dice.one_in(10)) channel.set_interval(std::chrono::milliseconds{1}, true);
}

/// Two ends that are worked at, and closed somehow.
void two_ends(chance& dice, const queues& on) {
    fd reading;
    fd writing;
    if (dice.one_in(2)) {
        gcd_test::pipe ends;
        reading = std::move(ends.read);
        writing = std::move(ends.write);
    } else {
        socket_pair ends;
        reading = std::move(ends.first);
        writing = std::move(ends.second);
    }
    const auto read_known = std::make_shared<account>();
    const auto write_known = std::make_shared<account>();
    auto reader =
        std::make_unique<gcd::io_channel>(open(reading.get(), gcd::io_type::stream, on.any(dice), read_known));
    auto writer =
        std::make_unique<gcd::io_channel>(open(writing.get(), gcd::io_type::stream, on.any(dice), write_known));
    set_marks(*reader, dice);
    set_marks(*writer, dice);
    if (dice.one_in(2)) reading.close();
    if (dice.one_in(2)) writing.close();
    std::size_t written = 0;
    for (std::uint64_t i = dice.below(6) + 1; i != 0; --i) {
        const std::size_t size = dice.below(dice.one_in(4) ? 300'000 : 3'000);
        write(*writer, write_known, written, size, 0, on.any(dice));
        written += size;
        const bool endless = dice.one_in(4);
        read(*reader, read_known, endless ? gcd::io_channel::unlimited : dice.below(50'000) + 1, 0, -1, on.any(dice));
        if (dice.one_in(5)) reader->barrier([] {}, &on.any(dice));
        if (dice.one_in(50)) {
            const gcd::suspension pause = on.serial.suspended();
            std::this_thread::yield();
        }
    }
    // A number that is used again at once is nothing to those who had it before.
    reading.close();
    const fd again{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    switch (dice.below(4)) {
    case 0: reader->close(true); break;
    case 1: writer->close(true); break;
    case 2: writer.reset(); break;
    default: break;
    }
    if (dice.one_in(3)) std::this_thread::yield();
    writer.reset();
    writing.close();
    if (dice.one_in(2) && reader) reader->close(dice.one_in(2));
    // A read that isn't stopped ends with the writer's end of file.
}

void file(chance& dice, const queues& on, const temp_file& content, std::size_t size) {
    fd number = content.open(O_RDONLY);
    const auto known = std::make_shared<account>();
    const bool random = dice.one_in(2);
    const gcd::io_channel channel =
        open(number.get(), random ? gcd::io_type::random : gcd::io_type::stream, on.any(dice), known);
    set_marks(channel, dice);
    for (std::uint64_t i = dice.below(20); i != 0; --i) {
        const auto offset = random ? static_cast<std::int64_t>(dice.below(size)) : 0;
        const int first = random ? byte_at(static_cast<std::size_t>(offset)) : -1;
        read(channel, known, dice.below(200'000), offset, first, on.any(dice));
        if (dice.one_in(10)) channel.barrier([] {});
    }
    if (dice.one_in(2)) number.close();
    if (dice.one_in(2)) channel.close(dice.one_in(2));
}

} // namespace

int main() {
    const std::uint64_t seed = stress_seed();
    constexpr std::size_t size = 1'000'000;
    const temp_file content{bytes_from(0, size)};
    const queues on;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (std::uint64_t self = 0; self != 4; ++self)
        threads.emplace_back([&, self] {
            chance dice{seed + self};
            while (!stop.load(std::memory_order_relaxed)) {
                if (channels_made.load() - channels_ended.load() > 1'000) {
                    std::this_thread::yield();
                    continue;
                }
                if (dice.one_in(3))
                    file(dice, on, content, size);
                else
                    two_ends(dice, on);
            }
        });
    std::this_thread::sleep_for(stress_time());
    stop = true;
    for (std::thread& each : threads) each.join();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (channels_ended.load() != channels_made.load()) {
        must(std::chrono::steady_clock::now() < end, "a channel never ended");
        std::this_thread::yield();
    }
    std::printf("%llu channels, %llu operations\n", static_cast<unsigned long long>(channels_made.load()),
                static_cast<unsigned long long>(operations.load()));
}
