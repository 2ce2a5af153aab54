"""Structs of C: a name in an array of characters, filled with NULs, and an int of 32 bits. Pure."""

from __future__ import annotations

from ..message import Malformed, Message, MessageError, Reason, parse_name
from .base import Dialect, Received, Taken
from .credible import IN_BINARY, Width, check_credible, check_int
from .text import UNKNOWN

_INT = 4


class Struct(Dialect):
    """`name_size` bytes with the name and NULs, and an int in a byte `order` of `int.to_bytes`."""

    def __init__(self, name_size: int, order: str) -> None:
        self.name_size = name_size
        self.order = order

    def encode(self, message: Message) -> bytes:
        """The bytes of `message`; a name that is too long for its array, with a NUL, is cut."""
        name = message.name.encode()[: self.name_size - 1].decode(errors="ignore").encode()
        return name.ljust(self.name_size, b"\0") + _pack(message.number, self.order)

    def encode_error(self, error: MessageError, hint: str = "") -> bytes:
        return UNKNOWN.encode_error(error, hint)


def _pack(number: int, order: str) -> bytes:
    return number.to_bytes(_INT, order, signed=True)  # type: ignore[arg-type]


def take_struct(data: bytes, start: int, nul: int, end: int) -> Taken | None:
    """The struct whose name ends at `nul` and its padding at `end`, if the next message is there.

    An int from 1 to 255 has one byte that is not NUL: if three NULs follow it, it is the first of
    the int, else the last. Only silence shows where other ints end.
    """
    if len(data) < end + _INT:
        return None
    if data.startswith(b"\0\0\0", end + 1):
        if len(data) > end + _INT:
            return _read(data, start, nul, end + _INT)
    elif end - nul >= _INT and _begins_text(data[end + 1]) and not data[end : end + 2].isdigit():
        return _read(data, start, nul, end + 1)
    return None


def may_be_struct(data: bytes, start: int, nul: int, end: int) -> bool:
    """Whether an int of a struct may be behind the NULs from `nul` to `end`, rather than text.

    It is asked where the name ends in digits, and is a message alone: ``Player1``. Programs choose
    an array whose size 4 or 10 divides, so the place of the int shows that it is one.
    """
    if end - nul >= _INT and _is_usual(end + 1 - _INT - start):
        return True
    return _is_usual(end - start) and b"\0\0\0".startswith(data[end + 1 : end + _INT])


def _is_usual(size: int) -> bool:
    return size % 4 == 0 or size % 10 == 0


def _begins_text(byte: int) -> bool:
    """Whether `byte` may be the first of text in UTF-8, such as the name in the next struct."""
    return 0x20 <= byte < 0x7F or 0xC2 <= byte <= 0xF4


def finish_struct(data: bytes, start: int, nul: int) -> Taken | None:
    """The struct that is all of `data` from `start` on; None if it is none."""
    number = data[-_INT:]
    if len(data) - _INT < nul or not any(number) or any(data[nul : len(data) - _INT]):
        return None
    return _read(data, start, nul, len(data))


def _read(data: bytes, start: int, nul: int, end: int) -> Taken:
    """The struct from `start` to `end`, in the byte order whose number is nearer to 0."""
    try:
        name = parse_name(data[start:nul].decode())
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8", Reason.ENCODING) from None
    written = data[end - _INT : end]
    number, order = min(
        ((int.from_bytes(written, order, signed=True), order) for order in ("big", "little")),
        key=lambda pair: abs(pair[0]),
    )
    check_int(written, number)
    check_credible(name, number, IN_BINARY, Width.COMMA)
    return Received(Message(name, number), Struct(end - _INT - start, order)), end
