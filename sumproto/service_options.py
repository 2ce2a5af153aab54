"""The options of the service: what they are, and how their values are read."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

from twisted.python import usage

from . import unix
from .commandline import (
    HOST,
    PORT,
    check_host,
    default_name,
    end_with_usage_error,
    integer_in,
    parse_seconds,
    version,
)
from .core import (
    HIGHEST,
    STOP_ON,
    UNKNOWN,
    Message,
    ReplyFormat,
    check_range,
    escape,
    parse_name,
    parse_networks,
    parse_number,
    reads_back,
)
from .server import REFUSALS
from .service_pidfile import check_pidfile

SPARE_DESCRIPTORS = 32 + REFUSALS
"""File descriptors that connections leave to the rest of the process, and to refusals."""

WEB_CONNECTIONS = 128
"""Connections at a time to the web server, for those who watch."""


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
    check_host(text)
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
    """How many connections the limit on open files (``ulimit -n``) has room for, at least 1."""
    soft, _ = unix.resource.getrlimit(unix.resource.RLIMIT_NOFILE)
    if soft == unix.resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, soft - SPARE_DESCRIPTORS - (WEB_CONNECTIONS if options["web"] is not None else 0))


class Options(usage.Options):
    """The options of ``twistd sumserver``.

    After `parseOptions` each has a value that can be used as it is, or None where the text of its
    help says what that means.
    """

    synopsis = "[options]"
    longdesc = ""  # getUsage adds one: the base class would make the examples a paragraph

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
            "begun-timeout",
            10,
            "Seconds after which a begun message that does not go on is an error; 0: none is.",
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

    @property
    def is_daemon(self) -> bool:
        """Whether twistd makes a daemon of the process; another runner makes none."""
        return self.parent is not None and not self.parent.get("nodaemon", True)

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
        """Raises `SystemExit` with one line for an error; twistd would print all options first."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            end_with_usage_error("twistd sumserver", str(error))

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"'{escape(args[0])}' is not an option")

    def postOptions(self) -> None:
        """Check what goes together. Raises `SystemExit` if the pidfile is that of a process."""
        check_pidfile(self.parent.get("pidfile") if self.parent else None)
        if self["listen"] and not (self["host"] is None and self["port"] is None):
            raise usage.UsageError("--listen goes without --host and --port")
        if self["listen"] and self["udp"]:
            raise usage.UsageError("--udp goes without --listen: use --udp-listen HOST:PORT")
        room = _room(self)
        if self["max-connections"] is None:
            self["max-connections"] = room
        elif self["max-connections"] > room:
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
