// SPDX-License-Identifier: MIT
#ifndef GCD_TEST_TEMP_HPP
#define GCD_TEST_TEMP_HPP
/// @file
/// Directories, files, pipes and socket pairs that are gone when the test ends.

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gcd_test {

[[noreturn]] inline void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// Owns a descriptor.
class fd {
public:
    fd() = default;
    explicit fd(int number) noexcept : number_(number) {}
    fd(fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    fd& operator=(fd&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~fd() { close(); }

    [[nodiscard]] int get() const noexcept { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

    void close() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_ = -1;
};

/// A pipe: what is written to `write` is read from `read`.
struct pipe {
    fd read;
    fd write;

    pipe() {
        int ends[2];
        if (::pipe(ends) != 0) throw_errno("pipe");
        read = fd(ends[0]);
        write = fd(ends[1]);
    }
};

/// Two connected stream sockets.
struct socket_pair {
    fd first;
    fd second;

    socket_pair() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw_errno("socketpair");
        first = fd(ends[0]);
        second = fd(ends[1]);
    }
};

/// An empty directory of its own, removed with all it holds.
class temp_dir {
public:
    temp_dir() {
        const char* parent = std::getenv("TMPDIR");
        path_ = std::string(parent != nullptr && *parent != '\0' ? parent : "/tmp") + "/gcd-test-XXXXXX";
        if (::mkdtemp(path_.data()) == nullptr) throw_errno("mkdtemp");
    }
    temp_dir(const temp_dir&) = delete;
    temp_dir& operator=(const temp_dir&) = delete;
    ~temp_dir() {
        const auto remove = [](const char* path, const struct stat*, int, struct FTW*) { return std::remove(path); };
        ::nftw(path_.c_str(), remove, 8, FTW_DEPTH | FTW_PHYS);
    }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// The path of an entry in it, which need not exist.
    [[nodiscard]] std::string file(std::string_view name) const { return path_ + '/' + std::string(name); }

private:
    // std::filesystem would ask for macOS 10.15.
    std::string path_;
};

/// A file in a directory of its own, holding `content`.
class temp_file {
public:
    explicit temp_file(std::string_view content = {}) : path_(dir_.file("file")) {
        std::ofstream out(path_, std::ios::binary);
        out.write(content.data(), static_cast<std::streamsize>(content.size()));
        if (!out.flush()) throw_errno("write");
    }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// A new descriptor on it, positioned at the start.
    [[nodiscard]] fd open(int flags = O_RDWR) const {
        const int number = ::open(path_.c_str(), flags | O_CLOEXEC, 0600);
        if (number < 0) throw_errno("open");
        return fd(number);
    }

    [[nodiscard]] std::string content() const {
        std::ifstream in(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

private:
    temp_dir dir_;
    std::string path_;
};

[[nodiscard]] inline bool non_blocking(int number) { return (::fcntl(number, F_GETFL) & O_NONBLOCK) != 0; }

/// Writes all of it to a blocking descriptor.
inline void write_all(int number, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(number, bytes.data(), bytes.size());
        if (n >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR)
            throw_errno("write");
    }
}

/// Reads a blocking descriptor to its end.
[[nodiscard]] inline std::string read_all(int number) {
    std::string bytes;
    char chunk[4096];
    for (;;) {
        const ssize_t n = ::read(number, chunk, sizeof chunk);
        if (n > 0)
            bytes.append(chunk, static_cast<std::size_t>(n));
        else if (n == 0)
            return bytes;
        else if (errno != EINTR)
            throw_errno("read");
    }
}

} // namespace gcd_test

#endif
