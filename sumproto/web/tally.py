"""What has happened in a server so far: counts, and the last of it. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

from ..core import (
    CODES,
    LABELS,
    TRANSPORTS,
    Dialect,
    Done,
    Exchange,
    MessageError,
    Observer,
    Peer,
    label_of,
)

KEPT = 200
"""Exchanges, and errors, that are kept."""

BOUNDS = (5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 0.1, 0.25, 1.0)
"""Upper bounds, in seconds, of the classes in which the durations of exchanges are counted."""


Kept = tuple[float, Peer, Exchange, Dialect, float]
"""An exchange: time (seconds since 1970), peer, exchange, dialect, and the seconds that it took.

A plain tuple: an object of a class would take a third of the time that counting may take.
"""


class Refused(NamedTuple):
    """An error that `peer` made, at a `time` in seconds since 1970."""

    time: float
    peer: Peer
    error: MessageError


class Tally(Observer):
    """Counts what happens; whoever wants to know reads the counts.

    `now` tells the time, in seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.exchanges = dict.fromkeys(product(TRANSPORTS, LABELS), 0)
        """By transport and label of the dialect."""
        self.durations = [0] * (len(BOUNDS) + 1)
        """How many exchanges are in each class: up to each of `BOUNDS`, and above the last."""
        self.seconds = 0.0
        """How long all exchanges took."""
        self.errors = dict.fromkeys(CODES, 0)
        """By code."""
        self.connections = 0
        self.connections_open = 0
        self.connections_refused = 0
        self.stops_denied = 0
        self.why_stopping: str | None = None
        self.last_exchanges: deque[Kept] = deque(maxlen=KEPT)
        self.last_errors: deque[Refused] = deque(maxlen=KEPT)

    @property
    def all_exchanges(self) -> int:
        """How many there were, of any kind."""
        return sum(self.exchanges.values())

    @property
    def all_errors(self) -> int:
        """How many there were, of any code."""
        return sum(self.errors.values())

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        now = self._now()
        exchanges, last, transport = self.exchanges, self.last_exchanges, peer.transport
        for exchange, dialect in done:
            exchanges[transport, label_of(dialect)] += 1
            last.append((now, peer, exchange, dialect, seconds))
        self.durations[bisect_left(BOUNDS, seconds)] += len(done)
        self.seconds += seconds * len(done)

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
