"""The rule of the client: the outcome of a request and of the bytes that came for it. Pure.

`ReplyRule` is to a client what `exchange.Rule` is to a server. The transports say what came, and do
as it says; they decide nothing by themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from .dialects import Dialect, Received, cut_asides, without_sum
from .exchange import Exchange
from .foreign import LOOKED_AT, name_greeting
from .message import (
    HIGHEST,
    LOWEST,
    Busy,
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    ReportedError,
    Stopping,
    in_range,
    shorten,
)

# What may come behind a reply and is part of it: a newline, a line with the sum, or part of these.
_END_OF_REPLY = re.compile(r"(?:\r?\n)?(?:[+-]?[0-9]*\r?\n?)")


# A complaint may end in a number, as a message does: ``Number must be between 1 and 100``.
_COMPLAINT = re.compile(
    r"\W*(?:error|invalid|malformed|usage|exception|traceback|expected)\b"
    r"|.*\b(?:must|should|between|range|not)\b",
    re.IGNORECASE,
)

_UNAVAILABLE = (Busy.code, Stopping.code)


class Cause(Enum):
    """Why an exchange failed."""

    NO_CONNECTION = "no-connection"
    """There is no way to the server, or nobody at its port."""
    LOST = "lost"
    """The connection broke, or was reset."""
    CLOSED = "closed"
    """The server closed the connection without a reply."""
    CUT_OFF = "cut-off"
    """The server closed the connection within a reply."""
    TIMEOUT = "timeout"
    """No reply came in time."""
    ERROR_REPLY = "error-reply"
    """The server reports an error."""
    UNAVAILABLE = "unavailable"
    """The server reports that it is busy, or that it is about to stop."""
    MALFORMED = "malformed"
    """What came is no message."""
    OUT_OF_RANGE = "out-of-range"
    """The number of the reply is not in `LOWEST`..`HIGHEST`."""
    UNSOLICITED = "unsolicited"
    """Something came before the request was sent."""
    NOT_A_SUM_SERVER = "not-a-sum-server"
    """A server of another protocol is there."""
    STOPPED_EARLY = "stopped-early"
    """The server stopped as it was asked to, but there were more requests to send."""


class Exchanged(NamedTuple):
    """The exchange is done; its reply came in `dialect`."""

    exchange: Exchange
    dialect: Dialect


class Stopped(NamedTuple):
    """The server stops, as the request asked it to."""

    why: str


class Failed(NamedTuple):
    """The exchange failed; `text` says to people why, in a line, with no full stop."""

    cause: Cause
    text: str


Outcome = Exchanged | Stopped | Failed
"""What an exchange comes to."""


@dataclass(frozen=True)
class ReplyRule:
    """Tells replies from what only looks like one.

    With `any_number`, the number of a reply may be any; else it is from `LOWEST` to `HIGHEST`.
    In its methods, `came` is what has come since the last reply was taken.
    """

    any_number: bool = False

    def read(self, request: Message, came: bytes, read: Received | MessageError) -> Outcome | None:
        """The outcome if `came` begins with the message, or is the error, that was `read`.

        None if the end of the connection decides: then call `closed`, or `timed_out`.
        """
        if foreign := self._foreign(came):
            return foreign
        if isinstance(read, Received):
            try:
                reply = without_sum(read, request.number)
                _check_is_no_complaint(reply)
                _check_is_no_echo(reply, request)
            except MessageError as wrong:
                return self._malformed(request, came, wrong)
            exchange = Exchange(request, reply)
            if self.any_number or in_range(exchange.reply.number):
                return Exchanged(exchange, read.dialect)
            return self._out_of_range(request, shorten(str(exchange.reply.number)))
        if isinstance(read, ReportedError):
            if read.reported == Stopping.code and not in_range(request.number):
                return Stopped(str(read))
            cause = Cause.UNAVAILABLE if read.reported in _UNAVAILABLE else Cause.ERROR_REPLY
            return Failed(cause, ": ".join(filter(None, ("error reply", read.reported, str(read)))))
        if isinstance(read, OutOfRange):  # with more digits than an int may have
            return self._out_of_range(request, _quote(came))
        return self._malformed(request, came, read)

    def _malformed(self, request: Message, came: bytes, why: MessageError) -> Failed | None:
        if not in_range(request.number) and _is_text(came):
            return None
        return Failed(Cause.MALFORMED, f"malformed reply {_quote(came)}: {why}")

    def read_datagram(
        self, request: Message, came: bytes, read: Received | MessageError
    ) -> Outcome | None:
        """As `read`, for a datagram. None if it is to be ignored: it is no message."""
        outcome = self.read(request, came, read)
        if isinstance(outcome, Failed) and outcome.cause is Cause.MALFORMED:
            return None
        return outcome

    def begun(self, came: bytes) -> Failed | None:
        """The outcome if `came` is no whole message yet: None unless it never will be one."""
        if b"\n" in came or len(came) >= LOOKED_AT:
            return self._foreign(came)
        return None

    def before_request(self, came: bytes) -> Failed | None:
        """The outcome if `came` was there before the request: it can be no reply to it.

        None if it may be the end of the last reply.
        """
        if _END_OF_REPLY.fullmatch(cut_asides(came.decode(errors="replace"))):
            return None
        text = f"what came before the request is no reply: {_quote(came)}"
        return self._foreign(came) or Failed(Cause.UNSOLICITED, text)

    def closed(self, request: Message, came: bytes) -> Outcome:
        """The outcome if the server closed the connection, in order, when a reply was due."""
        if foreign := self._foreign(came):
            return foreign
        if not in_range(request.number) and _is_text(came):
            # The exercise has a server end on such a number, and knows no error replies.
            return Stopped(_why(request) + (f"; the server said {_quote(came)}" if came else ""))
        if came:
            text = f"the connection was closed within a reply: {_quote(came)}"
            return Failed(Cause.CUT_OFF, text)
        return Failed(Cause.CLOSED, "the connection was closed without a reply")

    def lost(self, why: str) -> Failed:
        """The outcome if the connection broke when a reply was due: `why` says how."""
        return Failed(Cause.LOST, f"no reply: {why}")

    def timed_out(self, came: bytes, waited: str) -> Failed:
        """The outcome if no reply came; `waited` says for how long, such as ``within 5 s``."""
        but = f", but {_quote(came)}" if came else ""
        return self._foreign(came) or Failed(Cause.TIMEOUT, f"no reply {waited}{but}")

    def refused(self, request: Message, tries: int) -> Stopped | Failed:
        """The outcome if the port is closed to a datagram, the last of so many `tries`."""
        if tries > 1 and not in_range(request.number):  # there was a server, and it has ended
            return Stopped(_why(request))
        return Failed(Cause.NO_CONNECTION, "Connection refused")

    def _foreign(self, came: bytes) -> Failed | None:
        if server := name_greeting(came):
            return Failed(Cause.NOT_A_SUM_SERVER, f"this is {server}, not a sum server")
        return None

    def _out_of_range(self, request: Message, number: str) -> Stopped | Failed:
        if not in_range(request.number):
            return Stopped(f"{_why(request)}; the server answered {number}")
        text = f"the reply's number {number} is not in {LOWEST}..{HIGHEST}; --any-number takes it"
        return Failed(Cause.OUT_OF_RANGE, text)


def _check_is_no_complaint(reply: Message) -> None:
    """Raise `Malformed` if `reply` is a complaint."""
    if _COMPLAINT.match(reply.name):
        raise Malformed("it is a complaint")


def _check_is_no_echo(reply: Message, request: Message) -> None:
    """Raise `Malformed` if `reply` repeats the name and the number of `request`."""
    if reply.number == request.number and request.name in reply.name:
        raise Malformed("it is what was sent")


def _why(request: Message) -> str:
    return f"{shorten(str(request.number))} is out of range"


def _quote(came: bytes) -> str:
    return f"'{shorten(came.decode(errors='backslashreplace'))}'"


def _is_text(came: bytes) -> bool:
    """Whether `came` is lines of UTF-8 that print."""
    try:
        return all(line.isprintable() for line in re.split("[\r\n\t]", came.decode()))
    except UnicodeDecodeError:
        return False
