"""The traces of a server: what happens, as events of `twisted.logger`."""

from __future__ import annotations

from twisted.logger import Logger

from .dialects import Dialect
from .exchange import Exchange
from .message import MessageError
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
    """What else happens: errors, connections that the peer did not close, the stop."""

    _log = Logger()

    def refused(self, peer: Peer, error: MessageError) -> None:
        self._log.info(
            "Closed the connection from {peer}: {code}: {why}",
            peer=peer,
            code=error.code,
            why=str(error),
        )

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        self._log.warn("{peer} may not stop this server: {why}", peer=peer, why=str(error))

    def stopping(self, why: str) -> None:
        self._log.info("Server is stopping: {why}", why=why)

    def disconnected(self, peer: Peer, why: str | None) -> None:
        if why is not None:
            self._log.info("The connection from {peer} ended: {why}", peer=peer, why=why)
