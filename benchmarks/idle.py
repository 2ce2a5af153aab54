"""What idle connections cost a server: memory, and CPU of the active ones beside them."""

from __future__ import annotations

import resource
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from .exchanges import KEPT, Cell, microseconds
from .servers import NAME, BenchmarkError, Running, running

IDLE = 10_000
ACTIVE = Cell(KEPT, 64)
SPARE = 500
"""Descriptors that a process needs for other things than idle connections."""


class Cost(NamedTuple):
    """What idle connections cost in one round."""

    silent: float
    """KiB of the server's memory for a connection that has sent nothing."""

    used: float
    """KiB for one that has exchanged once."""

    slower: float
    """The CPU of an exchange beside them, as a multiple of that without them."""


def raise_limit(connections: int) -> None:
    """Let this process and its servers have so many connections open. Raises `BenchmarkError`."""
    needed = connections + SPARE
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        raise BenchmarkError(f"{needed} open files are needed, and the limit is {most}")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))


def exchange_once(peers: Sequence[socket.socket]) -> None:
    """An exchange over each of `peers`, one after the other. Raises `BenchmarkError`."""
    for index, peer in enumerate(peers):
        peer.sendall(f"Client of Ann{index},{index % 100 + 1}\n".encode())
        reply = peer.recv(1024)
        if not reply.startswith(NAME.encode()):
            raise BenchmarkError(f"a connection got {reply!r}")


def open_connections(server: Running, count: int, stack: ExitStack) -> list[socket.socket]:
    """So many connections to `server`, all of which it has accepted; `stack` closes them."""
    peers = [
        stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        for _ in range(count)
    ]
    exchange_once(peers[-1:])  # connections are accepted in order
    return peers


def measure(command: tuple[str, ...], program: Sequence[str], count: int, seconds: float) -> Cost:
    """What `count` idle connections cost a server that is started anew. Raises `BenchmarkError`."""
    with running(command) as server:
        before = microseconds(program, ACTIVE, server, seconds)
        with ExitStack() as stack:
            empty = server.resident()
            peers = open_connections(server, count, stack)
            silent = server.resident() - empty
            exchange_once(peers)
            used = server.resident() - empty
            beside = microseconds(program, ACTIVE, server, seconds)
        after = microseconds(program, ACTIVE, server, seconds)
    return Cost(silent / count / 1024, used / count / 1024, 2 * beside / (before + after))


def table(measured: dict[str, list[Cost]], count: int) -> str:
    """A row for each server, of the medians of its rounds."""
    width = max(map(len, measured))
    lines = [
        f"{'':{width}}  KiB per connection   CPU of {ACTIVE.connections} active",
        f"{f'{count:,} idle':{width}}  silent  used once   beside them",
    ]
    for name, costs in measured.items():
        silent, used, slower = (median(values) for values in zip(*costs, strict=True))
        lines.append(f"{name:{width}}  {silent:6.2f}  {used:9.2f}  {slower:11.2f}")
    return "\n".join(lines)
