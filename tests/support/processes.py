"""Real processes: servers, clients, and any other command."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from support.project import BIN, PATIENCE


@contextmanager
def running(*command: str | Path, **kwargs: Any) -> Iterator[subprocess.Popen[str]]:
    """A process whose output is text, killed at the end of the block if it goes on."""
    with subprocess.Popen(command, text=True, **kwargs) as process:
        try:
            yield process
        finally:
            process.kill()


class Server:
    """A ``twistd -n sumserver`` that is ready, and what it prints."""

    def __init__(self, process: subprocess.Popen[str], cwd: Path) -> None:
        self.process = process
        self.cwd = cwd
        self.output = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match of `pattern` in the output, which is awaited."""
        assert self.process.stdout is not None
        deadline = monotonic() + PATIENCE
        while not (found := re.search(pattern, self.output)):
            readable, _, _ = select.select([self.process.stdout], [], [], deadline - monotonic())
            chunk = os.read(self.process.stdout.fileno(), 65536).decode() if readable else ""
            assert chunk, f"no {pattern!r} in:\n{self.output}"
            self.output += chunk
        return found

    @property
    def port(self) -> int:
        return int(self.wait_for(r"Server is ready to receive on \('[^']*', (\d+)\)")[1])

    def wait(self) -> int:
        """The exit status, once all output is read."""
        rest, _ = self.process.communicate(timeout=PATIENCE)
        self.output += rest
        return self.process.returncode


@contextmanager
def running_server(
    cwd: Path, *options: str, twistd: tuple[str, ...] = (), before: tuple[str, ...] = ()
) -> Iterator[Server]:
    """A server in the foreground, on a free port unless `options` say where.

    `twistd` are options of twistd itself, `before` is a command that runs it.
    """
    if not {"--listen", "--port"} & set(options):
        options = ("--port", "0", *options)
    command = (*before, str(BIN / "twistd"), "-n", "--pidfile=", *twistd, "sumserver", *options)
    log = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with running(*command, cwd=cwd, **log) as process:
        server = Server(process, cwd)
        try:
            server.wait_for("Server is ready to receive")
            yield server
        finally:
            if process.poll() is None:
                process.terminate()
            server.wait()


def run(*command: str | Path, cwd: Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """A finished process, with its output as text."""
    kwargs = {"capture_output": True, "text": True, "timeout": PATIENCE, **kwargs}
    return subprocess.run(command, cwd=cwd, **kwargs)


def client(cwd: Path, *options: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """A finished ``python -m sumproto.client``."""
    return run(sys.executable, "-m", "sumproto.client", *options, cwd=cwd, **kwargs)


def wait_for_end(pid: int) -> None:
    """Wait until process `pid`, which need not be our child, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], PATIENCE)[0], f"process {pid} goes on"
    finally:
        os.close(descriptor)
