"""The traces of a server: what happens, as events of `twisted.logger`."""

from __future__ import annotations

from typing import NamedTuple

from constantly import NamedConstant
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from .dialects import Dialect
from .exchange import Exchange
from .message import MessageError, escape
from .observer import Observer, Peer

_EXCHANGE = """\
Received connection from {peer}
Client name: {client_name}
Server name: {server_name}
Client's number: {client_number}
Server's number: {server_number}
Sum: {sum}
Response sent to client"""


class ExchangeTrace(Observer):
    """One event for each exchange."""

    _log = Logger()

    def exchanged(self, peer: Peer, exchange: Exchange, dialect: Dialect) -> None:
        self._log.info(
            _EXCHANGE,
            peer=peer,
            client_name=exchange.request.name,
            server_name=exchange.reply.name,
            client_number=exchange.request.number,
            server_number=exchange.reply.number,
            sum=exchange.sum,
        )


class EventTrace(Observer):
    """What else happens: errors, connections that the peer did not close, the stop.

    There is one event a second at most of each kind, so that a flood of errors is not a flood of
    logs. The last of those that were held back tells how many there were.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._held: dict[str, _Held | None] = {}

    def refused(self, peer: Peer, error: MessageError) -> None:
        self._throttle(
            f"refused {error.code}",
            "Closed the connection from {peer}: {code}: {why}",
            peer=peer,
            code=error.code,
            why=str(error),
        )

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        text = "{peer} may not stop this server: {why}"
        self._throttle("denied", text, LogLevel.warn, peer=peer, why=str(error))

    def stopping(self, why: str) -> None:
        self._log.info("Server is stopping: {why}", why=why)

    def disconnected(self, peer: Peer, why: str | None) -> None:
        if why is not None:
            self._throttle(
                "lost", "The connection from {peer} ended: {why}", peer=peer, why=escape(why)
            )

    def _throttle(
        self, kind: str, text: str, level: NamedConstant = LogLevel.info, **fields: object
    ) -> None:
        if kind not in self._held:
            self._emit(kind, level, text, fields)
        else:
            held = self._held[kind]
            self._held[kind] = _Held(held.count + 1 if held else 1, level, text, fields)

    def _emit(self, kind: str, level: NamedConstant, text: str, fields: dict[str, object]) -> None:
        self._log.emit(level, text, **fields)
        self._held[kind] = None
        self._clock.callLater(1, self._release, kind)

    def _release(self, kind: str) -> None:
        held = self._held.pop(kind)
        if held and held.count > 1:
            text = held.text + " ({count} like this within a second)"
            self._emit(kind, held.level, text, {**held.fields, "count": held.count})
        elif held:
            self._emit(kind, held.level, held.text, held.fields)


class _Held(NamedTuple):
    """The last event of a kind that was held back, and how many there were."""

    count: int
    level: NamedConstant
    text: str
    fields: dict[str, object]
