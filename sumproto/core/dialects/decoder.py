"""The decoder: the messages in the bytes of one connection. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..foreign import LOOKED_AT, name_request
from ..message import HIGHEST, Malformed, Message, MessageError, Reason, in_range
from .base import Begun, Dialect, Framing, Newline, Received, Taken
from .beginnings import MAY_BE_NOTHING, framing_of, skip_nothing
from .lines import Lines, ReplyLines
from .missing import Missing, missing
from .reading import split_fields
from .table import DIALECTS
from .text import TWO_LINES, UNKNOWN, Text

_DIGITS = b"0123456789"
_SUM_LINE = re.compile(rb"[+-]?[0-9]{0,64}\r?(\n)?")


class Framings(NamedTuple):
    """What one side understands: the framing of its text, and whether it reads replies."""

    text: Framing
    are_replies: bool


REQUESTS = Framings(Lines(), False)
"""What a server understands."""

REPLIES = Framings(ReplyLines(), True)
"""What a client understands: a server may tell the sum on a third line."""


class Decoder:
    """Makes messages of the bytes of one connection, framed as `framings` has it."""

    def __init__(self, framings: Framings = REQUESTS) -> None:
        self._framings = framings
        self._data = b""
        self._start = 0
        self._begun = Begun()
        self._shown: Dialect = UNKNOWN
        self._newline_may_follow = False
        self._sum_may_follow = False
        self._in_padding = False  # of NULs, of which more may come

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._data = self._data[self._start :] + data
        self._start = 0

    @property
    def pending(self) -> bytes:
        """What is not part of a message taken so far."""
        return self._data[self._start :]

    @property
    def dialect(self) -> Dialect:
        """The dialect to tell the peer of an error in: of what it is sending, or sent last."""
        if self._start < len(self._data):
            begun = self._framing.error_dialect(self._data, self._start)
            return begun or self._shown
        return self._shown

    def missing(self) -> Missing:
        """What is missing in what is `pending`, which must not be empty."""
        return missing(self.pending, self._framing)

    def take(self) -> Received | Newline | None:
        """The next message, or the newline of the last; None until more bytes come.

        Raises `MessageError` for bytes that are none; the decoder is of no use then.
        """
        if self._start == len(self._data):
            self._data = b""  # an idle connection must not hold its last chunk
            self._start = 0
            return None
        if self._newline_may_follow:
            return self._take_newline()
        if self._sum_may_follow or self._data[self._start] in MAY_BE_NOTHING:
            start = self._find_next()
            if start > self._start:
                self._in_padding = self._data[start - 1] == 0
                self._start, self._begun = start, Begun()
                return self.take()
            self._in_padding = False
            if self._sum_may_follow:
                return None
        return self._take_message()

    def _take_newline(self) -> Received | Newline | None:
        """The newline behind the last message or, if there is none, the next message."""
        head = self._data[self._start : self._start + 2]
        if head == b"\r":
            return None
        self._newline_may_follow = False
        for newline in (b"\n", b"\r\n"):
            if head.startswith(newline):
                self._start += len(newline)
                return Newline(newline)
        return self.take()

    def _find_next(self) -> int:
        """Where the next message begins, behind a sum that belongs to the last, and the like."""
        if self._sum_may_follow:
            found = _SUM_LINE.match(self._data, self._start)
            is_begun = found and found.end() == len(self._data) and not found[1]
            self._sum_may_follow = bool(is_begun)
            if found and found[1]:
                return found.end()
        if self._in_padding and self._data[self._start] == 0:  # more of what was skipped
            return len(self._data) - len(self._data[self._start :].lstrip(b"\0"))
        if self._data[self._start] in MAY_BE_NOTHING:
            return skip_nothing(self._data, self._start, self._shown)
        return self._start

    def _take_message(self) -> Received | None:
        framing = self._framing
        try:
            taken = framing.take(self._data, self._start, self._begun)
        except MessageError:
            self._check_no_foreigner()
            raise
        if not taken and (framing is not self._framings.text or any(self._begun.state)):
            self._check_no_foreigner()  # what it begins may never end
        return self._consume(taken)

    def finish(self) -> Received | None:
        """The rest as a message that ends in silence; None if it is no whole message.

        To be called when `take` gave None. Raises `MessageError` like it.
        """
        if self._data[self._start :].isspace():  # an empty line
            self._start = len(self._data)
        if self._start == len(self._data):
            return None
        try:
            return self._consume(self._framing.finish(self._data, self._start))
        except MessageError:
            self._check_no_foreigner()
            raise

    def take_first(self, datagram: bytes) -> Received:
        """The message that `datagram` begins with, and that ends with it if not before.

        Raises `MessageError` if there is none.
        """
        self.feed(datagram)
        received = self.take() or self.finish()
        if not isinstance(received, Received):
            raise Malformed("the end of the message is missing", Reason.CUT_OFF)
        if self.pending.isspace():
            self._start = len(self._data)
        return received

    @property
    def _framing(self) -> Framing:
        return framing_of(self._data, self._start, self._shown, self._framings.text)

    def _check_no_foreigner(self, end: int | None = None) -> None:
        """Raise `Malformed` if the first message is one of another protocol.

        If it is whole, its `end` is given. Then the digits at its end are left out, so a cache
        serves all messages that differ in them alone.
        """
        if self._shown is not UNKNOWN:
            return
        if end is None:
            protocol = name_request(self._data[self._start : self._start + LOOKED_AT])
        else:
            data = self._data[self._start : end]
            protocol = _protocol_of(data.rstrip(b"\r\n").rstrip(_DIGITS))
        if protocol:
            raise Malformed(f"this is {protocol}", Reason.PROTOCOL)

    def _consume(self, taken: Taken | None) -> Received | None:
        if taken is None:
            return None
        self._check_no_foreigner(taken[1])
        received, self._start = taken
        if self._begun.looked:
            self._begun = Begun()
        self._shown = received.dialect
        self._newline_may_follow = received.dialect.newline_may_follow
        if self._framings.are_replies:
            self._sum_may_follow = received.dialect.shape == TWO_LINES
        elif not in_range(received.message.number) and isinstance(received.dialect, Text):
            _check_one_number(received.message, received.dialect)
        return received


@lru_cache(maxsize=1024)
def _protocol_of(data: bytes) -> str | None:
    """The protocol of what begins with `data`, which is without the digits at its end."""
    return name_request(data + b"0")


def _check_one_number(message: Message, dialect: Text) -> None:
    """Raise `Malformed` if the name has a number, too: a doubtful one must not stop a server."""
    if split_fields(message, dialect.notation)[1]:
        raise Malformed("there are two numbers in it", Reason.TWO_NUMBERS)


_ANY = Message("any", 1)


def reads_back(message: Message, dialect: Dialect) -> bool:
    """Whether `message`, written in `dialect`, is read as the same; some names prevent it.

    With ``Ann 5`` and 42 in two lines, the first line alone is a message. Raises `MessageError` if
    the dialect cannot write it.
    """
    data = dialect.encode(message)
    decoder = Decoder()
    try:
        received = decoder.take_first(data)
    except MessageError:
        return False
    same_dialect = received.dialect.encode(_ANY) == dialect.encode(_ANY)
    return not decoder.pending and received.message == message and same_dialect


def misread_in(name: str) -> list[str]:
    """The `DIALECTS` in which a message from `name` may be read as another one."""
    message = Message(name, HIGHEST)
    return [
        option for option, dialect in DIALECTS.items() if not reads_back(message, dialect("\n"))
    ]
