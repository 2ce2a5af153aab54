"""The server over UDP: a request is a datagram, in any dialect, and so is its reply."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from ..core import Decoder, Malformed, MessageError, OutOfRange, Peer, Reason, Received
from ..twisted_gaps import read_datagrams_at_most
from .responder import Responder
from .sources import Sources

MAX_DATAGRAM = 8 * 1024 + 1
"""Bytes that are read of a datagram: one more than the longest number, out of range, may have."""

_TURN = 100
"""Datagrams that are read before others have their turn."""

_TURN_BYTES = 256 * 1024
"""Bytes of datagrams that are read before others have their turn."""

_LEAST_BUFFER = 256
"""The fewest bytes that the kernel counts for a datagram in its buffer."""


class SumDatagramProtocol(DatagramProtocol):
    """The server of a UDP port.

    It drops what is no message and answers only messages: the source of noise may be a lie, and an
    answer would go to somebody who sent nothing.
    """

    noisy = False
    transport: Any  # what a reactor gives is more than an interface promises

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._sources = Sources()
        self._read = 0  # datagrams in this turn

    def datagramReceived(self, data: bytes, address: tuple[str, int]) -> None:
        self._limit_turn()
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
            verdict = self._responder.verdict(peer, error)
            if isinstance(error, OutOfRange):
                self._send(decoder.dialect.encode_error(verdict), address)
            self._responder.refused(peer, error, verdict)
        else:
            if self._send(reply, address) and self._responder.watched:
                self._responder.exchanged(peer, [(exchange, received.dialect)], since)

    def drain(self) -> None:
        """Answer what the kernel has received."""
        size = self.transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        for _ in range(1 + size // (_LEAST_BUFFER * _TURN)):
            self._next_turn()
            self.transport.doRead()

    def _send(self, data: bytes, address: tuple[str, int]) -> bool:
        """Send `data`, and return whether that could be done: a datagram may be lost."""
        try:
            self.transport.write(data, address)
        except OSError:  # there is no way to the address, or no room in the kernel
            return False
        return True

    def _limit_turn(self) -> None:
        """End this turn after `_TURN` datagrams: by itself, a port counts bytes alone."""
        self._read += 1
        if self._read == _TURN:
            read_datagrams_at_most(self.transport, 0)
            self._responder.clock.callLater(0, self._next_turn)

    def _next_turn(self) -> None:
        self._read = 0
        read_datagrams_at_most(self.transport, _TURN_BYTES)


def _take_only(decoder: Decoder, datagram: bytes) -> Received:
    """The message that is all of `datagram`. Raises `MessageError` if it is anything else."""
    received = decoder.take_first(datagram)
    if decoder.pending:
        raise Malformed("there is more than a message in the datagram", Reason.NOT_ALONE)
    return received
