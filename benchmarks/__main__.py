"""Measure what an exchange costs sumproto's server, beside servers that do the least.

    python -m benchmarks [exchanges] [--quick] [--only SERVER,…] [--json FILE] [--plot FILE]
    python -m benchmarks idle | startup

docs/performance.md says what is measured, and how. Linux only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import idle, startup
from .exchanges import WAYS, Cell, Samples, load_program, measure_round
from .report import LEGEND, machine, rows, tables
from .servers import (
    CORES,
    LOAD_CORE,
    MINIMAL,
    REFERENCE,
    SERVER_CORE,
    BenchmarkError,
    Servers,
    commands,
)

ROUNDS = 5
SECONDS = 0.3
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
    parser.add_argument(
        "part",
        nargs="?",
        default="exchanges",
        choices=("exchanges", "idle", "startup"),
        help="what to measure: CPU per exchange (the default), what idle connections cost, or how "
        "long server and client take to start",
    )
    parser.add_argument("--rounds", type=int, help=f"of which the median is shown ({ROUNDS})")
    parser.add_argument("--seconds", type=float, help=f"of load at a time ({SECONDS})")
    parser.add_argument("--connections", type=numbers, metavar="N,…", help="(64,1000)")
    parser.add_argument(
        "--idle", type=int, default=idle.IDLE, metavar="N", help="idle connections (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="under a minute, and less exact")
    parser.add_argument("--only", metavar="SERVER,…", help="these servers alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios into FILE")
    options = parser.parse_args(arguments)
    defaults = {"rounds": ROUNDS, "seconds": SECONDS, "connections": CONNECTIONS}
    for name, value in (QUICK if options.quick else defaults).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.rounds < 1 or options.seconds <= 0 or options.idle < 1:
        parser.error("--rounds, --seconds and --idle must be positive")
    if options.plot and options.part != "exchanges":
        parser.error("--plot draws exchanges alone")
    if options.plot and options.plot.suffix not in (".pdf", ".png", ".svg"):
        parser.error("--plot FILE must end in .pdf, .png or .svg")
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install '.[benchmarks]'")
    return options


def chosen(
    found: Servers, left_out: dict[str, str], only: str | None, default: Sequence[str]
) -> Servers:
    """The servers that `only` names; without it, those of `default` that can run here.

    Raises `BenchmarkError`.
    """
    if only is None:
        for name in left_out:
            if name in default:
                print(f"{name} is left out: {left_out[name]}")
        return {name: found[name] for name in default if name in found}
    for name in only.split(","):
        if name not in found:
            why = left_out.get(name, f"there are {', '.join(found)}")
            raise BenchmarkError(f"no server {name!r}: {why}")
    return {name: found[name] for name in only.split(",")}


def measure_exchanges(options: Namespace, folder: Path) -> Any:
    """Measure CPU per exchange, and show it; returns what was measured."""
    found, left_out = commands(folder)
    servers = chosen(found, left_out, options.only, (*left_out, *found))
    program, language = load_program(folder)
    print(f"The load generator is in {language}. Rounds: {options.rounds}.", flush=True)
    cells = [Cell(way, connections) for connections in options.connections for way in WAYS]
    measured: Samples = {cell: {name: [] for name in servers} for cell in cells}
    for _ in range(options.rounds):
        samples = measure_round(servers, found[REFERENCE], cells, program, options.seconds)
        for cell, of_cell in samples.items():
            for name, sample in of_cell.items():
                measured[cell][name].append(sample)
    print(f"\n{tables(measured)}\n\n{LEGEND}")
    if options.plot:
        from .plot import plot

        plot(measured, options.plot)
    return rows(measured)


def measure_idle(options: Namespace, folder: Path) -> Any:
    """Measure what idle connections cost, and show it; returns what was measured."""
    idle.raise_limit(options.idle)
    found, left_out = commands(folder)
    servers = chosen(found, left_out, options.only, (MINIMAL, REFERENCE, "sumproto --quiet"))
    program, _ = load_program(folder)
    measured: dict[str, list[idle.Cost]] = {name: [] for name in servers}
    for _ in range(options.rounds):
        for name, command in servers.items():
            measured[name].append(idle.measure(command, program, options.idle, options.seconds))
    print(f"\n{idle.table(measured, options.idle)}")
    return {name: [cost._asdict() for cost in costs] for name, costs in measured.items()}


def measure_startup(options: Namespace, folder: Path) -> Any:
    """Measure how long server and client take to start, and show it; returns what was measured."""
    measured = startup.measure(folder, options.rounds)
    print(f"\n{startup.table(measured)}")
    return measured


PARTS = {"exchanges": measure_exchanges, "idle": measure_idle, "startup": measure_startup}


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
            measured = PARTS[options.part](options, Path(folder))
        if options.json:
            content = {"machine": machine(), options.part: measured}
            options.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
