"""What both ends of a stream share: whole messages out of what a transport delivers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from .core import Decoder, Newline, Received
from .deadline import Deadline
from .twisted_gaps import unread

GAPS = 3
"""How many times the longest gap between two of its pieces a message in pieces waits for more.

Who types a character at a time hesitates now and then, and a program that sends in pieces is held
up now and then; for more than three times as long is rare.
"""

LONGEST_SILENCE = 15
"""How many quiet periods a message waits at the most: 3 s by default, so that its peer is answered
before it gives up (our client after 5 s)."""


class _Begun:
    """A message whose end has not come: how its pieces came, and the silence that may end it.

    An object of its own, as few connections have one: an idle connection is to hold little.
    """

    __slots__ = ("last_piece", "longest_gap", "silence")

    def __init__(self, now: float) -> None:
        self.last_piece = now
        self.longest_gap = 0.0
        self.silence: Deadline | None = None


class MessageReceiver(LineReceiver):
    """A LineReceiver for messages, which need not be lines.

    It stays in raw mode and leaves it to a `Decoder` to find the messages; LineReceiver's pausing
    is what it builds on. `quiet_period` is the seconds of silence that end a message that has no
    other end, and that came at once; 0 turns that off. One that comes in pieces waits longer: its
    peer has shown that it is slow, and a number that was cut short is a wrong one.
    """

    transport: Any  # what a reactor gives is more than the ITransport that Protocol promises

    def __init__(self, decoder: Decoder, clock: IReactorTime, quiet_period: float) -> None:
        self.decoder = decoder
        self._clock = clock
        self._quiet_period = quiet_period
        self._begun: _Begun | None = None

    def process(self, final: bool) -> None:
        """Bytes have come or, if `final`, the quiet period is over: handle what is `received`."""
        raise NotImplementedError

    def received(self, final: bool) -> Iterator[Received | Newline]:
        """The messages that are in, and newlines behind those taken before, until paused.

        If `final`, the rest may be a message that only silence ends. Raises `MessageError`.
        """
        while not self.paused:
            received = self.decoder.take() or (self.decoder.finish() if final else None)
            if received is None:
                return
            if self._begun:
                self.cancelSilence()
                self._begun = None
            yield received

    @property
    def awaits_silence(self) -> bool:
        """Whether `process` will be called if nothing more comes."""
        return self._begun is not None and self._begun.silence is not None

    def awaitSilence(self) -> None:
        """Have `process` called if nothing more comes for so long that what is in is all."""
        if self._quiet_period and self.decoder.pending:
            self.cancelSilence()
            now = self._clock.seconds()
            begun = self._begun = self._begun or _Begun(now)
            begun.last_piece = now
            seconds = max(self._quiet_period, GAPS * begun.longest_gap)
            seconds = min(seconds, LONGEST_SILENCE * self._quiet_period)
            begun.silence = Deadline(self._clock, seconds, self._silent, self.hasUnread)

    def cancelSilence(self) -> None:
        """Forget `awaitSilence`."""
        if self._begun and self._begun.silence:
            self._begun.silence.cancel()
            self._begun.silence = None

    def hasUnread(self) -> bool:
        """Whether there is something that the reactor would read in its next turn."""
        return not self.paused and unread(self.transport) > 0

    def connectionMade(self) -> None:
        self.setRawMode()
        if isinstance(self.transport.getHost(), IPv4Address | IPv6Address):
            self.transport.setTcpNoDelay(True)  # or a small message may wait for an ACK

    def rawDataReceived(self, data: bytes) -> None:
        if begun := self._begun:
            self.cancelSilence()
            gap = self._clock.seconds() - begun.last_piece
            begun.longest_gap = max(begun.longest_gap, gap)
        self.decoder.feed(data)
        self.process(final=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.cancelSilence()

    def _silent(self) -> None:
        self.cancelSilence()
        self.process(final=True)
