"""The Wireshark dissector, on captures of real traffic and on packets made up here."""

from __future__ import annotations

import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import EVIL, PATIENCE, PROJECT, ask, connect, is_harmless, read_all, run, running_server
from test_dialects import MIRRORED, OBJECTS, RECORDS
from test_dialects_live import EXAMPLES

from sumproto.dialects import (
    Decoder,
    Dialect,
    JsonObject,
    Received,
    Record,
    Separated,
    TextRecord,
    TwoLines,
)
from sumproto.message import MessageError, in_range
from sumproto.options import PORT
from sumproto.wireshark import DISSECTOR, main

needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")

FIELDS = [
    "frame.number",
    "tcp.stream",
    "_ws.col.Info",
    "_ws.expert.message",
    *(
        "sumproto." + name
        for name in (
            "name number big_number sum dialect error request_in response_in continued_in time "
            "malformed too_long out_of_range"
        ).split()
    ),
]

Row = dict[str, list[str]]
"""What tshark shows of a packet: the values of each of `FIELDS`; ours go without the sumproto."""

TWICE = "-2"
"""The option that has tshark look at the packets again, as Wireshark does."""


def tshark(capture: Path, *options: str) -> str:
    """What tshark, with the dissector, prints about `capture`."""
    command = ("tshark", "-X", f"lua_script:{DISSECTOR}", "-r", capture)
    done = run(*command, *options, cwd=capture.parent)
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stdout + done.stderr
    return done.stdout


def dissect(capture: Path, *options: str) -> list[Row]:
    """The packets of `capture` that the dissector takes for its own."""
    fields = [part for field in FIELDS for part in ("-e", field)]
    form = ("-Y", "sumproto", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=\x01")
    output = tshark(capture, *form, *fields, *options)
    assert is_harmless(output.replace("\x01", ""))
    names = [field.removeprefix("sumproto.") for field in FIELDS]
    return [
        {
            name: value.split("\x01") if value else []
            for name, value in zip(names, line.split("\t"), strict=True)
        }
        for line in output.splitlines()
    ]


def infos(rows: Iterable[Row]) -> list[str]:
    return [row["_ws.col.Info"][0] for row in rows]


# --- packets made up


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

    def _segment(self, source: int, to: int, data: bytes) -> None:
        sent = self._sent.get((source, to), 1)
        received = self._sent.get((to, source), 1)
        self._sent[source, to] = sent + len(data)
        header = struct.pack(">HHIIBBHHH", source, to, sent, received, 0x50, 0x18, 65535, 0, 0)
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


SEPARATORS = {",": "comma", ";": "semicolon", ":": "colon", "|": "pipe", "": "space"}


def name_of(dialect: Dialect) -> str:
    """What the dissector calls a dialect."""
    match dialect:
        case Separated(number_first=True):
            return "number-first"
        case TextRecord():
            return "text-record"
        case Separated():
            return SEPARATORS[dialect.separator.strip(" \t")]
        case TwoLines():
            return "two-lines"
        case JsonObject():
            return "json"
    assert isinstance(dialect, Record)
    return "record"


def read(datagram: bytes) -> list[str]:
    """What our server makes of `datagram`: name, number and dialect, and the code of an error."""
    decoder = Decoder()
    decoder.feed(datagram)
    try:
        received = decoder.take() or decoder.finish()
    except MessageError as error:
        return [error.code]
    if received is None or decoder.pending:
        return ["malformed"]
    assert isinstance(received, Received)
    (name, number), dialect = received
    shown = [name, str(number), name_of(dialect)]
    return shown if in_range(number) else [*shown, "out-of-range"]


def shown(row: Row) -> list[str]:
    """What the dissector makes of a message, in the same terms."""
    codes = {"malformed": "malformed", "too_long": "too-long", "out_of_range": "out-of-range"}
    return [
        *row["name"],
        *row["number"],
        *row["big_number"],
        *row["dialect"],
        *(code for field, code in codes.items() if row[field]),
    ]


REQUESTS = [request for request, _ in MIRRORED + OBJECTS + RECORDS]
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


def noise(seed: int) -> Iterator[bytes]:
    """Messages with some bytes deleted, inserted or repeated, and random bytes."""
    rng = random.Random(seed)
    for _ in range(2000):
        data = bytearray(rng.choice(REQUESTS + ODD + EVIL))
        for _ in range(rng.randint(1, 3)):
            at, other = sorted(rng.randrange(len(data) + 1) for _ in range(2))
            insert = bytes([rng.choice(b'\0\1\4{}":,;| \t\r\n0123456789+-.ER\xc3\x80\\u')])
            data[at:at] = rng.choice([insert, data[at : at + 5]])
            del data[other : other + rng.randint(0, 2)]
        yield bytes(data)
        yield rng.randbytes(rng.randint(1, 60))


@needs_tshark
def test_datagrams_are_read_as_the_server_reads_them(tmp_path: Path) -> None:
    corpus = [path.read_bytes() for path in sorted((PROJECT / "tests" / "corpus").iterdir())]
    plain = REQUESTS + ODD + EVIL + corpus
    lines = [message + newline for message in plain for newline in (b"\n", b"\r\n")]
    datagrams = [data for data in [*plain, *lines, *noise(1)] if data]
    with Packets(tmp_path / "capture") as packets:
        for data in datagrams:
            packets.ask(40000, data)
    rows = dissect(packets.path)
    for data, row in zip(datagrams, rows, strict=True):
        result = shown(row)
        if result[1:] and len(result[1]) > sys.get_int_max_str_digits():
            result = result[-1:]  # so many are more than our server can say
        assert (data, result) == (data, read(data))


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
    rows = dissect(packets.path, TWICE)
    for stream, (message, cut) in enumerate(cuts):
        exchange = [row for row in rows if row["tcp.stream"] == [str(stream)] and shown(row)]
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
