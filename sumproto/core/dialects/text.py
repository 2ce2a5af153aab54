"""Text: a message is a notation in an envelope, and a reply is written in the same two. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from functools import lru_cache

from ..message import MAX_MESSAGE, Malformed, Message, MessageError, Reason, in_range
from .base import Dialect, Received, Taken, too_long
from .envelopes import Counted, Envelope, Line
from .marks import BLANKS, CLASSIC
from .notation import Coding, Notation, Read


class Text(Dialect):
    """Messages of text, a name and a number in what `notation` has around them.

    An error is a line that ends in a full stop, so it is never read as a message. In JSON it is an
    object, with the ``"id"`` of the message if that had one: `id_`, as JSON.
    """

    def __init__(self, notation: Notation, envelope: Envelope, id_: str | None = None) -> None:
        self.notation = notation
        self.envelope = envelope
        self.id = id_
        self.newline_may_follow = envelope == UNTERMINATED

    @property
    def separator(self) -> str | None:
        """What is between the name and the number; None if there is more around them."""
        before, between, behind, _, coding = self.notation
        if before or behind.strip(BLANKS) or coding is not Coding.PLAIN:
            return None
        return None if any(map(str.isalnum, between)) else between

    @property
    def shape(self) -> Hashable:
        before, between, behind, number_first, coding = self.notation
        if isinstance(self.envelope, Line) and coding is Coding.JSON:
            return coding
        around = before or behind or coding is not Coding.PLAIN
        separator = between.strip(BLANKS) if between else None
        if around or not isinstance(self.envelope, Line | Counted):
            return None
        if separator in NEWLINES:
            separator = "\n"
        if number_first or isinstance(self.envelope, Counted):
            separator = "," if separator in _PLAIN else None
        counted = self.envelope if isinstance(self.envelope, Counted) else None
        return separator, number_first, counted

    @property
    def is_json(self) -> bool:
        """Whether the text is JSON, in which nothing else can stand for a message."""
        return self.notation.coding is Coding.JSON

    def encode(self, message: Message) -> bytes:
        return self.envelope.wrap(self.notation.write(message))

    def encode_text(self, text: str) -> bytes:
        """The bytes of `text` in the place of a message."""
        return self.envelope.wrap(text)

    def encode_error(self, error: MessageError, hint: str = "") -> bytes:
        write = self._write_error_in_json if self.is_json else self._write_error
        with_hint = write(error, hint)
        return with_hint if len(with_hint) <= MAX_MESSAGE else write(error, "")

    def _write_error(self, error: MessageError, hint: str) -> bytes:
        behind = f" {hint}" if hint else ""
        return self.envelope.wrap_error(f"ERROR {error.code}: {error}.{behind}")

    def _write_error_in_json(self, error: MessageError, hint: str) -> bytes:
        members = {"error": error.code, "detail": str(error)} | ({"hint": hint} if hint else {})
        text = json.dumps(members, ensure_ascii=False)
        if self.id:
            with_id = f'{text[:-1]}, "id": {self.id}}}'
            if len(self.envelope.wrap(with_id)) <= MAX_MESSAGE:
                text = with_id
        return self.envelope.wrap(text)


NEWLINES = ("\n", "\r\n", "\r", "\r\0")
"""All that ends a line."""

_PLAIN = ("", *CLASSIC)

UNTERMINATED = Line("")
TEXT_RECORD = Counted(2, ">")


TWO_LINES = ("\n", False, None)
"""The `Text.shape` of a name and a number on a line each."""


def separated(separator: str, newline: str, number_first: bool = False) -> Text:
    """Text with just `separator`, with its blanks, between name and number."""
    return Text(Notation("", separator, "", number_first), Line(newline))


UNKNOWN = separated(",", "\r\n")
"""The dialect for a peer that has not shown its own."""

# Peers use the same few over and over.
text_dialect = lru_cache(maxsize=256)(Text)
line = lru_cache(maxsize=8)(Line)


_TELNET = re.compile(
    rb"\xff(?:[\xfb-\xfe].|\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0|[\xf1-\xf9])", re.S
)
"""The commands of telnet, RFC 854: WILL, WONT, DO and DONT with an option, SB to SE, and others."""


def decode(data: bytes) -> str:
    """The text that `data` is, without telnet's commands. Raises `Malformed` if it is not UTF-8."""
    if b"\xff" in data:
        data = _TELNET.sub(b"", data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8", Reason.ENCODING) from None


def taken(read_: Read, envelope: Envelope, start: int, end: int) -> Taken:
    """What was read from `start` to `end`. Raises `TooLong` if that is longer than it may be."""
    message, notation = read_
    if end - start > MAX_MESSAGE and in_range(message.number):
        raise too_long()
    return Received(message, text_dialect(notation, envelope)), end
