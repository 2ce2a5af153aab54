"""The counts of a `Tally` as Prometheus has them."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from itertools import accumulate
from math import inf

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from twisted.copyright import version as twisted_version
from twisted.internet.interfaces import IReactorTime

from .. import __version__
from .tally import BOUNDS, Tally

FRESH = 0.25
"""Seconds for which a text is given again: to make it costs as much as many exchanges."""

_OPENMETRICS = "application/openmetrics-text"


class Metrics(Collector):
    """Tells what `tally` has counted, in a registry of its own.

    It counts nothing itself: the counters of prometheus_client have locks, and cost as much as an
    exchange does. `clock` tells how old a text is.
    """

    def __init__(self, tally: Tally, clock: IReactorTime) -> None:
        self._tally = tally
        self._clock = clock
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._texts: dict[str, tuple[float, bytes]] = {}  # by format: when made, the text

    def encode(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text, no older than `FRESH`, and its content type.

        That is OpenMetrics if `accept`, an ``Accept`` header, has it, and Prometheus' own if not.
        A version in it is ignored: clients must not decide how many texts are kept.
        """
        format_ = _OPENMETRICS if _OPENMETRICS in accept else ""
        encoder, content_type = choose_encoder(format_)
        now = self._clock.seconds()
        made, text = self._texts.get(format_, (-inf, b""))
        if not made <= now < made + FRESH:  # the clock may be set back
            text = encoder(self._registry)
            self._texts[format_] = now, text
        return text, content_type

    def collect(self) -> Iterable[Metric]:
        tally = self._tally
        exchanges = CounterMetricFamily(
            "sumproto_exchanges", "Requests that were answered.", labels=["transport", "dialect"]
        )
        for key, count in tally.exchanges.items():
            exchanges.add_metric(key, count)
        yield exchanges
        errors = CounterMetricFamily(
            "sumproto_errors", "Messages that got no sum, and other errors.", labels=["code"]
        )
        for code, count in tally.errors.items():
            errors.add_metric([code], count)
        yield errors
        yield CounterMetricFamily(
            "sumproto_connections", "Connections that were accepted.", tally.connections
        )
        yield GaugeMetricFamily(
            "sumproto_connections_open", "Connections that are open.", tally.connections_open
        )
        yield CounterMetricFamily(
            "sumproto_connections_refused",
            "Connections that were not served: the server was busy or stopping.",
            tally.connections_refused,
        )
        bounds = map(floatToGoString, [*BOUNDS, "inf"])
        yield HistogramMetricFamily(
            "sumproto_exchange_duration_seconds",
            "From the last bytes of a request to its reply, in the server.",
            list(zip(bounds, accumulate(tally.durations), strict=True)),
            tally.seconds,
        )
        yield CounterMetricFamily(
            "sumproto_stops_denied",
            "Attempts to stop the server by who may not.",
            tally.stops_denied,
        )
        yield InfoMetricFamily(
            "sumproto_build",
            "What the server is made of.",
            {
                "version": __version__,
                "python": platform.python_version(),
                "twisted": twisted_version,
            },
        )
