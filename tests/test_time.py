"""What a stalled process and a set clock do to real programs: nothing."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from support import PATIENCE, Server, client, connect, fake_server, read_all, running_server
from twisted.internet.base import ReactorBase
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from sumproto.service import Options, makeService
from sumproto.twisted_gaps import run_on_monotonic_clock

pytestmark = pytest.mark.live

# Stalls


@contextmanager
def stalled(pid: int, seconds: float) -> Iterator[None]:
    """Our child `pid` sleeps for as long as this lasts, and for `seconds` at the least."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
    try:
        begun = monotonic()
        yield
        time.sleep(max(0, begun + seconds - monotonic()))
    finally:
        os.kill(pid, signal.SIGCONT)


def wait_until_read(sender: socket.socket) -> None:
    """Wait until the other end of `sender`, in this host, has read all that was sent to it."""
    host, port = sender.getpeername()
    address = "".join(f"{byte:02X}" for byte in reversed(socket.inet_aton(host))) + f":{port:04X}"
    ours = f":{sender.getsockname()[1]:04X}"
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if local == address and remote.endswith(ours) and int(queues.split(":")[1], 16) == 0:
                return
        time.sleep(0.001)
    raise AssertionError("it is not read")


def start_client(cwd: Path, *options: str) -> subprocess.Popen[str]:
    """A client that prints its sums, and what went wrong."""
    command = (sys.executable, "-m", "sumproto.client", "--quiet", *options)
    return subprocess.Popen(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


Way = tuple[tuple[str, ...], ssl.SSLContext | None]


@pytest.fixture(params=["tcp", "ssl"])
def way(request: pytest.FixtureRequest) -> Way:
    """How to reach a server: its options, and what encrypts."""
    if request.param == "tcp":
        return (), None
    certificate = request.getfixturevalue("certificate")
    context = ssl.create_default_context(cafile=str(certificate))
    return ("--listen", f"ssl:0:interface=127.0.0.1:privateKey={certificate}"), context


def connect_by(way: Way, port: int) -> tuple[socket.socket, Any]:
    """A socket, and what to send over it."""
    plain = connect(port)
    context = way[1]
    return plain, context.wrap_socket(
        plain.dup(), server_hostname="localhost"
    ) if context else plain


def test_a_stall_of_the_server_ends_no_message(tmp_path: Path, way: Way) -> None:
    options = ("--number", "58", "--quiet-period", "0.5", *way[0])
    with running_server(tmp_path, *options) as server:
        plain, peer = connect_by(way, server.port)
        with plain, peer:
            peer.sendall(b"Ann,4")
            wait_until_read(plain)
            with stalled(server.pid, 0.8):
                time.sleep(0.02)
                peer.sendall(b"2\n")
            assert peer.recv(1024).endswith(b",58\n")
            server.wait_for("Client's number: 42")


PIECES_GAP = 0.3
"""Seconds between the pieces of a message; longer than the quiet period."""


def send_in_pieces(peer: Any, stall: AbstractContextManager[None], *pieces: bytes) -> None:
    """Send `pieces`, all but the last of them during `stall`."""
    with stall:
        for piece in pieces[:-1]:
            peer.sendall(piece)
            time.sleep(PIECES_GAP)
    time.sleep(PIECES_GAP)
    peer.sendall(pieces[-1])


def test_pieces_that_came_during_a_stall_of_the_server(tmp_path: Path, way: Way) -> None:
    with running_server(tmp_path, "--number", "58", *way[0]) as server:
        plain, peer = connect_by(way, server.port)
        with plain, peer:
            stall = stalled(server.pid, 0)
            send_in_pieces(peer, stall, b"Cli", b"ent of Ann", b",4", b"2\n")
            assert peer.recv(1024).endswith(b",58\n")
            server.wait_for("Client's number: 42\n")


def test_pieces_that_came_during_a_stall_of_the_client(tmp_path: Path) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(1024)
        send_in_pieces(peer, stalled(process.pid, 0), b"Server of B", b"ob", b",5", b"8\n")
        read_all(peer)

    with fake_server(answer) as port:
        process = start_client(tmp_path, "--port", port, "42")
        shown, _ = process.communicate(timeout=PATIENCE)
    assert shown == "100\n"


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_request_of_a_stall_is_not_too_late(tmp_path: Path, way: Way, newline: bytes) -> None:
    options = ("--number", "58", "--idle-timeout", "1", *way[0])
    with running_server(tmp_path, *options) as server:
        plain, peer = connect_by(way, server.port)
        with plain, peer:
            peer.sendall(b"Ann,1\n")
            assert peer.recv(1024).endswith(b",58\n")
            with stalled(server.pid, 1.5):
                peer.sendall(b"Ann,42" + newline)
            assert peer.recv(1024).endswith(b",58" + newline)


def test_a_stall_of_the_client_ends_no_reply(tmp_path: Path) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(b"Bob,5")
        wait_until_read(peer)
        with stalled(process.pid, 0.35):
            time.sleep(0.02)
            peer.sendall(b"8\n")
        read_all(peer)

    with fake_server(answer) as port:
        process = start_client(tmp_path, "--port", port, "42")
        shown, _ = process.communicate(timeout=PATIENCE)
    assert shown == "100\n"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_reply_of_a_stall_is_not_too_late(tmp_path: Path, transport: str) -> None:
    def stall(peer: Any) -> None:
        with stalled(process.pid, 2.5):
            peer.send(b"Bob,58\n")

    udp = transport == "udp"
    with socket.socket(type=socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as listener:
        listener.settimeout(PATIENCE)
        listener.bind(("127.0.0.1", 0))
        if not udp:
            listener.listen()
        port = str(listener.getsockname()[1])
        options = ("--port", port, "--timeout", "2", *["--udp"] * udp)
        process = start_client(tmp_path, *options, "42")
        if udp:
            _, address = listener.recvfrom(1024)
            listener.connect(address)
            stall(listener)
        else:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1024)
                stall(peer)
        shown, _ = process.communicate(timeout=PATIENCE)
    assert shown == "100\n"


STALLING = """
import os, signal, sys
from twisted.protocols.tls import TLSMemoryBIOProtocol
from sumproto.client import __main__ as program, stream

MOMENTS = {
    "connecting": (program, "exchange_over"),
    "connected": (stream.SumClient, "connectionMade"),
    "handshake": (TLSMemoryBIOProtocol, "dataReceived"),
}
owner, name = MOMENTS[sys.argv.pop(1)]
original = getattr(owner, name)

def stall(*arguments):
    setattr(owner, name, original)
    if name == "dataReceived":
        os.kill(os.getpid(), signal.SIGSTOP)
        return original(*arguments)
    result = original(*arguments)
    os.kill(os.getpid(), signal.SIGSTOP)
    return result

setattr(owner, name, stall)
program.main()
"""
"""A client that stops itself once, at the moment that its first argument says."""


@pytest.mark.parametrize("moment", ["connecting", "connected", "handshake"])
def test_a_stall_of_the_client_is_not_the_servers(tmp_path: Path, moment: str, way: Way) -> None:
    if moment == "handshake" and not way[1]:
        pytest.skip("there is no handshake without TLS")
    with running_server(tmp_path, "--number", "58", *way[0]) as server:
        where = f"{'ssl' if way[1] else 'tcp'}:127.0.0.1:{server.port}"
        options = (moment, "--connect", where, "--timeout", "1", "--quiet", "42")
        with subprocess.Popen(
            [sys.executable, "-c", STALLING, *options],
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            time.sleep(1.5)
            process.send_signal(signal.SIGCONT)
            shown, _ = process.communicate(timeout=PATIENCE)
    assert shown == "100\n"


def test_a_stall_of_the_server_is_no_late_handshake(tmp_path: Path, way: Way) -> None:
    options = ("--number", "58", "--idle-timeout", "1", *way[0])
    with running_server(tmp_path, *options) as server, connect(server.port) as plain:
        below, later = connect_by(way, server.port)
        with below, later:
            later.sendall(b"Ann,1\n")
            assert later.recv(1024)  # so the first connection is accepted
        os.kill(server.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, server.pid, os.WSTOPPED)
        threading.Timer(1.5, os.kill, (server.pid, signal.SIGCONT)).start()
        context = way[1]
        peer = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        with peer:
            peer.sendall(b"Ann,42\n")
            assert peer.recv(1024).endswith(b",58\n")


# The wall clock

CLOCK = """
import os, time

def shifted(now=time.time, path=os.environ["CLOCK"]):
    with open(path) as file:
        return now() + float(file.read())

time.time = shifted
"""


class WallClock:
    """The wall clock of a server, which can be set."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clock"
        self.set(0)
        (folder / "sitecustomize.py").write_text(CLOCK)

    def set(self, shift: float) -> None:
        """Be `shift` seconds ahead of the true time."""
        new = self._path.with_suffix(".new")
        new.write_text(str(shift))
        new.replace(self._path)


@pytest.fixture
def wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WallClock:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CLOCK", str(tmp_path / "clock"))
    return WallClock(tmp_path)


def exchange(server: Server, request: bytes) -> bytes:
    with connect(server.port) as peer:
        peer.sendall(request)
        return peer.recv(1024)


HOUR = 3600


def test_a_clock_that_is_set_back(tmp_path: Path, wall_clock: WallClock) -> None:
    with running_server(tmp_path, "--journal", "journal", "--number", "58") as server:
        with connect(server.port) as peer:
            peer.sendall(b"Ann,42")
            wait_until_read(peer)
            wall_clock.set(-HOUR)
            assert peer.recv(1024).endswith(b",58")
        deadline = monotonic() + PATIENCE
        while b'"client_name": "Ann"' not in (tmp_path / "journal").read_bytes():
            assert monotonic() < deadline, "the journal is not written"
            time.sleep(0.01)
        server.process.kill()


def test_a_clock_that_is_set_forward(tmp_path: Path, wall_clock: WallClock) -> None:
    with running_server(tmp_path, "--number", "58") as server, connect(server.port) as idle:
        assert exchange(server, b"Ann,1\n").endswith(b",58\n")
        wall_clock.set(2 * HOUR)
        for _ in range(3):  # turns of the reactor, in which timers are called
            assert exchange(server, b"Ann,2").endswith(b",58")
        idle.sendall(b"Bob,42\n")
        assert idle.recv(1024).endswith(b",58\n")


def test_a_client_whose_clock_is_set(tmp_path: Path, wall_clock: WallClock) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(b"Bob,58")
        wait_until_read(peer)
        wall_clock.set(-HOUR)
        read_all(peer)

    with fake_server(answer) as port:
        assert client(tmp_path, "--port", port, "--quiet", "42").stdout == "100\n"


class Reactor(ReactorBase):
    """Twisted's timers."""

    def installWaker(self) -> None:
        """There is nothing to wake up."""


def test_what_waits_already_keeps_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic = Clock()
    monkeypatch.setattr(time, "monotonic", monotonic.seconds)
    reactor = Reactor()
    called: list[str] = []
    reactor.callLater(1, called.append, "cancelled").cancel()
    reactor.callLater(5, called.append, "first")
    reactor.runUntilCurrent()  # so they are in the heap
    reactor.callLater(7, called.append, "third")
    moved = reactor.callLater(8, called.append, "second")
    run_on_monotonic_clock(reactor)
    run_on_monotonic_clock(reactor)
    moved.reset(6)
    for count in (0, 1, 2):
        monotonic.advance(4.9 if count == 0 else 0.9)
        reactor.runUntilCurrent()
        assert len(called) == count
        monotonic.advance(0.1)
        reactor.runUntilCurrent()
    assert called == ["first", "second", "third"]


def test_a_reactor_that_is_given_keeps_its_clock() -> None:
    options = Options()
    options.parseOptions([])
    reactor = MemoryReactorClock()
    makeService(options, reactor)
    assert reactor.seconds() == 0
