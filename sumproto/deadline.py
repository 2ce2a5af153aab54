"""Deadlines that are fair: none has passed before what had come by then is read.

A process may sleep while its peers go on: it is stopped, its disk is slow, its machine is busy.
When it wakes up, the reactor calls what is due before it reads what has come in time. So a deadline
that is due gives the reactor a turn to read, and another as long as there is more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

TURNS = 4
"""Turns of the reactor, at the most, in which what had come is read.

A turn reads 8 KiB of a connection, and the longest message has as many, a TLS record twice as many.
A peer that never ends sending gains no more than these turns.
"""


def _nothing() -> bool:
    return False


class Deadline:
    """Calls `passed` once, `seconds` (0 or more) from now, when what had come by then is read.

    `unread` tells whether there is something that the reactor would read; without it, one turn has
    to do.
    """

    __slots__ = ("_clock", "_passed", "_timer", "_turns", "_unread")

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        passed: Callable[[], object],
        unread: Callable[[], bool] = _nothing,
    ) -> None:
        self._clock = clock
        self._passed = passed
        self._unread = unread
        self._turns = 0
        self._timer = clock.callLater(seconds, self._due)

    def cancel(self) -> None:
        """Do not call `passed`, if it was not called yet."""
        if self._timer.active():
            self._timer.cancel()

    def _due(self) -> None:
        if self._turns == 0 or (self._turns < TURNS and self._unread()):
            self._turns += 1
            self._timer = self._clock.callLater(0, self._due)
        else:
            self._passed()


T = TypeVar("T")


class Deadlines(Generic[T]):
    """A `Deadline` for each of many, all of the same `seconds`; 0 seconds never pass.

    There is one timer for all: to set, to set anew and to clear one takes the same time however
    many there are. A Twisted timer for each would not: to move one to a sooner time, Twisted looks
    for it among all.

    Who has done nothing in time has a turn more than a `Deadline` of its own gives. So what that
    brings about comes first, if both are due: what silence ends is answered, and in time.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        passed: Callable[[T], object],
        unread: Callable[[T], bool],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._passed = passed
        self._unread = unread
        self._due: OrderedDict[T, float] = OrderedDict()  # when; the clock only goes forward
        self._passing: dict[T, Deadline] = {}  # those that are due
        self._timer: IDelayedCall | None = None

    @property
    def passes(self) -> bool:
        """Whether there are any seconds that may pass."""
        return bool(self._seconds)

    def set(self, who: T) -> None:
        """Give `who` all the seconds, from now on."""
        if not self._seconds:
            return
        if who in self._passing:
            self._passing.pop(who).cancel()
        self._due[who] = self._clock.seconds() + self._seconds
        self._due.move_to_end(who)
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._tick)

    def clear(self, who: T) -> None:
        """Let `who` have no deadline; it need not have had one."""
        self._due.pop(who, None)
        if passing := self._passing.pop(who, None):
            passing.cancel()
        if self._timer and not self._due:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        """The first may be due, if it was not set anew since the timer was."""
        self._timer = None
        now = self._clock.seconds()
        while self._due:
            who, due = next(iter(self._due.items()))
            if due > now:
                self._timer = self._clock.callLater(due - now, self._tick)
                return
            del self._due[who]
            self._passing[who] = Deadline(
                self._clock, 0, partial(self._pass, who), partial(self._unread, who)
            )

    def _pass(self, who: T) -> None:
        del self._passing[who]
        self._passed(who)
