"""The log never blocks the service, loses no more than it says, and stays within bounds."""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import PATIENCE
from twisted.internet.testing import MemoryReactor
from twisted.logger import Logger, jsonFileLogObserver

from sumproto import log, rotation
from sumproto.log import LogFile, Output, runner_output, stream_output


class Reactor(MemoryReactor):
    def callFromThread(self, do: Callable[..., object], *args: object) -> None:
        do(*args)


class Disk:
    """Takes `room` bytes, and then fails as it is told."""

    def __init__(self, room: int, error: int = errno.ENOSPC) -> None:
        self.room = room
        self.error = error
        self.written = b""

    def put(self, data: bytearray) -> int:
        taken = bytes(data[: self.room])
        if not taken:
            raise OSError(self.error, os.strerror(self.error))
        self.room -= len(taken)
        self.written += taken
        return len(taken)


def cannot_open(*args: object) -> int:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def output(disk: Disk, **kwargs: Any) -> tuple[Output, Reactor]:
    reactor = Reactor()
    return Output(reactor, -1, disk.put, **kwargs), reactor


def test_what_can_be_written_is_written_at_once() -> None:
    disk = Disk(1000)
    made, reactor = output(disk)
    Logger("there", observer=made.observer).info("Sum: {sum}\nDone", sum=100)
    assert re.fullmatch(rb"20\S+ \[there#info\] Sum: 100\n\tDone\n", disk.written)
    assert not reactor.getWriters()


def test_a_full_disk_cuts_no_line_and_the_loss_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "BUFFER", 20)
    disk = Disk(5)
    made, reactor = output(disk)
    for number in range(10):
        made.write(f"line {number}\n")
    assert disk.written == b"line "
    assert not reactor.getWriters()  # it would always say that there is room
    disk.room = 1000
    made.write("line 10\n")
    lines = disk.written.decode().splitlines()
    assert lines[:3] == ["line 0", "line 1", "line 2"]
    assert lines[3].endswith("[sumproto.log#warn] 7 log lines are lost: No space left on device")
    assert lines[4:] == ["line 10"]


def test_the_reactor_tells_when_the_reader_reads_again() -> None:
    disk = Disk(0, errno.EAGAIN)
    made, reactor = output(disk)
    made.write("one\n")
    made.write("two\n")
    assert reactor.getWriters() == [made]
    disk.room = 1000
    made.doWrite()
    assert disk.written == b"one\ntwo\n"
    assert reactor.getWriters() == []


def test_the_loss_is_told_in_the_format_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "BUFFER", 0)
    disk = Disk(0, errno.EAGAIN)
    made, _ = output(disk, make_observer=jsonFileLogObserver)
    made.write("{}\n")
    made.write("{}\n")
    disk.room = 10_000
    made.doWrite()
    event = json.loads(disk.written.splitlines()[1].lstrip(b"\x1e"))
    assert event["lines"] == 1
    assert event["why"] == "nobody read them"


# Streams


@pytest.mark.parametrize("reopened", [True, False])
def test_a_stream_that_nobody_reads_does_not_block(
    unread: tuple[int, int], reopened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not reopened:  # as with the terminal of another user, or elsewhere than on Linux
        monkeypatch.setattr(os, "open", cannot_open)
    reactor = Reactor()
    reading, writing = unread
    with open(writing, "w", encoding="ascii", closefd=False) as stream:
        made = stream_output(reactor, stream)
    expected = [f"line {number} {'x' * 100}" for number in range(2000)]
    for line in expected:
        made.write(line + "\n")
    assert reactor.getWriters() == [made]
    assert os.get_blocking(writing)  # whoever shares it sees no difference
    data = b""
    while data.count(b"\n") < len(expected):
        data += os.read(reading, 65536)
        made.doWrite()
    assert data.decode().splitlines() == expected
    made.write("Žofie\n")
    assert os.read(reading, 65536).splitlines() == [rb"\u017dofie"]


def test_the_end_waits_for_a_slow_reader_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PATIENCE", 0.05)
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader:
        made = stream_output(Reactor(), stream)
        for _ in range(2000):
            made.write("x" * 99 + "\n")
        made.close()  # nobody reads
        monkeypatch.setattr(log, "PATIENCE", PATIENCE)
        thread = threading.Thread(target=made.close)
        thread.start()
        for _ in range(2000):
            assert reader.readline() == "x" * 99 + "\n"
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        made = stream_output(Reactor(), stream)
        os.close(reading)
        for _ in range(3):
            made.write("line\n")
        made.close()


# Files


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log file of 100 bytes, of which three are kept."""
    monkeypatch.setattr(rotation, "MAX_SIZE", 100)
    monkeypatch.setattr(rotation, "FILES", 3)
    return tmp_path / "sum.log"


def write_lines(made: LogFile, first: int, last: int) -> None:
    """Write lines of ten bytes."""
    for number in range(first, last):
        made.write(f"line {number:4}\n")


def test_files_are_rotated_and_bounded(file: Path) -> None:
    made = LogFile(Reactor(), str(file))
    write_lines(made, 0, 95)
    files = [file, Path(f"{file}.1"), Path(f"{file}.2")]
    assert sorted(file.parent.iterdir()) == files
    assert "".join(each.read_text() for each in reversed(files)).splitlines() == [
        f"line {number:4}" for number in range(70, 95)
    ]


def test_a_file_goes_on_where_it_was_with_the_mode_that_it_had(file: Path) -> None:
    file.write_text("x" * 89 + "\n")
    file.chmod(0o640)
    made = LogFile(Reactor(), str(file))
    umask = os.umask(0o077)  # that of a daemon
    write_lines(made, 0, 2)
    os.umask(umask)
    assert file.read_text() == "line    1\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_rotated_does_not_grow(file: Path) -> None:
    made = LogFile(Reactor(), str(file))
    blocked = Path(f"{file}.1")
    blocked.mkdir()
    (blocked / "something").touch()
    Path(f"{file}.2").touch()  # a folder cannot replace a file
    write_lines(made, 0, 20)
    assert file.stat().st_size == 100
    (blocked / "something").unlink()
    blocked.rmdir()
    write_lines(made, 20, 21)  # nothing was lost: the buffer had room
    assert file.read_text().splitlines() == [f"line {number:4}" for number in range(20, 21)]


def test_a_new_file_that_cannot_be_had_costs_no_old_one(file: Path) -> None:
    made = LogFile(Reactor(), str(file))
    write_lines(made, 0, 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", cannot_open)
        write_lines(made, 30, 40)
    write_lines(made, 40, 41)
    kept = "".join(Path(f"{file}{end}").read_text() for end in (".2", ".1", ""))
    assert kept.splitlines() == [f"line {number:4}" for number in range(20, 41)]


def test_reopening(file: Path) -> None:
    made = LogFile(Reactor(), str(file))
    write_lines(made, 0, 1)
    moved = file.rename(file.with_name("moved"))
    write_lines(made, 1, 2)
    made.reopen()
    write_lines(made, 2, 3)
    assert moved.read_text() == "line    0\nline    1\n"
    assert file.read_text() == "line    2\n"


def test_devices_are_not_rotated(file: Path) -> None:
    file.symlink_to("/dev/null")
    made = LogFile(Reactor(), str(file))
    write_lines(made, 0, 30)
    made.rotate()
    assert list(file.parent.iterdir()) == [file]
    assert Path("/dev/null").is_char_device()


# Runners


def test_who_else_logs_is_left_alone() -> None:
    twistd = {"syslog": False, "logger": None, "logfile": None, "nodaemon": True}
    for other in {"syslog": True}, {"logger": print}, {"logfile": "-", "nodaemon": False}:
        assert runner_output(Reactor(), {**twistd, **other}) is None
    assert runner_output(Reactor(), None) is None
