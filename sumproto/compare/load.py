"""Many exchanges, in each of the ways, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint

from ..client import (
    PATIENCE,
    TRIES,
    ExchangeFailed,
    Report,
    SumClientFactory,
    SumDatagramClient,
    exchange_over,
)
from ..core import HIGHEST, Exchange, Message

WAYS = {
    "tcp-each": "TCP, a connection each",
    "tcp-one": "TCP, one connection",
    "udp": "UDP",
    "udp-no-resend": "UDP, no resends",
}
"""The ways to exchange, and what they are called."""


class Load:
    """`exchanges` with the server at `host` and `port`, as many at a time as `concurrency`.

    `progress` is called after each, however it ended. An exchange has failed if it takes longer
    than `PATIENCE`; with no resends, when the first of them would be due; and over a connection
    that is kept, if connecting or a reply takes as long.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        exchanges: int,
        concurrency: int,
        progress: Callable[[], object],
    ) -> None:
        self.latencies: list[float] = []
        self.failures = 0
        self.resends = 0
        self._reactor = reactor
        self._address = (host, port)
        self._endpoint = TCP4ClientEndpoint(reactor, host, port, timeout=PATIENCE)
        requests = [Message("Client of Ann", index % HIGHEST + 1) for index in range(exchanges)]
        self._shares = [requests[start::concurrency] for start in range(concurrency)]
        self._progress = progress

    def run(self, way: str) -> Deferred[Any]:
        """Do the exchanges in one of `WAYS`. The Deferred fires when all have ended."""
        exchange: dict[str, Callable[[Message], Coroutine[Any, Any, None]]] = {
            "tcp-each": self._connect,
            "udp": partial(self._send, TRIES),
            "udp-no-resend": partial(self._send, 1),
        }
        if way == "tcp-one":
            works = [self._over_one_connection(share) for share in self._shares]
        else:
            works = [self._each(exchange[way], share) for share in self._shares]
        return gatherResults(map(Deferred.fromCoroutine, works))

    async def _each(
        self, exchange: Callable[[Message], Coroutine[Any, Any, None]], requests: list[Message]
    ) -> None:
        for request in requests:
            begun = time.perf_counter()
            done = Deferred.fromCoroutine(exchange(request))
            try:
                await done.addTimeout(PATIENCE, self._reactor)
            except (ExchangeFailed, TimeoutError):
                self.failed()
            else:
                self.done(begun)

    async def _connect(self, request: Message) -> None:
        factory = SumClientFactory([request], self._reactor, PATIENCE, Report())
        await exchange_over(self._endpoint, factory)

    async def _send(self, tries: int, request: Message) -> None:
        client = SumDatagramClient(request, self._address, self._reactor, Report(), tries=tries)
        try:
            await client.begin(self._reactor)
        finally:
            self.resends += client.tries - 1

    async def _over_one_connection(self, requests: list[Message]) -> None:
        while requests:
            stopwatch = _Stopwatch(self)
            factory = SumClientFactory(requests, self._reactor, PATIENCE, stopwatch)
            try:
                await exchange_over(self._endpoint, factory)
            except ExchangeFailed:  # the next one needs another connection
                self.failed()
                requests = requests[stopwatch.exchanges + 1 :]
            else:
                return

    def done(self, begun: float) -> None:
        """An exchange that began at `begun` is done."""
        self.latencies.append(time.perf_counter() - begun)
        self._progress()

    def failed(self) -> None:
        """An exchange has failed."""
        self.failures += 1
        self._progress()


class _Stopwatch(Report):
    """Times each exchange over a connection."""

    def __init__(self, load: Load) -> None:
        self.exchanges = 0
        self._load = load

    def sent(self, again: bool = False) -> None:
        self._begun = time.perf_counter()

    def exchanged(self, exchange: Exchange, tries: int | None = None) -> None:
        self.exchanges += 1
        self._load.done(self._begun)
