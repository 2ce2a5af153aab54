"""Bytes to messages and back, in the dialect of the peer. Pure: no I/O, no clock.

A `Decoder` is fed with what arrives and hands out whole messages, each with its `Dialect`:
what is needed to write a reply just as the peer wrote its request. Nothing it hands out
depends on how the bytes were cut into segments.
"""

from __future__ import annotations

from .base import Dialect, Framing, Received, Taken
from .text import UNKNOWN, Lines, Separated, TwoLines

__all__ = ["UNKNOWN", "Decoder", "Dialect", "Received", "Separated", "TwoLines"]

_LINES = Lines()

_FRAMINGS: dict[int, Framing] = {}
"""The framing of a message by its first byte; what is not here is text."""


class Decoder:
    """Makes messages of the bytes of one connection."""

    def __init__(self) -> None:
        self._data = b""
        self._start = 0
        self._shown: Dialect = UNKNOWN

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._data = self._data[self._start :] + data
        self._start = 0

    @property
    def pending(self) -> bool:
        """Whether there are bytes that are not part of a message taken so far."""
        return self._start < len(self._data)

    @property
    def dialect(self) -> Dialect:
        """The dialect to tell the peer of an error in: of what it is sending, or sent last."""
        if self.pending:
            begun = self._framing().error_dialect(self._data, self._start)
            return begun or self._shown
        return self._shown

    def take(self) -> Received | None:
        """The next message; None until more bytes come.

        Raises `MessageError` for bytes that are none; the decoder is of no use then.
        """
        if not self.pending:
            self._data = b""  # an idle connection must not hold its last chunk
            self._start = 0
            return None
        return self._consume(self._framing().take(self._data, self._start))

    def finish(self) -> Received | None:
        """The rest as a message that ends in silence; None if it is no whole message.

        To be called when `take` gave None. Raises `MessageError` like it.
        """
        if not self.pending:
            return None
        return self._consume(self._framing().finish(self._data, self._start))

    def _framing(self) -> Framing:
        return _FRAMINGS.get(self._data[self._start], _LINES)

    def _consume(self, taken: Taken | None) -> Received | None:
        if taken is None:
            return None
        received, self._start = taken
        self._shown = received.dialect
        return received
