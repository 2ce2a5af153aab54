"""The connections that a factory has made, and their common end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..deadline import Deadline

T = TypeVar("T")


class Connections(Generic[T]):
    """Those that are open, to be told of each when it is made and when it is lost."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._open: set[T] = set()
        self._drained: Deferred[None] | None = None
        self._hurried = False

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: T) -> None:
        """`connection` is made."""
        self._open.add(connection)

    def remove(self, connection: T) -> None:
        """`connection` is lost."""
        self._open.remove(connection)
        self._check()

    def drain(
        self, seconds: float, finish: Callable[[T], object], abort: Callable[[T], object]
    ) -> Deferred[None]:
        """`finish` all, and `abort` those that are left after `seconds`.

        The Deferred fires when none is left.
        """
        drained: Deferred[None] = Deferred()
        self._drained = drained
        self._deadline = Deadline(self._clock, seconds, partial(self._each, abort))
        self._each(finish)
        self._abort = abort
        if self._hurried:
            self._each(abort)
        self._check()
        return drained

    def hurry(self) -> None:
        """Abort what is left of the drain now; of one that is to come, when it begins."""
        self._hurried = True
        if self._drained:
            self._each(self._abort)

    def _each(self, do: Callable[[T], object]) -> None:
        for connection in list(self._open):
            do(connection)

    def _check(self) -> None:
        if self._drained and not self._open:
            drained, self._drained = self._drained, None
            self._deadline.cancel()
            drained.callback(None)
