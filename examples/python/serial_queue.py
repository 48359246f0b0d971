# SPDX-License-Identifier: MIT
"""A serial queue runs its items one at a time, in the order of submission."""

import functools

import cygcd


def main() -> None:
    log = cygcd.Queue("com.example.log")

    order: list[int] = []
    for i in range(5):
        log.run_async(functools.partial(order.append, i))
    # Waits for its turn, so everything above has run; the value comes back.
    print("order:", log.run_sync(lambda: list(order)))

    # Many threads submit; what only the items of one queue touch needs no lock.
    balance = {"value": 0}

    def deposit() -> None:
        value = balance["value"]
        balance["value"] = value + 1

    def submit(_: int) -> None:
        for _ in range(250):
            log.run_async(deposit)

    cygcd.apply(4, submit)
    print("balance:", log.run_sync(lambda: balance["value"]))

    # Exceptions of a synchronous item come back to the caller.
    def fail() -> None:
        raise LookupError("no such entry")

    try:
        log.run_sync(fail)
    except LookupError as error:
        print("raised:", error)

    # A wait that could never end is refused before it begins.
    def wait_for_oneself() -> None:
        try:
            log.run_sync(lambda: None)
        except RuntimeError:
            print("waiting for oneself: refused")

    log.run_sync(wait_for_oneself)


if __name__ == "__main__":
    main()
