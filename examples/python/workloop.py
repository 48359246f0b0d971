# SPDX-License-Identifier: MIT
"""A workloop is a serial queue that takes the item of highest QoS first."""

import cygcd


def main() -> None:
    loop = cygcd.Workloop("com.example.workloop")
    loop.run_async(lambda: print("an item of the workloop"))
    print("it gives values back:", loop.run_sync(lambda: 42))

    # Queues of different QoS share it: one item at a time, whatever queue it came through.
    urgent = cygcd.Queue("com.example.urgent", qos=cygcd.QOS_CLASS_USER_INTERACTIVE, target=loop)
    later = cygcd.Queue("com.example.later", qos=cygcd.QOS_CLASS_BACKGROUND, target=loop)
    group = cygcd.Group()
    inside = []
    overlaps = []

    def item() -> None:
        inside.append(1)
        overlaps.append(len(inside) > 1)
        inside.pop()

    for _ in range(100):
        group.run_async(urgent, item)
        group.run_async(later, item)
    group.wait()
    print("items that shared it:", len(overlaps), "overlapping:", sum(overlaps))

    # Inactive, it takes no work yet; its settings can still be changed.
    lazy = cygcd.Workloop("com.example.lazy", inactive=True)
    try:
        lazy.run_async(lambda: None)
    except RuntimeError:
        print("work for an inactive workloop: refused")
    lazy.set_autorelease_frequency(cygcd.AUTORELEASE_FREQUENCY_WORK_ITEM)
    lazy.activate()
    lazy.run_sync(lambda: print("active now:", not lazy.is_inactive))


if __name__ == "__main__":
    main()
