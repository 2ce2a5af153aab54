"""Text: a name and a number with a separator between them, or on a line each."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from ..message import (
    INTEGER,
    MAX_MESSAGE,
    Malformed,
    Message,
    MessageError,
    ReportedError,
    in_range,
    parse_name,
    parse_number,
    read_integer,
)
from .base import Begun, Dialect, Framing, Received, Taken, too_long

_BLANKS = " \t"
_SEPARATORS = ",;:|"
_LABELS = {",": "comma", ";": "semicolon", ":": "colon", "|": "pipe", "": "space"}


class Text(Dialect):
    """What all text has in common: errors are a line that cannot be read as a message."""

    separator: str
    terminator: str

    def encode_text(self, text: str) -> bytes:
        """The bytes of `text` in the place of a message."""
        return (text + self.terminator).encode()

    def encode_error(self, error: MessageError) -> bytes:
        return f"ERROR {error.code}: {error}.{self.terminator}".encode()


class Separated(Text):
    """``Client of Ann,42``, or with `number_first` ``42,Client of Ann``.

    `separator` has its blanks with it; `terminator` is CRLF, LF or nothing.
    """

    def __init__(self, separator: str, terminator: str, number_first: bool = False) -> None:
        self.separator = separator
        self.terminator = terminator
        self.number_first = number_first
        self.newline_may_follow = not terminator

    @cached_property
    def label(self) -> str:
        return "number-first" if self.number_first else _LABELS[self.separator.strip(_BLANKS)]

    def encode(self, message: Message) -> bytes:
        name, number = message
        if self.number_first:
            return f"{number}{self.separator}{name}{self.terminator}".encode()
        return f"{name}{self.separator}{number}{self.terminator}".encode()


class TwoLines(Text):
    """``Client of Ann`` and ``42``, each on a line; the `separator` is the newline between them."""

    label = "two-lines"

    def __init__(self, separator: str, terminator: str) -> None:
        self.separator = separator
        self.terminator = terminator
        self.newline_may_follow = not terminator

    def encode(self, message: Message) -> bytes:
        return f"{message.name}{self.separator}{message.number}{self.terminator}".encode()


UNKNOWN = Separated(",", "\r\n")
"""The dialect for a peer that has not shown its own."""

_DIGITS = "0123456789"
# What is looked ahead at is not tried with fewer digits when the rest does not match.
_NUMBER_FIRST = re.compile(r"(?=([+-]?[0-9]+))\1([ \t]*[,;:|][ \t]*|[ \t]+)(.+)")
_FIELDS = re.compile(r"[ \t]*[,;:|][ \t]*|[ \t]+")
_NUMERAL = re.compile(r"[+-]?[.]?\d[\d._eE+-]*")
_HTTP = re.compile(r"[ \t]HTTP/[0-9.]+[ \t]*\Z", re.IGNORECASE)
_ERROR = re.compile(r"ERROR ([a-z-]+): (.*)\.")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MORE_DIGITS = re.compile(rb"[0-9]*\r?\n?")
_INTEGER_LINE = re.compile(rb"[+-]?[0-9]+\r?\n")

# A number of any length is out of range rather than too long, but somewhere it has to end.
_MAX_WITH_DIGITS = 8 * MAX_MESSAGE

# Peers use the same few over and over.
_separated = lru_cache(maxsize=64)(Separated)


def divide(text: str) -> tuple[str, str, str] | None:
    """Name, separator and integer of a text that ends in an integer behind a separator.

    None if it does not. Only the integer is known to be valid.
    """
    head = text.rstrip(_DIGITS)
    if len(head) == len(text):
        return None
    if head[-1:] in ("+", "-"):
        head = head[:-1]
    name = head.rstrip(_BLANKS)
    if name[-1:] and name[-1] in _SEPARATORS:
        name = name[:-1].rstrip(_BLANKS)
    separator = head[len(name) :]
    return (name, separator, text[len(head) :]) if separator else None


def _read_separated(text: str, terminator: str) -> Received | None:
    """`text` as a message with a separator; None if there is no number at either end of it.

    Raises `MessageError` if there is one, but not beside a name.
    """
    if divided := divide(text):
        name, separator, number = divided
        message = Message(parse_name(name), read_integer(number))
        return Received(message, _separated(separator, terminator))
    if found := _NUMBER_FIRST.fullmatch(text):
        _check_no_http(text)
        number, separator, name = found.groups()
        message = Message(parse_name(name), read_integer(number))
        return Received(message, _separated(separator, terminator, True))
    return None


def read_fields(text: str, separator: str) -> Message | None:
    """A name and a number with just `separator` between them, in either order."""
    try:
        received = _read_separated(text, "")
    except MessageError:
        return None
    if received and isinstance(received.dialect, Separated):
        return received.message if received.dialect.separator == separator else None
    return None


def _check_no_http(text: str) -> None:
    """Raise `Malformed` if `text` ends as the first line of an HTTP request does.

    A web page may choose the method, ``101``, say: the line is ``101 / HTTP/1.1``.
    """
    if "/" in text and _HTTP.search(text):
        raise Malformed("this is an HTTP request")


def _check_name_line(text: str) -> str:
    """The name in a line of its own.

    Raises `ReportedError` if the line tells of an error, and `Malformed` if it was rather meant
    as a whole message, with a number that is none.
    """
    if reported := _ERROR.fullmatch(text):
        raise ReportedError(*reported.groups())
    _check_no_http(text)
    if INTEGER.fullmatch(text):
        raise Malformed("there is no name")
    fields = _FIELDS.split(text)
    for field in (fields[-1], fields[0]):
        if _NUMERAL.fullmatch(field):
            parse_number(field)
    if len(fields) > 1 and not fields[-1]:
        raise Malformed("there is no number behind the last separator")
    return parse_name(text)


def _decode_line(line: bytes) -> tuple[str, str]:
    """The text and the terminator of a line that ends in LF."""
    terminator = "\r\n" if line.endswith(b"\r\n") else "\n"
    try:
        return line[: -len(terminator)].decode(), terminator
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8") from None


def _read_name(line: bytes) -> tuple[str, str]:
    """The name in a `line` of its own, and its newline. Raises `MessageError` if it is none."""
    text, newline = _decode_line(line)
    return _check_name_line(text), newline


def _read_two_lines(name: tuple[str, str], number: str, terminator: str) -> Received:
    """The message of the `name`, with the newline behind it, and the `number` on the next line."""
    message = Message(name[0], parse_number(number))
    return Received(message, TwoLines(name[1], terminator))


def _check_controls(data: bytes, start: int, end: int) -> None:
    """Raise `Malformed` if there are control characters from `start` to `end`."""
    if _CONTROL.search(data, start, end):
        raise Malformed("there are control characters in it")


class Lines(Framing):
    """Text: a message ends with its line or, separated and with no newline, in silence."""

    _sum_may_be_left = False
    """Whether an integer on a line before a message is the sum that belongs to the last."""

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        looked = begun.looked
        first, second = begun.state or (0, 0)  # where the lines begin; the same until both have
        name = None
        while end := data.find(b"\n", start + looked) + 1:
            if end - start - first > MAX_MESSAGE:
                self._check_length(data, start + first, end, looked - first)
            try:
                text, terminator = _decode_line(data[start + second : end])
                if second > first:
                    name = name or _read_name(data[start + first : start + second])
                    return self._taken(_read_two_lines(name, text, terminator), start + first, end)
                if received := _read_separated(text, terminator):
                    return self._taken(received, start + first, end)
                if self._sum_may_be_left and not second and INTEGER.fullmatch(text):
                    first = end - start
                else:
                    name = _check_name_line(text), terminator
            except MessageError:
                _check_controls(data, start + second, end)
                raise
            second = looked = end - start
        self._check_length(data, start + first, len(data), looked - first)
        begun.looked, begun.state = len(data) - start, (first, second)
        return None

    def finish(self, data: bytes, start: int) -> Taken | None:
        first, newline, last = data[start:].rpartition(b"\n")
        try:
            text = last.decode()
        except UnicodeDecodeError:
            return None
        if not newline:
            received = _read_separated(text, "")
        elif INTEGER.fullmatch(text):
            received = _read_two_lines(_read_name(first + newline), text, "")
        else:
            received = None
        return None if received is None else self._taken(received, start, len(data))

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        end = data.find(b"\n", start) + 1
        if not end:
            return None
        return _separated(",", "\r\n" if data.endswith(b"\r\n", start, end) else "\n")

    def _check_length(self, data: bytes, start: int, end: int, looked: int) -> None:
        """Raise if the bytes from `start` to `end` are too long or show that they are no text.

        They are a message or its beginning, of which the first `looked` need no second look. Beyond
        the limit there may only be more digits of the number at its end.
        """
        limit = start + MAX_MESSAGE
        _check_controls(data, start + looked, min(end, limit + 1))
        if end <= limit:
            return
        if looked <= MAX_MESSAGE and not self._is_whole(data[start : limit + 1]):
            raise too_long()
        more = _MORE_DIGITS.fullmatch(data, max(limit, start + looked - 1), end)
        if not more or end - start > _MAX_WITH_DIGITS:
            raise too_long()

    def _is_whole(self, data: bytes) -> bool:
        """Whether `data` is a message, with the newline that ends it or without."""
        try:
            return bool(self.finish(data.removesuffix(b"\n").removesuffix(b"\r"), 0))
        except Malformed:
            return False

    def _taken(self, received: Received, start: int, end: int) -> Taken:
        if end - start > MAX_MESSAGE and in_range(received.message.number):
            raise too_long()
        return received, end


class ReplyLines(Lines):
    """Lines of replies: behind two there may be a third, with the sum; errors need no newline."""

    _sum_may_be_left = True

    def finish(self, data: bytes, start: int) -> Taken | None:
        if left := _INTEGER_LINE.match(data, start):
            start = left.end()
        if reported := _ERROR.fullmatch(data[start:].decode(errors="replace")):
            raise ReportedError(*reported.groups())
        return super().finish(data, start)
