"""Server and client over UDP: on fakes, on real sockets, and as programs."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from support import (
    BIN,
    PATIENCE,
    FakeReport,
    FakeServer,
    ask,
    client,
    connect,
    run,
    running_server,
)
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs as captured_logs

from sumproto.client.datagrams import SumDatagramClient, exchange_datagrams
from sumproto.client.failures import ExchangeFailed, ServerStopped
from sumproto.core.dialects import DIALECTS, UNKNOWN
from sumproto.core.exchange import ANYWHERE, STOP_ON, StopPolicy
from sumproto.core.message import Message, MessageError
from sumproto.core.observer import Peer
from sumproto.server.datagrams import SumDatagramProtocol
from sumproto.server.sources import IN_A_ROW, PAUSE, REMEMBERED
from sumproto.service import Options

ANN = ("127.0.0.1", 54321)
FAR_AWAY = ("192.0.2.1", 54321)
PORT = 12000


class Port:
    """A UDP port as Twisted's, and what is written to it."""

    maxThroughput = 256 * 1024

    def __init__(self, protocol: Any, wrong: OSError | None = None) -> None:
        self.protocol = protocol
        self.port = PORT
        self.written: list[Any] = []
        self.wrong = wrong
        self.waiting: list[bytes] = []
        self.open = True

    def getHost(self) -> Port:
        return self

    def getHandle(self) -> Port:
        return self

    def getsockopt(self, level: int, option: int) -> int:
        return 212992 if option == socket.SO_RCVBUF else 0

    def fileno(self) -> int:
        return -1  # there is no kernel that might have unread datagrams

    def connect(self, host: str, port: int) -> None:
        self.connected = (host, port)

    def write(self, data: bytes, address: Any = None) -> None:
        if self.wrong:
            raise self.wrong
        self.written.append((data, address) if address else data)

    def doRead(self) -> None:
        """As Twisted does, but for bytes, of which there are few."""
        while self.maxThroughput and self.waiting:
            address = ("127.0.0.1", 1024 + len(self.waiting))
            self.protocol.datagramReceived(self.waiting.pop(0), address)

    def stopListening(self) -> None:
        self.open = False


class FakeDatagramServer(FakeServer):
    """A `FakeServer` with a UDP port."""

    def __init__(self, policy: StopPolicy | None = None) -> None:
        super().__init__(policy=policy)
        self.protocol = SumDatagramProtocol(self.responder)
        self.port = Port(self.protocol)
        self.protocol.makeConnection(cast(Any, self.port))

    def ask(self, data: bytes, address: tuple[str, int] = ANN) -> list[Any]:
        """What is sent because of `data`."""
        self.port.written.clear()
        self.protocol.datagramReceived(data, address)
        return self.port.written


# The server


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (b"Client of Ann,42\r\n", b"Server of Bob,58\r\n"),
        (b"Client of Ann | 42", b"Server of Bob | 58"),
        (b"42 Client of Ann\n", b"58 Server of Bob\n"),
        (b"Client of Ann\n42", b"Server of Bob\n58"),
        (b'{"client_name":"Ann","n":42,"id":7}', b'{"server_name":"Server of Bob","n":58,"id":7}'),
        (b'{"name":"Ann","n":42}\n', b'{"name":"Server of Bob","n":58}\n'),
        (b"\0\3Ann\0\0\0*", b"\0\15Server of Bob\0\0\0:"),
        (b"\0\6Ann,42", b"\0\20Server of Bob,58"),
    ],
)
def test_a_reply_mirrors_its_request(request_: bytes, reply: bytes) -> None:
    server = FakeDatagramServer()
    assert server.ask(request_) == [(reply, ANN)]
    (exchange,) = server.recorder.exchanges
    assert exchange.sum == 100
    assert server.recorder.peers == [Peer("udp", *ANN)]


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\n",
        b"Client of Ann",
        b"Client of Ann\n",
        b"Ann,42\nBob,43\n",
        b"Ann,42\n,\n",
        b'{"name":"Ann","n":42}\n{',
        b'{"name":"Ann"',
        b"\0\3Ann\0\0\0",
        b"\0\3Ann\0\0\0**",
        b"\xff\xfe,42",
        b"Ann,4.2\n",
        b"ERROR malformed: 4.2 is not an integer.\r\n",
        b"x" * 1025 + b",42",
        b"Ann," + b"9" * 8189,
        b"Ann," + b" " * 1010 + b"42",  # the reply would be longer than it is
    ],
)
def test_noise_is_counted_and_never_answered(noise: bytes) -> None:
    server = FakeDatagramServer()
    assert server.ask(noise) == []
    ((what, code, _),) = server.recorder.events
    assert what == "refused"
    assert code in ("malformed", "too-long")
    assert server.ask(b"Ann,42")


@pytest.mark.parametrize("port", [7, 53, 0])
def test_services_are_not_answered(port: int) -> None:
    server = FakeDatagramServer()
    assert server.ask(b"Server of Bob,58\r\n", ("192.0.2.1", port)) == []
    assert server.recorder.events == [
        ("refused", "malformed", "it comes from the port of a service")
    ]


@pytest.mark.parametrize(
    "source", ["::ffff:127.0.0.1", "::ffff:192.0.2.1", "::127.0.0.1", "::", "ff02::1", "0.0.0.0"]
)
@pytest.mark.parametrize("errors", STOP_ON.values())
def test_a_source_that_lies_is_not_answered_and_stops_nothing(
    source: str, errors: tuple[type[MessageError], ...]
) -> None:
    server = FakeDatagramServer(StopPolicy(errors=errors, networks=ANYWHERE))
    for request in b"Ann,42", b"Ann,101", b"noise":
        assert server.ask(request, (source, 54321)) == []
    refused = [event for event in server.recorder.events if event[0] == "refused"]
    assert [event[1] for event in refused] == 3 * ["malformed"]
    assert server.stops == 0


def test_loopback_over_ipv6_may_stop_the_server() -> None:
    server = FakeDatagramServer()
    assert server.ask(b"Ann,101", ("::1", 54321))
    assert server.stops == 1


@pytest.mark.live
def test_a_forged_source_from_the_network(tmp_path: Path) -> None:
    program = str(Path(__file__).with_name("wire.py"))
    done = run(sys.executable, program, cwd=tmp_path, timeout=4 * PATIENCE)  # it ends its server
    if "cannot be had" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert json.loads(done.stdout or done.stderr) == {
        "wire": ["Bob,58"],  # what the honest peer gets, who asked last
        "victim": [],
        "here": ["Bob,58", "Bob,58"],
        "stops": ["SIGTERM"],
    }


@pytest.mark.parametrize("round_trip", [0, PAUSE - 1])
@pytest.mark.parametrize("numbers", [(58, 58), (58, 101), (101, 101)])
def test_servers_do_not_answer_each_other_for_ever(
    round_trip: float, numbers: tuple[int, int]
) -> None:
    """Nor do ours and one that answers errors, too."""
    servers = [FakeDatagramServer(), FakeDatagramServer()]
    for server, number in zip(servers, numbers, strict=True):
        server.responder.rule.pick = lambda number=number: number  # type: ignore[misc]
    datagrams = servers[0].ask(b"Ann,42", FAR_AWAY)
    exchanges = 0
    while datagrams and exchanges < 10_000:
        exchanges += 1
        asked = servers[exchanges % 2]
        asked.clock.advance(round_trip)
        datagrams = asked.ask(datagrams[0][0], FAR_AWAY)
    assert exchanges <= 2 * (IN_A_ROW - 1)
    assert servers[0].ask(b"Ann,42", FAR_AWAY) or servers[1].ask(b"Ann,42", FAR_AWAY)


def test_many_forged_datagrams_buy_no_more_each() -> None:
    here, there = FakeDatagramServer(), FakeDatagramServer()
    waiting = [(here, b"Ann,42")] * 100
    exchanges = 0
    while waiting and exchanges < 100_000:
        asked, request = waiting.pop(0)
        for reply, _ in asked.ask(request, FAR_AWAY):
            exchanges += 1
            waiting.append((there if asked is here else here, reply))
    assert exchanges < 100 * IN_A_ROW


def test_a_port_for_each_exchange_loses_nothing() -> None:
    server = FakeDatagramServer()
    for number in range(20 * IN_A_ROW):
        assert server.ask(b"Ann,42", ("192.0.2.1", 1024 + number))


def test_one_port_that_pauses_loses_nothing() -> None:
    server = FakeDatagramServer()
    for _ in range(5):
        for _ in range(IN_A_ROW - 1):
            assert server.ask(b"Ann,42")
        server.clock.advance(PAUSE)


def test_one_port_that_never_pauses_resends_one_request_in_a_row() -> None:
    server = FakeDatagramServer()
    for number in range(1, 5 * IN_A_ROW):
        replies = server.ask(b"Ann,42")
        assert bool(replies) == (number % IN_A_ROW != 0)
        server.clock.advance(0.5)


def test_a_clock_that_is_set_back_makes_no_difference() -> None:
    server = FakeDatagramServer()
    answered = 0
    for _ in range(2 * IN_A_ROW):
        answered += len(server.ask(b"Ann,42"))
        server.clock.rightNow -= 3600
    assert answered == 2 * IN_A_ROW - 2


def test_a_flood_of_sources_is_not_remembered() -> None:
    server = FakeDatagramServer()
    tracemalloc.start()
    for number in range(3 * REMEMBERED):
        server.ask(b"", (f"192.0.2.{number % 250}", 1024 + number // 250))
        server.recorder.events.clear()
    remembered, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert remembered < 4 * 1024 * 1024
    assert all(server.ask(b"Ann,42") for _ in range(IN_A_ROW - 1))  # others lose nothing


@pytest.mark.parametrize("number", [b"101", b"0", b"9" * 5000])
def test_out_of_range_stops_the_server_once(number: bytes) -> None:
    server = FakeDatagramServer()
    for _ in range(2):
        ((error, address),) = server.ask(b'{"name":"Ann","n":%s}' % number[:500])
        assert error.startswith(b'{"error": "stopping", ')
        assert address == ANN
    ((error, _),) = server.ask(b"Ann;" + number)
    assert error.startswith(b"ERROR stopping: ")
    assert server.stops == 1


@pytest.mark.parametrize(
    ("policy", "address"),
    [(StopPolicy(), FAR_AWAY), (StopPolicy(errors=STOP_ON["never"]), ANN)],
)
def test_who_may_not_stop_the_server_is_told_so(
    policy: StopPolicy, address: tuple[str, int]
) -> None:
    server = FakeDatagramServer(policy)
    error = (b"ERROR out-of-range: 101 is out of range.", address)
    assert server.ask(b"Ann,101", address) == [error]
    assert server.stops == 0
    denied = ("stop denied", Peer("udp", *address))
    assert (denied in server.recorder.events) == bool(policy.errors)


def test_noise_may_stop_the_server_but_is_not_answered() -> None:
    server = FakeDatagramServer(StopPolicy(errors=STOP_ON["invalid"]))
    assert server.ask(b"Ann", FAR_AWAY) == []
    assert server.stops == 0
    assert server.ask(b"Ann") == []
    assert server.stops == 1


def test_a_reply_that_cannot_be_sent_is_lost() -> None:
    server = FakeDatagramServer()
    server.port.wrong = OSError(101, "Network is unreachable")
    with captured_logs() as events:
        assert server.ask(b"Ann,42") == []
    assert events == []
    assert server.recorder.exchanges == []  # nobody was answered


@pytest.mark.parametrize("data", [b"", b"Ann,42"])
def test_a_flood_of_datagrams_leaves_others_their_turn(data: bytes) -> None:
    server = FakeDatagramServer()
    server.port.waiting = [data] * 250
    left = []
    for _ in range(3):
        server.port.doRead()
        left.append(len(server.port.waiting))
        server.clock.advance(0)
    assert left == [150, 50, 0]


def test_draining_answers_what_the_kernel_has() -> None:
    server = FakeDatagramServer()
    server.port.waiting = [b"Ann,42"] * 277  # what has room in a buffer of Linux
    server.protocol.drain()
    assert len(server.port.written) == 277


# The client


class FakeDatagramClient:
    """A `SumDatagramClient` that has begun, and what became of its exchange."""

    def __init__(self, number: int = 42, wrong: OSError | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.report = FakeReport()
        request = Message("Client of Ann", number)
        self.protocol = SumDatagramClient(
            request, ("127.0.0.1", PORT), self.clock, self.report, UNKNOWN, **options
        )
        self.outcomes: list[Any] = []
        self.protocol.outcome.addBoth(self.outcomes.append)
        self.port = Port(self.protocol, wrong)
        self.protocol.makeConnection(cast(Any, self.port))

    def receive(self, data: bytes) -> None:
        self.protocol.datagramReceived(data, ("127.0.0.1", PORT))

    def failure(self, kind: type[Exception]) -> str:
        (outcome,) = self.outcomes
        outcome.trap(kind)
        assert not self.port.open
        assert not self.clock.getDelayedCalls()
        return str(outcome.value)


def test_an_exchange() -> None:
    fake = FakeDatagramClient()
    assert fake.port.connected == ("127.0.0.1", PORT)
    assert fake.port.written == [b"Client of Ann,42\r\n"]
    fake.receive(b"Server of Bob,58")
    (exchange,) = fake.outcomes
    assert exchange.sum == 100
    assert fake.protocol.tries == 1
    assert not fake.port.open
    assert not fake.clock.getDelayedCalls()
    fake.receive(b"Server of Bob,59")  # a late reply


@pytest.mark.parametrize(
    "reply", [b"Server of Bob,58,100\n", b"Server of Bob\n58\n100\n", b'{"n":"B","i":58,"sum":100}']
)
def test_the_sum_in_a_reply_is_read_past(reply: bytes) -> None:
    fake = FakeDatagramClient()
    fake.receive(reply)
    assert fake.outcomes[0].reply.number == 58


def test_resends_back_off() -> None:
    fake = FakeDatagramClient()
    sent = []
    for _ in range(40):
        fake.clock.advance(0.5)
        sent.append(len(fake.port.written))
    assert [sent.index(tries) / 2 + 0.5 for tries in range(2, 6)] == [0.5, 1.5, 3.5, 7.5]
    assert fake.failure(ExchangeFailed) == "no reply to 5 tries"
    assert fake.report.told == ["sent"] + 4 * ["sent again"]


def test_the_timeout_bounds_the_tries() -> None:
    fake = FakeDatagramClient(timeout=1)
    fake.clock.advance(0.5)
    assert fake.outcomes == []
    fake.clock.advance(0.5)
    assert fake.failure(ExchangeFailed) == "no reply to 2 tries"
    assert len(fake.port.written) == 2


@pytest.mark.parametrize("seconds", [15.4, 100])
def test_a_process_that_slept_gives_up(seconds: float) -> None:
    fake = FakeDatagramClient()
    fake.clock.rightNow += seconds  # by nothing but what the operating system did
    fake.clock.advance(0)
    fake.clock.advance(8)
    assert fake.failure(ExchangeFailed) in ("no reply to 1 try", "no reply to 2 tries")


def test_a_timeout_that_is_over_at_once() -> None:
    fake = FakeDatagramClient(timeout=1e-9)
    fake.clock.advance(1e-6)
    assert fake.failure(ExchangeFailed) == "no reply to 1 try"


def test_no_resends() -> None:
    fake = FakeDatagramClient(tries=1)
    fake.clock.advance(0.5)
    assert fake.failure(ExchangeFailed) == "no reply to 1 try"


@pytest.mark.parametrize("stray", [b"", b"Server of Bob", b"Bob,5.8\n", b"\xff", b"{}", b"\0\0"])
def test_malformed_strays_are_ignored(stray: bytes) -> None:
    fake = FakeDatagramClient()
    fake.receive(stray)
    assert fake.outcomes == []
    fake.receive(b"Server of Bob,58")
    assert fake.outcomes[0].sum == 100


def test_an_error_reply() -> None:
    fake = FakeDatagramClient()
    fake.receive(b"ERROR malformed: there is no name.")
    assert fake.failure(ExchangeFailed) == "error reply: malformed: there is no name"


@pytest.mark.parametrize("reply", [b"Server of Bob,999", b'{"name": "Bob", "number": 0}'])
def test_a_number_out_of_range_is_no_reply(reply: bytes) -> None:
    fake = FakeDatagramClient()
    fake.receive(reply)
    assert fake.failure(ExchangeFailed).endswith("is not in 1..100; --any-number takes it")
    fake = FakeDatagramClient(any_number=True)
    fake.receive(reply)
    assert fake.outcomes[0].sum in (42, 1041)
    fake = FakeDatagramClient(101)
    fake.receive(reply)
    assert "101 is out of range; the server answered " in fake.failure(ServerStopped)


def test_a_server_of_another_protocol_is_named() -> None:
    fake = FakeDatagramClient()
    fake.receive(b"SIP/2.0 400 Bad Request\r\n")
    assert fake.failure(ExchangeFailed) == "this is a SIP server, not a sum server"


def test_the_server_stops_as_asked() -> None:
    fake = FakeDatagramClient(101)
    fake.receive(b"ERROR stopping: 101 is out of range.\r\n")
    assert fake.failure(ServerStopped) == "101 is out of range"


def test_stopping_is_an_error_to_who_did_not_ask_for_it() -> None:
    fake = FakeDatagramClient(42)
    fake.receive(b"ERROR stopping: the server is stopping.\r\n")
    assert fake.failure(ExchangeFailed).startswith("error reply: stopping: ")


def test_a_server_that_stops_without_a_word() -> None:
    fake = FakeDatagramClient(101)
    fake.clock.advance(0.5)
    fake.protocol.connectionRefused()
    assert fake.failure(ServerStopped) == "101 is out of range"


@pytest.mark.parametrize("number", [42, 101])
def test_a_server_that_was_never_there(number: int) -> None:
    fake = FakeDatagramClient(number)
    fake.protocol.connectionRefused()
    assert fake.failure(ExchangeFailed) == "Connection refused"


def test_a_request_that_cannot_be_sent() -> None:
    fake = FakeDatagramClient(wrong=OSError(101, "Network is unreachable"))
    assert fake.failure(ExchangeFailed) == "Network is unreachable"
    assert fake.report.told == []


def test_no_port_to_send_from() -> None:
    class Full(Clock):
        def listenUDP(self, *_: object, **__: object) -> None:
            raise CannotListenError("", 0, OSError(24, "Too many open files"))

    reactor = Full()
    request = Message("Client of Ann", 42)
    client = SumDatagramClient(request, ("127.0.0.1", PORT), reactor, FakeReport())
    outcomes: list[Any] = []
    client.begin(reactor).addBoth(outcomes.append)
    assert outcomes[0].check(ExchangeFailed)
    assert str(outcomes[0].value) == "Too many open files"


class Reactor(Clock):
    """A `Clock` with UDP ports; a server that `answers` at some hosts, and is not at others."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        super().__init__()
        self.answers = answers

    def listenUDP(self, port: int, protocol: SumDatagramClient, interface: str) -> None:
        fake = Port(protocol)
        protocol.makeConnection(cast(Any, fake))
        host, _ = fake.connected
        assert interface == ("::" if host == "::1" else "")
        if host in self.answers:
            protocol.datagramReceived(self.answers[host], (host, PORT))
        else:
            protocol.connectionRefused()


def exchange(reactor: Reactor, *numbers: int) -> tuple[list[object], list[Any]]:
    """What is shown, and how it ends."""
    requests = [Message("Client of Ann", number) for number in numbers]
    report = FakeReport()
    places = [("::1", PORT), ("127.0.0.1", PORT)]
    outcomes: list[Any] = []
    exchanged = exchange_datagrams(reactor, requests, places, report, UNKNOWN, 5)
    Deferred.fromCoroutine(exchanged).addBoth(outcomes.append)
    return report.told, outcomes


def test_the_next_address_is_tried_if_nobody_is_at_the_first() -> None:
    told, outcomes = exchange(Reactor({"127.0.0.1": b"Bob,58"}), 42, 7)
    assert told == ["sent", "sent", (100, 1), "sent", (65, 1)]
    assert outcomes == [None]


def test_nobody_is_at_any_address() -> None:
    _, (outcome,) = exchange(Reactor({}), 42)
    outcome.trap(ExchangeFailed)
    assert str(outcome.value) == "Connection refused"


@pytest.mark.parametrize("numbers", [(101,), (101, 42)])
def test_the_stop_and_requests_behind_it(numbers: tuple[int, ...]) -> None:
    stopping = Reactor({"::1": b"ERROR stopping: 101 is out of range."})
    told, (outcome,) = exchange(stopping, *numbers)
    if len(numbers) == 1:
        assert told == ["sent", "101 is out of range"]
        assert outcome is None
    else:
        assert str(outcome.value).startswith("the server stopped with requests left to send")


# Programs


def udp_port(server: Any) -> int:
    return int(server.wait_for(r"ready to receive datagrams on \('[^']*', (\d+)\)")[1])


@contextmanager
def peer(port: int, host: str = "127.0.0.1") -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((host, port))
        yield sock


@pytest.mark.live
def test_tcp_and_udp_side_by_side(tmp_path: Path) -> None:
    with running_server(tmp_path, "--udp", "--number", "58") as server:
        port = udp_port(server)
        assert port == server.port
        with peer(port) as sock:
            sock.send(b"Client of Ann,42")
            assert sock.recv(1024).endswith(b",58")
            address = sock.getsockname()
            sock.send(b"noise")  # is never answered: the next reply is that to the next request
            sock.send(b"Client of Ann;42\n")
            assert sock.recv(1024).endswith(b";58\n")
        server.wait_for(re.escape(f"Received datagram from {address}\n\tClient name: Client of"))
        server.wait_for(re.escape(f"Refused a datagram from {address}: malformed: "))
        assert ask(server.port, b"Client of Ann,42\n").endswith(b",58\n")
        done = client(tmp_path, "--udp", "--port", str(port), "--name", "Ann", "42")
        assert done.stdout.startswith("Message sent to server\nResponse received from server\n")
        assert done.stdout.endswith("Server's number: 58\nSum: 100\nTries: 1\n")
        done = client(tmp_path, "--udp", "--port", str(port), "--json", "42", "43")
        assert done.stdout.count('"tries": 1}') == 2


@pytest.mark.live
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect(udp_server: int, tmp_path: Path, dialect: str) -> None:
    options = ("--udp", "--port", str(udp_server), "--dialect", dialect, "--quiet")
    assert client(tmp_path, *options, "42").stdout == "100\n"


@pytest.fixture(scope="module")
def udp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    cwd = tmp_path_factory.mktemp("server")
    with running_server(cwd, "--udp-listen", "127.0.0.1:0", "--number", "58") as server:
        yield udp_port(server)


@pytest.mark.live
def test_both_protocols_of_ip_on_one_port(tmp_path: Path) -> None:
    with running_server(tmp_path, "--udp-listen", "[::]:0", "--number", "58") as server:
        port = udp_port(server)
        server.wait_for("can be reached from other hosts, and a number out of range from ")
        server.wait_for(rf"ready to receive datagrams on \('0.0.0.0', {port}\)")
        for host in "::1", "127.0.0.1":
            with peer(port, host) as sock:
                sock.send(b"Ann,42")
                assert sock.recv(1024).endswith(b",58")
        with peer(port) as sock:
            sock.send(b"Ann,101")
            assert sock.recv(1024) == b"ERROR stopping: 101 is out of range."
        assert server.wait() == 0


@pytest.mark.live
def test_tcp_and_udp_of_both_protocols_of_ip(tmp_path: Path) -> None:
    with running_server(tmp_path, "--host", "::", "--udp", "--number", "58") as server:
        port = server.port
        for host in "::", "0.0.0.0":
            server.wait_for(rf"ready to receive datagrams on \('{host}', {port}\)")
        for host in "::1", "127.0.0.1":
            with connect(port, host) as tcp, peer(port, host) as udp:
                for sock in tcp, udp:
                    sock.send(b"Ann,42\n")
                    assert sock.recv(1024).endswith(b",58\n")


@pytest.mark.live
def test_ipv4_in_use_where_both_are_wanted(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        port = sock.getsockname()[1]
        options = ("--port", "0", "--udp-listen", f"[::]:{port}")
        ended = run(BIN / "twistd", "-n", "sumserver", *options, cwd=tmp_path)
    assert ended.returncode == 1
    output = ended.stdout + ended.stderr
    assert output.count(f"0.0.0.0:{port}: Address already in use") == 1
    assert "Traceback" not in output


@pytest.mark.live
def test_a_datagram_stops_both(tmp_path: Path) -> None:
    with running_server(tmp_path, "--udp", "--number", "58") as server:
        port = udp_port(server)
        with socket.create_connection(("127.0.0.1", port)) as idle, peer(port) as sock:
            for request in [b"Ann,41"] * 20 + [b"Ann,101"] + [b"Ann,43"] * 20:
                sock.send(request)
            replies = [sock.recv(1024) for _ in range(41)]
            assert replies[20] == b"ERROR stopping: 101 is out of range."
            assert all(reply.endswith(b",58") for reply in replies[:20] + replies[21:])
            assert idle.recv(1024) == b""
        assert server.wait() == 0
        assert server.output.count("Server is stopping: ") == 1
        assert "Traceback" not in server.output


@pytest.mark.live
def test_a_udp_port_in_use(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{sock.getsockname()[1]}"
        options = ("--port", "0", "--udp-listen", where)
        ended = run(BIN / "twistd", "-n", "sumserver", *options, cwd=tmp_path)
    assert ended.returncode == 1
    output = ended.stdout + ended.stderr
    assert output.count(f"{where}: Address already in use") == 1
    assert "Traceback" not in output


@contextmanager
def fake_udp_server(replies: list[bytes | None]) -> Iterator[str]:
    """Answers a request with each of `replies` in turn, or not; yields its port."""

    def serve() -> None:
        for reply in replies:
            _, address = sock.recvfrom(1024)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.1", 0))
                stranger.sendto(b"Stranger,1", address)
            if reply is not None:
                sock.sendto(reply, address)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(PATIENCE)
        thread = threading.Thread(target=serve)
        thread.start()
        yield str(sock.getsockname()[1])
        thread.join(PATIENCE)


@pytest.mark.live
def test_a_server_that_drops_two_requests_and_a_stranger_who_answers(tmp_path: Path) -> None:
    with fake_udp_server([None, None, b"Server of Bob,58"]) as port:
        done = client(tmp_path, "--udp", "--port", port, "42")
    assert done.stdout.startswith("Message sent to server\n" + "Message sent to server again\n" * 2)
    assert "Server name: Server of Bob\n" in done.stdout
    assert done.stdout.endswith("Server's number: 58\nSum: 100\nTries: 3\n")


@pytest.mark.live
def test_a_number_that_is_no_reply(tmp_path: Path) -> None:
    with fake_udp_server([b"Server of Bob,999"]) as port:
        done = client(tmp_path, "--udp", "--port", port, "42")
    assert (done.returncode, done.stdout) == (1, "Message sent to server\n")
    assert done.stderr == (
        f"sumclient: 127.0.0.1:{port}: the reply's number 999 is not in 1..100; "
        "--any-number takes it\n"
    )
    with fake_udp_server([b"Server of Bob,999"]) as port:
        done = client(tmp_path, "--udp", "--port", port, "--any-number", "--quiet", "42")
    assert (done.returncode, done.stdout) == (0, "1041\n")


@pytest.mark.live
def test_a_closed_port(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = str(sock.getsockname()[1])
    done = client(tmp_path, "--udp", "--port", port, "42")
    assert done.returncode == 1
    assert done.stderr == (
        f"sumclient: nobody listens at 127.0.0.1:{port}; "
        f"start your server, or ours: twistd sumserver --port {port} --udp\n"
    )


@pytest.mark.live
def test_an_unknown_host(tmp_path: Path) -> None:
    done = client(tmp_path, "--udp", "--host", "no.such.host.invalid", "42")
    assert done.returncode == 1
    assert done.stderr.startswith("sumclient: no.such.host.invalid:12000: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--udp", "--listen", "tcp:0"], "--udp goes without --listen: use --udp-listen HOST:PORT"),
        (["--udp-listen", "12000"], "--udp-listen: '12000' is not HOST:PORT"),
        (["--udp-listen", "127.0.0.1:x"], "--udp-listen: 'x' is not an integer"),
        (["--udp-listen", "no such host:1"], "--udp-listen: 'no such host' is not an address"),
    ],
)
def test_usage_errors(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Options().parseOptions(arguments)
    assert capsys.readouterr().err.startswith(f"twistd sumserver: {complaint}")
