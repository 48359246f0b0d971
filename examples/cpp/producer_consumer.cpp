// SPDX-License-Identifier: MIT
//
// Two semaphores make a bounded buffer: one counts the free places, the other what is there to be taken.

#include <gcd/gcd.hpp>

#include <cstddef>
#include <cstdio>
#include <deque>
#include <mutex>

namespace {

class bounded_buffer {
public:
    explicit bounded_buffer(int places) : free_{places} {}

    void put(int item) {
        free_.wait();
        {
            const std::scoped_lock lock{mutex_};
            items_.push_back(item);
            if (items_.size() > fullest_) fullest_ = items_.size();
        }
        filled_.signal();
    }

    int take() {
        filled_.wait();
        int item = 0;
        {
            const std::scoped_lock lock{mutex_};
            item = items_.front();
            items_.pop_front();
        }
        free_.signal();
        return item;
    }

    std::size_t fullest() const { return fullest_; }

private:
    gcd::semaphore free_;
    gcd::semaphore filled_{0};
    std::mutex mutex_;
    std::deque<int> items_;
    std::size_t fullest_ = 0;
};

} // namespace

int main() {
    constexpr int count = 100;
    bounded_buffer buffer{3};
    gcd::queue producer{"com.example.producer"};
    gcd::queue consumer{"com.example.consumer"};
    gcd::group both;

    long sum = 0;
    both.run_async(producer, [&] {
        for (int i = 1; i <= count; ++i) buffer.put(i);
    });
    both.run_async(consumer, [&] {
        for (int i = 1; i <= count; ++i) sum += buffer.take();
    });
    both.wait();

    std::printf("sum of what arrived: %ld\n", sum);
    std::printf("never more than 3 in the buffer: %s\n", buffer.fullest() <= 3 ? "yes" : "no");
    return sum == 5050 && buffer.fullest() <= 3 ? 0 : 1;
}
