"""The options, and real twistd processes."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from support import (
    BIN,
    PATIENCE,
    Server,
    Transport,
    ask,
    client,
    connect,
    read_all,
    run,
    running,
    running_server,
    wait_for_end,
)
from twisted.internet.testing import MemoryReactorClock

from sumproto.server import ACCEPTED
from sumproto.service import Options, makeService

pytestmark = pytest.mark.live

# Options


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "70000"], "--port: 70000 is not in 0..65535"),
        (["--port", "http"], "--port: 'http' is not an integer"),
        (["--port", "-1"], "--port: -1 is not in 0..65535"),
        (["--host", "no such host"], "--host: 'no such host' is not an address"),
        (["--name", " "], "--name: there is no name"),
        (["--name", "\x1b[31m"], r"--name: the name '\x1b[31m' has characters"),
        (["--name", "{Bob"], "--name: a reply from '{Bob' would be misread"),
        (["--number", "101"], "--number: 101 is out of range"),
        (["--number", "4.2"], "--number: '4.2' is not an integer"),
        (["--reply", "{total}"], "--reply: a field is not one of {name} {number} {sum} "),
        (["--reply", "{"], "--reply: Single '{' encountered in format string"),
        (["--reply", "x" * 1025], "--reply: replies could be longer than 1024 bytes"),
        (["--reply", "ü" * 520], "--reply: replies could be longer than 1024 bytes"),
        (["--stop-on", "sunday"], "--stop-on: 'sunday' is none of out-of-range, invalid, never"),
        (["--stop-from", "10.0.0.1/8"], "--stop-from: 10.0.0.1/8 has host bits set"),
        (["--drain", "-1"], "--drain: '-1' is not a number of seconds"),
        (["--drain", "nan"], "--drain: 'nan' is not a number of seconds"),
        (["--idle-timeout", "soon"], "--idle-timeout: 'soon' is not a number of seconds"),
        (["--quiet-period", "inf"], "--quiet-period: 'inf' is not a number of seconds"),
        (["--max-connections", "0"], "--max-connections: 0 is not in 1.."),
        (["--max-connections", "999999999"], "--max-connections: 999999999 is more than "),
        (["--listen", "tcp:1", "--port", "2"], "--listen goes without --host and --port"),
        (["--listen", "tcp:1", "--host", "::1"], "--listen goes without --host and --port"),
        (["--journal", ""], "--journal: there is no name of a file"),
        (["--loud"], "option --loud not recognized"),
        (["12000"], "'12000' is not an option"),
    ],
)
def test_bad_options_get_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        Options().parseOptions(arguments)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"twistd sumserver: {complaint}")
    assert line.endswith(" (try --help)")


@pytest.mark.parametrize(
    ("endpoint", "complaint"),
    [
        ("carrier-pigeon:1", "carrier-pigeon:1: Unknown endpoint type"),
        ("tcp:x", "tcp:x: invalid literal"),
        ("tcp", "tcp: "),
    ],
)
@pytest.mark.parametrize("option", ["listen", "web"])
def test_bad_endpoints_get_one_line(
    option: str, endpoint: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Options()
    options.parseOptions([f"--{option}", endpoint])
    with pytest.raises(SystemExit) as caught:
        makeService(options, MemoryReactorClock())
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"twistd sumserver: --{option} {complaint}")


@pytest.fixture
def own_signals() -> Iterator[None]:
    """What a service does to the handlers of signals is undone."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ([], ("127.0.0.1", 12000, 1024)),
        (["--port", "0"], ("127.0.0.1", 0, 1024)),
        (["--host", "::1"], ("::1", 12000, 1024)),
        (["--host", "::ffff:127.0.0.1"], ("127.0.0.1", 12000, 1024)),
        (["--listen", "tcp:7"], ("", 7, 1024)),
        (["--listen", "tcp:7:backlog=9"], ("", 7, 9)),
    ],
)
@pytest.mark.usefixtures("own_signals")
def test_where_it_listens(
    arguments: list[str], where: tuple[str, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The port of this reactor lacks what every port has that can be listened on.
    monkeypatch.setattr("twisted.internet.testing._FakePort.doRead", None, raising=False)
    options = Options()
    options.parseOptions(arguments)
    reactor = MemoryReactorClock()
    makeService(options, reactor).privilegedStartService()
    (port, _, backlog, interface) = reactor.tcpServers[0]
    assert (interface, port, backlog) == where


@pytest.mark.usefixtures("own_signals")
def test_a_sleep_between_listening_and_serving_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come in pieces during it may come in pieces still."""
    monkeypatch.setattr("twisted.internet.testing._FakePort.doRead", None, raising=False)
    options = Options()
    options.parseOptions(["--quiet"])
    reactor = MemoryReactorClock()
    service = makeService(options, reactor)
    service.privilegedStartService()
    reactor.rightNow += 1
    service.startService()
    transport = Transport()
    factory: Any = reactor.tcpServers[0][1]
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(b"Ann,4")
    reactor.pump([0.1] * 10)
    assert transport.value() == b""
    protocol.dataReceived(b"2\n")
    assert transport.value().count(b"\n") == 1


def test_help(tmp_path: Path) -> None:
    shown = run(BIN / "twistd", "sumserver", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.count("\n  twistd ") == 4
    for option in ("host", "port", "listen", "stop-on", "drain", "quiet-period"):
        assert f"--{option}=" in shown.stdout


def test_a_bad_option_ends_twistd(tmp_path: Path) -> None:
    ended = run(BIN / "twistd", "sumserver", "--number", "101", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == "twistd sumserver: --number: 101 is out of range (try --help)\n"
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


# In the foreground


def test_an_exchange_and_its_trace(tmp_path: Path) -> None:
    with running_server(tmp_path, "--name", "Server of Bob", "--number", "58") as server:
        with connect(server.port) as peer:
            peer.sendall(b"Client of Ann,42\n")
            assert peer.recv(1024) == b"Server of Bob,58\n"
            address = peer.getsockname()
        trace = server.wait_for(r"Received connection from (.*)[^$]*?Response sent to client")
        assert trace[1] == repr(address)
        assert [line.strip() for line in trace[0].splitlines()[1:]] == [
            "Client name: Client of Ann",
            "Server name: Server of Bob",
            "Client's number: 42",
            "Server's number: 58",
            "Sum: 100",
            "Response sent to client",
        ]


def test_a_reply_of_the_courses_own(tmp_path: Path) -> None:
    reply = "{name}{separator}{number}{separator}{sum}"
    options = ("--name", "Bob", "--number", "58", "--reply", reply)
    with running_server(tmp_path, *options) as server:
        assert ask(server.port, b"Ann;42\n") == b"Bob;58;100\n"
        assert ask(server.port, b'{"n":"Ann","i":42}') == b'{"n":"Bob","i":58}'
        done = client(tmp_path, "--port", str(server.port), "42")
        assert "Server name: Bob\n" in done.stdout
        assert done.stdout.endswith("Server's number: 58\nSum: 100\n")


def test_quiet(tmp_path: Path) -> None:
    with running_server(tmp_path, "--quiet") as server:
        ask(server.port, b"Ann,42\n")
        assert ask(server.port, b"Ann,4.2\n").startswith(b"ERROR malformed")
        server.wait_for(r"Closed the connection from .*: malformed: '4.2' is not an integer")
        assert "Ann" not in server.output


def test_the_peer_of_a_naive_program(tmp_path: Path) -> None:
    """No newline, no half-close, one recv: what most programs of the exercise do."""
    with running_server(tmp_path, "--number", "58") as server, connect(server.port) as peer:
        peer.sendall(b"Client of X,42")
        assert peer.recv(1024).endswith(b",58")


def test_200_clients_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path, "--number", "58", "--quiet") as server:
        peers = [connect(server.port) for _ in range(200)]
        for number, peer in enumerate(peers):
            peer.sendall(b"Client %d,%d\n" % (number, number % 100 + 1))
        for peer in peers:
            assert peer.recv(1024).endswith(b",58\n")
            peer.close()


def test_http_gets_an_error_and_stops_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        request = f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
        assert ask(server.port, request, half_close=False).startswith(b"ERROR malformed: ")
        assert ask(server.port, b"Ann,42\n")


def test_the_most_connections(tmp_path: Path) -> None:
    with running_server(tmp_path, "--max-connections", "1") as server, connect(server.port):
        assert ask(server.port, b"").startswith(b"ERROR busy: ")


def test_several_endpoints(tmp_path: Path) -> None:
    path = tmp_path / "sum.sock"
    options = ("--listen", "tcp:0:interface=127.0.0.1", "--listen", f"unix:{path}")
    with running_server(tmp_path, *options, "--number", "58") as server:
        assert ask(server.port, b"Ann,42\n").endswith(b",58\n")
        server.wait_for(f"ready to receive on {path}")
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            peer.sendall(b"Ann,42")
            peer.shutdown(socket.SHUT_WR)
            assert read_all(peer).endswith(b",58")
        server.wait_for("Received connection from a UNIX socket")
        ask(server.port, b"Ann,101\n")
        server.wait()
        assert "ended: " not in server.output


def test_a_name_that_is_not_clear_in_every_dialect(tmp_path: Path) -> None:
    options = ("--name", "Server 3", "--number", "45")
    with running_server(tmp_path, *options) as server:
        server.wait_for("misread the name Server 3 in number-first, two-lines, record")
        for dialect in "comma", "json", "text-record":
            done = client(tmp_path, "--port", str(server.port), "--dialect", dialect, "42")
            assert "Server name: Server 3\n" in done.stdout
            assert done.stdout.endswith("Sum: 87\n")


# Stopping


@pytest.mark.parametrize("number", ["101", "0", "-5", "9" * 5000])
def test_out_of_range_stops_it(tmp_path: Path, number: str) -> None:
    with running_server(tmp_path) as server, connect(server.port) as idle:
        answer = ask(server.port, f"Ann,42\nAnn,{number}\n".encode())
        reply, error = answer.splitlines()
        assert reply.startswith(b"Server of ")
        assert error.startswith(f"ERROR stopping: {number[:40]}".encode())
        assert error.endswith(b" is out of range.")
        assert read_all(idle) == b""
        idle.close()
        assert server.wait() == 0
        assert server.output.count("Server is stopping: ") == 1
        assert "Traceback" not in server.output


def test_a_signal_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.process.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_when_what_is_in_is_answered(tmp_path: Path, number: int) -> None:
    with running_server(tmp_path, "--number", "58", "--quiet-period", "0.5") as server:
        with connect(server.port) as peer:
            peer.sendall(b"Ann,41\nAnn,42")
            assert peer.recv(1024).endswith(b",58\n")
            server.process.send_signal(number)
            assert read_all(peer).endswith(b",58")
            server.process.send_signal(number)
        assert server.wait() == 0
        assert server.output.count("Server is stopping: SIG") == 1
        assert "Traceback" not in server.output


@pytest.mark.parametrize("moment", range(3))
def test_a_signal_loses_no_request_that_has_come(tmp_path: Path, moment: int) -> None:
    """Not even that of a connection which is accepted as the server stops.

    Whether the kernel tells the reactor of the signal or of the connection first is up to it.
    """
    with running_server(tmp_path, "--number", "58") as server:
        ask(server.port, b"Ann,42\n")  # the reactor runs
        server.process.send_signal(signal.SIGSTOP)
        with connect(server.port) as peer:
            peer.sendall(b"Ann,42\n")
            server.process.terminate()
            server.process.send_signal(signal.SIGCONT)
            assert read_all(peer).endswith(b",58\n")
        assert server.wait() == 0


@pytest.mark.parametrize("by", ["signal", "request"])
def test_a_stop_loses_none_of_many_requests_that_have_come(tmp_path: Path, by: str) -> None:
    """More connections wait than the reactor accepts in a turn."""
    with running_server(tmp_path, "--number", "58") as server, ExitStack() as peers:
        first = peers.enter_context(connect(server.port))
        first.sendall(b"Ann,42\n")
        first.recv(1024)  # the reactor runs
        server.process.send_signal(signal.SIGSTOP)
        if by == "request":
            first.sendall(b"Ann,101\n")
        asking = [peers.enter_context(connect(server.port)) for _ in range(2 * ACCEPTED + 20)]
        for peer in asking:
            peer.sendall(b"Ann,42\n")
        if by == "signal":
            server.process.terminate()
        server.process.send_signal(signal.SIGCONT)
        for peer in asking:
            assert read_all(peer).endswith(b",58\n")
        first.shutdown(socket.SHUT_WR)
        assert server.wait() == 0


def test_a_client_that_stays_cannot_hold_the_stop(tmp_path: Path) -> None:
    with running_server(tmp_path, "--drain", "0.1") as server, connect(server.port) as peer:
        peer.sendall(b"Ann,42\n")
        assert peer.recv(1024)
        server.process.terminate()
        assert read_all(peer) == b""
        assert server.wait() == 0


def signal_until_the_end(process: subprocess.Popen[str], number: int) -> None:
    """Send it again and again: two at nearly the same time count as one."""
    deadline = monotonic() + PATIENCE
    while process.poll() is None and monotonic() < deadline:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.15)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_drain(tmp_path: Path, number: int) -> None:
    with running_server(tmp_path, "--drain", "1000") as server, connect(server.port) as peer:
        peer.sendall(b"Ann,42\n")
        assert peer.recv(1024)
        server.process.terminate()
        server.wait_for("Server is stopping: SIGTERM")
        signal_until_the_end(server.process, number)
        assert server.wait() == 0
        assert server.output.count(f"A second signal, {signal.Signals(number).name}, ends") == 1
        assert "Traceback" not in server.output


def test_a_signal_after_a_request_to_stop_is_no_second_one(tmp_path: Path) -> None:
    with running_server(tmp_path, "--drain", "1000") as server, connect(server.port) as peer:
        peer.sendall(b"Ann,42\n")
        assert peer.recv(1024)
        ask(server.port, b"Ann,101\n")
        server.wait_for("Server is stopping: 101")
        server.process.terminate()
        assert read_all(peer) == b""
        assert server.process.poll() is None  # it waits for the peer to close
        peer.close()
        assert server.wait() == 0


def test_a_closed_terminal_stops_it(tmp_path: Path) -> None:
    options = ("--journal", "sum.journal", "--number", "58")
    pidfile = tmp_path / "sum.pid"
    with running_server(tmp_path, *options, twistd=(f"--pidfile={pidfile}",)) as server:
        assert pidfile.exists()
        with connect(server.port) as peer:
            peer.sendall(b"Ann,42\n" * 100)
            answered = b""
            while answered.count(b"\n") < 100:
                answered += peer.recv(65536)
            server.process.send_signal(signal.SIGHUP)
            server.process.send_signal(signal.SIGHUP)
            assert read_all(peer) == b""
        assert server.wait() == 0
        assert not pidfile.exists()
        assert server.output.count("Server is stopping: SIGHUP") == 1
    assert (tmp_path / "sum.journal").read_text().count("\n") == 100


@pytest.mark.skipif(shutil.which("nohup") is None, reason="there is no nohup")
def test_nohup_is_respected(tmp_path: Path) -> None:
    with running_server(tmp_path, before=("nohup",)) as server:
        server.process.send_signal(signal.SIGHUP)
        assert ask(server.port, b"Ann,42\n")
        server.process.terminate()
        assert server.wait() == 0
        assert "stopping: SIGTERM" in server.output


def test_in_the_foreground_there_is_no_file_to_rotate(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        server.process.send_signal(signal.SIGUSR1)
        server.wait_for("SIGUSR1 is ignored: no log file to rotate")
        assert ask(server.port, b"Ann,42\n")


def test_the_other_runner_of_twisted(tmp_path: Path) -> None:
    """It makes its log in JSON, and starts services in its own way."""
    command = (sys.executable, "-m", "twisted", "sumserver", "--port", "0", "--drain", "1000")
    with running(*command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        server = Server(process, tmp_path)
        port = int(server.wait_for(r'"address": \["127.0.0.1", (\d+)')[1])
        with connect(port) as peer:
            peer.sendall(b"Ann,42\n")
            assert peer.recv(1024)
            process.send_signal(signal.SIGUSR1)
            process.send_signal(signal.SIGHUP)
            assert read_all(peer) == b""
            signal_until_the_end(process, signal.SIGINT)
        assert server.wait() == 0
        events = [json.loads(event) for event in server.output.split("\x1e") if event]
        assert {"Server is stopping: {why}", "Main loop terminated."} <= {
            event["log_format"] for event in events
        }


# A log that nobody reads


RUNNERS = {"twistd": (BIN / "twistd", "-n", "--pidfile="), "twisted": (BIN / "python", "-mtwisted")}


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_log_that_nobody_reads_holds_nothing(
    tmp_path: Path, unread: tuple[int, int], runner: str
) -> None:
    reading, writing = unread
    command = (*RUNNERS[runner], "sumserver", "--listen", "unix:sum.sock", "--number", "58")
    with running(*command, cwd=tmp_path, stdout=writing) as process:
        shown = b""
        while b"ready to receive" not in shown:
            shown += os.read(reading, 65536)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(str(tmp_path / "sum.sock"))
            for _ in range(2000):
                peer.sendall(b"Ann,42\n")
                assert peer.recv(1024).endswith(b",58\n")
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_what_a_late_reader_misses_is_counted(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        with connect(server.port) as peer:
            for _ in range(80):
                peer.sendall(b"Ann,42\n" * 100)
                replies = 0
                while replies < 100:
                    replies += peer.recv(65536).count(b"\n")
        lost = int(server.wait_for(r"(\d+) log lines are lost: nobody read them\n")[1])
        ask(server.port, b"Zoe,42\n")
        server.wait_for(r"Client name: Zoe[^$]*?Response sent to client\n")
        shown = server.output.count("Response sent to client\n")
        assert shown < 8001
        assert lost == 7 * (8001 - shown)


# As a daemon


Daemonize = Callable[..., tuple[int, int]]


@pytest.fixture
def daemonize() -> Iterator[Daemonize]:
    """Starts a daemon in a folder, and tells its port and process."""
    pids = []

    def start(cwd: Path, *options: str) -> tuple[int, int]:
        started = run(BIN / "twistd", "sumserver", *options, cwd=cwd)
        assert started.returncode == 0, started.stderr
        pids.append(int((cwd / "twistd.pid").read_text()))
        ready = re.findall(r"to receive on \('127.0.0.1', (\d+)", (cwd / "twistd.log").read_text())
        return int(ready[-1]), pids[-1]

    yield start
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ask_until(port: int, file: Path, text: str) -> None:
    """Exchange until `file` has `text`."""
    deadline = monotonic() + PATIENCE
    while not (file.exists() and text in file.read_text()):
        assert monotonic() < deadline
        assert ask(port, b"Ann,42\n")


def test_a_daemon_from_start_to_stop(tmp_path: Path, daemonize: Daemonize) -> None:
    port, pid = daemonize(tmp_path, "--port", "0", "--number", "58")
    done = client(tmp_path, "--port", str(port), "42")
    assert done.stdout.endswith("Sum: 100\n")
    done = client(tmp_path, "--port", str(port), "101")
    assert done.stdout.endswith("Server is stopping: 101 is out of range\n")
    assert done.returncode == 0
    wait_for_end(pid)
    assert not (tmp_path / "twistd.pid").exists()


def test_the_port_is_free_again_at_once(tmp_path: Path, daemonize: Daemonize) -> None:
    port, first = daemonize(tmp_path, "--port", "0")
    with connect(port) as peer:
        peer.sendall(b"Ann,101\n")
        assert read_all(peer)
    wait_for_end(first)
    assert daemonize(tmp_path, "--port", str(port))[0] == port


@pytest.fixture
def used_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_a_port_in_use(tmp_path: Path, used_port: str) -> None:
    ended = run(BIN / "twistd", "-n", "sumserver", "--port", used_port, cwd=tmp_path)
    assert ended.returncode == 1
    output = ended.stdout + ended.stderr
    assert output.count(f"127.0.0.1:{used_port}: Address already in use") == 1
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_daemonized(tmp_path: Path, used_port: str) -> None:
    reading, writing = os.pipe()
    command = (BIN / "twistd", "sumserver", "--port", used_port)
    ended = run(*command, cwd=tmp_path, pass_fds=(writing,))
    os.close(writing)
    assert ended.returncode == 1
    assert ended.stderr.count(f"127.0.0.1:{used_port}: Address already in use") == 1
    # The daemon that never was holds the pipe until it ends, which is a bit later.
    assert select.select([reading], [], [], PATIENCE)[0]
    os.close(reading)
    log = (tmp_path / "twistd.log").read_text()
    assert f"127.0.0.1:{used_port}: Address already in use" in log
    assert "Traceback" not in log
    assert not (tmp_path / "twistd.pid").exists()


def test_a_daemon_reopens_its_files(tmp_path: Path, daemonize: Daemonize) -> None:
    """As logrotate wants it."""
    port, pid = daemonize(tmp_path, "--port", "0", "--journal", "sum.journal")
    ask(port, b"Ann,42\n")
    for name in "twistd.log", "sum.journal":
        (tmp_path / name).rename(tmp_path / f"{name}-old")
    os.kill(pid, signal.SIGHUP)
    ask_until(port, tmp_path / "twistd.log", "reopened by SIGHUP")
    ask(port, b"Zoe,42\n")
    assert "Client name: Ann" in (tmp_path / "twistd.log-old").read_text()
    assert "Client name: Zoe" in (tmp_path / "twistd.log").read_text()
    os.kill(pid, signal.SIGTERM)
    wait_for_end(pid)
    journals = [(tmp_path / name).read_text() for name in ("sum.journal-old", "sum.journal")]
    assert ["Ann" in journals[0] + journals[1], "Zoe" in journals[1]] == [True, True]


def test_a_daemon_rotates_its_log(tmp_path: Path, daemonize: Daemonize) -> None:
    port, pid = daemonize(tmp_path, "--port", "0")
    os.kill(pid, signal.SIGUSR1)
    ask_until(port, tmp_path / "twistd.log.1", "ready to receive")
    ask_until(port, tmp_path / "twistd.log", "The log is rotated by SIGUSR1")


def test_a_daemon_ends_its_drain_at_a_second_signal(tmp_path: Path, daemonize: Daemonize) -> None:
    port, pid = daemonize(tmp_path, "--port", "0", "--drain", "1000")
    with connect(port) as peer:
        peer.sendall(b"Ann,42\n")
        assert peer.recv(1024)
        os.kill(pid, signal.SIGTERM)
        assert read_all(peer) == b""
        ended = os.pidfd_open(pid)
        deadline = monotonic() + PATIENCE
        while not select.select([ended], [], [], 0.15)[0]:
            assert monotonic() < deadline
            os.kill(pid, signal.SIGTERM)
        os.close(ended)
    assert not (tmp_path / "twistd.pid").exists()
    assert "A second signal, SIGTERM, ends the drain" in (tmp_path / "twistd.log").read_text()


def test_a_disk_with_no_room_for_the_log(tmp_path: Path) -> None:
    (tmp_path / "twistd.log").symlink_to("/dev/full")
    command = (BIN / "twistd", "-n", "--logfile=twistd.log", "sumserver", "--listen", "unix:s")
    with running(*command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        with socket.socket(socket.AF_UNIX) as peer:
            deadline = monotonic() + PATIENCE
            while peer.connect_ex(str(tmp_path / "s")):
                assert monotonic() < deadline
            for _ in range(100):
                peer.sendall(b"Ann,42\n")
                assert peer.recv(1024)
        process.terminate()
        assert process.communicate(timeout=PATIENCE)[1] == ""
        assert process.returncode == 0


def test_a_folder_of_the_log_that_is_removed(tmp_path: Path, daemonize: Daemonize) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (tmp_path / "twistd.log").symlink_to(folder / "sum.log")
    port, pid = daemonize(tmp_path, "--port", "0")
    shutil.rmtree(folder)
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGUSR1)
    assert ask(port, b"Ann,42\n")
    folder.mkdir()
    os.kill(pid, signal.SIGHUP)
    ask_until(port, folder / "sum.log", "reopened by SIGHUP")
    ask_until(port, folder / "sum.log", "Client name: Ann")


@pytest.mark.parametrize("mode", [(), ("-n",)])
def test_a_log_that_cannot_be_had(tmp_path: Path, mode: tuple[str, ...]) -> None:
    command = (str(BIN / "twistd"), *mode, "--logfile=no/such/folder", "sumserver", "--port", "0")
    ended = run(*command, cwd=tmp_path)
    assert ended.returncode == 1
    where = tmp_path / "no/such/folder"
    assert ended.stderr == f"twistd sumserver: --logfile {where}: No such file or directory\n"
