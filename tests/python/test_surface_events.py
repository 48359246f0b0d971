# SPDX-License-Identifier: MIT
"""As test_surface.py, of sources, data, and input and output: arguments by name."""

import cygcd


def test_arguments_can_be_given_by_name(pipe):
    queue = cygcd.Queue()
    nothing = lambda *_: None  # noqa: E731
    assert bytes(cygcd.Data(data=b"ab").subrange(offset=1, length=1)) == b"b"
    assert bytes(cygcd.Data(bytes=b"ab")) == b"ab"
    assert cygcd.Data(b"ab").copy_region(location=0)[1] == 0
    cygcd.Timer(interval=1, handler=nothing, queue=queue, start_delay=0, leeway=0, repeating=False).set_timer(
        interval=1, start_delay=1, leeway=0, repeating=True
    )
    read_end, write_end = pipe
    with cygcd.IOChannel(fd=write_end, io_type=0, queue=queue, cleanup_handler=nothing) as channel:
        channel.set_interval(interval_ns=1000, flags=1)
        channel.set_interval(interval_ns=1000, strict=True)
        channel.set_high_water(size=10)
        channel.set_low_water(size=1)
        channel.write(data=b"x", handler=nothing, offset=0, queue=queue)
        channel.barrier(handler=nothing, queue=queue)
        channel.close(stop=False)
    cygcd.ReadSource(fd=read_end, handler=nothing, queue=queue)
    cygcd.WriteSource(fd=write_end, handler=nothing, queue=queue)
    cygcd.SignalSource(signum=10, handler=nothing, queue=queue)
    cygcd.ProcessSource(pid=1, handler=nothing, events=cygcd.PROC_EXIT, queue=queue)
