"""Results on the terminal, and a bar while they are awaited."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .load import WAYS
from .result import Result, Setup

_FIGURES = ["loss", "per s", "p50", "p90", "p99", "max", "bytes", "packets", "resends", "failures"]
_PERCENTILES = (50, 90, 99, 100)

_WIDTH = 200
"""Columns for the table, which takes what it needs; a narrow terminal wraps it."""

_CAPTION = """\
p50 to max: milliseconds, of the exchanges that were done
bytes of IP and packets: sent by both sides, for each exchange"""


class Screen:
    """Standard output, be it a terminal or not."""

    def __init__(self) -> None:
        self._at_terminal = sys.stdout is not None and sys.stdout.isatty()
        self._console = Console(quiet=sys.stdout is None)

    @contextmanager
    def progress(self, setup: Setup) -> Iterator[Callable[[int], None]]:
        """A bar for a run, if at a terminal; yields a function to tell how many have ended."""
        at = "" if setup.loss is None else f" at {100 * setup.loss:g} % loss"
        with Progress(
            console=self._console, disable=not self._at_terminal, transient=True
        ) as progress:
            task = progress.add_task(WAYS[setup.way] + at, total=setup.exchanges)
            yield lambda ended: progress.update(task, completed=ended)

    def show(self, results: Sequence[Result]) -> None:
        """Print a row for each of `results`. Raises `OSError`."""
        table = Table(
            box=SIMPLE,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            caption=_CAPTION,
            caption_justify="left",
        )
        table.add_column("over", no_wrap=True)
        for column in _FIGURES:
            table.add_column(column, justify="right", no_wrap=True)
        for index, result in enumerate(results):
            loss = result.setup.loss
            if index and results[index - 1].setup.loss != loss:
                table.add_section()
            table.add_row(
                WAYS[result.setup.way],
                "-" if loss is None else f"{100 * loss:g} %",
                f"{result.rate:.0f}",
                *(_milliseconds(result.percentile(percent)) for percent in _PERCENTILES),
                f"{result.each(result.bytes):.0f}",
                f"{result.each(result.packets):.1f}",
                f"{result.resends}",
                f"{result.failures}",
            )
        console = Console(width=max(_WIDTH, self._console.width), quiet=self._console.quiet)
        console.print(table)
        if sys.stdout is not None:
            sys.stdout.flush()


def _milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{1000 * seconds:.1f}"
