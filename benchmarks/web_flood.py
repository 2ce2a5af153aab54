"""How long exchanges wait while others flood --web: with pipelined requests, or with streams.

    python benchmarks/web_flood.py

Each flooder sends 64 KiB of requests and never reads. Linux only.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support import Server, connect, running_server

HOST = b"Host: localhost\r\n\r\n"
FLOODS = {
    "GET /metrics": b"GET /metrics HTTP/1.1\r\n" + HOST,
    "GET /": b"GET / HTTP/1.1\r\n" + HOST,
    "GET /events": b"GET /events HTTP/1.1\r\n" + HOST,
}
"""What a flooder repeats."""

FLOODERS = (1, 10, 100)
"""Connections that flood at the same time."""

SECONDS = 3.0
"""How long the exchanges beside them go on."""


def rss(server: Server) -> float:
    """The resident memory of `server`, in MiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def longest_wait(port: int, during: Callable[[], object]) -> float:
    """The longest of the exchanges that follow `during`, one at a time, in milliseconds."""
    longest = 0.0
    with connect(port) as peer:
        peer.sendall(b"Client of Ann,42\n")
        peer.recv(1024)
        during()
        end = monotonic() + SECONDS
        while (start := monotonic()) < end:
            peer.sendall(b"Client of Ann,42\n")
            peer.recv(1024)
            longest = max(longest, monotonic() - start)
    return longest * 1000


def measure(request: bytes, flooders: int) -> tuple[float, float]:
    """The longest wait in milliseconds, and by how many MiB the server has grown."""
    options = ("--quiet", "--web", "tcp:0:interface=127.0.0.1")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), *options) as server,
        ExitStack() as stack,
    ):
        port = int(server.wait_for(r"Watch at http://127.0.0.1:(\d+)/")[1])
        with connect(server.port) as peer:  # something to show
            peer.sendall(b"Client of Ann,42\n" * 200)
            peer.recv(65536)
        before = rss(server)
        peers = [stack.enter_context(connect(port)) for _ in range(flooders)]
        flood = request * (64 * 1024 // len(request))

        def send() -> None:
            for peer in peers:
                peer.setblocking(False)
                with suppress(BlockingIOError):  # it is not read any more
                    peer.send(flood)

        return longest_wait(server.port, send), rss(server) - before


def main() -> None:
    print("requests      flooders  longest wait (ms)  growth (MiB)")
    for name, request in FLOODS.items():
        for flooders in FLOODERS:
            wait, growth = measure(request, flooders)
            print(f"{name:12}  {flooders:8}  {wait:17.1f}  {growth:12.1f}", flush=True)


if __name__ == "__main__":
    main()
