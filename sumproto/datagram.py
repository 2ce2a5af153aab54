"""Server and client over UDP: a message is a datagram, in any dialect, and so is its reply."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol

from .deadline import Deadline
from .dialects import REPLIES, UNKNOWN, Decoder, Dialect, Received
from .exchange import Exchange, without_sum
from .message import (
    Busy,
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    ReportedError,
    Stopping,
    in_range,
    shorten,
)
from .observer import Peer
from .report import ExchangeFailed, Report, ServerStopped
from .responder import Responder
from .twisted_gaps import unread

MAX_DATAGRAM = 8 * 1024 + 1
"""Bytes that are read of a datagram: one more than the longest number, out of range, may have."""

FIRST_WAIT = 0.5
"""Seconds after which a client sends a request again; they double each time."""

TRIES = 5
"""How often a client sends a request."""

PATIENCE = FIRST_WAIT * (2**TRIES - 1)
"""Seconds until a client gives up after `TRIES`."""

_RESERVED = 1024
"""Ports below are those of services, which may answer what they get."""

IN_A_ROW = 1000
"""Datagrams of a source, of which the last is dropped."""

_SOURCES = 10_000
"""How many sources are remembered."""

_TURN = 100
"""Datagrams that are read before others have their turn."""

_LEAST_BUFFER = 256
"""Bytes, at the least, that the kernel counts for a datagram in its buffer."""


class NobodyThere(Exception):
    """No datagram gets to an address; the text is why."""


class SumDatagramProtocol(DatagramProtocol):
    """The server. What is no message is dropped: noise must not be answered, its source may lie."""

    noisy = False
    transport: Any  # what a reactor gives is more than an interface promises

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._sources: dict[tuple[str, int], int] = {}  # how often, those heard last at the end

    def startProtocol(self) -> None:
        self._throughput = self.transport.maxThroughput
        self._read = 0

    def datagramReceived(self, data: bytes, address: tuple[str, int]) -> None:
        self._limitTurn()
        since = self._responder.clock.seconds()
        peer = Peer("udp", *address)
        decoder = Decoder()
        try:
            received = self._take(decoder, data, address)
            exchange, reply = self._responder.answer(received)
        except MessageError as error:
            told = self._responder.verdict(peer, error)
            if isinstance(error, OutOfRange):
                self._send(decoder.dialect.encode_error(told), address)
            self._responder.refused(peer, error, told)
        else:
            if self._send(reply, address) and self._responder.watched:
                self._responder.exchanged(peer, [(exchange, received.dialect)], since)

    def _take(self, decoder: Decoder, data: bytes, address: tuple[str, int]) -> Received:
        if address[1] < _RESERVED:
            raise Malformed("it comes from the port of a service")
        if self._may_be_a_loop(address):
            raise Busy(f"it is number {IN_A_ROW} from its port, which may be that of a server")
        received = decoder.take_first(data)
        if decoder.pending:
            raise Malformed("there is more than a message in the datagram")
        return received

    def _may_be_a_loop(self, address: tuple[str, int]) -> bool:
        """Whether to drop this datagram, so that two servers do not go on for ever.

        A reply reads like a request. If somebody has set two servers on each other, with a single
        datagram that lies about its source, then they have one datagram between them.
        """
        count = self._sources.pop(address, 0) + 1
        if count == IN_A_ROW:
            return True
        self._sources[address] = count
        if len(self._sources) > _SOURCES:
            del self._sources[next(iter(self._sources))]
        return False

    def drain(self) -> None:
        """Answer what the kernel has received."""
        size = self.transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        for _ in range(1 + size // (_LEAST_BUFFER * _TURN)):
            self._nextTurn()
            self.transport.doRead()

    def _send(self, data: bytes, address: tuple[str, int]) -> bool:
        try:
            self.transport.write(data, address)
        except OSError:  # no way to it, or no room: a datagram may be lost
            return False
        return True

    def _limitTurn(self) -> None:
        """End the reading of a port that has had its turn, and which counts bytes alone."""
        self._read += 1
        if self._read == _TURN:
            self.transport.maxThroughput = 0
            self._responder.clock.callLater(0, self._nextTurn)

    def _nextTurn(self) -> None:
        self._read = 0
        self.transport.maxThroughput = self._throughput


class SumDatagramClient(DatagramProtocol):
    """One exchange: `request`, sent to `address` again and again until the reply comes.

    The socket is for this exchange alone, and connected: the kernel drops what others send, and a
    late reply to an earlier request cannot be taken for the reply to a later one. `outcome` fires
    with the `Exchange`, and fails with `ServerStopped`, with `NobodyThere`, or with
    `ExchangeFailed`: after `tries`, or `timeout` seconds.
    """

    noisy = False
    transport: Any

    def __init__(
        self,
        request: Message,
        address: tuple[str, int],
        clock: IReactorTime,
        report: Report,
        dialect: Dialect = UNKNOWN,
        *,
        timeout: float = PATIENCE,
        tries: int = TRIES,
    ) -> None:
        self.tries = 0
        self.outcome: Deferred[Exchange] = Deferred(lambda _: self._close())
        self._request = request
        self._data = dialect.encode(request)
        self._address = address
        self._clock = clock
        self._report = report
        self._timeout = timeout
        self._most = tries
        self._timer: Deadline | None = None

    def begin(self, reactor: Any) -> Deferred[Exchange]:
        """Send the request, from a free port of this host. Returns `outcome`."""
        try:
            reactor.listenUDP(0, self, interface="::" if ":" in self._address[0] else "")
        except CannotListenError as error:
            self._end(ExchangeFailed(error.socketError.strerror))
        return self.outcome

    def startProtocol(self) -> None:
        self._socket = self.transport.getHandle()
        self._deadline = self._clock.seconds() + self._timeout
        try:
            self.transport.connect(*self._address)
        except OSError as error:
            self._end(NobodyThere(error.strerror))
        else:
            self._send()

    def datagramReceived(self, data: bytes, address: object) -> None:
        try:
            received = Decoder(REPLIES).take_first(data)
        except ReportedError as error:
            if error.reported == Stopping.code and not in_range(self._request.number):
                self._end(ServerStopped(str(error)))
            else:
                self._end(ExchangeFailed(f"error reply: {error.reported}: {error}"))
        except MessageError:
            pass  # a stray
        else:
            self._end(without_sum(Exchange(self._request, received.message), received.dialect))

    def connectionRefused(self) -> None:
        """The port is closed."""
        if self.tries > 1 and not in_range(self._request.number):
            # There was a server. The exercise has it end on such a number, without a word.
            number = shorten(str(self._request.number))
            self._end(ServerStopped(f"{number} is out of range"))
        else:
            self._end(NobodyThere("Connection refused"))

    def stopProtocol(self) -> None:
        """The socket is to be closed; if not by us, then by an error, as Twisted's epoll has it."""
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number in (0, errno.ECONNREFUSED):
            self.connectionRefused()
        else:
            self._end(ExchangeFailed(os.strerror(number)))

    def _send(self) -> None:
        wait = FIRST_WAIT * 2**self.tries
        left = max(0, self._deadline - self._clock.seconds())
        if self.tries and not left:  # this process may have slept
            self._giveUp()
            return
        self.tries += 1
        if self.tries == self._most or left <= wait:
            self._wait(min(wait, left), self._giveUp)
        else:
            self._wait(wait, self._send)
        try:
            self.transport.write(self._data)
        except OSError as error:
            self._end(ExchangeFailed(error.strerror))
        else:
            self._report.sent(again=self.tries > 1)

    def _wait(self, seconds: float, passed: Callable[[], object]) -> None:
        self._timer = Deadline(self._clock, seconds, passed, lambda: unread(self.transport) > 0)

    def _giveUp(self) -> None:
        times = "1 try" if self.tries == 1 else f"{self.tries} tries"
        self._end(ExchangeFailed(f"no reply to {times}"))

    def _end(self, outcome: Exchange | Exception) -> None:
        if self.outcome.called:
            return
        self._close()
        if isinstance(outcome, Exception):
            self.outcome.errback(outcome)
        else:
            self.outcome.callback(outcome)

    def _close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self.transport:
            self.transport.stopListening()


async def exchange_datagrams(
    reactor: Any,
    requests: Sequence[Message],
    addresses: Sequence[tuple[str, int]],
    report: Report,
    dialect: Dialect,
    timeout: float,
) -> None:
    """Exchange `requests`, in order, with the server at the first of `addresses` that has one.

    `timeout` is the seconds that a reply may take. Raises `ExchangeFailed`.
    """
    left = list(requests)
    places = list(addresses)
    while left:
        client = SumDatagramClient(left[0], places[0], reactor, report, dialect, timeout=timeout)
        try:
            exchange = await client.begin(reactor)
        except NobodyThere as why:
            del places[0]
            if not places:
                raise ExchangeFailed(str(why)) from None
        except ServerStopped as stopped:
            del left[0]
            if left:
                raise stopped.too_early() from None
            report.stopped(str(stopped))
        else:
            del left[0]
            report.exchanged(exchange, client.tries)
