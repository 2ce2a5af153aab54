"""The server on a fake transport and clock."""

from __future__ import annotations

import socket

import pytest
from support import NO_INTEGER, OUT_OF_RANGE, FakeServer, Transport, error_line
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from sumproto.core.exchange import STOP_ON, ReplyFormat, Rule, StopPolicy
from sumproto.core.message import MAX_MESSAGE, Message, Reason, TimedOut
from sumproto.core.observer import Peer
from sumproto.server.factory import CLOSE_TIMEOUT, REFUSALS

FAR_AWAY = IPv4Address("TCP", "192.0.2.1", 54321)


def test_an_exchange() -> None:
    server = FakeServer()
    protocol, transport = server.connect(IPv4Address("TCP", "127.0.0.1", 54321))
    protocol.dataReceived(b"Client of Ann,42\r\n")
    assert transport.value() == b"Server of Bob,58\r\n"
    assert transport.noDelay
    (exchange,) = server.recorder.exchanges
    assert exchange.request == Message("Client of Ann", 42)
    assert exchange.sum == 100
    protocol.connectionLost()
    assert server.recorder.events == [
        ("connected", Peer("tcp", "127.0.0.1", 54321)),
        ("disconnected", None),
    ]


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        (IPv6Address("TCP", "::1", 7), Peer("tcp", "::1", 7)),
        (UNIXAddress(b""), Peer("unix")),
    ],
)
def test_peers(address: object, peer: object) -> None:
    server = FakeServer()
    server.connect(address)
    assert server.recorder.events == [("connected", peer)]


def test_a_unix_socket_has_no_delay_to_turn_off() -> None:
    server = FakeServer()
    _, transport = server.connect(transport=Transport(host=UNIXAddress(b"/run/sum.sock")))
    assert not hasattr(transport, "noDelay")


def test_the_replies_to_a_chunk_leave_in_one_write() -> None:
    protocol, transport = FakeServer().connect()
    protocol.dataReceived(b"Ann,1\nBob;2\r\n3 Cid\nDan,4")
    assert transport.writes == [b"Server of Bob,58\nServer of Bob;58\r\n58 Server of Bob\n"]


# Silence


def test_silence_ends_a_message_with_no_newline() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,4")
    server.clock.advance(0.15)
    protocol.dataReceived(b"2")
    server.clock.advance(0.44)  # it has shown a gap of 0.15 s, and may have one three times as long
    assert transport.value() == b""
    server.clock.advance(0.02)
    assert transport.value() == b"Server of Bob,58"
    assert server.recorder.exchanges[0].request == Message("Ann", 42)
    protocol.dataReceived(b"Ann,43\n")
    assert transport.value() == b"Server of Bob,58Server of Bob,58\n"


def test_pieces_that_come_slowly_are_one_message() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    for piece in (b"Cli", b"ent of Ann", b",4", b"2"):
        protocol.dataReceived(piece)
        server.clock.advance(0.3)
    assert transport.value() == b""
    server.clock.advance(0.7)
    assert server.recorder.exchanges[0].request == Message("Client of Ann", 42)
    protocol.dataReceived(b"Ann,43")  # which has shown no gap
    server.clock.advance(0.2)
    assert len(server.recorder.exchanges) == 2


@pytest.mark.parametrize("gap", [1.1, 50])
def test_who_is_very_slow_waits_no_longer_than_this(gap: float) -> None:
    server = FakeServer()
    protocol, _ = server.connect()
    protocol.dataReceived(b"Client of")
    server.clock.advance(gap)
    protocol.dataReceived(b" Ann,42")
    server.clock.advance(2.9)
    assert not server.recorder.exchanges
    server.clock.advance(0.2)
    assert server.recorder.exchanges


def test_half_a_message_costs_nothing_while_it_waits() -> None:
    server = FakeServer(idle_timeout=0, begun_timeout=0)
    protocol, _ = server.connect()
    protocol.dataReceived(b"Client of")
    server.clock.advance(0.2)
    assert not server.clock.getDelayedCalls()


# A stall: the clock jumps, and what has come in time is read after the timers were called.


def test_silence_is_no_stall_of_ours() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,4")
    server.clock.callLater(0.35, protocol.dataReceived, b"2\n")
    server.clock.advance(0.35)
    assert transport.value() == b"Server of Bob,58\n"
    assert server.recorder.exchanges[0].request == Message("Ann", 42)


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_a_request_that_came_in_time_is_answered_after_a_stall(newline: bytes) -> None:
    server = FakeServer(idle_timeout=60)
    protocol, transport = server.connect()
    server.clock.callLater(70, protocol.dataReceived, b"Ann,42" + newline)
    server.clock.advance(70)
    server.clock.advance(0.2)
    assert transport.value() == b"Server of Bob,58" + newline
    server.clock.advance(60)
    assert b"ERROR timeout: " in transport.value()


def test_who_goes_on_sending_gains_no_more_than_a_silence() -> None:
    server = FakeServer(idle_timeout=60)
    protocol, transport = server.connect()
    for byte in b"Client of ":
        protocol.dataReceived(bytes([byte]))
        server.clock.advance(5.99)
    for _ in range(14):
        protocol.dataReceived(b"A")
        server.clock.advance(0.2)
    assert transport.value() == b""
    protocol.dataReceived(b"A")
    server.clock.advance(0.4)
    assert transport.value().startswith(b"ERROR timeout: I have 'Client of AAA")


def test_replies_that_are_read_in_time() -> None:
    """The kernel has room again, but the transport learns of it after the timers were called."""
    server = FakeServer(idle_timeout=60)
    protocol, transport = server.connect()
    protocol.pauseProducing()
    protocol.dataReceived(b"Ann,42\n")
    server.clock.callLater(70, protocol.resumeProducing)
    server.clock.advance(70)
    assert transport.value() == b"Server of Bob,58\n"


def test_observers_are_told_how_long_an_exchange_took() -> None:
    server = FakeServer()
    protocol, _ = server.connect()
    protocol.dataReceived(b"Ann,41\nAnn,42")
    server.clock.advance(0.2)
    assert server.recorder.seconds == [0, 0.2]


def test_silence_does_not_end_half_a_message() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Client of")
    server.clock.advance(1)
    protocol.dataReceived(b" Ann\n42\n")
    assert transport.value() == b"Server of Bob\n58\n"


def test_silence_can_be_turned_off() -> None:
    server = FakeServer(quiet_period=0)
    protocol, _ = server.connect()
    protocol.dataReceived(b"Ann,4")
    server.clock.advance(10)
    protocol.dataReceived(b"2\n")
    assert server.recorder.exchanges[0].request == Message("Ann", 42)


def test_a_newline_after_the_silence_is_answered_with_it() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42")
    server.clock.advance(0.2)
    protocol.dataReceived(b"\r\nAnn,43\n")
    assert transport.value() == b"Server of Bob,58\r\nServer of Bob,58\n"


def test_half_close_ends_a_message() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,41\nAnn,42")
    protocol.readConnectionLost()
    assert transport.value() == b"Server of Bob,58\nServer of Bob,58"
    assert not transport.connected
    assert not server.clock.getDelayedCalls()


@pytest.mark.parametrize("half", [b"Ann", b"Ann\n"])
def test_half_close_within_a_message(half: bytes) -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42\n" + half)
    protocol.readConnectionLost()
    reply, error = transport.value().splitlines()
    assert reply == b"Server of Bob,58"
    assert error == (
        b"ERROR malformed: the connection ended within a message. "
        b"Send all of a message before you close."
    )
    assert not transport.connected


# Errors


def test_an_error_closes_when_all_before_it_is_answered() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42\nAnn,4.2\nBob,43\n")
    assert transport.value() == b"Server of Bob,58\n" + NO_INTEGER


@pytest.mark.parametrize("format_", [None, "{separator}" * 300])
@pytest.mark.parametrize(
    "request_",
    [
        b"Ann" + b" " * 1010 + b",42\n",
        b"\3\xf7" + b"Ann" + b" " * 1010 + b"42",
        b'{"name": "Ann", ' + b" " * 990 + b'"number": 42}',
    ],
)
def test_a_request_whose_reply_would_be_too_long(request_: bytes, format_: str | None) -> None:
    server = FakeServer()
    server.responder.rule = Rule(
        "Server of Bob", lambda: 58, ReplyFormat(format_) if format_ else None
    )
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann\r\n42\r\n" + request_ + b"Ann,42\n")
    replies = transport.value()
    assert replies.count(b"too-long") == replies.count(b"the reply would be longer") == 1
    assert len(replies) < MAX_MESSAGE + 1024
    assert transport.half_closed
    events = [event for event in server.recorder.events if event[0] == "refused"]
    assert events == [("refused", "too-long", "the reply would be longer than 1024 bytes")]
    assert len(server.recorder.exchanges) == 1


def test_after_an_error_only_the_close_of_the_peer_counts() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,4.2\nBob,43\n")
    assert transport.half_closed
    protocol.dataReceived(b"Bob,101\n")
    server.clock.advance(1)
    assert transport.value() == NO_INTEGER
    assert transport.connected
    protocol.readConnectionLost()
    assert not transport.connected
    assert not transport.aborted
    assert not server.clock.getDelayedCalls()
    assert server.stops == 0


def test_a_peer_that_does_not_close_is_cut_off() -> None:
    server = FakeServer()
    _, transport = server.connect()
    transport.protocol.dataReceived(b"Ann,4.2\n")
    server.clock.advance(CLOSE_TIMEOUT - 1)
    assert transport.connected
    server.clock.advance(1)
    assert transport.aborted


def test_tls_is_closed_both_ways_at_once() -> None:
    transport = Transport()
    directlyProvides(transport, ISSLTransport)
    protocol, _ = FakeServer().connect(transport=transport)
    protocol.dataReceived(b"Ann,4.2\n")
    assert not transport.half_closed
    assert not transport.connected


def test_idle_connections_are_closed() -> None:
    server = FakeServer(idle_timeout=60)
    _, transport = server.connect()
    server.clock.advance(60)
    assert transport.value() == (
        b"ERROR timeout: a message did not come within 60 s. "
        b"Send a message, or close the connection.\r\n"
    )
    assert transport.half_closed


def test_only_a_whole_message_is_a_sign_of_life() -> None:
    server = FakeServer(idle_timeout=60)
    protocol, transport = server.connect()
    server.clock.advance(50)
    protocol.dataReceived(b"Ann,42\n")
    server.clock.advance(50)
    protocol.dataReceived(b"Ann")
    server.clock.advance(10)
    assert transport.value().splitlines() == [
        b"Server of Bob,58",
        b"ERROR timeout: I have 'Ann'; a separator and a number are missing. "
        b"Put an integer behind the name, as in 'Client of Ann,42', and a newline.",
    ]


def test_replies_that_are_not_read_in_time() -> None:
    server = FakeServer(idle_timeout=60)
    protocol, transport = server.connect()
    protocol.pauseProducing()
    server.clock.advance(60)
    error = TimedOut("the replies were not read within 60 s", Reason.REPLIES_LEFT)
    assert transport.value() == error_line(error, "\r\n")


def test_the_idle_timeout_can_be_turned_off() -> None:
    server = FakeServer(idle_timeout=0)
    _, transport = server.connect()
    server.clock.advance(10**6)
    assert transport.connected


def test_too_many_connections() -> None:
    server = FakeServer(max_connections=2)
    first, _ = server.connect()
    server.connect()
    _, refused = server.connect()
    assert refused.value() == b"ERROR busy: the server has its 2 connections.\r\n"
    assert refused.half_closed
    first.connectionLost()
    _, accepted = server.connect()
    assert accepted.value() == b""
    refused.protocol.readConnectionLost()
    _, refused = server.connect()
    assert refused.value().startswith(b"ERROR busy: ")


def test_far_too_many_connections() -> None:
    server = FakeServer(max_connections=2)
    for _ in range(2 + REFUSALS):
        server.connect()
    assert server.factory.buildProtocol(None) is None
    assert server.recorder.events.count(("turned away",)) == REFUSALS + 1


def test_a_lost_connection_is_explained() -> None:
    server = FakeServer()
    protocol, _ = server.connect()
    protocol.connectionLost(Failure(ConnectionLost("reset")))
    assert server.recorder.events[-1] == (
        "disconnected",
        "Connection to the other side was lost in a non-clean fashion: reset.",
    )


# Flow control


def test_a_peer_that_does_not_read_is_not_answered() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.pauseProducing()
    protocol.dataReceived(b"Ann,1\nAnn,2")
    protocol.readConnectionLost()
    assert transport.value() == b""
    assert transport.connected
    protocol.resumeProducing()
    assert transport.value() == b"Server of Bob,58\nServer of Bob,58"
    assert not transport.connected


def test_a_pause_starts_no_second_quiet_period() -> None:
    """Found by test_fuzz.py: the first one went on, and fired when the connection was closing."""
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.pauseProducing()
    protocol.dataReceived(b"Ann")
    protocol.resumeProducing()
    protocol.dataReceived(b",42\nBob,4.2\n")
    protocol.readConnectionLost()
    assert not server.clock.getDelayedCalls()
    assert transport.value().startswith(b"Server of Bob,58\nERROR malformed: ")


def test_a_pause_takes_effect_within_a_chunk() -> None:
    class Slow(Transport):
        def write(self, data: bytes) -> None:
            super().write(data)
            self.protocol.pauseProducing()

    server = FakeServer()
    protocol, transport = server.connect(transport=Slow())
    protocol.dataReceived(b"Al 1\n" * 16000)
    assert len(server.recorder.exchanges) < 5000
    while len(server.recorder.exchanges) < 16000:
        protocol.resumeProducing()
    assert transport.value() == b"Server of Bob 58\n" * 16000
    assert len(transport.writes) > 30


# Stopping


def test_out_of_range_stops_the_server() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,42\nAnn,101\nAnn,43\n")
    assert transport.value() == b"Server of Bob,58\nERROR stopping: 101 is out of range.\n"
    assert transport.half_closed
    assert server.stops == 1
    assert server.recorder.events[-2:] == [
        ("refused", "stopping", "101 is out of range"),
        ("stopping", "101 is out of range"),
    ]


def test_two_offenders_stop_it_once() -> None:
    server = FakeServer()
    first, second = server.connect(), server.connect()
    first[0].dataReceived(b"Ann,101\n")
    second[0].dataReceived(b"Bob,0\n")
    server.responder.stop("SIGTERM")
    assert second[1].value() == b"ERROR stopping: 0 is out of range.\n"
    assert server.stops == 1


def test_who_may_not_stop_it() -> None:
    server = FakeServer()
    protocol, transport = server.connect(FAR_AWAY)
    protocol.dataReceived(b"Ann,101\n")
    assert transport.value() == OUT_OF_RANGE
    assert transport.half_closed
    assert server.stops == 0
    assert ("stop denied", Peer("tcp", "192.0.2.1", 54321)) in server.recorder.events


@pytest.mark.parametrize(
    ("stop_on", "request_", "error", "stops"),
    [
        ("never", b"Ann,101\n", OUT_OF_RANGE, 0),
        ("invalid", b"Ann,4.2\n", b"ERROR stopping: '4.2' is not an integer.\n", 1),
        ("invalid", b"Ann,101\n", b"ERROR stopping: 101 is out of range.\n", 1),
        ("invalid", b"A" * 1025, b"ERROR stopping: a message has at most 1024 bytes.\r\n", 1),
        ("out-of-range", b"Ann,4.2\n", NO_INTEGER, 0),
    ],
)
def test_stop_on(stop_on: str, request_: bytes, error: bytes, stops: int) -> None:
    server = FakeServer(policy=StopPolicy(STOP_ON[stop_on]))
    protocol, transport = server.connect()
    protocol.dataReceived(request_)
    assert transport.value() == error
    assert server.stops == stops


def test_draining() -> None:
    server = FakeServer()
    idle, asking, slow = server.connect(), server.connect(), server.connect()
    asking[0].dataReceived(b"Ann,42")
    slow[0].pauseProducing()
    slow[0].dataReceived(b"Bob,43\n")
    drained: list[None] = []
    server.factory.drain(5).addCallback(drained.append)
    assert idle[1].value() == b""
    assert idle[1].half_closed
    assert asking[1].value() == b""
    server.clock.advance(0.2)
    assert asking[1].value() == b"Server of Bob,58"
    assert asking[1].half_closed
    assert not slow[1].half_closed
    slow[0].resumeProducing()
    assert slow[1].value() == b"Server of Bob,58\n"
    assert slow[1].half_closed
    for protocol, _ in (idle, asking, slow):
        assert not drained
        protocol.readConnectionLost()
    assert drained
    assert not server.clock.getDelayedCalls()
    assert server.recorder.events[-1] == ("disconnected", "the server is stopping")


@pytest.mark.parametrize("quiet_period", [0, 0.2])
def test_draining_waits_for_no_rest(quiet_period: float) -> None:
    """What only silence could end is no request if silence ends none, or if it is half of one."""
    server = FakeServer(quiet_period=quiet_period)
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,4" if quiet_period == 0 else b"Ann")
    server.factory.drain(5)
    server.clock.advance(quiet_period)
    assert transport.value() == b""
    assert transport.half_closed


def test_draining_reads_what_the_kernel_has() -> None:
    class Real(Transport):
        def fileno(self) -> int:
            return ours.fileno()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = FakeServer()
        protocol, transport = server.connect(transport=Real())
        theirs.sendall(b"Ann,42\n" * 3)
        server.factory.drain(5)
        assert not transport.half_closed
        protocol.dataReceived(ours.recv(7))
        assert not transport.half_closed
        protocol.dataReceived(ours.recv(14))
        assert transport.half_closed
        assert transport.value() == b"Server of Bob,58\n" * 3


def test_draining_is_the_bound_of_every_close() -> None:
    server = FakeServer()
    _, transport = server.connect()
    server.factory.drain(60)
    assert transport.half_closed
    server.clock.advance(59)
    assert transport.connected
    server.clock.advance(1)
    assert transport.aborted


def test_a_stall_while_draining() -> None:
    server = FakeServer()
    protocol, transport = server.connect()
    protocol.dataReceived(b"Ann,4")
    server.factory.drain(5)
    server.clock.callLater(6, protocol.dataReceived, b"2\n")
    server.clock.advance(6)
    assert transport.value() == b"Server of Bob,58\n"


def test_draining_ends() -> None:
    server = FakeServer()
    _, idle = server.connect()
    offender, _ = server.connect()
    offender.dataReceived(b"Ann,101\n")
    drained: list[None] = []
    server.factory.drain(5).addCallback(drained.append)
    server.clock.advance(5)
    assert idle.aborted
    assert drained


def test_draining_nobody() -> None:
    server = FakeServer()
    drained: list[None] = []
    server.factory.drain(5).addCallback(drained.append)
    assert drained
    assert not server.clock.getDelayedCalls()


def test_listeners_that_share_connections_drain_them_once_and_all_wait_for_the_end() -> None:
    server = FakeServer()
    _, transport = server.connect()
    drained: list[str] = []
    server.factory.drain(5).addCallback(lambda _: drained.append("first"))
    server.factory.drain(60).addCallback(lambda _: drained.append("second"))
    assert not drained
    server.clock.advance(5)
    assert transport.aborted
    assert drained == ["first", "second"]


def test_a_factory_that_drains_takes_no_connection() -> None:
    server = FakeServer()
    server.connect()
    server.factory.drain(5)
    _, transport = server.connect()
    assert transport.value() == b"ERROR stopping: the server is stopping.\r\n"


def test_a_server_that_stops_takes_no_connection() -> None:
    server = FakeServer()
    server.factory.refuse()
    _, transport = server.connect()
    assert transport.value() == b"ERROR stopping: the server is stopping.\r\n"
    assert transport.half_closed
