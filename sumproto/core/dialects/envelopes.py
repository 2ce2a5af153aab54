"""Envelopes: what is around the text of a message on the wire. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

_ORDERS: dict[str, Literal["little", "big"]] = {"<": "little", ">": "big"}


class Envelope(ABC):
    """What makes bytes of a text such that the peer knows where it ends."""

    @abstractmethod
    def wrap(self, text: str) -> bytes:
        """The bytes of a message that is `text`."""

    def wrap_error(self, text: str) -> bytes:
        """The bytes of an error that is `text`."""
        return self.wrap(text)


@dataclass(frozen=True)
class Line(Envelope):
    """A text and its `newline`: LF, CRLF, CR, the CR NUL of telnet, or nothing."""

    newline: str

    def wrap(self, text: str) -> bytes:
        return (text + self.newline).encode()


@dataclass(frozen=True)
class Padded(Envelope):
    """A text of C: at least one NUL behind it, and as many as make it `size` bytes."""

    size: int

    def wrap(self, text: str) -> bytes:
        return text.encode().ljust(self.size - 1, b"\0") + b"\0"


@dataclass(frozen=True)
class Terminated(Envelope):
    """A text of C with the one NUL that ends it."""

    def wrap(self, text: str) -> bytes:
        return text.encode() + b"\0"


@dataclass(frozen=True)
class Utf16(Envelope):
    """A line in UTF-16, in a byte order of `struct`, with the byte-order mark that was there."""

    order: str
    mark: str
    newline: str

    def wrap(self, text: str) -> bytes:
        codec = "utf-16-le" if self.order == "<" else "utf-16-be"
        return (self.mark + text + self.newline).encode(codec)


@dataclass(frozen=True)
class Counted(Envelope):
    """A text behind its length in bytes, an integer of `size` bytes in an `order` of `struct`."""

    size: int
    order: str

    def wrap(self, text: str) -> bytes:
        encoded = text.encode()
        return self.head(len(encoded)) + encoded

    def head(self, length: int) -> bytes:
        """The bytes of `length`."""
        return length.to_bytes(self.size, _ORDERS[self.order])

    def length(self, data: bytes, start: int) -> int:
        """The length that is at `start` in `data`."""
        return int.from_bytes(data[start : start + self.size], _ORDERS[self.order])

    def wrap_error(self, text: str) -> bytes:
        return f"{text}\r\n".encode()


@dataclass(frozen=True)
class Headed(Envelope):
    """A text behind its length in bytes as decimal digits in a field of `width` characters.

    `align` is how `format` fills the field: ``<``, ``>`` or ``^`` with blanks, ``0>`` with zeros.
    """

    width: int
    align: str

    def wrap(self, text: str) -> bytes:
        encoded = text.encode()
        return f"{len(encoded):{self.align}{self.width}}".encode() + encoded


@dataclass(frozen=True)
class Netstring(Envelope):
    """A text as in cr.yp.to/proto/netstrings.txt: ``16:Client of Ann,42,``."""

    def wrap(self, text: str) -> bytes:
        encoded = text.encode()
        return b"%d:%b," % (len(encoded), encoded)
