"""The rule by which a message is read, on what Hypothesis makes up.

``pytest --hypothesis-profile fuzz`` tries more; `MANY` is for the first of them, the rule itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from hypothesis import assume, example, given, note, settings
from hypothesis import strategies as st

from sumproto.core.dialects import (
    REPLIES,
    REQUESTS,
    Decoder,
    Newline,
    Received,
    halves,
    label_of,
    reading,
)
from sumproto.core.dialects.decoder import Framings
from sumproto.core.dialects.envelopes import Counted, Headed, Line, Netstring, Padded, Terminated
from sumproto.core.dialects.quick import QuickReader
from sumproto.core.message import Message, MessageError

MANY = settings(max_examples=100_000 if settings().max_examples > 1000 else 200)

REPLY = Message("Server of Bob", 58)

LETTERS = "abcdeghoxyzABCXYZéößçžшвЯשلह한李あ"
WORDS = st.text(LETTERS, min_size=1, max_size=12)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(lambda words: " ".join(["Client of", *words]))
MARKS = st.text(",;:|/-_#~=&+*@$%^!?.，：—" + " \t", min_size=1, max_size=5)  # noqa: RUF001
BEHIND = st.text(",;:|/-_#~=&*@$%^" + " \t", max_size=3)
PAIRS = ["()", "[]", "<>", '""', "''", "{}", "«»", "“”"]
LABELS = st.sampled_from(
    [
        ("name", "number"),
        ("Name", "Number"),
        ("client_name", "client_number"),
        ("sender", "value"),
        ("user", "integer"),
        ("NAME", "NUM"),
    ]
)

Form = Callable[[Message], str]
"""Writes a message with its decoration."""


def is_clear(between: str) -> bool:
    """Whether `between` does not end in what would be a part of the number, its sign or a point."""
    return not re.search(r"[^+\-._][+\-._]+\Z|[+-][._]+\Z|\.[+-]\Z|_[+-]\Z", between)


@st.composite
def separated(draw: st.DrawFn) -> Form:
    """A name and a number with marks between and behind them, each of the two perhaps in a pair."""
    around_name, around_number = (draw(st.sampled_from(["", *PAIRS])) for _ in range(2))
    around = draw(
        st.sampled_from(["", *(pair for pair in PAIRS if pair not in (around_name, around_number))])
    )
    between = draw(MARKS.filter(lambda marks: is_clear(around_name[1:] + marks)))
    behind = draw(BEHIND)
    number_first = draw(st.booleans())

    def write(message: Message) -> str:
        name = in_pair(around_name, message.name)
        number = in_pair(around_number, str(message.number))
        first, second = (number, name) if number_first else (name, number)
        return in_pair(around, f"{first}{between}{second}") + (behind if not number_first else "")

    return write


@st.composite
def labelled(draw: st.DrawFn) -> Form:
    """A name and a number, each with a label, in one text."""
    labels = draw(LABELS)
    delimiter = draw(st.sampled_from([":", "=", ": ", " = ", " : "]))
    between = draw(st.sampled_from([", ", ",", ";", "; ", "|", " | ", "/", "  "]))
    pair = draw(st.sampled_from(["", '""', "''", "[]", "<>"]))
    number_first = draw(st.booleans())

    def write(message: Message) -> str:
        ours = [label.replace("client", "server") for label in labels]
        words = ours if message == REPLY else labels
        parts = [
            f"{words[0]}{delimiter}{in_pair(pair, message.name)}",
            f"{words[1]}{delimiter}{message.number}",
        ]
        return between.join(reversed(parts) if number_first else parts)

    return write


def in_pair(pair: str, text: str) -> str:
    return f"{pair[:1]}{text}{pair[1:]}"


ENVELOPES = st.one_of(
    st.builds(Line, st.sampled_from(["", "\n", "\r\n", "\r\0"])),
    st.builds(Counted, st.sampled_from([2, 4]), st.sampled_from("<>")),
    st.builds(Headed, st.integers(4, 64), st.sampled_from(["0>", "<", ">"])),
    st.builds(Padded, st.integers(600, 1024)),
    st.just(Netstring()),
    st.just(Terminated()),
)


@MANY
@given(separated() | labelled(), NAMES, st.integers(1, 100), ENVELOPES, st.data())
def test_what_is_around_a_name_and_a_number_comes_back(
    form: Form, name: str, number: int, envelope: Line, data: st.DataObject
) -> None:
    text = form(Message(name, number))
    assume(not re.match(r"\{|\[[\"\[{]", text))  # it would be an object, or a list
    if isinstance(envelope, Counted):  # it would be the name of a record
        between = re.search(r"[^\d]*\d+\Z|\A\d+[^\d]*", text.replace(name, ""))
        assume(between and set(between[0]) & set(" \t,;:|=&/~"))
    assume(not re.search(r"[^\W\d][.][ \t,;:|&<)\]}>\"'»”]", text))  # as that of Davis Jr.
    assume(not (isinstance(envelope, Headed) and text[0].isdigit()))  # of the length, it would be
    request = envelope.wrap(text)
    note(repr(request))
    decoder = Decoder()
    found = feed(decoder, cut(request, data))
    assert [one.message for one in found] == [Message(name, number)]
    assert found[0].dialect.encode(REPLY).strip(b" \t") == envelope.wrap(form(REPLY)).strip(b" \t")


def feed(decoder: Decoder, segments: list[bytes]) -> list[Received]:
    """What is read in `segments` with silence behind them."""
    found = []
    for segment in segments:
        decoder.feed(segment)
        while received := decoder.take():
            if isinstance(received, Received):
                found.append(received)
    if last := decoder.finish():
        found.append(last)
    return found


def cut(data: bytes, draw: st.DataObject) -> list[bytes]:
    ends = draw.draw(st.lists(st.integers(0, len(data)), max_size=6).map(sorted))
    return [data[i:j] for i, j in zip([0, *ends], [*ends, len(data)], strict=True)]


# What may come: pieces of all kinds, and noise

PIECES = st.sampled_from(
    [
        *(
            b"%c" % byte
            for byte in b"09+-., \t;:|\"'\\{}[]()<>Ax_/=&%#~\r\n\0\1\2\3\x0d\x7f\xff\xfe"
        ),
        *("é".encode(), "李".encode(), "\u202e".encode(), "٤".encode(), b"\xef\xbb\xbf"),
        *(b"Ann", b"Client of Ann", b"42", b"007", b"-5", b"+7", b"101", b"1e2", b"4.2", b"Team 7"),
        *(b"\r\n", b"\r\0", b"\0\0\0", b"\0\0\0\x2a", b"\x2a\0\0\0", b"\0\3Ann", b"\3\0Ann"),
        *(b"\0\0\0\6Ann,42", b"6:Ann,42,", b"0006Ann,42", b"6   Ann,42", b"\0\2" + b"42"),
        *(b'{"name": "Ann", "number": 42}', b"('Ann', 42)", b"['Ann', 42]", b"Ann,42\n", b"42\n"),
        *(b"name=", b"Number: ", b"<name>", b"</name>", b"name=Ann&number=42", b" HTTP/1.1\r\n"),
        *(b"\xff\xfe", b"\xfe\xff", b"A\0n\0n\0", b",\0", b"4\0", b"\0A", b"\n\0", b"\0\n"),
        *(b"\xff\xfb\x1f", b"\xff\xfd\x03", b"\xff\xfa\x18\0x\xff\xf0", b"\xff\xf1", b"\xff\xfa"),
        *(b"ERROR x: y.", b"GET /", b"EHLO a.b\r\n", b"SSH-2.0-x", b"x" * 300, b"9" * 300),
        *(b"A" * 40 + b"\0" * 60, b"\0" * 250, b" " * 64),
    ]
)
INPUTS = st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join)


def outcome(segments: list[bytes], framings: Framings) -> list[object]:
    """All that is read in `segments`, with its reply, and the code of the error that ends it."""
    decoder = Decoder(framings)
    found: list[object] = []
    try:
        for segment in segments:
            decoder.feed(segment)
            while received := decoder.take():
                found.append(shown(received))
        while received := decoder.finish():
            found.append(shown(received))
    except MessageError as error:
        decoder.dialect.encode_error(error)  # which newline it has depends on what has come
        return [*found, error.code]
    return [*found, decoder.pending]


def shown(received: Received | Newline) -> object:
    if isinstance(received, Newline):
        return received.data
    reply: bytes | str
    try:
        reply = received.dialect.encode(REPLY)
    except MessageError as error:
        reply = error.code
    assert label_of(received.dialect)
    return tuple(received.message), reply


@given(INPUTS, st.data())
def test_no_cut_changes_anything(data: bytes, draw: st.DataObject) -> None:
    for framings in REQUESTS, REPLIES:
        whole = outcome([data], framings)
        assert outcome(cut(data, draw), framings) == whole
        assert outcome([data[at : at + 1] for at in range(len(data))], framings) == whole


@given(INPUTS | st.binary(max_size=1200) | st.text(max_size=400).map(str.encode))
def test_nothing_but_a_message_error_is_raised(data: bytes) -> None:
    for framings in REQUESTS, REPLIES:
        outcome([data], framings)
        for at in range(len(data)):  # with silence everywhere
            decoder = Decoder(framings)
            decoder.feed(data[:at])
            with suppress(MessageError):
                while decoder.take() or decoder.finish():
                    pass
        with suppress(MessageError):
            Decoder(framings).take_first(data)


# The quick way

TEXTS = st.lists(
    st.sampled_from(
        [
            *("Ann", "Client of Ann", "Team 7", "R2-D2", "user1", "a", "é", "007", "0", "1", "42"),
            *(
                "100",
                "101",
                "-5",
                "+7",
                "0042",
                ",",
                ", ",
                ";",
                ":",
                " ",
                "\t",
                "-",
                " - ",
                "/",
                "#",
            ),
            *(".", "!", "(", ")", '"', "'", "name=", "Number: ", "&", "{", "}", "[", "]", "\\"),
            *('{"name": ', '"number": ', "\n", "\r\n", "\r", "\0", "\xff", " HTTP/1.", "1"),
        ]
    ),
    max_size=8,
).map("".join)


@given(TEXTS.map(str.encode) | TEXTS.map(lambda text: text.encode("latin-1", "ignore")))
@example(b"Ann,007")
@example(b"Ann 0")
@example(b"7 Ann 8")
@example(b"Ann, -5")
@example(b"0,Ann")
@example(b"1,Ann11")
@example(b"1\nuser42")
@example(b"1 Client7")
def test_the_quick_way_reads_as_the_slow_one(data: bytes) -> None:
    for newline in b"\n", b"\r\n":
        with_newline = data + newline
        assert read_with(True, with_newline) == read_with(False, with_newline)


@given(TEXTS | NAMES)
def test_what_is_simple_reads_as_all_else(text: str) -> None:
    simple = reading._SIMPLE, halves._SIMPLE_HALF
    found = read_or_why(text)
    try:
        reading._SIMPLE = halves._SIMPLE_HALF = re.compile("(?!)")
        assert read_or_why(text) == found
    finally:
        reading._SIMPLE, halves._SIMPLE_HALF = simple


def read_or_why(text: str) -> list[object]:
    """What `text` is as a whole message and as a line of two, or why it is none."""
    found: list[object] = []
    for read in reading.read, halves.read_half:
        try:
            found.append(read(text))
        except MessageError as error:
            found.append(str(error))
    return found


def read_with(quick: bool, data: bytes) -> list[object]:
    """What a server reads in `data`, with or without the quick way."""
    if quick:
        return outcome([data], REQUESTS)
    reader = QuickReader.read
    try:
        QuickReader.read = lambda self, data, newline: None  # type: ignore[method-assign]
        return outcome([data], REQUESTS)
    finally:
        QuickReader.read = reader  # type: ignore[method-assign]
