"""What both ends of a stream share: they make whole messages of what a transport delivers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from .core import Decoder, Newline, Received
from .deadline import Deadline, Pulse
from .twisted_gaps import unread

GAPS = 3
"""How long a message in pieces waits for the next one, in times the longest wait for one so far.

A person who types a character at a time hesitates now and then, and a program that sends pieces is
held up now and then; a pause of more than three times the longest one before is rare.
"""

LONGEST_SILENCE = 15
"""The longest that a message waits for its next piece, in quiet periods.

By default that is 3 s, so that a peer has its answer before it gives up; our client does that after
5 s.
"""


class _Begun:
    """A message whose end has not come: how its pieces came, and the silence that may end it.

    An object of its own, as few connections have one: an idle connection is to hold little.
    """

    __slots__ = ("last_piece", "longest_gap", "silence")

    def __init__(self, now: float, longest_gap: float) -> None:
        self.last_piece = now
        self.longest_gap = longest_gap
        self.silence: Deadline | None = None


class MessageReceiver(LineReceiver):
    """A LineReceiver for messages, which need not be lines.

    It stays in raw mode, where a `Decoder` finds the messages, and builds on how LineReceiver
    pauses. `quiet_period` is the seconds of silence that end a message which came at once and which
    nothing else ends; with 0 silence ends none. A message in pieces waits longer: its peer has
    shown that it is slow, and a number that is cut short is a wrong number. What is read after a
    sleep of this process, which the `clock` notices, may have come in pieces during that sleep.
    """

    transport: Any  # what a reactor gives is more than the ITransport that Protocol promises

    def __init__(self, decoder: Decoder, clock: Pulse, quiet_period: float) -> None:
        self.decoder = decoder
        self._clock = clock
        self._quiet_period = quiet_period
        self._begun: _Begun | None = None

    def bytesCame(self) -> None:
        """More bytes are in: a subclass handles the messages that are `received`."""
        raise NotImplementedError

    def silenceCame(self) -> None:
        """The quiet period is over: a subclass handles the messages that are `receivedAtEnd`."""
        raise NotImplementedError

    def received(self) -> Iterator[Received | Newline]:
        """The messages whose end is in, and newlines behind messages taken before, until paused.

        Raises `MessageError` for bytes that are no message.
        """
        while not self.paused and (received := self.decoder.take()):
            self._forgetBegun()
            yield received

    def receivedAtEnd(self) -> Iterator[Received | Newline]:
        """What is `received`, and then the rest, if it is whole as a message that no byte ends.

        It is for when no more bytes are expected. Raises `MessageError` as `received` does.
        """
        while not self.paused and (received := self.decoder.take() or self.decoder.finish()):
            self._forgetBegun()
            yield received

    @property
    def awaits_silence(self) -> bool:
        """Whether `silenceCame` will be called if nothing more comes."""
        return self._begun is not None and self._begun.silence is not None

    def awaitSilence(self) -> None:
        """Have `silenceCame` called if nothing more comes for as long as a message may wait."""
        if self._quiet_period and self.decoder.pending:
            self.cancelSilence()
            now = self._clock.seconds()
            begun = self._begun = self._begun or _Begun(now, self._clock.sleep)
            begun.last_piece = now
            seconds = max(self._quiet_period, GAPS * begun.longest_gap)
            seconds = min(seconds, LONGEST_SILENCE * self._quiet_period)
            begun.silence = Deadline(self._clock, seconds, self._silent, self.hasUnread)

    def cancelSilence(self) -> None:
        """Undo `awaitSilence`."""
        if self._begun and self._begun.silence:
            self._begun.silence.cancel()
            self._begun.silence = None

    def hasUnread(self) -> bool:
        """Whether there are bytes that the reactor would read in its next turn."""
        return not self.paused and unread(self.transport) > 0

    def connectionMade(self) -> None:
        self.setRawMode()
        if isinstance(self.transport.getHost(), IPv4Address | IPv6Address):
            self.transport.setTcpNoDelay(True)  # or a small message may wait for an ACK

    def rawDataReceived(self, data: bytes) -> None:
        if begun := self._begun:
            self.cancelSilence()
            gap = self._clock.seconds() - begun.last_piece + self._clock.sleep
            begun.longest_gap = max(begun.longest_gap, gap)
        self.decoder.feed(data)
        self.bytesCame()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.cancelSilence()

    def _silent(self) -> None:
        self.cancelSilence()
        self.silenceCame()

    def _forgetBegun(self) -> None:
        """What had begun is whole, and the next message begins anew."""
        if self._begun:
            self.cancelSilence()
            self._begun = None
