"""What is exchanged: a name and a number, what is valid, and what can be wrong with it."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

LOWEST, HIGHEST = 1, 100
"""The range of a number that is summed; any other asks the server to stop."""

MAX_NAME = 255
"""The longest name, in characters."""

MAX_MESSAGE = 1024
"""The longest message on the wire, in bytes, its terminator included."""

INTEGER = re.compile(r"[+-]?[0-9]+")
"""How an integer is written: a sign, which may be missing, and ASCII digits."""

_SHOWN = 40


class Message(NamedTuple):
    """Who speaks, and the integer it sends. `parse_name` says what a valid name is."""

    name: str
    number: int


class Reason(Enum):
    """What is wrong with a message, for programs: the explanation of an error is for people."""

    MALFORMED = "it is no message"
    NO_NUMBER = "there is no number"
    NO_INTEGER = "the number is no integer"
    TWO_NUMBERS = "which of two numbers counts does not show"
    NO_NAME = "there is no name"
    LONG_NAME = "the name is too long"
    ODD_NAME = "the name has characters that do not print, or does not look like one"
    ENCODING = "the bytes are no text in the encoding that they seem to have"
    CONTROLS = "there are control characters in it"
    STRUCTURE = "it is no object or list with a name and a number"
    PROTOCOL = "it is a message of another protocol"
    CUT_OFF = "the connection ended within it"
    NOT_ALONE = "there is more in the datagram"
    SOURCE = "the datagram comes from where no client is"
    LONG_MESSAGE = "the message is too long"
    LONG_REPLY = "the reply would be too long"
    RANGE = "the number is out of range"
    STOPS_BY_IT = "the server stops because of it"
    STOPS = "the server stops already"
    BUSY = "the server has as many connections as it takes"
    NOT_CLOSED = "the bracket that closes it did not come"
    LENGTH = "not all came that its length announces"
    NULS = "there are NULs in it, and no number behind them"
    NO_MESSAGE = "no message came in time"
    NO_END = "the end of the message did not come in time"
    REPLIES_LEFT = "the replies were not read in time"


class MessageError(ValueError):
    """A message that gets no sum; ``str()`` of it is the explanation, with no full stop.

    `code` is the word for it on the wire, and `reason` what exactly is wrong.
    """

    code = "malformed"
    reason = Reason.MALFORMED

    def __init__(self, explanation: str = "", reason: Reason | None = None) -> None:
        super().__init__(explanation)
        if reason:
            self.reason = reason


class Malformed(MessageError):
    """Not a message in any dialect."""


class TooLong(MessageError):
    """More than `MAX_MESSAGE` bytes."""

    code = "too-long"
    reason = Reason.LONG_MESSAGE


class OutOfRange(MessageError):
    """A message, but its number is not in `LOWEST`..`HIGHEST`."""

    code = "out-of-range"
    reason = Reason.RANGE


class Stopping(MessageError):
    """The server stops, because of this message or already."""

    code = "stopping"
    reason = Reason.STOPS_BY_IT


class Busy(MessageError):
    """The server has as many connections as it takes."""

    code = "busy"
    reason = Reason.BUSY


class TimedOut(MessageError):
    """No complete message came for too long."""

    code = "timeout"
    reason = Reason.NO_MESSAGE


CODES = tuple(kind.code for kind in (Malformed, TooLong, OutOfRange, Stopping, Busy, TimedOut))
"""The codes that there are."""


class ReportedError(Malformed):
    """Where a message was due, the peer reports an error of its own.

    `reported` is the code that the peer gave, and ``str()`` its explanation.
    """

    def __init__(self, reported: str, explanation: str) -> None:
        super().__init__(escape(explanation))
        self.reported = escape(reported)


def in_range(number: int) -> bool:
    """Whether `number` is from `LOWEST` to `HIGHEST`."""
    return LOWEST <= number <= HIGHEST


def escape(text: str) -> str:
    """`text` as it may be shown in a log or a terminal: what does not print is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str) -> str:
    """`text` escaped, and cut if it is long, to be quoted in an explanation."""
    if len(text) <= _SHOWN:
        return escape(text)
    return f"{escape(text[:_SHOWN])}... ({len(text)} characters)"


def parse_name(text: str) -> str:
    """The name in `text`, without the blanks around it.

    Raises `Malformed` unless that leaves 1 to `MAX_NAME` characters, all printable in the
    sense of `str.isprintable`: no control characters, surrogates or bidirectional overrides.
    """
    name = text.strip(" \t")
    if not name:
        raise Malformed("there is no name", Reason.NO_NAME)
    if len(name) > MAX_NAME:
        raise Malformed(
            f"a name of {len(name)} characters; {MAX_NAME} are allowed", Reason.LONG_NAME
        )
    if not name.isprintable():
        raise Malformed(
            f"the name '{shorten(name)}' has characters that do not print", Reason.ODD_NAME
        )
    return name


def parse_number(text: str) -> int:
    """The integer in `text`: an optional sign and ASCII digits.

    Raises `Malformed` if it is anything else, and `OutOfRange` if it has more digits than
    `int` takes (4,300 unless `sys.set_int_max_str_digits` was called), zeros before them aside.
    """
    if not INTEGER.fullmatch(text):
        raise Malformed(f"'{shorten(text)}' is not an integer", Reason.NO_INTEGER)
    return read_integer(text)


def read_integer(integer: str) -> int:
    """The number of what is known to be an `INTEGER`. Raises `OutOfRange` like `parse_number`."""
    try:
        number = int(integer.lstrip("+-0") or "0")
    except ValueError:
        raise OutOfRange(f"{shorten(integer)} is out of range") from None
    return -number if integer.startswith("-") else number
