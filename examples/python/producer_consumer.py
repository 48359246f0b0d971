# SPDX-License-Identifier: MIT
"""Two semaphores make a bounded buffer: one counts free places, the other what can be taken."""

import collections

import cygcd


class BoundedBuffer:
    def __init__(self, places: int) -> None:
        self.free = cygcd.Semaphore(places)
        self.filled = cygcd.Semaphore(0)
        self.items: collections.deque[int] = collections.deque()
        self.fullest = 0

    def put(self, item: int) -> None:
        self.free.wait()
        self.items.append(item)
        self.fullest = max(self.fullest, len(self.items))
        self.filled.signal()

    def take(self) -> int:
        self.filled.wait()
        item = self.items.popleft()
        self.free.signal()
        return item


def main() -> None:
    count = 100
    buffer = BoundedBuffer(3)
    producer = cygcd.Queue("com.example.producer")
    consumer = cygcd.Queue("com.example.consumer")
    group = cygcd.Group()
    received: list[int] = []

    def produce() -> None:
        for i in range(count):
            buffer.put(i)

    def consume() -> None:
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
