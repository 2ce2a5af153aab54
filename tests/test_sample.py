"""docs/sample.pcapng, the program that writes it, and the page that reads it."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import PROJECT, Server, connect, run, running_server

pytestmark = pytest.mark.live

MAKE_SAMPLE = PROJECT / "docs" / "make_sample.py"
SAMPLE = PROJECT / "docs" / "sample.pcapng"
PAGE = (PROJECT / "docs" / "traffic-analysis.md").read_text()

COMMANDS = [
    (command, shown)
    for command, shown in re.findall(
        r"^```sh\n((?:(?!```).*\n)+)```\n\n```\n((?:(?!```).*\n)+)```$", PAGE, re.M
    )
    if "sample.pcapng" in command
]
"""What the page does with the sample, and what it says is then printed."""

CONVERSATIONS: list[Any] = [
    conversation
    for conversation in runpy.run_path(str(MAKE_SAMPLE))["CONVERSATIONS"]
    if conversation.transport == "tcp" and conversation.turns[0].sender == "client"
]
"""Those in which a client asks, over TCP."""


def test_the_sample_is_what_the_program_writes(tmp_path: Path) -> None:
    made = tmp_path / "made.pcapng"
    done = run(sys.executable, MAKE_SAMPLE, made, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert made.read_bytes() == SAMPLE.read_bytes(), "run: python docs/make_sample.py"


def talk(port: int, conversation: Any) -> tuple[list[bytes], list[bytes]]:
    """What the sample says that the server sends, and what the one at `port` does send."""
    said = [turn.data for turn in conversation.turns if turn.sender == "server"]
    heard = []
    with connect(port) as peer:
        for turn in conversation.turns:
            if turn.sender == "client":
                peer.sendall(turn.data)
            else:
                data = b""
                while len(data) < len(turn.data) and (more := peer.recv(4096)):
                    data += more
                heard.append(data)
    return said, heard


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--name", "Server of Bob", "--number", "58", "--stop-from", "192.0.2.0/24")
    with running_server(tmp_path_factory.mktemp("server"), *options) as server:
        yield server


@pytest.mark.parametrize("conversation", CONVERSATIONS[:-1], ids=lambda each: each.title)
def test_the_server_says_what_the_sample_shows(server: Server, conversation: Any) -> None:
    said, heard = talk(server.port, conversation)
    assert heard == said


def test_the_server_stops_as_the_sample_shows(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        said, heard = talk(server.port, CONVERSATIONS[-1])
        assert heard == said
        assert server.wait() == 0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of a user who has installed the dissector, as the page says, and nothing else."""
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8"}
    environment.pop("XDG_CONFIG_HOME", None)
    command = (sys.executable, "-m", "sumproto.wireshark", "--install")
    done = run(*command, cwd=home, env=environment)
    assert done.returncode == 0, done.stderr
    return environment


def lines(text: str) -> list[str]:
    """The lines of `text` without the blanks that end some."""
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("command", "shown"), COMMANDS)
def test_the_page_shows_what_is_printed(
    environment: dict[str, str], command: str, shown: str
) -> None:
    tool, *_ = command.split()
    if not shutil.which(tool):
        pytest.skip(f"there is no {tool}")
    (meant,) = re.findall(rf"{tool}\s+(\d\.\d+)", PAGE)
    if f" {meant}." not in run(tool, "--version", cwd=PROJECT).stdout:
        pytest.skip(f"the page shows what {tool} {meant} prints, and this is another")
    done = run("bash", "-c", command, cwd=PROJECT, env=environment)
    assert done.returncode == 0, done.stderr
    assert lines(done.stdout) == lines(shown)


@pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")
def test_nothing_in_the_sample_surprises_wireshark(environment: dict[str, str]) -> None:
    """Headers, checksums and sequence numbers are right: Wireshark warns of none."""
    checks = [part for name in ("ip", "tcp", "udp") for part in ("-o", f"{name}.check_checksum:1")]
    wrong = "(_ws.malformed || _ws.expert.severity >= warning) && !sumproto"
    done = run("tshark", "-2", "-r", SAMPLE, *checks, "-Y", wrong, cwd=PROJECT, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
