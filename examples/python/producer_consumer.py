# SPDX-License-Identifier: MIT
"""Two semaphores make a bounded buffer: one counts free places, the other what can be taken."""

import collections

import cygcd


class BoundedBuffer:
    def __init__(self, places):
        self.free = cygcd.Semaphore(places)
        self.filled = cygcd.Semaphore(0)
        self.items = collections.deque()
        self.fullest = 0

    def put(self, item):
        self.free.wait()
        self.items.append(item)
        self.fullest = max(self.fullest, len(self.items))
        self.filled.signal()

    def take(self):
        self.filled.wait()
        item = self.items.popleft()
        self.free.signal()
        return item


def main():
    count = 100
    buffer = BoundedBuffer(3)
    producer = cygcd.Queue("com.example.producer")
    consumer = cygcd.Queue("com.example.consumer")
    group = cygcd.Group()
    received = []

    def produce():
        for i in range(count):
            buffer.put(i)

    def consume():
        for _ in range(count):
            received.append(buffer.take())

    group.run_async(producer, produce)
    group.run_async(consumer, consume)
    group.wait()

    print("received:", len(received))
    print("in order:", received == list(range(count)))
    print("never more than 3 in the buffer:", buffer.fullest <= 3)


if __name__ == "__main__":
    main()
