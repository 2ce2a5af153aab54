"""What the transports of a server share: its rule, its stop, and who watches it."""

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


class Responder:
    """Answers requests by `rule`, and decides by `policy` which of them stop the server.

    `stop` is called, once, when a peer that may asks for it.
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
        self.observers = observers
        self.stopping = False
        self.rule = rule
        self._policy = policy
        self._stop = stop
        self._exchange_observers = [
            observer for observer in observers if type(observer).exchanged != Observer.exchanged
        ]
        self.watched = bool(self._exchange_observers)
        """Whether anybody wants to be told of exchanges."""

    def answer(self, received: Received) -> tuple[Exchange, bytes]:
        """The exchange that a request makes, and the bytes of its reply.

        Raises `OutOfRange`, and `TooLong` for the reply.
        """
        exchange = self.rule.answer(received.message)
        return exchange, self.rule.encode(exchange, received.dialect)

    def exchanged(self, peer: Peer, done: Sequence[Done], since: float) -> None:
        """Exchanges with `peer` are `done`, the last bytes of whose requests came at `since`."""
        seconds = self.clock.seconds() - since
        for observer in self._exchange_observers:
            observer.exchanged(peer, done, seconds)

    def verdict(self, peer: Peer, error: MessageError) -> MessageError:
        """What to tell `peer` of `error`: that the server stops, if it does because of it."""
        if self._policy.asks(error) and self._policy.permits(peer.host):
            return Stopping(str(error))
        return error

    def refused(self, peer: Peer, error: MessageError, told: MessageError) -> None:
        """The `verdict` on `peer` has been `told`. Now stop, if that was it."""
        for observer in self.observers:
            observer.refused(peer, told)
        if isinstance(told, Stopping):
            self.stop(str(told))
        elif self._policy.asks(error):
            for observer in self.observers:
                observer.stop_denied(peer, error)

    def stop(self, why: str) -> None:
        """Have the server stopped, because of `why`; only the first call counts."""
        if not self.stopping:
            self.stopping = True
            for observer in self.observers:
                observer.stopping(why)
            self._stop()

    def who_stops(self) -> str:
        """Who can stop the server, and how, in words."""
        return str(self._policy)
