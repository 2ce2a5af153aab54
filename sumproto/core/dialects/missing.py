"""What a message lacks that has begun and does not go on, for its sender to be told. Pure.

Nothing here is needed to read a message: it is asked only about those that wait.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..foreign import LOOKED_AT, name_request
from ..message import INTEGER, Malformed, MessageError, Reason, TimedOut, escape
from .base import Framing
from .counted import announced, take_counted
from .halves import read_half
from .labels import labels_in
from .marks import BLANKS, CLASSIC
from .reading import read
from .records import Records
from .structures import Structures
from .text import decode
from .utf16 import Utf16Lines
from .words import Kind

_QUOTED = 40
"""Characters of what came that are quoted: as UTF-16, an error still has room for two of them."""

_UTF16_WITHOUT_MARK = re.compile(rb"(?:[^\0]\0){2}|(?:\0[^\0]){2}")
_NEWLINE = re.compile(r"\r?\n|\r")
_LAST_FIELD = re.compile(rf".*[{CLASSIC}][{BLANKS}]*(.*)")


class Missing(NamedTuple):
    """What is wrong with a begun message.

    It `is_near` if little is missing, or if nothing that may come can mend it: then it is not worth
    while to wait for more.
    """

    explanation: str
    reason: Reason
    is_near: bool = False

    def as_error(self) -> MessageError:
        """The error for a peer whose message has waited for too long."""
        kind = Malformed if self.is_near else TimedOut
        return kind(self.explanation, self.reason)


def missing(data: bytes, framing: Framing) -> Missing:
    """What `data` lacks, the beginning of a message whose end will be known by `framing`.

    That is a guess at what was meant. Its explanation quotes what came.
    """
    found = _missing(data, framing)
    return found._replace(explanation=f"I have {quote(data)}; {found.explanation}")


def quote(data: bytes) -> str:
    """`data` in quotes, as text that prints, and cut if it is long."""
    text = escape(data.decode(errors="backslashreplace"))
    return f"'{text}'" if len(text) <= _QUOTED else f"'{text[:_QUOTED]}...'"


def _missing(data: bytes, framing: Framing) -> Missing:
    if protocol := name_request(data[:LOOKED_AT]):
        return Missing(f"this is {protocol}", Reason.PROTOCOL, True)
    if _UTF16_WITHOUT_MARK.match(data):
        return Missing("it looks like UTF-16 without a byte-order mark", Reason.ENCODING, True)
    if isinstance(framing, Structures):
        return Missing("its closing bracket is missing", Reason.NOT_CLOSED)
    if isinstance(framing, Records):
        return _missing_in_record(*framing.announced(data))
    if isinstance(framing, Utf16Lines):
        return _missing_in_text(framing.decode(data).lstrip("\ufeff"))
    if length := announced(data) if take_counted(data, 0) is False else None:
        return _missing_in_record(*length)
    if b"\0" in data:
        return Missing("there is no number behind its NULs", Reason.NULS)
    try:
        text = decode(_without_begun_character(data))
    except Malformed as error:
        return Missing(str(error), error.reason, True)
    return _missing_in_text(text)


def _missing_in_record(length: int, came: int) -> Missing:
    """What a message lacks of which `came` bytes came behind its `length`."""
    if came < length:
        bytes_ = f"{came} byte came" if came == 1 else f"{came} bytes came"
        return Missing(f"a length of {length} was announced, and {bytes_}", Reason.LENGTH)
    return Missing("there is no number behind its length and its name", Reason.LENGTH)


def _without_begun_character(data: bytes) -> bytes:
    """`data` without the character of UTF-8 at its end that has begun."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return data[: error.start]
    return data


def _missing_in_text(text: str) -> Missing:
    """What `text` lacks: one line, or one and what has come of the next."""
    first, *rest = _NEWLINE.split(text, maxsplit=1)
    try:
        if not rest:
            return _missing_in_line(first)
        half = read_half(first)
        if half.is_number:
            return Missing("there is no name behind the number", Reason.NO_NAME)
        return _missing_in_field(half.text[slice(*half.value)], rest[0])
    except MessageError as error:
        return Missing(str(error), error.reason, True)


def _missing_in_line(text: str) -> Missing:
    """What `text` lacks, which no newline ends. Raises `Malformed` if nothing can mend it."""
    if read(text, glued=True):
        return Missing("the newline behind it is missing", Reason.NO_END)
    if INTEGER.fullmatch(text.strip(BLANKS)):
        return Missing("a name is missing", Reason.NO_NAME)
    if any(label.kind is Kind.NAME for label in labels_in(text)):
        return Missing("a number is missing", Reason.NO_NUMBER)
    read_half(text)
    return _missing_in_field(text, None)


def _missing_in_field(name: str, second: str | None) -> Missing:
    """What is missing where `name` is, and `second` has come of the next line if one has begun.

    What is behind a separator was meant as the number.
    """
    found = _LAST_FIELD.fullmatch(name)
    field = second.strip(BLANKS) if second else found[1].strip(BLANKS) if found else ""
    if field and not INTEGER.fullmatch(field):
        return Missing(f"{quote(field.encode())} is no integer", Reason.NO_INTEGER, True)
    if second is None:
        return Missing("a separator and a number are missing", Reason.NO_NUMBER)
    what = "its newline is" if field else "a number on the next line is"
    return Missing(f"{what} missing", Reason.NO_END if field else Reason.NO_NUMBER)
