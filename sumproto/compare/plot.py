"""Results as a picture in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .load import WAYS
from .result import Result

# Colours that the colour-blind can tell apart, of Okabe and Ito.
_STYLES = {
    "tcp-each": {"color": "#0072b2", "linestyle": "-"},
    "tcp-one": {"color": "#56b4e9", "linestyle": "--"},
    "udp": {"color": "#d55e00", "linestyle": "-"},
    "udp-no-resend": {"color": "#e69f00", "linestyle": "--"},
}


def plot(results: Sequence[Result], path: Path) -> None:
    """Draw `results` into `path`: the latencies at the least and the most loss, and the loss curve.

    Raises `OSError`.
    """
    losses = sorted({result.setup.loss or 0 for result in results})
    if len(losses) == 1:
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        _distribution(figure.add_subplot(), results, losses[0])
    else:
        figure = Figure(figsize=(11, 8), layout="constrained")
        axes = figure.subplots(2, 2)
        _distribution(axes[0][0], results, losses[0])
        _distribution(axes[0][1], results, losses[-1])
        _loss_curve(axes[1][0], results)
        _failures(axes[1][1], results)
    figure.savefig(path)


def _distribution(axes: Axes, results: Sequence[Result], loss: float) -> None:
    for result in results:
        if (result.setup.loss or 0) == loss and result.latencies:
            # Those that failed are beyond any latency: the line ends below 100 %.
            ordered = [seconds * 1000 for seconds in sorted(result.latencies)]
            share = [100 * (index + 1) / result.setup.exchanges for index in range(len(ordered))]
            _line(axes, result.setup.way, ordered, share, drawstyle="steps-post")
    axes.set(
        title=f"Latency at {100 * loss:g} % loss",
        xlabel="milliseconds",
        ylabel="% of exchanges done",
        xscale="log" if loss else "linear",
    )
    axes.xaxis.set_major_formatter("{x:g}")
    _finish(axes)


def _loss_curve(axes: Axes, results: Sequence[Result]) -> None:
    for way, of_way, losses in _by_way(results):
        for percent, more in (99, {}), (50, {"linewidth": 0.8, "label": None}):
            latencies = [1000 * result.percentile(percent) for result in of_way]
            _line(axes, way, losses, latencies, marker=".", **more)
    axes.set(
        title="Latency by loss: p99, and p50 as thin lines",
        xlabel="% of packets lost",
        ylabel="milliseconds",
        yscale="log",
    )
    axes.yaxis.set_major_formatter("{x:g}")
    _finish(axes)


def _failures(axes: Axes, results: Sequence[Result]) -> None:
    for way, of_way, losses in _by_way(results):
        failures = [100 * result.each(result.failures) for result in of_way]
        _line(axes, way, losses, failures, marker=".")
    axes.set(title="Failures by loss", xlabel="% of packets lost", ylabel="% of exchanges failed")
    _finish(axes)


def _by_way(results: Sequence[Result]) -> Iterator[tuple[str, list[Result], list[float]]]:
    """The results of each way, with the loss of each in percent."""
    for way in WAYS:
        if of_way := [result for result in results if result.setup.way == way]:
            yield way, of_way, [100 * (result.setup.loss or 0) for result in of_way]


def _line(axes: Axes, way: str, x: list[float], y: list[float], **style: Any) -> None:
    axes.plot(x, y, **{"label": WAYS[way], **_STYLES[way], **style})


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize="small")
