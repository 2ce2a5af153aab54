"""Bytes to messages and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from makers import json_object, record, separated, text_record, two_lines
from support import MIRRORED, OBJECTS, RECORDS

from sumproto.core.dialects import (
    DIALECTS,
    REPLIES,
    REQUESTS,
    UNKNOWN,
    Decoder,
    Dialect,
    Newline,
    Received,
    label_of,
    misread_in,
    reads_back,
)
from sumproto.core.dialects.base import Begun
from sumproto.core.dialects.beginnings import framing_of
from sumproto.core.dialects.decoder import Framings
from sumproto.core.dialects.words import kind_of
from sumproto.core.message import (
    MAX_MESSAGE,
    MAX_NAME,
    Message,
    MessageError,
    OutOfRange,
    ReportedError,
    in_range,
)

REPLY = Message("Server of Bob", 58)
REQUEST = Message("Client of Ann", 42)
JSON = DIALECTS["json"]("")


def decode(
    chunks: Iterable[bytes], end: bool = True, framings: Framings = REQUESTS
) -> list[tuple[Message | str, bytes]]:
    """Each message in `chunks` with the reply that mirrors it; or the code of an error, b""."""
    decoder = Decoder(framings)
    result: list[tuple[Message | str, bytes]] = []
    try:
        for chunk in chunks:
            decoder.feed(chunk)
            while received := decoder.take():
                if isinstance(received, Newline):
                    message, reply = result.pop()
                    result.append((message, reply + received.data))
                else:
                    result.append((received.message, received.dialect.encode(REPLY)))
        if end and (last := decoder.finish()):
            result.append((last.message, last.dialect.encode(REPLY)))
    except MessageError as error:
        result.append((error.code, b""))
    return result


def explanation(chunks: Iterable[bytes], framings: Framings = REQUESTS) -> str | None:
    """What is wrong with `chunks`; None if nothing is."""
    decoder = Decoder(framings)
    try:
        for chunk in chunks:
            decoder.feed(chunk)
            while decoder.take():
                pass
        decoder.finish()
    except MessageError as error:
        return str(error)
    return None


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("option", DIALECTS)
def test_a_dialect_is_called_as_its_option(option: str) -> None:
    dialect = DIALECTS[option]("\n")
    decoder = Decoder()
    received = decoder.take_first(dialect.encode(REQUEST))
    assert label_of(dialect) == label_of(received.dialect) == option


@pytest.mark.parametrize(
    ("request_", "label"),
    [
        (b"Client of Ann\t;  42", "semicolon"),
        (b"Client of Ann \t 42", "space"),
        (b"42 : Client of Ann", "number-first"),
        (b"\0\x12Client of Ann ; 42", "text-record"),
    ],
)
def test_blanks_do_not_change_what_a_dialect_is_called(request_: bytes, label: str) -> None:
    assert label_of(Decoder().take_first(request_).dialect) == label


@pytest.mark.parametrize("terminator", [b"\r\n", b"\n", b""])
@pytest.mark.parametrize(("request_", "reply"), MIRRORED + OBJECTS)
def test_mirrored(request_: bytes, reply: bytes, terminator: bytes) -> None:
    expected = [(REQUEST, reply + terminator)]
    assert decode([request_ + terminator]) == expected
    assert decode(bytewise(request_ + terminator)) == expected


@pytest.mark.parametrize(("request_", "reply"), RECORDS)
def test_mirrored_records(request_: bytes, reply: bytes) -> None:
    assert decode([request_]) == [(REQUEST, reply)]
    assert decode(bytewise(request_)) == [(REQUEST, reply)]


@pytest.mark.parametrize(("request_", "reply"), OBJECTS + RECORDS)
def test_no_silence_is_needed(request_: bytes, reply: bytes) -> None:
    assert decode([request_], end=False) == [(REQUEST, reply)]


def test_a_connection_may_change_dialect() -> None:
    pairs = [*OBJECTS, *RECORDS, *((a + b"\n", b + b"\n") for a, b in MIRRORED)] * 2
    stream = b"".join(request for request, _ in pairs)
    for found in decode([stream]), decode(bytewise(stream)):
        assert [reply for _, reply in found] == [reply for _, reply in pairs]


def test_a_newline_behind_an_object_is_answered_when_it_comes() -> None:
    decoder = Decoder()
    for data in (b'{"a":"Ann","b":1}', b"\r"):
        decoder.feed(data)
        received = decoder.take()
        assert decoder.take() is None
    assert received is None
    decoder.feed(b"\nBob,2\n")
    assert decoder.take() == Newline(b"\r\n")
    received = decoder.take()
    assert isinstance(received, Received)
    assert received.message == Message("Bob", 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"Lee, Ann,42\n", Message("Lee, Ann", 42)),
        (b"R2-D2 7,42\n", Message("R2-D2 7", 42)),
        (b"Ann,42,100\n", Message("Ann,42", 100)),
        (b"42,Lee, Ann\n", Message("Lee, Ann", 42)),
        (b"Lee, Ann\n42\n", Message("Lee, Ann", 42)),
        (b"user1\n42\n", Message("user1", 42)),
        ("Ænne 李,42\n".encode(), Message("Ænne 李", 42)),
        (b"Ann,-5\n", Message("Ann", -5)),
        (b"Ann,101\n", Message("Ann", 101)),
        (b"Ann - 5\n", Message("Ann", 5)),
        (b"42,Client-7\n", Message("Client-7", 42)),
        (b"42 Client v1.1\n", Message("Client v1.1", 42)),
        (b"42,Client 1e2\n", Message("Client 1e2", 42)),
        (b"3 Bob: 42\n", Message("3 Bob", 42)),
        (b"Davis Jr.,42\n", Message("Davis Jr.", 42)),
        (b"(TA) Ann,42\n", Message("(TA) Ann", 42)),
        (b"(Ann),42\n", Message("Ann", 42)),
    ],
)
def test_where_a_name_ends(data: bytes, message: Message) -> None:
    assert [found for found, _ in decode([data])] == [message]


@pytest.mark.parametrize(
    "data",
    [
        b",42\n",
        b"1 2\n",
        b"42\n7\n",
        b"42 Ann HTTP/\n",
        b"!,42\n",
        b"42,\n",
        b"42, \n",
        b"Ann,\n",
        b"Ann,42.0\n",
        b"Ann 1e2\n",
        b"Ann|1_0\n",
        b"42.5,Ann\n",
        "Ann,٤٢\n".encode(),
        b"Ann\nLee\n",
        b"Ann\n\n",
        b"Ann\n4.2\n",
        b"A\xffn,42\n",
        b"\xff\n42\n",
        b"Ann\xed\xa0\x80,42\n",
        b"A\x1b[31mnn,42\n",
        b"\xe2\x80\xae,42\n",
        b"A" * (MAX_NAME + 1) + b",42\n",
        b"A" * (MAX_NAME + 1) + b"\n42\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"{}",
        b'{"a":"Ann"}',
        b'{"a":"Ann","b":4.2}',
        b'{"a":"Ann","b":true}',
        b'{"a":"Ann","b":1e2}',
        b'{"a":"Ann","b":null}',
        b'{"a":1,"b":2}',
        b'{"a":"Ann","b":42,}',
        b'{"a":"Ann" "b":42}',
        b'{a:"Ann",b:42}',
        b'{"a":"Ann","b":42,"c":43}',
        b'{"a":"Ann","a":42}',
        b'{"a":"Ann","b":42,"b":42}',
        b'{"a":"","b":42}',
        b'{"a":"A\\nnn","b":42}',
        b'{"a":"A\nnn","b":42}',
        b'{"a":"\\ud800","b":42}',
        b'{"a":"\\x","b":42}',
        b'{"a":"\xff","b":42}',
        b"\0\1 \0\0\0\1",
        b"\0\1\xff\0\0\0\1",
        b"\0\2A\n",
        b"\0\7A\x1bnn,42",
    ],
)
def test_malformed(data: bytes) -> None:
    assert decode([data], end=False) == [("malformed", b"")]
    assert decode(bytewise(data), end=False) == [("malformed", b"")]


@pytest.mark.parametrize(
    "data",
    [
        b"Ann",
        b"Ann\n",
        b"Ann,",
        b"Ann\n4x",
        b"42\n",
        b"  42\n",
        b"\x80\x01\n",
        b"\x04\0",
        b"\0\0",
        b'{"a":"Ann","b":42,"id":{}',
        b"42,\xc3",
        b"Ann\n\xc3",
        b'{"a":"Ann","b":42',
        b'{"a":"Ann}',
        b"\0",
        b"\0\4Ann",
        b"\0\3Ann\0\0\0",
        b"\0\6Ann,4",
    ],
)
def test_silence_ends_only_what_is_whole(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    assert decoder.take() is None
    assert decoder.finish() is None
    assert decoder.pending


def test_nothing_behind_an_error_is_a_message() -> None:
    assert decode([b"Ann,1\nBob,2\n,\nCid,3\n"]) == [
        (Message("Ann", 1), b"Server of Bob,58\n"),
        (Message("Bob", 2), b"Server of Bob,58\n"),
        ("malformed", b""),
    ]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost:12000\r\n\r\n", "this is HTTP"),
        (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\nAnn,101\n", "this is HTTP"),
        (b"101 / HTTP/1.1\r\n", "this is HTTP"),
        (b"42 / HTTP/1.1", "this is HTTP"),
        (b"42,/ HTTP/0.9\n", "this is HTTP"),
        (b"42\t/?Ann http/2\n", "this is HTTP"),
        (b"42|Ann HTTP/1.1 \t\n", "this is HTTP"),
        (b"Ann|101 /,101 HTTP/1.1\r\n", "this is HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "this is HTTP"),
        (b"Ann\n42 / HTTP/1.1\n", "'1.1' is not an integer"),
        (b"GET /" + b"9" * 1100 + b" HTTP/1.1\r\n", "this is HTTP"),
        (b"GET /,9" + b"9" * 1100 + b" HTTP/1.1\r\n", "this is HTTP"),
        (b"101 /,9" + b"9" * 1100 + b" HTTP/1.1\r\n", "at most 1024 bytes"),
        (b"Ann\r\nX: 9" + b"9" * 1100 + b"\r\n", "at most 1024 bytes"),
    ],
)
def test_http_is_malformed_and_not_a_number(data: bytes, wrong: str) -> None:
    for segments in [data], bytewise(data):
        assert wrong in (explanation(segments) or "")


def test_what_only_looks_like_http_is_a_message() -> None:
    for data in b"HTTP/1.1,42\n", b"42 Client/1.1\n", b"42 HTTP/1.1 Ann\n":
        assert [message.number for message, _ in decode([data]) if isinstance(message, Message)]


# The limit


@pytest.mark.parametrize("terminator", [b"\r\n", b"\n"])
def test_the_longest_message_fits(terminator: bytes) -> None:
    name = "é" * 250
    zeros = MAX_MESSAGE - len(name.encode()) - len(b",42" + terminator)
    data = name.encode() + b"," + b"0" * zeros + b"42" + terminator
    assert len(data) == MAX_MESSAGE
    assert decode([data]) == [(Message(name, 42), b"Server of Bob,58" + terminator)]
    assert decode([data.replace(b",", b",0")]) == [("too-long", b"")]


def test_the_longest_object_and_records_fit() -> None:
    name = "é" * 250
    blanks = b" " * (MAX_MESSAGE - len(JSON.encode(Message(name, 42))))
    longest = JSON.encode(Message(name, 42))[:-1] + blanks + b"}"
    assert len(longest) == MAX_MESSAGE
    assert decode([longest])[0][0] == Message(name, 42)
    assert decode([longest[:-1] + b" }"]) == [("too-long", b"")]
    assert decode([b"{" + b" " * 1024], end=False) == [("too-long", b"")]
    assert decode([b"{" + b" " * 1023], end=False) == []
    name = "\U00020000" * 255
    assert decode([record().encode(Message(name, 42))]) == [("too-long", b"")]
    name = "\U00020000" * 254
    assert len(record().encode(Message(name, 42))) == MAX_MESSAGE - 2
    assert decode([record().encode(Message(name, 42))])[0][0] == Message(name, 42)
    assert decode([text_record(",").encode(Message(name, 123))])[0][0] == Message(name, 123)
    assert decode([b"\3\xff"]) == [("too-long", b"")]


def test_too_long_is_noticed_at_byte_1025() -> None:
    data = b"A" * MAX_MESSAGE
    assert decode([data], end=False) == []
    assert decode([data, b"A"], end=False) == [("too-long", b"")]
    two_lines = b"Ann\n" + b"B" * (MAX_MESSAGE - 4)
    assert decode([two_lines], end=False) == []
    assert decode([two_lines, b"B"], end=False) == [("too-long", b"")]


@pytest.mark.parametrize("start", [b"Ann,", b"Ann\n", b"Ann -"])
@pytest.mark.parametrize("terminator", [b"\r\n", b"\n", b""])
def test_digits_beyond_the_limit_are_out_of_range(start: bytes, terminator: bytes) -> None:
    for digits in 1500, 5000:
        data = start + b"9" * digits + terminator
        for found in decode([data]), decode(bytewise(data)):
            assert len(found) == 1
            what = found[0][0]
            assert what == "out-of-range" or (isinstance(what, Message) and abs(what.number) > 100)


@pytest.mark.parametrize(
    "data",
    [
        b"Ann," + b"9" * 9000,
        b"Ann," + b"9" * 1100 + b"x\n",
        b"Ann," + b"9" * 1100 + b",5\n",
        b"Ann," + b"0" * 1100 + b"42\n",
        b"A" * 1000 + b" " + b"9" * 1100 + b" 5\n",
    ],
)
def test_digits_do_not_excuse_everything(data: bytes) -> None:
    assert decode([data])[0][0] in ("too-long", "malformed")
    assert decode([data]) == decode(bytewise(data))


# What it costs; benchmarks/costs.py measures it


@pytest.mark.parametrize(
    ("data", "again"),
    [
        (b"x" * 1024, set()),
        (b"9" * 1024, set()),
        (b"A," * 512, set()),
        (b"Ann\n" + b"9" * 1020, {4}),  # the first line is read when it is in
        (b"Ann," + b"9" * 8188, {1025}),  # all may be a number, if the limit is in it
        (b"Ann\n" + b"0" * 8188, {4, 1025}),
        (b'{"a":"' + b"}" * 1018, set()),
        (b'{"a":"' + b"\\" * 1018, set()),
        (b'{"a' + b'\\"' * 510, set()),
        (b"{" + b'"":0,' * 204, set()),
        (b"{" + b'"":"}",' * 146, set()),
    ],
)
@pytest.mark.parametrize("framings", [REQUESTS, REPLIES])
def test_a_byte_is_not_looked_at_again(framings: Framings, data: bytes, again: set[int]) -> None:
    """So what was looked at could as well be newlines, but where it is read `again`.

    And but for the last byte, which may be a carriage return.
    """
    framing = framing_of(data, 0, UNKNOWN, framings.text)
    begun = Begun()
    for size in range(1, len(data) + 1):
        known = 0 if size in again else max(0, begun.looked - 1)
        seen = data[:1] + b"\n" * (known - 1) if known else b""
        assert framing.take(seen + data[known:size], 0, begun) is None
        assert begun.looked in (size, size - 1)


# Errors, in the dialect of the peer


@pytest.mark.parametrize(
    ("data", "terminator"),
    [
        (b"", b"\r\n"),
        (b"\n", b"\r\n"),  # an empty line shows nothing
        (b"Ann\n,\n", b"\n"),
        (b"Ann,1\n\x05", b"\n"),
        (b"Ann,1\n\r\n", b"\n"),
        (b"Ann,1\nBob", b"\n"),
    ],
)
def test_errors_have_the_terminator_of_the_peer(data: bytes, terminator: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    error = MessageError("so it is")
    with suppress(MessageError):
        while decoder.take():
            pass
    assert decoder.dialect.encode_error(error) == b"ERROR malformed: so it is." + terminator


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"{", b'{"error": "malformed", "detail": "no"}'),
        (b"{}\n", b'{"error": "malformed", "detail": "no"}\n'),
        (b'{"a":"Ann","b":4.2,"id":"x"}', b'{"error": "malformed", "detail": "no", "id": "x"}'),
        (
            b'{"a":"Ann","id":"' + "ä".encode() * 400 + b'","b":4.2}',  # in ASCII it is too long
            b'{"error": "malformed", "detail": "no"}',
        ),
        (b'{"id": -7, "a":"Ann"', b'{"error": "malformed", "detail": "no", "id": -7}'),
        (b'{"a":"Ann","id" : 7,"b":1}\r\n', b'{"error": "malformed", "detail": "no", "id": 7}\r\n'),
        (rb'{"a":"\"id\":7,","b":4.2}', b'{"error": "malformed", "detail": "no"}'),
        (rb'{"id": "\q", "b":4.2}', b'{"error": "malformed", "detail": "no"}'),
        (b'{"id": "\x1b[31m", "b":4.2}', b'{"error": "malformed", "detail": "no"}'),
        (b'{"id":"Ann","b":4.2}', b'{"error": "malformed", "detail": "no", "id": "Ann"}'),
        (b"\0\3Ann", b"ERROR malformed: no.\r\n"),
        (b"\0\3Ann\0\0\0\1", b"ERROR malformed: no.\r\n"),
        (b"\0\5Ann,1", b"ERROR malformed: no.\r\n"),
    ],
)
def test_errors_are_in_the_dialect_of_the_peer(data: bytes, error: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    with suppress(MessageError):
        decoder.take()
    assert decoder.dialect.encode_error(MessageError("no")) == error


@pytest.mark.parametrize(
    ("data", "reported", "explanation"),
    [
        (b'{"error": "busy", "detail": "later"}', "busy", "later"),
        (b'{"error": "stopping", "detail": "101 is out of range", "id": 7}', "stopping", "101 is"),
        (b'{"error": "no \\u001b[31m"}', r"no \x1b[31m", ""),
    ],
)
def test_an_error_is_no_object(data: bytes, reported: str, explanation: str) -> None:
    decoder = Decoder(REPLIES)
    decoder.feed(data)
    with pytest.raises(ReportedError) as caught:
        decoder.take()
    assert caught.value.reported == reported
    assert str(caught.value).startswith(explanation)


def test_a_reply_may_have_the_sum() -> None:
    data = b'{"server_name": "Bob", "server_number": 58, "sum": 100}'
    for framings in REPLIES, REQUESTS:
        assert decode([data], framings=framings)[0][0] == Message("Bob", 58)


def test_a_record_has_room_for_32_bits() -> None:
    for number in (2**31 - 1, -(2**31)):
        message = Message("Client of Ann", number)
        assert decode([record().encode(message)])[0][0] == message
    with pytest.raises(OutOfRange, match="2147483648 does not fit in the 32 bits of a record"):
        record().encode(Message("Ann", 2**31))


def test_an_error_is_no_message() -> None:
    decoder = Decoder()
    decoder.feed(b"ERROR stopping: 101 is out of range.\r\n")
    with pytest.raises(ReportedError) as caught:
        decoder.take()
    assert (caught.value.reported, str(caught.value)) == ("stopping", "101 is out of range")


# For all


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_NAME).filter(
    lambda name: name.isprintable() and name == name.strip(" \t")
)
NUMBERS = st.integers(-(10**6), 10**6)
AROUND = ('{ "a":', ',"b": ', " }")
TERMINATORS = st.sampled_from(["\r\n", "\n"])
SEPARATORS = st.from_regex(r"[ \t]{0,3}[,;:|][ \t]{0,3}|[ \t]{1,3}", fullmatch=True)
SPOKEN: st.SearchStrategy[Dialect] = st.one_of(
    st.builds(separated, SEPARATORS, TERMINATORS, st.booleans()),
    st.builds(two_lines, TERMINATORS, TERMINATORS),
    st.builds(json_object, st.just(AROUND), st.booleans(), st.sampled_from(["", "\n", "\r\n"])),
    st.builds(record),
    st.builds(text_record, SEPARATORS),
)


@given(SPOKEN)
def test_there_are_no_other_labels(dialect: Dialect) -> None:
    assert label_of(dialect) in DIALECTS


def is_clear(name: str) -> bool:
    """Whether nothing in `name` reads as a mark or a label, as in ``Server of Nr:1``."""
    words = re.findall(r"[^\W\d_]+", name.removeprefix("Server of "))
    return not set("\"'({") & set(name) and not any(map(kind_of, words))


# No name of these is in any dialect part of what is around it, and all look like one.
CLEAR = st.from_regex(
    r"Server of [A-Za-zÄ-ü李](?:[ -+.A-Za-zÄ-ü李]{0,60}[A-Za-zÄ-ü李])?", fullmatch=True
).filter(is_clear)


@given(NAMES, NUMBERS, SEPARATORS, TERMINATORS)
def test_decode_encode(name: str, number: int, separator: str, terminator: str) -> None:
    message = Message(f"Client of {name[:200]}x", number)
    encoded = separated(separator, terminator).encode(message)
    assume(len(encoded) <= MAX_MESSAGE)
    # A number out of range counts only if there is no field with another.
    assume(in_range(number) or not re.search(r"[^\w ][ \t]*[+-]?[0-9]", name))
    assert [found for found, _ in decode([encoded])] == [message]


@given(SPOKEN, CLEAR, st.integers(1, 100), st.data())
def test_replies_are_what_the_server_meant(
    dialect: Dialect, name: str, number: int, data: st.DataObject
) -> None:
    message = Message(name, number)
    found = decode(chunks(dialect.encode(message), data), framings=REPLIES)
    assert [one for one, _ in found] == [message]
    assert not misread_in(name)


@pytest.mark.parametrize(
    ("name", "dialects"),
    [
        ("Server of Bob", []),
        ("Server 3", ["number-first", "two-lines", "record"]),
        ("3 Bob", ["number-first", "two-lines", "record"]),
        ("{Bob", [*[*DIALECTS][:7], "record", "text-record"]),
    ],
)
def test_names_that_are_misread(name: str, dialects: list[str]) -> None:
    assert misread_in(name) == dialects


@pytest.mark.parametrize("name", ["Bob,", "(Bob)", "'Bob'", "Name: Bob", "12"])
def test_what_is_around_a_name_makes_it_misread(name: str) -> None:
    assert "comma" in misread_in(name)


@given(
    st.lists(
        st.tuples(SPOKEN, CLEAR | NAMES.map("Client of {}".format), NUMBERS), min_size=1, max_size=5
    ),
    st.data(),
)
def test_any_chunks_give_the_same_messages(
    messages: list[tuple[Dialect, str, int]], data: st.DataObject
) -> None:
    messages = [one for one in messages if reads_back(Message(*one[1:]), one[0])]
    stream = b"".join(dialect.encode(Message(name, number)) for dialect, name, number in messages)
    found = decode(chunks(stream, data))
    assert [message for message, _ in found] == [Message(name, n) for _, name, n in messages]
    assert [reply for _, reply in found] == [dialect.encode(REPLY) for dialect, *_ in messages]


NOISE = st.binary(max_size=3000) | st.text(
    st.sampled_from('Ann 0159,;:|\t\r\n+-.eé\0\1{}":'), max_size=3000
).map(str.encode)


@given(NOISE, st.data())
def test_any_chunks_of_noise_give_the_same(noise: bytes, data: st.DataObject) -> None:
    for framings in REQUESTS, REPLIES:
        cut = chunks(noise, data)
        assert decode(cut, framings=framings) == decode([noise], framings=framings)
        assert explanation(cut, framings) == explanation([noise], framings)


def chunks(stream: bytes, data: st.DataObject) -> list[bytes]:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20).map(sorted))
    return [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
