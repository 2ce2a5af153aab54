"""The traces are events with fields, and read as the exercise has them."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, formatEvent
from twisted.logger import capturedLogs as captured_logs

from sumproto.dialects import UNKNOWN
from sumproto.exchange import Exchange
from sumproto.message import Malformed, Message
from sumproto.trace import EventTrace, ExchangeTrace

PEER = ("127.0.0.1", 54321)


def test_an_exchange_is_one_event() -> None:
    exchange = Exchange(Message("Client of {Ann}", 42), Message("Server of Bob", 58))
    with captured_logs() as events:
        ExchangeTrace().exchanged(PEER, exchange, UNKNOWN)
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
    trace = EventTrace()
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
