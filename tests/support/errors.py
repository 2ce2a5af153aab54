"""What a peer is told of its errors."""

from __future__ import annotations

from sumproto.core.hints import hint_for_peer
from sumproto.core.message import Malformed, MessageError, OutOfRange, Reason


def error_line(error: MessageError, newline: str = "\n") -> bytes:
    """The line of `error` and its hint."""
    told = f"ERROR {error.code}: {error}. {hint_for_peer(error)}"
    return (told.rstrip() + newline).encode()


NO_INTEGER = error_line(Malformed("'4.2' is not an integer", Reason.NO_INTEGER))
"""The line for a request that has 4.2 in place of an integer."""

OUT_OF_RANGE = error_line(OutOfRange("101 is out of range"))
"""The line for a request with 101, of a peer that may not stop the server."""
