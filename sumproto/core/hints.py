"""What helps against an error, for the author of the faulty program. Pure."""

from __future__ import annotations

from .message import HIGHEST, LOWEST, MAX_NAME, MessageError, Reason

_TEXT = "Client of Ann,42"
_OBJECT = '{"name": "Client of Ann", "number": 42}'

_HINTS = {
    Reason.MALFORMED: f"Send a name, a separator and an integer as text: {_TEXT}",
    Reason.NO_NUMBER: f"Put an integer behind the name: {_TEXT}",
    Reason.NO_INTEGER: f"Write the integer in digits alone: {_TEXT}",
    Reason.TWO_NUMBERS: f"Send one number beside the name: {_TEXT}",
    Reason.NO_NAME: f"Put a name before the integer: {_TEXT}",
    Reason.LONG_NAME: f"Send a name of at most {MAX_NAME} characters.",
    Reason.ODD_NAME: f"Send a name of letters that print, on one line: {_TEXT}",
    Reason.ENCODING: "Encode the text as UTF-8.",
    Reason.CONTROLS: f"Send text without control characters, and end it with a newline: {_TEXT}",
    Reason.STRUCTURE: f"Send {_OBJECT}",
    Reason.PROTOCOL: "Use a client for the sum exchange, or another port.",
    Reason.CUT_OFF: "Send all of a message before you close.",
    Reason.NOT_ALONE: "Send one message in a datagram.",
    Reason.SOURCE: "Send datagrams from a port above 1023, and from an address of your own.",
    Reason.LONG_MESSAGE: "End each message with a newline, \\n.",
    Reason.LONG_REPLY: "Send fewer blanks around the separator, and shorter keys.",
    Reason.RANGE: f"Send an integer from {LOWEST} to {HIGHEST}.",
    Reason.STOPS_BY_IT: f"That stopped the server. Send an integer from {LOWEST} to {HIGHEST}.",
    Reason.STOPS: "Wait until the server has been started again.",
    Reason.BUSY: "Close the connections that you do not need, and try again.",
    Reason.NO_MESSAGE: "Send a message, or close the connection.",
    Reason.NO_END: "End each message with a newline, \\n, and flush it.",
    Reason.REPLIES_LEFT: "Read the reply to each request.",
}


def hint(error: MessageError) -> str:
    """What helps against `error`, in a sentence."""
    return _HINTS[error.reason]
