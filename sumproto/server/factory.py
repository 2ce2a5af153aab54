"""What makes the connections of a server over a stream, and what they share."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from ..core import Busy, MessageError, Peer, Reason, Stopping
from ..deadline import Deadlines, Pulse
from ..receiver import LONGEST_SILENCE
from .connections import Connections
from .responder import Responder
from .stream import SumProtocol

REFUSALS = 32
"""Connections beyond the most that are answered with an error; still more are closed at once."""

NEAR = 2.0
"""Seconds that a begun message may rest of which little is missing, such as the number."""

CLOSE_TIMEOUT = 10.0
"""Seconds that a peer has to take the last replies, and then as many to close its side."""


class Waiting(NamedTuple):
    """A message of `peer` that has begun and does not go on, and for how long it has rested.

    If it still does not, the peer is told `error`.
    """

    peer: Peer
    seconds: float
    error: MessageError


class SumFactory(Factory):
    """Makes the connections of a server, and holds what they share.

    `quiet_period` is the seconds of silence that end a message without a newline, `idle_timeout`
    the seconds that a connection may be without a message; 0 turns either off. A message that has
    begun, and that silence does not end, may rest for `begun_timeout` seconds from then on, and for
    `NEAR` if little is missing; 0 turns both off. At most `max_connections` are served at a time. A
    `pulse` that beats keeps what the server has slept from counting as the silence of its peers.
    """

    noisy = False

    def __init__(
        self,
        responder: Responder,
        *,
        quiet_period: float = 0.2,
        idle_timeout: float = 60.0,
        begun_timeout: float = 10.0,
        max_connections: int = 1000,
        pulse: Pulse | None = None,
    ) -> None:
        self.responder = responder
        self.clock = pulse or Pulse(responder.clock)
        self.quiet_period = quiet_period
        self.idle_timeout = idle_timeout
        unread = SumProtocol.hasUnread
        self.idle = Deadlines(self.clock, idle_timeout, SumProtocol.idled, unread)
        """For the next message, from the last one on."""
        self.last_silence = Deadlines(
            self.clock, LONGEST_SILENCE * quiet_period, SumProtocol.timeoutConnection, unread
        )
        """For the silence that may still end a message, once `idle` has passed."""
        near = min(NEAR, begun_timeout)
        self.begun_near = Deadlines(self.clock, near, SumProtocol.rested, unread)
        """For a begun message to go on, so that its sender soon learns of a slip."""
        self.begun = Deadlines(self.clock, begun_timeout - near, SumProtocol.restedLong, unread)
        """For one to go on that may still be on its way, once `begun_near` has passed."""
        self.closing = Deadlines(self.clock, CLOSE_TIMEOUT, SumProtocol.abort, unread)
        """For the peer to close."""
        self._resting: dict[
            SumProtocol, float
        ] = {}  # since when, those that rest the longest first
        self._refusing = False
        self._connections: Connections[SumProtocol] = Connections(
            self.clock, max_connections, REFUSALS
        )

    def buildProtocol(self, addr: IAddress | None) -> SumProtocol | None:
        refusal: MessageError
        if self._refusing or self._connections.draining:
            refusal = Stopping("the server is stopping", Reason.STOPS)
        elif self._connections.full:
            refusal = Busy(f"the server has its {self._connections.most} connections")
        else:
            return SumProtocol(self)
        self.responder.watchers.turned_away()
        return None if self._connections.full_of_refused else SumProtocol(self, refusal)

    def refuse(self) -> None:
        """Serve no connection that is made from now on: it is told that the server stops."""
        self._refusing = True

    @property
    def resting(self) -> int:
        """How many begun messages do not go on."""
        return len(self._resting)

    def waiting(self, most: int) -> list[Waiting]:
        """The last `most` of the begun messages that do not go on, the latest first."""
        now = self.clock.seconds()
        return [
            Waiting(connection.peer, now - since, connection.decoder.missing().as_error())
            for connection, since in islice(reversed(self._resting.items()), most)
        ]

    def drain(self, seconds: float) -> Deferred[None]:
        """Answer what is in and close; abort what is left after `seconds`, 0 or more.

        The Deferred fires when no connection is left.
        """
        return self._connections.drain(seconds)

    def hurry(self) -> None:
        """End the drain at once, or as soon as it begins."""
        self._connections.hurry()

    # Called by the connections

    def connectionMade(self, connection: SumProtocol) -> None:
        """`connection` is made."""
        self._connections.add(connection, refused=connection.refusal is not None)
        self.responder.watchers.connected(connection.peer)

    def rests(self, connection: SumProtocol) -> None:
        """A message that `connection` has begun does not go on."""
        self._resting[connection] = self.clock.seconds()

    def restsNoMore(self, connection: SumProtocol) -> None:
        """It goes on, or is at its end."""
        self._resting.pop(connection, None)

    def connectionLost(self, connection: SumProtocol, why: str | None) -> None:
        """`connection` is lost; `why` is None if the peer closed it."""
        self.responder.watchers.disconnected(connection.peer, why)
        self._connections.remove(connection)
