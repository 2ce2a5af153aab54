"""What was measured, as a picture."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from .exchanges import Samples
from .report import ratios
from .servers import MINIMAL, REFERENCE


def plot(measured: Samples, path: Path) -> None:
    """Draw a bar for each server into `path`, one chart for each cell. Raises `OSError`.

    A bar is the cost as a multiple of that of the minimal uvloop server, or of the LineReceiver if
    that was not measured, with a line from the lowest ratio of a round to the highest.
    """
    connections = list(dict.fromkeys(cell.connections for cell in measured))
    columns = len(measured) // len(connections)
    size = (3.4 * columns + 2, 3.2 * len(connections))
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text that can be searched
        figure = Figure(figsize=size, layout="constrained")
        charts = figure.subplots(len(connections), columns, squeeze=False, sharey=True)
        for axes, (cell, servers) in zip(charts.flat, measured.items(), strict=True):
            found = {name: ratios(own, servers.get(MINIMAL)) for name, own in servers.items()}
            middles = [median(values) for values in found.values()]
            below = [median(values) - min(values) for values in found.values()]
            above = [max(values) - median(values) for values in found.values()]
            colors = ["#0072b2" if "sumproto" in name else "#999999" for name in found]
            axes.set(title=f"{cell.way.title}\n{cell.connections:,} connections", xscale="log")
            # On a logarithmic axis there is no 0, so a bar begins where both cost the same.
            widths = [middle - 1 for middle in middles]
            bars = axes.barh(list(found), widths, left=1, xerr=[below, above], color=colors)
            labels = [f"{middle:.2f}" for middle in middles]
            axes.bar_label(bars, labels, padding=3, fontsize="small")
            axes.axvline(1, color="black", linewidth=0.8)
            axes.margins(x=0.25)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.invert_yaxis()
        goal = MINIMAL if all(MINIMAL in servers for servers in measured.values()) else REFERENCE
        figure.supxlabel(f"CPU of the server per exchange, as a multiple of {goal}'s")
        figure.savefig(path)
