# SPDX-License-Identifier: MIT
"""apply is a parallel for loop: it returns when every iteration has run."""

import hashlib

import cygcd


def main() -> None:
    # Every iteration writes its own element, so there is nothing to lock.
    squares = [0] * 10
    cygcd.apply(10, lambda i: squares.__setitem__(i, i * i))
    print("squares:", squares)

    # hashlib lets go of the GIL for large inputs, so these truly run at the same time.
    blocks = [bytes([i]) * 1_000_000 for i in range(4)]
    digests = [""] * len(blocks)

    def digest(i: int) -> None:
        digests[i] = hashlib.sha256(blocks[i]).hexdigest()

    cygcd.apply(len(blocks), digest)
    print("same as one by one:", digests == [hashlib.sha256(block).hexdigest() for block in blocks])

    # It nests, and on a serial queue the iterations come in order.
    table = [[0] * 4 for _ in range(3)]

    def fill_row(row: int) -> None:
        cygcd.apply(4, lambda column: table[row].__setitem__(column, (row + 1) * (column + 1)))

    cygcd.apply(3, fill_row)
    print("bottom row of the table:", table[2])

    order: list[int] = []
    cygcd.apply(5, order.append, queue=cygcd.Queue("com.example.order"))
    print("in order:", order)

    # The first exception stops the loop and comes back.
    def fail(i: int) -> None:
        if i == 7:
            raise ValueError("item 7 is broken")

    try:
        cygcd.apply(100, fail)
    except ValueError as error:
        print("caught:", error)


if __name__ == "__main__":
    main()
