"""What writes the journal: an observer, and the file with its rotation."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from .. import unix  # noqa: F401 - files are opened in the way of Unix
from ..core import Done, MessageError, Observer, Peer, escape, label_of
from ..pipes import at_once
from ..rotation import MAX_SIZE, rotate

FLUSH = 0.5
"""Seconds that a line waits in the buffer: at most 1 s may be lost, and a turn may be late."""

BUFFER = 64 * 1024
"""Bytes in the buffer that are written at once, or that are kept while they cannot be."""

# A FIFO that nobody reads must not hold the server. The rest is what open("a") has.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK

_quote = json.JSONEncoder(ensure_ascii=False).encode


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class Journal(Observer):
    """Appends a line to the file at `path` for each exchange and each error.

    Lines wait in a buffer for at most `FLUSH` seconds of `clock`. `now` tells the time as
    `time.time` does. What cannot be written is tried again, and lost when there is too much of it;
    both are logged.

    The file is opened for each write, so that one that was moved away is made anew. Twisted's
    LogFile and logging's RotatingFileHandler do not tell of a write that is cut short, after which
    the next line would continue half a line.
    """

    _log = Logger()

    def __init__(
        self, path: Path, clock: IReactorTime, now: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._clock = clock
        self._now = now
        self._buffer = bytearray()  # whole lines
        self._timer: IDelayedCall | None = None
        self._why: str | None = None  # the last write failed
        self._lost = 0  # lines, since it failed

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        head, who = self._head("exchange"), _who(peer)
        for (request, reply), dialect in done:
            # json.dumps of it all would take as long as the exchange itself.
            self._add(
                f'{head}, {who}, "dialect": "{label_of(dialect)}", '
                f'"client_name": {_quote(request.name)}, "server_name": {_quote(reply.name)}, '
                f'"client_number": {request.number}, "server_number": {reply.number}, '
                f'"sum": {request.number + reply.number}, "seconds": {seconds:.6f}}}\n'
            )

    def refused(self, peer: Peer, error: MessageError) -> None:
        self._add(
            f'{self._head("error")}, {_who(peer)}, "code": "{error.code}", '
            f'"detail": {_quote(str(error))}}}\n'
        )

    def open(self) -> None:
        """Make the file if it is not there. Raises `OSError` if it cannot be written."""
        self._append()

    def flush(self) -> None:
        """Write what is in the buffer; log if that cannot be done, or can be done again."""
        self._cancel()
        try:
            self._append()
        except OSError as wrong:
            why = wrong.strerror or str(wrong)
            if why != self._why:
                self._why = why
                self._tell(self._log.error, "Cannot write the journal {path}: {why}", why=why)
            self._timer = self._clock.callLater(FLUSH, self.flush)
        else:
            if self._why:
                self._why = None
                text = "The journal {path} is written again; {lines} lines were lost"
                self._tell(self._log.info, text, lines=self._lost)
            if self._lost:
                self._add(f'{self._head("lost")}, "lines": {self._lost}}}\n')
                self._lost = 0
                self.flush()

    def close(self) -> None:
        """Write what is left; what cannot be written is lost. Nothing more may come."""
        self.flush()
        self._cancel()
        if lines := self._lost + self._buffer.count(b"\n"):
            text = "{lines} lines of the journal {path} are lost: {why}"
            self._tell(self._log.error, text, lines=lines, why=self._why)

    def _head(self, event: str) -> str:
        now = self._now()
        return f'{{"time": "{_second(int(now))}.{int(now % 1 * 1e6):06}Z", "event": "{event}"'

    def _add(self, line: str) -> None:
        if len(self._buffer) >= BUFFER:
            self._lost += 1
            return
        self._buffer += line.encode()
        if len(self._buffer) >= BUFFER and not self._why:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.callLater(FLUSH, self.flush)

    def _append(self) -> None:
        """Move the buffer to the file. Raises `OSError`; then the lines not written are left."""
        if self.path.is_file() and self.path.stat().st_size >= MAX_SIZE:
            rotate(self.path)
        file = os.open(self.path, _FLAGS, 0o600)
        written = 0
        try:
            status = os.fstat(file)
            is_pipe = stat.S_ISFIFO(status.st_mode)
            if status.st_size and self._ends_in_half_a_line():
                os.write(file, b"\n")
            while written < len(self._buffer):
                rest = at_once(self._buffer, written) if is_pipe else self._buffer[written:]
                written += os.write(file, rest)
        finally:
            # A line of which only the newline is missing is written: the next write begins with it.
            del self._buffer[: self._buffer.rfind(b"\n", 0, written + 1) + 1]
            os.close(file)

    def _ends_in_half_a_line(self) -> bool:
        """Whether a full disk or a crash has left the file so."""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read() != b"\n"

    def _cancel(self) -> None:
        if self._timer and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _tell(self, emit: Callable[..., object], text: str, **fields: object) -> None:
        emit(text, path=escape(str(self.path)), **fields)


def _who(peer: Peer) -> str:
    host = "null" if peer.host is None else _quote(peer.host)
    port = "null" if peer.port is None else peer.port
    return f'"peer": {host}, "port": {port}, "transport": "{peer.transport}"'
