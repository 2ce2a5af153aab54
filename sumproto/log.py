"""Where the log goes: a stream that never blocks the service, or files that stay within bounds."""

from __future__ import annotations

import atexit
import os
import select
import stat
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any

from twisted.internet.interfaces import IWriteDescriptor
from twisted.logger import ILogObserver, Logger, textFileLogObserver
from twisted.python.failure import Failure
from zope.interface import implementer

from . import rotation
from .pipes import at_once

BUFFER = 1024 * 1024
"""Bytes that wait for a reader: some 4,000 exchanges, so that a short pause of his loses none."""

PATIENCE = 1.0
"""Seconds that the end of the process waits for a reader of what is left."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Put = Callable[[bytearray], int]
"""Writes some of the bytes, and returns how many. Raises `OSError` at once if it can write none."""


@implementer(IWriteDescriptor)
class Output:
    """A text file, for observers of `twisted.logger`, whose `write` neither blocks nor raises.

    What cannot be written waits in a buffer. Events for which that has no room are lost, as is what
    comes until the buffer is empty. Then one event says how many lines that were. It is written by
    the `observer` of this file, which `make_observer` makes.

    `put` writes to `descriptor`. The `reactor` tells when it can be written again after `put` has
    raised `BlockingIOError`; after another error, the next event tries.
    """

    encoding = "utf-8"

    def __init__(
        self,
        reactor: Any,
        descriptor: int,
        put: Put,
        make_observer: Callable[[Any], ILogObserver] = textFileLogObserver,
    ) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._put = put
        self.observer = make_observer(self)
        self._log = Logger("sumproto.log", observer=self.observer)
        self._buffer = bytearray()
        self._waiting = False  # for the reactor to tell that there is room
        self._lost = 0  # lines
        self._why = ""  # they are
        self._lock = RLock()  # threads of Twisted's pool may log, too

    def write(self, text: str) -> None:
        """Write `text`, whole lines: now, or later, or not at all."""
        data = text.encode(self.encoding, "backslashreplace")
        with self._lock:
            self._flush()
            if self._lost or (self._buffer and len(self._buffer) + len(data) > BUFFER):
                self._lost += data.count(b"\n")
            else:
                self._buffer += data
                self._flush()

    def flush(self) -> None:
        """Do nothing: what can be written is."""

    def close(self) -> None:
        """Write what is left, for which a slow reader has `PATIENCE`. It is the end."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        deadline = monotonic() + PATIENCE
        with self._lock:
            left = len(self._buffer) + 1
            while len(self._buffer) < left and poll.poll(max(0.0, deadline - monotonic()) * 1000):
                left = len(self._buffer)
                self._waiting = False
                self._flush()

    def _flush(self) -> None:
        """Write what is in the buffer, or as much of it as can be written now."""
        if self._waiting:
            return
        try:
            while self._buffer:
                written = self._put(at_once(self._buffer))
                del self._buffer[:written]
        except BlockingIOError:
            self._why = "nobody read them"
            self._waiting = True
            self._reactor.callFromThread(self._reactor.addWriter, self)
        except OSError as wrong:
            self._why = wrong.strerror or str(wrong)
        else:
            if self._lost:
                lost, self._lost = self._lost, 0
                self._log.warn("{lines} log lines are lost: {why}", lines=lost, why=self._why)

    # Called by the reactor

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "log"

    def doWrite(self) -> None:
        with self._lock:
            self._resume()
            self._flush()

    def connectionLost(self, reason: Failure) -> None:
        """The reader is gone."""
        self._resume()

    def _resume(self) -> None:
        self._reactor.removeWriter(self)
        self._waiting = False


def stream_output(reactor: Any, stream: Any, **kwargs: Any) -> Output:
    """An `Output` to `stream`, stdout or stderr."""
    descriptor, put = _not_blocking(stream.fileno())
    output = Output(reactor, descriptor, put, **kwargs)
    output.encoding = stream.encoding
    return output


def _not_blocking(descriptor: int) -> tuple[int, Put]:
    """What to write to instead of `descriptor`, and how, so that no write blocks.

    O_NONBLOCK would be seen by all who share the descriptor, such as the shell and its next
    command. So a pipe or a terminal is opened again, for us alone.
    """
    mode = os.fstat(descriptor).st_mode
    never_blocks = not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor))
    if never_blocks or not os.get_blocking(descriptor):
        return descriptor, lambda data: os.write(descriptor, data)
    with suppress(OSError):
        own = os.open(f"/proc/self/fd/{descriptor}", _FLAGS)
        return own, lambda data: os.write(own, data)

    # A socket, or the terminal of another user, or not Linux: all have it for the time of a write.
    def put(data: bytearray) -> int:
        os.set_blocking(descriptor, False)
        try:
            return os.write(descriptor, data)
        finally:
            os.set_blocking(descriptor, True)

    return descriptor, put


class LogFile(Output):
    """The log file at `path`, rotated when it has `rotation.MAX_SIZE`. Raises `OSError`.

    `path` is relative to the folder that the process is in now. When the file has that size and
    cannot be rotated, it is written no more until it can be.
    """

    def __init__(self, reactor: Any, path: str, **kwargs: Any) -> None:
        self.path = Path(path).absolute()  # the process goes elsewhere
        self._ends_a_line = True
        super().__init__(reactor, -1, self._append, **kwargs)
        self._open()

    def reopen(self) -> None:
        """Go on in a new file if this one was moved away. Raises `OSError`."""
        with self._lock:
            self._open()

    def rotate(self) -> None:
        """Go on in a new file, and keep this one as ``.1``. Raises `OSError`."""
        with self._lock:
            if self._is_regular:
                mode = stat.S_IMODE(os.fstat(self._descriptor).st_mode)
                rotation.rotate(self.path)
                self._open()
                with suppress(OSError):  # the file may have been that of root
                    os.fchmod(self._descriptor, mode)  # whatever the umask of a daemon is

    def _append(self, data: bytearray) -> int:
        if self._size >= rotation.MAX_SIZE and self._ends_a_line:
            self.rotate()
        written = os.write(self._descriptor, data)
        if self._is_regular:
            self._size += written
            self._ends_a_line = data[written - 1] == ord("\n")
        return written

    def _open(self) -> None:
        opened = os.open(self.path, _FLAGS | os.O_CREAT, 0o666)
        status = os.fstat(opened)
        self._is_regular = stat.S_ISREG(status.st_mode)
        self._size = status.st_size if self._is_regular else 0
        if self._descriptor >= 0:
            self._reactor.removeWriter(self)
            os.close(self._descriptor)
        self._descriptor = opened
        self._waiting = False


def runner_output(reactor: Any, runner: MutableMapping[str, Any] | None) -> Output | None:
    """Where `runner`, the options of twistd or of ``python -m twisted``, wants the log.

    None if it is written by others, such as syslog. Raises `OSError` if a file cannot be had.
    """
    if runner is None:
        return None
    output: Output
    if "logFile" in runner:  # python -m twisted
        stream = runner["logFile"]
        how = {"make_observer": runner["fileLogObserverFactory"]}
        if stream in (sys.stdout, sys.stderr):
            output = stream_output(reactor, stream, **how)
        else:
            stream.close()
            output = LogFile(reactor, stream.name, **how)
        runner["logFile"] = output
    elif runner["syslog"] or runner["logger"]:
        return None
    elif runner["logfile"] == "-" or (runner["nodaemon"] and not runner["logfile"]):
        if not (runner["nodaemon"] and sys.stdout):
            return None
        output = stream_output(reactor, sys.stdout)
    else:
        output = LogFile(reactor, runner["logfile"] or "twistd.log")
    atexit.register(output.close)
    return output
