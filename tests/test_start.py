"""What a start says: a daemon of itself, and each server of what keeps it from starting."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from support import BIN, run, running_server, wait_for_end

from sumproto.processes import holder, own_addresses
from sumproto.server import server_endpoint

needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="there is no /proc")


def start(cwd: Path, *options: str, twistd: tuple[str, ...] = ()) -> CompletedProcess[str]:
    return run(BIN / "twistd", *twistd, "sumserver", *options, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder, whose daemons are killed in the end."""
    yield tmp_path
    for pidfile in tmp_path.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(pidfile.read_text()), signal.SIGKILL)


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def taken(port: int) -> str:
    comm = Path("/proc/self/comm").read_text().strip()
    return (
        f"twistd sumserver: 127.0.0.1:{port}: Address already in use "
        f"by process {os.getpid()} ({comm}); take another port\n"
    )


@pytest.mark.live
def test_a_daemon_says_how_to_use_it(folder: Path) -> None:
    started = start(folder, "--port", "0", "--udp")
    assert (started.returncode, started.stderr) == (0, "")
    pid = int((folder / "twistd.pid").read_text())
    (port,) = re.findall(r"listens at +127\.0\.0\.1 port (\d+) \(TCP and UDP\)\n", started.stdout)
    client = f"{shlex.quote(str(BIN / 'sumclient'))} --port {port}"
    assert started.stdout == (
        "The server is a daemon now:\n"
        f"  listens at   127.0.0.1 port {port} (TCP and UDP)\n"
        "  logs to      twistd.log\n"
        f"  try it       {client} 42\n"
        f"  stop it      {client} 101\n"
        "  stop it      kill $(cat twistd.pid)\n"
    )
    commands = re.findall(r"(?:try|stop) it +(.*)", started.stdout)
    assert run("sh", "-c", commands[0], cwd=folder).returncode == 0
    assert run("sh", "-c", commands[2], cwd=folder).returncode == 0
    wait_for_end(pid)


@pytest.mark.live
def test_a_daemon_that_no_client_can_stop(folder: Path) -> None:
    for options in (["--stop-on", "never"], ["--stop-from", "192.0.2.0/24"]):
        started = start(folder, "--port", "0", *options)
        pid = int((folder / "twistd.pid").read_text())
        assert re.findall("stop it +(.*)", started.stdout) == ["kill $(cat twistd.pid)"]
        os.kill(pid, signal.SIGTERM)
        wait_for_end(pid)


@pytest.mark.live
def test_a_terminal_that_takes_nothing_prevents_no_start(folder: Path) -> None:
    command = f"{shlex.quote(str(BIN / 'twistd'))} sumserver --port 0 >/dev/full 2>&1"
    assert run("sh", "-c", command, cwd=folder).returncode == 0
    assert (folder / "twistd.pid").exists()


@needs_proc
@pytest.mark.live
def test_a_daemon_whose_port_is_taken(folder: Path, used_port: int) -> None:
    ended = start(folder, "--port", str(used_port))
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", taken(used_port))


@needs_proc
@pytest.mark.live
def test_a_second_start(folder: Path) -> None:
    assert start(folder, "--port", "0").returncode == 0
    pid = int((folder / "twistd.pid").read_text())
    ended = start(folder)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(
        f"twistd sumserver: twistd.pid is that of process {pid} (twistd); end it with: kill {pid}; "
    )
    own_files = re.findall(r"twistd (--pidfile=.*?) sumserver", line)[0].split()
    second = start(folder, "--port", "0", twistd=tuple(own_files))
    assert second.returncode == 0
    assert "  logs to      second.log\n" in second.stdout
    assert "  stop it      kill $(cat second.pid)\n" in second.stdout


@needs_proc
@pytest.mark.live
def test_a_pidfile_that_names_another_process(tmp_path: Path) -> None:
    """That of a server which was killed, and whose number another process has now."""
    pidfile = tmp_path / "twistd.pid"
    pidfile.write_text(str(os.getpid()))
    ended = start(tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.endswith(
        "which does not run a server; if no server runs, remove it: rm twistd.pid\n"
    )
    pidfile.unlink()


@pytest.mark.live
@pytest.mark.parametrize("mode", [(), ("-n",)])
def test_a_journal_that_cannot_be_written(tmp_path: Path, mode: tuple[str, ...]) -> None:
    ended = start(tmp_path, "--port", "0", "--journal", "no/journal", twistd=mode)
    assert ended.returncode == 1
    why = "--journal no/journal: No such file or directory"
    if mode:
        assert ended.stdout.splitlines()[-1].endswith(why)
    else:
        assert ended.stderr == f"twistd sumserver: {why}\n"
    assert "Traceback" not in ended.stdout + ended.stderr
    assert not (tmp_path / "twistd.pid").exists()


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("systemd", "write systemd:domain=INET:index=0 "),
        ("systemd:name=sum", "write systemd:domain=INET:index=0 "),
        ("systemd:domain=INET", "write systemd:domain=INET:index=0 "),
        ("systemd:domain=INET:index=0", "systemd has passed no such socket: "),
        ("systemd:domain=INET:name=sum", "systemd has passed no such socket: "),
    ],
)
def test_a_socket_of_systemd_that_is_not_there(endpoint: str, why: str) -> None:
    from twisted.internet import reactor

    with pytest.raises(ValueError, match=re.escape(why)):
        server_endpoint(reactor, endpoint)


@needs_proc
def test_who_has_a_port(used_port: int) -> None:
    assert holder("tcp", "127.0.0.1", used_port) == os.getpid()
    assert holder("tcp", "", used_port) == os.getpid()
    assert holder("tcp", "127.0.0.2", used_port) is None
    assert holder("udp", "127.0.0.1", used_port) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as everywhere:
        everywhere.bind(("", 0))
        port = everywhere.getsockname()[1]
        assert holder("udp", "127.0.0.2", port) == os.getpid()


@needs_proc
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_addresses_of_this_host_are_its_own(family: socket.AddressFamily) -> None:
    for address in own_addresses(family):
        with socket.socket(family) as mine:
            mine.bind((address, 0))


@needs_proc
@pytest.mark.live
def test_in_the_foreground_the_log_says_it_all(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        assert "is a daemon now" not in server.output
