"""The connections of a server: how many there may be, and how they all end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..deadline import Deadline


class Connection(Protocol):
    """What `Connections` asks of each connection."""

    def windUp(self) -> None:
        """Answer what has come, and close."""

    def abort(self) -> None:
        """Close at once, whatever is lost."""


T = TypeVar("T", bound=Connection)


class Connections(Generic[T]):
    """Those that are open: each is added when it is made, and removed when it is lost.

    `most` are served at a time. Beyond them, `most_refused` more may be open, which are only told
    that the server does not serve them.
    """

    def __init__(self, clock: IReactorTime, most: int, most_refused: int = 0) -> None:
        self.most = most
        self._most_refused = most_refused
        self._clock = clock
        self._served: set[T] = set()
        self._refused: set[T] = set()
        self._deadline: Deadline | None = None  # of the drain, once that has begun
        self._hurried = False
        self._drained: list[Deferred[None]] = []  # fire when none is left

    @property
    def full(self) -> bool:
        """Whether as many are served as may be."""
        return len(self._served) >= self.most

    @property
    def full_of_refused(self) -> bool:
        """Whether as many are being refused as may be."""
        return len(self._refused) >= self._most_refused

    @property
    def draining(self) -> bool:
        """Whether all are to end."""
        return self._deadline is not None

    def add(self, connection: T, *, refused: bool = False) -> None:
        """`connection` is made, to be served or `refused`."""
        (self._refused if refused else self._served).add(connection)

    def remove(self, connection: T) -> None:
        """`connection` is lost."""
        self._served.discard(connection)
        self._refused.discard(connection)
        self._check()

    def drain(self, seconds: float) -> Deferred[None]:
        """Wind all up, and abort those that are left after `seconds`, 0 or more.

        The Deferred fires when none is left. Several listeners may ask for the drain of what they
        share: the first begins it.
        """
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        if self._deadline is None:
            self._deadline = Deadline(self._clock, seconds, self._abort)
            self._each(lambda connection: connection.windUp())
            if self._hurried:
                self._abort()
        self._check()
        return drained

    def hurry(self) -> None:
        """Abort what a drain has left; a drain that begins later aborts at once."""
        self._hurried = True
        if self._deadline:
            self._abort()

    def _abort(self) -> None:
        self._each(lambda connection: connection.abort())

    def _each(self, do: Callable[[T], object]) -> None:
        for connection in (*self._served, *self._refused):
            do(connection)

    def _check(self) -> None:
        if self._deadline and not (self._served or self._refused):
            self._deadline.cancel()
            drained, self._drained = self._drained, []
            for each in drained:
                each.callback(None)
