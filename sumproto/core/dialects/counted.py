"""Text behind its length in decimal digits: a header of fixed width, or a netstring. Pure."""

from __future__ import annotations

import re
from typing import Literal

from ..message import MAX_MESSAGE, MessageError
from .base import Received, Taken
from .envelopes import Envelope, Headed, Netstring
from .objects import read_any
from .text import decode, text_dialect

_HEADER = re.compile(rb"( *)([0-9]+)( *)")
_NETSTRING = re.compile(rb"([0-9]{1,4}):")
_LENGTH = re.compile(rb" *[0-9]+[: ]*")
_WIDTHS = range(4, 65)
_MOST_DIGITS = 4
MAY_COUNT = frozenset(b" 0123456789")
"""The first bytes of a text that may begin with its length."""


def take_counted(data: bytes, start: int) -> Taken | Literal[False] | None:
    """The message behind its length; False if it is not whole yet; None if no length is right.

    A length is right if no newline comes before its end, and it holds a message.
    """
    envelope: Envelope
    if found := _NETSTRING.match(data, start):
        envelope, digits, behind = Netstring(), found[1], b","
    elif found := _HEADER.match(data, start, start + _WIDTHS[-1]):
        before, digits, after = found.groups()
        if len(found[0]) not in _WIDTHS:
            return None
        zeros = digits.startswith(b"0") and not before and not after
        align = "0>" if zeros else "^" if before and after else ">" if before else "<"
        envelope, behind = Headed(len(found[0]), align), b""
    else:
        return None
    length = int(digits) if len(digits.lstrip(b"0")) <= _MOST_DIGITS else 0
    end = found.end() + length
    content = data[found.end() : end]
    if not length or end + len(behind) - start > MAX_MESSAGE or _is_divided(content, length):
        return None
    # ``0011 /Client,101 HTTP/1.1``: a web page may choose the method, and a path has a slash first.
    if content.startswith(b"/"):
        return None
    if len(content) < length:
        return False
    text = content.rstrip(b"\r\n")
    try:
        read_ = read_any(decode(text), glued=True)
    except MessageError:
        return None
    if read_ and len(data) < end + len(behind):
        return False
    if not read_ or not data.startswith(behind, end):
        return None
    message, notation, id_ = read_
    notation = notation._replace(behind=notation.behind + content[len(text) :].decode())
    return Received(message, text_dialect(notation, envelope, id_)), end + len(behind)


def waits_for_more(data: bytes, start: int) -> bool:
    """Whether the length in `data` asks for more, though a name and a number are there.

    ``20:Client of Ann Lee,42`` waits for a comma; ``20:Client of Ann Lee`` is number first.
    """
    found = _LENGTH.match(data, start)
    if not found or take_counted(data, start) is not False:
        return False
    try:
        return bool(read_any(decode(data[found.end() :])))
    except MessageError:
        return False


def _is_divided(content: bytes, length: int) -> bool:
    """Whether `content` has a newline before the end of its message of `length` bytes."""
    return b"\n" in content[: length - 1] or b"\r" in content[: length - 2]
