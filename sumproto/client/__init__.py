"""The client of a sum server, over a stream or by datagrams."""

from .datagrams import FIRST_WAIT, PATIENCE, TRIES, SumDatagramClient, exchange_datagrams
from .failures import ExchangeFailed, NobodyListens, ServerStopped
from .report import Report
from .stream import SumClient, SumClientFactory, exchange_over

__all__ = [
    "FIRST_WAIT",
    "PATIENCE",
    "TRIES",
    "ExchangeFailed",
    "NobodyListens",
    "Report",
    "ServerStopped",
    "SumClient",
    "SumClientFactory",
    "SumDatagramClient",
    "exchange_datagrams",
    "exchange_over",
]
