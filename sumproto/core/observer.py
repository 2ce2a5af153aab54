"""The seam at which a server is watched. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .dialects import Dialect
from .exchange import Exchange
from .message import MessageError

Done = tuple[Exchange, Dialect]
"""An exchange, and the dialect that it was in."""


TRANSPORTS = ("tcp", "udp", "unix")


class Peer(NamedTuple):
    """Who is at the other end of a transport, one of `TRANSPORTS`."""

    transport: str
    host: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        """Host and port, or the words for a peer that has none."""
        return "a UNIX socket" if self.host is None else str((self.host, self.port))


class Observer:
    """Is told what a server does. Each method does nothing; override what is of interest.

    They are called from within the server's handling of a peer: they must be quick and must
    not raise.
    """

    def connected(self, peer: Peer) -> None:
        """`peer` has connected."""

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        """Requests from `peer` that came at once were answered, `seconds` after the last of it."""

    def refused(self, peer: Peer, error: MessageError) -> None:
        """`peer` was told of `error`, and its connection is being closed.

        A datagram has none, and is dropped without a word if it is no message.
        """

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        """`peer` asked the server to stop with what `error` is about, but may not."""

    def stopping(self, why: str) -> None:
        """The server begins to stop."""

    def turned_away(self) -> None:
        """A connection was not served: the server has as many as it takes, or it stops.

        Some of these are told so, and have `connected`; others are closed without a word.
        """

    def disconnected(self, peer: Peer, why: str | None) -> None:
        """The connection to `peer` is gone; `why` is None if the peer closed it."""
