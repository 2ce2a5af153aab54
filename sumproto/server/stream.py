"""The server over a stream: one connection, from its first request to its close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..core import (
    Decoder,
    Done,
    Malformed,
    MessageError,
    Newline,
    Peer,
    Reason,
    Received,
    TimedOut,
    hint_for_peer,
)
from ..deadline import Deadlines
from ..receiver import MessageReceiver
from ..twisted_gaps import read_at_most, unread
from .phase import Phase

if TYPE_CHECKING:
    from .factory import SumFactory

_TURN = 8 * 1024
"""Bytes that are read, and about as many that are written, before others have their turn.

Twisted's 64 KiB are 16,000 requests, which take half a second.
"""


OPEN, FINISHING, CLOSING = Phase  # looked up for each request, and a bare name is faster


@implementer(IHalfCloseableProtocol)
class SumProtocol(MessageReceiver):
    """One connection of the server: a LineReceiver, by way of `MessageReceiver`.

    With a `refusal` it answers with that error and closes.
    """

    def __init__(self, factory: SumFactory, refusal: MessageError | None = None) -> None:
        super().__init__(Decoder(), factory.clock, factory.quiet_period)
        self._factory = factory
        self._responder = factory.responder
        self._deadlines: Deadlines[SumProtocol] | None = None  # the ones that this is under
        self._resting: Deadlines[SumProtocol] | None = None  # of the message that has begun
        self._since = 0.0  # when the last bytes came
        self.refusal = refusal
        self._phase = OPEN
        self._peer_closed = False
        self._unread = 0  # of the bytes that the kernel had when FINISHING began
        self._why: str | None = None  # the connection ends, if not because the peer closes it
        self._peer: Peer | None = None  # known from the first exchange on
        self._done: list[Done] = []  # exchanges whose replies are not written yet

    @property
    def peer(self) -> Peer:
        """Who is at the other end; behind a proxy, the one whom its PROXY header names."""
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
        read_at_most(self.transport, _TURN)
        self.transport.registerProducer(self, True)
        self._limit(self._factory.idle)
        self._factory.connectionMade(self)
        if self.refusal:
            self._refuse(self.refusal)

    def rawDataReceived(self, data: bytes) -> None:
        self._unread -= len(data)
        if self._resting:
            self._rest(None)
        if self._phase is not CLOSING:
            if self._responder.watched:
                self._since = self._responder.clock.seconds()
            super().rawDataReceived(data)

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self._phase is not CLOSING:
            self.bytesCame()

    def readConnectionLost(self) -> None:
        """The peer has closed its side, and may still be waiting for replies."""
        self._peer_closed = True
        if self._phase is CLOSING:
            self.transport.loseConnection()
        else:
            self.cancelSilence()
            self._answer_last()

    def writeConnectionLost(self) -> None:
        """The last reply is sent: from now on, the peer has the time to close its side."""
        if self._deadlines:
            self._limit(self._deadlines)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._limit(None)
        self._rest(None)
        self._phase = CLOSING
        if not (self._why or self._peer_closed or reason.check(ConnectionDone)):
            self._why = reason.getErrorMessage()
        self._factory.connectionLost(self, self._why)

    def idled(self) -> None:
        """The idle timeout is over; wait on if silence may still end what came last."""
        if self.awaits_silence:
            self._limit(self._factory.last_silence)
        else:
            self.timeoutConnection()

    def timeoutConnection(self) -> None:
        """Answer with an error that says what did not happen in time, and close."""
        if self.paused:
            what, reason = "the replies were not read", Reason.REPLIES_LEFT
        elif self.decoder.pending:
            self._refuse(self.decoder.missing().as_error())
            return
        else:
            what, reason = "a message did not come", Reason.NO_MESSAGE
        self._refuse(TimedOut(f"{what} within {self._factory.idle_timeout:g} s", reason))

    def rested(self) -> None:
        """A message has begun and does not go on: say what is wrong if that `is_near`, or wait."""
        missing = self.decoder.missing()
        if missing.is_near or not self._factory.begun.passes:
            self._refuse(missing.as_error())
        else:
            self._rest(self._factory.begun)

    def restedLong(self) -> None:
        """A message has begun and has not gone on for too long."""
        self._refuse(self.decoder.missing().as_error())

    # Called by the factory

    def windUp(self) -> None:
        """Answer the requests that have come, be it only to the kernel, and then close."""
        if self._phase is not CLOSING:
            self._why = "the server is stopping"
            self._phase = FINISHING
            self._rest(None)
            self._unread = unread(self.transport)
            if not self.paused:  # if it is, resumeProducing goes on here
                self._await_more()

    def abort(self) -> None:
        """Close at once, whatever is lost."""
        self.transport.abortConnection()

    # From the requests to the close

    def bytesCame(self) -> None:
        """Answer what is in, then close, or wait for more."""
        if self._peer_closed:
            self._answer_last()
        elif self._answer(self.received()):
            self._await_more()

    def silenceCame(self) -> None:
        """Answer the rest, if it is a message. If it is not, it may rest for a while."""
        if self._answer(self.receivedAtEnd()):
            if self._phase is FINISHING and self._has_read_all():
                self._close()
            elif self.decoder.pending:
                self._begin_to_rest()

    def _answer_last(self) -> None:
        """Answer all that is in, and close: nothing more will come."""
        if self._answer(self.receivedAtEnd()):
            if self.decoder.pending:
                self._refuse(Malformed("the connection ended within a message", Reason.CUT_OFF))
            else:
                self._close()

    def _await_more(self) -> None:
        """Wait for the rest of a message, or for the next one; close if no more is to come."""
        if self._phase is FINISHING and self._has_read_all():
            silence_may_end_the_rest = self._quiet_period and self.decoder.pending
            if not silence_may_end_the_rest:
                self._close()
                return
        self.awaitSilence()
        if self.decoder.pending and not self.awaits_silence:  # --quiet-period 0
            self._begin_to_rest()

    def _has_read_all(self) -> bool:
        """Whether all that the kernel had when the stop began has been read."""
        return self._unread <= 0 or not unread(self.transport)

    def _answer(self, messages: Iterator[Received | Newline]) -> bool:
        """Answer `messages`. Returns False if one is refused, or the peer does not read replies."""
        replies: list[bytes] = []
        size = 0
        try:
            for received in messages:
                replies.append(self._reply(received))
                size += len(replies[-1])
                if size >= _TURN:  # let the transport say whether that is enough for now
                    self._write(replies)
                    replies, size = [], 0
            self._write(replies)
        except MessageError as error:
            self._write(replies)
            self._refuse(error)
            return False
        return not self.paused  # if it is, resumeProducing goes on here

    def _reply(self, received: Received | Newline) -> bytes:
        if isinstance(received, Newline):
            return received.data
        exchange, reply = self._responder.answer(received)
        if self._responder.watched:
            self._done.append((exchange, received.dialect))
        return reply

    def _write(self, replies: list[bytes]) -> None:
        """Write `replies`, and then report the exchanges that they end."""
        if replies:
            self._limit(self._factory.idle)
            self.transport.write(b"".join(replies))
        if self._done:
            if self._peer is None:  # not before: behind a proxy, its PROXY header says who it is
                self._peer = self.peer
            done, self._done = self._done, []
            self._responder.exchanged(self._peer, done, self._since)

    def _refuse(self, error: MessageError) -> None:
        """Answer with `error`, close, and have the server stopped if that was asked for."""
        verdict = self._responder.verdict(self.peer, error)
        self.transport.write(self.decoder.dialect.encode_error(verdict, hint_for_peer(verdict)))
        self._close()
        self._responder.refused(self.peer, error, verdict)

    def _close(self) -> None:
        """Close such that the peer gets all replies.

        Closing a socket that has unread input resets the connection, and the peer may lose what
        it has not read yet. So only our side is closed, and we read until the peer closes its own.
        """
        # While the factory drains, its deadline is the bound.
        self._limit(None if self._phase is FINISHING else self._factory.closing)
        self._phase = CLOSING
        self.cancelSilence()
        self._rest(None)
        self.transport.unregisterProducer()
        self.paused = False
        self.transport.resumeProducing()
        if self._peer_closed or self._is_tls:
            self.transport.loseConnection()  # TLS has a farewell of its own, and no half-close
        else:
            self.transport.loseWriteConnection()

    def _limit(self, deadlines: Deadlines[SumProtocol] | None) -> None:
        """Be under these `deadlines` of the factory from now on, and no longer under others."""
        if deadlines is not self._deadlines:
            if self._deadlines:
                self._deadlines.clear(self)
            self._deadlines = deadlines
        if deadlines:
            deadlines.set(self)

    def _begin_to_rest(self) -> None:
        """A message has begun, and does not go on for now."""
        self._factory.rests(self)
        self._rest(self._factory.begun_near)

    def _rest(self, deadlines: Deadlines[SumProtocol] | None) -> None:
        """Have what has begun rest under these `deadlines`, and no longer under others."""
        if self._resting:
            self._resting.clear(self)
        self._resting = deadlines
        if deadlines:
            deadlines.set(self)
        else:
            self._factory.restsNoMore(self)
