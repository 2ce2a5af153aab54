"""The server over a stream: timing, flow control and the life of its connections."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, ISSLTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core import (
    Busy,
    Decoder,
    Done,
    Malformed,
    MessageError,
    Newline,
    Peer,
    Received,
    Stopping,
    TimedOut,
)
from ..deadline import Deadlines
from ..receiver import LONGEST_SILENCE, MessageReceiver
from ..twisted_gaps import unread
from .connections import Connections
from .responder import Responder

REFUSALS = 32
"""Connections beyond the most that are told so; still more are closed without a word."""

CLOSE_TIMEOUT = 10.0
"""Seconds that a peer has to take the last replies, and then as many to close its side."""

_TURN = 8 * 1024
"""Bytes that are read, and about as many that are written, before others have their turn."""


@implementer(IHalfCloseableProtocol)
class SumProtocol(MessageReceiver):
    """One connection of the server: a LineReceiver, by way of `MessageReceiver`."""

    def __init__(self, factory: SumFactory, refusal: MessageError | None = None) -> None:
        """With a `refusal` the peer is told that and no more."""
        super().__init__(Decoder(), factory.clock, factory.quiet_period)
        self._factory = factory
        self._responder = factory.responder
        self._deadlines: Deadlines[SumProtocol] | None = None  # the one that counts for this
        self._since = 0.0  # when the last bytes came
        self.refusal = refusal
        self._peer_closed = False  # nothing more will come
        self._finishing = False  # what has come is answered, and then we close
        self._unread = 0  # how much of that the kernel had when we began to finish
        self._closing = False  # the last reply is out; what still comes is discarded
        self._why: str | None = None
        self._peer: Peer | None = None  # who sent requests
        self._done: list[Done] = []  # of which nobody has been told

    @property
    def peer(self) -> Peer:
        """Who is at the other end; behind a proxy, who its PROXY header says."""
        address: IAddress = self.transport.getPeer()
        if isinstance(address, IPv4Address | IPv6Address):
            return Peer("tcp", address.host, address.port)
        return Peer("unix")

    @property
    def _is_tls(self) -> bool:
        return bool(ISSLTransport.providedBy(self.transport))

    # Called by the transport and the clock

    def connectionMade(self) -> None:
        super().connectionMade()
        transport = self.transport
        while isinstance(transport, ProtocolWrapper):
            transport = transport.transport
        transport.bufferSize = _TURN  # Twisted's 64 KiB are 16,000 requests, and half a second
        self.transport.registerProducer(self, True)
        self._limit(self._factory.idle)
        self._factory.connectionMade(self)
        if self.refusal:
            self._refuse(self.refusal)

    def rawDataReceived(self, data: bytes) -> None:
        self._unread -= len(data)
        if not self._closing:
            if self._responder.watched:
                self._since = self._factory.clock.seconds()
            super().rawDataReceived(data)

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if not self._closing:
            self.process(final=False)

    def readConnectionLost(self) -> None:
        """The peer has sent all it will, and may be waiting for replies."""
        self._peer_closed = True
        if self._closing:
            self.transport.loseConnection()
        else:
            self.cancelSilence()
            self.process(final=True)

    def writeConnectionLost(self) -> None:
        """The peer has been sent the last reply; now it has to close."""
        self._limitClose()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._limit(None)
        self._closing = True
        if not (self._why or self._peer_closed or reason.check(ConnectionDone)):
            self._why = reason.getErrorMessage()
        self._factory.connectionLost(self, self._why)

    def idled(self) -> None:
        """The idle timeout is over; but what came last may be a message that silence will end."""
        if self.awaits_silence:
            self._limit(self._factory.last_silence)
        else:
            self.timeoutConnection()

    def timeoutConnection(self) -> None:
        """Tell the peer for what there was no more time, and close."""
        if self.paused:
            what = "the replies were not read"
        elif self.decoder.pending:
            what = "the end of the message did not come"
        else:
            what = "a message did not come"
        self._refuse(TimedOut(f"{what} within {self._factory.idle_timeout:g} s"))

    # Called by the factory

    def finish(self) -> None:
        """Answer the requests that have come, be it to the kernel, then close without a word."""
        if not self._closing:
            self._why = "the server is stopping"
            self._finishing = True
            self._unread = unread(self.transport)
            if not self.paused:  # if it is, resumeProducing goes on here
                self._goOn(final=False)

    def abort(self) -> None:
        """Close at once, whatever is lost."""
        self.transport.abortConnection()

    # From the requests to the close

    def process(self, final: bool) -> None:
        """Answer what is in, then close, or wait for more."""
        replies: list[bytes] = []
        size = 0
        try:
            for received in self.received(final or self._peer_closed):
                replies.append(self._reply(received))
                size += len(replies[-1])
                if size >= _TURN:  # let the transport say whether that is enough for now
                    self._write(replies)
                    replies, size = [], 0
            self._write(replies)
        except MessageError as error:
            self._write(replies)
            self._refuse(error)
        else:
            if not self.paused:  # if it is, resumeProducing goes on here
                self._goOn(final)

    def _reply(self, received: Received | Newline) -> bytes:
        if isinstance(received, Newline):
            return received.data
        exchange, reply = self._responder.answer(received)
        if self._responder.watched:
            self._done.append((exchange, received.dialect))
        return reply

    def _write(self, replies: list[bytes]) -> None:
        if self._done:
            if self._peer is None:  # a PROXY header, which says who it is, came before requests
                self._peer = self.peer
            self._responder.exchanged(self._peer, self._done, self._since)
            self._done = []
        if replies:
            self._limit(self._factory.idle)
            self.transport.write(b"".join(replies))

    def _goOn(self, final: bool) -> None:
        """All requests are answered; there may be a rest that is none, or none yet."""
        rest = self.decoder.pending
        if self._peer_closed and rest:
            self._refuse(Malformed("the connection ended within a message"))
        elif self._peer_closed:
            self._close()
        elif self._finishing and (self._unread <= 0 or not unread(self.transport)):
            if rest and self._quiet_period and not final:
                self.awaitSilence()
            else:
                self._close()
        elif not final:
            self.awaitSilence()

    def _refuse(self, error: MessageError) -> None:
        """Tell the peer of `error`, close, and have the server stopped if that was asked for."""
        told = self._responder.verdict(self.peer, error)
        self.transport.write(self.decoder.dialect.encode_error(told))
        self._close()
        self._responder.refused(self.peer, error, told)

    def _close(self) -> None:
        """Close such that the peer gets all replies.

        Closing a socket that has unread input resets the connection, and the peer may lose what
        it has not read yet. So only our side is closed, and we read until the peer closes its own.
        """
        self._closing = True
        self.cancelSilence()
        self._limitClose()
        self.transport.unregisterProducer()
        self.paused = False
        self.transport.resumeProducing()
        if self._peer_closed or self._is_tls:
            self.transport.loseConnection()  # TLS has a farewell of its own, and no half-close
        else:
            self.transport.loseWriteConnection()

    def _limitClose(self) -> None:
        """Bound the close, unless the drain of the factory does."""
        self._limit(None if self._finishing else self._factory.closing)

    def _limit(self, deadlines: Deadlines[SumProtocol] | None) -> None:
        """Be under these `deadlines` of the factory from now on, and under no others."""
        if deadlines is not self._deadlines:
            if self._deadlines:
                self._deadlines.clear(self)
            self._deadlines = deadlines
        if deadlines:
            deadlines.set(self)


class SumFactory(Factory):
    """Makes the connections of a server, and knows all that they share.

    `quiet_period` and `idle_timeout` are in seconds; 0 turns either off.
    """

    noisy = False

    def __init__(
        self,
        responder: Responder,
        *,
        quiet_period: float = 0.2,
        idle_timeout: float = 60.0,
        max_connections: int = 1000,
    ) -> None:
        self.responder = responder
        self.clock = responder.clock
        self.quiet_period = quiet_period
        self.idle_timeout = idle_timeout
        self.max_connections = max_connections
        unread = SumProtocol.hasUnread
        self.idle = Deadlines(self.clock, idle_timeout, SumProtocol.idled, unread)
        """For a message, from the last one on."""
        self.last_silence = Deadlines(
            self.clock, LONGEST_SILENCE * quiet_period, SumProtocol.timeoutConnection, unread
        )
        """For silence, when that is over."""
        self.closing = Deadlines(self.clock, CLOSE_TIMEOUT, SumProtocol.abort, unread)
        """For the peer to close."""
        self._connections: Connections[SumProtocol] = Connections(self.clock)
        self._refusals = 0  # how many of them are only told that they are refused

    def buildProtocol(self, addr: IAddress | None) -> SumProtocol | None:
        refusal: MessageError
        if self.responder.stopping:
            refusal = Stopping("the server is stopping")
        elif len(self._connections) - self._refusals >= self.max_connections:
            refusal = Busy(f"the server has its {self.max_connections} connections")
        else:
            return SumProtocol(self)
        for observer in self.responder.observers:
            observer.turned_away()
        return SumProtocol(self, refusal) if self._refusals < REFUSALS else None

    def drain(self, seconds: float) -> Deferred[None]:
        """Answer what is in and close; abort what is left after `seconds`.

        The Deferred fires when no connection is left.
        """
        self.responder.stopping = True
        return self._connections.drain(seconds, SumProtocol.finish, SumProtocol.abort)

    def hurry(self) -> None:
        """End the drain at once, or as soon as it begins."""
        self._connections.hurry()

    # Called by the connections

    def connectionMade(self, connection: SumProtocol) -> None:
        self._connections.add(connection)
        self._refusals += connection.refusal is not None
        for observer in self.responder.observers:
            observer.connected(connection.peer)

    def connectionLost(self, connection: SumProtocol, why: str | None) -> None:
        self._refusals -= connection.refusal is not None
        for observer in self.responder.observers:
            observer.disconnected(connection.peer, why)
        self._connections.remove(connection)
