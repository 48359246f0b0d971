# SPDX-License-Identifier: MIT
"""A sequencer: one timer stands for the next note, the tempo changes while it plays, and lateness is measured."""

import statistics
import threading
import time
from typing import Callable

import cygcd

Event = tuple[float, int]  # the beat, the note


class Sequencer:
    """All its state belongs to one serial queue, so there is nothing to lock."""

    def __init__(self, song: list[Event], tempo: float, send: Callable[[int, float], None]) -> None:
        self.queue = cygcd.Queue("com.example.sequencer", qos=cygcd.QOS_CLASS_USER_INTERACTIVE)
        self.timer = cygcd.Timer(3600, self.fire, queue=self.queue, repeating=False)
        self.finished = threading.Event()
        self.send = send
        self.song = sorted(song)
        self.at = 0  # index of the next event
        self.tempo = tempo
        self.beat, self.time = 0.0, 0.0  # where the present tempo began

    def play(self) -> None:
        def begin() -> None:
            self.time = time.monotonic() + 0.02
            self.arm()
            self.timer.start()

        self.queue.run_sync(begin)

    def set_tempo(self, tempo: float) -> None:
        def change() -> None:
            now = time.monotonic()
            self.beat += (now - self.time) * self.tempo / 60
            self.time, self.tempo = now, tempo
            self.arm()

        self.queue.run_async(change)

    def due(self) -> float:
        return self.time + (self.song[self.at][0] - self.beat) * 60 / self.tempo

    def arm(self) -> None:
        if self.at < len(self.song):
            self.timer.set_timer(max(self.due() - time.monotonic(), 0.0))
        else:
            self.timer.cancel()
            self.finished.set()

    def fire(self) -> None:
        while self.at < len(self.song) and self.due() <= (now := time.monotonic()):
            self.send(self.song[self.at][1], now - self.due())
            self.at += 1
        self.arm()


def main() -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    song = [(index / 4, note) for index, note in enumerate(scale * 4)]
    played: list[int] = []
    late: list[float] = []

    def send(note: int, lateness: float) -> None:  # to the synthesizer
        played.append(note)
        late.append(lateness * 1000)
        if len(played) == 16:
            sequencer.set_tempo(1200)

    sequencer = Sequencer(song, 900, send)
    sequencer.play()
    sequencer.finished.wait()
    print("notes:", len(played), "in order:", played == scale * 4, "early:", sum(ms < 0 for ms in late))
    print(f"late by {statistics.median(late):.3f} ms in the median, {max(late):.3f} ms at worst")


if __name__ == "__main__":
    main()
