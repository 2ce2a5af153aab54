"""The ten commands a newcomer types wrong, each with the exact line that comes back; and what is
typed first: what there is, which version it is, and a server in the foreground."""

from __future__ import annotations

import platform
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import BIN, Server, client, run, running

import twisted
from sumproto import __version__
from sumproto.__main__ import OVERVIEW

pytestmark = pytest.mark.live

PYTHON = Path(sys.executable)


def command(line: str) -> list[str | Path]:
    """The command `line`, with the programs of this environment."""
    program, *arguments = line.split()
    return [PYTHON if program == "python" else BIN / program, *arguments]


TEN = [
    ("sumclient 4.2", 2, "sumclient: argument NUMBER: '4.2' is not an integer (try --help)"),
    ("sumclient 42 --prot=1", 2, "sumclient: unrecognized arguments: --prot=1 (try --help)"),
    (
        "sumclient --connect localhost:12000 42",
        2,
        "sumclient: --connect localhost:12000: Unknown endpoint type: 'localhost' (try --help)",
    ),
    (
        "sumclient --port {closed} 42",
        1,
        "sumclient: nobody listens at 127.0.0.1:{closed}; start your server, or ours: "
        "twistd sumserver --port {closed}",
    ),
    (
        "sumclient --host 127.0.0.1:12000 42",
        2,
        "sumclient: argument --host: the port is an option of its own: "
        "--host 127.0.0.1 --port 12000 (try --help)",
    ),
    ("python -m sumproto server", 2, "sumproto: unrecognized arguments: server (try --help)"),
    ("twistd sumserver 12000", 2, "twistd sumserver: '12000' is not an option (try --help)"),
    (
        "sumserver --number 101",
        2,
        "twistd sumserver: --number: 101 is out of range (try --help)",
    ),
    (
        "python -m sumproto.server --web 8000",
        2,
        "twistd sumserver: --web 8000: Unknown endpoint type: '8000' (try --help)",
    ),
    (
        "python -m sumproto.journal",
        2,
        "python -m sumproto.journal: the following arguments are required: FILE (try --help)",
    ),
]


@pytest.fixture
def closed() -> Iterator[int]:
    """A port at which nobody listens, and which nobody else can take."""
    with socket.socket() as bound:
        bound.bind(("", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(("line", "status", "answer"), TEN, ids=[line for line, _, _ in TEN])
def test_what_is_typed_wrong(
    line: str, status: int, answer: str, closed: int, tmp_path: Path
) -> None:
    done = run(*command(line.format(closed=closed)), cwd=tmp_path)
    assert done.stderr == answer.format(closed=closed) + "\n"
    assert done.returncode == status
    assert list(tmp_path.iterdir()) == []


def test_there_are_ten() -> None:
    assert len(TEN) == 10


@pytest.mark.parametrize(
    ("options", "where", "how"),
    [
        ("--host 127.0.0.2 --port {}", "127.0.0.2:{}", "--host 127.0.0.2 --port {}"),
        ("--host localhost --port {}", "localhost:{}", "--port {}"),
        ("--connect tcp:127.0.0.1:{}", "tcp:127.0.0.1:{}", "--listen ENDPOINT"),
    ],
)
def test_how_a_server_is_started_where_none_listens(
    options: str, where: str, how: str, closed: int, tmp_path: Path
) -> None:
    done = client(tmp_path, *options.format(closed).split(), "42")
    assert done.returncode == 1
    assert done.stderr == (
        f"sumclient: nobody listens at {where.format(closed)}; "
        f"start your server, or ours: twistd sumserver {how.format(closed)}\n"
    )


@pytest.mark.parametrize("line", ["sumproto", "python -m sumproto"])
def test_what_there_is(line: str, tmp_path: Path) -> None:
    done = run(*command(line), cwd=tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", OVERVIEW + "\n")
    assert len(OVERVIEW.splitlines()) == 10


@pytest.mark.parametrize("line", re.findall(r"^  ((?:python -m|twistd) [\w.]+)", OVERVIEW, re.M))
def test_all_that_is_named_can_be_started(line: str, tmp_path: Path) -> None:
    done = run(*command(line), "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.lower().startswith("usage: ")


@pytest.mark.parametrize(
    "line",
    [
        "sumserver",
        "sumclient",
        "sumproto",
        "twistd sumserver",
        "python -m sumproto",
        "python -m sumproto.server",
        "python -m sumproto.client",
    ],
)
def test_the_version(line: str, tmp_path: Path) -> None:
    done = run(*command(line), "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"sumproto {__version__} "
        f"(Twisted {twisted.__version__}, Python {platform.python_version()})\n"
    )


# A server in the foreground


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, None], ids=str)
@pytest.mark.parametrize("line", ["sumserver", "python -m sumproto.server"])
def test_a_server_in_the_foreground(line: str, stop: signal.Signals | None, tmp_path: Path) -> None:
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with running(*command(line), "--port", "0", cwd=tmp_path, **output) as process:
        server = Server(process, tmp_path)
        port = str(server.port)
        assert client(tmp_path, "--port", port, "42").returncode == 0
        if stop:
            process.send_signal(stop)
        else:
            assert client(tmp_path, "--port", port, "101").returncode == 0
        assert server.wait() == 0
    assert f"Server is stopping: {stop.name if stop else '101 is out of range'}" in server.output
    assert list(tmp_path.iterdir()) == []  # neither a log nor a pidfile


WITHOUT_PLUGINS = """
import runpy, sys
import twisted.plugins
twisted.plugins.__path__.clear()
runpy.run_module("sumproto.server", run_name="__main__", alter_sys=True)
"""


def test_a_server_needs_no_plugin_on_disk(tmp_path: Path) -> None:
    done = run(PYTHON, "-c", WITHOUT_PLUGINS, "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sumproto ")


# Windows

ON_WINDOWS = """
import os, runpy, signal, sys
from twisted.scripts import twistd  # which finds another way there
for module in "fcntl", "resource", "termios":
    sys.modules[module] = None
del signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, os.O_NONBLOCK, os.O_NOCTTY, os.O_CLOEXEC
if sys.argv[1] == "twistd":
    sys.argv[0] = sys.argv.pop(1)
    twistd.run()
else:
    sys.argv[0] = sys.argv.pop(1)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["sumproto"],
        ["sumproto.client", "42"],
        ["sumproto.server"],
        ["sumproto.journal", "sum.journal"],
        ["sumproto.compare"],
        ["twistd", "sumserver"],
    ],
    ids=" ".join,
)
def test_windows_gets_one_line(arguments: list[str], tmp_path: Path) -> None:
    done = run(PYTHON, "-c", ON_WINDOWS, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "sumproto needs Linux or macOS; on Windows, use WSL: "
        "https://learn.microsoft.com/windows/wsl\n"
    )


@pytest.mark.parametrize("arguments", [["sumproto.wireshark"], ["twistd", "--help"]], ids=" ".join)
def test_windows_keeps_what_runs_there(arguments: list[str], tmp_path: Path) -> None:
    """The dissector of Wireshark, and a twistd that serves something else."""
    done = run(PYTHON, "-c", ON_WINDOWS, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sum" in done.stdout
