"""Bytes to messages and back, in the dialect of the peer. Pure: no I/O, no clock.

A `Decoder` is fed with what arrives and hands out whole messages, each with its `Dialect`:
what is needed to write a reply just as the peer wrote its request. Nothing it hands out
depends on how the bytes were cut into segments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..message import HIGHEST, Malformed, Message, MessageError
from .base import Begun, Dialect, Framing, Newline, Received, Taken
from .objects import JsonObject, Objects
from .records import Record, Records, TextRecord
from .text import UNKNOWN, Lines, ReplyLines, Separated, Text, TwoLines, read_fields

__all__ = [
    "DIALECTS",
    "REPLIES",
    "UNKNOWN",
    "WITHOUT_NEWLINE",
    "Begun",
    "Decoder",
    "Dialect",
    "Framings",
    "JsonObject",
    "Newline",
    "Received",
    "Record",
    "Separated",
    "Text",
    "TextRecord",
    "TwoLines",
    "misread_in",
    "read_fields",
    "reads_back",
]


class Framings(NamedTuple):
    """What can be read: the framing of a message by its first byte, and that of all others."""

    by_first_byte: Mapping[int, Framing]
    text: Framing


_RECORDS = dict.fromkeys(range(4), Records())

REQUESTS = Framings({ord("{"): Objects(aside={"id"}), **_RECORDS}, Lines())
"""What a server understands."""

REPLIES = Framings({ord("{"): Objects(aside={"id", "sum"}), **_RECORDS}, ReplyLines())
"""What a client understands: servers may tell the sum beside their name and number."""

DIALECTS: Mapping[str, Callable[[str], Dialect]] = {
    "comma": lambda newline: Separated(",", newline),
    "pipe": lambda newline: Separated("|", newline),
    "semicolon": lambda newline: Separated(";", newline),
    "colon": lambda newline: Separated(":", newline),
    "space": lambda newline: Separated(" ", newline),
    "number-first": lambda newline: Separated(",", newline, number_first=True),
    "two-lines": lambda newline: TwoLines("\r\n", newline),
    "json": lambda newline: JsonObject(('{"name": ', ', "number": ', "}"), False, newline),
    "record": lambda newline: Record(),
    "text-record": lambda newline: TextRecord(","),
}
"""What a client can speak, made from the newline that ends its messages, which may be none."""

WITHOUT_NEWLINE = frozenset({"record", "text-record"})
"""Those of `DIALECTS` whose messages end in no newline anyway."""


class Decoder:
    """Makes messages of the bytes of one connection, framed as `framings` has it."""

    def __init__(self, framings: Framings = REQUESTS) -> None:
        self._framings = framings
        self._data = b""
        self._start = 0
        self._begun = Begun()
        self._shown: Dialect = UNKNOWN
        self._newline_may_follow = False

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._data = self._data[self._start :] + data
        self._start = 0

    @property
    def pending(self) -> bytes:
        """What is not part of a message taken so far."""
        return self._data[self._start :]

    @property
    def dialect(self) -> Dialect:
        """The dialect to tell the peer of an error in: of what it is sending, or sent last."""
        if self._start < len(self._data):
            begun = self._framing().error_dialect(self._data, self._start)
            return begun or self._shown
        return self._shown

    def take(self) -> Received | Newline | None:
        """The next message, or the newline of the last; None until more bytes come.

        Raises `MessageError` for bytes that are none; the decoder is of no use then.
        """
        if self._start == len(self._data):
            self._data = b""  # an idle connection must not hold its last chunk
            self._start = 0
            return None
        if self._newline_may_follow:
            head = self._data[self._start : self._start + 2]
            if head == b"\r":
                return None
            self._newline_may_follow = False
            for newline in (b"\n", b"\r\n"):
                if head.startswith(newline):
                    self._start += len(newline)
                    return Newline(newline)
        return self._consume(self._framing().take(self._data, self._start, self._begun))

    def finish(self) -> Received | None:
        """The rest as a message that ends in silence; None if it is no whole message.

        To be called when `take` gave None. Raises `MessageError` like it.
        """
        if self._start == len(self._data):
            return None
        return self._consume(self._framing().finish(self._data, self._start))

    def take_first(self, datagram: bytes) -> Received:
        """The message that `datagram` begins with, and that ends with it if not before.

        Raises `MessageError` if there is none.
        """
        self.feed(datagram)
        received = self.take() or self.finish()
        if not isinstance(received, Received):
            raise Malformed("the end of the message is missing")
        return received

    def _framing(self) -> Framing:
        framings = self._framings
        return framings.by_first_byte.get(self._data[self._start], framings.text)

    def _consume(self, taken: Taken | None) -> Received | None:
        if taken is None:
            return None
        received, self._start = taken
        if self._begun.looked:
            self._begun = Begun()
        self._shown = received.dialect
        self._newline_may_follow = received.dialect.newline_may_follow
        return received


_ANY = Message("any", 1)


def reads_back(message: Message, dialect: Dialect) -> bool:
    """Whether `message` in `dialect` says what it means; a name may make it say something else.

    ``Ann 5`` and 42, say, in two lines: the first is a message. Raises `MessageError` if the
    dialect has no way to write it.
    """
    data = dialect.encode(message)
    decoder = Decoder()
    try:
        received = decoder.take_first(data)
    except MessageError:
        return False
    same_dialect = received.dialect.encode(_ANY) == dialect.encode(_ANY)
    return not decoder.pending and received.message == message and same_dialect


def misread_in(name: str) -> list[str]:
    """The `DIALECTS` in which a message from `name` may be read as another one."""
    message = Message(name, HIGHEST)
    return [
        option for option, dialect in DIALECTS.items() if not reads_back(message, dialect("\n"))
    ]
