"""How long server and client take to start, beside the least that Twisted takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import monotonic

from .report import spread
from .servers import REFERENCE, SERVER_CORE, BenchmarkError, commands, running

SERVER, EMPTY = "server, until it listens", "twistd -n with an empty plugin"
CLIENT, IMPORT = "client, until it prints its sum", "an import of twisted.internet.reactor"

_PLUGIN = """
from twisted.application.service import Service
from twisted.plugin import IPlugin
from twisted.application.service import IServiceMaker
from twisted.python.usage import Options
from zope.interface import implementer


class Empty(Service):
    def startService(self):
        print("started", flush=True)


@implementer(IPlugin, IServiceMaker)
class Maker:
    tapname = "empty"
    description = "Does nothing."
    options = Options

    def makeService(self, options):
        return Empty()


maker = Maker()
"""


def seconds_until(line: bytes, command: Sequence[str], folder: Path) -> float:
    """How long a process takes from its start to an output with `line`. Raises `BenchmarkError`."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1"}
    start = monotonic()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        os.sched_setaffinity(process.pid, {SERVER_CORE})
        assert process.stdout is not None
        output = b""
        while line not in output:
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                raise BenchmarkError(f"{' '.join(command)} ended: {output.decode()[-200:]}")
            output += part
        took = monotonic() - start
        process.kill()
    return took


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """The seconds that each command takes, in each round; its files are in `folder`.

    Raises `BenchmarkError`.
    """
    plugins = folder / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "empty_plugin.py").write_text(_PLUGIN)
    python = sys.executable
    twistd = Path(python).parent / "twistd"
    imports = "import twisted.internet.reactor; print('imported')"
    with running(commands(folder)[0][REFERENCE]) as server:
        until = {
            EMPTY: ((str(twistd), "-n", "--pidfile=", "empty"), b"started"),
            SERVER: ((python, "-m", "sumproto.server", "--port", "0"), b"ready to receive on"),
            IMPORT: ((python, "-c", imports), b"imported"),
            CLIENT: ((python, "-m", "sumproto.client", "--port", str(server.port), "42"), b"Sum: "),
        }
        for command, line in until.values():  # the first time, Python and twistd fill their caches
            seconds_until(line, command, folder)
        measured: dict[str, list[float]] = {name: [] for name in until}
        for _ in range(rounds):
            for name, (command, line) in until.items():
                measured[name].append(seconds_until(line, command, folder))
    return measured


def table(measured: dict[str, list[float]]) -> str:
    """A row for server and client: its time, that of the least, and the median of the ratios."""
    lines = []
    for own, least in (SERVER, EMPTY), (CLIENT, IMPORT):
        ratios = [a / b for a, b in zip(measured[own], measured[least], strict=True)]
        lines.append(
            f"{own:33} {median(measured[own]) * 1000:4.0f} ms, {median(ratios):4.2f} times the "
            f"{median(measured[least]) * 1000:3.0f} ms of {least}; spread {spread(ratios):.0%}"
        )
    return "\n".join(lines)
