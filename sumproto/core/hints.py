"""What helps against an error, for the author of the faulty program. Pure."""

from __future__ import annotations

from .message import HIGHEST, LOWEST, MAX_NAME, MessageError, Reason

# An error ends with its hint on the wire, where nothing may read as a message: each ends in a full
# stop, and no example is the end.
_AS = "as in 'Client of Ann,42'"

_HINTS = {
    Reason.MALFORMED: f"Send a name, a separator and an integer, {_AS}, and a newline.",
    Reason.NO_NUMBER: f"Put an integer behind the name, {_AS}, and a newline.",
    Reason.NO_INTEGER: f"Write the integer in digits alone, {_AS}, and a newline.",
    Reason.TWO_NUMBERS: f"Send one number beside the name, {_AS}, and a newline.",
    Reason.NO_NAME: f"Put a name before the integer, {_AS}, and a newline.",
    Reason.LONG_NAME: f"Send a name of at most {MAX_NAME} characters.",
    Reason.ODD_NAME: f"Send a name of letters that print, {_AS}, on one line.",
    Reason.ENCODING: "Encode the text as UTF-8, with the name in it.",
    Reason.CONTROLS: f"Send text without control characters, {_AS}, and a newline.",
    Reason.STRUCTURE: """Send {"name": "Client of Ann", "number": 42} as JSON.""",
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
    Reason.NOT_CLOSED: "Close all brackets and quotes, and flush what you send.",
    Reason.LENGTH: "Count bytes, not characters, and send all that the length announces.",
    Reason.NULS: "Send all bytes of a struct, or text with a newline in place of the NULs.",
    Reason.REPLIES_LEFT: "Read the reply to each request.",
}

_NOT_FOR_PEERS = {Reason.STOPS_BY_IT, Reason.STOPS, Reason.BUSY}
"""Those of which the explanation says all that the peer can do."""


def hint(error: MessageError) -> str:
    """What helps against `error`, in a sentence."""
    return _HINTS[error.reason]


def hint_for_peer(error: MessageError) -> str:
    """What the peer that made `error` is told beside the explanation; "" if that is nothing."""
    return "" if error.reason in _NOT_FOR_PEERS else hint(error)
