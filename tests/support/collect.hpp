// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_COLLECT_HPP
#define GCD_TEST_COLLECT_HPP
/// @file
/// Collects what the handlers of one I/O operation are given.

#include <gcd/data.hpp>

#include "await.hpp"

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace gcd_test {

[[nodiscard]] inline std::string text(const gcd::data& bytes) {
    std::string all;
    for (const gcd::data::region& piece : bytes.regions())
        all.append(reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size());
    return all;
}

/// `size` bytes that differ from place to place.
[[nodiscard]] inline std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    unsigned state = 1;
    for (char& byte : bytes) {
        state = state * 1103515245u + 12345u;
        byte = static_cast<char>(state >> 16);
    }
    return bytes;
}

/// Must outlive the operation: wait for it.
class collect {
public:
    collect() = default;
    collect(const collect&) = delete;
    collect& operator=(const collect&) = delete;

    /// A handler for io_channel::read and write.
    [[nodiscard]] auto chunks() {
        return [this](bool done, const gcd::data& chunk, int error) { take(done, chunk, error); };
    }
    /// A handler for read_async and write_async.
    [[nodiscard]] auto once() {
        return [this](const gcd::data& all, int error) { take(true, all, error); };
    }

    [[nodiscard]] bool wait() const { return finished_.wait(); }
    [[nodiscard]] bool is_done() const { return finished_.is_set(); }

    [[nodiscard]] std::string bytes() const {
        const std::lock_guard hold(lock_);
        return bytes_;
    }
    /// Of every chunk that wasn't empty.
    [[nodiscard]] std::vector<std::size_t> sizes() const {
        const std::lock_guard hold(lock_);
        return sizes_;
    }
    /// What the last handler was given.
    [[nodiscard]] std::string rest() const {
        const std::lock_guard hold(lock_);
        return rest_;
    }
    [[nodiscard]] int error() const {
        const std::lock_guard hold(lock_);
        return error_;
    }
    /// How many times `done` came; and calls after it.
    [[nodiscard]] int ends() const {
        const std::lock_guard hold(lock_);
        return ends_;
    }
    [[nodiscard]] int late() const {
        const std::lock_guard hold(lock_);
        return late_;
    }

private:
    void take(bool done, const gcd::data& chunk, int error) {
        {
            const std::lock_guard hold(lock_);
            const std::string piece = text(chunk);
            if (ends_ != 0) ++late_;
            bytes_ += piece;
            if (!piece.empty()) sizes_.push_back(piece.size());
            rest_ = piece;
            error_ = error;
            if (done) ++ends_;
        }
        if (done) finished_.set();
    }

    mutable std::mutex lock_;
    signal finished_;
    std::string bytes_;
    std::vector<std::size_t> sizes_;
    std::string rest_;
    int error_ = -1;
    int ends_ = 0;
    int late_ = 0;
};

} // namespace gcd_test

#endif
