"""The service that twistd runs: it is composed here as its options say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from . import unix  # noqa: F401 - before Twisted's reactor, which is another without it
from .commandline import HOST, PORT, default_name, end_with_usage_error
from .core import LOOPBACK, STOP_ON, Observer, Rule, StopPolicy, escape, misread_in, random_number
from .deadline import Pulse
from .journal import Journal
from .log import LogFile, Output, runner_output
from .server import (
    ConnectionListener,
    DatagramListener,
    Listener,
    Responder,
    SumFactory,
    server_endpoint,
)
from .service_options import WEB_CONNECTIONS, Options
from .signals import Signals
from .trace import EventTrace, ExchangeTrace, Throttle
from .twisted_gaps import run_on_monotonic_clock

if TYPE_CHECKING:
    from .web import Tally

__all__ = ["Options", "SumService", "makeService"]


class SumService(MultiService):
    """A server at all its ports, from the first request to the last.

    The `listeners` serve requests. The listeners of `watching` serve those who watch, until the
    last request is answered; all have `drain` seconds to end. The service takes the `signals` as
    soon as it starts, and the `pulse` beats from then to the end. `output`, if there is one, has
    the observer that writes the log of twistd.
    """

    def __init__(
        self,
        reactor: Any,
        responder: Responder,
        listeners: Sequence[Listener],
        watching: Sequence[Listener],
        drain: float,
        signals: Signals,
        output: Output | None,
        pulse: Pulse,
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._responder = responder
        self._listeners = listeners
        self._watching = watching
        self._drain_seconds = drain
        self._signals = signals
        self._output = output
        self._pulse = pulse
        for listener in (*listeners, *watching):
            listener.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Become part of `parent`, which twistd asks for the observer that writes its log."""
        if self._output and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._output.observer)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Listen, and beat. From then on, a signal ends the process only by a graceful stop."""
        self._signals.take()
        self._pulse.start()
        super().privilegedStartService()

    def startService(self) -> None:
        """Start. Under ``python -m twisted``, which has no privileged start, listen as well."""
        self._signals.take()
        self._pulse.start()
        super().startService()

    def stopService(self) -> Deferred[Any]:
        """Drain all listeners, those of requests first.

        Connections that the kernel has made are served like those that were accepted before. The
        drain begins one turn of the reactor later, and who comes until then is told of the stop.
        """
        self._responder.begin_to_stop("the service is stopped")
        for listener in self._listeners:
            listener.accept_waiting()
        for listener in self._listeners:
            listener.refuse()
        return deferLater(self._reactor, 0, self._stop)

    def _stop(self) -> Deferred[Any]:
        stopped = self._drain(self._listeners)
        stopped.addBoth(lambda _: self._drain(self._watching))
        stopped.addBoth(lambda _: self._pulse.stop())
        return stopped.addBoth(lambda _: super(SumService, self).stopService())

    def _drain(self, listeners: Sequence[Listener]) -> Deferred[Any]:
        return gatherResults([listener.drain(self._drain_seconds) for listener in listeners])


def makeService(options: Options, reactor: Any = None) -> SumService:
    """The service that `options` describe.

    Raises `SystemExit`, with a line, for what cannot be had: an endpoint, a file, an extra.
    """
    if reactor is None:
        from twisted.internet import reactor

        run_on_monotonic_clock(reactor)
    throttle = Throttle(reactor)
    journal = _journal(options, reactor)
    tally = _tally(options)
    observers: list[Observer | None] = [
        EventTrace(throttle),
        None if options["quiet"] else ExchangeTrace(),
        journal,
        tally,
    ]
    responder = Responder(
        _rule(options),
        StopPolicy(STOP_ON[options["stop-on"]], options["stop-from"] or LOOPBACK),
        reactor,
        reactor.stop,
        [observer for observer in observers if observer],
    )
    pulse = Pulse(reactor)
    listeners = _listeners(options, reactor, responder, throttle, pulse)
    watching = [_web(options, reactor, tally, responder, listeners)] if tally else []
    output = _output(options, reactor)
    signals = _signals(options, reactor, responder, listeners, journal, output)
    drain = options["drain"]
    return SumService(reactor, responder, listeners, watching, drain, signals, output, pulse)


def _journal(options: Options, reactor: Any) -> Journal | None:
    """The journal, if there is to be one. It is written from the start of `reactor` to its end."""
    if not options["journal"]:
        return None
    journal = Journal(options["journal"], reactor)
    reactor.callWhenRunning(journal.flush)  # which makes the file, or logs why it cannot
    reactor.addSystemEventTrigger("after", "shutdown", journal.close)  # when all is answered
    return journal


def _tally(options: Options) -> Tally | None:
    """The counts for --web, if that is given. It needs an extra; without, raises `SystemExit`."""
    if options["web"] is None:
        return None
    try:
        from .web import Tally
    except ModuleNotFoundError as missing:
        raise SystemExit(
            f"twistd sumserver: --web: {missing.name} is not installed: pip install 'sumproto[web]'"
        ) from None
    return Tally(time.time)


def _rule(options: Options) -> Rule:
    """How requests are answered. Warns if the name of the server is one that clients misread."""
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
    options: Options, reactor: Any, responder: Responder, throttle: Throttle, pulse: Pulse
) -> list[Listener]:
    """What listens for requests, all of which `responder` answers."""
    factory = SumFactory(
        responder,
        quiet_period=options["quiet-period"],
        idle_timeout=options["idle-timeout"],
        max_connections=options["max-connections"],
        pulse=pulse,
    )
    listeners: list[Listener] = []
    for text in options["listen"] or [_default(options)]:
        endpoint = _endpoint(reactor, "listen", text)
        listeners.append(ConnectionListener(endpoint, factory, throttle))
    beside = listeners[0]
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
    """What listens for datagrams at `host`: at ``::`` one listener for IPv6, and one for IPv4.

    Both have the same port; if it may be any free one, the first listener decides.
    """
    listener = DatagramListener(reactor, host, port, responder)
    if host != "::":
        return [listener]
    return [
        listener,
        DatagramListener(reactor, "0.0.0.0", lambda: int(listener.address.port), responder),
    ]


def _web(
    options: Options,
    reactor: Any,
    tally: Tally,
    responder: Responder,
    listeners: Sequence[Listener],
) -> Listener:
    """What listens for those who watch the server."""
    from .web import WebListener

    return WebListener(
        reactor,
        _endpoint(reactor, "web", options["web"]),
        scheme="https" if options["web"].startswith(("ssl:", "tls:")) else "http",
        tally=tally,
        responder=responder,
        addresses=lambda: [listener.address for listener in listeners],
        most=WEB_CONNECTIONS,
    )


def _default(options: Options) -> str:
    """The endpoint that --host and --port make."""
    host = options["host"] or HOST
    port = PORT if options["port"] is None else options["port"]
    kind = "tcp6" if ":" in host else "tcp"
    return f"{kind}:{port}:interface={quoteStringArgument(host)}"


def _endpoint(reactor: Any, option: str, text: str) -> IStreamServerEndpoint:
    """The endpoint that `text`, the value of `option`, describes. Raises `SystemExit`."""
    try:
        return server_endpoint(reactor, text)
    except ValueError as wrong:
        end_with_usage_error("twistd sumserver", f"--{option} {escape(text)}: {wrong}")


def _output(options: Options, reactor: Any) -> Output | None:
    """Where the log goes, if we write it. Raises `SystemExit` for a file that cannot be opened."""
    try:
        return runner_output(reactor, options.parent)
    except OSError as wrong:
        where, why = escape(str(wrong.filename)), wrong.strerror
        raise SystemExit(f"twistd sumserver: --logfile {where}: {why}") from None


def _signals(
    options: Options,
    reactor: Any,
    responder: Responder,
    listeners: Sequence[Listener],
    journal: Journal | None,
    output: Output | None,
) -> Signals:
    """What signals do. Only a daemon reopens its files; in the foreground SIGHUP stops it."""
    log_file = output if isinstance(output, LogFile) else None

    def reopen() -> None:
        if log_file:
            log_file.reopen()
        if journal:
            journal.flush()  # which opens the file

    def hurry() -> None:
        for listener in listeners:
            listener.hurry()

    is_daemon = options.parent is not None and not options.parent.get("nodaemon", True)
    return Signals(
        reactor,
        stop=responder.stop,
        hurry=hurry,
        reopen=reopen if is_daemon else None,
        rotate=log_file.rotate if log_file else None,
    )
