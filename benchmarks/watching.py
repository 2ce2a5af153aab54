"""What watching costs a server: CPU time per exchange, with each way to watch and with none.

    python benchmarks/watching.py

Twistd processes take turns, so that what else the machine does meets them all alike. Linux only.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support import connect, running_server

WATCHERS = {
    "none": (),
    "--web": ("--web", "tcp:0:interface=127.0.0.1"),
    "--journal": ("--journal", "sum.journal"),
}
"""Options, beside ``--quiet``, and what they are called."""

LOADS = {"one at a time": (1, 3000), "100 pipelined": (100, 100)}
"""How many requests each connection sends at once, and how often."""

CONNECTIONS = 20
ROUNDS = 7


def cpu_seconds(pid: int) -> float:
    """The CPU time, user and system, that process `pid` has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def exchange(port: int, at_once: int, times: int) -> int:
    """Exchange over `CONNECTIONS`, so often; returns how many exchanges that were."""
    peers = [connect(port) for _ in range(CONNECTIONS)]
    for _ in range(times):
        for peer in peers:
            peer.sendall(b"Client of Ann,42\r\n" * at_once)
        for peer in peers:
            replies = 0
            while replies < at_once:
                replies += peer.recv(65536).count(b"\n")
    for peer in peers:
        peer.close()
    return CONNECTIONS * at_once * times


def measure(options: tuple[str, ...]) -> list[float]:
    """Microseconds of CPU per exchange, for each of `LOADS`."""
    costs = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder), "--quiet", *options) as server,
    ):
        for at_once, times in LOADS.values():
            exchange(server.port, at_once, 5)
            before = cpu_seconds(server.pid)
            exchanges = exchange(server.port, at_once, times)
            costs.append((cpu_seconds(server.pid) - before) / exchanges * 1e6)
    return costs


def main() -> None:
    costs: dict[str, list[list[float]]] = {name: [] for name in WATCHERS}
    for _ in range(ROUNDS):
        for name, options in WATCHERS.items():
            costs[name].append(measure(options))
    print(f"µs of CPU per exchange, the median of {ROUNDS} turns, and its ratio to that of none")
    for index, load in enumerate(LOADS):
        none = median(cost[index] for cost in costs["none"])
        for name, turns in costs.items():
            cost = median(turn[index] for turn in turns)
            print(f"{load:14}  {name:10}  {cost:5.1f}  {cost / none:.2f}")


if __name__ == "__main__":
    main()
