"""How a start ends: by a word to whoever started a daemon, or by the reason why there is none."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from select import PIPE_BUF, POLLOUT, poll
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import quoteStringArgument

from .commandline import HOST, PORT
from .core import LOOPBACK, STOP_ON, StopPolicy, escape
from .journal import Journal
from .log import LogFile, Output, runner_output
from .processes import own_addresses
from .server import CannotListen, Listener
from .service_options import Options
from .twisted_gaps import LauncherErrors
from .unix import fcntl

_PATIENCE = 1000
"""Milliseconds that a daemon waits for a terminal that takes no text."""


class CannotStart(Exception):
    """The server cannot start; the text says why. twistd takes an exception alone for a failure."""


class Launcher:
    """The terminal that a daemon is started from.

    twistd opens /dev/null as stdout and stderr of the daemon before this listens, and then waits at
    the terminal until it has started or failed. So these two are kept: make the object before that,
    and `close` it at the end of the start, or a pipe to the terminal would stay open.

    Without a `farewell`, in the foreground, nothing is printed: the log says it all.
    """

    def __init__(self, farewell: Farewell | None) -> None:
        self._farewell = farewell
        self._stdout = _keep(1) if farewell else None
        self._stderr = _keep(2) if farewell else None
        self._errors = LauncherErrors(CannotStart.__name__) if farewell else None

    @contextmanager
    def told_of_failure(self) -> Iterator[None]:
        """What is done within may raise `CannotListen`, or `CannotStart` as which this goes on."""
        try:
            yield
        except (CannotListen, CannotStart) as wrong:
            _write(self._stderr, f"twistd sumserver: {wrong}\n")
            # twistd lets the exception end the process, and Python prints it: the text is enough.
            sys.tracebacklimit = 0
            raise CannotStart(str(wrong)) from None

    def close(self) -> None:
        """The start is done: print the farewell, and leave the terminal."""
        if self._farewell:
            _write(self._stdout, str(self._farewell))
        for descriptor in self._stdout, self._stderr:
            if descriptor is not None:
                os.close(descriptor)
        self._stdout = self._stderr = None
        if self._errors:
            self._errors.undo()


def _keep(descriptor: int) -> int | None:
    """Another descriptor of the same file; None if there is none. twistd replaces 0 to 2."""
    with suppress(OSError):
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    return None


def _write(descriptor: int | None, text: str) -> None:
    """Write `text`, if there is a `descriptor` and somebody reads it."""
    if descriptor is None:
        return
    ready = poll()
    ready.register(descriptor, POLLOUT)
    with suppress(OSError):
        if ready.poll(_PATIENCE):
            os.write(descriptor, text.encode(errors="backslashreplace")[:PIPE_BUF])


class Farewell:
    """What a daemon says when it has started: what its `options` have made, and how to use it.

    Its `output` is the log, and `listeners` and `watching` are where it listens. Make it before
    twistd goes to another folder.
    """

    def __init__(
        self,
        options: Options,
        output: Output | None,
        listeners: Sequence[Listener],
        watching: Sequence[Listener],
    ) -> None:
        assert options.parent is not None
        self._options = options
        self._runner = options.parent
        self._output = output
        self._listeners = listeners
        self._watching = watching
        self._here = Path.cwd()

    def __str__(self) -> str:
        lines = [
            *(("listens at", where) for where in _in_words(self._listeners)),
            *(("watch it at", where) for where in self._pages()),
            *(("logs to", where) for where in self._log()),
            *self._commands(),
        ]
        return "The server is a daemon now:\n" + "".join(
            f"  {key:11}  {text}\n" for key, text in lines
        )

    def _pages(self) -> Iterator[str]:
        """Where the live page is, for browsers, or for a proxy at a UNIX socket."""
        scheme = "https" if (self._options["web"] or "").startswith(("ssl:", "tls:")) else "http"
        for address in (listener.address for listener in self._watching):
            if isinstance(address, IPv4Address | IPv6Address):
                for host in _hosts(address.host):
                    yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{address.port}/"
            elif address.name:
                yield escape(os.fsdecode(address.name))

    def _log(self) -> Iterator[str]:
        if isinstance(self._output, LogFile):
            yield escape(self._shortly(self._output.path))
        elif self._runner["syslog"]:
            yield "syslog"

    def _commands(self) -> Iterator[tuple[str, str]]:
        """What to type: to try the server, and to stop it in each way that can be had."""
        listen, address = self._options["listen"], self._listeners[0].address
        connection = _connection(listen[0] if listen else "tcp", address)
        if connection:
            host, options = connection
            client = shlex.join([_beside("sumclient"), *options])
            yield "try it", f"{client} 42"
            stops = StopPolicy(
                STOP_ON[self._options["stop-on"]], self._options["stop-from"] or LOOPBACK
            )
            if stops.errors and stops.permits(host):
                yield "stop it", f"{client} 101"
        pidfile = self._runner["pidfile"]
        pid = f"$(cat {shlex.quote(self._shortly(Path(pidfile)))})" if pidfile else os.getpid()
        yield "stop it", f"kill {pid}"

    def _shortly(self, path: Path) -> str:
        """`path`, from where twistd was started if it is below."""
        return str(path.relative_to(self._here) if path.is_relative_to(self._here) else path)


def _in_words(listeners: Sequence[Listener]) -> list[str]:
    """Where others find `listeners`; in place of a wildcard, at all that this host has."""
    transports: dict[str, list[str]] = {}
    for address in (listener.address for listener in listeners):
        if isinstance(address, IPv4Address | IPv6Address):
            for host in _hosts(address.host):
                found = transports.setdefault(f"{host} port {address.port}", [])
                if address.type not in found:
                    found.append(address.type)
        elif isinstance(address, UNIXAddress) and address.name:
            transports[escape(os.fsdecode(address.name))] = ["UNIX socket"]
    return [f"{where} ({' and '.join(found)})" for where, found in transports.items()]


def _hosts(host: str) -> list[str]:
    """`host`, or if that is a wildcard, what it stands for."""
    if host == "0.0.0.0":
        return own_addresses(socket.AF_INET) or [host]
    if host == "::":  # takes IPv4, too
        return own_addresses(socket.AF_INET6) + own_addresses(socket.AF_INET) or [host]
    return [host]


def _connection(endpoint: str, address: Any) -> tuple[str | None, list[str]] | None:
    """Where our client connects to, an IP address or None, and the options by which it does so.

    That is to `address`, which `endpoint` has given. None if it is wrapped, as by TLS, and no short
    command would do.
    """
    kind = endpoint.partition(":")[0]
    if kind == "unix":
        return None, ["--connect", f"unix:{quoteStringArgument(os.fsdecode(address.name))}"]
    if kind not in ("tcp", "tcp6"):
        return None
    host = {"0.0.0.0": HOST, "::": "::1"}.get(address.host, address.host)
    options = [] if host == HOST else ["--host", host]
    return host, options + ([] if address.port == PORT else ["--port", str(address.port)])


def open_log(options: Options, reactor: Any) -> Output | None:
    """Where the log goes, if we write it. Raises `SystemExit` for a file that cannot be opened."""
    try:
        return runner_output(reactor, options.parent)
    except OSError as wrong:
        where, why = escape(str(wrong.filename)), wrong.strerror
        raise SystemExit(f"twistd sumserver: --logfile {where}: {why}") from None


def open_journal(journal: Journal) -> None:
    """Open `journal`. Raises `CannotStart` if it cannot be written."""
    try:
        journal.open()
    except OSError as wrong:
        why = wrong.strerror or wrong
        raise CannotStart(f"--journal {escape(str(journal.path))}: {why}") from None


def _beside(program: str) -> str:
    """How to start `program`, which is installed beside the twistd that runs."""
    path = Path(sys.argv[0]).with_name(program)
    found = shutil.which(program)
    return program if found and Path(found) == path.absolute() else str(path)
