"""What the transports of a server share: its rule, its stop, and its observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from ..core import (
    Done,
    Exchange,
    MessageError,
    Observer,
    Peer,
    Received,
    Rule,
    Stopping,
    StopPolicy,
)
from ..trace import Throttle
from .watching import Watchers


class Responder:
    """Answers requests by `rule`, and decides by `policy` which of them stop the server.

    It calls `stop`, once, when a peer that may stop the server asks for that. `observers` watch
    what it does; what they raise is logged.
    """

    def __init__(
        self,
        rule: Rule,
        policy: StopPolicy,
        clock: IReactorTime,
        stop: Callable[[], object],
        observers: Sequence[Observer] = (),
    ) -> None:
        self.clock = clock
        self.rule = rule
        self.watchers = Watchers(observers, Throttle(clock))
        """All observers, as one."""
        self.watched = self.watchers.want_exchanges
        """Whether `exchanged` needs to be called."""
        self._policy = policy
        self._stop = stop
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether the server has begun to stop."""
        return self._stopping

    def answer(self, received: Received) -> tuple[Exchange, bytes]:
        """The exchange that a request makes, and the bytes of its reply.

        Raises `OutOfRange`, and `TooLong` for the reply.
        """
        exchange = self.rule.answer(received.message)
        return exchange, self.rule.encode(exchange, received.dialect)

    def exchanged(self, peer: Peer, done: Sequence[Done], since: float) -> None:
        """Report exchanges that are `done`: the replies to `peer` have just been written.

        `since` is when the last bytes of the requests came, in seconds by the clock.
        """
        self.watchers.exchanged(peer, done, self.clock.seconds() - since)

    def verdict(self, peer: Peer, error: MessageError) -> MessageError:
        """The error to answer `peer` with: `Stopping` if the server stops because of `error`."""
        if self._policy.asks(error) and self._policy.permits(peer.host):
            return Stopping(str(error))
        return error

    def refused(self, peer: Peer, error: MessageError, verdict: MessageError) -> None:
        """Report that `peer` was answered with the `verdict` on `error`, and stop if it says so."""
        self.watchers.refused(peer, verdict)
        if isinstance(verdict, Stopping):
            self.stop(str(verdict))
        elif self._policy.asks(error):
            self.watchers.stop_denied(peer, error)

    def stop(self, why: str) -> None:
        """Have the server stopped, because of `why`; only the first call counts."""
        if not self._stopping:
            self.begin_to_stop(why)
            self._stop()

    def begin_to_stop(self, why: str) -> None:
        """Note that the server stops, because of `why`, and report it; only the first call counts.

        `stop` calls it, and so does whoever stops the server for another reason.
        """
        if not self._stopping:
            self._stopping = True
            self.watchers.stopping(why)

    def who_stops(self) -> str:
        """Who can stop the server, and how, in words."""
        return str(self._policy)
