# SPDX-License-Identifier: MIT
"""A batch of pictures with apply, then a pipeline of queues with back-pressure: PPM files in, PNG files out."""

import struct
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Callable

import cygcd

WIDTH, HEIGHT, COUNT, ROOM = 160, 120, 24, 4


def make_ppm(path: Path, seed: int) -> None:
    pixels = bytes(channel for y in range(HEIGHT) for x in range(WIDTH) for channel in (x, y * 2, seed * 10 % 256))
    path.write_bytes(b"P6 %d %d 255\n" % (WIDTH, HEIGHT) + pixels)


def png(pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[y * WIDTH * 3 : (y + 1) * WIDTH * 3] for y in range(HEIGHT))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")


class Pipeline:
    """read -> invert -> encode and write; each picture holds one of ROOM places from the first step to the last."""

    def __init__(self) -> None:
        self.reading = cygcd.Queue("com.example.read")
        self.filtering = cygcd.Queue("com.example.filter", concurrent=True)
        self.writing = cygcd.Queue("com.example.write", concurrent=True, qos=cygcd.QOS_CLASS_UTILITY)
        self.places = cygcd.Semaphore(ROOM)
        self.pictures = cygcd.Group()
        self.guard = threading.Lock()
        self.inside = self.most = 0
        self.failed: list[str] = []

    def submit(self, path: Path) -> None:
        self.places.wait()  # the producer waits here, not a thread of the pool
        self.pictures.enter()
        with self.guard:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.reading.run_async(lambda: self.step(path, lambda: self.read(path)))

    def step(self, path: Path, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the picture has ended, whatever became of it
            self.failed.append(f"{path.name}: {error}")
            self.end()

    def read(self, path: Path) -> None:
        header, pixels = path.read_bytes().split(b"\n", 1)
        if not header.startswith(b"P6"):
            raise ValueError("not a PPM file")
        self.filtering.run_async(lambda: self.step(path, lambda: self.invert(path, pixels)))

    def invert(self, path: Path, pixels: bytes) -> None:
        inverted = pixels.translate(bytes(range(255, -1, -1)))
        self.writing.run_async(lambda: self.step(path, lambda: self.write(path, inverted)))

    def write(self, path: Path, pixels: bytes) -> None:
        path.with_suffix(".png").write_bytes(png(pixels))
        self.end()

    def end(self) -> None:
        with self.guard:
            self.inside -= 1
        self.places.signal()
        self.pictures.leave()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / f"{index:02}.ppm" for index in range(COUNT)]
        cygcd.apply(COUNT, lambda index: make_ppm(paths[index], index))
        print("made:", len(list(Path(name).glob("*.ppm"))))

        paths.append(Path(name) / "broken.ppm")
        paths[-1].write_bytes(b"GIF89a\n")
        pipeline = Pipeline()
        for path in paths:
            pipeline.submit(path)
        pipeline.pictures.wait()
        print("written:", len(list(Path(name).glob("*.png"))), "never more inside than", ROOM, pipeline.most <= ROOM)
        print("failed:", pipeline.failed)


if __name__ == "__main__":
    main()
