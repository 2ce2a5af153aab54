"""What several tests need: real processes, plain sockets, and a server on fakes."""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from sumproto.client.report import Report
from sumproto.core.exchange import Exchange, Rule, StopPolicy
from sumproto.core.message import MessageError
from sumproto.core.observer import Done, Observer, Peer
from sumproto.server.factory import SumFactory
from sumproto.server.responder import Responder
from sumproto.server.stream import SumProtocol

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

PATIENCE = 30.0
"""Seconds after which a test fails that waits for what should come at once."""


# --- processes

LEASH = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
"""A command before another, so that the process of that ends with the tests, however they end."""


@contextmanager
def running(*command: str | Path, **kwargs: Any) -> Iterator[subprocess.Popen[str]]:
    """A process whose output is text, killed at the end of the block if it goes on."""
    with subprocess.Popen([*LEASH, *command], text=True, **kwargs) as process:
        try:
            yield process
        finally:
            process.kill()


class Server:
    """A ``twistd -n sumserver`` that is ready, and what it prints."""

    def __init__(self, process: subprocess.Popen[str], cwd: Path) -> None:
        self.process = process
        self.cwd = cwd
        self.output = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match of `pattern` in the output, which is awaited."""
        assert self.process.stdout is not None
        deadline = monotonic() + PATIENCE
        while not (found := re.search(pattern, self.output)):
            readable, _, _ = select.select([self.process.stdout], [], [], deadline - monotonic())
            chunk = os.read(self.process.stdout.fileno(), 65536).decode() if readable else ""
            assert chunk, f"no {pattern!r} in:\n{self.output}"
            self.output += chunk
        return found

    @property
    def port(self) -> int:
        return int(self.wait_for(r"Server is ready to receive on \('[^']*', (\d+)\)")[1])

    def wait(self) -> int:
        """The exit status, once all output is read."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.output += rest
        return self.process.returncode


@contextmanager
def running_server(
    cwd: Path, *options: str, twistd: tuple[str, ...] = (), before: tuple[str, ...] = ()
) -> Iterator[Server]:
    """A server in the foreground, on a free port unless `options` say where.

    `twistd` are options of twistd itself, `before` is a command that runs it.
    """
    if not {"--listen", "--port"} & set(options):
        options = ("--port", "0", *options)
    command = (*before, str(BIN / "twistd"), "-n", "--pidfile=", *twistd, "sumserver", *options)
    log = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with running(*command, cwd=cwd, **log) as process:
        server = Server(process, cwd)
        try:
            server.wait_for("Server is ready to receive")
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
            server.wait()


def run(*command: str | Path, cwd: Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """A finished process, with its output as text."""
    kwargs = {"capture_output": True, "text": True, "timeout": PATIENCE, **kwargs}
    return subprocess.run([*LEASH, *command], cwd=cwd, **kwargs)


def client(cwd: Path, *options: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """A finished ``python -m sumproto.client``."""
    return run(sys.executable, "-m", "sumproto.client", *options, cwd=cwd, **kwargs)


def wait_for_end(pid: int) -> None:
    """Wait until process `pid`, which need not be our child, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], PATIENCE)[0], f"process {pid} goes on"
    finally:
        os.close(descriptor)


def copy_project(to: Path) -> Path:
    """A copy of the project as git would check it out, for commands that leave traces."""
    left_out = (PROJECT / ".gitignore").read_text().replace("/\n", "\n").split()
    shutil.copytree(PROJECT, to, ignore=shutil.ignore_patterns(".git", *left_out))
    return to


# --- plain sockets


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), PATIENCE)


def read_all(peer: socket.socket) -> bytes:
    """What `peer` sends until it closes."""
    data = b""
    while chunk := peer.recv(65536):
        data += chunk
    return data


def try_read(peer: socket.socket) -> tuple[bytes, bool]:
    """What `peer` sends, and whether it closes cleanly in the end."""
    data = b""
    try:
        while chunk := peer.recv(65536):
            data += chunk
    except OSError:  # a reset, or with TLS a close without a farewell
        return data, False
    return data, True


def ask(port: int, request: bytes, *, half_close: bool = True) -> bytes:
    """All that a server answers to `request` until it closes."""
    with connect(port) as peer:
        peer.sendall(request)
        if half_close:
            peer.shutdown(socket.SHUT_WR)
        return read_all(peer)


Handler = Callable[[socket.socket], object]


@contextmanager
def fake_server(handle: Handler) -> Iterator[str]:
    """A server for one connection, which `handle` gets; yields its port."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            handle(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=serve)
        thread.start()
        yield str(listener.getsockname()[1])
        thread.join(PATIENCE)


def answer(reply: bytes) -> Handler:
    def handle(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(reply)
        peer.shutdown(socket.SHUT_WR)
        read_all(peer)

    return handle


# --- what must not be shown

NAMES = ["\x1b[2J\x1b[31mAnn", "Ann\rBob", "A\u202ennA", "A\0nn", "A\x9bnn", "A\u2028nn", "A\x7fnn"]

EVIL = [
    *(f"{name},42\r\n".encode() for name in NAMES),
    *(f'{{"name": "{name}", "number": 42}}'.encode() for name in NAMES),
    *(b"\0\x10" + f"{name:16}".encode()[:16] + b"\0\0\0\x2a" for name in NAMES),
    *(f"ERROR busy: {name}.\r\n".encode() for name in NAMES),
    rb'{"error": "\u001b[31m", "detail": "\u202e"}',
    rb'{"name": "\u001b[31m", "number": 42}',
    b"Ann,42\x1b[31m\n",
    b"\xff\xfe\x1b,42\n",
]
"""Messages that would play tricks on a terminal or a log."""


def is_harmless(text: str) -> bool:
    """Whether `text` is lines of what prints."""
    return all(line.replace("\t", "").isprintable() for line in text.split("\n"))


# --- fakes


class Recorder(Observer):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.exchanges: list[Exchange] = []
        self.seconds: list[float] = []
        self.events: list[tuple[object, ...]] = []

    def connected(self, peer: Peer) -> None:
        self.events.append(("connected", peer))

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        self.peers.append(peer)
        self.exchanges.extend(exchange for exchange, _ in done)
        self.seconds.append(seconds)

    def refused(self, peer: Peer, error: MessageError) -> None:
        self.events.append(("refused", error.code, str(error)))

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        self.events.append(("stop denied", peer))

    def stopping(self, why: str) -> None:
        self.events.append(("stopping", why))

    def turned_away(self) -> None:
        self.events.append(("turned away",))

    def disconnected(self, peer: Peer, why: str | None) -> None:
        self.events.append(("disconnected", why))


class FakeReport(Report):
    """Remembers what a client shows."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def sent(self, again: bool = False) -> None:
        self.told.append("sent again" if again else "sent")

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        self.told.append(exchange.sum if tries is None else (exchange.sum, tries))

    def stopped(self, why: str) -> None:
        self.told.append(why)


class Transport(StringTransportWithDisconnection):
    """A transport with the half-close and the producer of a real one, on a `Clock`."""

    protocol: Any

    def __init__(self, host: Any = None, peer: Any = None) -> None:
        super().__init__(host, peer or IPv4Address("TCP", "127.0.0.1", 54321))
        self.half_closed = False
        self.aborted = False
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.noDelay = enabled

    def fileno(self) -> int:
        return -1  # there is no kernel that might have unread bytes

    def loseWriteConnection(self) -> None:
        self.half_closed = True
        self.protocol.writeConnectionLost()

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class FakeServer:
    """A `SumFactory` that says "Server of Bob" and 58, its clock, and what became of it."""

    def __init__(
        self,
        *,
        policy: StopPolicy | None = None,
        observers: Sequence[Observer] = (),
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.recorder = Recorder()
        self.stops = 0
        self.responder = Responder(
            Rule("Server of Bob", lambda: 58),
            policy or StopPolicy(),
            self.clock,
            self._stop,
            [self.recorder, *observers],
        )
        self.factory = SumFactory(self.responder, **options)

    def _stop(self) -> None:
        self.stops += 1

    def connect(
        self, peer: Any = None, transport: Transport | None = None
    ) -> tuple[SumProtocol, Transport]:
        protocol = self.factory.buildProtocol(None)
        assert isinstance(protocol, SumProtocol)
        transport = transport or Transport(peer=peer)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol, transport
