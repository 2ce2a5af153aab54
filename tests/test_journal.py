"""The journal loses no line, whatever happens to its file, and says who was there."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from time import monotonic, sleep
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import (
    BIN,
    EVIL,
    PATIENCE,
    FakeServer,
    ask,
    connect,
    is_harmless,
    read_all,
    run,
    running_server,
)
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent
from twisted.logger import capturedLogs as captured_logs

from sumproto import rotation
from sumproto.core.dialects import UNKNOWN
from sumproto.core.exchange import Exchange
from sumproto.core.message import Malformed, Message
from sumproto.core.observer import Peer
from sumproto.journal import Journal, writer
from sumproto.journal.summary import Summary, as_csv, as_table

NOON = 1_800_000_000.25  # 2027-01-15T08:00:00.25Z
PEER = Peer("tcp", "192.0.2.1", 54321)


class Fixture:
    """A journal, the clock it is on, and what it has logged."""

    def __init__(self, path: Path, events: Sequence[LogEvent]) -> None:
        self.path = path
        self.clock = Clock()
        self._events = events
        self.journal = Journal(path, self.clock, lambda: NOON + self.clock.seconds())

    def exchange(self, name: str = "Ann", number: int = 42, peer: Peer = PEER) -> None:
        exchange = Exchange(Message(name, number), Message("Bob", 58))
        self.journal.exchanged(peer, [(exchange, UNKNOWN)], 0.001)

    def exchanges(self, numbers: range) -> None:
        for number in numbers:
            self.exchange(number=number)

    @property
    def log(self) -> list[str]:
        return [str(formatEvent(event)) for event in self._events]


@pytest.fixture
def fixture(tmp_path: Path) -> Iterator[Fixture]:
    with captured_logs() as events:
        yield Fixture(tmp_path / "journal", events)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal, all of which are whole."""
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def numbers(path: Path) -> list[int]:
    return [entry["client_number"] for entry in read(path) if entry["event"] == "exchange"]


# Lines


def test_an_exchange(fixture: Fixture) -> None:
    fixture.exchange("Žofie \"=\\'; 山田")
    fixture.journal.flush()
    assert read(fixture.path) == [
        {
            "time": "2027-01-15T08:00:00.250000Z",
            "event": "exchange",
            "peer": "192.0.2.1",
            "port": 54321,
            "transport": "tcp",
            "dialect": "comma",
            "client_name": "Žofie \"=\\'; 山田",
            "server_name": "Bob",
            "client_number": 42,
            "server_number": 58,
            "sum": 100,
            "seconds": 0.001,
        }
    ]


def test_an_error(fixture: Fixture) -> None:
    fixture.journal.refused(Peer("udp", "::1", 7), Malformed('"no"'))
    fixture.journal.refused(Peer("unix"), Malformed("no"))
    fixture.journal.flush()
    first, second = read(fixture.path)
    assert first == {
        "time": "2027-01-15T08:00:00.250000Z",
        "event": "error",
        "peer": "::1",
        "port": 7,
        "transport": "udp",
        "code": "malformed",
        "detail": '"no"',
    }
    assert (second["peer"], second["port"], second["transport"]) == (None, None, "unix")


@pytest.mark.parametrize("message", EVIL)
def test_nothing_evil_reaches_the_journal(fixture: Fixture, message: bytes) -> None:
    server = FakeServer(observers=[fixture.journal])
    server.connect()[0].dataReceived(message + b"\n")
    server.clock.advance(60)
    fixture.journal.flush()
    assert len(read(fixture.path)) == 1
    assert is_harmless(fixture.path.read_text())


# When they are written


def test_no_line_waits_for_a_second(fixture: Fixture) -> None:
    for _ in range(10):
        fixture.exchange()
        fixture.clock.advance(0.1)
    assert len(read(fixture.path)) >= 5
    fixture.clock.advance(0.5)
    assert len(read(fixture.path)) == 10
    assert not fixture.clock.getDelayedCalls()


def test_many_lines_are_few_writes(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []

    def write(file: int, data: bytes) -> int:
        writes.append(len(data))
        return real_write(file, data)

    real_write = os.write
    monkeypatch.setattr(os, "write", write)
    fixture.exchanges(range(1000))
    fixture.journal.close()
    assert numbers(fixture.path) == list(range(1000))
    assert len(writes) == 1 + sum(writes) // writer.BUFFER


def test_only_the_owner_can_read_it(fixture: Fixture) -> None:
    fixture.journal.flush()
    assert stat.S_IMODE(fixture.path.stat().st_mode) == 0o600


def test_a_file_that_was_moved_away_is_made_anew(fixture: Fixture) -> None:
    fixture.exchange(number=1)
    fixture.journal.flush()
    moved = fixture.path.rename(fixture.path.with_name("moved"))
    fixture.exchange(number=2)
    fixture.journal.flush()
    assert (numbers(moved), numbers(fixture.path)) == ([1], [2])


# Rotation


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_SIZE", 2000)
    monkeypatch.setattr(rotation, "FILES", 3)


@pytest.mark.usefixtures("small")
def test_rotation_is_bounded(fixture: Fixture) -> None:
    for number in range(100):
        fixture.exchange(number=number)
        fixture.journal.flush()
    names = ["journal.2", "journal.1", "journal"]
    kept = [number for name in names for number in numbers(fixture.path.with_name(name))]
    assert kept == list(range(kept[0], 100))
    assert len(kept) > 14
    assert sorted(path.name for path in fixture.path.parent.iterdir()) == sorted(names)
    assert all(path.stat().st_size < 3000 for path in fixture.path.parent.iterdir())


@pytest.mark.usefixtures("small")
def test_behind_a_link_the_file_is_rotated(fixture: Fixture) -> None:
    folder = fixture.path.with_name("folder")
    folder.mkdir()
    fixture.path.symlink_to(folder / "journal")
    for number in range(20):
        fixture.exchange(number=number)
        fixture.journal.flush()
    assert fixture.path.is_symlink()
    assert {path.name for path in folder.iterdir()} == {"journal", "journal.1", "journal.2"}


@pytest.mark.usefixtures("small")
def test_what_cannot_be_rotated_does_not_grow(fixture: Fixture) -> None:
    blocked = fixture.path.with_name("journal.1")
    (blocked / "full").mkdir(parents=True)
    (fixture.path.with_name("journal.2") / "full").mkdir(parents=True)
    fixture.exchanges(range(10))
    fixture.journal.flush()
    fixture.exchanges(range(10, 20))
    fixture.journal.flush()
    assert numbers(fixture.path) == list(range(10))
    assert fixture.log == [f"Cannot write the journal {fixture.path}: Directory not empty"]
    blocked.rename(fixture.path.with_name("away"))
    fixture.clock.advance(0.5)
    assert numbers(fixture.path) == list(range(10, 20))


# What goes wrong


def test_a_full_disk(fixture: Fixture) -> None:
    fixture.path.symlink_to("/dev/full")
    fixture.exchange(number=1)
    fixture.clock.pump([0.5] * 10)
    wrong = f"Cannot write the journal {fixture.path}: No space left on device"
    assert fixture.log == [wrong]
    fixture.path.unlink()
    fixture.clock.advance(0.5)
    assert numbers(fixture.path) == [1]
    assert fixture.log == [
        wrong,
        f"The journal {fixture.path} is written again; 0 lines were lost",
    ]
    assert not fixture.clock.getDelayedCalls()


def test_a_disk_that_stays_full(fixture: Fixture) -> None:
    fixture.path.symlink_to("/dev/full")
    fixture.exchanges(range(10_000))
    fixture.clock.advance(0.5)
    fixture.path.unlink()
    fixture.clock.advance(0.5)
    *kept, last = read(fixture.path)
    assert [entry["client_number"] for entry in kept] == list(range(len(kept)))
    assert fixture.path.stat().st_size < 2 * writer.BUFFER
    assert (last["event"], last["lines"]) == ("lost", 10_000 - len(kept))
    assert fixture.log[-1].endswith(f"is written again; {last['lines']} lines were lost")


def test_a_disk_that_is_full_to_the_end(fixture: Fixture) -> None:
    fixture.path.symlink_to("/dev/full")
    fixture.exchanges(range(3))
    fixture.journal.close()
    why = "No space left on device"
    assert fixture.log == [
        f"Cannot write the journal {fixture.path}: {why}",
        f"3 lines of the journal {fixture.path} are lost: {why}",
    ]
    assert not fixture.clock.getDelayedCalls()


def test_a_write_cut_short_anywhere(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows is neither a continuation of half a line nor a repetition of a whole one."""
    fixture.exchanges(range(3))
    size = len(fixture.journal._buffer)
    real_write = os.write
    for cut in range(size):

        def write(file: int, data: bytes, room: list[int] = [cut]) -> int:  # noqa: B006
            if not room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real_write(file, data[: room.pop()])

        fixture.path.write_text("")
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            fixture.journal.flush()
        fixture.journal.flush()
        lines = fixture.path.read_text().splitlines()
        whole = [line for line in lines if line.endswith("}")]
        assert [json.loads(line)["client_number"] for line in whole] == [0, 1, 2], cut
        assert len(lines) - len(whole) <= 1
        fixture.exchanges(range(3))


def test_half_a_line_of_a_process_that_was_killed(fixture: Fixture) -> None:
    fixture.path.write_text('{"time": "20')
    fixture.exchange()
    fixture.journal.flush()
    half, whole = fixture.path.read_text().splitlines()
    assert half == '{"time": "20'
    assert json.loads(whole)["sum"] == 100


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("missing/file"), "No such file or directory"),
        (os.mkfifo, "No such device or address"),
    ],
)
def test_what_is_no_file(fixture: Fixture, make: Callable[[Path], object], why: str) -> None:
    make(fixture.path)
    fixture.exchanges(range(2000))
    fixture.clock.pump([0.5] * 3)
    assert fixture.log[0].startswith(f"Cannot write the journal {fixture.path}: {why}")
    assert len(fixture.log) == 1
    fixture.journal.close()


def test_a_pipe_whose_reader_pauses_gets_whole_lines(fixture: Fixture) -> None:
    os.mkfifo(fixture.path)
    reader = os.open(fixture.path, os.O_RDONLY | os.O_NONBLOCK)
    read = bytearray()
    try:
        for _ in range(5):
            fixture.exchanges(range(300))  # more than the pipe takes
            fixture.clock.pump([writer.FLUSH] * 2)
        while chunk := os.read(reader, 1 << 20):
            read += chunk
            fixture.clock.pump([writer.FLUSH] * 2)
    finally:
        os.close(reader)
    entries = [json.loads(line) for line in read.splitlines()]
    lost = sum(entry["lines"] for entry in entries if entry["event"] == "lost")
    assert len([entry for entry in entries if entry["event"] == "exchange"]) + lost == 5 * 300
    fixture.journal.close()


# A server


def wait_for_lines(path: Path, count: int) -> list[dict[str, Any]]:
    """The lines of the journal, once there are so many."""
    deadline = monotonic() + PATIENCE
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert monotonic() < deadline, path.exists() and path.read_text()
        sleep(0.01)
    return read(path)


@pytest.mark.live
def test_kill_9_leaves_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    options = ("--journal", "journal", "--quiet", "--udp", "--number", "58")
    with running_server(tmp_path, *options) as server:
        with connect(server.port) as peer:
            peer.sendall(b"Ann,42\nAnn;43\n")
            assert peer.recv(1024)
            host, port = peer.getsockname()
            first, second = wait_for_lines(path, 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(("127.0.0.1", server.port))
            peer.send(b'{"name": "Cem", "number": 1}')
            assert peer.recv(1024)
        ask(server.port, b"GET / HTTP/1.1\r\n\r\n")
        *_, third, error = wait_for_lines(path, 4)
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    assert (first["peer"], first["port"], first["sum"]) == (host, port, 100)
    assert (first["dialect"], second["dialect"]) == ("comma", "semicolon")
    assert (third["transport"], third["dialect"], third["sum"]) == ("udp", "json", 59)
    assert (error["event"], error["code"]) == ("error", "malformed")
    assert len(read(path)) == 4


@pytest.mark.live
def test_the_stop_writes_what_the_drain_has_answered(tmp_path: Path) -> None:
    options = ("--journal", "journal", "--quiet-period", "0.2")
    with running_server(tmp_path, *options) as server:
        with connect(server.port) as peer:
            peer.sendall(b"Ann,41\nAnn,42")
            assert peer.recv(1024)
            ask(server.port, b"Bob,101\n")
            assert read_all(peer)
        assert server.wait() == 0
    entries = read(tmp_path / "journal")
    assert [entry.get("client_number") or entry["code"] for entry in entries] == [
        41,
        "stopping",
        42,
    ]


@pytest.mark.live
def test_a_journal_that_is_lost_does_not_stop_the_service(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    folder.mkdir()
    with running_server(tmp_path, "--journal", "missing/journal") as server:
        wait_for_lines(folder / "journal", 0)
        shutil.rmtree(folder)
        assert ask(server.port, b"Ann,42\n").startswith(b"Server of ")
        server.wait_for("Cannot write the journal missing/journal: No such file or directory")
        ask(server.port, b"Ann,101\n")
        assert server.wait() == 0
    assert "2 lines of the journal missing/journal are lost" in server.output
    assert "Traceback" not in server.output


@pytest.mark.live
def test_a_port_in_use_makes_no_journal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        options = ("--port", port, "--journal", "journal")
        assert run(BIN / "twistd", "-n", "sumserver", *options, cwd=tmp_path).returncode == 1
    assert list(tmp_path.iterdir()) == []


# The summary

COLUMNS = "client_name,address,same_address,dialect,transports,exchanges,errors,first,last"
ASCII = {**os.environ, "PYTHONIOENCODING": "ascii"}


def line(second: int, name: str | None, peer: str | None = "192.0.2.1", **more: object) -> bytes:
    """A line of a journal: an exchange, or an error if there is no `name`."""
    entry = {"time": f"2027-01-15T08:00:{second:02}.250000Z", "event": "error", "peer": peer}
    if name is not None:
        entry.update(event="exchange", client_name=name)
    return json.dumps({**entry, **more}).encode() + b"\n"


def summarise(*lines: bytes) -> Summary:
    summary = Summary()
    summary.read(lines)
    return summary


def rows(summary: Summary) -> list[tuple[str, int, int, str, str]]:
    return [
        (name, tally.exchanges, tally.errors, tally.first[17:19], tally.last[17:19])
        for name, tally in summary.rows()
    ]


def test_each_client() -> None:
    lines = [line(9, "Cem"), line(3, "ann"), line(1, "Bob"), line(7, "ann"), line(5, "ann")]
    summary = summarise(*lines)
    assert rows(summary) == [
        ("ann", 3, 0, "03", "07"),
        ("Bob", 1, 0, "01", "01"),
        ("Cem", 1, 0, "09", "09"),
    ]
    assert rows(summary) == rows(summarise(*reversed(lines)))


def test_whose_an_error_is() -> None:
    """The client's whose exchanges alone came from there, or nobody's."""
    summary = summarise(
        line(1, None, "::1"),
        line(2, "Ann", "::1"),
        line(3, "Ann", "192.0.2.7"),
        line(4, None, "192.0.2.7"),
        line(4, "Bob", "192.0.2.8"),
        line(4, "Cem", "192.0.2.8"),
        line(5, None, "192.0.2.8"),
        line(6, None, None),
    )
    assert rows(summary) == [
        ("Ann", 2, 2, "01", "04"),
        ("Bob", 1, 0, "04", "04"),
        ("Cem", 1, 0, "04", "04"),
        ("(errors from 192.0.2.8)", 0, 1, "05", "05"),
        ("(errors from a UNIX socket)", 0, 1, "06", "06"),
    ]
    assert rows(summary) == rows(summary)


def test_what_is_no_line_is_skipped() -> None:
    good = line(1, "Ann")
    broken = [
        b"\n",
        good[:-20],
        b"\xff\xfe\0" * 100,
        b"[" * 60_000,
        b"9" * 5000,
        b"null",
        b"[]",
        b"{}",
        b'{"event": "exchange"}',
        line(1, "Ann", time=7),
        line(1, "Ann", time="yesterday"),
        line(1, "Ann", client_name=["Ann"]),
        line(1, "Ann").replace(b'"192.0.2.1"', b"{}"),
        line(1, "Ann", event="party"),
        line(1, None, time=None),
        b'{"event": "lost", "lines": true}',
        b'{"event": "lost", "lines": -5}',
        b'{"event": "lost", "lines": 1e3}',
        b'{"event": "lost", "lines": ' + b"9" * 4300 + b"}",
        line(1, "x" * 256),
        line(1, "Ann", "x" * 256),
        line(1, None, "x" * 256),
    ]
    summary = summarise(*broken, good)
    assert summary.broken == len(broken)
    assert rows(summary) == [("Ann", 1, 0, "01", "01")]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**4300 - 1, 2**53, 2**53 + 1])
    | st.floats()
    | st.text(st.characters(exclude_categories=()))  # lone surrogates, too
    | st.text("=+-@\t\r\n\0\x1b\u202e\ud800", max_size=3)
    | st.text("x", min_size=250, max_size=260),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
TIMES = st.from_regex(r"\A[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{6}Z\Z")
ENTRIES = st.fixed_dictionaries(
    {"event": st.sampled_from(["exchange", "error", "lost"]) | JSON},
    optional={
        "time": TIMES | JSON,
        "peer": st.sampled_from(["::1", "192.0.2.1", None]) | JSON,
        "client_name": st.sampled_from(["Ann", "Bob"]) | JSON,
        "lines": JSON,
        "dialect": JSON,
        "transport": JSON,
    },
)


@example([b'{"event": "lost", "lines": ' + b"9" * 4300 + b"}"] * 2)
@given(st.lists((ENTRIES | JSON).map(lambda entry: json.dumps(entry).encode()) | st.binary()))
def test_any_lines(lines: list[bytes]) -> None:
    """Each is counted or broken, and what is shown is lines of what prints."""
    summary = summarise(*lines)
    rows = summary.rows()
    counted = sum(tally.exchanges + tally.errors for _, tally in rows)
    assert counted + summary.broken <= len(lines)
    assert str(summary.lost).isdigit()
    table = as_table(rows)
    assert len(table.splitlines()) == 1 + len(rows)
    assert is_harmless(table)
    assert [cells[0].removeprefix("'") for cells in csv.reader(io.StringIO(as_csv(rows)))] == [
        "client_name",
        *(name for name, _ in rows),
    ]


def test_how_each_client_came() -> None:
    tcp, udp = {"dialect": "comma", "transport": "tcp"}, {"dialect": "json", "transport": "udp"}
    summary = summarise(
        line(1, "Ann", "192.0.2.7", **tcp),
        line(2, "Ann", "::1", **udp),
        line(3, None, "192.0.2.7", transport="unix"),
        line(4, "=Bob", None, dialect="+1", transport=["tcp"]),
        line(5, None, "192.0.2.8", transport="tcp"),
    )
    cells = list(csv.DictReader(io.StringIO(as_csv(summary.rows()), newline="")))
    assert [list(row.values())[:7] for row in cells] == [
        ["'=Bob", "", "", "'+1", "", "1", "0"],
        ["Ann", "192.0.2.7, ::1", "", "comma, json", "tcp, udp, unix", "2", "1"],
        ["(errors from 192.0.2.8)", "192.0.2.8", "", "", "tcp", "0", "1"],
    ]
    assert ",".join(cells[0]) == COLUMNS


def test_names_that_came_from_one_address() -> None:
    summary = summarise(
        *(line(1, name, "192.0.2.7") for name in ("Cem", "ann", "Bob")),
        line(2, "Bob", "::1"),
        line(2, "Zoe", "::1"),
        line(3, "Eve", "192.0.2.9"),
        *(line(4, name, None) for name in ("Tim", "Uwe")),  # a socket that all of a host have
    )
    others = {
        "ann": "Bob, Cem",
        "Bob": "ann, Cem, Zoe",
        "Cem": "ann, Bob",
        "Eve": "",
        "Tim": "",
        "Uwe": "",
        "Zoe": "Bob",
    }
    rows = summary.rows()
    cells = csv.DictReader(io.StringIO(as_csv(rows), newline=""))
    assert {row["client_name"]: row["same_address"] for row in cells} == others
    for (name, also), shown in zip(others.items(), as_table(rows).splitlines()[1:], strict=True):
        assert shown.startswith(f"{name} ")
        assert shown.endswith(f"Z  from there also: {also}" if also else "Z")


def test_a_class_behind_one_address() -> None:
    summary = summarise(*(line(1, f"n{number:04}", "192.0.2.7") for number in range(5000)))
    rows = summary.rows()
    assert rows[0][1].others == [f"n{number:04}" for number in range(1, 10)]
    assert as_table(rows).splitlines()[1].endswith("n0008, ...")


FORMULAS = ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+2", '=cmd|"/c calc"!A1']


@pytest.mark.parametrize("name", FORMULAS)
def test_no_name_is_a_formula(name: str) -> None:
    _, (cell, *_) = csv.reader(io.StringIO(as_csv(summarise(line(1, name)).rows()), newline=""))
    assert cell[0] in "'\\"
    assert cell[0] == "\\" or cell[1:] == name


def test_a_name_is_one_cell_for_every_separator() -> None:
    text = as_csv(summarise(line(1, 'a;=1,=2";=3')).rows())
    assert text.splitlines() == [
        ",".join(f'"{column}"' for column in COLUMNS.split(",")),
        '"a;=1,=2"";=3","192.0.2.1","","","",1,0,"2027-01-15T08:00:01Z","2027-01-15T08:00:01Z"',
    ]
    assert text.count("\r\n") == 2


def test_the_columns_of_the_table_are_aligned() -> None:
    widths = {"\\ud800": 6, "\\x1b[31mEve Smith": 17, "Ann": 3, "Zoe\u0308": 3, "山田": 4}
    names = ["Ann", "山田", "Zoe\u0308", "\x1b[31mEve Smith", "\ud800"]
    addresses = [("::\\ud800", 0), ("::\\x1b", 2), ("::A", 5), ("::Z", 5), ("::山", 4)]
    table = as_table(summarise(*(line(1, name, f"::{name[0]}") for name in names)).rows())
    assert table.splitlines() == [
        "client name        address   exchanges  errors  first                 last",
        *(
            f"{name}{' ' * (17 - width)}  {address}{' ' * padding}          1       0  "
            "2027-01-15T08:00:01Z  2027-01-15T08:00:01Z"
            for (name, width), (address, padding) in zip(widths.items(), addresses, strict=True)
        ),
    ]


# The program


def program(cwd: Path, *arguments: str, **kwargs: Any) -> CompletedProcess[str]:
    return run(sys.executable, "-m", "sumproto.journal", *arguments, cwd=cwd, **kwargs)


@pytest.mark.live
def test_the_program(tmp_path: Path) -> None:
    (tmp_path / "journal.1").write_bytes(line(1, "Ann") + line(2, None))
    (tmp_path / "journal").write_bytes(
        line(3, "Ann")
        + b'{"time": "20'
        + b"x" * 200_000
        + b"\n"
        + line(4, "Bob", "::1")
        + b'{"event": "lost", "lines": 7}\n'
    )
    done = program(tmp_path, "journal.1", "missing", "journal")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "client name  address    exchanges  errors  first                 last",
        "Ann          192.0.2.1          2       1  2027-01-15T08:00:01Z  2027-01-15T08:00:03Z",
        "Bob          ::1                1       0  2027-01-15T08:00:04Z  2027-01-15T08:00:04Z",
    ]
    assert done.stderr.splitlines() == [
        "python -m sumproto.journal: missing: No such file or directory",
        "python -m sumproto.journal: lines skipped that are none of a journal: 1",
        "python -m sumproto.journal: lines missing that the server could not write: 7",
    ]


@pytest.mark.live
def test_a_spreadsheet_knows_the_encoding(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(line(1, "Žofie"))
    as_utf_8 = {"env": ASCII, "encoding": "utf-8"}
    plain = program(tmp_path, "--csv", "--no-bom", "journal", **as_utf_8)
    marked = program(tmp_path, "--csv", "journal", **as_utf_8)
    assert marked.stdout == "\ufeff" + plain.stdout
    assert plain.stdout.splitlines()[1].startswith('"Žofie",')
    refused = program(tmp_path, "--no-bom", "journal")
    assert refused.returncode == 2
    assert refused.stderr.endswith(": --no-bom goes with --csv (try --help)\n")


@pytest.mark.live
@pytest.mark.parametrize("content", [b"", b"Client of Ann,42\n", bytes(100_000)])
def test_a_file_that_is_no_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    (tmp_path / "journal").write_bytes(line(1, "Ann"))
    done = program(tmp_path, "other", "journal")
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    assert first == "python -m sumproto.journal: other: there is no line of a journal in it"
    assert "Ann " in done.stdout


@pytest.mark.live
def test_the_program_where_it_cannot_print(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"".join(line(1, f"Žofie {number}") for number in range(5000)))
    with Path("/dev/full").open("w") as full:
        done = program(tmp_path, "journal", capture_output=False, stdout=full, stderr=-1)
    assert done.returncode == 1
    assert done.stderr == "python -m sumproto.journal: cannot print: No space left on device\n"
    command = f"{sys.executable} -m sumproto.journal journal | head -n 2 | cat -v"
    done = run("sh", "-c", command, cwd=tmp_path, env=ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].startswith("\\u017dofie 0  ")
