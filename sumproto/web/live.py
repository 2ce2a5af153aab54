"""The stream of server-sent events behind the page: what happens, as it happens."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.pages import errorPage
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ..core import hint, label_of
from ..server import Waiting
from .tally import Kept, Refused, Tally

MOST_VIEWERS = 100
"""The most streams at a time; one more gets an error."""

PATIENCE = 30.0
"""Seconds after which a browser that does not read is cut off."""

MOST_WAITING = 20
"""The most begun messages that are shown: what each lacks is found out anew for each event."""

BEATS = 4
"""Times a second that viewers are told what is new; if nothing is, once a second will do.

A new viewer waits for the next beat, too: its first event costs much, and all new viewers share it.
"""


@implementer(IPushProducer)
class _Viewer:
    """A browser, and how much of the tally it has been sent."""

    def __init__(self, request: Request, clock: IReactorTime) -> None:
        self.request = request
        self.is_new = True
        self.exchanges = 0
        self.errors = 0
        self.paused_since: float | None = None
        self._clock = clock

    def pauseProducing(self) -> None:
        self.paused_since = self._clock.seconds()

    def resumeProducing(self) -> None:
        self.paused_since = None

    def stopProducing(self) -> None:
        """The request tells that, too."""

    def abort(self) -> None:
        """Close the connection, whatever is left to send."""
        transport: Any = self.request.transport
        transport.abortConnection()


class Waits(Protocol):
    """Knows the begun messages that do not go on, as a `SumFactory` does."""

    @property
    def resting(self) -> int:
        """How many there are."""

    def waiting(self, most: int) -> list[Waiting]:
        """The last `most` of them, the latest first."""


class Live(Resource):
    """Sends each viewer what `tally` has kept, then what is new in it, and what `waits`.

    A viewer has no queue. At each beat it is sent what is new to it, as far as the tally has kept
    that; while it does not read, it is sent nothing. However viewers come and go, the most that a
    beat does is to encode all that the tally keeps, once, and to copy it for each of
    `MOST_VIEWERS`. Each is first told `about`.
    """

    isLeaf = True

    def __init__(self, tally: Tally, waits: Waits, clock: IReactorTime) -> None:
        super().__init__()
        self.about: dict[str, object] = {}
        self._tally = tally
        self._waits = waits
        self._waited = 0  # how many begun messages did when viewers were last told
        self._clock = clock
        self._viewers: set[_Viewer] = set()
        self._exchanges = _Texts(tally.last_exchanges, _exchange)
        self._errors = _Texts(tally.last_errors, _error)
        self._rates = deque([0] * 60, maxlen=60)  # exchanges in each of the last seconds
        self._counted = 0
        self._until = 0.0  # when the last of these seconds ended
        self._loop = LoopingCall(self._beat)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin to tell."""
        self._until = self._clock.seconds()
        self._loop.start(1 / BEATS, now=False)

    def stop(self) -> None:
        """Tell the last, and end the streams."""
        self._loop.stop()
        self._tell(even_if_nothing=True)
        for viewer in list(self._viewers):
            viewer.request.unregisterProducer()
            viewer.request.finish()

    def render_GET(self, request: Request) -> Any:
        if len(self._viewers) >= MOST_VIEWERS:
            page = errorPage(503, "Too many viewers", f"{MOST_VIEWERS} are watching already.")
            return page.render(request)
        request.setHeader("Content-Type", "text/event-stream")
        if request.method == b"HEAD":
            return b""
        viewer = _Viewer(request, self._clock)
        self._viewers.add(viewer)
        request.notifyFinish().addBoth(lambda _: self._viewers.remove(viewer))
        request.registerProducer(viewer, True)
        return NOT_DONE_YET

    def _beat(self) -> None:
        passed = self._clock.seconds() - self._until
        seconds = int(passed)  # several, if the server was busy
        if seconds:
            self._until += seconds
            count = self._tally.all_exchanges
            new = count - self._counted
            self._rates.extend(
                new * (second + 1) // seconds - new * second // seconds for second in range(seconds)
            )
            self._counted = count
        self._tell(even_if_nothing=bool(seconds) or self._waits.resting != self._waited)

    def _tell(self, even_if_nothing: bool) -> None:
        exchanges = self._tally.all_exchanges
        errors = self._tally.all_errors
        events: dict[tuple[bool, int, int], bytes] = {}  # most viewers are sent the same
        waiting = ""
        self._waited = self._waits.resting
        for viewer in list(self._viewers):
            if viewer.paused_since is not None:
                if self._clock.seconds() - viewer.paused_since > PATIENCE:
                    viewer.abort()
                continue
            new = (viewer.is_new, exchanges - viewer.exchanges, errors - viewer.errors)
            if even_if_nothing or any(new):
                if new not in events:
                    waiting = waiting or _json(
                        [_waiting(one) for one in self._waits.waiting(MOST_WAITING)]
                    )
                    events[new] = self._event(*new, waiting)
                viewer.is_new, viewer.exchanges, viewer.errors = False, exchanges, errors
                viewer.request.write(events[new])

    def _event(self, is_first: bool, exchanges: int, errors: int, waiting: str) -> bytes:
        """The event that tells of so many new `exchanges` and `errors`, and what is `waiting`."""
        tally = self._tally
        event: dict[str, object] = {
            "about": self.about if is_first else None,
            "stopping": tally.why_stopping,
            "total": {
                "exchanges": tally.all_exchanges,
                "errors": tally.all_errors,
                "connections": tally.connections_open,
                "waiting": self._waited,
            },
            "rates": list(self._rates),
        }
        lists = (
            f'"exchanges": [{self._exchanges.newest(exchanges, tally.all_exchanges)}], '
            f'"errors": [{self._errors.newest(errors, tally.all_errors)}], '
            f'"waiting": {waiting}'
        )
        return f"data: {_json(event)[:-1]}, {lists}}}\n\n".encode()


_json = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` would make one each time
_T = TypeVar("_T")


class _Texts(Generic[_T]):
    """What the tally keeps in `kept`, as JSON; `describe` makes an object of each.

    Each is encoded once, though viewers may lack different numbers of them.
    """

    def __init__(self, kept: deque[_T], describe: Callable[[_T], dict[str, object]]) -> None:
        self._kept = kept
        self._describe = describe
        self._texts: deque[str] = deque(maxlen=kept.maxlen)
        self._count = 0  # how many there had been when the last was encoded

    def newest(self, count: int, of: int) -> str:
        """The last `count` of all `of` so far, as far as they are kept, the oldest first."""
        new = _last(self._kept, of - self._count)
        self._texts.extend(_json(self._describe(one)) for one in new)
        self._count = of
        return ", ".join(_last(self._texts, count))


def _last(kept: deque[_T], count: int) -> list[_T]:
    """The last `count` of `kept`, or all of them, the oldest first."""
    return list(islice(reversed(kept), count))[::-1]


def _exchange(kept: Kept) -> dict[str, object]:
    time, peer, exchange, dialect, seconds = kept
    return {
        "time": time,
        "name": exchange.request.name,
        "number": exchange.request.number,
        "reply": exchange.reply.number,
        "sum": exchange.sum,
        "dialect": label_of(dialect),
        "transport": peer.transport,
        "seconds": seconds,
    }


def _error(refused: Refused) -> dict[str, object]:
    time, peer, error = refused
    return {
        "time": time,
        "peer": peer.host or str(peer),
        "transport": peer.transport,
        "code": error.code,
        "why": str(error),
        "hint": hint(error),
    }


def _waiting(waiting: Waiting) -> dict[str, object]:
    peer, seconds, error = waiting
    return {
        "peer": peer.host or str(peer),
        "transport": peer.transport,
        "seconds": int(seconds),
        "why": str(error),
        "hint": hint(error),
    }
