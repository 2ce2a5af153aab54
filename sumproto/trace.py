"""The traces of a server: observers that log what happens, by `twisted.logger`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from .core import Done, MessageError, Observer, Peer, escape

_EXCHANGE = """\
Received {what} from {peer}
Client name: {client_name}
Server name: {server_name}
Client's number: {client_number}
Server's number: {server_number}
Sum: {sum}
Response sent to client"""


class ExchangeTrace(Observer):
    """Logs one event for each exchange."""

    _log = Logger()

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        what = "datagram" if peer.transport == "udp" else "connection"
        for exchange, _ in done:
            self._log.info(
                _EXCHANGE,
                what=what,
                peer=peer,
                client_name=exchange.request.name,
                server_name=exchange.reply.name,
                client_number=exchange.request.number,
                server_number=exchange.reply.number,
                sum=exchange.sum,
            )


Emit = Callable[..., object]


class _Event(NamedTuple):
    emit: Emit
    text: str
    fields: Mapping[str, object]


class Throttle:
    """Logs at most one event of each kind a second, so that a flood of them does not fill the log.

    It holds the others back. When the second is over it logs the last of them, with their number.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._held: dict[str, tuple[int, _Event, IDelayedCall]] = {}  # how many, and the last

    def log(self, kind: str, emit: Emit, text: str, fields: Mapping[str, object]) -> None:
        """Log an event of this `kind`, now or later or not at all.

        To log is to call `emit` with `text`, a format of `twisted.logger`, and `fields`.
        """
        event = _Event(emit, text, fields)
        if kind in self._held:
            times, _, call = self._held[kind]
            self._held[kind] = (times + 1, event, call)
        else:
            self._emit(kind, event)

    def flush(self) -> None:
        """Log now what is held back; at the end of the process the second does not pass."""
        for kind in list(self._held):
            self._release(kind)

    def _emit(self, kind: str, event: _Event) -> None:
        event.emit(event.text, **event.fields)
        self._held[kind] = (0, event, self._clock.callLater(1, self._release, kind))

    def _release(self, kind: str) -> None:
        times, event, call = self._held.pop(kind)
        if call.active():
            call.cancel()
        if times > 1:
            text = event.text + " ({times} like this within a second)"
            event = _Event(event.emit, text, {**event.fields, "times": times})
        if times:
            self._emit(kind, event)


class EventTrace(Observer):
    """Logs all but exchanges: errors, connections that the peer did not close, the stop."""

    _log = Logger()

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def refused(self, peer: Peer, error: MessageError) -> None:
        what = "Refused a datagram" if peer.transport == "udp" else "Closed the connection"
        text = what + " from {peer}: {code}: {why}"
        fields = {"peer": peer, "code": error.code, "why": str(error)}
        self._throttle.log(f"{what} {error.code}", self._log.info, text, fields)

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        text = "{peer} may not stop this server: {why}"
        self._throttle.log("denied", self._log.warn, text, {"peer": peer, "why": str(error)})

    def stopping(self, why: str) -> None:
        self._throttle.flush()
        self._log.info("Server is stopping: {why}", why=why)

    def disconnected(self, peer: Peer, why: str | None) -> None:
        if why is not None:
            text = "The connection from {peer} ended: {why}"
            self._throttle.log("lost", self._log.info, text, {"peer": peer, "why": escape(why)})


@implementer(ILogObserver)
class ThrottledLog:
    """Passes on the events of a logger to `publish`, as far as `throttle` lets them through."""

    def __init__(self, throttle: Throttle, publish: ILogObserver = globalLogPublisher) -> None:
        self._throttle = throttle
        self._publish = publish

    def __call__(self, event: LogEvent) -> None:
        text = str(event["log_format"])
        self._throttle.log(text, self._emit, text, event)

    def _emit(self, text: str, **event: object) -> None:
        self._publish({**event, "log_format": text})
