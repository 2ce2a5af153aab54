"""Observers watch a server, and whatever they do, it serves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from support import OUT_OF_RANGE, FakeServer, Recorder, Transport
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent
from twisted.logger import capturedLogs as captured_logs

from sumproto.core import Done, MessageError, Observer, Peer
from sumproto.server import SumDatagramProtocol
from sumproto.service import Options, makeService
from sumproto.web import Tally

FAR_AWAY = IPv4Address("TCP", "192.0.2.1", 54321)
METHODS = {name for name, _ in inspect.getmembers(Observer, inspect.isfunction)}


class Broken(Observer):
    """Fails in each of its methods, whatever they are called with."""

    def __init__(self) -> None:
        self.called: set[str] = set()


def _failing(name: str) -> Any:
    def fail(self: Broken, *args: object) -> None:
        self.called.add(name)
        raise ValueError(f"a bug in {name}")

    return fail


for _name in METHODS - {"__init__"}:
    setattr(Broken, _name, _failing(_name))


@pytest.fixture
def events() -> Iterator[Sequence[Any]]:
    """What is logged."""
    with captured_logs() as logged:
        yield logged


def failures(events: Sequence[Any]) -> list[str]:
    return [formatEvent(event) for event in events if event["log_level"] is LogLevel.critical]


def test_an_observer_that_fails_in_all_it_does_loses_no_reply(events: Sequence[Any]) -> None:
    broken, after = Broken(), Recorder()
    server = FakeServer(observers=[broken, after], max_connections=3)
    first, far, offender = server.connect(), server.connect(FAR_AWAY), server.connect()
    refused = server.connect()
    first[0].dataReceived(b"Ann,42\nBob,43\n")
    far[0].dataReceived(b"Ann,101\n")
    offender[0].dataReceived(b"Bob,44\nAnn,101\n")
    server.factory.refuse()
    late = server.connect()
    server.factory.drain(5)
    for _, transport in (first, far, offender, refused, late):
        assert transport.half_closed
        transport.loseConnection()

    assert first[1].value() == b"Server of Bob,58\n" * 2
    assert far[1].value() == OUT_OF_RANGE
    assert offender[1].value() == b"Server of Bob,58\nERROR stopping: 101 is out of range.\n"
    assert refused[1].value() == b"ERROR busy: the server has its 3 connections.\r\n"
    assert late[1].value() == b"ERROR stopping: the server is stopping.\r\n"
    assert server.stops == 1
    assert broken.called == METHODS
    assert (after.events, after.exchanges) == (server.recorder.events, server.recorder.exchanges)


def test_an_observer_that_fails_loses_no_datagram(events: Sequence[Any]) -> None:
    class Port:
        maxThroughput = 256 * 1024
        written: list[bytes] = []  # noqa: RUF012

        def write(self, data: bytes, address: object) -> None:
            self.written.append(data)

    server = FakeServer(observers=[Broken()])
    protocol = SumDatagramProtocol(server.responder)
    protocol.transport = Port()
    protocol.startProtocol()
    for request in (b"Ann,42", b"noise", b"Ann,101", b"Ann,43"):
        protocol.datagramReceived(request, ("127.0.0.1", 54321))
    assert Port.written == [
        b"Server of Bob,58",
        b"ERROR stopping: 101 is out of range.",
        b"Server of Bob,58",
    ]
    assert server.stops == 1


def test_a_failure_is_logged_with_its_traceback_but_does_not_flood_the_log(
    events: Sequence[Any],
) -> None:
    server = FakeServer(observers=[Broken()])
    protocol, _ = server.connect()
    for _ in range(1000):
        protocol.dataReceived(b"Ann,42\n")
    text = "Broken failed while it watched the server"
    assert failures(events) == [text]
    assert "a bug in connected" in events[-1]["log_failure"].getTraceback()
    server.clock.advance(1)
    assert failures(events) == [text, text + " (1000 like this within a second)"]
    assert "a bug in exchanged" in events[-1]["log_failure"].getTraceback()


def test_what_was_held_back_is_logged_when_the_server_stops(events: Sequence[Any]) -> None:
    server = FakeServer(observers=[Broken()])
    protocol, _ = server.connect()
    protocol.dataReceived(b"Ann,42\n")
    server.responder.stop("SIGTERM")
    assert len(failures(events)) == 2


def test_a_dialect_or_transport_that_nobody_declared_loses_no_reply(events: Sequence[Any]) -> None:
    tally, after = Tally(Clock().seconds), Recorder()
    tally.exchanges.clear()
    server = FakeServer(observers=[tally, after])
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42\nAnn,43\n")
    assert transport.value() == b"Server of Bob,58\n" * 2
    assert len(after.exchanges) == 2
    assert failures(events) == ["Tally failed while it watched the server"]


def test_replies_are_written_before_anybody_hears_of_them() -> None:
    class Looking(Observer):
        def look(self) -> None:
            seen.append(transport.value())

        def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
            self.look()

        def refused(self, peer: Peer, error: MessageError) -> None:
            self.look()

        def stopping(self, why: str) -> None:
            self.look()

    seen: list[bytes] = []
    protocol, transport = FakeServer(observers=[Looking()]).connect()
    protocol.dataReceived(b"Ann,42\nAnn,101\n")
    reply, error = b"Server of Bob,58\n", b"ERROR stopping: 101 is out of range.\n"
    assert seen == [reply, reply + error, reply + error]


def test_the_seconds_of_an_exchange_end_with_its_reply() -> None:
    """What the observers themselves take is not part of it, nor what they took before."""

    class Slow(Observer):
        def exchanged(self, peer: Peer, done: Sequence[Done], seconds: float) -> None:
            server.clock.rightNow += 1

    class SlowTransport(Transport):
        def write(self, data: bytes) -> None:
            server.clock.rightNow += 0.25
            super().write(data)

    last = Recorder()
    server = FakeServer(observers=[Slow(), last])
    protocol, _ = server.connect(transport=SlowTransport())
    protocol.dataReceived(b"Ann,42\n")
    protocol.dataReceived(b"Ann,43\n")
    assert server.recorder.seconds == last.seconds == [0.25, 0.25]


def test_a_service_that_is_stopped_by_its_parent_says_so_and_takes_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody sent a signal or a number out of range: the program that it is part of ends it."""
    monkeypatch.setattr("sumproto.service.Signals.take", lambda _: None)
    # The port of this reactor lacks what every port has that can be listened on.
    fake = "twisted.internet.testing._FakePort.doRead"
    monkeypatch.setattr(fake, lambda _: None, raising=False)
    options = Options()
    options.parseOptions(["--listen", "tcp:0", "--listen", "tcp:1"])
    reactor = MemoryReactorClock()
    service = makeService(options, reactor)
    with captured_logs() as events:
        service.startService()
        factory: Any
        (_, factory, *_), (_, same_factory, *_) = reactor.tcpServers
        assert same_factory is factory  # so both count for --max-connections
        open_ = Transport()
        open_.protocol = factory.buildProtocol(FAR_AWAY)
        open_.protocol.makeConnection(open_)
        stopped: list[object] = []
        service.stopService().addCallback(stopped.append)
        reactor.advance(0)
        late = Transport()
        late.protocol = factory.buildProtocol(FAR_AWAY)
        late.protocol.makeConnection(late)
        assert late.value() == b"ERROR stopping: the server is stopping.\r\n"
        late.loseConnection()
        assert open_.half_closed
        assert not stopped
        open_.loseConnection()
    assert stopped
    assert "Server is stopping: the service is stopped" in map(formatEvent, events)
