"""What both ends of a stream share: whole messages out of what a transport delivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from .dialects import Decoder, Newline, Received


class MessageReceiver(LineReceiver, TimeoutMixin):
    """A LineReceiver for messages, which need not be lines.

    It stays in raw mode and leaves it to a `Decoder` to find the messages; LineReceiver's pausing
    is what it builds on. `quiet_period` is the seconds of silence that end a message that has no
    other end; 0 turns that off.
    """

    transport: Any  # what a reactor gives is more than the ITransport that Protocol promises

    def __init__(self, decoder: Decoder, clock: IReactorTime, quiet_period: float) -> None:
        self.decoder = decoder
        self._clock = clock
        self._quiet_period = quiet_period
        self._quiet: IDelayedCall | None = None

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
            yield received

    def awaitSilence(self) -> None:
        """Have `process` called if nothing more comes for the quiet period."""
        self.cancelSilence()
        if self._quiet_period and self.decoder.pending:
            self._quiet = self.callLater(self._quiet_period, self._silent)

    def cancelSilence(self) -> None:
        """Forget `awaitSilence`."""
        if self._quiet:
            self._quiet.cancel()
            self._quiet = None

    def connectionMade(self) -> None:
        self.setRawMode()
        if isinstance(self.transport.getHost(), IPv4Address | IPv6Address):
            self.transport.setTcpNoDelay(True)  # or a small message may wait for an ACK

    def rawDataReceived(self, data: bytes) -> None:
        self.decoder.feed(data)
        self.cancelSilence()
        self.process(final=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.setTimeout(None)
        self.cancelSilence()

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        return self._clock.callLater(period, func)

    def _silent(self) -> None:
        self._quiet = None
        self.process(final=True)
