"""The Wireshark dissector, on captures of real traffic and on packets made up here."""

# ruff: noqa: RUF001 - the quotes and dashes of typography, and the punctuation of Chinese, are meant

from __future__ import annotations

import os
import random
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import (
    EVIL,
    EXAMPLES,
    MIRRORED,
    OBJECTS,
    PATIENCE,
    PROJECT,
    RECORDS,
    ask,
    connect,
    is_harmless,
    read_all,
    run,
    running_server,
)

from sumproto.commandline import PORT
from sumproto.core.dialects import (
    TEMPLATE,
    Decoder,
    Received,
    ReplyDecoder,
    Text,
    label_of,
    without_sum,
)
from sumproto.core.dialects.words import as_server
from sumproto.core.message import MessageError, ReportedError, escape, in_range
from sumproto.wireshark import DISSECTOR
from sumproto.wireshark.__main__ import main

pytestmark = pytest.mark.live

needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")

OURS = (
    "name number big_number sum dialect template error request_in response_in continued_in time "
    "malformed too_long out_of_range"
)
FIELDS = [
    *("frame.number", "tcp.stream", "_ws.col.Info", "_ws.expert.message"),
    *(f"sumproto.{name}" for name in OURS.split()),
]

Row = dict[str, list[str]]
"""What tshark shows of a packet: the values of each of `FIELDS`; ours go without the sumproto."""

TWICE = "-2"
"""The option that has tshark look at the packets again, as Wireshark does."""


def dissect(capture: Path, *options: str) -> list[Row]:
    """The packets of `capture` that the dissector takes for its own."""
    command = ("tshark", "-X", f"lua_script:{DISSECTOR}", "-r", capture, "-Y", "sumproto")
    fields = [part for field in FIELDS for part in ("-e", field)]
    form = ("-T", "fields", "-E", "separator=/t", "-E", "aggregator=\x01")
    done = run(*command, *form, *fields, *options, cwd=capture.parent)
    assert done.returncode == 0, done.stderr
    assert "Lua Error" not in done.stdout + done.stderr
    assert is_harmless(done.stdout.replace("\x01", ""))
    names = [field.removeprefix("sumproto.") for field in FIELDS]
    return [
        {
            name: value.split("\x01") if value else []
            for name, value in zip(names, line.split("\t"), strict=True)
        }
        for line in done.stdout.splitlines()
    ]


def infos(rows: Iterable[Row]) -> list[str]:
    return [row["_ws.col.Info"][0] for row in rows]


# --- packets made up

SYN, PSH, ACK = 0x02, 0x08, 0x10  # flags of TCP


class Packets:
    """A capture file with packets between clients, known by their ports, and a server."""

    def __init__(self, path: Path, server: int = PORT) -> None:
        self.path = path
        self._server = server
        self._frames: list[bytes] = []
        self._sent: dict[tuple[int, int], int] = {}

    def __enter__(self) -> Packets:
        return self

    def __exit__(self, *_: object) -> None:
        raw_ip = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        self.path.write_bytes(raw_ip + b"".join(self._frames))

    def connect(self, client: int) -> None:
        """Begin a connection, with other sequence numbers than one before between these ports."""
        for source, to in (client, self._server), (self._server, client):
            self._sent[source, to] = self._sent.get((source, to), 0) + 100_000
            self._segment(source, to, b"", flags=SYN)
            self._sent[source, to] += 1

    def go_to(self, client: int, offset: int) -> None:
        """Let the next request go on `offset` bytes behind the one before."""
        self._sent[client, self._server] = self._sent.get((client, self._server), 1) + offset

    def cut(self) -> None:
        """Leave the last byte of the last packet out of the capture."""
        size = len(self._frames[-1]) - 16
        time, packet = self._frames[-1][:8], self._frames[-1][16:-1]
        self._frames[-1] = time + struct.pack("<II", size - 1, size) + packet

    def request(self, client: int, *segments: bytes) -> None:
        for data in segments:
            self._segment(client, self._server, data)

    def reply(self, client: int, *segments: bytes) -> None:
        for data in segments:
            self._segment(self._server, client, data)

    def ask(self, client: int, data: bytes) -> None:
        self._datagram(client, self._server, data)

    def answer(self, client: int, data: bytes) -> None:
        self._datagram(self._server, client, data)

    def _segment(self, source: int, to: int, data: bytes, flags: int = PSH | ACK) -> None:
        sent = self._sent.get((source, to), 1)
        received = self._sent.get((to, source), 1)
        self._sent[source, to] = sent + len(data)
        header = struct.pack(">HHIIBBHHH", source, to, sent, received, 0x50, flags, 65535, 0, 0)
        self._packet(socket.IPPROTO_TCP, header + data)

    def _datagram(self, source: int, to: int, data: bytes) -> None:
        header = struct.pack(">HHHH", source, to, 8 + len(data), 0)
        self._packet(socket.IPPROTO_UDP, header + data)

    def _packet(self, protocol: int, data: bytes) -> None:
        size = 20 + len(data)
        host = bytes([127, 0, 0, 1])
        header = struct.pack(">BBHIBBH4s4s", 0x45, 0, size, 0, 64, protocol, 0, host, host)
        milliseconds = len(self._frames)  # each packet comes 1 ms after the one before
        time = struct.pack("<II", milliseconds // 1000, milliseconds % 1000 * 1000)
        self._frames.append(time + struct.pack("<II", size, size) + header + data)


def read(datagram: bytes) -> list[str]:
    """What our server makes of `datagram`: name, number and dialect, and the code of an error.

    A dialect with no name has its template beside its label.
    """
    decoder = Decoder()
    try:
        received = decoder.take_first(datagram)
    except MessageError as error:
        return [error.code]
    if decoder.pending:
        return ["malformed"]
    return shown_of(received)


def shown_of(received: Received) -> list[str]:
    """What the dissector has to show of a message."""
    (name, number), dialect = received
    label = label_of(dialect)
    template = []
    if label == TEMPLATE and isinstance(dialect, Text):
        before, between, behind, number_first, _ = dialect.notation
        first, second = ("{number}", "{name}") if number_first else ("{name}", "{number}")
        template = [escape(as_server(before + first + between + second + behind))]
    code = [] if in_range(number) else ["out-of-range"]
    return [name, str(number), label, *template, *code]


def shown(row: Row) -> list[str]:
    """What the dissector makes of a message, in the same terms."""
    codes = {"malformed": "malformed", "too_long": "too-long", "out_of_range": "out-of-range"}
    return [
        *row["name"],
        *row["number"],
        *row["big_number"],
        *row["dialect"],
        *map(as_server, row["template"]),
        *(code for field, code in codes.items() if row[field]),
    ]


REQUESTS = [request for request, _ in MIRRORED + OBJECTS + RECORDS]

TEMPLATES = [
    *(
        f"Client of Ann{between}42".encode()
        for between in ("/", "-", " - ", "_", "#", "::", " -> ")
    ),
    *(f"Client of Ann{between}42".encode() for between in ("", ",-", "-+", "，", " – ", "||")),
    *(b"Client of Ann,42  ", b"Client of Ann,42,", b"Client of Ann;42;", b"|Client of Ann|42|"),
    *(b"42/Client of Ann", b"(42) Client of Ann", b"#42# Client of Ann #", b"[42, Client of Ann]"),
    *(b'"Client of Ann",42', b"(Client of Ann,42)", b"<Client of Ann>, <42>", b"(TA) Ann, 42"),
    *(b"('Client of Ann', 42)", b"{'name': 'O\\'Neil', 'number': 42}", b"['Client of Ann', '42']"),
    *(b"Davis Jr.,42", b"Davis Jr.42", b"O'Neil's 42", "“Zoë”, 42".encode(), b"Ann_2-42"),
    *(b"Name: Ann, Number: 42", b"Number: 42; Client's name: Ann", b"name=Ann;number=42"),
    *(b"Name: Ann\nNumber: 42", b"number=42\r\nclient_name='Ann'", b"42\nClient of Ann"),
    *(b"name=Ann+Lee%20%c3%ab%ff&number=42", b"my name is: Ann, my number is: 42"),
    b"<message><name>Ann &amp; Bob</name><number>42</number></message>",
    *(b"Client of Ann \n 42", b"Client of Ann\r42", b"\n\r\nClient of Ann,42\n\n"),
    *(b"\xef\xbb\xbfClient of Ann,42", "\ufeffAnn,42\r\n".encode("utf-16-le")),
    *("\ufeffZoë 😀,42".encode("utf-16-be"), '\ufeff{"n": "Ann", "i": 42}\n'.encode("utf-16-be")),
    *(b"\xff\xfd\x01\xff\xfb\x03Ann,42\r\0", b"Client\xff\xf1 of Ann,42\r\n"),
    *(b"\0\x0dClient of Ann\0\x0242", b"\0\x11Client of Ann\0\0\0\x2a"),
    *(b"\0\x0cClient of Ann\0\0\0\x2a", b"Client of Ann".ljust(50, b"\0") + b"\x2a\0"),
    *(b"Client of Ann,42\0", b"Client of Ann,42".ljust(256, b"\0"), b"Ann".ljust(9, b"\0") + b"42"),
    *(b"Client of Ann".ljust(size, b"\0") + b"\0\0\0\x2a" for size in (50, 256)),
    *(b"Client of Ann".ljust(size, b"\0") + b"\x2a\0\0\0" for size in (52, 100)),
    *(b"\x10\0Client of Ann,42", b"\0\0\0\x10Client of Ann,42", b"\x10\0\0\0Client of Ann,42"),
    *(b"\x0d\0Client of Ann\x2a\0\0\0", b"\0\0\0\x0dClient of Ann\0\0\0\x2a"),
    *(b'\0\x1a{"name": "Ann", "no": 42}', b"\0\x0aClient-200", b"\0\5{[42}"),
    *(b"0016Client of Ann,42", b"16".ljust(64) + b"Client of Ann,42", b"  18Client of Ann,42\r\n"),
    *(b"16:Client of Ann,42,", b"20:Client of Ann Lee,42,", b"16:Client of Ann,42;"),
    *(b"['Cl1en/t A', 82]", b'"CHTTP/1lient ofnof Ann",42', b"\x7f"),
    *(b"1,Client7", b"14:Client of Ann", b"14:Client of Ann\n", b"15:Client of Ann\r\n"),
    b'{"name": "Ann", "number": 42, "type": "request"}',
    b'{"data": {"client": {"name": "Ann"}, "value": "42"}, "time": 1.5e3, "more": [null, true]}',
    *(b'["Ann", 42]', b'[["Ann"], {"n": 42}]', b"[Ann, 42]", b"{Ann, 42}", b"[ 42; Ann ]"),
    *(b"Ann,42,0", b"Ann,42,999", b"Ann,4.2", b"4.2,Ann", b"Ann,1e3", b"Ann,", b"Ann,\xc2\xb2"),
    # A second number, one that may be digits or turned round, and a word that is no name.
    *(b"Client of Ann, 42; 0", b"Client of Ann,42 0", b"Client of Ann, 42 (0)", b"0,Ann,42,-1"),
    *(b"Client of Ann,42,sum: 0", b"Client of Ann,42\\0", b"Client of Ann\t42,0"),
    *(b"Client of Ann,42,Lee,101", b"Ann,7 Lee 0", b'"Client of Ann","42","0"', b"42;J7 Sue"),
    *(b"sum: 142", b"Total,0", b"Content-Length: 316", b"Total\n42", "Сумма,42".encode()),
    *(b"Client of Ann\0" + digits for digits in (b"42\0", b" 42\0", b",42")),
    *(b"Client of Ann".ljust(32, b"\0") + b"42\0\0", b"\x0d\0Client of Ann\2\x0042"),
    *(b"\0\x0dClient of Ann\0\x0342", b"\0\x0dClient of Ann\0\x0442.0"),
    b"\0\0\0\x0dClient of Ann\x2a\0\0\0",
    *(f"{name},101".encode() for name in ("Client 3", "Client-7", "Group 12", "Table #5", "R2-D2")),
    *(b"(Ann,42)", b"[Ann, 42]", b"<Ann,42>", b"{Ann,42}", b"(Ann;42)", b"(Ann|42)", b"'Ann'/'42'"),
    *("Имя: Ann, Число: 42".encode(), "NOME: Ann; nÚmero: 42".encode(), b"['Ann', '42', '0']"),
    *("姓名=Ann,数字=42".encode(), "nic\u212a=Ann; 合計: 99; ZAHL: 42".encode()),
    *("Ann²\n42".encode(), "Ann Lee ①\n42".encode(), "Ann. Lee²\n42".encode()),
    *(
        name.ljust(size, b"\0") + struct.pack(form, 42)
        for name in (b"Player1", b"Client 7", b"Group 101", b"Ann-1", b"Agent 007", b"Ann,7")
        for size, form in ((50, ">i"), (64, "<i"), (21, "<i"), (21, ">i"))
    ),
]
"""Messages that have no dialect with a name, and what is like one."""

FOREIGN = [b"GET /42 HTTP/1.1", b"SSH-2.0-OpenSSH_9.6", b"\x16\x03\x01\2\0\1", b"EHLO example.org"]
"""The first bytes of other protocols."""

PIECES = [
    *(
        "Client",
        "Ann",
        "é",
        "Jr. ",
        "name",
        "number",
        "sum",
        "my ",
        "client_",
        "id",
        "true",
        "HTTP/1",
    ),
    *(
        *"\"'`([{<>}])“”’,;:|/=#~&-+._%\\ \t\r\n\0\x1b→，²٤\u0301",
        "</",
        "42",
        "-5",
        ".5",
        "e5",
        "16:",
    ),
]
"""What changes what is read."""
ODD = [
    "Zoë 😀,42".encode(),
    rb'{"name": "Zo\u00eb \ud83d\ude00", "number": 7}',
    rb'{"name": "\ud83d", "number": 7}',
    "é".encode() * 255 + b",1",
    "é".encode() * 256 + b",1",
    b"Ann,-0042",
    b"Ann,999999999999999",
    b"Ann,1000000000000000",
    b"Ann," + b"9" * 3000,
    b"a" * 1024 + b",1",
    b"Ann," + b"0" * 1100 + b"1",
    b"\0\3Ann\xff\xff\xff\xff",
    b"\0\3Ann\x80\0\0\0",
    b"\4\1" + b"a" * 1030,
    b"{" * 1025,
]


ALL = [*REQUESTS, *TEMPLATES, *FOREIGN, *ODD, *EVIL]


def noise(seed: int, count: int, messages: Sequence[bytes] = ALL) -> Iterator[bytes]:
    """The messages with some bytes deleted, inserted or repeated, and random bytes."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(messages))
        for _ in range(rng.randint(1, 3)):
            at, other = sorted(rng.randrange(len(data) + 1) for _ in range(2))
            byte = bytes([rng.choice(b"\0\1\4\xff\xfb\xfe\xc3\x80ERu0123456789")])
            insert = rng.choice([byte, rng.choice(PIECES).encode()])
            data[at:at] = rng.choice([insert, data[at : at + 5]])
            del data[other : other + rng.randint(0, 2)]
        yield bytes(data)
        yield rng.randbytes(rng.randint(1, 60))


@pytest.fixture
def any_digits() -> Iterator[None]:
    """Numbers of more than 4,300 digits can be shown."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(limit)


@needs_tshark
@pytest.mark.usefixtures("any_digits")
def test_datagrams_are_read_as_the_server_reads_them(tmp_path: Path) -> None:
    corpus = [path.read_bytes() for path in sorted((PROJECT / "tests" / "corpus").iterdir())]
    plain = REQUESTS + TEMPLATES + FOREIGN + ODD + EVIL + corpus
    lines = [message + newline for message in plain for newline in (b"\n", b"\r\n")]
    datagrams = [data for data in [*plain, *lines, *noise(1, 2000)] if data]
    with Packets(tmp_path / "capture") as packets:
        for data in datagrams:
            packets.ask(40000, data)
    rows = dissect(packets.path)
    for data, row in zip(datagrams, rows, strict=True):
        assert (data, shown(row)) == (data, read(data))


NAMES = st.sampled_from(["Ann", "Client of Ann", "O'Neil", "J. R. Smith", "Zoë", "R2-D2", "(x)"])
NUMBERS = st.integers(-5, 105) | st.just("4.2")
MARKS = st.text("".join(piece for piece in PIECES if len(piece) == 1), max_size=3)
LABELS = st.sampled_from(["", "", "Name: ", "number=", "<name>", "client's number: ", "sum: "])


@st.composite
def decorated(draw: st.DrawFn) -> bytes:
    """A name and a number, with labels or without, and marks around them."""
    name, number = f"{draw(LABELS)}{draw(NAMES)}", f"{draw(LABELS)}{draw(NUMBERS)}"
    first, second = draw(st.permutations([name, number]))
    before, between, behind = (draw(MARKS) for _ in range(3))
    return f"{before}{first}{between}{second}{behind}".encode()


@needs_tshark
@settings(max_examples=10)
@given(st.lists(decorated(), min_size=20, max_size=60))
def test_any_decoration_is_read_as_the_server_reads_it(
    tmp_path_factory: pytest.TempPathFactory, datagrams: list[bytes]
) -> None:
    with Packets(tmp_path_factory.mktemp("decorated") / "capture") as packets:
        for data in datagrams:
            packets.ask(40000, data)
    for data, row in zip(datagrams, dissect(packets.path), strict=True):
        assert (data, shown(row)) == (data, read(data))


def read_all_in(segment: bytes, decoder: Decoder) -> Iterator[Received]:
    """All messages in `segment`, the last of which silence may end. Raises `MessageError`."""
    decoder.feed(segment)
    while received := decoder.take() or decoder.finish():
        if isinstance(received, Received):
            yield received


def rows_by_stream(rows: Iterable[Row]) -> dict[int, Row]:
    """One row of each stream, by its number."""
    return {int(row["tcp.stream"][0]): row for row in rows}


@needs_tshark
@pytest.mark.usefixtures("any_digits")
def test_messages_in_one_segment_end_where_they_do_for_the_server(tmp_path: Path) -> None:
    rng = random.Random(3)
    messages = REQUESTS + TEMPLATES
    segments = [b"".join(rng.choices(messages, k=rng.randint(1, 3))) for _ in range(2000)]
    with Packets(tmp_path / "capture") as packets:
        for client, segment in enumerate(segments, 20000):
            packets.request(client, segment)
    rows = rows_by_stream(dissect(packets.path))
    for stream, segment in enumerate(segments):
        read = []
        with suppress(MessageError):
            for (name, number), dialect in read_all_in(segment, Decoder()):
                read.append((name, str(number), label_of(dialect)))
        row = rows.get(stream)
        shown = row and zip(row["name"], all_numbers(row), row["dialect"], strict=True)
        assert (segment, list(shown or [])) == (segment, read)


def all_numbers(row: Row) -> list[str]:
    """The numbers in a packet, all of them short or all of them long."""
    return row["number"] or row["big_number"]


REPLIES_WITH_MORE = [
    *(b"Server Number: 57, Client Number: 42, Sum: 99", b"Server number: 57\r\nSum: 99\r\n"),
    *(b"Sum: 99, Client Number: 42, Server Number: 57", b"Your number: 42, my number: 57\n"),
    *(b"Server name: Bob\nSum: 100\nServer number: 58\n", b"Sum: 100\nServer name: Bob, 58\n"),
    *(b"Client's name: Ann Server's name: Bob Client's number: 42 Server's number: 58",),
    *(b"Bob: 58 (sum: 100)\n", b"\r\nBob,58,Sum of 42 and 58 is 100", b"Bob,58, the sum is 100."),
    *(b"Sum: 100\n", b"Bob, Sum: 100\n", b"42 + 58 = 100\n", b"Bob,58,Sum: Sum: 1 100"),
    *(b"16:Bob,58, Sum: 100,", b"\0\x10Bob,58, Sum: 100", b"Bob,58, Sum: 100\0\0", b"Bob,42,58"),
    *("\ufeffBob,58, Sum: 100\n".encode("utf-16-le"), b"\xef\xbb\xbfBob,58, Sum: 100\r\n"),
    *(b'["Bob", 58, 100]', b"('Bob', 58, 100)", b'{"name": "Bob", "sum": 100}', b'["Bob",58,99]\n'),
    b'{"server": {"name": "Bob", "no": 58}, "client": {"name": "Ann", "no": 42}, "sum": 100}\r\n',
    *(b'{"server_number": 58, "client_number": 42}', b'{"sum": 100, "client_number": 42}'),
    *(b"Sum Server,58\n", b"Client Services,58\n", b"Summer,58\n", b"Bob\nTotal: 100\n58"),
    *(b"Server of Bob,58,100\n", b"Server of Bob 58 100\n", b"Server of Bob,42,58,100\n"),
    *(b"Server of Bob,58,7\n", b"Name: Bob, Server Number: 58, Client Number: 42, Sum: 100\n"),
    *(b"Server Number: 57, Client Number: 42, Sum: 99\n", b"Number: 57, Sum: 99\n"),
    *(b"Number: 57, Number: 58\n", b'{"name": "Bob", "number": 58, "sum": 100}'),
    *(b"Server of Bob\n58\n100\n", b"100 58 Server of Bob\n", b"Server of Bob58"),
    *(b"ERROR stopping: 101 is out of range.", b'{"error": "busy", "detail": "later"}'),
    *(b"Bob: 42 + 58 = 100\n", b"Bob,58;100", b"Bob,58|100", b"Bob + Ann = 100", b"Suma: 100\n"),
    *(b"Client: 42\nServer: 58\nSum: 100", b"['Bob', '58', '100']", b"You sent: 42, mine is 58\n"),
    *(b"Bob,58, received: 42\n", b"Number received: 42; Bob,58", b"Bob,58,Sum: " + b"1" * 65),
    *(b"220 mail.example ESMTP ready\r\n", b"Bob,-1\n", b"Bob,58,-1\n", b"Bob,42,0,42\n"),
]


def read_reply(data: bytes) -> list[str]:
    """What our client makes of a reply to its number 42."""
    try:
        for received in read_all_in(data, ReplyDecoder()):
            name, number = without_sum(received, 42)
            return [name, str(number), label_of(received.dialect)]
    except ReportedError as error:
        return [error.reported]
    except MessageError as error:
        return [error.code]
    return []


def first_reply(row: Row) -> list[str]:
    """What the dissector makes of the first reply in a packet, in the same terms."""
    kinds = ("Reply: ", "Malformed reply: ", "Error: ")
    parts = row["_ws.col.Info"][0].split("; ")
    first = next((part for part in parts if part.startswith(kinds)), "")
    if first.startswith("Reply: "):
        return [*row["name"][:1], *all_numbers(row)[:1], *row["dialect"][:1]]
    if first.startswith("Error: "):
        return row["error"][:1]
    return ["too-long" if row["too_long"] else "malformed"]


@needs_tshark
@pytest.mark.usefixtures("any_digits")
def test_replies_are_read_as_the_client_reads_them(tmp_path: Path) -> None:
    replies = [*REPLIES_WITH_MORE, *REQUESTS, *TEMPLATES, *ODD]
    replies += [data for data in [*noise(4, 1000), *noise(5, 1000, REPLIES_WITH_MORE)] if data]
    with Packets(tmp_path / "capture") as packets:
        for client, data in enumerate(replies, 20000):
            packets.request(client, b"Client of Ann,42\n")
            packets.reply(client, data)
    rows = rows_by_stream(row for row in dissect(packets.path) if row["request_in"])
    for stream, data in enumerate(replies):
        row = rows.get(stream)
        values = first_reply(row) if row else []
        assert (data, values) == (data, read_reply(data))


@needs_tshark
def test_the_asides_of_a_reply_in_segments(tmp_path: Path) -> None:
    """They are cut wherever the segments end; what was left to say comes behind the reply."""
    reply = b"Server name: Bob\nClient number: 42\nServer number: 58\nSum: 100\n"
    with Packets(tmp_path / "capture") as packets:
        for client, cut in enumerate(range(1, len(reply)), 20000):
            packets.request(client, b"Ann,42\n")
            packets.reply(client, reply[:cut], reply[cut:])
            packets.request(client, b"Ann,1\n")
            packets.reply(client, reply + b"Bob, 5, the sum is 6\n")
    exchanges: dict[str, list[str]] = {}
    for row in dissect(packets.path, TWICE):
        exchanges.setdefault(row["tcp.stream"][0], []).extend(infos([row])[0].split("; "))
    assert len(exchanges) == len(reply) - 1
    for shown in exchanges.values():
        assert [info for info in shown if "continued" not in info and "Asides" not in info] == [
            "Request: Ann, 42",
            "Reply: Bob, 58, sum 100",
            "Request: Ann, 1",
            "Reply: Bob, 58, sum 59",
            "Reply: Bob, 5",
        ]


@needs_tshark
def test_a_message_in_two_segments(tmp_path: Path) -> None:
    ends = (b"", b"\n", b"\r\n")
    messages = [request + end for request, _ in MIRRORED + OBJECTS for end in ends]
    messages += [request for request, _ in RECORDS]
    cuts = [(message, cut) for message in messages for cut in range(1, len(message))]
    with Packets(tmp_path / "capture") as packets:
        for client, (message, cut) in enumerate(cuts, 20000):
            packets.request(client, message[:cut], message[cut:])
            packets.reply(client, b"Server of Bob,58\n")
    exchanges: list[list[Row]] = [[] for _ in cuts]
    for row in dissect(packets.path, TWICE):
        if shown(row):
            exchanges[int(row["tcp.stream"][0])].append(row)
    for (message, cut), exchange in zip(cuts, exchanges, strict=True):
        result = [*map(shown, exchange)]
        expected = [read(message), ["Server of Bob", "58", "comma"]]
        assert (message, cut, result) == (message, cut, expected)
        assert exchange[1]["request_in"] == exchange[0]["frame.number"]


@needs_tshark
@pytest.mark.parametrize("sizes", [(1, 1), (1, 40), (300, 500)])
def test_a_stream_in_many_segments(tmp_path: Path, sizes: tuple[int, int]) -> None:
    """With replies to some requests before the next segment comes."""
    rng = random.Random(1)
    messages = [request + b"\n" for request, _ in MIRRORED + OBJECTS]
    messages += [request for request, _ in RECORDS]
    rng.shuffle(messages)
    stream = b"".join(messages)
    decoder = Decoder()
    with Packets(tmp_path / "capture") as packets:
        while stream:
            size = rng.randint(*sizes)
            packets.request(40000, stream[:size])
            decoder.feed(stream[:size])
            stream = stream[size:]
            while received := decoder.take():
                if isinstance(received, Received):
                    packets.reply(40000, b"Server of Bob,58\n")
    rows = dissect(packets.path, TWICE)
    shown = [what for info in infos(rows) for what in info.split("; ")]
    requests = [what for what in shown if what.startswith("Request: ")]
    assert requests == ["Request: Client of Ann, 42"] * len(messages)
    sums = [value for row in rows for value in row["sum"]]
    assert sums == ["100"] * 2 * len(messages)


@needs_tshark
def test_noise_in_segments(tmp_path: Path) -> None:
    """Whatever comes, nothing in the dissector fails: `dissect` looks for it."""
    with Packets(tmp_path / "capture") as packets:
        for client, data in enumerate(noise(2, 300), 20000):
            packets.request(client, data, data[::-1])
            packets.reply(client, data[::-1], data)
    assert dissect(packets.path, TWICE)


@needs_tshark
def test_what_is_shown_of_a_stream(tmp_path: Path) -> None:
    with Packets(tmp_path / "capture") as packets:
        # No newlines: silence, which replies and the next requests show.
        packets.request(1, b"Ann,1")
        packets.reply(1, b"Bob,58")
        packets.request(1, b"Ann,2")
        packets.reply(1, b"Bob,5", b"9")
        packets.request(1, b"\r", b"\nAnn,3")
        packets.reply(1, b"\r\n", b"Bob,60")
        # The sum as a third field, as a line, as a member; and a name that only looks like it.
        packets.request(2, b"Ann,1\nAnn | 2\nAnn\n3\n", b'{"n":"Ann","i":4}Ann,5\n')
        packets.reply(2, b"Bob,58,59\nBob | 58 | 60\nBob\n58\n61\n")
        packets.reply(2, b'{"n":"Bob","i":58,"sum":62}58,Bob,63\nBob,1,6\n')
        # Errors, one of them unasked.
        packets.request(3, b'Ann,101\n{"n":"Ann","i":0}Ann,42.0\nBob,1\n', b"Ann,7\n")
        packets.reply(3, b"ERROR out-of-range: 101 is out of range.\n")
        packets.reply(3, b'{"error":"b\\u001bd","detail":"Zo\xc3\xab"}ERROR malformed: no.\n')
        packets.reply(3, b"Bob,8\nERROR timeout: no message.\n")
    assert infos(dissect(packets.path, TWICE)) == [
        "Request: Ann, 1",
        "Reply: Bob, 58, sum 59",
        "Request: Ann, 2",
        "Reply, continued in frame 5",
        "Reply: Bob, 59, sum 61",
        "Newline of the message before; Request: Ann, 3",
        "Newline of the message before",
        "Reply: Bob, 60, sum 63",
        "Request: Ann, 1; Request: Ann, 2; Request: Ann, 3",
        "Request: Ann, 4; Request: Ann, 5",
        "Reply: Bob, 58, sum 59; Reply: Bob, 58, sum 60; Reply: Bob, 58, sum 61; "
        "Sum, as a line behind the reply",
        "Reply: Bob, 58, sum 62; Reply: Bob, 58, sum 63; Reply: Bob,1, 6",
        "Request: Ann, 101; Request: Ann, 0; Malformed request: '42.0' is not an integer",
        "Request: Ann, 7",
        "Error: out-of-range",
        "Error: b\\x1bd; Error: malformed",
        "Reply: Bob, 8, sum 15; Error: timeout",
    ]


@needs_tshark
def test_what_is_shown_of_templates_and_between_messages(tmp_path: Path) -> None:
    with Packets(tmp_path / "capture") as packets:
        packets.request(1, b"\xef\xbb\xbfClient of Ann#1#\n\n\r\n(2) Client of Ann\n\n")
        packets.request(2, b"\xff\xfb\x03\xff\xfd\x01Client of Ann,3\r\0")
        packets.request(3, b"SSH-2.0-OpenSSH_9.6\r\n")
        packets.reply(3, b"Name: Bob, Number: 58, Sum: 100\n")
        packets.request(4, b"<Client of Ann> -> 42")
        packets.reply(4, b"<Server of Bob> -> 5", b"8")
    rows = dissect(packets.path, TWICE)
    assert infos(rows) == [
        "Byte-order mark; Request: Client of Ann, 1; Empty line; Request: Client of Ann, 2",
        "Telnet commands; Request: Client of Ann, 3",
        "Malformed request: this is SSH",
        "Reply: Bob, 58",
        "Request: Client of Ann, 42",
        "Reply, continued in frame 7",
        "Reply: Server of Bob, 58, sum 100",
    ]
    assert [row["template"] for row in rows] == [
        ["{name}#{number}#", "({number}) {name}"],
        [],
        [],
        ["Name: {name}, Number: {number}"],
        ["<{name}> -> {number}"],
        [],
        ["<{name}> -> {number}"],
    ]


@needs_tshark
@pytest.mark.parametrize("options", [(), (TWICE,), (TWICE, "-Y", "")])
def test_a_port_used_again(tmp_path: Path, options: tuple[str, ...]) -> None:
    """It takes nothing from that, even if tshark has no field to tell them apart at first.

    With no filter, it makes none at the first of two looks, as does Wireshark.
    """
    with Packets(tmp_path / "capture") as packets:
        for client, unanswered in enumerate((b"Ann,42", b"Ann,42\n", b"Ann"), 1):
            packets.connect(client)
            packets.request(client, unanswered)
            packets.connect(client)
            packets.request(client, b"Bob,7\n")
            packets.reply(client, b"Server,5\n")
    rows = dissect(packets.path, *options)
    second = ["Request: Bob, 7", "Reply: Server, 5, sum 12"]
    first = ["Request: Ann, 42"]
    shown = [info for info in infos(rows) if info.startswith("Re")]
    assert shown == first + second + first + second + second


@needs_tshark
def test_packets_captured_in_part(tmp_path: Path) -> None:
    """What comes behind one is not matched to what was before."""
    with Packets(tmp_path / "capture") as packets:
        packets.request(1, b"Ann,1\n")
        packets.reply(1, b"Bob,58\n")
        packets.cut()
        packets.request(1, b"Ann,2\n")
        packets.reply(1, b"Bob,59\n")
        packets.request(1, b"Ann,3\n")
        packets.cut()
        packets.reply(1, b"Bob,60\n")
        packets.request(1, b"Ann,4")
        packets.request(1, b"2\n")
        packets.cut()
        packets.request(1, b"Ann,5\n")
        packets.reply(1, b"Bob,61\n")
    assert infos(dissect(packets.path, TWICE)) == [
        "Request: Ann, 1",
        "Request: Ann, 2",
        "Reply: Bob, 59, sum 61",
        "Reply: Bob, 60",
        "Request: Ann, 4",
        "Request: Ann, 5",
        "Reply: Bob, 61, sum 66",
    ]


@needs_tshark
def test_segments_that_contradict_each_other(tmp_path: Path) -> None:
    """TCP may give other bytes at the second look than at the first."""
    with Packets(tmp_path / "capture") as packets:
        packets.request(1, b'\0\7\xd7\xa9\xd7\xa9,12,,\0\5Ann,1{"error":"a","de')
        packets.go_to(1, 6)
        packets.request(1, b"xxxx")
        packets.go_to(1, -10)
        packets.request(1, b"S,5\nAnn,1\nAnn")
    assert dissect(packets.path, TWICE, "-Y", "", "-o", "tcp.reassemble_out_of_order:TRUE")


@needs_tshark
def test_which_request_a_datagram_answers(tmp_path: Path) -> None:
    with Packets(tmp_path / "capture") as packets:
        packets.ask(1, b"Ann,1")
        packets.ask(1, b"Ann,1")  # again, 1 ms later
        packets.ask(2, b"Ann,2")
        packets.answer(1, b"Bob,58")
        packets.answer(1, b"Bob,58")
        packets.ask(2, b"noise")
        packets.ask(2, b"")
        packets.answer(2, b"Bob,59")
    rows = dissect(packets.path, TWICE)
    assert [row["request_in"] for row in rows] == [[], [], [], ["2"], [], [], ["3"]]
    assert [row["response_in"] for row in rows] == [[], ["4"], ["8"], [], [], [], []]
    assert [row["sum"] for row in rows] == [[], ["59"], ["61"], ["59"], [], [], ["61"]]
    assert [row["time"] for row in rows if row["time"]] == [["0.002000000"], ["0.005000000"]]


@needs_tshark
def test_ports(tmp_path: Path) -> None:
    """The one of the preference, and those of "Decode As"; no other, whatever it carries."""
    with Packets(tmp_path / "other", 5000) as other:
        other.request(1, b"Ann,1\n")
        other.ask(1, b"Ann,1\n")
    assert dissect(other.path) == []
    assert len(dissect(other.path, "-o", "sumproto.ports:4000,5000-5001")) == 2
    assert len(dissect(other.path, "-d", "tcp.port==5000,sumproto")) == 1
    with Packets(tmp_path / "default") as default:
        default.request(1, b"Ann,1\n")
    assert dissect(default.path, "-o", "sumproto.ports:5000") == []


# --- captures of real traffic


@contextmanager
def captured(path: Path, port: int) -> Iterator[None]:
    """Write what goes from and to `port` of the loopback meanwhile to `path`, up to an end.

    Skips the test if that is not permitted here.
    """
    if not shutil.which("tcpdump"):
        pytest.skip("there is no tcpdump")
    # In immediate mode the buffer is for a few packets of the greatest size: let that be small.
    size = "4096"
    with subprocess.Popen(
        ["tcpdump", "-i", "lo", "--immediate-mode", "-s", size, "-U", "-w", "-", f"port {port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as tcpdump:
        assert tcpdump.stdout
        assert tcpdump.stderr
        if b"listening on" not in (said := tcpdump.stderr.readline()):
            tcpdump.terminate()
            pytest.skip(f"capturing is not possible: {said.decode().strip()}")
        try:
            yield
            capture = b""
            while not capture.endswith(b"the end of the capture"):
                chunk = os.read(tcpdump.stdout.fileno(), 65536)
                assert chunk
                capture += chunk
            path.write_bytes(capture)
        finally:
            tcpdump.terminate()


def exchange(port: int) -> None:
    """Have a server answer and show what `REAL` says."""
    for example in EXAMPLES:
        assert ask(port, example.request) == example.reply
    with connect(port) as peer:
        for request in b"Client of Ann,1", b"Client of Ann,2":
            peer.sendall(request)
            assert peer.recv(1024) == b"Server of Bob,58"
    with connect(port) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"Client of Ann,42\n":
            peer.sendall(bytes([byte]))
        peer.shutdown(socket.SHUT_WR)
        read_all(peer)
    ask(port, b"Ann,1\nBob;2\r\n")
    ask(port, b"GET / HTTP/1.1\r\nHost: localhost:12000\r\n\r\n")
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        for data in b"noise", b"Client of Ann,42":
            peer.sendto(data, ("127.0.0.1", port))
        assert peer.recv(1024) == b"Server of Bob,58"
        peer.sendto(b"the end of the capture", ("127.0.0.1", port))


REAL = [
    *(["Request: Client of Ann, 42", "Reply: Server of Bob, 58, sum 100"] * len(EXAMPLES)),
    *("Request: Client of Ann, 1", "Reply: Server of Bob, 58, sum 59"),
    *("Request: Client of Ann, 2", "Reply: Server of Bob, 58, sum 60"),
    *("Request: Client of Ann, 42", "Reply: Server of Bob, 58, sum 100"),
    "Request: Ann, 1; Request: Bob, 2",
    "Reply: Server of Bob, 58, sum 59; Reply: Server of Bob, 58, sum 60",
    "Malformed request: this is HTTP",
    "Error: malformed",
    "Malformed request: the end of the message is missing",
    *("Request: Client of Ann, 42", "Reply: Server of Bob, 58, sum 100"),
    "Malformed request: the end of the message is missing",
]


@needs_tshark
def test_real_traffic(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    with running_server(tmp_path, "--udp", "--name", "Server of Bob", "--number", "58") as server:
        server.wait_for("ready to receive datagrams")
        with captured(path, server.port):
            exchange(server.port)
    ports = ("-o", f"sumproto.ports:{server.port}")
    rows = [row for row in dissect(path, TWICE, *ports) if not row["continued_in"]]
    assert infos(rows) == REAL

    dialects = [example.option for example in EXAMPLES for _ in ("request", "reply")]
    assert [row["dialect"] for row in rows[: len(dialects)]] == [[name] for name in dialects]
    unterminated = rows[len(dialects) : len(dialects) + 4]
    assert all(float(row["time"][0]) > 0.2 for row in unterminated[1::2])
    assert [row["error"] for row in rows if row["error"]] == [["malformed"]]
    by_frame = {row["frame.number"][0]: row for row in rows}
    for row in rows:
        for other in row["response_in"]:
            assert row["frame.number"][0] in by_frame[other]["request_in"]

    once = [row for row in dissect(path, *ports) if row["request_in"]]
    assert once == [row for row in rows if row["request_in"]]


# --- installation


def test_the_path(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["wireshark"])
    main()
    assert capsys.readouterr().out == f"{DISSECTOR}\n"
    assert DISSECTOR.is_file()


def install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run ``python -m sumproto.wireshark --install`` of the user at `home`."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["wireshark", "--install"])
    main()


@needs_tshark
def test_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    installed = Path(capsys.readouterr().out.removesuffix("\n"))
    assert installed.is_relative_to(tmp_path)
    assert installed.read_bytes() == DISSECTOR.read_bytes()
    fields = run("tshark", "-G", "fields", cwd=tmp_path)
    assert "\tsumproto.name\t" in fields.stdout


@pytest.mark.parametrize(
    ("platform", "folder"),
    [("linux", ".local/lib/wireshark/plugins"), ("win32", "AppData/Wireshark/plugins")],
)
def test_install_without_tshark(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    folder: str,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "AppData"))
    monkeypatch.setattr(sys, "platform", platform)
    install(tmp_path, monkeypatch)
    assert capsys.readouterr().out == f"{tmp_path / folder / 'sumproto.lua'}\n"
    assert (tmp_path / folder / "sumproto.lua").is_file()


def test_where_nothing_can_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".local").write_text("a file where a folder is needed")
    with pytest.raises(SystemExit, match=r"^python -m sumproto.wireshark: cannot install: .*"):
        install(tmp_path, monkeypatch)
