"""The client, on fakes and as a program."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any, cast

import pytest
from support import (
    EVIL,
    PATIENCE,
    FakeReport,
    Handler,
    Transport,
    answer,
    client,
    fake_server,
    is_harmless,
    read_all,
    run,
    running,
    running_server,
)
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from sumproto.client.__main__ import main
from sumproto.client.failures import ExchangeFailed
from sumproto.client.stream import SumClient, SumClientFactory, exchange_over
from sumproto.core.dialects import DIALECTS
from sumproto.core.message import Message
from sumproto.core.replies import Cause

# On fakes


class FakeClient:
    """A `SumClient` that is connected, and what became of its exchanges."""

    def __init__(
        self,
        *numbers: int,
        dialect: str = "comma",
        newline: str = "\r\n",
        any_number: bool = False,
        first_timeout: float | None = None,
        begin: bool = True,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.report = FakeReport()
        requests = [Message("Client of Ann", number) for number in numbers]
        self.factory = SumClientFactory(
            requests,
            self.clock,
            5,
            self.report,
            DIALECTS[dialect](newline),
            any_number,
            first_timeout,
        )
        self.outcomes: list[Any] = []
        self.factory.outcome.addBoth(self.outcomes.append)
        self.protocol: SumClient = self.factory.buildProtocol(None)
        self.transport = options.get("transport") or Transport()
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)
        if begin:
            self.clock.advance(0)

    def lose(self, reason: Exception | None = None) -> None:
        self.transport.connected = False
        self.protocol.connectionLost(Failure(reason or ConnectionDone()))

    @property
    def failure(self) -> str:
        (outcome,) = self.outcomes
        outcome.trap(ExchangeFailed)
        return str(outcome.value)

    @property
    def cause(self) -> Cause:
        (outcome,) = self.outcomes
        failed: ExchangeFailed = outcome.value
        return failed.cause


def test_exchanges_follow_one_another() -> None:
    fake = FakeClient(1, 2)
    assert fake.transport.value() == b"Client of Ann,1\r\n"
    fake.protocol.dataReceived(b"Server of Bob,58\r")
    assert fake.report.told == ["sent"]
    fake.protocol.dataReceived(b"\n")
    assert fake.transport.value() == b"Client of Ann,1\r\nClient of Ann,2\r\n"
    fake.protocol.dataReceived(b"Server of Bob,59\r\nwhat comes now is of no interest\n1\n2\n")
    assert fake.report.told == ["sent", 59, "sent", 61]
    assert fake.outcomes == [None]
    assert not fake.transport.connected
    assert not fake.clock.getDelayedCalls()


def test_what_comes_after_the_last_reply_is_ignored() -> None:
    """TLS delivers it even after the close."""
    fake = FakeClient(1)
    fake.protocol.dataReceived(b"Server of Bob,58\n")
    fake.protocol.dataReceived(b"Server of Eve,59\n")
    assert fake.report.told == ["sent", 59]
    assert fake.outcomes == [None]


def test_a_reply_may_end_in_silence() -> None:
    fake = FakeClient(1)
    fake.protocol.dataReceived(b"Server of Bob,58")
    fake.clock.advance(0.9)
    assert not fake.outcomes
    fake.clock.advance(0.1)
    assert fake.report.told == ["sent", 59]


def test_silence_is_shorter_if_there_is_no_newline_to_wait_for() -> None:
    fake = FakeClient(1, newline="")
    fake.protocol.dataReceived(b"Server of Bob,58")
    fake.clock.advance(0.2)
    assert fake.report.told == ["sent", 59]


def test_a_newline_that_is_on_its_way_is_waited_for() -> None:
    fake = FakeClient(42)
    fake.protocol.dataReceived(b"Server of Bob,5")
    fake.clock.advance(0.4)
    fake.protocol.dataReceived(b"8\n")
    assert fake.report.told == ["sent", 100]
    assert fake.outcomes == [None]


def test_the_first_reply_may_have_less_time() -> None:
    fake = FakeClient(1, 2, first_timeout=1)
    fake.protocol.dataReceived(b"Server of Bob,58\n")
    fake.clock.advance(4.9)
    assert not fake.outcomes
    fake = FakeClient(1, first_timeout=1)
    fake.clock.advance(1)
    assert fake.failure == "no reply within 1 s"


def test_what_is_no_reply_when_the_time_is_over_gains_no_more_than_its_silence() -> None:
    fake = FakeClient(1, first_timeout=1)
    fake.clock.advance(0.5)
    fake.protocol.dataReceived(b"what?")
    fake.clock.advance(0.5)
    assert not fake.outcomes
    fake.clock.advance(0.5)
    assert fake.failure == "no reply within 1 s, but 'what?'"


def test_a_reply_may_end_with_the_connection() -> None:
    fake = FakeClient(1)
    fake.protocol.dataReceived(b"Server of Bob,58")
    fake.lose()
    assert fake.report.told == ["sent", 59]
    assert fake.outcomes == [None]
    assert not fake.clock.getDelayedCalls()


@pytest.mark.parametrize(
    "reply",
    [
        b"Server of Bob,58\r\n",
        b"Server of Bob | 58\n",
        b"58;Server of Bob\n",
        b"Server of Bob\n58\n",
        b"Server of Bob\n58\n100\n",
        b"Server of Bob,58,100\n",
        b"Server of Bob 58 100\n",
        b'{"server_name":"Server of Bob","server_number":58}',
        b'{"name":"Server of Bob","number":58,"sum":100}\r\n',
        b"\0\x0dServer of Bob\0\0\0\x3a",
        b"\0\x10Server of Bob,58",
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_replies_are_read_in_any_dialect(dialect: str, reply: bytes) -> None:
    fake = FakeClient(42, 42, dialect=dialect)
    for _ in range(2):
        for byte in reply:
            fake.protocol.dataReceived(bytes([byte]))
    assert fake.report.told == ["sent", 100, "sent", 100]
    assert fake.outcomes == [None]


def test_a_server_that_closes_early() -> None:
    fake = FakeClient(1, 2)
    fake.protocol.dataReceived(b"Server of Bob,58")
    fake.lose()
    assert fake.report.told == ["sent", 59]
    assert fake.failure == "the connection was closed without a reply"


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (b"Server of Bob,5.8\r\n", r"malformed reply 'Server of Bob,5.8\r\n': '5.8' is not an int"),
        (b"\x1b[31m\r\n", r"malformed reply '\x1b[31m\r\n': there are control characters"),
        (b"\xff,5\n", r"malformed reply '\xff,5\n': it is not UTF-8"),
        (b"ERROR busy: later.\r\n", "error reply: busy: later"),
        (b"ERROR stopping: the server is stopping.\n", "error reply: stopping: the server is"),
    ],
)
def test_bad_replies(reply: bytes, failure: str) -> None:
    fake = FakeClient(1)
    fake.protocol.dataReceived(reply)
    assert fake.failure.startswith(failure)
    assert not fake.transport.connected


@pytest.mark.parametrize("reply", EVIL)
def test_nothing_evil_is_shown(reply: bytes) -> None:
    fake = FakeClient(42)
    fake.protocol.dataReceived(reply)
    fake.clock.advance(5)
    assert fake.report.told == ["sent"]
    assert is_harmless(fake.failure)


def test_no_reply_in_time() -> None:
    fake = FakeClient(1)
    fake.protocol.dataReceived(b"Server of")
    fake.clock.advance(5)
    assert fake.failure == "no reply within 5 s, but 'Server of'"


def test_a_stall_is_not_the_end_of_a_reply() -> None:
    fake = FakeClient(42)
    fake.protocol.dataReceived(b"Bob,5")
    fake.clock.callLater(0.35, fake.protocol.dataReceived, b"8\n")
    fake.clock.advance(0.35)
    assert fake.report.told == ["sent", 100]


@pytest.mark.parametrize("newline", ["", "\n"])
def test_a_reply_that_came_in_time_counts_after_a_stall(newline: str) -> None:
    fake = FakeClient(42)
    fake.clock.callLater(7, fake.protocol.dataReceived, b"Bob,58" + newline.encode())
    fake.clock.advance(7)
    fake.clock.advance(1)
    assert fake.report.told == ["sent", 100]
    assert fake.outcomes == [None]


def test_a_server_that_goes_on_sending_gains_no_more_than_a_silence() -> None:
    fake = FakeClient(42)
    for _ in range(90):
        fake.protocol.dataReceived(b"x")
        fake.clock.advance(0.1)
    assert fake.failure.startswith("no reply within 5 s, but 'xxx")


def test_a_connection_that_was_made_in_time_counts_after_a_stall() -> None:
    clock, made = Clock(), Deferred[SumClient]()
    factory = SumClientFactory([Message("Ann", 42)], clock, 5, FakeReport())

    class Endpoint:
        def connect(self, factory: object) -> Deferred[SumClient]:
            return made

    outcome = exchange_over(cast(Any, Endpoint()), factory)
    clock.callLater(7, made.callback, factory.buildProtocol(None))
    clock.advance(7)
    assert not outcome.called
    assert not clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("reply", "reason", "failure"),
    [
        (b"", None, "the connection was closed without a reply"),
        (b"Server of", None, "the connection was closed within a reply: 'Server of'"),
        (b"", ConnectionLost("reset"), "no reply: Connection to the other side was lost"),
    ],
)
def test_lost_connections(reply: bytes, reason: Exception | None, failure: str) -> None:
    fake = FakeClient(1)
    fake.protocol.dataReceived(reply)
    fake.lose(reason)
    assert fake.failure.startswith(failure)


def test_a_server_that_stops_as_asked() -> None:
    fake = FakeClient(101)
    fake.protocol.dataReceived(b"ERROR stopping: 101 is out of range.\r\n")
    assert fake.report.told == ["sent", "101 is out of range"]
    assert fake.outcomes == [None]


@pytest.mark.parametrize("end", ["silence", "close"])
def test_an_error_may_have_no_newline(end: str) -> None:
    fake = FakeClient(101)
    fake.protocol.dataReceived(b"ERROR stopping: 101 is out of range.")
    if end == "silence":
        fake.clock.advance(1)
    else:
        fake.lose()
    assert fake.report.told == ["sent", "101 is out of range"]
    assert fake.outcomes == [None]


def test_a_server_that_stops_without_a_word() -> None:
    """As the exercise has it, which knows no error replies."""
    fake = FakeClient(101)
    fake.lose()
    assert fake.report.told == ["sent", "101 is out of range"]
    assert fake.outcomes == [None]


def test_a_server_that_stops_too_early() -> None:
    fake = FakeClient(101, 5)
    fake.protocol.dataReceived(b"ERROR stopping: 101 is out of range.\r\n")
    assert fake.failure == "the server stopped with requests left to send: 101 is out of range"


def test_a_server_that_may_not_be_stopped() -> None:
    fake = FakeClient(101)
    fake.protocol.dataReceived(b"ERROR out-of-range: 101 is out of range.\r\n")
    assert fake.failure == "error reply: out-of-range: 101 is out of range"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("text", [b"Number is out of range. Bye", b"no: 101.0\n", b"No\nway\n"])
def test_a_server_that_stops_in_words_of_its_own(text: bytes, at_once: bool) -> None:
    fake = FakeClient(101)
    for piece in [text] if at_once else [text[i : i + 1] for i in range(len(text))]:
        fake.protocol.dataReceived(piece)
    fake.clock.advance(1)
    assert fake.outcomes == []
    fake.lose()
    _, why = fake.report.told
    assert str(why).startswith("101 is out of range; the server said '")
    assert fake.outcomes == [None]


def test_words_of_its_own_and_no_end() -> None:
    """It has not stopped; and it cannot make the client grow."""
    fake = FakeClient(101)
    fake.protocol.dataReceived(b"no: 101.0\n")
    for _ in range(100):
        fake.protocol.dataReceived(b"x" * 65536)
    assert len(fake.protocol.decoder.pending) < 1024
    fake.clock.advance(5)
    assert fake.failure == r"no reply within 5 s, but 'no: 101.0\n'"
    assert fake.cause is Cause.TIMEOUT


def test_a_server_that_stops_by_a_number_out_of_range() -> None:
    fake = FakeClient(101)
    fake.protocol.dataReceived(b"\0\6Bob,-1")
    assert fake.report.told == ["sent", "101 is out of range; the server answered -1"]
    assert fake.outcomes == [None]


def test_numbers_out_of_range_are_no_replies() -> None:
    fake = FakeClient(42)
    fake.protocol.dataReceived(b"Server of Bob,220\n")
    assert fake.failure == "the reply's number 220 is not in 1..100; --any-number takes it"
    assert fake.cause is Cause.OUT_OF_RANGE
    fake = FakeClient(42, any_number=True)
    fake.protocol.dataReceived(b"Server of Bob,220\n")
    assert fake.report.told == ["sent", 262]
    assert fake.outcomes == [None]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("greeting", "server"),
    [
        (b"220 mail.example ESMTP ready\r\n", "an SMTP server"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\nDate: today\r\n\r\n", "an HTTP server"),
    ],
)
def test_a_greeting_is_named(greeting: bytes, server: str, at_once: bool) -> None:
    fake = FakeClient(42)
    for piece in [greeting] if at_once else [greeting[i : i + 1] for i in range(len(greeting))]:
        fake.protocol.dataReceived(piece)
    assert fake.failure == f"this is {server}, not a sum server"
    assert fake.cause is Cause.NOT_A_SUM_SERVER
    assert fake.report.told == ["sent"]
    fake.lose()
    assert not fake.clock.getDelayedCalls()


def test_what_comes_behind_a_reply_is_no_reply_to_the_next_request() -> None:
    fake = FakeClient(1, 2)
    fake.protocol.dataReceived(b"Bob,58\nBob,59\n")
    assert fake.report.told == ["sent", 59, "sent"]
    assert fake.failure == r"what came before the request is no reply: 'Bob,59\n'"
    assert fake.cause is Cause.UNSOLICITED


@pytest.mark.parametrize(
    "rest", [b"\n", b"\r\n", b"100\n", b"\n100\n"], ids=["LF", "CRLF", "sum", "LF and sum"]
)
@pytest.mark.parametrize("at_once", [True, False])
def test_the_end_of_a_reply_may_come_late(rest: bytes, at_once: bool) -> None:
    first = b"Bob\n58" if rest.startswith((b"\n", b"\r")) else b"Bob\n58\n"
    fake = FakeClient(42, 42)
    fake.protocol.dataReceived(first)
    fake.clock.advance(1)
    assert fake.report.told == ["sent", 100, "sent"]
    for piece in [rest + b"Bob,59\n"] if at_once else [rest, b"Bob,59\n"]:
        fake.protocol.dataReceived(piece)
    assert fake.report.told == ["sent", 100, "sent", 101]
    assert fake.outcomes == [None]


class Buffering(Transport):
    """A `Transport` that, as a real one, keeps what is written until the next turn."""

    _tempDataLen = 0

    def write(self, data: bytes) -> None:
        super().write(data)
        self._tempDataLen += len(data)

    def turn(self) -> None:
        self._tempDataLen = 0


@pytest.mark.parametrize("pieces", [[b"Bob,58\n"], [b"Bob,", b"58\n"], [b"Bob,58"]])
def test_what_comes_before_the_request_is_sent_is_no_reply(pieces: list[bytes]) -> None:
    fake = FakeClient(42, transport=Buffering())
    for piece in pieces:
        fake.protocol.dataReceived(piece)
    assert fake.failure.startswith("what came before the request is no reply: 'Bob,")
    assert fake.cause is Cause.UNSOLICITED


def test_what_comes_before_the_next_request_is_sent() -> None:
    fake = FakeClient(1, 2, transport=(transport := Buffering()))
    transport.turn()
    fake.protocol.dataReceived(b"Bob,58\n")
    fake.protocol.dataReceived(b"Bob,59\n")
    assert fake.report.told == ["sent", 59, "sent"]
    assert fake.cause is Cause.UNSOLICITED


def test_a_sum_that_comes_before_the_next_request_is_sent() -> None:
    fake = FakeClient(42, 42, transport=(transport := Buffering()))
    transport.turn()
    fake.protocol.dataReceived(b"Bob\n58\n")
    fake.protocol.dataReceived(b"10")
    fake.protocol.dataReceived(b"0\n")
    transport.turn()
    fake.protocol.dataReceived(b"Bob\n59\n101\n")
    assert fake.report.told == ["sent", 100, "sent", 101]
    assert fake.outcomes == [None]


class WithRealSockets(TestCase):
    async def test_a_server_that_replies_before_it_is_asked(self) -> None:
        from twisted.internet import reactor

        class Factory(SumClientFactory):
            def buildProtocol(self, addr: IAddress | None) -> SumClient:
                self.peer, _ = listener.accept()
                self.peer.sendall(b"Server of Bob,58\n")
                return super().buildProtocol(addr)

        requests = [Message("Client of Ann", 42)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            factory = Factory(requests, cast(Any, reactor), PATIENCE, FakeReport())
            endpoint = TCP4ClientEndpoint(reactor, *listener.getsockname())
            with pytest.raises(ExchangeFailed) as caught:
                await exchange_over(endpoint, factory)
            factory.peer.close()
        assert caught.value.cause is Cause.UNSOLICITED

    async def test_a_greeting_in_the_turn_that_makes_the_connection(self) -> None:
        from twisted.internet import reactor

        def greet() -> None:
            peer, _ = listener.accept()
            peer.sendall(b"Server of Bob,58\n")
            peers.append(peer)

        clock, peers = cast(Any, reactor), list[socket.socket]()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            factory = SumClientFactory([Message("Ann", 42)], clock, PATIENCE, FakeReport())
            outcome = exchange_over(TCP4ClientEndpoint(clock, *listener.getsockname()), factory)
            clock.callLater(0, greet)  # once connect() is called, and before that is looked at
            with pytest.raises(ExchangeFailed) as caught:
                await outcome
            peers[0].close()
        assert caught.value.cause is Cause.UNSOLICITED


@pytest.mark.parametrize("made", [True, False])
def test_a_server_that_closes_before_the_request_is_written(made: bool) -> None:
    """As over a UNIX socket, which is connected at once."""
    fake = FakeClient(42, begin=False)
    if made:
        fake.protocol.dataReceived(b"Bob,58\n")
    fake.lose()
    fake.clock.advance(0)
    assert fake.transport.value() == b""
    assert fake.cause is (Cause.UNSOLICITED if made else Cause.CLOSED)
    assert not fake.clock.getDelayedCalls()


def test_what_comes_in_a_record_of_tls_behind_a_reply(certificate: Path) -> None:
    """Twisted keeps a request over TLS in a buffer of its own, until the next turn."""
    from twisted.internet.ssl import CertificateOptions
    from twisted.protocols.tls import TLSMemoryBIOFactory

    clock, report = Clock(), FakeReport()
    factory = SumClientFactory([Message("Ann", 1), Message("Ann", 2)], clock, 5, report)
    outcomes: list[Any] = []
    factory.outcome.addBoth(outcomes.append)
    client = TLSMemoryBIOFactory(CertificateOptions(), True, factory, clock).buildProtocol(None)
    transport = Transport()
    transport.protocol = client
    client.makeConnection(transport)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    request = b""
    while not request:
        clock.advance(0)
        to_server.write(transport.value())
        transport.clear()
        with contextlib.suppress(ssl.SSLWantReadError):
            request = server.read()
        client.dataReceived(to_client.read())
    server.write(b"Bob,58\n")
    server.write(b"Eve,59\n")
    client.dataReceived(to_client.read())
    assert report.told == ["sent", 59, "sent"]
    (failure,) = outcomes
    assert failure.value.cause is Cause.UNSOLICITED


# As a program

ONE_FORM = "sumclient: 101 is out of range, so it is sent in comma and nothing else\n"


@pytest.mark.live
def test_what_it_prints(tmp_path: Path) -> None:
    options = ("--name", "Server of Bob", "--number", "58")
    with running_server(tmp_path, *options) as server:
        port = str(server.port)
        done = client(tmp_path, "--port", port, "--name", "Client of Ann", "42")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            "Connecting to server...\n"
            "Message sent to server\n"
            "Response received from server\n"
            "Client name: Client of Ann\n"
            "Server name: Server of Bob\n"
            "Client's number: 42\n"
            "Server's number: 58\n"
            "Sum: 100\n"
        )

        done = client(tmp_path, "--port", port, "--quiet", "1", "100")
        assert (done.returncode, done.stdout) == (0, "59\n158\n")

        done = client(tmp_path, "--port", port, "--json", "--name", "Ænne", "1", "100")
        assert [json.loads(line) for line in done.stdout.splitlines()] == [
            {
                "client_name": "Ænne",
                "server_name": "Server of Bob",
                "client_number": number,
                "server_number": 58,
                "sum": number + 58,
            }
            for number in (1, 100)
        ]

        done = client(tmp_path, "--connect", f"tcp:127.0.0.1:{port}", "--quiet", "7")
        assert (done.returncode, done.stdout) == (0, "65\n")

        done = client(tmp_path, "--port", port, "--json", "101")
        assert (done.returncode, done.stderr) == (0, ONE_FORM)
        assert json.loads(done.stdout) == {"stopping": "101 is out of range"}
        assert server.wait() == 0


@pytest.mark.live
def test_any_integer_may_be_sent(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        done = client(tmp_path, "--port", str(server.port), "--dialect", "comma", "9" * 5000)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Server is stopping: 99999" in done.stdout
        assert server.wait() == 0


@pytest.mark.live
def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, Path("/dev/full").open("w") as full:
        arguments = ("--port", str(server.port), "1")
        done = client(tmp_path, *arguments, capture_output=False, stdout=full, stderr=PIPE)
        assert done.stderr == "sumclient: cannot print: No space left on device\n"


@contextmanager
def terminal(keys: bytes) -> Iterator[int]:
    """A terminal for stdin, at which `keys` have been typed."""
    master, slave = pty.openpty()
    try:
        os.write(master, keys)
        yield slave
    finally:
        os.close(slave)
        os.close(master)


PROMPT = "Enter an integer between 1 and 100: "


@pytest.mark.live
def test_the_prompt_says_why_it_asks_again(tmp_path: Path) -> None:
    with running_server(tmp_path) as server, terminal(b"abc\n\n 42 \n") as stdin:
        done = client(tmp_path, "--port", str(server.port), stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"{PROMPT}'abc' is not an integer; 1 to 100, Ctrl-D to leave\n"
        f"{PROMPT}'' is not an integer; 1 to 100, Ctrl-D to leave\n"
        f"{PROMPT}Connecting to server...\n"
    )


@pytest.mark.live
def test_prompts_are_not_for_programs(tmp_path: Path) -> None:
    with running_server(tmp_path, "--number", "58") as server, terminal(b"x\n42\n") as stdin:
        done = client(tmp_path, "--port", str(server.port), "--quiet", stdin=stdin)
    assert done.stdout == "100\n"
    assert done.stderr.count(PROMPT) == 2


def answer_all(peer: socket.socket) -> None:
    while peer.recv(1024):
        peer.sendall(b"Bob,58\n")


@pytest.mark.live
def test_numbers_that_are_piped_in_go_over_one_connection(tmp_path: Path) -> None:
    with fake_server(answer_all) as port:
        done = client(tmp_path, "--port", port, "--quiet", input="1\n 2 3\n\n4")
    assert (done.returncode, done.stdout, done.stderr) == (0, "59\n60\n61\n62\n", "")


@pytest.mark.live
def test_none_of_the_numbers_is_sent_if_one_is_none(tmp_path: Path) -> None:
    done = client(tmp_path, input="1\ntwo\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sumclient: standard input: 'two' is not an integer (try --help)\n"


@pytest.mark.live
def test_output_that_nobody_reads(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        command = f"'{sys.executable}' -m sumproto.client --port {server.port} 1 2 3 | true"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=PATIENCE
        )
        assert done.stderr == b""


@pytest.mark.live
def test_output_that_cannot_show_a_name(tmp_path: Path) -> None:
    with running_server(tmp_path, "--name", "Bjørn") as server:
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = client(tmp_path, "--port", str(server.port), "1", env=environment)
        assert r"Server name: Bj\xf8rn" in done.stdout


def reset(peer: socket.socket) -> None:
    peer.recv(1024)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def banner(text: bytes) -> Handler:
    """Speaks first."""

    def handle(peer: socket.socket) -> None:
        peer.sendall(text)
        read_all(peer)

    return handle


@pytest.mark.live
@pytest.mark.parametrize(
    ("handle", "cause"),
    [
        (answer(b""), "the connection was closed without a reply"),
        (answer(b"Bob"), "the connection was closed within a reply"),
        (answer(b"Bob,5.8\n"), r"malformed reply 'Bob,5.8\n': '5.8' is not an integer"),
        (answer(b"ERROR malformed: no.\n"), "error reply: malformed: no"),
        (answer(b"Bob,220\n"), "the reply's number 220 is not in 1..100; --any-number takes it"),
        (answer(b"220 mail.example ESMTP ready\r\n"), "this is an SMTP server, not a sum server"),
        (banner(b"220 mail.example ESMTP ready"), "this is an SMTP server, not a sum server"),
        (reset, "no reply: "),
        (read_all, "no reply within 2 s"),
    ],
)
def test_failures_get_one_line(tmp_path: Path, handle: Handler, cause: str) -> None:
    with fake_server(handle) as port:
        done = client(tmp_path, "--port", port, "--timeout", "2", "--dialect", "comma", "42")
    assert done.returncode == 1
    assert done.stderr.startswith(f"sumclient: 127.0.0.1:{port}: {cause}")
    assert done.stderr.count("\n") == 1


@pytest.mark.live
def test_any_number_if_asked_to(tmp_path: Path) -> None:
    with fake_server(answer(b"Bob,220\n")) as port:
        done = client(tmp_path, "--port", port, "--any-number", "--quiet", "42")
    assert (done.returncode, done.stdout, done.stderr) == (0, "262\n", "")


@pytest.mark.live
@pytest.mark.parametrize("said", [b"Number is out of range. Server is close", b"\0\6Bob,-1"])
def test_a_stop_in_words_of_its_own(tmp_path: Path, said: bytes) -> None:
    with fake_server(answer(said)) as port:
        done = client(tmp_path, "--port", port, "101")
    assert (done.returncode, done.stderr) == (0, ONE_FORM)
    assert "Server is stopping: 101 is out of range; the server " in done.stdout
    with fake_server(answer(said)) as port:
        done = client(tmp_path, "--port", port, "--dialect", "comma", "42")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


@pytest.mark.live
def test_no_connection(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = str(bound.getsockname()[1])
        done = client(tmp_path, "--port", port, "42")
    assert done.returncode == 1
    assert done.stderr == (
        f"sumclient: nobody listens at 127.0.0.1:{port}; "
        f"start your server, or ours: twistd sumserver --port {port}\n"
    )


@pytest.mark.live
def test_no_connection_in_time(tmp_path: Path) -> None:
    """A listener whose backlog is full does not answer."""
    with socket.socket() as listener, socket.socket() as other, socket.socket() as another:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (other, another):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        port = str(listener.getsockname()[1])
        done = client(tmp_path, "--port", port, "--timeout", "0.2", "42")
    assert done.returncode == 1
    assert done.stderr == f"sumclient: 127.0.0.1:{port}: no connection within 0.2 s\n"


@pytest.mark.live
def test_no_such_host(tmp_path: Path) -> None:
    done = client(tmp_path, "--host", "nosuchhost.invalid", "42")
    assert done.returncode == 1
    assert done.stderr.startswith("sumclient: nosuchhost.invalid:12000: DNS lookup failed")
    assert done.stderr.count("\n") == 1


NO_ANSWER = """
import socket, time
from sumproto.client.__main__ import main

def never(*arguments, **options):
    print("looking up", flush=True)
    time.sleep(600)

socket.getaddrinfo = never
main()
"""
"""A client whose name server does not answer."""


@pytest.mark.live
@pytest.mark.parametrize("options", [(), ("--udp",), ("--connect", "tcp:localhost:1")])
@pytest.mark.parametrize("ctrl_c", [False, True])
def test_a_name_server_that_does_not_answer(
    tmp_path: Path, options: tuple[str, ...], ctrl_c: bool
) -> None:
    command = (sys.executable, "-c", NO_ANSWER, *options)
    seconds = "600" if ctrl_c else "0.5"
    with running(*command, "--timeout", seconds, "42", cwd=tmp_path, stdout=PIPE, stderr=PIPE) as p:
        assert p.stdout
        while p.stdout.readline() != "looking up\n":
            pass
        if ctrl_c:
            p.send_signal(signal.SIGINT)
        _, error = p.communicate(timeout=PATIENCE)
        assert p.returncode == (130 if ctrl_c else 1)
        late = "no address within" if "--udp" in options else "no connection within"
        assert (error == "") if ctrl_c else (f"{late} 0.5 s" in error)


@pytest.mark.live
def test_ctrl_c_as_the_first_exchange_begins(tmp_path: Path) -> None:
    early = """
import signal
from sumproto.client import lookup
from sumproto.client.__main__ import main

lookup.Thread.start = lambda thread: signal.raise_signal(signal.SIGINT)
main()
"""
    done = run(sys.executable, "-c", early, "42", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["4.2"], "'4.2' is not an integer"),
        (["1_0"], "'1_0' is not an integer"),
        (["--port", "0", "1"], "0 is not in 1..65535"),
        (["--timeout", "0", "1"], "0 s leave no time for a reply"),
        (["--timeout", "x", "1"], "'x' is not a number of seconds"),
        (["--name", "\x1b", "1"], r"the name '\x1b' has characters that do not print"),
        (
            ["--connect", "tcp:h:1", "--port", "1", "1"],
            "--connect goes without --host, --port and --udp",
        ),
        (["--connect", "pigeon:1", "1"], "--connect pigeon:1: Unknown endpoint type"),
        (
            ["--dialect", "record", "--name", "Ann 5", "1"],
            "dialect record, the name would be misread",
        ),
        (
            ["--dialect", "comma", "--name", "{Ann", "1"],
            "in the dialect comma, the name would be misread",
        ),
        (["--dialect", "klingon", "1"], "invalid choice: 'klingon'"),
        (["--dialect", "record", str(2**31)], "2147483648 does not fit in the 32 bits"),
        (["--json", "--quiet", "1"], "not allowed with argument --json"),
    ],
)
def test_usage_errors(
    arguments: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["sumclient", *arguments])
    monkeypatch.setattr(sys, "set_int_max_str_digits", lambda digits: None)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert complaint in line
    assert line.endswith(" (try --help)")
    assert shown.out == ""


@pytest.mark.live
def test_a_usage_error_as_a_program(tmp_path: Path) -> None:
    done = client(tmp_path, "4.2")
    assert done.returncode == 2
    assert done.stderr == ("sumclient: argument NUMBER: '4.2' is not an integer (try --help)\n")


@pytest.mark.live
def test_no_integer_at_the_prompt(tmp_path: Path) -> None:
    with terminal(b"\x04") as stdin:  # Ctrl-D
        done = client(tmp_path, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, f"{PROMPT}\n")
    assert done.stderr == "sumclient: no integer was entered (try --help)\n"


@pytest.mark.live
def test_no_integer_piped_in(tmp_path: Path) -> None:
    done = client(tmp_path, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sumclient: no integer was entered (try --help)\n"


def interrupt(
    cwd: Path, port: str, *numbers: str, when: str, stdin: int = subprocess.DEVNULL
) -> tuple[int, str]:
    """The exit status and stderr of a client that gets SIGINT `when` it says so."""
    with running(
        *(sys.executable, "-u", "-m", "sumproto.client", "--port", port, *numbers),
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        shown = ""
        while when not in shown:
            character = process.stdout.read(1)
            assert character
            shown += character
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
        return process.returncode, stderr


@pytest.mark.live
def test_ctrl_c(tmp_path: Path) -> None:
    with fake_server(read_all) as port:
        assert interrupt(tmp_path, port, "42", when="Message sent") == (130, "")
    with terminal(b"") as stdin:
        assert interrupt(tmp_path, "1", when=PROMPT, stdin=stdin) == (130, "")
