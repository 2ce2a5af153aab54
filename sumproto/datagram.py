"""The server over UDP: a request is a datagram, in any dialect, and so is its reply."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from .dialects import Decoder, Received
from .message import Busy, Malformed, MessageError, OutOfRange
from .observer import Peer
from .responder import Responder

MAX_DATAGRAM = 8 * 1024 + 1
"""Bytes that are read of a datagram: one more than the longest number, out of range, may have."""

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
