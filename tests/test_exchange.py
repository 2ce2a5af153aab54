"""The server's rule, and who may stop it."""

import pytest
from makers import json_object, record, separated, text_record, two_lines

from sumproto.core.dialects import (
    Decoder,
    Dialect,
    Received,
    without_sum,
)
from sumproto.core.exchange import (
    ANYWHERE,
    LOOPBACK,
    STOP_ON,
    Exchange,
    ReplyFormat,
    Rule,
    StopPolicy,
    parse_networks,
    random_number,
)
from sumproto.core.message import Malformed, Message, MessageError, OutOfRange, TimedOut, TooLong


def test_an_answer_has_the_sum() -> None:
    exchange = Rule("Server of Bob", lambda: 58).answer(Message("Client of Ann", 42))
    assert exchange == Exchange(Message("Client of Ann", 42), Message("Server of Bob", 58))
    assert exchange.sum == 100


SHORT, LONG = "Server of Bob", "\U0001f600" * 255


@pytest.mark.parametrize(
    ("name", "format_", "dialect"),
    [
        (SHORT, None, separated("," + " " * 1010, "")),
        (LONG, None, separated("," + " " * 900, "\n")),
        (LONG, None, two_lines("\r\n", "\r\n")),
        (LONG, None, text_record("," + " " * 900)),
        (LONG, None, record()),
        (SHORT, None, json_object(('{"' + "n" * 990 + '": ', ', "number": ', "}"), False, "")),
        (SHORT, "{separator}" * 300, separated(" " * 900, "\n")),
        (SHORT, "{separator}" * 300, text_record(" " * 900)),
    ],
)
def test_a_reply_that_would_be_too_long(name: str, format_: str | None, dialect: Dialect) -> None:
    rule = Rule(name, reply_format=ReplyFormat(format_) if format_ else None)
    exchange = Exchange(Message("Ann", 42), Message(name, 58))
    with pytest.raises(TooLong, match="the reply would be longer than 1024 bytes"):
        rule.encode(exchange, dialect)


EXCHANGE = Exchange(Message("Client of Ann", 42), Message("Server of Bob", 58))
THREE_FIELDS = "{name}{separator}{number}{separator}{sum}"


@pytest.mark.parametrize(
    ("format_", "dialect", "reply"),
    [
        (None, separated(" ; ", "\n"), b"Server of Bob ; 58\n"),
        (THREE_FIELDS, separated(" ; ", "\n"), b"Server of Bob ; 58 ; 100\n"),
        (THREE_FIELDS, separated(",", "", number_first=True), b"Server of Bob,58,100"),
        (THREE_FIELDS, two_lines("\r\n", "\r\n"), b"Server of Bob\r\n58\r\n100\r\n"),
        (THREE_FIELDS, text_record(","), b"\0\x14Server of Bob,58,100"),
        (THREE_FIELDS, record(), b"\0\x0dServer of Bob\0\0\0\x3a"),
        (
            "{{{client_name}}} + {name} = {client_number} + {number} = {sum}",
            separated(",", "\r\n"),
            b"{Client of Ann} + Server of Bob = 42 + 58 = 100\r\n",
        ),
    ],
)
def test_replies(format_: str | None, dialect: Dialect, reply: bytes) -> None:
    rule = Rule("Server of Bob", reply_format=ReplyFormat(format_) if format_ else None)
    assert rule.encode(EXCHANGE, dialect) == reply


@pytest.mark.parametrize(
    "format_",
    [
        "",
        "{",
        "{}",
        "{0}",
        "{nmae}",  # codespell:ignore nmae
        "{name.__class__}",
        "{name[0]}",
        "{name!r}",
        "{sum:99}",
        "{name}\n{number}",
        "\udc80",
    ],
)
def test_formats_that_cannot_be_used(format_: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        ReplyFormat(format_)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("reply", "name", "number"),
    [
        (b"Server of Bob,58\n", "Server of Bob", 58),
        (b"Server of Bob,58,100\n", "Server of Bob", 58),
        (b"Server of Bob ; 58 ; 100\n", "Server of Bob", 58),
        (b"58,Server of Bob,100\n", "Server of Bob", 58),
        (b"Server 3,45\n", "Server 3", 45),
        (b'{"n":"Server,58","i":100}', "Server,58", 100),
    ],
)
def test_a_third_field_that_is_the_sum(reply: bytes, name: str, number: int) -> None:
    decoder = Decoder()
    decoder.feed(reply)
    received = decoder.take()
    assert isinstance(received, Received)
    assert without_sum(received, 42) == Message(name, number)


def test_a_third_field_that_explains_nothing() -> None:
    received = Decoder().take_first(b"Room,101,58\n")
    with pytest.raises(Malformed, match="which of the numbers is the server's does not show"):
        without_sum(received, 42)


@pytest.mark.parametrize("number", [1, 100])
def test_the_range_has_its_ends(number: int) -> None:
    assert Rule("Bob", lambda: 1).answer(Message("Ann", number)).sum == number + 1


@pytest.mark.parametrize("number", [0, 101, -5, 10**4000])
def test_out_of_range(number: int) -> None:
    with pytest.raises(OutOfRange, match="is out of range"):
        Rule("Bob").answer(Message("Ann", number))


def test_own_numbers_are_random_and_in_range() -> None:
    numbers = {random_number() for _ in range(5000)}
    assert numbers == set(range(1, 101))


@pytest.mark.parametrize(
    ("stop_on", "asking"),
    [
        ("out-of-range", {OutOfRange}),
        ("invalid", {OutOfRange, Malformed, TooLong}),
        ("never", set()),
    ],
)
def test_what_asks_to_stop(stop_on: str, asking: set[type[MessageError]]) -> None:
    policy = StopPolicy(STOP_ON[stop_on])
    errors = OutOfRange, Malformed, TooLong, TimedOut
    assert {error for error in errors if policy.asks(error("x"))} == asking


@pytest.mark.parametrize(
    ("stop_from", "host", "permitted"),
    [
        ("loopback", "127.0.0.1", True),
        ("loopback", "127.9.9.9", True),
        ("loopback", "::1", True),
        ("loopback", "::ffff:127.0.0.1", True),
        ("loopback", None, True),
        ("loopback", "10.0.0.1", False),
        ("loopback", "::ffff:10.0.0.1", False),
        ("any", "192.0.2.1", True),
        ("any", "2001:db8::1", True),
        ("any", None, True),
        ("10.0.0.0/8, 2001:db8::/32", "10.1.2.3", True),
        ("10.0.0.0/8,2001:db8::/32", "2001:db8::5", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "127.0.0.1", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", True),
        ("::/0", "10.1.2.3", False),
        ("10.0.0.0/8", None, False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("any", "no address", False),
    ],
)
def test_who_may_stop(stop_from: str, host: str | None, permitted: bool) -> None:
    assert StopPolicy(networks=parse_networks(stop_from)).permits(host) is permitted


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.1/8", "10.0.0.0/8,,", "10.0.0.0/33"])
def test_not_networks(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_networks(text)


def test_names_for_networks() -> None:
    assert parse_networks("loopback") == LOOPBACK
    assert parse_networks("any") == ANYWHERE
