"""The clients in examples/, built and run by the commands of the README there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import PROJECT, fake_server, run, running_server

pytestmark = pytest.mark.live

EXAMPLES = PROJECT / "examples"
COMMANDS = {
    commands.split()[0]: commands.splitlines()
    for commands in re.findall(r"```sh\n(.*?)\n```", (EXAMPLES / "README.md").read_text(), re.S)
}
"""The commands of each example, by the tool it needs. The last one runs it with the number 42."""

UTF_8 = {**os.environ, "LC_ALL": "C.UTF-8"}

Example = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs an example with these arguments."""


def test_each_is_run() -> None:
    assert list(COMMANDS) == ["python3", "javac", "cc"]


@pytest.fixture(scope="module", params=COMMANDS)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Example:
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param}")
    folder = tmp_path_factory.mktemp("copy") / "examples"
    shutil.copytree(EXAMPLES, folder)
    *build, last = COMMANDS[request.param]
    for command in build:
        built = run(*shlex.split(command), cwd=folder)
        assert (built.returncode, built.stdout + built.stderr) == (0, "")  # no warnings
    *program, number = shlex.split(last)
    assert number == "42"

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(*program, *arguments, cwd=folder, env=UTF_8)

    return start


def why(done: subprocess.CompletedProcess[str]) -> str:
    """The one line in which a program that failed says why."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_an_exchange(example: Example, tmp_path: Path) -> None:
    with running_server(tmp_path, "--name", "Bob, Zoë", "--number", "58") as server:
        done = example("42", "Lee, Åsa", "127.0.0.1", str(server.port))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Client name: Lee, Åsa",
        "Server name: Bob, Zoë",
        "Client's number: 42",
        "Server's number: 58",
        "Sum: 100",
    ]
    assert done.returncode == 0
    assert "Lee, Åsa" in server.output


def test_a_number_out_of_range(example: Example, tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        done = example("101", "Ann", "localhost", str(server.port))
        assert server.wait() == 0
    assert "ERROR stopping: 101 is out of range." in why(done)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"Bob, 58\r\n", id="line"),
        pytest.param(b"Bob,58", id="unterminated"),
        pytest.param(b"Bob,58\nEve,1\n", id="two at once"),
    ],
)
def test_the_whole_reply_is_read(example: Example, reply: bytes) -> None:
    def in_parts(peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert peer.makefile("rb").readline() == b"Ann,42\n"
        line, newline, rest = reply.partition(b"\n")
        for byte in line:
            peer.sendall(bytes([byte]))
        peer.sendall(newline + rest)

    with fake_server(in_parts) as port:
        done = example("42", "Ann", "127.0.0.1", port)
    assert done.stderr == ""
    assert "Server name: Bob\n" in done.stdout
    assert "Sum: 100\n" in done.stdout


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        pytest.param(b"", "reply", id="none"),
        pytest.param(b"Hello Ann\n", "replied:? '?Hello Ann", id="no number"),
        pytest.param(b"Bob,58.5\n", "replied:? '?Bob,58.5", id="no integer"),
        pytest.param(b"Bob,%d\n" % 10**20, "replied:? '?Bob,100000", id="great number"),
        pytest.param(b"B" * 2000, "the reply is too long", id="long"),
    ],
)
def test_no_reply(example: Example, reply: bytes, shown: str) -> None:
    def answer(peer: socket.socket) -> None:
        assert peer.makefile("rb").readline() == b"Ann,42\n"
        peer.sendall(reply)

    with fake_server(answer) as port:
        assert re.search(shown, why(example("42", "Ann", "127.0.0.1", port)))


def test_nobody_listens(example: Example) -> None:
    with socket.socket() as bound:  # and so nobody else gets its port
        bound.bind(("127.0.0.1", 0))
        done = example("42", "Ann", "127.0.0.1", str(bound.getsockname()[1]))
    assert "refused" in why(done)


@pytest.mark.parametrize("arguments", [(), ("many",), ("4.5",), ("9" * 30, "Ann", "::1", "x")])
def test_usage(example: Example, arguments: tuple[str, ...]) -> None:
    done = example(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: ")
