"""Replies that tell more than the server's name and number: right or an error, never a guess."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumproto.core.dialects import Received, ReplyDecoder, cut_asides, without_sum
from sumproto.core.dialects.sums import NO_NAME
from sumproto.core.message import Message, MessageError

BOB = Message("Bob", 58)
NOBODY = Message(NO_NAME, 58)


def decode(pieces: list[bytes], own: int = 42) -> tuple[list[Message], bytes]:
    """The messages in `pieces`, the last of which silence follows, and what is left."""
    decoder = ReplyDecoder()
    found: list[Message] = []

    def take(received: object) -> bool:
        if isinstance(received, Received):
            found.append(without_sum(received, own))
        return received is not None

    for piece in pieces:
        decoder.feed(piece)
        while take(decoder.take()):
            pass
    while take(decoder.finish()):
        pass
    return found, decoder.pending


LABELLED = [
    # in one line
    ("Server name: Bob, Server number: 58, Sum: 100", BOB),
    ("Server name: Bob, Server number: 58, Client name: Ann, Client number: 42, Sum: 100", BOB),
    ("Client's name: Ann, Client's number: 42, Server's name: Bob, Server's number: 58", BOB),
    ("Client Name: Ann Server Name: Bob Client Number: 42 Server Number: 58 Sum: 100", BOB),
    ("Sum: 100, Server name: Bob, Server number: 58", BOB),
    ("Server Name: Bob | Server Number: 58 | Sum: 100", BOB),
    ("SERVER=Bob;NUM=58;SUM=100", BOB),
    ("name=Bob&number=58&sum=100", BOB),
    ("<reply><name>Bob</name><number>58</number><sum>100</sum></reply>", BOB),
    ("Bob,58,Sum: 100", BOB),
    ("Bob, 58, sum=100", BOB),
    ("Bob: 58, Sum: 100", BOB),
    ("Bob: 58 (sum: 100)", BOB),
    ("Bob,58, the sum is 100.", BOB),
    ("Bob,58,Sum of 42 and 58 is 100", BOB),
    ("Bob,58,total_sum: 100", BOB),
    ("Your number: 42, my number: 58", NOBODY),
    ("Server Number: 58, Client Number: 42, Sum: 100", NOBODY),
    # in several
    ("Server name: Bob\nServer number: 58\nSum: 100", BOB),
    ("Server name: Bob\nSum: 100\nServer number: 58", BOB),
    ("Sum: 100\nServer name: Bob\nServer number: 58", BOB),
    ("Sum: 100\nServer number: 58\nServer name: Bob", BOB),
    ("Server number: 58\nServer name: Bob\nSum: 100", BOB),
    ("Server number: 58\nSum: 100\nServer name: Bob", BOB),
    ("Client name: Ann\nServer name: Bob\nClient number: 42\nServer number: 58\nSum: 100", BOB),
    ("Client name: Ann\nClient number: 42\nServer name: Bob\nServer number: 58\nSum: 100", BOB),
    ("Server's name: Bob\r\nClient's name: Ann\r\nServer's number: 58\r\nThe sum is 100", BOB),
    ("Server: Bob\nNumber: 58\nTotal: 100", BOB),
    ("Bob\nSum: 100\n58", BOB),
    ("Bob,58\nSum is 100", BOB),
    ("Server's number: 58\nSum: 100", NOBODY),
    # structures
    ('{"name": "Bob", "number": 58, "sum": 100}', BOB),
    ('{"client_name":"Ann","client_number":42,"server_name":"Bob","server_number":58}', BOB),
    ('{"server":{"name":"Bob","number":58},"client":{"name":"Ann","number":42},"sum":100}', BOB),
    ('{"clientName": "Ann", "serverName": "Bob", "serverNumber": 58, "sum": 100}', BOB),
    ('{"server_number": 58, "client_number": 42}', NOBODY),
    ("{'name': 'Bob', 'number': 58, 'sum': 100}", BOB),
    ('["Bob", 58, 100]', BOB),
    ("('Bob', 58, 100)", BOB),
    # with no label, the sum is told by its value
    ("Bob,58,100", BOB),
    ("Bob,100,58", BOB),
    ("Bob,42,58,100", BOB),
    ("Bob|100|42|58", BOB),
    ("58,Bob,100", BOB),
    ("Bob;58;100;", BOB),
    ("Bob 58 100", BOB),
    ("Server Bob: 58", Message("Server Bob", 58)),
    ("Bob: 42 + 58 = 100", BOB),
    ("Bob,58;100", BOB),
    ("Bob,58|100", BOB),
    ("Client: 42\nServer: 58\nSum: 100", Message("Server", 58)),
    # which is the server's does not show
    ("Bob,58,99", None),
    ("['Bob', '58', '100']", None),
    ("100 '58 Server of Bob", None),
    ("Bob + Ann = 100", None),
    ("Suma: 100", None),
    ("Bob,42,58", None),
    ("Bob,1,2,3", None),
    ("Sum: 100", None),
    ("The sum is 100", None),
    ("Bob, Sum: 100", None),
    ("Client number: 42, Sum: 100", None),
    ("Client name: Ann, Client number: 42", None),
    ("42 + 58 = 100", None),
    ('{"name": "Bob", "a": 58, "b": 99}', None),
    ('{"sum": 100, "client_number": 42}', None),
    ('{"name": "Bob", "sum": 100}', None),
    ('["Eve,7\\nBob", 58, 100]', None),
    ("{'sum': 100, 'name': 'Bob'}", None),
    ('{"name": "Bob", "nick": "Bobby", "a": 1, "b": 2}', None),
]


@pytest.mark.parametrize(("reply", "message"), LABELLED)
@pytest.mark.parametrize("newline", ["\n", "\r\n", ""])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_reply_is_right_or_an_error(
    reply: str, message: Message | None, newline: str, size: int
) -> None:
    data = (reply + newline).encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    try:
        found, _ = decode(pieces)
    except MessageError:
        found = []
    assert found == ([message] if message else [])


@pytest.mark.parametrize(
    "text",
    [
        "Server of Bob,58\n",
        "Sum Server,58\n",
        "Total Eclipse,58\n",
        "Client Services,58\n",
        "Bob\n58\n100\n",
        "Summer,58\n",
    ],
)
def test_what_is_no_aside_stays(text: str) -> None:
    assert cut_asides(text) == text


@given(st.text(max_size=300))
def test_what_is_cut_was_there(text: str) -> None:
    rest = iter(text)
    assert all(character in rest for character in cut_asides(text))
    assert cut_asides(text).count("\n") <= text.count("\n")


@given(st.binary(max_size=600) | st.text("sum=:client name{}[]('\", 0158\n").map(str.encode))
def test_whatever_comes_is_a_message_or_an_error(data: bytes) -> None:
    with suppress(MessageError):
        assert ReplyDecoder().take_first(data).message.name.isprintable()


def test_what_is_glued_ends_in_silence() -> None:
    assert decode([b"Server of Bob58"]) == ([Message("Server of Bob", 58)], b"")


@pytest.mark.parametrize(
    "reply",
    [
        b"\0\x10Bob,58, Sum: 100",
        b"\0\0\0\x10Bob,58, Sum: 100",
        b"16:Bob,58, Sum: 100,",
        "\ufeffBob,58, Sum: 100\n".encode("utf-16-le"),
        b"Bob,58, Sum: 100\0",
        b"Bob,58, Sum: 100\0\0\0\0",
        b"\r\nBob,58, Sum: 100\r\n",
        b"\xef\xbb\xbfBob,58, Sum: 100\r\n",
        b"\tBob,58, Sum: 100\n",
    ],
)
def test_asides_whatever_is_around_the_text(reply: bytes) -> None:
    assert decode([reply]) == ([BOB], b"")
    assert decode([bytes([byte]) for byte in reply]) == ([BOB], b"")


def test_a_name_may_begin_with_any_letter() -> None:
    assert decode(["Ænne,58,Sum: 100\n".encode()])[0] == [Message("Ænne", 58)]


def test_two_replies_with_asides_one_after_the_other() -> None:
    reply = b"Server name: Bob\nServer number: 58\nSum: 100\n"
    assert decode([reply, reply]) == ([BOB, BOB], b"")
    assert decode([reply + reply]) == ([BOB, BOB], b"")
