"""The framing of objects and lists, which end with the bracket that closes them. Pure."""

from __future__ import annotations

import json
import re

from ..message import MAX_MESSAGE, Malformed, Reason
from .base import Begun, Dialect, Framing, Received, Taken, too_long
from .notation import Coding, Notation
from .objects import read_any
from .quick import QuickReader
from .text import Text, line, text_dialect

_INSIDE = {
    ord('"'): re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.S),
    ord("'"): re.compile(rb"[^'\\]*(?:\\.[^'\\]*)*", re.S),
}
_OUTSIDE = {ord("{"): re.compile(rb"[^\"'{}]*"), ord("["): re.compile(rb"[^\"'\[\]]*")}
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_ID = re.compile(rf'(?<!\\)"id"[ \t\r\n]*:[ \t\r\n]*({_STRING}|-?[0-9]+)[ \t\r\n]*[,}}]', re.S)
_LOOK_BACK = 32


class Structures(Framing):
    """An object or a list ends with its bracket; a newline right behind it is part of it."""

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        end = find_end(data, start, begun)
        if not end:
            if len(data) - start > MAX_MESSAGE:
                raise too_long()
            return None
        newline = _newline(data, end)
        structure = data[start:end]
        received = _QUICK.read(structure, newline) or _read(structure, newline)
        return received, end + len(newline)

    def finish(self, data: bytes, start: int) -> Taken | None:
        return None

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        end = find_end(data, start, Begun())
        newline = _newline(data, end) if end else b""
        text = data[start : start + MAX_MESSAGE].decode(errors="replace")
        return Text(
            Notation("", "", "", coding=Coding.JSON), line(newline.decode()), _find_id(text)
        )


def _read(data: bytes, newline: bytes) -> Received:
    """The message that is `data`, from a bracket to the one that closes it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8", Reason.ENCODING) from None
    found = read_any(text)
    assert found
    message, notation, id_ = found
    return Received(message, text_dialect(notation, line(newline.decode()), id_))


_QUICK = QuickReader(_read)


def find_end(data: bytes, start: int, begun: Begun) -> int:
    """The index behind the bracket that closes the one at `start`; 0 if it is not there yet.

    The state of `begun` is how many brackets are open, and the quote that is.
    """
    opener = data[start]
    closer = {ord("{"): ord("}"), ord("["): ord("]")}[opener]
    limit = min(len(data), start + MAX_MESSAGE)
    at = start + begun.looked
    depth, quote = begun.state or (0, 0)
    while at < limit:
        pattern = _INSIDE[quote] if quote else _OUTSIDE[opener]
        found = pattern.match(data, at, limit)
        at = found.end() if found else at
        if at == limit or data[at] == ord("\\"):  # the rest is half of an escape
            break
        byte = data[at]
        if quote:
            quote = 0
        elif byte == opener:
            depth += 1
        elif byte == closer:
            depth -= 1
            if not depth:
                return at + 1
        elif byte == ord('"') or _may_open(data[max(start, at - _LOOK_BACK) : at]):
            quote = byte
        at += 1
    begun.looked, begun.state = at - start, (depth, quote)
    return 0


def _may_open(before: bytes) -> bool:
    """Whether a ``'`` behind `before` opens a string, and is not that of O'Neil."""
    return before.rstrip()[-1:] in (b"{", b"[", b"(", b",", b":")


def _find_id(text: str) -> str | None:
    found = _ID.search(text)
    try:
        return found and json.dumps(json.loads(found[1]))
    except ValueError:
        return None


def _newline(data: bytes, start: int) -> bytes:
    """The newline at `start`, or nothing."""
    if data.startswith(b"\n", start):
        return b"\n"
    return b"\r\n" if data.startswith(b"\r\n", start) else b""
