"""The client over UDP: a request is a datagram, in any dialect, and so is its reply."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol

from ..core import (
    REPLIES,
    UNKNOWN,
    Cause,
    Decoder,
    Dialect,
    Exchange,
    Exchanged,
    Failed,
    Message,
    MessageError,
    Outcome,
    Received,
    ReplyRule,
    Stopped,
)
from ..deadline import Deadline, Pulse
from ..twisted_gaps import unread, why_closed
from .failures import ExchangeFailed, NobodyListens, ServerStopped
from .lookup import look_up
from .report import Report

FIRST_WAIT = 0.5
"""Seconds after which a client sends a request again; they double each time."""

TRIES = 5
"""How often a client sends a request."""

PATIENCE = FIRST_WAIT * (2**TRIES - 1)
"""Seconds until a client gives up after `TRIES`."""


class SumDatagramClient(DatagramProtocol):
    """One exchange: `request`, sent to `address` again and again until the reply comes.

    The socket is for this exchange alone, and connected: the kernel drops what others send, and a
    late reply to an earlier request cannot be taken for the reply to a later one. `outcome` fires
    with the `Exchange`, and fails with `ServerStopped`, or with `ExchangeFailed`: after `tries`, or
    `timeout` seconds, or by what the server says. With `any_number` the number of the reply may be
    any.
    """

    noisy = False
    transport: Any

    def __init__(
        self,
        request: Message,
        address: tuple[str, int],
        clock: IReactorTime,
        report: Report,
        dialect: Dialect = UNKNOWN,
        *,
        timeout: float = PATIENCE,
        tries: int = TRIES,
        any_number: bool = False,
    ) -> None:
        self.tries = 0
        self.outcome: Deferred[Exchange] = Deferred(lambda _: self._close())
        self._request = request
        self._data = dialect.encode(request)
        self._address = address
        self._clock = clock
        self._report = report
        self._timeout = timeout
        self._most = tries
        self._rule = ReplyRule(any_number)
        self._timer: Deadline | None = None

    def begin(self, reactor: Any) -> Deferred[Exchange]:
        """Send the request, from a free port of this host. Returns `outcome`."""
        try:
            reactor.listenUDP(0, self, interface="::" if ":" in self._address[0] else "")
        except CannotListenError as error:
            self._fail(error.socketError)
        return self.outcome

    def startProtocol(self) -> None:
        self._socket = self.transport.getHandle()
        self._deadline = self._clock.seconds() + self._timeout
        try:
            self.transport.connect(*self._address)
        except OSError as error:
            self._fail(error)
        else:
            self._send()

    def datagramReceived(self, data: bytes, address: object) -> None:
        read: Received | MessageError
        try:
            read = Decoder(REPLIES).take_first(data)
        except MessageError as error:
            read = error
        if outcome := self._rule.read_datagram(self._request, data, read):
            self._end(outcome)

    def connectionRefused(self) -> None:
        """The port is closed."""
        self._end(self._rule.refused(self._request, self.tries), NobodyListens)

    def stopProtocol(self) -> None:
        """The socket is to be closed; if not by us, then by an error, as Twisted's epoll has it."""
        error = why_closed(self._socket)
        if error and error.errno != errno.ECONNREFUSED:
            self._fail(error)
        else:
            self.connectionRefused()

    def _send(self) -> None:
        wait = FIRST_WAIT * 2**self.tries
        left = max(0, self._deadline - self._clock.seconds())
        if self.tries and not left:  # this process may have slept
            self._give_up()
            return
        self.tries += 1
        if self.tries == self._most or left <= wait:
            self._wait(min(wait, left), self._give_up)
        else:
            self._wait(wait, self._send)
        try:
            self.transport.write(self._data)
        except OSError as error:
            self._fail(error)
        else:
            self._report.sent(again=self.tries > 1)

    def _wait(self, seconds: float, passed: Callable[[], object]) -> None:
        self._timer = Deadline(self._clock, seconds, passed, lambda: unread(self.transport) > 0)

    def _give_up(self) -> None:
        times = "1 try" if self.tries == 1 else f"{self.tries} tries"
        self._end(self._rule.timed_out(b"", f"to {times}"))

    def _fail(self, error: OSError) -> None:
        """No datagram gets to the server, by `error`."""
        self._end(Failed(Cause.NO_CONNECTION, error.strerror or str(error)))

    def _end(self, outcome: Outcome, failure: type[ExchangeFailed] = ExchangeFailed) -> None:
        if self.outcome.called:
            return
        self._close()
        if isinstance(outcome, Exchanged):
            self.outcome.callback(outcome.exchange)
        elif isinstance(outcome, Stopped):
            self.outcome.errback(ServerStopped(outcome.why))
        else:
            self.outcome.errback(failure(outcome))

    def _close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self.transport:
            self.transport.stopListening()


async def find_addresses(
    reactor: Any, host: str, port: int, timeout: float, clock: IReactorTime
) -> list[tuple[str, int]]:
    """The addresses of `port` at `host`, a name or an address, the best first.

    Raises `ExchangeFailed` if there are none, or none is found within `timeout` seconds of `clock`.
    """
    looking = look_up(reactor, host, port, socket.SOCK_DGRAM)
    late = OSError(errno.ETIMEDOUT, f"no address within {timeout:g} s")
    deadline = Deadline(clock, timeout, lambda: looking.errback(late))
    try:
        found = await looking
    except (OSError, UnicodeError) as wrong:
        why = getattr(wrong, "strerror", None) or str(wrong)
        raise ExchangeFailed(Failed(Cause.NO_CONNECTION, why)) from None
    finally:
        deadline.cancel()
    return [(str(address[0]), int(address[1])) for _, address in found]


async def exchange_datagrams(
    reactor: Any,
    requests: Sequence[Message],
    addresses: Sequence[tuple[str, int]],
    report: Report,
    dialect: Dialect,
    timeout: float,
    any_number: bool = False,
    pulse: Pulse | None = None,
) -> None:
    """Exchange `requests`, in order, with the server at the first of `addresses` that has one.

    `timeout` is the seconds that a reply may take; with `any_number` its number may be any. A
    `pulse` that beats keeps what the client has slept from counting. Raises `ExchangeFailed`.
    """
    left = list(requests)
    places = list(addresses)
    while left:
        client = SumDatagramClient(
            left[0],
            places[0],
            pulse or reactor,
            report,
            dialect,
            timeout=timeout,
            any_number=any_number,
        )
        try:
            exchange = await client.begin(reactor)
        except ExchangeFailed as failed:
            del places[0]
            if failed.cause is not Cause.NO_CONNECTION or not places:
                raise
        except ServerStopped as stopped:
            del left[0]
            if left:
                raise stopped.too_early() from None
            report.stopped(str(stopped))
        else:
            del left[0]
            report.exchanged(exchange, client.tries)
