"""What has happened in a server so far: counts, and the last of it. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from ..dialects import Dialect
from ..exchange import Exchange
from ..message import MessageError
from ..observer import Observer, Peer

KEPT = 200
"""Exchanges, and errors, that are kept."""

BOUNDS = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 0.25, 1.0)
"""Upper bounds, in seconds, of the classes in which the durations of exchanges are counted."""

Done = tuple[float, str, Exchange, str, float]
"""An exchange: seconds since 1970, transport, what it was, label of its dialect, its seconds."""


class Refused(NamedTuple):
    """An error that `peer` was told, or would have been, `time` seconds after 1970 began."""

    time: float
    peer: Peer
    error: MessageError


class Tally(Observer):
    """Counts what happens; whoever wants to know reads the counts.

    `now` tells the time, in seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.exchanges: Counter[tuple[str, str]] = Counter()
        """By transport and label of the dialect."""
        self.durations = [0] * (len(BOUNDS) + 1)
        """How many exchanges took as long as each of `BOUNDS`, or less, or else more than all."""
        self.seconds = 0.0
        """How long all exchanges took."""
        self.errors: Counter[str] = Counter()
        """By code."""
        self.connections = 0
        self.connections_open = 0
        self.connections_refused = 0
        self.stops_denied = 0
        self.why_stopping: str | None = None
        self.last_exchanges: deque[Done] = deque(maxlen=KEPT)
        self.last_errors: deque[Refused] = deque(maxlen=KEPT)

    def exchanged(self, peer: Peer, exchange: Exchange, dialect: Dialect, seconds: float) -> None:
        transport = peer.transport
        label = dialect.label
        self.exchanges[transport, label] += 1
        self.durations[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
        self.last_exchanges.append((self._now(), transport, exchange, label, seconds))

    def refused(self, peer: Peer, error: MessageError) -> None:
        self.errors[error.code] += 1
        self.last_errors.append(Refused(self._now(), peer, error))

    def connected(self, peer: Peer) -> None:
        self.connections += 1
        self.connections_open += 1

    def disconnected(self, peer: Peer, why: str | None) -> None:
        self.connections_open -= 1

    def turned_away(self) -> None:
        self.connections_refused += 1

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        self.stops_denied += 1

    def stopping(self, why: str) -> None:
        self.why_stopping = why
