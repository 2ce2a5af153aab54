"""Each kind of message: what a request is read as, and the reply in the same form.

In these tables, `N` stands for a name and `K` for a number; `n` and `k` stand for the name and the
number of a reply, where the reply differs from the request in more than these.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sumproto.core.dialects import LABELS, Decoder, Newline, label_of
from sumproto.core.message import Message, MessageError, in_range

ASK, REPLY = Message("Client of Ann", 42), Message("Server of Bob", 58)

SEPARATORS = [
    "N,K",
    "N/K",
    "N-K",
    "N_K",
    "N#K",
    "N~K",
    "N::K",
    "N||K",
    "N|K",
    "N;K",
    "N:K",
    "N=K",
    "N&K",
    "N+K",
    "N*K",
    "N...K",
    "N.K",
    "N!K",
    "N?K",
    "N@K",
    "N%K",
    "N^K",
    "N--K",
    "N==K",
    "N,K,",
    "N;K;",
    "N|K|",
    "N:K:",
    "|N|K|",
    "/N/K/",
    "--N--K--",
    "N->K",
    "N=>K",
    "N-->K",
    "N:=K",
    "K,N",
    "K;N",
    "K|N",
    "K:N",
    "K/N",
    "K-N",
    "K#N",
    "K::N",
    "K->N",
    "N\uff0cK",
    "N\uff1aK",
    "N—K",
]
BLANKS = ["N - K", "N -> K", "N , K", "N  |\tK", "N K", "N\tK", "K N", "K - N", "N => K", "N,K  "]
BLANKS += ["N, K ", "N,K, ", "N ;K; ", "N\t,\tK\t"]

DRESSED = """"N",K|"N","K"|'N',K|'N','K'|"K","N"|(N,K)|(N, K)|[N, K]|[N,K]|<N,K>|<N><K>|{N, K}|{N,K}
('N', K)|("N", K)|(K, 'N')|['N', 'K']|['N', K]|["N", K]|["N", "K"]|[K, "N"]|[["N"], [K]]
{'name': 'N', 'number': K}|{'number': K, 'name': 'N'}|{'name': 'N', 'number': 'K'}|{'N': K}|{K: 'N'}
N (K)|N [K]|N <K>|«N», K|<<N,K>>|"N" "K"|[N]: K|(N): (K)"""

LABELLED = [
    "Name: N, Number: K",
    "Name: N Number: K",
    "name: N; number: K",
    "NAME=N,NUMBER=K",
    "name=N;number=K",
    "name=N&number=K",
    "Number: K, Name: N",
    "number=K;name=N",
    "user: N, value: K",
    "Sender=N|Integer=K",
    "nombre: N, numero: K",
    '"name": "N", "number": K',
    "name: 'N', number: 'K'",
    "type=request;name=N;number=K",
    "name=N;type=x;number=K",
    "<message><name>N</name><number>K</number></message>",
    '<message name="N" number="K"/>',
    '<?xml version="1.0"?><m><name>N</name><number>K</number></m>',
    "<name>N</name><num>K</num>",
    "N, number: K",
]
"""With labels that are the same in the reply."""

SERVER_LABELS = [
    ("client_name=N, client_number=K", "server_name=n, server_number=k"),
    ("Client: N, Number: K", "Server: n, Number: k"),
    ("Client Name: N, Client Number: K", "Server Name: n, Server Number: k"),
    ("CLIENT NAME: N; CLIENT NUMBER: K", "SERVER NAME: n; SERVER NUMBER: k"),
    ("clientName=N&clientNumber=K", "serverName=n&serverNumber=k"),
    ("Client's name: N, Client's number: K", "Server's name: n, Server's number: k"),
    ("<client><name>N</name><number>K</number></client>",) * 1
    + ("<server><name>n</name><number>k</number></server>",),
    ('{"client_name": "N", "client_number": K}', '{"server_name": "n", "server_number": k}'),
    ('{"client": {"name": "N", "number": K}}', '{"server": {"name": "n", "number": k}}'),
    ("{'client_name': 'N', 'client_number': K}", "{'server_name': 'n', 'server_number': k}"),
]

URLENCODED = [
    ("name=Client+of+Ann&number=42", "name=Server+of+Bob&number=58"),
    ("name=Client%20of%20Ann&number=42", "name=Server%20of%20Bob&number=58"),
    ("number=42&name=Client+of+Ann", "number=58&name=Server+of+Bob"),
]

JSON = """{"name": "N", "number": K}
{"name": "N", "number": "K"}
{"name": "N", "number": K, "type": "request"}
{"type": "request", "name": "N", "number": K, "version": 1.5}
{"name": "N", "number": K, "ok": true, "sum": null}
{"name": "N", "number": K, "timestamp": 1700000000}
{"name": "N", "number": K, "tags": ["a", "b"], "port": 12000}
{"data": {"name": "N", "number": K}}
{"message": {"sender": {"name": "N"}, "value": K}}
{"type": "hello", "payload": {"user": "N", "integer": K}}
{"name": "N", "id": 7, "number": K}
{"a": "N", "b": K}
{"n":K,"who":"N"}
["N", K]
[K, "N"]
["N", "K"]
[{"name": "N"}, {"number": K}]""".splitlines()

NEWLINES = ["\n", "\r\n", "\r", "\r\0", ""]

Pair = tuple[bytes, bytes]


def fill(template: str, message: Message, name: str = "N", number: str = "K") -> bytes:
    """`template` with a message in it."""
    text = re.sub(rf"(?<![A-Za-z]){name}(?![A-Za-z])", "\ue000", template)
    text = re.sub(rf"(?<![A-Za-z]){number}(?![A-Za-z])", "\ue001", text)
    return text.replace("\ue000", message.name).replace("\ue001", str(message.number)).encode()


def mirrored(template: str) -> Pair:
    return fill(template, ASK), fill(template, REPLY)


TEXTS: list[Pair] = [
    *map(mirrored, SEPARATORS + BLANKS + LABELLED + JSON),
    *map(mirrored, (form for line in DRESSED.splitlines() for form in line.split("|"))),
    *((fill(a, ASK), fill(b, REPLY, "n", "k")) for a, b in SERVER_LABELS),
    *((a.encode(), b.encode()) for a, b in URLENCODED),
]

LINES: list[Pair] = [
    *((fill(f"N{nl}K{nl}", ASK), fill(f"N{nl}K{nl}", REPLY)) for nl in NEWLINES[:-1]),
    *((fill(f"K{nl}N{nl}", ASK), fill(f"K{nl}N{nl}", REPLY)) for nl in NEWLINES[:-1]),
    *map(mirrored, ["N\nK", "N\r\nK", "N \n K\n", "N\n K \n", "N\t\r\n\tK\r\n", "K \n N\n"]),
    *map(mirrored, ["Name: N\nNumber: K\n", "Number: K\r\nName: N\r\n", "name=N\nnumber=K\n"]),
    (b"Client: Client of Ann\nNumber: 42\n", b"Server: Server of Bob\nNumber: 58\n"),
]


def utf16(text: str, order: str) -> bytes:
    return ("\ufeff" + text).encode(f"utf-16-{order}")


MARKED: list[Pair] = [
    *((b"\xef\xbb\xbf" + ask, reply) for ask, reply in map(mirrored, ["N,K\n", JSON[0], "N K"])),
    *(
        (utf16(fill(text, ASK).decode(), order), utf16(fill(text, REPLY).decode(), order))
        for order in ("le", "be")
        for text in ("N,K\n", "N,K", "N;K\r\n", JSON[0], "Name: N, Number: K\n")
    ),
]

IAC = b"\xff\xfb\x1f\xff\xfb\x20\xff\xfd\x03\xff\xfa\x18\0XTERM\xff\xf0\xff\xf1"
TELNET: list[Pair] = [
    (IAC + b"Client of Ann,42\r\0", b"Server of Bob,58\r\0"),
    (IAC + b"Client of Ann,42\r\n", b"Server of Bob,58\r\n"),
    (b"Client of Ann\xff\xf4\xff\xfd\6,42\r\n", b"Server of Bob,58\r\n"),  # Ctrl-C
]


def utf(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


JAVA: list[Pair] = [
    (utf("Client of Ann") + struct.pack(">i", 42), utf("Server of Bob") + struct.pack(">i", 58)),
    *(
        (utf("Client of Ann") + utf(digits), utf("Server of Bob") + utf("58"))
        for digits in ("42", "+7", "100", "00000000042", "1")
    ),
    (utf("Client of Ann,42"), utf("Server of Bob,58")),
    (utf("42,Client of Ann"), utf("58,Server of Bob")),
    (utf(JSON[0].replace("N", "Ann", 1).replace("K", "42")),) * 1
    + (utf('{"name": "Server of Bob", "number": 58}'),),
]


def c_struct(size: int, form: str, name: str = ASK.name) -> Pair:
    ask, reply = (
        name.encode().ljust(size, b"\0") + struct.pack(form, number)
        for name, number in ((name, ASK.number), REPLY)
    )
    return ask, reply


C: list[Pair] = [
    (b"Client of Ann,42\0", b"Server of Bob,58\0"),
    *(
        (b"Client of Ann,42".ljust(size, b"\0"), b"Server of Bob,58".ljust(size, b"\0"))
        for size in (32, 256, 1024)
    ),
    (b"Client of Ann42".ljust(64, b"\0"), b"Server of Bob58".ljust(64, b"\0")),
    c_struct(256, ">i"),
    c_struct(256, "<i"),
    c_struct(100, "<i"),
    c_struct(100, ">i"),
    c_struct(50, "<2xi"),
    c_struct(50, ">2xi"),
    c_struct(20, "<i"),
    c_struct(64, "<i"),
    *(c_struct(50, ">i", name) for name in ("Player1", "Client 7", "Group 101", "Ann-1")),
    *(c_struct(64, "<i", name) for name in ("Player1", "Client 7", "Agent 007")),
]

OBJECT = '{"name": "N", "number": K}'


def counted(form: str, template: str, ending: str = "") -> Pair:
    ask, reply = mirrored(template)
    return (
        struct.pack(form, len(ask)) + ask + ending.encode(),
        struct.pack(form, len(reply)) + reply + ending.encode(),
    )


def headed(width: int, align: str, template: str) -> Pair:
    ask, reply = mirrored(template)
    return (
        f"{len(ask):{align}{width}}".encode() + ask,
        f"{len(reply):{align}{width}}".encode() + reply,
    )


LENGTHS: list[Pair] = [
    *(
        counted(form, template)
        for form in (">H", "<H", ">I", "<I")
        for template in ("N,K", "N K", "K,N", OBJECT, "Name: N, Number: K", "['N', K]")
    ),
    *(
        (
            struct.pack(f"{order}{size}", 13) + b"Client of Ann" + struct.pack(f"{order}i", 42),
            struct.pack(f"{order}{size}", 13) + b"Server of Bob" + struct.pack(f"{order}i", 58),
        )
        for order in "<>"
        for size in "HI"
    ),
    *(
        headed(width, align, template)
        for width in (4, 5, 8, 10, 16, 32, 64)
        for align in ("0>", "<", ">", "^")
        for template in ("N,K", OBJECT)
    ),
    headed(10, "<", "N,K\n"),
    (b"20:Client of Ann Lee,42,", b"16:Server of Bob,58,"),
    (b"16:Client of Ann,42,", b"16:Server of Bob,58,"),
    (b"39:" + fill(OBJECT, ASK) + b",", b"39:" + fill(OBJECT, REPLY) + b","),
]

GLUED: list[Pair] = [(b"Client of Ann42", b"Server of Bob58"), (b"Client42", b"Server of Bob58")]

KINDS: dict[str, list[Pair]] = {
    "text": TEXTS,
    "text with LF": [(ask + b"\n", reply + b"\n") for ask, reply in TEXTS],
    "text with CRLF": [(ask + b"\r\n", reply + b"\r\n") for ask, reply in TEXTS],
    "text with CR": [(a + b"\r", b + b"\r") for a, b in TEXTS if a[:1] not in b"{["],
    "text with CR NUL": [(a + b"\r\0", b + b"\r\0") for a, b in TEXTS if a[:1] not in b"{["],
    "lines": LINES,
    "marked": MARKED,
    "telnet": TELNET,
    "Java": JAVA,
    "C": C,
    "lengths": LENGTHS,
    "glued": GLUED,
}
ALL = [pair for pairs in KINDS.values() for pair in pairs]


def exchange(segments: Sequence[bytes]) -> tuple[list[Message], bytes]:
    """What is read in `segments` with silence behind them, and all that is answered."""
    decoder = Decoder()
    messages: list[Message] = []
    said = b""

    def answer(received: object) -> None:
        nonlocal said
        if isinstance(received, Newline):
            said += received.data
        elif received:
            messages.append(received.message)  # type: ignore[attr-defined]
            said += received.dialect.encode(REPLY)  # type: ignore[attr-defined]

    for segment in segments:
        decoder.feed(segment)
        while received := decoder.take():
            answer(received)
    answer(decoder.finish())
    assert not decoder.pending
    return messages, said


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """`data` in segments that end at `places`, as far as it has them."""
    ends = sorted({place % len(data) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize(
    ("request_", "reply"),
    [pytest.param(*pair, id=f"{kind}: {pair[0][:40]!r}") for kind in KINDS for pair in KINDS[kind]],
)
def test_a_kind(request_: bytes, reply: bytes) -> None:
    found = exchange([request_])
    assert found[1] == reply
    (message,) = found[0]
    assert message.number in (42, 7, 100, 1)
    assert "Ann" in message.name or message.name.startswith(("Client", "Player", "Group", "Agent"))
    assert exchange(bytewise(request_)) == found
    assert label_of(Decoder().take_first(request_).dialect) in LABELS


@given(st.sampled_from(ALL), st.lists(st.integers(0, 2000), max_size=8))
def test_no_cut_changes_a_kind(pair: Pair, places: list[int]) -> None:
    request, reply = pair
    assert exchange(cut(request, places))[1] == reply


ENDED = [*KINDS["text with LF"], *KINDS["text with CRLF"], *KINDS["text with CR NUL"]]
ENDED += [*JAVA, *LENGTHS, *C[:7], *C[12:], *(p for p in LINES if p[0][-1:] in b"\r\n\0")]
"""All whose end shows without silence, or by the next message."""


@pytest.mark.parametrize("pair", ENDED, ids=lambda pair: repr(pair[0][:40]))
def test_a_kind_pipelined(pair: Pair) -> None:
    request, reply = pair
    for times in 2, 3:
        messages, said = exchange([request * times])
        assert said == reply * times
        assert len(messages) == times
        assert exchange(bytewise(request * times)) == (messages, said)


# What is not read

HELLOS = {
    b"GET /101 HTTP/1.1\r\nHost: localhost:12000\r\n\r\n": "HTTP",
    b"POST /?n=101 HTTP/1.1\r\nContent-Length: 14\r\n\r\nname=A&n=101\r\n": "HTTP",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": "HTTP",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03": "TLS",
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n": "SSH",
    b"SSH-2.0-PuTTY_Release_0.81\r\n": "SSH",
    b"EHLO mail.example.com\r\n": "SMTP",
    b"HELO mail.example\r\n": "SMTP",
    b"USER anonymous\r\n": "FTP",
    b"OPTIONS rtsp://127.0.0.1:12000/ RTSP/1.0\r\nCSeq: 1\r\n\r\n": "RTSP",
    b"OPTIONS sip:nm SIP/2.0\r\nCSeq: 42 OPTIONS\r\n\r\n": "SIP",
    b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0": "RDP",
    b"*1\r\n$4\r\nPING\r\n": "Redis",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\n101\r\n": "Redis",
    b"\x10\x1f\0\x04MQTT\x04\x02\0\x3c\0\x13mosq-abcdefgh": "MQTT",
    b"stats\r\n": "memcached",
    b"\0\0\0\xa4\xffSMBr\0\0\0\0\x08\x01\x40": "SMB",
    b"l\0\x0b\0\0\0\0\0\0\0\0\0": "X11",
    b"HELP\r\n": "a port scan",
    b"\xac\xed\0\x05t\0\rClient of Ann": "a Java ObjectOutputStream",
    b"\xac\xed\0\x05w\x0a\0\x03Ann\0\0\0\x2a": "a Java ObjectOutputStream",
    **{
        pickle.dumps(value, protocol): "a Python pickle"
        for value in (("Client of Ann", 42), {"name": "Client of Ann", "number": 42}, ["Ann", 101])
        for protocol in (2, 3, 4, 5)
    },
}
"""First bytes of clients of other protocols, and what our errors call these."""


def read_or_code(segments: Sequence[bytes]) -> Message | str | None:
    """The first message in `segments`, or the code of the error in its place."""
    decoder = Decoder()
    try:
        for segment in segments:
            decoder.feed(segment)
            if received := decoder.take():
                break
        else:
            received = decoder.finish()
    except MessageError as error:
        return error.code
    assert not isinstance(received, Newline)
    return received.message if received else None


@pytest.mark.parametrize(("hello", "name"), HELLOS.items())
def test_other_protocols_are_named_and_get_no_number(hello: bytes, name: str) -> None:
    decoder = Decoder()
    decoder.feed(hello)
    with pytest.raises(MessageError, match=re.escape(f"this is {name}")):
        decoder.take() or decoder.finish()


@given(st.sampled_from([*HELLOS]), st.lists(st.integers(0, 500), max_size=8), st.booleans())
def test_other_protocols_get_no_number_however_they_are_cut(
    hello: bytes, places: list[int], twice: bool
) -> None:
    assert read_or_code(cut(hello * (1 + twice), places)) == "malformed"


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 200,
        b"\r\n\r\n",
        b"\0" * 200,
        b"\xff\xfb\x1f\xff\xfd\x03",
        b"\xef\xbb\xbf",
        b"Client of Ann\0\0\0\0",
        b"20:Client of Ann Lee,42",
        b"0020Client of Ann Lee,4",
        b"name=Ann",
        b"Number: 42\n",
    ],
)
def test_what_is_no_message_yet_gets_no_number(data: bytes) -> None:
    decoder = Decoder()
    decoder.feed(data)
    assert decoder.take() is None
    assert decoder.finish() is None


# Two readings, of which one wins


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"20:Client of Ann Lee,42,", Message("Client of Ann Lee", 42)),  # not 20
        (b"20:Client of Ann Lee\n", Message("Client of Ann Lee", 20)),  # no netstring
        (b"14:Client of Ann\n", Message("Client of Ann", 14)),  # none, though the length is right
        (b"15:Client of Ann\r\n", Message("Client of Ann", 15)),
        (b"0016Client of Ann,42", Message("Client of Ann", 42)),
        (b"16  Client of Ann,42", Message("Client of Ann", 42)),
        (b"16 Client of Ann,42\n", Message("16 Client of Ann", 42)),  # three wide is no header
        (b"\0\x0dClient of Ann\0\x0242", Message("Client of Ann", 42)),  # not 144434
        (b"\0\x0dClient of Ann\0\2\x34\x33", Message("Client of Ann", 43)),
        (b"\0\x0dClient of Ann\0\0\0\2", Message("Client of Ann", 2)),
        (b"Client of Ann,-5\n", Message("Client of Ann", -5)),
        (b"Client of Ann-5\n", Message("Client of Ann", 5)),
        (b"Client of Ann - 5\n", Message("Client of Ann", 5)),
        (b"Client of Ann -5\n", Message("Client of Ann", -5)),
        (b"42,Client-7\n", Message("Client-7", 42)),
        (b"3 Bob,42\n", Message("3 Bob", 42)),
        (b'{"sum": 7, "name": "Ann", "n": 3}', Message("Ann", 3)),
        (b'{"number": 42, "name": "Ann", "port": 12000}', Message("Ann", 42)),
        (b'{"name": "Ann", "number": "42", "type": "x"}', Message("Ann", 42)),
    ],
)
def test_which_reading_wins(data: bytes, message: Message) -> None:
    for segments in [data], bytewise(data):
        assert exchange(segments)[0] == [message]


@pytest.mark.parametrize(
    "data",
    [
        *(b"Ann,42,0\n", b"Client of Ann,101,42\n", b"0,Ann,42,-1\n"),
        *(b"Client of Ann, 42; 0\n", b"Client of Ann,42 0\n", b"Client of Ann, 42 (0)\n"),
        *(b"Client of Ann,42,sum: 0\n", b"Client of Ann,42\\0\n", b"Client of Ann\t42,0\n"),
        *(b'"Client of Ann","42","0"\n', b"['Client of Ann', '42', '0']"),
        *(b"sum: 142\n", b"Total,0\n", b"Content-Length: 316\r\n"),
    ],
)
def test_three_fields_stop_nothing(data: bytes) -> None:
    found = read_or_code([data])
    assert found == "malformed" or (isinstance(found, Message) and in_range(found.number))


@pytest.mark.parametrize(
    "data",
    [
        *(b"Client of Ann\0" + digits for digits in (b"42\0", b"42\n", b" 42\0", b",42\n")),
        b"Client of Ann".ljust(32, b"\0") + b"42\0\0",
        *(b"\0\x0dClient of Ann" + text for text in (b"\0\x0342\n", b"\0\x0442.0")),
        b"\0\0\0\x0dClient of Ann\x2a\0\0\0",
        b"\x0d\0Client of Ann\2\x0042",
        *(b"\0" + bytes([size]) + b"Client of Ann\0\0\0\x2a" for size in (10, 11, 12)),
        b"Client of Ann".ljust(50, b"\0") + b"\x2a\0",
    ],
)
def test_an_int_that_is_rather_text_or_turned_round_stops_nothing(data: bytes) -> None:
    for segments in [data], bytewise(data):
        assert read_or_code(segments) == "malformed"


@pytest.mark.parametrize("name", ["Client 3", "Client-7", "Group 12", "Table #5", "R2-D2"])
def test_a_number_in_a_name_is_no_second_one(name: str) -> None:
    assert read_or_code([f"{name},101\n".encode()]) == Message(name, 101)


@pytest.mark.parametrize("data", ["(N,K)", "[N, K]", "<N,K>", "{N,K}", "(N;K)", "(N|K)"])
def test_brackets_around_all_need_no_longer_name(data: str) -> None:
    assert exchange([data.replace("N", "Ann").replace("K", "42").encode()])[1] == (
        data.replace("N", REPLY.name).replace("K", str(REPLY.number)).encode()
    )


# Our own name, whatever is in it

OWN = [
    "O'Neil",
    'Server "B"',
    "Bob (TA)",
    "Server of Bob, Jr.",
    "Bob [x]",
    "A & B",
]
IN_QUOTES = [
    *('"N",K', "'N', K", "('N', K)", "['N', K]", "{'name': 'N', 'number': K}", OBJECT),
    *("<name>N</name><number>K</number>", "Name: 'N', Number: K", '["N", K]'),
]


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("template", IN_QUOTES)
def test_a_name_that_has_to_be_written_in_another_way(template: str, own: str) -> None:
    dialect = Decoder().take_first(fill(template, ASK)).dialect
    reply = dialect.encode(Message(own, 58))
    assert Decoder().take_first(reply).message == Message(own, 58)


@pytest.mark.parametrize("own", OWN)
def test_a_name_that_is_urlencoded(own: str) -> None:
    dialect = Decoder().take_first(URLENCODED[0][0].encode()).dialect
    reply = dialect.encode(Message(own, 58))
    assert reply.isascii()
    assert b" " not in reply
    assert Decoder().take_first(reply).message == Message(own, 58)


def test_a_name_is_never_cut_within_a_character() -> None:
    request = b"Ann".ljust(8, b"\0") + struct.pack("<i", 42)
    dialect = Decoder().take_first(request).dialect
    assert dialect.encode(Message("\u674e" * 5, 58))[:8] == ("\u674e" * 2).encode() + b"\0\0"


@pytest.mark.parametrize(
    "data",
    [
        b"\x04name: Ann, number: 42\n",
        b'\x14"name": "Ann", "number": 0\n',
        "\ufeffClient of Ann,42\n".encode("utf-16-le") + b"\0\xd8\0\xd8",
    ],
)
def test_no_cut_changes_what_comes_of_noise(data: bytes) -> None:
    whole = read_or_code([data])
    for at in range(1, len(data)):
        assert read_or_code([data[:at], data[at:]]) == whole
