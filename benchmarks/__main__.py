"""Measure what an exchange costs sumproto's server, beside servers that do the least.

    python -m benchmarks [--quick] [--only SERVER,…] [--json FILE] [--plot FILE]

docs/performance.md says what is measured, and how. Linux only.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from .exchanges import WAYS, Cell, Samples, load_program, measure_round
from .report import LEGEND, machine, tables, write_json
from .servers import CORES, LOAD_CORE, REFERENCE, SERVER_CORE, BenchmarkError, commands

ROUNDS = 5
SECONDS = 0.5
CONNECTIONS = (64, 1000)
QUICK = {"rounds": 2, "seconds": 0.08, "connections": CONNECTIONS[:1]}


def numbers(text: str) -> tuple[int, ...]:
    """The positive integers of a list with commas. Raises `ValueError`."""
    found = tuple(int(part) for part in text.split(","))
    if min(found) < 1:
        raise ValueError
    return found


def parse(arguments: list[str] | None) -> Namespace:
    assert __doc__ is not None
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, help=f"of which the median is shown ({ROUNDS})")
    parser.add_argument("--seconds", type=float, help=f"of load at a time ({SECONDS})")
    parser.add_argument("--connections", type=numbers, metavar="N,…", help="(64,1000)")
    parser.add_argument("--quick", action="store_true", help="under a minute, and less exact")
    parser.add_argument("--only", metavar="SERVER,…", help="these servers alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios into FILE")
    options = parser.parse_args(arguments)
    defaults = {"rounds": ROUNDS, "seconds": SECONDS, "connections": CONNECTIONS}
    for name, value in (QUICK if options.quick else defaults).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return options


def chosen(
    found: dict[str, tuple[str, ...]], left_out: dict[str, str], only: str | None
) -> dict[str, tuple[str, ...]]:
    """The servers that `only` names, or all. Raises `BenchmarkError`."""
    if only is None:
        for name, reason in left_out.items():
            print(f"{name} is left out: {reason}")
        return found
    servers = {}
    for name in only.split(","):
        if name not in found:
            why = left_out.get(name, f"there are {', '.join(found)}")
            raise BenchmarkError(f"no server {name!r}: {why}")
        servers[name] = found[name]
    return servers


def exchanges(options: Namespace, folder: Path) -> None:
    """Measure CPU per exchange, and show and write it as the options say."""
    found, left_out = commands(folder)
    servers = chosen(found, left_out, options.only)
    program, language = load_program(folder)
    print(f"The load generator is in {language}. {options.rounds} rounds.", flush=True)
    cells = [Cell(way, connections) for connections in options.connections for way in WAYS]
    measured: Samples = {cell: {name: [] for name in servers} for cell in cells}
    for _ in range(options.rounds):
        samples = measure_round(servers, found[REFERENCE], cells, program, options.seconds)
        for cell, of_cell in samples.items():
            for name, sample in of_cell.items():
                measured[cell][name].append(sample)
    print(f"\n{tables(measured)}\n\n{LEGEND}")
    if options.json:
        write_json(options.json, measured)
    if options.plot:
        from .plot import plot

        plot(measured, options.plot)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    print(machine())
    if SERVER_CORE == LOAD_CORE:
        print("One core: server and load generator take turns on it.")
    else:
        print(f"Servers on core {SERVER_CORE}, load on core {LOAD_CORE} of {len(CORES)}.")
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with TemporaryDirectory(prefix="sumproto-bench-") as folder:
            exchanges(options, Path(folder))
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
