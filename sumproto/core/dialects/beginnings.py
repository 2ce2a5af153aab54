"""The first bytes of a message, which choose its framing. Pure."""

from __future__ import annotations

import re

from ..message import MAX_MESSAGE
from .base import Begun, Dialect, Framing, Taken, too_long
from .envelopes import Counted, Line, Utf16
from .records import Records
from .structures import Structures
from .text import TEXT_RECORD, Text
from .utf16 import Utf16Lines

_STRUCTURES = Structures()
_RECORDS = {
    (counted.size, counted.order): Records(counted)
    for counted in (TEXT_RECORD, Counted(4, ">"), Counted(2, "<"), Counted(4, "<"))
}
_UTF16 = {order: Utf16Lines(order) for order in "<>"}
_MARKS = {b"\xff\xfe": "<", b"\xfe\xff": ">"}

_HIGH_BYTES = range(4)
"""The high byte of a length of two bytes, for a message of at most 1024."""

_AS_HIGH_BYTES = tuple(bytes([byte]) for byte in _HIGH_BYTES)
_LONGEST_LENGTH = 4
_LOOK_AHEAD = 32

# Empty lines, the byte-order mark of UTF-8, four NULs or more (no length is that), and the commands
# of telnet (RFC 854). A CR or LF may be the low byte of a length: the next byte shows that.
_NOTHING = re.compile(
    rb"(?:[ \t]*\r\n|[ \t]+(?:\n|\r(?=[^\n]))|\n(?=[^\0-\3])|\r(?=[^\n\0-\3])|\xef\xbb\xbf|\0{4,}"
    rb"|\xff(?:[\xfb-\xfd].|\xfe[\0-\x27](?=[^\0])|\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0"
    rb"|[\xf1-\xf9]))+",
    re.S,
)
_NOTHING_IN_TELNET = re.compile(rb"(?:[ \t]*\r\0)+|" + _NOTHING.pattern, re.S)
MAY_BE_NOTHING = frozenset(b" \t\r\n\xef\0\xff")
"""The first bytes of what `skip_nothing` may skip."""

_TELNET = Line("\r\0")
_DEL = 0x7F
_IAC = 0xFF
_COMMANDS = range(0xFA, 0xFF)
"""The telnet commands with more than one byte behind IAC."""


class _NotYet(Framing):
    """The framing of a message with too few bytes yet to choose its real framing."""

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        if len(data) - start > MAX_MESSAGE:
            raise too_long()
        return None

    def finish(self, data: bytes, start: int) -> Taken | None:
        return None

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        return None


_NOT_YET = _NotYet()


def skip_nothing(data: bytes, start: int, last: Dialect) -> int:
    """Where in `data`, from `start` on, the next message begins: behind what belongs to none.

    `last` is the dialect of the message before.
    """
    is_telnet = isinstance(last, Text) and last.envelope == _TELNET
    found = (_NOTHING_IN_TELNET if is_telnet else _NOTHING).match(data, start)
    return found.end() if found else start


def framing_of(data: bytes, start: int, last: Dialect, text: Framing) -> Framing:
    """The framing of the message that begins at `start`; `text` is the framing of text.

    `last` is the dialect of the message before: in UTF-16, only the first has a mark.
    """
    first = data[start]
    is_text = 0x20 <= first < 0xFE and first != _DEL
    if is_text and not data.startswith(_AS_HIGH_BYTES, start + 1):
        return text if first not in b"{[" else _framing_of_structure(data, start, text)
    if mark := _MARKS.get(data[start : start + 2]):
        return _UTF16[mark]
    if isinstance(last, Text) and isinstance(last.envelope, Utf16):
        return _UTF16[last.envelope.order]
    return _framing_of_binary(data[start : start + _LONGEST_LENGTH], text)


def _framing_of_structure(data: bytes, start: int, text: Framing) -> Framing:
    """The framing of what begins with a bracket: in a JSON list, a string or a bracket follows."""
    if data[start] == ord("{"):
        return _STRUCTURES
    inside = data[start + 1 : start + _LOOK_AHEAD].lstrip(b" \t\r\n")
    if not inside:
        return _NOT_YET
    return _STRUCTURES if inside[0] in b'"[{' else text


def _framing_of_binary(head: bytes, text: Framing) -> Framing:
    """The framing of what may begin with a binary length: big-endian if it begins with 0 to 3."""
    if len(head) < 2:
        return _NOT_YET
    first, second, *_ = head
    if first == _IAC and second in _COMMANDS:  # it would have been skipped if it were whole
        return _NOT_YET
    if first in _HIGH_BYTES and (first or second):
        return _RECORDS[2, ">"]
    if second not in _HIGH_BYTES:
        return text
    if len(head) < _LONGEST_LENGTH:
        return _NOT_YET
    if first in _HIGH_BYTES:
        return _RECORDS[4, ">"]
    return _RECORDS[4 if head.endswith(b"\0\0") else 2, "<"]
