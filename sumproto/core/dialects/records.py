"""Binary: a length, as many bytes of text, and the number in the text or behind it."""

from __future__ import annotations

import struct

from ..message import (
    MAX_MESSAGE,
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    parse_name,
    read_integer,
    shorten,
)
from .base import Begun, Dialect, Framing, Received, Taken, too_long
from .text import UNKNOWN, Separated, divide

_LENGTH = struct.Struct(">H")
_NUMBER = struct.Struct(">i")


class Record(Dialect):
    """u16 length, name, i32 number, big-endian: ``writeUTF`` and ``writeInt`` of Java."""

    label = "record"

    def encode(self, message: Message) -> bytes:
        """The bytes of `message`. Raises `OutOfRange` if the number does not fit in 32 bits."""
        name = message.name.encode()
        try:
            return _LENGTH.pack(len(name)) + name + _NUMBER.pack(message.number)
        except struct.error:
            number = shorten(str(message.number))
            raise OutOfRange(f"{number} does not fit in the 32 bits of a record") from None

    def encode_error(self, error: MessageError) -> bytes:
        return UNKNOWN.encode_error(error)


class TextRecord(Separated):
    """u16 length, big-endian, and ``Client of Ann,42``: ``writeUTF`` of Java."""

    label = "text-record"

    def __init__(self, separator: str) -> None:
        super().__init__(separator, "")
        self.newline_may_follow = False

    def encode(self, message: Message) -> bytes:
        return self.encode_text(f"{message.name}{self.separator}{message.number}")

    def encode_text(self, text: str) -> bytes:
        encoded = text.encode()
        return _LENGTH.pack(len(encoded)) + encoded

    def encode_error(self, error: MessageError) -> bytes:
        return UNKNOWN.encode_error(error)


class Records(Framing):
    """The length says where the text ends; only if there is no number in it, one follows."""

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        if len(data) - start < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(data, start)
        text_start = start + _LENGTH.size
        text_end = text_start + length
        if text_end - start > MAX_MESSAGE:
            raise too_long()
        if len(data) < text_end:
            return None
        try:
            text = data[text_start:text_end].decode()
        except UnicodeDecodeError:
            raise Malformed("it is not UTF-8") from None
        return _read_text_record(text, text_end) or self._read_record(text, data, start, text_end)

    def finish(self, data: bytes, start: int) -> Taken | None:
        return None

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        return UNKNOWN

    def _read_record(self, text: str, data: bytes, start: int, text_end: int) -> Taken | None:
        name = parse_name(text)
        end = text_end + _NUMBER.size
        if end - start > MAX_MESSAGE:
            raise too_long()
        if len(data) < end:
            return None
        (number,) = _NUMBER.unpack_from(data, text_end)
        return Received(Message(name, number), Record()), end


def _read_text_record(text: str, end: int) -> Taken | None:
    """`text` as a whole separated message; None if it is the name of a record."""
    divided = divide(text)
    if not divided or not divided[0]:
        return None
    name, separator, number = divided
    message = Message(parse_name(name), read_integer(number))
    return Received(message, TextRecord(separator)), end
