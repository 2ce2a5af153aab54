"""What the close of a connection costs a server while many are open: CPU time per connection.

    python -m benchmarks.closing

It should be the same however many there are. Linux only.
"""

from __future__ import annotations

import resource
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support import connect, running_server

from .servers import cpu_seconds

OPEN = (1000, 4000, 8000)
"""Connections that are open, and which all close at once."""

ROUNDS = 5


def measure(connections: int) -> float:
    """Microseconds of CPU for each of so many `connections`, when all that are open close."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), "--quiet") as server,
        ExitStack() as stack,
    ):
        peers = [stack.enter_context(connect(server.port)) for _ in range(connections)]
        for peer in peers:
            peer.sendall(b"Client of Ann,42\n")
            peer.recv(1024)
        before = cpu_seconds(server.pid)
        for peer in peers:
            peer.shutdown(socket.SHUT_WR)
        for peer in peers:
            peer.recv(1024)
        return (cpu_seconds(server.pid) - before) / connections * 1e6


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"µs of CPU per close, the median of {ROUNDS} turns")
    for connections in OPEN:
        cost = median(measure(connections) for _ in range(ROUNDS))
        print(f"{connections:5} open  {cost:5.0f}", flush=True)


if __name__ == "__main__":
    main()
