"""Real programs and a real server: what docs/dialects.md shows, and what comes by mistake."""

from __future__ import annotations

import random
import re
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import EXAMPLES, SHOWN, Example, Server, ask, client, connect, run, running_server
from support.examples import unescape

from sumproto.core.dialects import DIALECTS, WITHOUT_NEWLINE
from sumproto.core.message import Message

pytestmark = pytest.mark.live


TEMPLATES = [
    (unescape(request), unescape(reply))
    for request, reply in re.findall(r"\| request \| `(.*?)` \|\n\| reply \| `(.*?)` \|\n", SHOWN)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--name", "Server of Bob", "--number", "58")
    with running_server(tmp_path_factory.mktemp("server"), *options) as server:
        yield server


def test_every_dialect_is_shown() -> None:
    assert [example.option for example in EXAMPLES] == list(DIALECTS)


def by_option(examples: list[Example]) -> list[object]:
    return [pytest.param(example, id=example.option) for example in examples]


@pytest.mark.parametrize("example", by_option(EXAMPLES))
def test_the_bytes_shown(server: Server, example: Example) -> None:
    assert ask(server.port, example.request) == example.reply
    assert DIALECTS[example.option]("\r\n").encode(Message("Client of Ann", 42)) == example.request


@pytest.mark.parametrize("example", by_option(EXAMPLES))
def test_one_byte_a_segment(server: Server, example: Example) -> None:
    """As ``writeBytes`` of Java sends it."""
    with connect(server.port) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in example.request * 2:
            peer.sendall(bytes([byte]))
        reply = b""
        while len(reply) < 2 * len(example.reply):
            reply += peer.recv(1024)
        assert reply == example.reply * 2


@pytest.mark.parametrize(("request_", "reply"), TEMPLATES)
def test_the_templates_shown(server: Server, request_: bytes, reply: bytes) -> None:
    assert ask(server.port, request_) == reply


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", SHOWN, re.S))
def test_the_programs_shown(server: Server, program: str, tmp_path: Path) -> None:
    assert len([line for line in program.splitlines() if line]) <= 5
    code = program.replace("12000", str(server.port))
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.stderr == ""
    assert "Server of Bob" in done.stdout
    assert "58" in done.stdout


def test_the_program_in_java(server: Server, tmp_path: Path) -> None:
    if not shutil.which("java"):
        pytest.skip("there is no java")
    source = tmp_path / "TwoStrings.java"
    (program,) = re.findall(r"```java\n(.*?)```", SHOWN, re.S)
    source.write_text(program.replace("12000", str(server.port)))
    done = run("java", source, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("Server of Bob 58\n", "")


def test_the_program_in_c(server: Server, tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("there is no cc")
    source = tmp_path / "struct.c"
    (program,) = re.findall(r"```c\n(.*?)```", SHOWN, re.S)
    source.write_text(program.replace("12000", str(server.port)))
    done = run("cc", "-Wall", "-Wextra", "-o", "struct", source, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert run(tmp_path / "struct", cwd=tmp_path).stdout == "Server of Bob 58\n"


@pytest.mark.parametrize("option", DIALECTS)
def test_our_client(server: Server, option: str, tmp_path: Path) -> None:
    arguments = ("--port", str(server.port), "--dialect", option, "--quiet")
    done = client(tmp_path, *arguments, "1", "42")
    assert (done.stdout, done.stderr) == ("59\n100\n", "")
    done = client(tmp_path, *arguments, "--unterminated", "42")
    if option in WITHOUT_NEWLINE:
        assert done.returncode == 2
        assert done.stderr.endswith(f"a {option} has no newline anyway (try --help)\n")
    else:
        assert (done.stdout, done.stderr) == ("100\n", "")


@pytest.mark.parametrize("arguments", [["--dialect=comma", "--unterminated"], ["--dialect=json"]])
def test_our_client_understands_errors(tmp_path: Path, arguments: list[str]) -> None:
    with running_server(tmp_path) as server:
        done = client(tmp_path, "--port", str(server.port), *arguments, "101")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("Server is stopping: 101 is out of range\n")


def hello() -> bytes:
    """The first bytes of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


NUMBER = b'{"name": "Ann", "number": 101}'
MISTAKES = {
    "get": b"GET / HTTP/1.1\r\nHost: localhost:12000\r\n\r\n",
    "get-101": b"GET /?Ann,101 HTTP/1.0\r\n\r\nAnn,101\r\n",
    "post": b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nAnn,101\r\n",
    "post-json": b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + NUMBER,
    "options": b"OPTIONS * HTTP/1.1\r\nOrigin: null\r\n\r\n101",
    "method-101": b"101 / HTTP/1.1\r\nHost: rebound.example:12000\r\n\r\n",
    "method-name-and-101": b"Ann|101 / HTTP/1.1\r\nHost: rebound.example:12000\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\4\0",
    "tls": hello(),
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\5\x9c\6\x14" + bytes(range(256)) * 5,
    "smtp": b"EHLO localhost\r\nMAIL FROM:<ann@localhost>\r\n",
    "redis": b"*1\r\n$4\r\nPING\r\n",
    "rdp": b"\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0",
} | {f"noise-{seed}": random.Random(seed).randbytes(3000) for seed in range(20)}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_meant_for_others_stops_nothing(server: Server, mistake: str) -> None:
    answer = ask(server.port, MISTAKES[mistake])
    assert re.match(rb'(ERROR |\{"error": ")(malformed|too-long)', answer)
    assert answer.count(b"\n") <= 1
    assert server.process.poll() is None
