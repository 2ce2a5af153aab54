"""The service that twistd runs: its options, and the parts composed as they say."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.components import Componentized

from . import unix
from .commandline import (
    HOST,
    PORT,
    default_name,
    end_with_usage_error,
    integer_in,
    parse_seconds,
    version,
)
from .core import (
    HIGHEST,
    LOOPBACK,
    STOP_ON,
    UNKNOWN,
    Message,
    Observer,
    ReplyFormat,
    Rule,
    StopPolicy,
    check_range,
    escape,
    misread_in,
    parse_name,
    parse_networks,
    parse_number,
    random_number,
    reads_back,
)
from .journal import Journal
from .log import LogFile, Output, runner_output
from .server import (
    REFUSALS,
    ConnectionListener,
    DatagramListener,
    Listener,
    Responder,
    SumFactory,
    server_endpoint,
)
from .signals import Signals
from .trace import EventTrace, ExchangeTrace, Throttle
from .twisted_gaps import run_on_monotonic_clock

if TYPE_CHECKING:
    from .web import Tally

SPARE_DESCRIPTORS = 32 + REFUSALS
"""File descriptors that connections leave to the rest of the process, and to refusals."""

WEB_CONNECTIONS = 128
"""Connections at a time of who watches the server."""


# --- options


def _parameter(
    name: str, default: object, doc: str, convert: Callable[[str], object]
) -> list[object]:
    """A row of `Options.optParameters` whose errors name the option."""

    def coerce(text: str) -> object:
        try:
            return convert(text)
        except (ValueError, OSError) as error:
            raise usage.UsageError(f"--{name}: {error}") from None

    return [name, None, default, doc, coerce]


def _address(text: str) -> str:
    """The first IP address that `text`, an address or a host name, stands for.

    An IPv4 address mapped into IPv6 stands for itself.
    """
    try:
        address = str(socket.getaddrinfo(text, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError):
        raise ValueError(f"'{escape(text)}' is not an address of this host") from None
    return str(getattr(ip_address(address), "ipv4_mapped", None) or address)


def _udp_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host):
        raise ValueError(f"'{escape(text)}' is not HOST:PORT")
    return _address(host.removeprefix("[").removesuffix("]")), integer_in(0, 65535)(port)


def _name(text: str) -> str:
    name = parse_name(text)
    if not reads_back(Message(name, HIGHEST), UNKNOWN):
        raise ValueError(f"a reply from '{escape(name)}' would be misread")
    return name


def _stop_on(text: str) -> str:
    if text not in STOP_ON:
        raise ValueError(f"'{escape(text)}' is none of {', '.join(STOP_ON)}")
    return text


def _path(text: str) -> Path:
    if not text:
        raise ValueError("there is no name of a file")
    return Path(text)


def _room(options: Options) -> int:
    """As many connections as the limit on open files (``ulimit -n``) has room for, at least 1."""
    soft, _ = unix.resource.getrlimit(unix.resource.RLIMIT_NOFILE)
    if soft == unix.resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, soft - SPARE_DESCRIPTORS - (WEB_CONNECTIONS if options["web"] is not None else 0))


class Options(usage.Options):
    """What ``twistd sumserver`` can be told."""

    synopsis = "[options]"
    longdesc = ""  # getUsage has it: the base class would make one paragraph of the examples

    optFlags = [  # noqa: RUF012 - the base class wants lists
        ["quiet", "q", "Log no exchanges, only what goes wrong and the stop."],
        ["udp", None, "Serve UDP as well, on the same address and port."],
    ]
    optParameters = [  # noqa: RUF012
        _parameter("host", None, f"Address to listen on. [default: {HOST}]", _address),
        _parameter(
            "port",
            None,
            f"TCP port to listen on; 0: any free one. [default: {PORT}]",
            integer_in(0, 65535),
        ),
        _parameter(
            "udp-listen",
            None,
            "Serve UDP as well, on this HOST:PORT, such as 127.0.0.1:12001 or [::1]:12001.",
            _udp_address,
        ),
        _parameter(
            "name",
            None,
            f"The server's name in its replies. [default: {default_name('Server')}]",
            _name,
        ),
        _parameter(
            "number",
            None,
            "Always reply with this number, 1 to 100. [default: a random one for each exchange]",
            lambda text: check_range(parse_number(text)),
        ),
        _parameter(
            "reply",
            None,
            "Format of replies in text, with the fields {name} {number} {sum} {separator} "
            "{client_name} {client_number}. [default: as the request]",
            ReplyFormat,
        ),
        _parameter(
            "stop-on",
            "out-of-range",
            "What stops the server: an out-of-range number, any invalid input, or never.",
            _stop_on,
        ),
        _parameter(
            "stop-from",
            None,
            "Who may stop it: loopback, any, or networks (10.0.0.0/8,::1). [default: loopback]",
            parse_networks,
        ),
        _parameter(
            "drain",
            5,
            "Seconds that a stop waits for peers to take their replies.",
            parse_seconds,
        ),
        _parameter(
            "idle-timeout",
            60,
            "Seconds without a complete message after which a connection is closed; 0: never.",
            parse_seconds,
        ),
        _parameter(
            "quiet-period",
            0.2,
            "Seconds of silence that end a message with no newline; 0: silence ends none.",
            parse_seconds,
        ),
        _parameter(
            "max-connections",
            None,
            "Connections served at a time; more are told that the server is busy. "
            "[default: what the limit on open files allows]",
            integer_in(1, sys.maxsize),
        ),
        _parameter(
            "journal",
            None,
            "Append each exchange and error to this file, as a JSON object a line.",
            _path,
        ),
        [
            "web",
            None,
            None,
            "Serve a live page, /metrics and /healthz on this endpoint, such as "
            "tcp:8000:interface=127.0.0.1.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """Listen on this Twisted server endpoint instead of --host and --port. Can be repeated."""
        self["listen"].append(endpoint)

    def opt_version(self) -> None:
        """Print the versions of sumproto, Twisted and Python, and exit."""
        print(version())
        raise SystemExit

    def getUsage(self, width: int | None = None) -> str:
        return super().getUsage(width) + _EXAMPLES

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Raises `SystemExit`, after one line where twistd would print all its options, too."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            end_with_usage_error("twistd sumserver", str(error))

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"'{escape(args[0])}' is not an option")

    def postOptions(self) -> None:
        if self["listen"] and not (self["host"] is None and self["port"] is None):
            raise usage.UsageError("--listen goes without --host and --port")
        if self["listen"] and self["udp"]:
            raise usage.UsageError("--udp goes without --listen: use --udp-listen HOST:PORT")
        room = _room(self)
        if (self["max-connections"] or room) > room:
            raise usage.UsageError(
                f"--max-connections: {self['max-connections']} is more than {room}, for which "
                "'ulimit -n' has room"
            )


_EXAMPLES = """
Answers each client that sends its name and an integer from 1 to 100 with a name
and an integer of its own, and logs their sum. An integer out of that range
stops the server.

Examples:
  twistd sumserver
      a daemon at 127.0.0.1 port 12000, with twistd.log and twistd.pid here
  twistd -n sumserver --host 0.0.0.0 --stop-on never
      in the foreground, for all hosts, none of which can stop it
  twistd -n sumserver --listen tcp6:12000 --listen unix:/run/sum.sock:mode=660
      at two endpoints
  twistd -n sumserver --web tcp:8000:interface=127.0.0.1
      with a page at http://127.0.0.1:8000/ that shows exchanges as they happen
"""


# --- the service


class SumService(MultiService):
    """A server at all its ports, from the first request to the last.

    Who watches it, at the ports of `watching`, can do so until that is answered. `signals` are
    taken from the start. twistd has its log written by the observer of `output`, if there is one.
    """

    def __init__(
        self,
        reactor: Any,
        factory: SumFactory,
        listeners: Sequence[Listener],
        watching: Sequence[Listener],
        drain: float,
        signals: Signals,
        output: Output | None,
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._factory = factory
        self._listeners = listeners
        self._drain = drain
        self._signals = signals
        self._output = output
        for listener in (*listeners, *watching):
            listener.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Become part of `parent`, of which twistd asks what is to write its log."""
        if self._output and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._output.observer)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Listen. From then on, no signal ends the process but by a graceful stop."""
        self._signals.take()
        super().privilegedStartService()

    def startService(self) -> None:
        """Say where we listen; with ``python -m twisted``, which starts no other way, listen."""
        self._signals.take()
        super().startService()

    def stopService(self) -> Deferred[Any]:
        """Close the ports, and drain the connections.

        Only after one more turn of the reactor, in which who is about to be accepted is told that
        the server stops, and not reset.
        """
        return deferLater(self._reactor, 0, self._stop)

    def _stop(self) -> Deferred[Any]:
        closed = [listener.disownServiceParent() for listener in self._listeners]
        drained = gatherResults([*closed, self._factory.drain(self._drain)])
        return drained.addBoth(lambda _: super(SumService, self).stopService())


def makeService(options: Options, reactor: Any = None) -> SumService:
    """The service that `options` describe. Raises `SystemExit` for an endpoint that is none."""
    if reactor is None:
        from twisted.internet import reactor

        run_on_monotonic_clock(reactor)
    throttle = Throttle(reactor)
    observers: list[Observer] = [EventTrace(throttle)]
    if not options["quiet"]:
        observers.append(ExchangeTrace())
    if options["journal"]:
        journal = Journal(options["journal"], reactor)
        observers.append(journal)
        reactor.callWhenRunning(journal.flush)  # the file is there, or it is told why not
        reactor.addSystemEventTrigger("after", "shutdown", journal.close)  # when all is answered
    tally = _tally() if options["web"] is not None else None
    if tally:
        observers.append(tally)
    responder = Responder(
        _rule(options),
        StopPolicy(STOP_ON[options["stop-on"]], options["stop-from"] or LOOPBACK),
        reactor,
        reactor.stop,
        observers,
    )
    factory = SumFactory(
        responder,
        quiet_period=options["quiet-period"],
        idle_timeout=options["idle-timeout"],
        max_connections=options["max-connections"] or _room(options),
    )
    listeners = _listeners(options, reactor, factory, throttle)
    watching = [_web(options, reactor, tally, responder, listeners)] if tally else []
    output = _output(options, reactor)
    files = [output.reopen] if isinstance(output, LogFile) else []
    if options["journal"]:
        files.append(journal.flush)  # which opens it
    daemon = options.parent is not None and not options.parent.get("nodaemon", True)
    signals = Signals(
        reactor,
        stop=responder.stop,
        hurry=factory.hurry,
        reopen=(lambda: [reopen() for reopen in files]) if daemon else None,
        rotate=output.rotate if isinstance(output, LogFile) else None,
    )
    return SumService(reactor, factory, listeners, watching, options["drain"], signals, output)


def _output(options: Options, reactor: Any) -> Output | None:
    """Where the log goes, if we write it. Raises `SystemExit` for a file that cannot be had."""
    try:
        return runner_output(reactor, options.parent)
    except OSError as wrong:
        where, why = escape(str(wrong.filename)), wrong.strerror
        raise SystemExit(f"twistd sumserver: --logfile {where}: {why}") from None


def _rule(options: Options) -> Rule:
    name = options["name"] or default_name("Server")
    if unclear := misread_in(name):
        Logger().warn(
            "Our own client will misread the name {name} in {dialects}",
            name=name,
            dialects=", ".join(unclear),
        )
    number = options["number"]
    return Rule(name, random_number if number is None else lambda: number, options["reply"])


def _listeners(
    options: Options, reactor: Any, factory: SumFactory, throttle: Throttle
) -> list[Listener]:
    """What listens for requests."""
    listeners: list[Listener] = []
    for text in options["listen"] or [_default(options)]:
        endpoint = _endpoint(reactor, "listen", text)
        listeners.append(ConnectionListener(endpoint, factory, throttle))
    beside = listeners[0]
    responder = factory.responder
    if options["udp"]:
        host = options["host"] or HOST
        listeners += _datagram_listeners(reactor, host, lambda: int(beside.address.port), responder)
    if options["udp-listen"]:
        host, port = options["udp-listen"]
        listeners += _datagram_listeners(reactor, host, lambda: port, responder)
    return listeners


def _datagram_listeners(
    reactor: Any, host: str, port: Callable[[], int], responder: Responder
) -> list[Listener]:
    """What listens for datagrams at `host`: at ``::`` one for IPv6, and one for IPv4.

    Both have one port; if it is any free one, the first decides.
    """
    listener = DatagramListener(reactor, host, port, responder)
    if host != "::":
        return [listener]
    return [
        listener,
        DatagramListener(reactor, "0.0.0.0", lambda: int(listener.address.port), responder),
    ]


def _tally() -> Tally:
    """What is watched by --web, which takes an extra. Raises `SystemExit` without it."""
    try:
        from .web import Tally
    except ModuleNotFoundError as missing:
        raise SystemExit(
            f"twistd sumserver: --web: {missing.name} is not installed: pip install 'sumproto[web]'"
        ) from None
    return Tally(time.time)


def _web(
    options: Options,
    reactor: Any,
    tally: Tally,
    responder: Responder,
    listeners: Sequence[Listener],
) -> Listener:
    """What listens for who watches the server."""
    from .web import WebListener

    return WebListener(
        reactor,
        _endpoint(reactor, "web", options["web"]),
        scheme="https" if options["web"].startswith(("ssl:", "tls:")) else "http",
        tally=tally,
        responder=responder,
        addresses=lambda: [listener.address for listener in listeners],
        most=WEB_CONNECTIONS,
        patience=options["drain"],
    )


def _endpoint(reactor: Any, option: str, text: str) -> IStreamServerEndpoint:
    """The endpoint that `text`, the value of `option`, describes. Raises `SystemExit`."""
    try:
        return server_endpoint(reactor, text)
    except ValueError as wrong:
        end_with_usage_error("twistd sumserver", f"--{option} {escape(text)}: {wrong}")


def _default(options: Options) -> str:
    """The endpoint that --host and --port make."""
    host = options["host"] or HOST
    port = PORT if options["port"] is None else options["port"]
    kind = "tcp6" if ":" in host else "tcp"
    return f"{kind}:{port}:interface={quoteStringArgument(host)}"
