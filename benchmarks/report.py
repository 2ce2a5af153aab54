"""What was measured, as a table and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from .exchanges import Sample, Samples
from .servers import MINIMAL, REFERENCE


def machine() -> str:
    """The processor, how many cores of it there are, and the versions that matter."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores = os.cpu_count()
    return (
        f"{model}, {cores} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, Twisted {version('twisted')}"
    )


def ratios(samples: Sequence[Sample], goal: Sequence[Sample] | None) -> list[float]:
    """Of each round, the cost as a multiple of that of `goal`, or of the reference if None.

    What is compared was measured at different times, so each is first compared to the reference
    beside it.
    """
    if goal is None:
        return [sample.ratio for sample in samples]
    return [sample.ratio / other.ratio for sample, other in zip(samples, goal, strict=True)]


def spread(values: Sequence[float]) -> float:
    """How far the values are from their median at the most, as a share of it."""
    middle = median(values)
    return max(max(values) - middle, middle - min(values)) / middle


def tables(measured: Samples) -> str:
    """A table for each number of connections; a row is a server, a column a way to exchange."""
    blocks = []
    for connections in dict.fromkeys(cell.connections for cell in measured):
        cells = [cell for cell in measured if cell.connections == connections]
        names = list(measured[cells[0]])
        width = max(len(name) for name in names)
        title = f"{connections:,} connections"
        lines = [
            f"{title:{width}}" + "".join(f"  {cell.way.title:>25}" for cell in cells),
            " " * width + "       µs  /uvl /Line spread" * len(cells),
        ]
        for name in names:
            line = f"{name:{width}}"
            for cell in cells:
                own, goal = measured[cell][name], measured[cell].get(MINIMAL)
                to_goal = f"{median(ratios(own, goal)):5.2f}" if goal else "     "
                to_reference = ratios(own, None)
                line += (
                    f"  {median(one.cost for one in own):7.2f} {to_goal}"
                    f" {median(to_reference):5.2f} {spread(to_reference):6.0%}"
                )
            lines.append(line)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


LEGEND = f"""µs: CPU of the server per exchange, the median of the rounds.
/uvl: as a multiple of that of the minimal {MINIMAL} Protocol. /Line: of the stock {REFERENCE}.
spread: how far from the median this last ratio was in a round, at the most."""


def rows(measured: Samples) -> list[dict[str, Any]]:
    """An object for each server in each cell, with what each round measured."""
    return [
        {
            "server": name,
            "way": cell.way.title,
            "connections": cell.connections,
            "microseconds": [sample.cost for sample in samples],
            REFERENCE: [sample.reference for sample in samples],
        }
        for cell, servers in measured.items()
        for name, samples in servers.items()
    ]
