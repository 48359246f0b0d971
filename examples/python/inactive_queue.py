# SPDX-License-Identifier: MIT
"""An inactive queue takes work and holds it until activate(): time to set everything up first."""

import functools

import cygcd


def main() -> None:
    lazy = cygcd.Queue("com.example.lazy", inactive=True)
    print("inactive:", lazy.is_inactive)

    ran: list[int] = []
    for i in range(3):
        lazy.run_async(functools.partial(ran.append, i))
    print("ran before activation:", ran)

    # A blocking call would wait for ever, so it is refused.
    try:
        lazy.run_sync(lambda: None)
    except RuntimeError:
        print("run_sync on it: refused")

    # Everything of the lazy queue now goes through this one.
    target = cygcd.Queue("com.example.target")
    lazy.set_target_queue(target)

    lazy.activate()
    print("ran after activation:", lazy.run_sync(lambda: list(ran)))
    print("runs inside its target:", lazy.run_sync(target.is_current))
    print("inactive:", lazy.is_inactive)

    try:
        lazy.activate()
    except RuntimeError:
        print("activating it again: refused")


if __name__ == "__main__":
    main()
