"""The server: what listens, what answers, and how it ends."""

from .connections import Connections
from .datagrams import SumDatagramProtocol
from .factory import REFUSALS, SumFactory, Waiting
from .listeners import (
    ACCEPTED,
    CannotListen,
    ConnectionListener,
    DatagramListener,
    Listener,
    server_endpoint,
)
from .responder import Responder
from .stream import SumProtocol

__all__ = [
    "ACCEPTED",
    "REFUSALS",
    "CannotListen",
    "ConnectionListener",
    "Connections",
    "DatagramListener",
    "Listener",
    "Responder",
    "SumDatagramProtocol",
    "SumFactory",
    "SumProtocol",
    "Waiting",
    "server_endpoint",
]
