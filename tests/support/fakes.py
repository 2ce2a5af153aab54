"""A server without a reactor: a transport and a clock that the test moves, and who watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from sumproto.client.report import Report
from sumproto.core.exchange import Exchange, Rule, StopPolicy
from sumproto.core.message import MessageError
from sumproto.core.observer import Done, Observer, Peer
from sumproto.server.factory import SumFactory
from sumproto.server.responder import Responder
from sumproto.server.stream import SumProtocol


class Recorder(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.exchanges: list[Exchange] = []
        self.seconds: list[float] = []
        self.events: list[tuple[object, ...]] = []

    def connected(self, peer: Peer) -> None:
        self.events.append(("connected", peer))

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        self.peers.append(peer)
        self.exchanges.extend(exchange for exchange, _ in done)
        self.seconds.append(seconds)

    def refused(self, peer: Peer, error: MessageError) -> None:
        self.events.append(("refused", error.code, str(error)))

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        self.events.append(("stop denied", peer))

    def stopping(self, why: str) -> None:
        self.events.append(("stopping", why))

    def turned_away(self) -> None:
        self.events.append(("turned away",))

    def disconnected(self, peer: Peer, why: str | None) -> None:
        self.events.append(("disconnected", why))


class FakeReport(Report):
    """Remembers what a client shows."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def sent(self, again: bool = False) -> None:
        self.told.append("sent again" if again else "sent")

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        self.told.append(exchange.sum if tries is None else (exchange.sum, tries))

    def stopped(self, why: str) -> None:
        self.told.append(why)


class Transport(StringTransportWithDisconnection):
    """A transport with the half-close and the producer of a real one, on a `Clock`."""

    protocol: Any

    def __init__(self, host: Any = None, peer: Any = None) -> None:
        super().__init__(host, peer or IPv4Address("TCP", "127.0.0.1", 54321))
        self.half_closed = False
        self.aborted = False
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.noDelay = enabled

    def fileno(self) -> int:
        return -1  # there is no kernel that might have unread bytes

    def loseWriteConnection(self) -> None:
        self.half_closed = True
        self.protocol.writeConnectionLost()

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class FakeServer:
    """A `SumFactory` that says "Server of Bob" and 58, its clock, and what became of it."""

    def __init__(
        self,
        *,
        policy: StopPolicy | None = None,
        observers: Sequence[Observer] = (),
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.recorder = Recorder()
        self.stops = 0
        self.responder = Responder(
            Rule("Server of Bob", lambda: 58),
            policy or StopPolicy(),
            self.clock,
            self._stop,
            [self.recorder, *observers],
        )
        self.factory = SumFactory(self.responder, **options)

    def _stop(self) -> None:
        self.stops += 1

    def connect(
        self, peer: Any = None, transport: Transport | None = None
    ) -> tuple[SumProtocol, Transport]:
        protocol = self.factory.buildProtocol(None)
        assert isinstance(protocol, SumProtocol)
        transport = transport or Transport(peer=peer)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol, transport
