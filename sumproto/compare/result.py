"""What a run was to do, what came of it, and its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """A run: `way` is one of `load.WAYS`, `delay` in seconds each way, `loss` from 0 to 1.

    With None for both it goes over the loopback device.
    """

    way: str
    exchanges: int
    concurrency: int
    delay: float | None
    loss: float | None
    seed: int


@dataclass(frozen=True)
class Result:
    """What came of a run: seconds, and counts over all exchanges.

    `packets` and `bytes`, of IP, are those that both sides have sent, lost or not.
    """

    setup: Setup
    seconds: float
    latencies: list[float]
    failures: int
    resends: int
    packets: int
    bytes: int

    def percentile(self, percent: float) -> float:
        """The latency, in seconds, that so many percent of the exchanges did not exceed.

        NaN if none was done. Those that failed do not count.
        """
        if not self.latencies:
            return math.nan
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    @property
    def rate(self) -> float:
        """Exchanges done in a second."""
        return len(self.latencies) / self.seconds

    def each(self, total: int) -> float:
        """`total` for each exchange that was to be done."""
        return total / self.setup.exchanges
