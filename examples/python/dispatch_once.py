# SPDX-License-Identifier: MIT
"""Many threads ask, one initialises, the others wait until it has."""

import cygcd

loaded = cygcd.Once()
settings = {}
loads = []


def load():
    loads.append(1)
    settings["colour"] = "blue"


def get_settings():
    loaded(load)
    return settings


def main():
    colours = []
    cygcd.apply(8, lambda i: colours.append(get_settings()["colour"]))
    print("answers:", sorted(set(colours)), "x", len(colours))
    print("loads:", len(loads))

    # A failed attempt doesn't count: the exception goes to its caller, the next call tries again.
    flaky = cygcd.Once()

    def fail():
        raise ConnectionError("no network")

    try:
        flaky(fail)
    except ConnectionError as error:
        print("first attempt:", error)
    flaky(lambda: print("second attempt: done"))
    flaky(lambda: print("third attempt: never printed"))


if __name__ == "__main__":
    main()
