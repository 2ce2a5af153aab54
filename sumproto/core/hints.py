"""What a student can do about an error. Pure."""

from __future__ import annotations

from .message import MessageError

_EXAMPLE = "Client of Ann,42"
_OBJECT = '{"name": "Client of Ann", "number": 42}'

_HINTS = (
    ("malformed", "'", f"Write the integer in digits alone: {_EXAMPLE}"),
    ("malformed", "there is no number", f"Put an integer behind the name: {_EXAMPLE}"),
    ("malformed", "there is no name", f"Put a name before the integer: {_EXAMPLE}"),
    ("malformed", "a name of", "Send a shorter name."),
    ("malformed", "the name", "Send a name of letters that print, on one line."),
    ("malformed", "it is not UTF-8", "Encode the text as UTF-8."),
    ("malformed", "it is not a flat JSON", f"Send {_OBJECT}"),
    ("malformed", "an object has", f"Send {_OBJECT}"),
    ("malformed", "a key is", f"Send {_OBJECT}"),
    ("malformed", "the connection ended", "Send all of a message before you close."),
    ("malformed", "there is more", "Send one message in a datagram."),
    ("malformed", "it comes from", "Send datagrams from a port above 1023."),
    ("malformed", "", f"Send a name, a separator and an integer as text: {_EXAMPLE}"),
    ("too-long", "the reply", "Send fewer blanks around the separator, and shorter keys."),
    ("too-long", "", "End each message with a newline, \\n."),
    ("out-of-range", "", "Send an integer from 1 to 100."),
    ("stopping", "the server", "Wait until the server has been started again."),
    ("stopping", "", "That stopped the server. Send an integer from 1 to 100."),
    ("busy", "", "Close the connections that you do not need, and try again."),
    ("timeout", "the end", "Was there no newline? End each line with \\n, and flush it."),
    ("timeout", "the replies", "Read the reply to each request."),
    ("timeout", "", "Send a message, or close the connection."),
)
"""The code of an error, how its explanation begins, and what helps; the first that fits counts."""


def hint(error: MessageError) -> str:
    """What who wrote the program that is told of `error` can do about it."""
    why = str(error)
    return next(
        help_ for code, start, help_ in _HINTS if error.code == code and why.startswith(start)
    )
