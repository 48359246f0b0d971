# SPDX-License-Identifier: MIT
"""HTTP over sources and channels, on loopback: a server, a client with a pool of connections, a limit of the rate."""

import functools
import socket
import sys
import time
from typing import Callable

import cygcd


class Wire:
    """A connection: calls on_message(wire, first_line, body) on its queue for each whole HTTP message that arrives."""

    def __init__(self, sock: socket.socket, on_message: "OnMessage", open: cygcd.Group) -> None:
        def cleanup(error: int) -> None:  # the channel has given up the descriptor
            sock.close()
            open.leave()

        self.on_message, self.pending = on_message, b""
        open.enter()
        queue = cygcd.Queue("com.example.wire")  # serial: one message after the other
        self.channel = cygcd.IOChannel(sock.fileno(), queue=queue, cleanup_handler=cleanup)
        self.channel.set_low_water(1)  # hand over what there is
        self.channel.read(sys.maxsize, self.arrived)

    def send(self, first_line: str, body: bytes = b"") -> None:
        head = f"{first_line}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.channel.write(head.encode() + body, lambda done, rest, error: None)

    def arrived(self, done: bool, data: bytes, error: int) -> None:
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            head, rest = self.pending.split(b"\r\n\r\n", 1)
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            if len(rest) < length:
                break
            self.pending = rest[length:]
            self.on_message(self, head.split(b"\r\n")[0].decode(), rest[:length])
        if done:  # the other side has closed, or the connection is broken
            self.channel.close()


OnMessage = Callable[[Wire, str, bytes], None]


class Server:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.open = cygcd.Group()  # counts connections
        self.source = cygcd.ReadSource(self.listener.fileno(), self.accept, queue=cygcd.Queue("com.example.server"))
        self.source.set_cancel_handler(self.listener.close)
        self.source.start()

    def accept(self) -> None:
        Wire(self.listener.accept()[0], self.answer, self.open)  # its channel keeps it

    def answer(self, wire: Wire, first_line: str, body: bytes) -> None:
        wire.send("HTTP/1.1 200 OK", f"this is {first_line.split()[1]}".encode())


class Client:
    """At most `size` connections, which are kept, and at most `rate` requests a second."""

    def __init__(self, address: tuple[str, int], size: int, rate: float) -> None:
        self.open = cygcd.Group()
        self.free = cygcd.Semaphore(size)
        self.idle = [Wire(socket.create_connection(address), self.answered, self.open) for _ in range(size)]
        self.waiting: dict[Wire, tuple[list[bytes], cygcd.Semaphore]] = {}
        self.turns = cygcd.Queue("com.example.turns")
        self.gap, self.next = 1 / rate, 0.0

    def take_turn(self, then: Callable[[], object]) -> None:
        now = time.monotonic()
        self.next = max(self.next, now)
        self.turns.after(self.next - now, then)
        self.next += self.gap

    def get(self, path: str) -> bytes:
        """Waits for its turn, a connection and the answer."""
        step = cygcd.Semaphore(0)
        self.turns.run_sync(lambda: self.take_turn(step.signal))
        step.wait()
        answers: list[bytes] = []
        with self.free:
            wire = self.idle.pop()
            self.waiting[wire] = answers, step
            wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost")
            step.wait()
            self.idle.append(wire)
        return answers[0]

    def answered(self, wire: Wire, first_line: str, body: bytes) -> None:
        answers, step = self.waiting.pop(wire)
        answers.append(body)
        step.signal()

    def close(self) -> None:
        for wire in self.idle:
            wire.channel.close(stop=True)
        self.open.wait()


def main() -> None:
    server = Server()
    client = Client(server.listener.getsockname(), size=3, rate=200)
    pages = [b""] * 20
    start = time.monotonic()
    workers = cygcd.Queue("com.example.workers", concurrent=True)
    requests = cygcd.Group()

    def fetch(number: int) -> None:
        pages[number] = client.get(f"/page/{number}")

    for number in range(len(pages)):
        requests.run_async(workers, functools.partial(fetch, number))
    requests.wait()
    print("answers:", len(pages), "right:", pages == [b"this is /page/%d" % i for i in range(20)])
    print("no faster than the rate:", time.monotonic() - start >= 19 / 200)
    client.close()
    server.source.cancel()
    print("all connections closed:", server.open.wait(timeout=30))


if __name__ == "__main__":
    main()
