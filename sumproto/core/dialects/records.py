"""Records: a length, as many bytes of text, and the number in the text or behind it. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Hashable
from typing import Literal

from ..message import (
    MAX_MESSAGE,
    Message,
    MessageError,
    OutOfRange,
    parse_name,
    parse_number,
    shorten,
)
from .base import Begun, Dialect, Framing, Received, Taken, too_long
from .credible import IN_BINARY, Width, check_credible, check_int
from .envelopes import Counted
from .objects import Found, read_any
from .text import TEXT_RECORD, UNKNOWN, decode, text_dialect

_INT = 4
_DIGITS = range(1, 12)
_BEGUN_NUMBER = re.compile(rb"[+-]?[0-9]*")
_DIVIDING = frozenset(" \t,;:|=&/~")
"""What is between the two in a text; a record may have the name ``Client-7``."""


class Record(Dialect):
    """A length, a name and an i32 number: ``writeUTF`` and ``writeInt`` of Java, ``struct``.

    With `number_as_text` the number is a second text behind its length: ``writeUTF`` twice. With
    `all_counted` the length is that of the name and the number.
    """

    def __init__(
        self, counted: Counted, number_as_text: bool = False, all_counted: bool = False
    ) -> None:
        self.counted = counted
        self.number_as_text = number_as_text
        self.all_counted = all_counted

    @property
    def shape(self) -> Hashable:
        return Record, self.counted, self.number_as_text, self.all_counted

    def encode(self, message: Message) -> bytes:
        """The bytes of `message`. Raises `OutOfRange` if the number does not fit in 32 bits."""
        name, number = message.name.encode(), message.number
        if self.number_as_text:
            return self.counted.wrap(message.name) + self.counted.wrap(str(number))
        try:
            packed = struct.pack(f"{self.counted.order}i", number)
        except struct.error:
            text = shorten(str(number))
            raise OutOfRange(f"{text} does not fit in the 32 bits of a record") from None
        return self.counted.head(len(name) + _INT * self.all_counted) + name + packed

    def encode_error(self, error: MessageError, hint: str = "") -> bytes:
        return UNKNOWN.encode_error(error, hint)


class Records(Framing):
    """What begins with a length in binary, as `counted` has it."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        counted = self._counted
        text_start = start + counted.size
        text_end = text_start + counted.length(data, start)
        if text_end - start > MAX_MESSAGE:
            raise too_long()
        if len(data) < text_end:
            return None
        content = data[text_start:text_end]
        if b"\0" in content and len(content) > _INT:
            name = parse_name(decode(content[:-_INT]))
            return self._record(name, content[-_INT:], text_end, all_counted=True)
        text = decode(content)
        if read_ := _read_text(text):
            message, notation, id_ = read_
            return Received(message, text_dialect(notation, counted, id_)), text_end
        name = parse_name(text)
        if text_end + _INT - start > MAX_MESSAGE:
            raise too_long()
        if (written := self._take_written(name, data, text_end)) is not None:
            return written or None
        number = data[text_end : text_end + _INT]
        return self._record(name, number, text_end + _INT) if len(number) == _INT else None

    def announced(self, data: bytes) -> tuple[int, int]:
        """The length that `data` begins with, and how many bytes are behind it."""
        return self._counted.length(data, 0), max(0, len(data) - self._counted.size)

    def finish(self, data: bytes, start: int) -> Taken | None:
        return None

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        return UNKNOWN

    def _take_written(self, name: str, data: bytes, start: int) -> Taken | Literal[False] | None:
        """The record whose number is text at `start`, behind its own length.

        False if more of it has to come; None if there is no such number.
        """
        counted = self._counted
        if counted is not TEXT_RECORD or len(data) < start + counted.size:
            return None
        length = counted.length(data, start)
        start += counted.size
        digits = data[start : start + length]
        if length not in _DIGITS or not _BEGUN_NUMBER.fullmatch(digits):
            return None
        if len(digits) < length:
            return False
        if not digits[-1:].isdigit():
            return None
        message = Message(name, parse_number(digits.decode()))
        check_credible(*message, length, Width.COMMA)
        return Received(message, Record(counted, number_as_text=True)), start + length

    def _record(self, name: str, number: bytes, end: int, all_counted: bool = False) -> Taken:
        (value,) = struct.unpack(f"{self._counted.order}i", number)
        check_int(number, value)
        check_credible(name, value, IN_BINARY, Width.COMMA)
        return Received(Message(name, value), Record(self._counted, all_counted=all_counted)), end


def _read_text(text: str) -> Found | None:
    """`text` as a whole message; None if it is the name of a record."""
    found = read_any(text)
    if not found or not (text[0] in "{[" or _DIVIDING.intersection(found[1].between)):
        return None
    return found
