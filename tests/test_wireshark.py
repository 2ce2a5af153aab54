"""The Wireshark dissector, on captures of real traffic and on packets made up here."""

from __future__ import annotations

import os
import random
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
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
    Decoder,
    Dialect,
    JsonObject,
    Received,
    Record,
    Separated,
    TextRecord,
    TwoLines,
)
from sumproto.core.message import MessageError, in_range
from sumproto.wireshark import DISSECTOR
from sumproto.wireshark.__main__ import main

pytestmark = pytest.mark.live

needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")

OURS = (
    "name number big_number sum dialect error request_in response_in continued_in time malformed "
    "too_long out_of_range"
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


def noise(seed: int, count: int) -> Iterator[bytes]:
    """Messages with some bytes deleted, inserted or repeated, and random bytes."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(REQUESTS + ODD + EVIL))
        for _ in range(rng.randint(1, 3)):
            at, other = sorted(rng.randrange(len(data) + 1) for _ in range(2))
            insert = bytes([rng.choice(b'\0\1\4{}":,;| \t\r\n0123456789+-.ER\xc3\x80\\u')])
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
    plain = REQUESTS + ODD + EVIL + corpus
    lines = [message + newline for message in plain for newline in (b"\n", b"\r\n")]
    datagrams = [data for data in [*plain, *lines, *noise(1, 1000)] if data]
    with Packets(tmp_path / "capture") as packets:
        for data in datagrams:
            packets.ask(40000, data)
    rows = dissect(packets.path)
    for data, row in zip(datagrams, rows, strict=True):
        assert (data, shown(row)) == (data, read(data))


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
        "Request: Ann, 101; Request: Ann, 0; Malformed request: the number is not an integer",
        "Request: Ann, 7",
        "Error: out-of-range",
        "Error: b\\x1bd; Error: malformed",
        "Reply: Bob, 8, sum 15; Error: timeout",
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
    "Malformed request: this is an HTTP request",
    "Error: malformed",
    "Malformed request: it is no whole message",
    *("Request: Client of Ann, 42", "Reply: Server of Bob, 58, sum 100"),
    "Malformed request: it is no whole message",
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
