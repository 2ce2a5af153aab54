"""Deadlines that are fair: none passes before everything that came in time is read.

A process may sleep while its peers go on: it is stopped, its disk is slow, its machine is busy.
When it wakes up, the reactor calls what is due before it reads what has come in time. So a deadline
that is due gives the reactor a turn to read, and another as long as there is more. By a `Pulse`,
it does not count the sleep either: the process could not do its own part in that time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from math import inf
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

PERIOD = 0.05
"""Seconds from one beat of a `Pulse` to the next."""

SHORTEST_SLEEP = 0.1
"""Seconds between two beats that are no sleep yet: a busy turn of the reactor is none.

A sleep hides the gaps between what came in it. So this is half of the default quiet period: three
times a gap that is hidden nevertheless is little longer than that.
"""

BEATS = 6
"""Beats after a sleep within which all is read that came in it.

One need not do: a connection is accepted in one turn of the reactor and read in the next, and on a
busy machine a turn may take as long as a beat.
"""

TURNS = 4
"""The most turns of the reactor in which a deadline waits for it to read.

A turn reads 8 KiB of a connection. The longest message has 8 KiB, a TLS record twice as much.
A peer that never ends sending gains no more than these turns.
"""

AT_ONCE = 32
"""The most of the same `Deadlines` that begin to pass in a turn of the reactor.

What is to do then may take some tenths of a millisecond, and there may be thousands that are due.
"""


@implementer(IReactorTime)
class Pulse:
    """A clock that beats, and so notices when the process has slept, and does not count that time.

    Of a sleep `SHORTEST_SLEEP` seconds count. A call by `callLater` is due by the time of `clock`,
    which counts all: it may come early by the sleep, so who goes by this clock looks at `seconds`.
    Before `start` and after `stop` it notices nothing.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._beat = inf  # when the last one was
        self._slept = 0.0  # seconds that do not count
        self._last_sleep = 0.0
        self._awake = 0  # beats since then
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to beat. Another call changes nothing."""
        if not self._timer:
            self._beat = self._clock.seconds()
            self._timer = self._clock.callLater(PERIOD, self._tick)

    def stop(self) -> None:
        """Beat no more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._beat = inf

    def seconds(self) -> float:
        """The time, without what the process has slept."""
        return min(self._clock.seconds(), self._beat + SHORTEST_SLEEP) - self._slept

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object
    ) -> IDelayedCall:
        """What the clock below does."""
        return self._clock.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """What the clock below has."""
        return self._clock.getDelayedCalls()

    @property
    def sleep(self) -> float:
        """The seconds, at the most, of the sleep out of which the process has just come, or 0.

        It is "just" for `BEATS`, and even before the first of them: the reactor may read before it
        calls what is due.
        """
        since = self._clock.seconds() - self._beat
        return max(since if since > SHORTEST_SLEEP else 0.0, self._last_sleep)

    def _tick(self) -> None:
        now = self._clock.seconds()
        since = now - self._beat
        self._awake += 1
        if since > SHORTEST_SLEEP:
            self._last_sleep, self._awake = max(self._last_sleep, since), 0
        elif self._awake == BEATS:
            self._last_sleep = 0.0
        self._slept += max(0.0, since - SHORTEST_SLEEP)
        self._beat = now
        self._timer = self._clock.callLater(PERIOD, self._tick)


def _nothing() -> bool:
    return False


class Deadline:
    """Calls `passed` once, `seconds` (0 or more) from now, when what had come by then is read.

    If `clock` is a `Pulse`, they do not count what the process sleeps.

    `unread` tells whether there is something that the reactor would read; without it, one turn has
    to do.
    """

    __slots__ = ("_at", "_clock", "_passed", "_timer", "_turns", "_unread")

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
        self._at = clock.seconds() + seconds
        self._timer = clock.callLater(seconds, self._due)

    def cancel(self) -> None:
        """Do not call `passed`, if it was not called yet."""
        if self._timer.active():
            self._timer.cancel()

    def _due(self) -> None:
        left = self._at - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._due)
        elif self._turns == 0 or (self._turns < TURNS and self._unread()):
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

    If many are due at once, they pass a few in each turn of the reactor, so that others are served
    in between. Each gets one turn more than from a `Deadline` of its own. So if it has one of
    those, too, and both are due, that one passes first: a message that silence ends is answered,
    and in time.
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
        """Let those that are due pass, and set the timer for the next one."""
        self._timer = None
        now = self._clock.seconds()
        for who, due in list(islice(self._due.items(), AT_ONCE)):
            if due > now:
                self._timer = self._clock.callLater(due - now, self._tick)
                return
            del self._due[who]
            self._passing[who] = Deadline(
                self._clock, 0, partial(self._pass, who), partial(self._unread, who)
            )
        if self._due:
            self._timer = self._clock.callLater(0, self._tick)

    def _pass(self, who: T) -> None:
        del self._passing[who]
        self._passed(who)
