"""What untrusted peers try, against a real server: nothing is lost, and nobody gets in."""

from __future__ import annotations

import itertools
import os
import pwd
import random
import re
import resource
import select
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from support import (
    EVIL,
    NO_INTEGER,
    OUT_OF_RANGE,
    PATIENCE,
    Server,
    answer,
    ask,
    client,
    connect,
    fake_server,
    is_harmless,
    read_all,
    running_server,
    try_read,
)

from sumproto.server.factory import REFUSALS
from sumproto.service_options import SPARE_DESCRIPTORS

pytestmark = pytest.mark.live

LOCAL = ("--listen", "tcp:0:interface=127.0.0.1")

# Flow control


def peak(pid: int) -> int:
    """The most memory that process `pid` has had, in bytes."""
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def send_until_stuck(peer: socket.socket, data: memoryview) -> int:
    """How much of `data` is sent before nothing is taken for half a second."""
    peer.settimeout(0.5)
    sent = 0
    with suppress(TimeoutError):
        while sent < len(data):
            sent += peer.send(data[sent : sent + 16384])
    peer.settimeout(PATIENCE)
    return sent


def test_a_client_that_reads_late(tmp_path: Path) -> None:
    name = "Server " + "x" * 50
    separators = random.Random(0).choices([b",", b";", b":", b"|", b" "], k=500_000)
    requests = memoryview(b"".join(b"Client of Ann%s42\n" % one for one in separators))
    replies = b"".join(b"%s%s58\n" % (name.encode(), one) for one in separators)
    options = ("--quiet", "--name", name, "--number", "58")
    with running_server(tmp_path, *options) as server, connect(server.port) as peer:
        ask(server.port, b"Ann,42\n")
        before = peak(server.pid)
        sent = send_until_stuck(peer, requests)
        assert sent < len(requests)
        assert ask(server.port, b"Ann,42\n") == f"{name},58\n".encode()
        rest = threading.Thread(target=peer.sendall, args=[requests[sent:]])
        rest.start()
        received = bytearray()
        while len(received) < len(replies):
            received += peer.recv(1 << 20)
        rest.join()
        assert bytes(received) == replies
        assert peak(server.pid) - before < 8 << 20


# Slow and silent


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("impatient")
    with running_server(folder, "--idle-timeout", "0.5") as server:
        yield server


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"", rb"ERROR timeout: a message did not come within 0.5 s\. .*\.\r\n"),
        (b"Ann", rb"ERROR timeout: I have 'Ann'; .*\.\r\n"),
        (b"Ann\n", rb"ERROR timeout: I have 'Ann\\n'; .*\.\n"),
        (b"\0\x0dClient", rb"ERROR timeout: I have .*, and 6 bytes came\. .*\.\r\n"),
        (b'{"id": 7, "name": "Ann"', rb'{"error": "timeout", .*, "hint": ".*", "id": 7}'),
    ],
)
def test_silent_peers(impatient: Server, start: bytes, error: bytes) -> None:
    assert re.fullmatch(error, ask(impatient.port, start, half_close=False))


def test_a_byte_now_and_then(impatient: Server) -> None:
    with connect(impatient.port) as peer:
        while not select.select([peer], [], [], 0.05)[0]:
            peer.send(b"A")
        assert read_all(peer).startswith(b"ERROR timeout: ")


def test_an_error_takes_no_reply_with_it(tmp_path: Path) -> None:
    """A close with unread input would be a reset, and the kernel drop what it has not sent."""
    with running_server(tmp_path, *LOAD) as server, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(PATIENCE)
        peer.connect(("127.0.0.1", server.port))
        peer.sendall(b"Ann,42\n" * 3000 + b"Ann,4.2\n" + b"x" * 100_000)
        server.wait_for("Closed the connection")
        for _ in range(3):  # turns of the reactor
            ask(server.port, b"Ann,42\n")
        assert read_all(peer) == REPLY * 3000 + NO_INTEGER


# Too many


@pytest.mark.parametrize("kind", ["tcp", "ssl", "haproxy:tcp"])
def test_far_too_many_connections(tmp_path: Path, certificate: Path, kind: str) -> None:
    """A wrapper around the connection does not make more of them."""
    endpoint = f"{kind}:0:interface=127.0.0.1"
    if kind == "ssl":
        endpoint += f":privateKey={certificate}"
    options = ("--quiet", "--max-connections", "1", "--listen", endpoint)
    with running_server(tmp_path, *options) as server, ExitStack() as stack:
        before = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        peers = [stack.enter_context(connect(server.port)) for _ in range(150)]
        assert not try_read(peers[-1])[0]
        after = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        assert after - before <= 1 + REFUSALS + 5  # some are just being closed
    assert "Traceback" not in server.output


def test_more_connections_than_descriptors(tmp_path: Path) -> None:
    limit = 110
    room = limit - SPARE_DESCRIPTORS
    before = ("prlimit", f"--nofile={limit}")
    with running_server(tmp_path, "--quiet", before=before) as server, ExitStack() as stack:
        served = [stack.enter_context(connect(server.port)) for _ in range(room)]
        for peer in served:
            peer.sendall(b"Ann,42\n")
            assert peer.recv(1024).startswith(b"Server of ")
        excess = [stack.enter_context(connect(server.port)) for _ in range(200)]
        answers = [try_read(peer)[0] for peer in excess]
        assert sum(answer.startswith(b"ERROR busy: ") for answer in answers) >= REFUSALS
        assert {answer[:12] for answer in answers} <= {b"ERROR busy: ", b""}
        for peer in served:
            peer.sendall(b"Ann,43\n")
            assert peer.recv(1024).startswith(b"Server of ")
            peer.shutdown(socket.SHUT_WR)
            assert read_all(peer) == b""
        for peer in [*served, *excess]:
            peer.close()
        assert ask(server.port, b"Ann,42\n").startswith(b"Server of ")
        ask(server.port, b"Ann,101\n")
        server.wait()
        assert "EMFILE" not in server.output
        assert len(server.output.splitlines()) < 25


def test_running_out_of_descriptors(tmp_path: Path) -> None:
    with running_server(tmp_path, "--quiet") as server, ExitStack() as stack:
        served = [stack.enter_context(connect(server.port)) for _ in range(10)]
        for peer in served:
            peer.sendall(b"Ann,42\n")
            assert peer.recv(1024).startswith(b"Server of ")
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        used = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        for _ in range(200):
            with connect(server.port) as newcomer:
                assert try_read(newcomer)[0] == b""
        for peer in served:
            peer.sendall(b"Ann,43\n")
            assert peer.recv(1024).startswith(b"Server of ")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        assert ask(server.port, b"Ann,42\n").startswith(b"Server of ")
        ask(server.port, b"Ann,101\n")
        server.wait()
        assert "EMFILE" in server.output
        assert server.output.count("EMFILE") < 20  # not three for each
        assert re.search(r"EMFILE .*\(\d+ like this within a second\)", server.output)


# Stop under load


NAME = "S" * 200  # what is replied fills buffers sooner than what is asked
REPLY = f"{NAME},58\n".encode()
LOAD = ("--quiet", "--drain", "1", "--name", NAME, "--number", "58")


def stop_under_load(server: Server, peers: list[socket.socket], how: str) -> None:
    """Stop `server` while `peers` are pipelining: each loses nothing, or is told by a reset."""
    greedy, readers = peers[:4], peers[4:]
    for peer in readers:
        peer.sendall(b"Ann,1\n" * 40)
    for peer in readers:
        assert peer.recv(1)  # the server has read the rest with it, in one segment
    many = memoryview(b"Ann,2\n" * 2_000_000)
    sizes = [send_until_stuck(peer, many) for peer in greedy]
    assert all(size < len(many) for size in sizes)
    if how == "SIGTERM":
        server.process.terminate()
    else:
        readers.pop().sendall(b"Ann,101\n")
    for peer in readers:
        data, clean = try_read(peer)
        assert data == (REPLY * 40)[1:]
        assert clean
    late, never = greedy[:2], greedy[2:]
    for peer in late:
        data, clean = try_read(peer)
        assert data == REPLY * (len(data) // len(REPLY)) if clean else data.startswith(REPLY)
    assert server.wait() == 0
    assert "Traceback" not in server.output
    for peer in never:
        data, clean = try_read(peer)
        assert not clean


@pytest.mark.parametrize("how", ["101", "SIGTERM"])
def test_stop_under_load(tmp_path: Path, how: str) -> None:
    with running_server(tmp_path, *LOAD) as server, ExitStack() as stack:
        peers = [stack.enter_context(connect(server.port)) for _ in range(500)]
        stop_under_load(server, peers, how)


def test_stop_under_load_over_tls(tmp_path: Path, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={certificate}"
    with running_server(tmp_path, *LOAD, "--listen", endpoint) as server, ExitStack() as stack:
        peers: list[socket.socket] = []
        for _ in range(100):
            plain = stack.enter_context(connect(server.port))
            tls = context.wrap_socket(plain, suppress_ragged_eofs=False)
            peers.append(stack.enter_context(tls))
        stop_under_load(server, peers, "101")


# Who may stop it


def test_behind_a_proxy(tmp_path: Path) -> None:
    """The address in the PROXY header counts; and half-close gets its reply."""
    options = ("--listen", "haproxy:tcp:0:interface=127.0.0.1", "--number", "58")
    with running_server(tmp_path, *options) as server:
        far = b"PROXY TCP4 192.0.2.1 127.0.0.1 54321 12000\r\n"
        assert ask(server.port, far + b"Ann,42").endswith(b",58")
        assert ask(server.port, far + b"Ann,101\n") == OUT_OF_RANGE
        server.wait_for(r"Received connection from \('192.0.2.1', 54321\)")
        server.wait_for(r"\('192.0.2.1', 54321\) may not stop this server: 101 is out of range")
        mapped = b"PROXY TCP6 ::ffff:192.0.2.1 ::1 54321 12000\r\n"
        assert ask(server.port, mapped + b"Ann,101\n").startswith(b"ERROR out-of-range: ")
        assert ask(server.port, b"PROXY TCP6 :") == b""
        for header in b"PROXY TCP4 1.2.3.4 1.2.3.4 x 5\r\n", b"PROXY TCP4 \xff 1.2.3.4 1 5\r\n":
            with connect(server.port) as peer:
                peer.sendall(header + b"Ann,42\n")
                assert try_read(peer)[0] == b""
        server.wait_for("ended: not a PROXY header: ")
        near = b"PROXY TCP6 ::ffff:127.0.0.1 ::1 54321 12000\r\n"
        assert ask(server.port, near + b"Ann,101\n").startswith(b"ERROR stopping: ")
        assert server.wait() == 0
        assert "Traceback" not in server.output


def test_from_other_hosts(tmp_path: Path) -> None:
    """With both families on one socket, a peer of IPv4 has a mapped address."""
    with running_server(tmp_path, "--listen", "tcp6:0") as server:
        who = "a number out of range from 127.0.0.0/8, ::1/128 stops it"
        server.wait_for(r"\('::', \d+\) can be reached from other hosts, and " + who)
        with connect(server.port, "::1") as peer:
            peer.sendall(b"Ann,42\n")
            assert peer.recv(1024)
        assert ask(server.port, b"Ann,101\n").startswith(b"ERROR stopping: ")
        assert server.wait() == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0", "--stop-on", "never"), "no message stops it"),
        (
            ("--host", "0.0.0.0", "--stop-on", "invalid", "--stop-from", "10.0.0.0/8"),
            "an invalid message from 10.0.0.0/8 stops it",
        ),
    ],
)
def test_who_can_stop_it_is_logged(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    with running_server(tmp_path, "--port", "0", *options) as server:
        server.wait_for(f"can be reached from other hosts, and {said}")
        assert ask(server.port, b"Ann,101\n").startswith(b"ERROR out-of-range: ")


def test_by_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with running_server(tmp_path, *LOCAL, "--listen", f"unix:{path}:mode=600") as server:
        server.wait_for(f"ready to receive on {path}")
        assert "can be reached" not in server.output
        assert path.stat().st_mode & 0o777 == 0o600
        done = client(tmp_path, "--connect", f"unix:{path}", "101")
        assert done.stdout.endswith("Server is stopping: 101 is out of range\n")
        assert server.wait() == 0


# What is shown


def test_nothing_evil_reaches_the_log(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        for message in EVIL:
            assert b"error" in ask(server.port, message).lower()
        ask(server.port, b"Ann,101\n")
        server.wait()
        assert is_harmless(server.output)


@pytest.mark.parametrize("reply", [EVIL[0], EVIL[-1]])
def test_nothing_evil_reaches_the_terminal(tmp_path: Path, reply: bytes) -> None:
    with fake_server(answer(reply)) as port:
        done = client(tmp_path, "--port", port, "42")
    assert done.returncode == 1
    assert is_harmless(done.stdout + done.stderr)


# Privileges

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its privileges")


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """A folder in which nobody may write, below others that all may enter."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield Path(folder)


def privileged_port() -> int:
    """A free port that only root may listen on, 81 if it can be had."""
    for port in itertools.count(81):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError


@as_root
def test_as_nobody(folder_of_nobody: Path) -> None:
    port, path = privileged_port(), folder_of_nobody / "sock"
    listen = ("--listen", f"tcp:{port}:interface=127.0.0.1", "--listen", f"unix:{path}:mode=660")
    options = (*listen, "--journal", "journal")
    with running_server(folder_of_nobody, *options, twistd=("--uid", "nobody")) as server:
        server.wait_for("set uid/gid")
        assert path.stat().st_mode & 0o777 == 0o660
        assert ask(port, b"Ann,42\n").startswith(b"Server of ")
        uids = Path(f"/proc/{server.pid}/status").read_text().split("Uid:")[1].split()[:4]
        nobody = pwd.getpwnam("nobody")
        assert set(uids) == {str(nobody.pw_uid)}
        gids = Path(f"/proc/{server.pid}/status").read_text().split("Gid:")[1].split()[:4]
        assert set(gids) == {str(nobody.pw_gid)}
        done = client(folder_of_nobody, "--connect", f"unix:{path}", "101")
        assert done.returncode == 0
        assert server.wait() == 0
        assert "Traceback" not in server.output
        assert not path.exists()
        assert (folder_of_nobody / "journal").stat().st_uid == nobody.pw_uid  # so it can be rotated
