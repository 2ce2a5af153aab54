"""Whatever peers do: no exception, and each request is answered once, in order."""

from __future__ import annotations

from itertools import count, cycle
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support import FakeServer
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from sumproto.core.dialects import Decoder, Newline, Received
from sumproto.core.exchange import Rule, check_range
from sumproto.core.hints import hint_for_peer
from sumproto.core.message import (
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    Reason,
    Stopping,
    TimedOut,
)

# In seconds, and sums of powers of two, so that floats add up exactly and it is clear what is due.
QUIET, IDLE, DRAIN = 0.25, 60.0, 5.0
LONGEST_SILENCE = 15 * QUIET
WAITS = [0.0625, 0.125, 0.5, 2.0, 5.0, 30.0, 61.0]

PIECES = [
    b"Ann,42\n",
    b"Bob ; 7\r\n",
    b"42 Cid\n",
    b"Dan\n",
    b"1",
    b"2\n",
    b",",
    b"\r",
    b"\n",
    b"Eve|3",
    b'{"name": "Fay", "number": 4}',
    b'{"id": 1, "a',
    b'": "Gil", "b":5}\r\n',
    b"\0\3Hal\0\0\0\6",
    b"\0\5Ian,7",
    b"\0",
    b"Jon,101\n",
    b"Kim,4.2\n",
    b"{}",
    b"x" * 600,
    b"9" * 600,
]


class Model:
    """What a server has to say to one connection."""

    def __init__(self, now: float, numbers: count[int]) -> None:
        self.now = now
        self.numbers = numbers
        self.decoder = Decoder()
        self.requests: list[Message] = []
        self.said = b""
        self.held: list[bytes] = []  # what comes while the peer does not read
        self.paused = self.stopping = self.peer_closed = self.closed = False
        self.idle_at: float | None = now + IDLE
        self.quiet_at: float | None = None
        self.abort_at: float | None = None
        self.silence_may_save_it = True
        self.begun_at: float | None = None  # when the last piece of what is pending was read
        self.longest_gap = 0.0

    def receive(self, data: bytes) -> None:
        if self.closed:
            return
        self.held.append(data)
        if not self.paused:
            self.go_on()

    def go_on(self) -> None:
        """Answer what has come, as far as the peer reads."""
        if self.held and self.begun_at is not None:
            self.longest_gap = max(self.longest_gap, self.now - self.begun_at)
            self.begun_at = None
        for data in self.held:
            self.decoder.feed(data)
        self.held.clear()
        self.answer(final=self.peer_closed)
        if self.closed:
            return
        if self.decoder.pending and self.peer_closed:
            self.refuse(Malformed("the connection ended within a message", Reason.CUT_OFF))
        elif self.peer_closed or (self.stopping and not self.decoder.pending):
            self.close()
        elif self.decoder.pending:
            # What came at once waits for the quiet period, what came in pieces for longer.
            self.begun_at = self.now
            self.quiet_at = self.now + min(max(QUIET, 3 * self.longest_gap), LONGEST_SILENCE)

    def answer(self, final: bool) -> None:
        self.quiet_at = None
        try:
            while received := self.decoder.take() or (self.decoder.finish() if final else None):
                self.begun_at, self.longest_gap = None, 0.0
                self.said += self.reply(received)
                self.idle_at = self.now + IDLE
                self.silence_may_save_it = True
        except MessageError as error:
            self.refuse(error)

    def reply(self, received: Received | Newline) -> bytes:
        if isinstance(received, Newline):
            return received.data
        check_range(received.message.number)
        self.requests.append(received.message)
        return received.dialect.encode(Message("Server of Bob", next(self.numbers) % 100 + 1))

    def refuse(self, error: MessageError) -> None:
        told = Stopping(str(error)) if isinstance(error, OutOfRange) else error
        self.said += self.decoder.dialect.encode_error(told, hint_for_peer(told))
        self.close()

    def close(self) -> None:
        self.closed = True
        self.idle_at = self.quiet_at = self.abort_at = None

    def end(self, peer_closed: bool) -> None:
        """The last request is in: the peer has closed, or the server stops."""
        self.peer_closed |= peer_closed
        if not peer_closed:
            self.stopping = True
            self.abort_at = self.abort_at or self.now + DRAIN
        if not self.closed and not self.paused:
            self.go_on()

    def too_late(self) -> MessageError:
        if self.paused:
            return TimedOut("the replies were not read within 60 s", Reason.REPLIES_LEFT)
        if self.decoder.pending:
            return self.decoder.missing().as_error()
        return TimedOut("a message did not come within 60 s")

    def advance(self, seconds: float) -> None:
        self.now += seconds  # a clock that jumps, as that of Twisted's tests does
        while due := [at for at in (self.abort_at, self.quiet_at) if at and at <= self.now]:
            if min(due) == self.abort_at:
                self.close()
            else:
                self.quiet_at = None
                if not self.paused:
                    self.answer(final=True)
                    if self.stopping:
                        self.close()
        # When both are due, as after a stall, what silence ends is answered first.
        if self.idle_at and self.idle_at <= self.now:
            if self.quiet_at and self.silence_may_save_it:
                self.silence_may_save_it = False
                self.idle_at = self.now + LONGEST_SILENCE
            else:
                self.refuse(self.too_late())


@implementer(ILogObserver)
class Errors:
    """The errors that are logged."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if "log_failure" in event or event.get("isError"):
            self.events.append(event)


class Connection(RuleBasedStateMachine):
    """A connection of a real `SumFactory` beside its model."""

    def __init__(self) -> None:
        super().__init__()
        self.errors = Errors()
        globalLogPublisher.addObserver(self.errors)
        self.server = FakeServer(quiet_period=QUIET, idle_timeout=IDLE, begun_timeout=0)
        numbers = cycle(range(100))
        self.server.responder.rule = Rule("Server of Bob", lambda: next(numbers) + 1)
        self.numbers = count()
        self.connect()

    def teardown(self) -> None:
        globalLogPublisher.removeObserver(self.errors)
        assert not self.errors.events

    def connect(self) -> None:
        self.protocol, self.transport = self.server.connect()
        self.model = Model(self.server.clock.seconds(), self.numbers)
        self.server.recorder.exchanges.clear()

    @property
    def open(self) -> bool:
        return self.transport.connected

    @precondition(lambda self: self.open and not self.model.peer_closed)
    @rule(data=st.lists(st.sampled_from(PIECES) | st.binary(max_size=40)).map(b"".join))
    def receive(self, data: bytes) -> None:
        if data:
            self.protocol.dataReceived(data)
            self.model.receive(data)

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        self.server.clock.advance(seconds)
        self.model.advance(seconds)

    @precondition(lambda self: self.open and not self.model.closed and not self.model.paused)
    @rule()
    def stop_reading(self) -> None:
        self.protocol.pauseProducing()
        self.model.paused = True

    @precondition(lambda self: self.open and self.model.paused and not self.model.closed)
    @rule()
    def read_on(self) -> None:
        self.model.paused = False
        self.model.go_on()
        self.protocol.resumeProducing()

    @precondition(lambda self: self.open and not self.model.peer_closed)
    @rule()
    def half_close(self) -> None:
        self.model.end(peer_closed=True)
        self.protocol.readConnectionLost()

    @precondition(lambda self: self.open)
    @rule()
    def reset(self) -> None:
        self.transport.abortConnection()
        self.model.close()

    @precondition(lambda self: not self.open and not self.server.stops)
    @rule()
    def connect_again(self) -> None:
        self.connect()

    @rule()
    def stop(self) -> None:
        self.server.factory.drain(DRAIN)
        self.server.stops = 1
        self.model.end(peer_closed=False)

    @invariant()
    def says_what_the_model_says(self) -> None:
        said = self.transport.value()
        if self.model.paused:
            assert self.model.said.startswith(said)
        else:
            assert said == self.model.said
        requests = [exchange.request for exchange in self.server.recorder.exchanges]
        assert requests == self.model.requests[: len(requests)]


TestConnection = Connection.TestCase


# What was found once, in fields or by fuzzing, stays found.

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_corpus(path: Path, size: int) -> None:
    """Each input, in segments of any size, is handled as in one; and the connection ends."""
    data = path.read_bytes()
    outputs = []
    for step in (size, len(data)):
        server = FakeServer()
        protocol, transport = server.connect()
        for start in range(0, len(data), step):
            protocol.dataReceived(data[start : start + step])
        server.clock.advance(1)
        if transport.connected:
            protocol.readConnectionLost()
        assert not transport.connected
        assert not server.clock.getDelayedCalls()
        outputs.append(
            (server.recorder.exchanges, [code for _, code, *_ in server.recorder.events])
        )
    assert outputs[0] == outputs[1]
