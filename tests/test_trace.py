"""The traces are events with fields, and read as the exercise has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent
from twisted.logger import capturedLogs as captured_logs

from sumproto.core.dialects import UNKNOWN
from sumproto.core.exchange import Exchange
from sumproto.core.message import Malformed, Message
from sumproto.core.observer import Peer
from sumproto.trace import EventTrace, ExchangeTrace, Throttle

PEER = Peer("tcp", "127.0.0.1", 54321)


def test_an_exchange_is_one_event() -> None:
    exchange = Exchange(Message("Client of {Ann}", 42), Message("Server of Bob", 58))
    with captured_logs() as events:
        ExchangeTrace().exchanged(PEER, [(exchange, UNKNOWN)], 0.0)
    event: dict[str, Any]
    (event,) = events
    assert event["peer"] == PEER
    assert (event["client_number"], event["server_number"], event["sum"]) == (42, 58, 100)
    assert formatEvent(event).splitlines() == [
        "Received connection from ('127.0.0.1', 54321)",
        "Client name: Client of {Ann}",
        "Server name: Server of Bob",
        "Client's number: 42",
        "Server's number: 58",
        "Sum: 100",
        "Response sent to client",
    ]


def test_other_events() -> None:
    trace = EventTrace(Throttle(Clock()))
    with captured_logs() as events:
        trace.refused(PEER, Malformed("it is not UTF-8"))
        trace.stop_denied(PEER, Malformed("101 is out of range"))
        trace.stopping("SIGTERM")
        trace.disconnected(PEER, "the server is stopping")
        trace.disconnected(PEER, None)
    assert [(event["log_level"], formatEvent(event)) for event in events] == [
        (
            LogLevel.info,
            "Closed the connection from ('127.0.0.1', 54321): malformed: it is not UTF-8",
        ),
        (
            LogLevel.warn,
            "('127.0.0.1', 54321) may not stop this server: 101 is out of range",
        ),
        (LogLevel.info, "Server is stopping: SIGTERM"),
        (
            LogLevel.info,
            "The connection from ('127.0.0.1', 54321) ended: the server is stopping",
        ),
    ]


def test_a_flood_of_errors_is_no_flood_of_events() -> None:
    clock = Clock()
    trace = EventTrace(Throttle(clock))
    with captured_logs() as events:
        for second in range(3):
            for number in range(1000):
                trace.refused(Peer("tcp", "192.0.2.1", number), Malformed(f"{second}"))
                trace.disconnected(Peer("tcp", "192.0.2.1", number), "reset")
            clock.advance(1)
        clock.advance(10)
        trace.refused(PEER, Malformed("it is not UTF-8"))
    lines = [formatEvent(event) for event in events]
    start = "Closed the connection from ('192.0.2.1', "
    assert [line for line in lines if line.startswith("Closed")] == [
        f"{start}0): malformed: 0",
        f"{start}999): malformed: 0 (999 like this within a second)",
        f"{start}999): malformed: 1 (1000 like this within a second)",
        f"{start}999): malformed: 2 (1000 like this within a second)",
        "Closed the connection from ('127.0.0.1', 54321): malformed: it is not UTF-8",
    ]
    assert len([line for line in lines if line.startswith("The connection")]) == 4


def test_what_is_held_back_is_told_before_the_stop() -> None:
    clock = Clock()
    trace = EventTrace(Throttle(clock))
    with captured_logs() as events:
        for _ in range(3):
            trace.refused(PEER, Malformed("no"))
        trace.stopping("SIGTERM")
    assert [formatEvent(event) for event in events[1:]] == [
        "Closed the connection from ('127.0.0.1', 54321): malformed: no"
        " (2 like this within a second)",
        "Server is stopping: SIGTERM",
    ]
