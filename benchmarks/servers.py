"""The servers that are measured, and how they run: each on the core of the servers."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from .compiler import HERE, CannotCompile, compiled

NAME = "Server of Bench"
"""The name in every reply."""

REFERENCE = "LineReceiver"
"""The server beside which all others are measured: the stock one of Twisted."""

MINIMAL = "uvloop"
"""The server whose cost is the goal for ours."""

WEB = "sumproto --quiet --web"
"""The server that needs a package."""

PATIENCE = 30.0
"""Seconds that a server may take to start."""

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[-1], CORES[0]

_OURS = (sys.executable, "-m", "sumproto.server", "--port", "0", "--udp", "--name", NAME)
_QUIET = (*_OURS, "--quiet")


Servers = dict[str, tuple[str, ...]]
"""The command of each server, by its name."""


class BenchmarkError(Exception):
    """A measurement is not possible; the text says why."""


class Running(NamedTuple):
    """A server that is ready: its process, and its port of TCP and UDP."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """The CPU time, user and system, that the process has had, with the threads that ended."""
        return cpu_seconds(self.pid)

    def resident(self) -> int:
        """The bytes of the process that are in memory."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """The CPU time, user and system, that process `pid` has had."""
    # This is clock_getcpuclockid() of C. /proc/PID/stat has the same in steps of 10 ms.
    return time.clock_gettime(~pid << 3 | 2)


def commands(folder: Path) -> tuple[Servers, dict[str, str]]:
    """The command of each server, and why others are left out; programs are made in `folder`."""
    minimal = {
        name: (sys.executable, str(HERE / "minimal.py"), kind, NAME)
        for name, kind in {
            MINIMAL: "uvloop",
            "asyncio": "asyncio",
            REFERENCE: "twisted",
            "ThreadingTCPServer": "threading",
        }.items()
    }
    ours = {
        "sumproto --quiet": _QUIET,
        WEB: (*_QUIET, "--web", "tcp:0:interface=127.0.0.1"),
        "sumproto --quiet --journal": (*_QUIET, "--journal", "sum.journal"),
        "sumproto": _OURS,
    }
    found = {}
    left_out = {}
    try:
        found["C epoll"] = (str(compiled("epoll.c", folder)), NAME)
    except CannotCompile as reason:
        left_out["C epoll"] = str(reason)
    if importlib.util.find_spec("uvloop") is None:
        del minimal[MINIMAL]
        left_out[MINIMAL] = "it is not installed: pip install '.[benchmarks]'"
    if importlib.util.find_spec("prometheus_client") is None:
        del ours[WEB]
        left_out[WEB] = "prometheus_client is not installed: pip install '.[benchmarks]'"
    return found | minimal | ours, left_out


def await_match(path: Path, pattern: str, process: subprocess.Popen[bytes]) -> re.Match[str]:
    """The first match in the file that the output of `process` goes to. Raises `BenchmarkError`."""
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, path.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > deadline:
            lines = path.read_text(errors="replace").split("\n")
            raise BenchmarkError(f"a server does not start: {' '.join(lines[-3:]).strip()}")
        time.sleep(0.01)
    return found


@contextmanager
def running(command: tuple[str, ...]) -> Iterator[Running]:
    """A server in a temporary directory, with its output in a file. Raises `BenchmarkError`."""
    with TemporaryDirectory(prefix="sumproto-bench-") as folder:
        output = Path(folder, "output")
        with (
            output.open("wb") as file,
            subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                os.sched_setaffinity(process.pid, {SERVER_CORE})
                ready = await_match(output, r"ready to receive on \('[^']*', (\d+)\)", process)
                yield Running(process.pid, int(ready[1]))
            finally:
                process.kill()
