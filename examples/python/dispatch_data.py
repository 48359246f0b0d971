# SPDX-License-Identifier: MIT
"""Immutable bytes: joined and cut without copying, kept in regions."""

import cygcd


def main() -> None:
    hello = cygcd.Data(b"Hello, ")
    world = cygcd.Data(b"World!")
    both = hello.concat(world)
    print("joined:", bytes(both), "of", both.size)
    print("cut:", bytes(both.subrange(3, 6)))

    # Still two regions: joining has copied nothing.
    print("regions:", [bytes(region) for region in both.regions()])

    def visit(offset: int, region: bytes) -> bool:
        print("visited", offset, region)
        return offset == 0  # False ends the walk

    print("walked to the end:", both.apply(visit))

    region, offset = both.copy_region(9)
    print("byte 9 is in the region at", offset, bytes(region))

    # It behaves like bytes where that makes sense.
    print("equal to bytes:", both == b"Hello, World!", hash(both) == hash(b"Hello, World!"))
    print("as a buffer:", memoryview(world)[0:5].tobytes(), "sum", sum(world))
    print("empty:", len(cygcd.Data()), bytes(cygcd.Data()))


if __name__ == "__main__":
    main()
