"""What an exchange costs a server: CPU time, for each way to exchange."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from .compiler import HERE, CannotCompile, compiled
from .servers import NAME, BenchmarkError, Running, Servers, running


class Way(NamedTuple):
    """A way to exchange: the load generator's mode, and how many requests it sends at once."""

    title: str
    mode: str
    depth: int


KEPT = Way("kept, one at a time", "keep", 1)
WAYS = (
    Way("connection each", "connect", 1),
    KEPT,
    Way("kept, 64 pipelined", "keep", 64),
    Way("UDP", "udp", 1),
)


class Cell(NamedTuple):
    """What is measured at a time: one way to exchange, over so many connections or UDP sockets."""

    way: Way
    connections: int


class Sample(NamedTuple):
    """The CPU of a server per exchange, in microseconds, and that of the reference beside it."""

    cost: float
    reference: float

    @property
    def ratio(self) -> float:
        return self.cost / self.reference


Samples = dict[Cell, dict[str, list[Sample]]]
"""What was measured: a sample per round, of each server in each cell."""


def load_program(folder: Path) -> tuple[tuple[str, ...], str]:
    """The command of the load generator, and in which language it is; made in `folder`."""
    try:
        return (str(compiled("load.c", folder)),), "C"
    except CannotCompile as reason:
        return (sys.executable, str(HERE / "load.py")), f"Python, since {reason}"


def microseconds(program: Sequence[str], cell: Cell, server: Running, seconds: float) -> float:
    """The CPU of `server` per exchange, under load for so many seconds. Raises `BenchmarkError`."""
    arguments = (cell.way.mode, server.port, cell.connections, cell.way.depth, seconds, NAME)
    command = (*program, *map(str, arguments))
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        assert load.stderr is not None
        if load.stdout.readline():  # it is ready
            before = settled(server)
            load.stdin.write("\n")
            load.stdin.flush()
        exchanges = load.stdout.readline()
        if not exchanges:
            raise BenchmarkError(load.stderr.read().strip())
        return (settled(server) - before) / int(exchanges) * 1e6


def settled(server: Running) -> float:
    """The CPU seconds of `server`, once it has done what is left to do, such as to close."""
    before = server.cpu_seconds()
    while True:
        time.sleep(0.01)
        after = server.cpu_seconds()
        if after - before < 0.001:
            return after
        before = after


def measure_round(
    servers: Servers,
    reference: tuple[str, ...],
    cells: Sequence[Cell],
    program: Sequence[str],
    seconds: float,
) -> dict[Cell, dict[str, Sample]]:
    """A sample of each server in each cell; all are started anew, and wait while one is measured.

    Before and after each, the reference is measured, so that what else the machine does meets
    both alike. Raises `BenchmarkError`, which names server and cell.
    """
    with ExitStack() as stack:
        beside = stack.enter_context(running(reference))
        started = {name: stack.enter_context(running(command)) for name, command in servers.items()}
        samples: dict[Cell, dict[str, Sample]] = {}
        for cell in cells:
            samples[cell] = {}
            before = microseconds(program, cell, beside, seconds)
            for name, server in started.items():
                try:
                    cost = microseconds(program, cell, server, seconds)
                    after = microseconds(program, cell, beside, seconds)
                except BenchmarkError as error:
                    raise BenchmarkError(f"{name}, {cell.way.title}: {error}") from None
                samples[cell][name] = Sample(cost, (before + after) / 2)
                before = after
    return samples
