"""The client over a stream: requests, one after the other, and their replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.python.failure import Failure

from ..core import (
    REPLIES,
    UNKNOWN,
    Cause,
    Decoder,
    Dialect,
    Exchanged,
    Failed,
    Message,
    MessageError,
    Newline,
    Outcome,
    Received,
    ReplyRule,
    Stopped,
)
from ..deadline import Deadline, Pulse
from ..receiver import LONGEST_SILENCE, MessageReceiver
from ..twisted_gaps import has_unsent
from .failures import ExchangeFailed, NobodyListens, ServerStopped
from .report import Report

TIMEOUT = 5.0
"""Seconds that a connection, or a reply over it, may take by default."""

QUIET_PERIOD = 0.2
"""Seconds of silence after which a reply with no newline is taken as whole."""


class SumClient(MessageReceiver):
    """One connection of the client: a request, its reply, the next request, and so on.

    A LineReceiver, by way of `MessageReceiver`.
    """

    def __init__(self, factory: SumClientFactory) -> None:
        super().__init__(Decoder(REPLIES), factory.clock, QUIET_PERIOD)
        self._factory = factory
        self._requests = list(factory.requests)
        self._request = self._requests[0]
        self._rule = factory.rule
        self._asked = False  # the first request is written
        self._early = 0  # bytes that came before the request, and that were not looked at
        self._undecided = False  # what has come is no reply; only the end tells what it means
        self._lost = False
        self._deadline: Deadline | None = None

    def connectionMade(self) -> None:
        """Begin in the next turn of the reactor, so that it reads before it sends the request.

        In the turn that makes the connection, it may send what is written now and read later.
        """
        super().connectionMade()
        self._clock.callLater(0, self._begin)

    def rawDataReceived(self, data: bytes) -> None:
        if not self._asked or has_unsent(self.transport):
            self._early = len(self.decoder.pending) + len(data)
        if not self._undecided:
            super().rawDataReceived(data)

    def bytesCame(self) -> None:
        if self._read(self.received):
            self.awaitSilence()

    def silenceCame(self) -> None:
        self._read(self.receivedAtEnd)

    def _read(self, messages: Callable[[], Iterator[Received | Newline]]) -> bool:
        """Act on each of the `messages`. Returns whether the rest may begin a reply."""
        # TLS may deliver more than was asked for, even when all is done.
        while not self._factory.outcome.called and self._none_is_early():
            came = self.decoder.pending
            try:
                received = next(messages(), None)
            except MessageError as wrong:
                outcome = self._rule.read(self._request, came, wrong)
                self._undecided = outcome is None
                self._become(outcome)
                return False
            if isinstance(received, Received):
                self._become(self._rule.read(self._request, came, received))
            elif received is None:
                failed = self._rule.begun(came)
                self._become(failed)
                return not failed
        return False

    def timeoutConnection(self) -> None:
        """The time for the reply is over; but what came last may be one that silence will end."""
        if self.awaits_silence:
            self._limit(LONGEST_SILENCE * QUIET_PERIOD, self._give_up)
        else:
            self._give_up()

    def _give_up(self) -> None:
        waited = f"within {self._factory.timeout:g} s"
        self._become(self._rule.timed_out(self.decoder.pending, waited))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if not self._undecided:
            self._read(self.receivedAtEnd)
        if self._factory.outcome.called:
            pass
        elif reason.check(error.ConnectionDone):
            self._become(self._rule.closed(self._request, self.decoder.pending))
        else:
            self._become(self._rule.lost(reason.getErrorMessage().rstrip(".")))
        super().connectionLost(reason)

    def _begin(self) -> None:
        self._asked = True
        if not self._factory.outcome.called:
            self._next()

    def _next(self) -> None:
        if not self._requests:
            self._end(None)
        elif not self._lost:
            self._request = self._requests.pop(0)
            self._early = len(self.decoder.pending)
            self._limit(self._factory.timeout, self.timeoutConnection)
            self.transport.write(self._factory.dialect.encode(self._request))
            self._factory.report.sent()

    def _none_is_early(self) -> bool:
        """Whether nothing came before the request; the exchange has failed if something did."""
        early, self._early = self._early, 0
        failed = early and self._rule.before_request(self.decoder.pending[:early])
        if failed:
            self._become(failed)
        return not failed

    def _limit(self, seconds: float, passed: Callable[[], object]) -> None:
        """Have `passed` called after `seconds`, instead of what was to be called before."""
        self._unlimit()
        self._deadline = Deadline(self._clock, seconds, passed, self.hasUnread)

    def _unlimit(self) -> None:
        if self._deadline:
            self._deadline.cancel()

    def _become(self, outcome: Outcome | None) -> None:
        """Do as `outcome` says, if there is one."""
        if isinstance(outcome, Exchanged):
            self._factory.report.exchanged(outcome.exchange)
            self._next()
        elif isinstance(outcome, Stopped):
            self._stopped(outcome.why)
        elif outcome:
            self._end(ExchangeFailed(outcome))

    def _stopped(self, why: str) -> None:
        if self._requests:
            self._end(ServerStopped(why).too_early())
        else:
            self._factory.report.stopped(why)
            self._end(None)

    def _end(self, failure: Exception | None) -> None:
        self._unlimit()
        if failure:
            self._factory.outcome.errback(failure)
        else:
            self._factory.outcome.callback(None)
        self.transport.loseConnection()


class SumClientFactory(ClientFactory):
    """Exchanges `requests`, in order and in `dialect`, over one connection.

    `outcome` fires with None when every exchange is done or the server stops as asked, and fails
    with `ExchangeFailed` otherwise. `timeout` is the seconds that a reply may take; with
    `any_number` its number may be any. A `pulse` that beats keeps what the client has slept from
    counting as the silence of the server.
    """

    noisy = False

    def __init__(
        self,
        requests: Sequence[Message],
        clock: IReactorTime,
        timeout: float,
        report: Report,
        dialect: Dialect = UNKNOWN,
        any_number: bool = False,
        pulse: Pulse | None = None,
    ) -> None:
        self.requests = requests
        self.dialect = dialect
        self.clock = pulse or Pulse(clock)
        self.timeout = timeout
        self.report = report
        self.rule = ReplyRule(any_number)
        self.outcome: Deferred[None] = Deferred()

    def buildProtocol(self, addr: IAddress | None) -> SumClient:
        return SumClient(self)

    def clientConnectionFailed(self, connector: IConnector | None, reason: Failure) -> None:
        if reason.check(error.TimeoutError):
            cause = f"no connection within {self.timeout:g} s"
        else:
            cause = reason.getErrorMessage().rstrip(".")
        kind = NobodyListens if reason.check(error.ConnectionRefusedError) else ExchangeFailed
        self.outcome.errback(kind(Failed(Cause.NO_CONNECTION, cause)))


def exchange_over(endpoint: IStreamClientEndpoint, factory: SumClientFactory) -> Deferred[None]:
    """Do the exchanges of `factory` with the server at `endpoint`. Fails with `ExchangeFailed`."""
    factory.report.connecting()
    connected = endpoint.connect(factory)
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        connected.cancel()

    def fail(reason: Failure) -> None:
        # What the reason is after a cancel, depends on the endpoint and how far it was.
        factory.clientConnectionFailed(None, Failure(error.TimeoutError()) if late else reason)

    deadline = Deadline(factory.clock, factory.timeout, give_up)

    def done(result: object) -> object:
        deadline.cancel()
        return result

    connected.addBoth(done)
    connected.addErrback(fail)
    return factory.outcome
