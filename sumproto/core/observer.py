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
    """Who is at the other end of a transport, one of `TRANSPORTS`.

    `host` is an IP address and `port` a number; both are None for a UNIX socket.
    """

    transport: str
    host: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        """Host and port; a UNIX socket has neither, and is called that."""
        return "a UNIX socket" if self.host is None else str((self.host, self.port))


class Observer:
    """Watches a server: the server calls these methods when something has happened.

    Each method does nothing here; a subclass overrides those that it needs. The server calls them
    while it handles a peer, after it has written what the peer gets. So they must be quick. One
    that raises is logged, and harms neither the peer nor the other observers.
    """

    def connected(self, peer: Peer) -> None:
        """`peer` has connected."""

    def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
        """The server has answered requests of `peer` that came together.

        `seconds` passed from the last of their bytes to the replies.
        """

    def refused(self, peer: Peer, error: MessageError) -> None:
        """The server has answered `peer` with `error`, and is closing the connection.

        A datagram has no connection; one that is no message has no answer either.
        """

    def stop_denied(self, peer: Peer, error: MessageError) -> None:
        """`peer` asked the server to stop, but may not; `error` is what is wrong with its message.

        `refused` comes before.
        """

    def stopping(self, why: str) -> None:
        """The server begins to stop, because of `why`."""

    def turned_away(self) -> None:
        """The server does not serve a connection: it has as many as it takes, or it stops.

        If it can still tell the peer so, `connected` follows; otherwise it closes at once.
        """

    def disconnected(self, peer: Peer, why: str | None) -> None:
        """The connection to `peer` is gone; `why` is None if the peer closed it."""
