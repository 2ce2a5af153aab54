"""Nobody who has sent something waits in silence, and errors teach the peer."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import FakeServer, error_line, running_server
from support.sockets import connect, read_all

from sumproto.core.dialects import REPLIES, Decoder, Dialect, ReplyDecoder
from sumproto.core.dialects.base import Received
from sumproto.core.dialects.envelopes import (
    Counted,
    Envelope,
    Headed,
    Line,
    Netstring,
    Padded,
    Terminated,
    Utf16,
)
from sumproto.core.dialects.notation import Notation
from sumproto.core.dialects.text import NEWLINES, Text
from sumproto.core.exchange import StopPolicy
from sumproto.core.hints import hint, hint_for_peer
from sumproto.core.message import (
    MAX_MESSAGE,
    Busy,
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    Reason,
    ReportedError,
    Stopping,
    TimedOut,
)
from sumproto.core.replies import Cause, Failed, ReplyRule

SILENCE = 0.2
"""The quiet period of the server, by default."""


class Begun(NamedTuple):
    """A begun message, what the peer is told, and how long after the silence."""

    sent: bytes
    told: str
    seconds: float
    reason: Reason


BEGUN = [
    # a slip: it takes 2 s
    Begun(b"Client of Ann,abc", "'abc' is no integer", 2, Reason.NO_INTEGER),
    Begun(b"Client of Ann,abc\n", "'abc' is no integer", 2, Reason.NO_INTEGER),
    Begun(b"Ann\nabc", "'abc' is no integer", 2, Reason.NO_INTEGER),
    Begun(b"Ann,", "there is no number behind the last separator", 2, Reason.NO_NUMBER),
    Begun(b"Ann; ", "there is no number behind the last separator", 2, Reason.NO_NUMBER),
    Begun("André,42".encode("latin-1"), "it is not UTF-8", 2, Reason.ENCODING),
    Begun("Ann,42\n".encode("utf-16-le"), "it looks like UTF-16 without a", 2, Reason.ENCODING),
    Begun("Ann,42\n".encode("utf-16-be"), "it looks like UTF-16 without a", 2, Reason.ENCODING),
    Begun("Ann,x".encode("utf-16"), "'x' is no integer", 2, Reason.NO_INTEGER),
    Begun(b"GET /", "this is HTTP", 2, Reason.PROTOCOL),
    # what may still come: 10 s
    Begun(b"hello", "a separator and a number are missing", 10, Reason.NO_NUMBER),
    Begun("Zo\u00eb".encode()[:-1], "a separator and a number are missing", 10, Reason.NO_NUMBER),
    Begun(b"Lee Ann\n", "a number on the next line is missing", 10, Reason.NO_NUMBER),
    Begun(b"Name: Ann", "a number is missing", 10, Reason.NO_NUMBER),
    Begun(b"Name: Ann, Numb", "a number is missing", 10, Reason.NO_NUMBER),
    Begun(b"42", "a name is missing", 10, Reason.NO_NAME),
    Begun(b"42\n", "there is no name behind the number", 10, Reason.NO_NAME),
    Begun(b'{"name": "Ann"', "its closing bracket is missing", 10, Reason.NOT_CLOSED),
    Begun(b'["Ann", 42', "its closing bracket is missing", 10, Reason.NOT_CLOSED),
    Begun(b"\0\x43Client of Ann", "a length of 67 was announced, and 13", 10, Reason.LENGTH),
    Begun(b"\0\x43C", "a length of 67 was announced, and 1 byte came", 10, Reason.LENGTH),
    Begun(b"0016Client", "a length of 16 was announced, and 6 bytes", 10, Reason.LENGTH),
    Begun(b"\0\3Ann\0", "there is no number behind its length", 10, Reason.LENGTH),
    Begun(b"Ann" + bytes(17), "there is no number behind its NULs", 10, Reason.NULS),
]


def told(transport_value: bytes) -> tuple[str, str, str]:
    """The code, the explanation and the hint of an error, in whatever it is written."""
    if transport_value.startswith((b"\xff\xfe", b"\xfe\xff")):
        transport_value = transport_value.decode("utf-16").encode()
    if transport_value.startswith(b"{"):
        members = json.loads(transport_value)
        return members["error"], members["detail"], members["hint"]
    found = re.fullmatch(r"ERROR ([a-z-]+): (I have .*?; .*?)\. (.*)\s*", transport_value.decode())
    assert found
    return found[1], found[2], found[3].strip()


@pytest.mark.parametrize("begun", BEGUN, ids=lambda begun: repr(begun.sent))
def test_a_begun_message_is_told_what_it_lacks(begun: Begun) -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(begun.sent)
    server.clock.advance(SILENCE)
    if begun.seconds > 2:
        server.clock.advance(2)
    server.clock.advance(begun.seconds - 0.1 - 2 * (begun.seconds > 2))
    assert transport.value() == b""
    server.clock.advance(0.1)
    code, explanation, help_ = told(transport.value())
    assert code == ("malformed" if begun.seconds == 2 else "timeout")
    assert begun.told in explanation
    assert help_ == hint(MessageError("", begun.reason))
    assert transport.half_closed
    protocol.readConnectionLost()
    assert not server.clock.getDelayedCalls()


def test_the_exact_lines() -> None:
    server = FakeServer()
    first, second = server.connect(), server.connect()
    first[0].dataReceived(b"Client of Ann,abc\n")
    second[0].dataReceived(b'{"name": "Ann"')
    for seconds in (SILENCE, 2, 8):
        server.clock.advance(seconds)
    assert first[1].value() == (
        rb"ERROR malformed: I have 'Client of Ann,abc\n'; 'abc' is no integer. "
        b"Write the integer in digits alone, as in 'Client of Ann,42', and a newline.\n"
    )
    assert json.loads(second[1].value()) == {
        "error": "timeout",
        "detail": """I have '{"name": "Ann"'; its closing bracket is missing""",
        "hint": "Close all brackets and quotes, and flush what you send.",
    }


def test_who_goes_on_is_answered() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    for piece in (b"Ann", b",", b" ", b"42\n"):
        server.clock.advance(1.9)
        protocol.dataReceived(piece)
    assert transport.value() == b"Server of Bob, 58\n"
    server.clock.advance(50)
    assert transport.value() == b"Server of Bob, 58\n"


@pytest.mark.parametrize("seconds", [1, 9])
def test_a_message_that_rested_begins_to_rest_anew(seconds: float) -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    for piece in (b"Cli", b"ent of", b" Ann"):
        protocol.dataReceived(piece)
        server.clock.advance(SILENCE)
        server.clock.advance(seconds)
    assert transport.value() == b""
    protocol.dataReceived(b",42\n")
    assert transport.value() == b"Server of Bob,58\n"


def test_a_byte_now_and_then_holds_no_connection_for_longer() -> None:
    server = FakeServer(idle_timeout=60)
    protocol, transport = server.connect()
    for _ in range(60):
        protocol.dataReceived(b"A")
        server.clock.advance(1)
    server.clock.advance(3)
    assert transport.value().startswith(b"ERROR timeout: I have 'AAAA")


def test_what_came_while_the_server_slept_counts() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,")
    server.clock.advance(SILENCE)
    server.clock.callLater(30, protocol.dataReceived, b"42\n")
    server.clock.advance(30)
    assert transport.value() == b"Server of Bob,58\n"


def test_silence_is_waited_for_first() -> None:
    """A message with no newline is answered, however slow its pieces were."""
    server = FakeServer(begun_timeout=1)
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,4")
    server.clock.advance(0.19)
    protocol.dataReceived(b"2")
    server.clock.advance(1)
    assert transport.value() == b"Server of Bob,58"


@pytest.mark.parametrize("sent", [b"Ann,", b"hello"])
def test_without_silence(sent: bytes) -> None:
    server = FakeServer(quiet_period=0)
    protocol, transport = server.connect()
    protocol.dataReceived(sent)
    server.clock.advance(2)
    server.clock.advance(8)
    assert transport.value().startswith(b"ERROR ")


def test_a_message_that_only_a_newline_ends() -> None:
    server = FakeServer(quiet_period=0)
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42")
    server.clock.advance(2)
    server.clock.advance(8)
    error = TimedOut("I have 'Ann,42'; the newline behind it is missing", Reason.NO_END)
    assert transport.value() == error_line(error, "\r\n")


@pytest.mark.parametrize(("seconds", "sent"), [(1, b"hello"), (1, b"Ann,"), (30, b"hello")])
def test_the_timeout_is_an_option(seconds: float, sent: bytes) -> None:
    server = FakeServer(begun_timeout=seconds)
    protocol, transport = server.connect()
    protocol.dataReceived(sent)
    server.clock.advance(SILENCE)
    if seconds > 2:
        server.clock.advance(2)
    server.clock.advance(seconds - 0.1 - 2 * (seconds > 2))
    assert transport.value() == b""
    server.clock.advance(0.1)
    assert transport.value().startswith(b"ERROR ")


@pytest.mark.parametrize("sent", [b"Ann,", b"hello"])
def test_the_timeout_can_be_turned_off(sent: bytes) -> None:
    server = FakeServer(begun_timeout=0)
    protocol, transport = server.connect()
    protocol.dataReceived(sent)
    server.clock.advance(SILENCE)
    server.clock.advance(59)
    assert transport.value() == b""
    server.clock.advance(1)
    assert transport.value().startswith(b"ERROR ")


def test_who_has_sent_nothing_has_the_idle_timeout() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42\n")
    protocol.dataReceived(b"\r\n \n")
    server.clock.advance(59)
    assert transport.value() == b"Server of Bob,58\n"


def test_a_stop_is_not_held_up() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"hello")
    server.clock.advance(SILENCE)
    server.clock.advance(2)
    server.factory.drain(5)
    server.clock.advance(SILENCE)
    assert transport.value() == b""
    assert transport.half_closed


# What is quoted


@given(st.binary(min_size=1, max_size=1100))
def test_whatever_has_begun_can_be_told(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    try:
        while decoder.take():
            pass
    except MessageError:
        return
    if decoder.pending:
        error = decoder.missing().as_error()
        assert str(error).isprintable()
        line = decoder.dialect.encode_error(error, hint_for_peer(error))
        assert len(line) <= MAX_MESSAGE
        assert read_all_in(line) in ([], ["ERROR"])


# No error is a message


def read_all_in(data: bytes, decoder: Decoder | None = None) -> list[object]:
    """The messages in `data`, and ``ERROR`` for an error of the peer that ends them."""
    decoder = decoder or Decoder()
    decoder.feed(data)
    found: list[object] = []
    try:
        while received := decoder.take() or decoder.finish():
            found.append(received.message if isinstance(received, Received) else received)
    except ReportedError:
        found.append("ERROR")
    except MessageError:
        pass
    return found


def error_of(explanation: str, reason: Reason) -> MessageError:
    kinds: dict[Reason, type[MessageError]] = {
        Reason.LONG_MESSAGE: MessageError,
        Reason.RANGE: OutOfRange,
        Reason.STOPS: Stopping,
        Reason.STOPS_BY_IT: Stopping,
        Reason.BUSY: Busy,
        Reason.NO_END: TimedOut,
    }
    return kinds.get(reason, Malformed)(explanation, reason)


ENVELOPES: list[Envelope] = [
    *(Line(newline) for newline in ("", *NEWLINES)),
    *(Utf16(order, mark, "\n") for order, mark in product("<>", ["\ufeff"])),
    *(Counted(size, order) for size, order in ((2, ">"), (4, ">"), (2, "<"), (4, "<"))),
    *(Padded(300), Terminated(), Netstring(), Headed(4, "0>"), Headed(8, "<")),
]
QUOTED = ["Name: Ann, Number: 42, ", "Ann,42", "42,Ann", '{"name": "Ann", "number": 42}', "x"]


def dialects() -> list[Dialect]:
    return [Text(Notation("", ",", ""), envelope) for envelope in ENVELOPES]


@pytest.mark.parametrize("reason", Reason)
def test_no_error_is_read_as_a_message(reason: Reason) -> None:
    for dialect, quoted in product(dialects(), QUOTED):
        error = error_of(f"I have '{quoted}'; it is wrong", reason)
        line = dialect.encode_error(error, hint_for_peer(error))
        assert len(line) <= MAX_MESSAGE
        for decoder in Decoder(), Decoder(REPLIES), ReplyDecoder():
            assert read_all_in(line, decoder) in ([], ["ERROR"])
            assert read_all_in(line * 2, type(decoder)()) in ([], ["ERROR"])


SHOWN = [
    *(b"", b"Ann,42\n", b'{"name": "Ann", "number": 42, "id": "Ann,42"}\n', b"Ann\r\n42\r\n"),
    *(b"16:Client of Ann,42,", b"0016Client of Ann,42", b"\0\x10Client of Ann,42"),
    *(b"\x10\0\0\0Client of Ann,42", b"Client of Ann,42" + bytes(16)),
    *("Client of Ann,42\n".encode("utf-16"), "\ufeffClient of Ann,42".encode("utf-16-be")),
]
"""Messages by which a peer shows its dialect, in which it is then told of errors."""

EVIL_PIECES = [
    *(b"ERROR ", b"ERROR malformed: ", b"I have '", b"'; ", b": ", b".", b",", b" ", b";", b"\\"),
    *(b"\n", b"\r\n", b"\r", b"\0", bytes(4), b"\x1b[31m", "\u202e".encode(), "\u2028".encode()),
    *(b"Client of Ann,42", b"Server of Bob,58", b"name: ", b"number: ", b"sum: 100", b"<name>"),
    *(b'{"name": "Ann", "number": 42}', b'{"error": ', b'"id": 7', b"{", b"}", b"[", b"]", b"'"),
    *(b"42", b"4.2", b"101", b"-5", b"20:", b"0016", b"\0\x10", b"\x10\0", b"\xff\xfe", b"\xe9"),
    *(b"A" * 1000, b" " * 300, "\u674e".encode(), b"\xff\xfb\x01"),
]


@given(
    st.sampled_from(SHOWN),
    st.lists(st.sampled_from(EVIL_PIECES), min_size=1, max_size=7),
    st.booleans(),
)
@example(SHOWN[-1], [b"\x1b[31m", b"ERROR ", b"\n"], False)
def test_nothing_evil_makes_a_message_of_an_error(
    shown: bytes, pieces: list[bytes], in_utf16: bool
) -> None:
    server = FakeServer(policy=StopPolicy(()))
    protocol, transport = server.connect()
    protocol.dataReceived(shown)
    server.clock.advance(SILENCE)
    transport.clear()
    data = b"".join(pieces)
    protocol.dataReceived(data.decode(errors="replace").encode("utf-16") if in_utf16 else data)
    for seconds in (SILENCE, 2, 8, 60):
        server.clock.advance(seconds)
    error = transport.writes[-1]
    assert transport.half_closed
    assert len(error) <= MAX_MESSAGE
    for decoder in Decoder(), Decoder(REPLIES), ReplyDecoder():
        assert read_all_in(error, decoder) in ([], ["ERROR"])


@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
@pytest.mark.parametrize("reason", Reason)
def test_the_client_shows_the_hint(reason: Reason, newline: str) -> None:
    error = error_of("I have 'Client name: Ann, sum: 7'; it is wrong", reason)
    help_ = hint_for_peer(error)
    shown = f"{error}. {help_}".rstrip(" .")
    line = f"ERROR {error.code}: {error}. {help_}".rstrip() + newline
    object_ = json.dumps({"error": error.code, "detail": str(error), "hint": help_}) + newline
    for came in line.encode(), object_.encode():
        decoder = ReplyDecoder()
        decoder.feed(came)
        with pytest.raises(ReportedError) as reported:
            decoder.take() or decoder.finish()
        outcome = ReplyRule().read(Message("Ann", 42), came, reported.value)
        assert isinstance(outcome, Failed)
        assert outcome.cause in (Cause.ERROR_REPLY, Cause.UNAVAILABLE)
        assert outcome.text == f"error reply: {error.code}: {shown}"


def test_what_the_server_does_because_of_the_peer_has_no_hint() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,101\n")
    assert transport.value() == b"ERROR stopping: 101 is out of range.\n"


@pytest.mark.parametrize("reason", Reason)
def test_no_part_of_an_error_is_a_message(reason: Reason) -> None:
    """One that comes in pieces, with silence between them, is none."""
    error = error_of("I have 'Ann,42'; it is wrong", reason)
    line = Text(Notation("", ",", ""), Line("\n")).encode_error(error, hint_for_peer(error))
    for end in range(len("ERROR m: "), len(line)):
        for decoder in Decoder(), ReplyDecoder():
            assert read_all_in(line[:end], decoder) in ([], ["ERROR"])


def test_an_error_with_no_room_for_the_hint() -> None:
    dialect = Text(Notation("", ",", ""), Line("\n"))
    error = Malformed("x" * 990, Reason.NO_NAME)
    assert dialect.encode_error(error, hint(error)) == dialect.encode_error(error)


# Live


@pytest.mark.live
def test_a_number_that_never_comes(tmp_path: Path) -> None:
    with running_server(tmp_path, "--begun-timeout", "0.3") as server:
        with connect(server.port) as peer:
            peer.sendall(b"Client of Ann,")
            error = Malformed(
                "I have 'Client of Ann,'; there is no number behind the last separator",
                Reason.NO_NUMBER,
            )
            assert read_all(peer) == error_line(error, "\r\n")
        with connect(server.port) as peer:
            peer.sendall(b"hello\n")
            assert read_all(peer).startswith(rb"ERROR timeout: I have 'hello\n'; a number")
