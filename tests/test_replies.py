"""The rule of the client, on what came alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import EVIL, is_harmless

from sumproto.core.dialects import DIALECTS, Received, ReplyDecoder, label_of
from sumproto.core.message import Message, MessageError, in_range
from sumproto.core.replies import Cause, Exchanged, Failed, Outcome, ReplyRule, Stopped

RULE = ReplyRule()
ANY_NUMBER = ReplyRule(any_number=True)
ASK, STOP = Message("Client of Ann", 42), Message("Client of Ann", 101)


def read(request: Message, came: bytes, rule: ReplyRule = RULE) -> Outcome | None:
    """What `rule` makes of `came`, which is all that comes."""
    decoded: Received | MessageError
    try:
        decoded = ReplyDecoder().take_first(came)
    except MessageError as error:
        decoded = error
    return rule.read(request, came, decoded)


def numbers(outcome: Outcome | None) -> tuple[int, int]:
    assert isinstance(outcome, Exchanged)
    return outcome.exchange.reply.number, outcome.exchange.sum


@given(st.sampled_from(list(DIALECTS)), st.integers(1, 100), st.integers(1, 100))
def test_a_reply_in_any_dialect_is_an_exchange(dialect: str, asked: int, answered: int) -> None:
    came = DIALECTS[dialect]("\n").encode(Message("Server of Bob", answered))
    outcome = read(Message("Client of Ann", asked), came)
    assert numbers(outcome) == (answered, asked + answered)
    assert isinstance(outcome, Exchanged)
    assert label_of(outcome.dialect) == dialect


@pytest.mark.parametrize("came", [b"Bob,58,100\n", b"Bob,58,100", b'{"n":"Bob","k":58,"sum":100}'])
def test_the_sum_is_no_number(came: bytes) -> None:
    assert numbers(read(ASK, came)) == (58, 100)


def test_a_sum_out_of_range_is_none_either() -> None:
    assert numbers(read(Message("Ann", 84), b"Bob,58,142\n")) == (58, 142)


@given(st.integers().filter(lambda number: not in_range(number)))
def test_a_number_out_of_range_is_no_reply_unless_any_is(number: int) -> None:
    came = f"Server of Bob,{number}\n".encode()
    text = f"the reply's number {number} is not in 1..100; --any-number takes it"
    assert read(ASK, came) == Failed(Cause.OUT_OF_RANGE, text)
    assert numbers(read(ASK, came, ANY_NUMBER)) == (number, 42 + number)
    why = f"101 is out of range; the server answered {number}"
    assert read(STOP, came) == Stopped(why)
    assert numbers(read(STOP, came, ANY_NUMBER)) == (number, 101 + number)


@pytest.mark.parametrize("came", [b"Bob," + b"9" * 5000, b"\0\6Bob,-1", b"\0\3Bob\xff\xff\xff\xff"])
def test_any_form_of_a_number_out_of_range(came: bytes) -> None:
    outcome = read(ASK, came)
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.OUT_OF_RANGE
    assert len(outcome.text) < 200
    assert isinstance(read(STOP, came), Stopped)


def test_error_replies() -> None:
    came = b"ERROR stopping: 101 is out of range.\n"
    assert read(STOP, came) == Stopped("101 is out of range")
    text = "error reply: stopping: 101 is out of range"
    assert read(ASK, came) == Failed(Cause.UNAVAILABLE, text)
    refused = b"ERROR out-of-range: 101 is out of range.\n"
    assert read(STOP, refused) == Failed(
        Cause.ERROR_REPLY, "error reply: out-of-range: 101 is out of range"
    )


@pytest.mark.parametrize(
    ("came", "server"),
    [
        (b"220 mail.example ESMTP ready\r\n", "an SMTP server"),
        (b"220 mail.example ESMTP ready", "an SMTP server"),
        (b"HTTP/1.1 400 Bad Request\r\nDate: today\r\n", "an HTTP server"),
        (b"\x15\x03\x01\0\x02\x02\x16", "a TLS server"),
        (b"-ERR unknown command, 42\r\n", "a Redis server"),
    ],
)
@pytest.mark.parametrize("request_", [ASK, STOP])
@pytest.mark.parametrize("rule", [RULE, ANY_NUMBER])
def test_a_server_of_another_protocol(
    came: bytes, server: str, request_: Message, rule: ReplyRule
) -> None:
    failed = Failed(Cause.NOT_A_SUM_SERVER, f"this is {server}, not a sum server")
    assert read(request_, came, rule) == failed
    assert rule.closed(request_, came) == failed
    assert rule.timed_out(came, "within 5 s") == failed
    assert rule.before_request(came) == failed
    assert rule.read_datagram(request_, came, MessageError()) == failed


def test_a_greeting_is_known_as_soon_as_its_line_is_whole() -> None:
    banner = b"220 mail.example ESMTP ready\r\n"
    assert [RULE.begun(banner[:end]) for end in range(len(banner))] == [None] * len(banner)
    assert RULE.begun(banner)
    assert RULE.begun(b"SSH-2.0-" + b"x" * 64)
    assert RULE.begun(b"Server of Bob\n") is None


@pytest.mark.parametrize(
    "came",
    [
        b"Number is out of range. Server is close",
        b"Number is out of range, good-bye.\n",
        b"bad number: 101.0\r\n",
        "Zahl ungültig\nTschüß\n".encode(),
    ],
)
def test_text_and_then_the_end_is_the_stop_that_was_asked_for(came: bytes) -> None:
    assert read(STOP, came) is None
    stopped = RULE.closed(STOP, came)
    assert isinstance(stopped, Stopped)
    assert stopped.why.startswith("101 is out of range; the server said '")
    assert RULE.timed_out(came, "within 5 s").cause is Cause.TIMEOUT
    outcome = read(ASK, came)
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.MALFORMED
    failed = RULE.closed(ASK, came)
    assert isinstance(failed, Failed)
    assert failed.cause is Cause.CUT_OFF


@pytest.mark.parametrize(
    "came",
    [
        b"Number must be between 1 and 100",
        b"Invalid number 42\n",
        b"The number should be in 1 - 100\n",
        b"Error: out of range 1, 100\n",
    ],
)
def test_a_complaint_is_no_reply_whatever_number_is_in_it(came: bytes) -> None:
    assert read(STOP, came) is None
    assert isinstance(RULE.closed(STOP, came), Stopped)
    outcome = read(ASK, came)
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.MALFORMED


@pytest.mark.parametrize("came", [b"Client of Ann,42\r\n", b"I got Client of Ann,42\n"])
def test_what_was_sent_is_no_reply(came: bytes) -> None:
    outcome = read(ASK, came)
    assert isinstance(outcome, Failed)
    assert outcome.text.endswith(": it is what was sent")
    assert numbers(read(Message("Ann", 42), b"Bob,42\n")) == (42, 84)


@pytest.mark.parametrize(
    "came", [b"Bob,-1\n", b"Bob,0", b"\0\5Bob,0", b"\0\3Bob\0\0\0\0", b'{"n": "Bob", "k": -1}']
)
def test_a_number_out_of_range_is_the_stop_that_was_asked_for(came: bytes) -> None:
    assert isinstance(read(STOP, came), Stopped)
    outcome = read(ASK, came)
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.OUT_OF_RANGE


@pytest.mark.parametrize("came", [b"\0\1\2", b"\xff\xfe\x80", b"\x1b[31m,no\n"])
def test_what_is_no_text_is_no_stop(came: bytes) -> None:
    outcome = read(STOP, came)
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.MALFORMED
    assert isinstance(RULE.closed(STOP, came), Failed)


def test_the_end_without_a_word() -> None:
    assert RULE.closed(STOP, b"") == Stopped("101 is out of range")
    text = "the connection was closed without a reply"
    assert RULE.closed(ASK, b"") == Failed(Cause.CLOSED, text)


@pytest.mark.parametrize(
    "rest",
    [
        b"\n",
        b"\r\n",
        b"\r",
        b"100\n",
        b"\n100\r\n",
        b"\r\n100",
        b"1",
        b"+100\r",
        b"-3\n",
        b"Sum: 100",
    ],
)
def test_the_end_of_the_last_reply_may_come_before_the_request(rest: bytes) -> None:
    assert RULE.before_request(rest) is None


@pytest.mark.parametrize("came", [b"Bob,59\n", b"\nBob", b"100\nBob,59\n", b"59,Bob", b"\0", b"{"])
def test_what_comes_before_the_request_is_no_reply(came: bytes) -> None:
    failed = RULE.before_request(came)
    assert failed
    assert failed.cause is Cause.UNSOLICITED
    assert failed.text.startswith("what came before the request is no reply: '")


def test_a_closed_port_for_datagrams() -> None:
    refused = Failed(Cause.NO_CONNECTION, "Connection refused")
    assert RULE.refused(STOP, tries=2) == Stopped("101 is out of range")
    assert RULE.refused(STOP, tries=1) == refused
    assert RULE.refused(ASK, tries=2) == refused


@pytest.mark.parametrize("came", [b"", b"Bob", b"Bob,5.8", b"\xff", b"{}"])
@pytest.mark.parametrize("request_", [ASK, STOP])
def test_a_datagram_that_is_no_message_is_ignored(came: bytes, request_: Message) -> None:
    assert RULE.read_datagram(request_, came, MessageError("no message")) is None


@pytest.mark.parametrize("came", EVIL)
@pytest.mark.parametrize("request_", [ASK, STOP])
def test_nothing_evil_is_told(came: bytes, request_: Message) -> None:
    for outcome in (
        read(request_, came),
        RULE.closed(request_, came),
        RULE.timed_out(came, "within 5 s"),
        RULE.before_request(came),
    ):
        if isinstance(outcome, Failed):
            assert is_harmless(outcome.text)
            assert "\n" not in outcome.text
        elif isinstance(outcome, Stopped):
            assert is_harmless(outcome.why)
            assert "\n" not in outcome.why
