"""Watching a server: what is counted, what is served of that, and to whom."""

from __future__ import annotations

import json
import select
import signal
import socket
import ssl
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support import (
    EVIL,
    PATIENCE,
    FakeServer,
    Server,
    Transport,
    ask,
    client,
    connect,
    read_all,
    run,
    running_server,
)
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.http_headers import _nameEncoder
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyRequest

from sumproto.core.dialects import DIALECTS, LABELS, UNKNOWN
from sumproto.core.exchange import Exchange, StopPolicy
from sumproto.core.hints import hint
from sumproto.core.message import (
    Busy,
    Malformed,
    Message,
    MessageError,
    OutOfRange,
    Reason,
    Stopping,
    TimedOut,
)
from sumproto.core.observer import Peer
from sumproto.service import Options, makeService
from sumproto.service_options import WEB_CONNECTIONS
from sumproto.web import Tally
from sumproto.web.listener import _in_words
from sumproto.web.live import BEATS, MOST_VIEWERS, MOST_WAITING, Live, _Texts
from sumproto.web.live import PATIENCE as VIEWERS_PATIENCE
from sumproto.web.metrics import FRESH, Metrics
from sumproto.web.site import IDLE_TIMEOUT, WebSite
from sumproto.web.tally import KEPT

PEER = Peer("tcp", "192.0.2.1", 54321)
WEB = ("--web", "tcp:0:interface=127.0.0.1")


def exchange(number: int) -> Exchange:
    return Exchange(Message("Client of Ann", number), Message("Server of Bob", 58))


Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    """The value of each metric with its labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"sumproto_{name}", frozenset(labels.items())]


# What is counted


def test_metrics() -> None:
    tally = Tally(lambda: 0.0)
    for seconds in (1e-5, 5e-5, 0.02, 2.0):
        tally.exchanged(PEER, [(exchange(42), DIALECTS["json"]("\n"))], seconds)
    tally.exchanged(Peer("udp", "192.0.2.1", 5), [(exchange(42), UNKNOWN)], 0.0)
    for _ in range(3):
        tally.connected(PEER)
    tally.disconnected(PEER, None)
    tally.turned_away()
    tally.refused(PEER, Malformed("it is not UTF-8"))
    tally.stop_denied(PEER, OutOfRange("101 is out of range"))
    text, content_type = Metrics(tally, Clock()).encode("")
    assert content_type.startswith("text/plain; version=0.0.4")
    samples = parse(text.decode())
    assert value(samples, "exchanges_total", transport="tcp", dialect="json") == 4
    assert value(samples, "exchanges_total", transport="udp", dialect="comma") == 1
    assert value(samples, "errors_total", code="malformed") == 1
    assert value(samples, "connections_total") == 3
    assert value(samples, "connections_open") == 2
    assert value(samples, "connections_refused_total") == 1
    assert value(samples, "stops_denied_total") == 1
    bucket = "exchange_duration_seconds_bucket"
    assert value(samples, bucket, le="5e-05") == 3
    assert value(samples, bucket, le="0.025") == 4
    assert value(samples, bucket, le="1.0") == 4
    assert value(samples, bucket, le="+Inf") == 5
    assert value(samples, "exchange_duration_seconds_count") == 5
    assert value(samples, "exchange_duration_seconds_sum") == pytest.approx(2.02006)
    assert any(name == "sumproto_build_info" for name, _ in samples)


def test_metrics_in_the_format_that_is_asked_for() -> None:
    text, content_type = Metrics(Tally(lambda: 0.0), Clock()).encode("application/openmetrics-text")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
    for accept in ("text/plain; version=1e9", ";,\ufffd"):
        assert Metrics(Tally(lambda: 0.0), Clock()).encode(accept)[1].startswith("text/plain")


def test_metrics_are_made_a_few_times_a_second() -> None:
    clock = Clock()
    tally = Tally(clock.seconds)
    metrics = Metrics(tally, clock)
    accepts = ["", "application/openmetrics-text"]

    def connections(accept: str) -> int:
        text = metrics.encode(accept)[0].decode()
        return int(float(text.partition("\nsumproto_connections_total ")[2].split()[0]))

    for accept in accepts:
        assert connections(accept) == 0
    tally.connected(PEER)
    for version in range(100):
        assert connections("") == connections(f"{accepts[1]}; version=1.{version}") == 0
    clock.advance(FRESH)
    assert [connections(accept) for accept in accepts] == [1, 1]
    tally.connected(PEER)
    clock.rightNow -= 3600
    assert connections("") == 2


def test_nothing_that_peers_send_becomes_a_label() -> None:
    tally = Tally(lambda: 0.0)
    server = FakeServer(policy=StopPolicy(()), observers=[tally], max_connections=1)
    noise = [*EVIL, b"GET / HTTP/1.1\r\n\r\n", b"x" * 2000, b"Ann,101\n", b"Ann", b'Ann";,42\n']
    for data in noise + [make("\n").encode(Message("Ann", 42)) for make in DIALECTS.values()]:
        protocol, _ = server.connect()
        server.connect()
        protocol.dataReceived(data)
        server.clock.advance(100)
        server.clock.advance(100)
    text = Metrics(tally, Clock()).encode("")[0].decode()
    assert "Ann" not in text
    seen: dict[str, set[str]] = {}
    for _, labels in parse(text):
        for key, label in labels:
            seen.setdefault(key, set()).add(label)
    assert seen["transport"] == {"tcp", "udp", "unix"}
    assert seen["dialect"] == set(LABELS)
    assert seen["code"] == {error.code for error in MessageError.__subclasses__()}
    assert set(seen) == {"transport", "dialect", "code", "le", "version", "python", "twisted"}
    assert value(parse(text), "connections_open") == 0


@pytest.mark.parametrize(
    ("error", "help_"),
    [
        (Malformed("'42.0' is not an integer", Reason.NO_INTEGER), "digits"),
        (Malformed("it is whatever"), "a name, a separator and an integer"),
        (OutOfRange("101 is out of range"), "from 1 to 100"),
        (Stopping("101 is out of range"), "That stopped the server"),
        (Stopping("the server is stopping", Reason.STOPS), "Wait"),
        (Busy("the server has its 1 connections"), "Close"),
    ],
)
def test_hints(error: MessageError, help_: str) -> None:
    assert help_ in hint(error)


@pytest.mark.parametrize(
    ("request_", "help_"),
    [
        (b"Client of Ann", "Put an integer"),
        (b'{"name": "Ann"', "brackets"),
        (b"", "Send a message"),
        (b"Client of Ann,42.0\n", "digits"),
        (b"Client of Ann,\n", "Put an integer"),
        (b",42\n", "Put a name"),
        (b"\xff\n", "UTF-8"),
        (b"x" * 256 + b",42\n", "at most 255"),
        (b"\xc2\x9b,42\n", "print"),
        (b"x" * 1025, "newline"),
        (b"Ann," + b" " * 1010 + b"42\n", "fewer blanks"),
        (b'{"name": "Ann"}', '"number": 42'),
        (b'{"name": []}', '"number": 42'),
        (b'{"a": 1, "a": "Ann"}', '"number": 42'),
        (b"\x16\x03\x01", "another port"),
    ],
)
def test_hints_for_what_a_server_says(request_: bytes, help_: str) -> None:
    tally = Tally(lambda: 0.0)
    server = FakeServer(observers=[tally], quiet_period=0)
    protocol, _ = server.connect()
    protocol.dataReceived(request_)
    server.clock.advance(60)
    (refused,) = tally.last_errors
    assert help_ in hint(refused.error)


def test_a_connection_that_ends_within_a_message() -> None:
    tally = Tally(lambda: 0.0)
    protocol, _ = FakeServer(observers=[tally]).connect()
    protocol.dataReceived(b"Client of Ann")
    protocol.readConnectionLost()
    assert hint(tally.last_errors[0].error) == "Send all of a message before you close."


def test_replies_that_are_not_read() -> None:
    error = TimedOut("the replies were not read within 60 s", Reason.REPLIES_LEFT)
    assert hint(error).startswith("Read the reply")


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_hint(reason: Reason) -> None:
    assert hint(MessageError("", reason)).isprintable()


# The stream, on a clock


class Request(DummyRequest):
    """A request for the stream, whose browser reads."""

    method = b"GET"
    aborted = False

    def __init__(self) -> None:
        super().__init__([b"events"])
        self.transport = self

    def abortConnection(self) -> None:
        self.aborted = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Unlike that of the base class, which asks it to produce until it has."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def events(self) -> list[dict[str, Any]]:
        """What has been sent since this was last asked."""
        texts = b"".join(self.written).decode().split("\n\n")
        self.written = []
        assert texts.pop() == ""
        return [json.loads(text.removeprefix("data: ")) for text in texts]


class Stream:
    """A `Live` on a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tally = Tally(self.clock.seconds)
        self.waits = FakeServer()
        self.live = Live(self.tally, self.waits.factory, self.clock)
        self.live.about = {"name": "Server of Bob", "where": []}
        self.live.start()

    def exchange(self, *numbers: int) -> None:
        for number in numbers:
            self.tally.exchanged(PEER, [(exchange(number), UNKNOWN)], 0.001)

    def view(self) -> Request:
        request = Request()
        self.live.render(request)
        return request

    def beat(self, times: int = 1) -> None:
        self.clock.pump([1 / BEATS] * times)


def test_a_late_viewer_gets_the_last_200() -> None:
    stream = Stream()
    stream.exchange(*range(300))
    for number in range(300):
        stream.tally.refused(PEER, Malformed(str(number)))
    viewer = stream.view()
    stream.beat()
    (event,) = viewer.events()
    assert event["about"] == {"name": "Server of Bob", "where": []}
    assert event["total"] == {"exchanges": 300, "errors": 300, "connections": 0, "waiting": 0}
    assert event["waiting"] == []
    assert [one["number"] for one in event["exchanges"]] == list(range(100, 300))
    assert [one["why"] for one in event["errors"]] == [str(number) for number in range(100, 300)]
    assert event["exchanges"][0] == {
        "time": 0.0,
        "name": "Client of Ann",
        "number": 100,
        "reply": 58,
        "sum": 158,
        "dialect": "comma",
        "transport": "tcp",
        "seconds": 0.001,
    }
    assert event["errors"][0] == {
        "time": 0.0,
        "peer": "192.0.2.1",
        "transport": "tcp",
        "code": "malformed",
        "why": "100",
        "hint": hint(Malformed("")),
    }


def test_viewers_get_what_is_new() -> None:
    stream = Stream()
    viewers = [stream.view(), stream.view()]
    stream.beat()
    stream.exchange(1, 2)
    stream.beat()
    stream.exchange(3)
    stream.beat()
    for viewer in viewers:
        news = [[one["number"] for one in event["exchanges"]] for event in viewer.events()]
        assert news == [[], [1, 2], [3]]
    stream.beat(2)
    (event,) = viewers[0].events()  # once a second there is one in any case
    assert event["rates"] == [0] * 59 + [3]
    assert event["about"] is None
    stream.beat(4 * 61)
    assert viewers[0].events()[-1]["rates"] == [0] * 60


def test_the_rate_of_a_server_that_is_too_busy_for_beats() -> None:
    stream = Stream()
    viewer = stream.view()
    stream.exchange(*[1] * 31)
    stream.clock.advance(3.5)
    assert viewer.events()[-1]["rates"][-4:] == [0, 10, 10, 11]
    stream.clock.advance(0.5)
    assert viewer.events()[-1]["rates"][-4:] == [10, 10, 11, 0]


def test_begun_messages_are_shown_while_they_wait() -> None:
    stream = Stream()
    server = stream.waits
    viewer = stream.view()
    stream.beat(4)
    viewer.events()
    first, _ = server.connect()
    first.dataReceived(b"Client of Ann,abc\n")
    server.clock.advance(0.1)
    stream.beat()
    assert viewer.events() == []  # it may still be on its way
    server.clock.advance(0.1)
    second, _ = server.connect(UNIXAddress(None))
    second.dataReceived(b"hello")
    server.clock.advance(1)
    stream.beat()
    (event,) = viewer.events()
    assert event["total"]["waiting"] == 2
    assert event["waiting"][1] == {
        "peer": "127.0.0.1",
        "transport": "tcp",
        "seconds": 1,
        "why": r"I have 'Client of Ann,abc\n'; 'abc' is no integer",
        "hint": hint(Malformed("", Reason.NO_INTEGER)),
    }
    assert event["waiting"][0]["peer"] == "a UNIX socket"
    server.clock.advance(1)  # the first has been told
    second.dataReceived(b",42\n")
    stream.beat()
    (event,) = viewer.events()
    assert (event["total"]["waiting"], event["waiting"]) == (0, [])


@pytest.mark.parametrize("end", ["lost", "drain", "told", "idle"])
def test_nothing_waits_when_the_connection_ends(end: str) -> None:
    server = FakeServer(begun_timeout=0 if end == "idle" else 10)
    protocol, _ = server.connect()
    protocol.dataReceived(b"hello")
    server.clock.advance(0.2)
    assert server.factory.resting == 1
    if end == "lost":
        protocol.connectionLost(Failure(ConnectionDone()))
    elif end == "drain":
        server.factory.drain(5)
    else:
        server.clock.advance(2)
        server.clock.advance(60)
    assert server.factory.resting == 0


def test_the_most_begun_messages_that_are_shown() -> None:
    stream = Stream()
    viewer = stream.view()
    for number in range(MOST_WAITING + 3):
        stream.waits.connect()[0].dataReceived(b"Ann %d" % number + b"x")
    stream.waits.clock.advance(0.2)
    stream.beat()
    (event,) = viewer.events()
    assert event["total"]["waiting"] == MOST_WAITING + 3
    assert len(event["waiting"]) == MOST_WAITING
    assert "Ann 22x" in event["waiting"][0]["why"]


def test_a_flood_is_sent_in_few_events() -> None:
    stream = Stream()
    viewer = stream.view()
    viewer.events()
    for _ in range(BEATS):
        stream.exchange(*[1] * 10_000)
        stream.beat()
    events = viewer.events()
    assert [len(event["exchanges"]) for event in events] == [KEPT] * BEATS
    assert events[-1]["total"]["exchanges"] == 40_000
    assert events[-1]["rates"][-1] == 40_000


def test_a_viewer_that_does_not_read_costs_nothing() -> None:
    stream = Stream()
    viewer = stream.view()
    viewer.events()
    viewer.producer.pauseProducing()
    for number in range(1000):
        stream.exchange(number)
        if number % 50 == 0:
            stream.beat()
    assert viewer.events() == []
    viewer.producer.resumeProducing()
    stream.beat()
    (event,) = viewer.events()
    assert [one["number"] for one in event["exchanges"]] == list(range(800, 1000))
    viewer.producer.pauseProducing()
    stream.beat(int(VIEWERS_PATIENCE * BEATS) + 1)
    assert viewer.aborted


def test_an_entry_is_encoded_once_for_all_viewers() -> None:
    encoded: list[int] = []

    def describe(number: int) -> dict[str, object]:
        encoded.append(number)
        return {"number": number}

    kept: deque[int] = deque(range(100, 300), maxlen=KEPT)
    texts = _Texts(kept, describe)
    assert texts.newest(2, 300) == '{"number": 298}, {"number": 299}'
    for lacking in range(300):
        assert texts.newest(lacking, 300).count("number") == min(lacking, KEPT)
    kept.append(300)
    assert texts.newest(1, 301) == '{"number": 300}'
    assert encoded == list(range(100, 301))


def test_the_most_viewers() -> None:
    stream = Stream()
    viewers = [stream.view() for _ in range(MOST_VIEWERS)]
    late = stream.view()
    assert late.responseCode == 503
    viewers[0].processingFailed(Failure(ConnectionDone()))  # it is gone
    assert stream.view().responseCode is None


def test_the_end_of_the_streams() -> None:
    stream = Stream()
    viewer = stream.view()
    viewer.events()
    stream.exchange(1)
    stream.tally.stopping("SIGTERM")
    stream.live.stop()
    (event,) = viewer.events()
    assert event["stopping"] == "SIGTERM"
    assert len(event["exchanges"]) == 1
    assert viewer.finished
    assert not stream.clock.getDelayedCalls()


# A server that is watched


class Watched:
    """A server, and what can be seen of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.wait_for(r"Watch at (\S+)")[1]
        self.port = int(self.url.rpartition(":")[2].strip("/"))

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        with self.open(path, method, **headers) as response:
            return response, response.read()

    @contextmanager
    def open(self, path: str, method: str = "GET", **headers: str) -> Iterator[HTTPResponse]:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, headers=headers)
            yield connection.getresponse()

    def metrics(self) -> Samples:
        return parse(self.get("/metrics")[1].decode())


@contextmanager
def watched(cwd: Path, *options: str) -> Iterator[Watched]:
    with running_server(cwd, *WEB, "--number", "58", "--name", "Server of Bob", *options) as server:
        yield Watched(server)
    assert "Traceback" not in server.output


def next_event(stream: HTTPResponse) -> dict[str, Any]:
    """The next event of an open `stream`; one of None if that ends."""
    line = stream.readline().decode()
    if not line:
        return {}
    assert stream.readline() == b"\n"
    event: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return event


@pytest.mark.live
def test_what_is_served(tmp_path: Path) -> None:
    with watched(tmp_path, "--quiet", "--udp") as web:
        ask(web.server.port, b"Ann,42\nAnn,42.0\n")
        done = client(tmp_path, "--port", str(web.server.port), "--udp", "42")
        assert done.returncode == 0, done.stderr
        samples = web.metrics()
        assert value(samples, "exchanges_total", transport="tcp", dialect="comma") == 1
        assert value(samples, "exchanges_total", transport="udp", dialect="comma") == 1
        assert value(samples, "errors_total", code="malformed") == 1
        assert value(samples, "exchange_duration_seconds_count") == 2
        for path, content_type in (
            ("/", "text/html; charset=utf-8"),
            ("/style.css", "text/css; charset=utf-8"),
            ("/script.js", "text/javascript; charset=utf-8"),
            ("/icon.svg", "image/svg+xml"),
            ("/healthz", "text/plain"),
            ("/events", "text/event-stream"),
        ):
            response, body = web.get(path, "HEAD")
            assert (response.status, body) == (200, b"")
            assert response.headers["Content-Type"] == content_type
        assert web.get("/healthz")[1] == b"ok\n"
        response, body = web.get("/nothing")
        assert response.status == 404
        assert (
            "default-src 'none'; script-src 'self'" in response.headers["Content-Security-Policy"]
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in response.headers
        assert web.get("/metrics", "POST")[0].status == 405
        assert web.get("/metrics", "HEAD")[0].status == 200
        output = web.server.output
    assert "HEAD" not in web.server.output[len(output) :]
    assert "127.0.0.1 - -" not in web.server.output


@pytest.mark.live
def test_the_stream_of_a_server(tmp_path: Path) -> None:
    with watched(tmp_path) as web, web.open("/events") as stream:
        event = next_event(stream)
        assert event["about"] == {
            "name": "Server of Bob",
            "where": [f"127.0.0.1 port {web.server.port} (TCP)"],
        }
        ask(web.server.port, '{"name": "<b>Änn</b>", "number": 42}\nAnn,42.0\n'.encode())
        while not event["exchanges"]:
            event = next_event(stream)
        assert event["exchanges"][0]["name"] == "<b>Änn</b>"
        assert event["exchanges"][0]["sum"] == 100
        while not event["errors"]:
            event = next_event(stream)
        assert event["errors"][0]["why"] == "'42.0' is not an integer"


@pytest.mark.live
def test_a_browser_that_never_reads(tmp_path: Path) -> None:
    with watched(tmp_path, "--quiet") as web, socket.socket() as browser:
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        browser.connect(("127.0.0.1", web.port))
        browser.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(5):
            ask(web.server.port, b"Client of Ann,42\n" * 2000)
        assert value(web.metrics(), "exchange_duration_seconds_count") == 10_000
        web.server.process.terminate()
        assert web.server.wait() == 0


@pytest.mark.live
def test_it_can_be_watched_until_the_last_is_answered(tmp_path: Path) -> None:
    with watched(tmp_path) as web, web.open("/events") as stream:
        event = next_event(stream)
        with connect(web.server.port) as peer:
            peer.sendall(b"Ann,42\n")
            assert peer.recv(1024)
            web.server.process.send_signal(signal.SIGTERM)
            assert read_all(peer) == b""  # from here on, the server waits for us to close
            response, body = web.get("/healthz")
            assert (response.status, body) == (503, b"stopping\n")
            assert value(web.metrics(), "connections_open") == 1
            while not event["stopping"]:
                event = next_event(stream)
            assert event["stopping"] == "SIGTERM"
        assert web.server.wait() == 0
        while event:
            event = next_event(stream)


@pytest.mark.live
def test_names_of_other_hosts_are_refused(tmp_path: Path) -> None:
    with watched(tmp_path) as web:
        for host in (
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:1",
            "[::1]:8000",
            socket.gethostname(),
        ):
            assert web.get("/healthz", Host=host)[0].status == 200
        for host in ("evil.example", "evil.example:8000", "localhost.evil.example", ""):
            response, body = web.get("/healthz", Host=host)
            assert response.status == 403
            assert b"ok" not in body.split()
        with connect(web.port) as peer:
            peer.sendall(b"GET /metrics HTTP/1.0\r\nHost: \xff\r\nAccept: \xff\r\n\r\n")
            assert b" 403 Forbidden" in read_all(peer)


@pytest.mark.live
def test_the_host_is_said_once(tmp_path: Path) -> None:
    statuses = {
        b"HTTP/1.1\r\nHost: localhost": 200,
        b"HTTP/1.0": 200,  # it knows no Host; browsers do
        b"HTTP/1.1": 400,
        b"HTTP/1.1\r\nHost: localhost\r\nHost: evil.example": 400,
        b"HTTP/1.1\r\nHost: evil.example\r\nHost: localhost": 400,
        b"HTTP/1.0\r\nHost: localhost\r\nHost: localhost": 400,
        b"HTTP/1.1\r\nHost: evil.example:x": 403,
        b"HTTP/1.1\r\nHost: [evil.example]": 403,
        b"HTTP/1.1\r\nHost: localhost, evil.example": 403,
    }
    with watched(tmp_path) as web:
        for head, status in statuses.items():
            with connect(web.port) as peer:
                peer.sendall(b"GET /healthz " + head + b"\r\nConnection: close\r\n\r\n")
                assert read_all(peer).split()[1] == b"%d" % status, head


@pytest.mark.live
@pytest.mark.parametrize("digits", [10, 5000])  # more than `int` takes
def test_a_body_is_not_read(tmp_path: Path, digits: int) -> None:
    length = b"9" * digits
    with watched(tmp_path) as web, connect(web.port) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %b\r\n\r\nx" % length)
        assert peer.recv(1024).startswith(b"HTTP/1.1 413 ")


@pytest.mark.live
def test_a_path_that_is_not_ascii(tmp_path: Path) -> None:
    with watched(tmp_path) as web, connect(web.port) as peer:
        peer.sendall(b"POST /\xa2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_all(peer).startswith(b"HTTP/1.1 400 ")


class Page(Resource):
    isLeaf = True

    def render_GET(self, request: object) -> bytes:
        return b"This is it."


class WebPeer:
    """A peer of a site on a clock, where there are a page and a stream; it need not read."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.live = Live(Tally(self.clock.seconds), FakeServer().factory, self.clock)
        root = Resource()
        root.putChild(b"events", self.live)
        root.putChild(b"page", Page())
        self.transport = SlowTransport()
        self.transport.protocol = WebSite(root, self.clock, 1).buildProtocol(None)
        self.transport.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.transport.protocol.dataReceived(data)

    @property
    def responses(self) -> int:
        """How many it has been sent so far."""
        return b"".join(self.transport.writes).count(b"This is it.")

    def turns(self, count: int) -> list[int]:
        """The `responses` after each of the next `count` turns of the reactor."""
        responses: list[int] = []

        def look() -> None:
            responses.append(self.responses)
            if len(responses) < count:
                self.clock.callLater(0, look)

        self.clock.callLater(0, look)
        self.clock.advance(0)
        return responses

    @property
    def is_read(self) -> bool:
        """Whether what it sends is read."""
        return self.transport.producerState == "producing"


HEAD = b"GET /page HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /page?%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"=&" * 3900), 200),
        (b"GET /page%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"/" * 8000), 200),
        (b"GET /page%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"/%41" * 1900), 200),
        (HEAD + b"Cookie: " + b";" * 8000 + b"\r\n\r\n", 200),
        (HEAD + b"A: b\r\n" + b" \r\n" * 2600 + b"\r\n", 400),
        (HEAD + b"a:\r\n" * 98 + b"\r\n", 200),
        (HEAD + b"a:\r\n" * 99 + b"\r\n", 400),
    ],
    ids=["query", "slashes", "path", "cookies", "folded", "100 lines", "101 lines"],
)
def test_a_request_costs_little_whatever_is_in_it(request_: bytes, status: int) -> None:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    peer = WebPeer()
    sys.setprofile(count)
    try:
        peer.send(request_)
    finally:
        sys.setprofile(None)
    assert peer.transport.value().startswith(b"HTTP/1.1 %d " % status)
    assert calls < 2000  # a plain one takes some 200, and what Twisted takes apart, 8,000 and more


def test_names_of_headers_are_not_kept() -> None:
    """Twisted keeps 10,000, which may have 8 KiB each."""
    WebPeer().send(HEAD + b"\r\n")  # so that the names of all peers are there
    before = len(_nameEncoder._canonicalHeaderCache)
    for number in range(10):
        WebPeer().send(HEAD + b"a%d: b\r\n\r\n" % number)
    assert len(_nameEncoder._canonicalHeaderCache) == before


@pytest.mark.parametrize("header", [b"Content-Length : 1", b"Host", b"a b: c", b": x"])
def test_a_header_that_is_none_is_refused(header: bytes) -> None:
    """What is before the colon may be a length, to a proxy before us."""
    peer = WebPeer()
    peer.send(HEAD + header + b"\r\n\r\nx")
    assert peer.transport.value().startswith(b"HTTP/1.1 400 ")


class SlowTransport(Transport):
    """A transport whose peer takes its time for all that it is sent, and for the end of it."""

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.aborted = True
        self.protocol.connectionLost(Failure(ConnectionAborted()))


PAGE = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_pipelined_requests_have_a_turn_each() -> None:
    peer = WebPeer()
    peer.send(PAGE * 3 + PAGE[:20])
    assert (peer.responses, peer.is_read) == (1, False)
    assert peer.turns(3) == [2, 3, 3]
    assert peer.is_read
    peer.send(PAGE[20:])
    assert peer.turns(2) == [4, 4]
    assert peer.is_read


def test_pipelined_requests_wait_for_who_does_not_read() -> None:
    peer = WebPeer()
    peer.send(PAGE * 3)
    peer.transport.protocol.pauseProducing()  # the transport is full
    assert peer.turns(2) == [1, 1]
    assert not peer.is_read
    peer.transport.protocol.resumeProducing()
    assert not peer.is_read
    assert peer.turns(2) == [3, 3]
    peer.send(PAGE * 3)
    peer.transport.protocol.pauseProducing()
    peer.clock.advance(IDLE_TIMEOUT)
    assert peer.transport.aborted
    assert not peer.clock.getDelayedCalls()


def test_what_is_behind_the_request_for_a_stream() -> None:
    """It is not kept, however much it is, and whether the viewer reads or not."""
    for full in True, False:
        peer = WebPeer()
        peer.live.start()
        peer.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if full:
            peer.transport.protocol.pauseProducing()
        else:
            peer.send(PAGE)
        assert not peer.is_read
        peer.live.stop()
        assert peer.turns(1) == [0]
        assert full or peer.transport.disconnecting


def test_who_does_not_take_its_last_response_is_cut_off() -> None:
    peer = WebPeer()
    peer.send(b"GET /page HTTP/1.0\r\n\r\n")
    assert peer.turns(1) == [1]
    peer.clock.advance(IDLE_TIMEOUT)
    assert peer.transport.aborted


def send_and_read(peer: socket.socket, data: bytes) -> bytes:
    """What `peer` sends until it closes, as it is sent `data`; in one thread, as TLS wants it."""
    peer.setblocking(False)
    answer, left = bytearray(), memoryview(data)
    blocked = BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError
    while True:
        assert any(select.select([peer], [peer] if left else [], [], PATIENCE))
        with suppress(*blocked):
            while left:
                left = left[peer.send(left) :]
        with suppress(*blocked):
            while chunk := peer.recv(65536):
                answer += chunk
            return bytes(answer)


@pytest.mark.live
@pytest.mark.parametrize("tls", [False, True])
def test_a_thousand_pipelined_requests(tmp_path: Path, certificate: Path, tls: bool) -> None:
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={certificate}" if tls else WEB[1]
    with running_server(tmp_path, "--web", endpoint) as server, ExitStack() as stack:
        peer = stack.enter_context(connect(Watched(server).port))
        if tls:
            context = ssl.create_default_context(cafile=str(certificate))
            context.check_hostname = False
            peer = stack.enter_context(context.wrap_socket(peer))
        last = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        responses = send_and_read(peer, PAGE.replace(b"page", b"") * 1000 + last)
    assert responses.count(b"HTTP/1.1 200 OK\r\n") == 1000
    assert responses.count(b"HTTP/1.1 404 ") == 1


def test_a_byte_now_and_then_holds_no_connection() -> None:
    peer = WebPeer()
    peer.send(b"GET / HTTP/1.1\r\n")
    for _ in range(IDLE_TIMEOUT):
        assert not peer.transport.aborted
        peer.send(b"X: a\r\n")
        peer.clock.advance(1)
    assert peer.transport.aborted


@pytest.mark.live
def test_the_most_connections_to_watch(tmp_path: Path) -> None:
    with watched(tmp_path) as web:
        peers = [connect(web.port) for _ in range(WEB_CONNECTIONS)]
        with connect(web.port) as late:
            assert read_all(late) == b""
        for peer in peers:
            peer.close()


@pytest.mark.live
def test_from_other_hosts(tmp_path: Path) -> None:
    with running_server(tmp_path, "--web", "tcp:0:interface=0.0.0.0") as server:
        web = Watched(server)
        assert web.url.startswith("http://localhost:")
        server.wait_for(r"\('0.0.0.0', \d+\) can be reached from other hosts, and shows names")
        assert web.get("/healthz", Host="sum.example")[0].status == 200


@pytest.mark.live
def test_over_tls(tmp_path: Path, certificate: Path) -> None:
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={certificate}"
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    context.set_alpn_protocols(["h2", "http/1.1"])  # as browsers do
    with running_server(tmp_path, "--web", endpoint) as server:
        port = int(server.wait_for(r"Watch at https://127.0.0.1:(\d+)/")[1])
        with context.wrap_socket(connect(port)) as peer:
            # An older Twisted agrees on none, and then a browser speaks HTTP/1.1, too.
            assert peer.selected_alpn_protocol() in ("http/1.1", None)
            peer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert peer.recv(1024).startswith(b"HTTP/1.1 200 OK")
            server.process.terminate()
            assert b'"stopping": "SIGTERM"' in read_all(peer)
        assert server.wait() == 0


@pytest.mark.live
def test_at_a_unix_socket(tmp_path: Path) -> None:
    with running_server(tmp_path, "--web", "unix:web.sock") as server:
        server.wait_for(r"Watch at .*web.sock")
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(tmp_path / "web.sock"))
            peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert read_all(peer).endswith(b"ok\n")


def test_addresses_in_words() -> None:
    addresses = [
        IPv4Address("TCP", "192.0.2.1", 12000),
        IPv4Address("UDP", "192.0.2.1", 12000),
        IPv6Address("TCP", "::", 12000),
        IPv6Address("UDP", "::", 12000),
        IPv4Address("UDP", "0.0.0.0", 12000),
        UNIXAddress("/run/sum.sock"),
        UNIXAddress(None),
    ]
    assert _in_words(addresses) == [
        "192.0.2.1 port 12000 (TCP and UDP)",
        f"{socket.gethostname()} port 12000 (TCP and UDP)",
        "/run/sum.sock (UNIX socket)",
    ]


# What cannot be


@pytest.mark.live
def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        command = ("twistd", "-n", "sumserver", "--port", "0", "--web", f"tcp:{port}")
        ended = run(Path(sys.executable).parent / command[0], *command[1:], cwd=tmp_path)
    assert ended.returncode == 1
    output = ended.stdout + ended.stderr
    assert output.count("Address already in use") == 1
    assert "Traceback" not in output


@pytest.mark.parametrize("endpoint", ["", "carrier-pigeon:1"])
def test_an_endpoint_that_is_none(endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = Options()
    options.parseOptions(["--web", endpoint])
    with pytest.raises(SystemExit):
        makeService(options, MemoryReactorClock())
    assert capsys.readouterr().err.startswith(f"twistd sumserver: --web {endpoint}: ")


def test_without_prometheus_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("sumproto.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    options = Options()
    options.parseOptions(["--web", "tcp:0"])
    with pytest.raises(SystemExit) as caught:
        makeService(options, MemoryReactorClock())
    assert str(caught.value) == (
        "twistd sumserver: --web: prometheus_client is not installed: pip install '.[web]'"
    )
