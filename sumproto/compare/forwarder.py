"""The link between the two hosts: a program that forwards packets, but for delay and loss.

It takes two descriptors of TUN devices, the delay in seconds, the loss from 0 to 1, and a seed.
When its standard input ends it prints, as JSON, what it has seen, and ends.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import NamedTuple

MTU = 1500
"""Bytes that a packet has at most: what a TUN device is made with."""

_BATCH = 64
"""Packets that are read from one side before the other has its turn."""


class Held(NamedTuple):
    """A packet on its way."""

    due: float
    packet: bytes


class Direction:
    """One way of the link, which loses and delays what it is given.

    The same packets, by their count, are lost whenever `random` is seeded alike.
    """

    def __init__(self, delay: float, loss: float, random: Random) -> None:
        self.packets = 0
        self.bytes = 0
        self._delay = delay
        self._loss = loss
        self._random = random
        self._held: deque[Held] = deque()

    def take(self, packet: bytes, now: float) -> None:
        """`packet` has been sent."""
        if packet[0] >> 4 != 4:
            return  # what IPv6 says of itself
        self.packets += 1
        self.bytes += len(packet)
        if self._random.random() >= self._loss:
            self._held.append(Held(now + self._delay, packet))

    def due(self, now: float) -> list[bytes]:
        """The packets that arrive now."""
        packets = []
        while self._held and self._held[0].due <= now:
            packets.append(self._held.popleft().packet)
        return packets

    def next_due(self) -> float | None:
        """When the next packet arrives."""
        return self._held[0].due if self._held else None


def forward(
    near: int, far: int, until: int, there: Direction, back: Direction, clock: Callable[[], float]
) -> None:
    """Forward between the descriptors `near` and `far` until there is something on `until`."""
    while True:
        dues = [due for due in (there.next_due(), back.next_due()) if due is not None]
        wait = max(0.0, min(dues) - clock()) if dues else None
        ready, _, _ = select.select([near, far, until], [], [], wait)
        for device, direction in (near, there), (far, back):
            if device in ready:
                with suppress(BlockingIOError):
                    for _ in range(_BATCH):
                        direction.take(os.read(device, MTU), clock())
        for device, direction in (far, there), (near, back):
            for packet in direction.due(clock()):
                os.write(device, packet)
        if until in ready:
            return


def main() -> None:
    """What ``python -m sumproto.compare.forwarder`` runs."""
    near, far = map(int, sys.argv[1:3])
    delay, loss = map(float, sys.argv[3:5])
    seed = sys.argv[5]
    there, back = (Direction(delay, loss, Random(f"{seed} {way}")) for way in ("there", "back"))
    forward(near, far, sys.stdin.fileno(), there, back, time.monotonic)
    seen = {"packets": there.packets + back.packets, "bytes": there.bytes + back.bytes}
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
