"""The server over UDP: a request is a datagram, in any dialect, and so is its reply."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from ..core import Decoder, Malformed, MessageError, OutOfRange, Peer, Received
from .responder import Responder
from .sources import Sources

MAX_DATAGRAM = 8 * 1024 + 1
"""Bytes that are read of a datagram: one more than the longest number, out of range, may have."""


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
        self._sources = Sources()

    def startProtocol(self) -> None:
        self._throughput = self.transport.maxThroughput
        self._read = 0

    def datagramReceived(self, data: bytes, address: tuple[str, int]) -> None:
        self._limitTurn()
        since = self._responder.clock.seconds()
        peer = Peer("udp", *address)
        try:
            self._sources.check(address, since)
        except MessageError as error:
            self._responder.refused(peer, error, error)  # no verdict: the source may be a lie
            return
        decoder = Decoder()
        try:
            received = _take_only(decoder, data)
            exchange, reply = self._responder.answer(received)
        except MessageError as error:
            told = self._responder.verdict(peer, error)
            if isinstance(error, OutOfRange):
                self._send(decoder.dialect.encode_error(told), address)
            self._responder.refused(peer, error, told)
        else:
            if self._send(reply, address) and self._responder.watched:
                self._responder.exchanged(peer, [(exchange, received.dialect)], since)

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


def _take_only(decoder: Decoder, datagram: bytes) -> Received:
    """The message that is all of `datagram`. Raises `MessageError` if it is anything else."""
    received = decoder.take_first(datagram)
    if decoder.pending:
        raise Malformed("there is more than a message in the datagram")
    return received
