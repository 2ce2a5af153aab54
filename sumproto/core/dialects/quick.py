"""The quick way to read what most peers send. Pure.

Peers send the same message over and over, with another number. So what is around the digits is read
once, by the slow way, which is the specification: `tests/test_dialects.py` compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ..message import Message, MessageError, in_range
from .base import Dialect, Received

_DIGITS = b"0123456789"
_ONE_TO_NINE = tuple(b"%c" % digit for digit in b"123456789")
_ONE_NUMBER = re.compile(rb"([^0-9]*)([0-9]{1,3})([^0-9]*)")
_MOST_DIGITS = 3
_REMEMBERED = 1024
_LONGEST = 128
"""Bytes of a message that is remembered, so that all take some hundred KiB."""

Around = tuple[str, Dialect]
"""Who speaks in a message, and how it is written."""


class QuickReader:
    """Reads a message like `slowly`, and remembers what is around its number.

    `slowly` gives None, or raises `MessageError`, for what is no message in itself. It is given
    the bytes of a message and of the newline behind it.
    """

    def __init__(self, slowly: Callable[[bytes, bytes], Received | None]) -> None:
        self._slowly = slowly
        self._around = lru_cache(maxsize=_REMEMBERED)(self._read_around)

    def read(self, data: bytes, newline: bytes) -> Received | None:
        """The message that is `data`; None if it takes the slow way.

        That is for numbers with a sign or more than three digits, and those out of range.
        """
        if len(data) > _LONGEST:
            return None
        head, tail = data.rstrip(_DIGITS), b""
        digits = data[len(head) :]
        if not digits:
            found = _ONE_NUMBER.fullmatch(data)
            if not found:
                return None
            head, digits, tail = found.groups()
        if len(digits) > _MOST_DIGITS or not in_range(number := int(digits)):
            return None
        around = self._around(head, tail, newline)
        return Received(Message(around[0], number), around[1]) if around else None

    def _read_around(self, head: bytes, tail: bytes, newline: bytes) -> Around | None:
        around = head + tail
        digit = next((digit for digit in _ONE_TO_NINE if digit not in around), None)
        if digit is None:
            return None
        try:
            received = self._slowly(head + digit + tail, newline)
        except MessageError:
            return None
        # A digit that is nowhere else: in ``1,Ann7`` the number is not what is at the end.
        if not received or received.message.number != int(digit):
            return None
        return received.message.name, received.dialect
