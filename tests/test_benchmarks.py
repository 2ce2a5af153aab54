"""The benchmarks run and check what they get. How fast anything is, is no test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import PROJECT, answer, fake_server, run

BENCHMARKS = (sys.executable, "-m", "benchmarks")
TINY = ("--quick", "--rounds", "1", "--seconds", "0.01", "--idle", "10")
NO_COMPILER = {**os.environ, "PATH": ""}

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks are for Linux"),
]
needs_compiler = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")


def benchmark(*options: str | Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return run(*BENCHMARKS, *options, cwd=PROJECT, **kwargs)


@pytest.mark.parametrize("language", [pytest.param("C", marks=needs_compiler), "Python"])
def test_exchanges(tmp_path: Path, language: str) -> None:
    files = ("--json", tmp_path / "samples.json", "--plot", tmp_path / "ratios.svg")
    only = ("--connections", "3,70", "--only", "asyncio,sumproto --quiet,ThreadingTCPServer")
    environment = dict(os.environ) if language == "C" else NO_COMPILER
    done = benchmark(*TINY, *only, *files, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"The load generator is in {language}" in done.stdout
    for start in "3 connections  ", "70 connections  ", "asyncio  ", "sumproto --quiet  ":
        assert f"\n{start}" in done.stdout
    samples = json.loads((tmp_path / "samples.json").read_text())["exchanges"]
    assert len(samples) == 2 * 4 * 3
    assert all(sample["microseconds"][0] > 0 for sample in samples)
    assert "sumproto --quiet" in (tmp_path / "ratios.svg").read_text()


def test_idle() -> None:
    done = benchmark("idle", *TINY, "--only", "asyncio,sumproto --quiet")
    assert done.returncode == 0, done.stderr
    assert "10 idle" in done.stdout
    assert "\nsumproto --quiet  " in done.stdout


def test_startup() -> None:
    done = benchmark("startup", *TINY)
    assert done.returncode == 0, done.stderr
    assert "\nserver, until it listens " in done.stdout
    assert "\nclient, until it prints its sum " in done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--only", "C epoll"), "error: no server 'C epoll': there is no C compiler\n"),
        (("--only", "nginx"), "error: no server 'nginx': there are "),
        (("--plot", "ratios.txt"), "error: --plot FILE must end in .pdf, .png or .svg\n"),
        (("idle", "--idle", "9999999999"), "error: 10000000499 open files are needed"),
    ],
)
def test_what_is_not_possible(options: tuple[str, ...], says: str) -> None:
    done = benchmark(*options, env=NO_COMPILER)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module", params=[pytest.param("C", marks=needs_compiler), "Python"])
def load(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of a load generator."""
    source = PROJECT / "benchmarks" / "load"
    if request.param == "Python":
        return [sys.executable, f"{source}.py"]
    program = tmp_path_factory.mktemp("load") / "load"
    subprocess.run(("cc", "-o", program, f"{source}.c"), check=True)
    return [str(program)]


@pytest.mark.parametrize(
    "reply",
    [
        b"Server of Bob,0\n",
        b"Server of Bob,101\n",
        b"Server of Bob,05\n",
        b"Server of Bob,5 \n",
        b"Server of Bob,\n",
        b"Server of Eve,5\n",
        b"Server of Bob;5\n",
        b"Server of Bob,5\nServer of Bob,5\n",
        b"Server of Bob,5",
        b"",
    ],
)
def test_a_wrong_reply_is_no_exchange(load: list[str], reply: bytes, tmp_path: Path) -> None:
    with fake_server(answer(reply)) as port:
        done = run(*load, "keep", port, "1", "1", "9", "Server of Bob", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("mode", ["connect", "keep", "udp"])
def test_a_server_that_is_gone(load: list[str], mode: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    done = run(*load, mode, port, "1", "1", "9", "Server of Bob", cwd=tmp_path)
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_and_numbers(load: list[str], tmp_path: Path) -> None:
    """A server that remembers whole lines gains nothing, so there are many."""
    requests: set[bytes] = set()

    def serve(peer: socket.socket) -> None:
        for _ in range(1000):
            batch = b""
            while batch.count(b"\n") < 64:
                batch += peer.recv(65536)
            requests.update(batch.splitlines())
            peer.sendall(b"Server of Bob,5\n" * 64)

    with fake_server(serve) as port:
        run(*load, "keep", port, "1", "64", "9", "Server of Bob", cwd=tmp_path)
    assert len(requests) == 64 * 1000
    assert len({request.partition(b",")[0] for request in requests}) >= 1000
    assert {int(request.partition(b",")[2]) for request in requests} == set(range(1, 101))
