"""Results as a picture in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .load import WAYS
from .result import Result

# Colours that the colour-blind can tell apart, of Okabe and Ito. Two lines may lie on one another,
# such as those over UDP where nothing is lost: the later one is thinner and has gaps, so both show.
_STYLES: dict[str, dict[str, Any]] = {
    "tcp-each": {"color": "#0072b2", "marker": "s"},
    "tcp-one": {"color": "#56b4e9", "marker": "^"},
    "udp": {"color": "#e69f00", "linewidth": 3.5, "marker": "o", "markersize": 8},
    "udp-no-resend": {"color": "#000000", "linestyle": "--", "marker": "x"},
}


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw `results` into `path`: the latencies at the least and the most loss, and the loss curve.

    Raises `OSError`.
    """
    losses = sorted({result.setup.loss or 0 for result in results})
    # The text of an SVG stays text, which can be selected, searched and read aloud.
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        if len(losses) == 1:
            figure = Figure(figsize=(7, 4.5), layout="constrained")
            _distribution(figure.add_subplot(), results, losses[0])
        else:
            figure = Figure(figsize=(11, 8), layout="constrained")
            (first, second), (third, fourth) = figure.subplots(2, 2)
            _distribution(first, results, losses[0])
            _distribution(second, results, losses[-1])
            _loss_curve(third, results, losses)
            _failures(fourth, results, losses)
        # One legend for all, beside them: within, it would cover lines.
        lines, ways = figure.axes[-1].get_legend_handles_labels()
        figure.legend(lines, ways, loc="outside lower center", ncols=len(ways) or 1)
        figure.savefig(path)


def _distribution(axes: Axes, results: Sequence[Result], loss: float) -> None:
    shown = [one for one in results if (one.setup.loss or 0) == loss and one.latencies]
    for result in shown:
        # Those that failed are beyond any latency: the line ends below 100 %.
        ordered = [seconds * 1000 for seconds in sorted(result.latencies)]
        share = [100 * (index + 1) / result.setup.exchanges for index in range(len(ordered))]
        _line(axes, result.setup.way, ordered, share, drawstyle="steps-post", marker="")
    axes.set(
        title=f"Latency at {100 * loss:g} % loss",
        xlabel="milliseconds",
        ylabel="% of exchanges done",
    )
    latencies = [seconds for result in shown for seconds in result.latencies]
    if latencies and max(latencies) > 10 * min(latencies):
        # On a linear axis, one slow exchange would leave no room for the others.
        axes.set(xlabel="milliseconds, on a logarithmic axis", xscale="log")
        _mark_decades(axes.xaxis)
    axes.grid(alpha=0.3)


def _loss_curve(axes: Axes, results: Sequence[Result], losses: Sequence[float]) -> None:
    for way, of_way, percents in _by_way(results):
        for percent, more in (99, {}), (50, {"linewidth": 0.8, "marker": "", "label": None}):
            latencies = [1000 * result.percentile(percent) for result in of_way]
            _line(axes, way, percents, latencies, **more)
    axes.set(
        title="Latency by loss: p99, and p50 as thin lines\n"
        "(of the exchanges that were done: the lost are left out)",
        ylabel="milliseconds, on a logarithmic axis",
        yscale="log",
    )
    _mark_decades(axes.yaxis)
    _mark_losses(axes, losses)
    axes.grid(alpha=0.3)


def _failures(axes: Axes, results: Sequence[Result], losses: Sequence[float]) -> None:
    for way, of_way, percents in _by_way(results):
        failures = [100 * result.each(result.failures) for result in of_way]
        _line(axes, way, percents, failures)
    axes.set(title="Failures by loss", ylabel="% of exchanges failed")
    _mark_losses(axes, losses)
    axes.grid(alpha=0.3)


def _mark_losses(axes: Axes, losses: Sequence[float]) -> None:
    """Have ticks where something was measured, and nowhere else."""
    axes.set_xlabel("% of packets lost, where it was measured")
    axes.set_xticks([100 * loss for loss in losses], [f"{100 * loss:g}" for loss in losses])


def _mark_decades(axis: Axis) -> None:
    """Have ticks at 1, 2, 5, 10, 20 and so on."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_tick_params(labelsize="small")
    axis.set_minor_formatter(NullFormatter())


def _by_way(results: Sequence[Result]) -> Iterator[tuple[str, list[Result], list[float]]]:
    """The results of each way, with the loss of each in percent."""
    for way in WAYS:
        if of_way := [result for result in results if result.setup.way == way]:
            yield way, of_way, [100 * (result.setup.loss or 0) for result in of_way]


def _line(axes: Axes, way: str, x: list[float], y: list[float], **style: Any) -> None:
    axes.plot(x, y, **{"label": WAYS[way], **_STYLES[way], **style})
