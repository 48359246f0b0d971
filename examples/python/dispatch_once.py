# SPDX-License-Identifier: MIT
"""Many threads ask, one initialises, the others wait until it has."""

import cygcd

loaded = cygcd.Once()
settings: dict[str, str] = {}
loads: list[int] = []


def load() -> None:
    loads.append(1)
    settings["colour"] = "blue"


def get_settings() -> dict[str, str]:
    loaded(load)
    return settings


def main() -> None:
    colours: list[str] = []
    cygcd.apply(8, lambda i: colours.append(get_settings()["colour"]))
    print("answers:", sorted(set(colours)), "x", len(colours))
    print("loads:", len(loads))

    # A failed attempt doesn't count: the exception goes to its caller, the next call tries again.
    flaky = cygcd.Once()

    def fail() -> None:
        raise ConnectionError("no network")

    try:
        flaky(fail)
    except ConnectionError as error:
        print("first attempt:", error)
    flaky(lambda: print("second attempt: done"))
    flaky(lambda: print("third attempt: never printed"))


if __name__ == "__main__":
    main()
