"""The service that twistd runs: it is composed here as its options say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from . import unix  # noqa: F401 - before Twisted's reactor, which is another without it
from .commandline import default_name
from .core import LOOPBACK, STOP_ON, Observer, Rule, StopPolicy, misread_in, random_number
from .deadline import Pulse
from .journal import Journal
from .log import LogFile, Output
from .server import Listener, Responder
from .service_listeners import make_factory, make_listeners, make_web_listener
from .service_options import Options
from .service_start import Farewell, Launcher, open_journal, open_log
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
    the observer that writes the log of twistd. The service has started when it has its `journal`,
    too, if there is one; the `launcher` is told.
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
        launcher: Launcher,
        journal: Journal | None,
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
        self._launcher = launcher
        self._journal = journal
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
        with self._launcher.told_of_failure():
            super().privilegedStartService()

    def startService(self) -> None:
        """Start. Under ``python -m twisted``, which has no privileged start, listen as well."""
        self._signals.take()
        self._pulse.start()
        with self._launcher.told_of_failure():
            super().startService()
            if self._journal:  # not before: the process has been root until here
                open_journal(self._journal)
        self._launcher.close()

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
    factory = make_factory(options, responder, pulse)
    listeners = make_listeners(options, reactor, factory, throttle)
    watching = [make_web_listener(options, reactor, tally, factory, listeners)] if tally else []
    output = open_log(options, reactor)
    signals = _signals(options, reactor, responder, listeners, journal, output)
    launcher = Launcher(
        Farewell(options, output, listeners, watching) if options.is_daemon else None
    )
    return SumService(
        reactor,
        responder,
        listeners,
        watching,
        options["drain"],
        signals,
        output,
        pulse,
        launcher,
        journal,
    )


def _journal(options: Options, reactor: Any) -> Journal | None:
    """The journal, if there is to be one. It is written until the end of `reactor`."""
    if not options["journal"]:
        return None
    journal = Journal(options["journal"], reactor)
    reactor.addSystemEventTrigger("after", "shutdown", journal.close)  # when all is answered
    return journal


def _tally(options: Options) -> Tally | None:
    """The counts for --web, if that is given. Raises `SystemExit` if its extra is missing."""
    if options["web"] is None:
        return None
    try:
        from .web import Tally
    except ModuleNotFoundError as missing:
        raise SystemExit(
            f"twistd sumserver: --web: {missing.name} is not installed: pip install '.[web]'"
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

    return Signals(
        reactor,
        stop=responder.stop,
        hurry=hurry,
        reopen=reopen if options.is_daemon else None,
        rotate=log_file.rotate if log_file else None,
    )
