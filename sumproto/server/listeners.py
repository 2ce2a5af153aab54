"""The listeners of a server: services that fail to start if they cannot open their ports."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from errno import EADDRINUSE
from ipaddress import ip_address
from typing import Any

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReadDescriptor, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..commandline import explain
from ..processes import holder, in_words, may_be_twistd
from ..trace import Throttle, ThrottledLog
from ..twisted_gaps import accept_at_most, log_through
from .datagrams import MAX_DATAGRAM, SumDatagramProtocol
from .factory import SumFactory
from .responder import Responder
from .wrapped import ProxiedEndpoint, WrappingEndpoint

BACKLOG = 1024
"""Connections that may wait to be accepted; Twisted's 50 makes a burst of clients wait."""

ACCEPTED = 100
"""Connections that a port accepts in a turn of the reactor, at the most."""


class CannotListen(Exception):
    """A port cannot be opened; the text says which one, and why."""


class Listener(Service):
    """Listens on a port. If it cannot, the process does not start.

    A subclass says how to `listen`, and drains what it has accepted.
    """

    _log = Logger()
    _transport = "tcp"

    def __init__(self) -> None:
        self._port: IListeningPort | None = None

    def listen(self) -> Deferred[IListeningPort]:
        """Listen. The Deferred that is returned has fired already."""
        raise NotImplementedError

    def listening(self, port: IListeningPort) -> None:
        """We listen on `port`: log that."""
        raise NotImplementedError

    @property
    def address(self) -> Any:
        """The address of the port, an `IAddress`, while it is open."""
        assert self._port is not None
        return self._port.getHost()

    def privilegedStartService(self) -> None:
        """Listen, while the process may still be root. Raises `CannotListen`."""
        failures: list[Failure] = []
        self.listen().addCallbacks(self._listening, failures.append)
        if failures:
            raise CannotListen(_why_not(failures[0].value, self._transport)) from None

    def startService(self) -> None:
        super().startService()
        if self._port is None:
            self.privilegedStartService()

    def accept_waiting(self) -> None:
        """Accept the connections that the kernel has made."""

    def refuse(self) -> None:
        """Refuse what comes from now on."""

    def drain(self, seconds: float) -> Deferred[Any]:
        """Listen no more, answer what has come, and close what is open.

        What is left after `seconds`, 0 or more, is closed at once. The Deferred fires when all is.
        """
        return self._close_port()

    def hurry(self) -> None:
        """Close at once what a drain has left, or will have."""

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return self._close_port()

    def _close_port(self) -> Deferred[Any]:
        """Close the port, if that was not done before."""
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port else succeed(None)

    def ready(self, what: str, responder: Responder) -> None:
        """Log that we receive `what`, and warn if other hosts can send it."""
        address = self.address
        where = address
        if isinstance(address, IPv4Address | IPv6Address):
            where = (address.host, address.port)
            self.warn_of_other_hosts(responder.who_stops())
        elif isinstance(address, UNIXAddress) and address.name:
            where = os.fsdecode(address.name)
        self._log.info("Server is ready to receive {what} {address}", what=what, address=where)

    def warn_of_other_hosts(self, what: str) -> bool:
        """If other hosts reach our port, of IP, warn that they do, and `what` that means.

        Returns whether they do.
        """
        address = self.address
        if ip_address(address.host).is_loopback:
            return False
        text = "{address} can be reached from other hosts, and {what}"
        self._log.warn(text, address=(address.host, address.port), what=what)
        return True

    def _listening(self, port: IListeningPort) -> None:
        self._port = port
        self.listening(port)


class ConnectionListener(Listener):
    """Listens for connections on an endpoint."""

    def __init__(
        self, endpoint: IStreamServerEndpoint, factory: SumFactory, throttle: Throttle
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._factory = factory
        self._throttle = throttle

    def listen(self) -> Deferred[IListeningPort]:
        return self._endpoint.listen(self._factory)

    def listening(self, port: IListeningPort) -> None:
        accept_at_most(port, ACCEPTED)
        throttled = ThrottledLog(self._throttle)
        log_through(port, Logger("twisted.internet.tcp.Port", observer=throttled))
        self.ready("on", self._factory.responder)

    def accept_waiting(self) -> None:
        port: Any = self._port
        if IReadDescriptor.providedBy(port):
            for _ in range(BACKLOG // ACCEPTED + 1):
                port.doRead()

    def refuse(self) -> None:
        self._factory.refuse()

    def drain(self, seconds: float) -> Deferred[Any]:
        return gatherResults([super().drain(seconds), self._factory.drain(seconds)])

    def hurry(self) -> None:
        self._factory.hurry()


class DatagramListener(Listener):
    """Listens for datagrams at `host`, an IP address, and the port number that `port` returns.

    At an IPv6 address it takes datagrams of IPv6 alone. Otherwise the kernel would write the
    address of an IPv4 peer as an IPv6 address, which another peer can write as well.
    """

    _transport = "udp"

    def __init__(
        self, reactor: Any, host: str, port: Callable[[], int], responder: Responder
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._host = host
        self._wanted = port
        self._responder = responder
        self._protocol = SumDatagramProtocol(responder)

    def listen(self) -> Deferred[IListeningPort]:
        return maybeDeferred(self._listen)

    def _listen(self) -> IListeningPort:
        """Listen at a socket of our own: the one of `listenUDP` takes IPv4 at ``::``, too."""
        port = self._wanted()
        try:
            with socket.socket(
                socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM
            ) as sock:
                if sock.family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setblocking(False)
                sock.bind((self._host, port))
                adopted: IListeningPort = self._reactor.adoptDatagramPort(
                    sock.fileno(), sock.family, self._protocol, maxPacketSize=MAX_DATAGRAM
                )
                return adopted
        except OSError as error:
            raise CannotListenError(self._host, port, error) from None

    def listening(self, port: IListeningPort) -> None:
        self.ready("datagrams on", self._responder)

    def drain(self, seconds: float) -> Deferred[Any]:
        self._protocol.drain()
        return super().drain(seconds)


def _why_not(error: object, transport: str) -> str:
    """Why a port of `transport` cannot be had; and which process has it, if that is known."""
    if not isinstance(error, CannotListenError):
        return str(error)
    if error.interface is None:
        where = os.fsdecode(error.port)  # a UNIX socket
    else:
        where = f"{error.interface or '*'}:{error.port}"
        if error.socketError.errno == EADDRINUSE:
            taken = f"{where}: {error.socketError.strerror}"
            process = holder(transport, error.interface, error.port)
            if not process:
                return taken
            end = f", or end it with: kill {process}" if may_be_twistd(process) else ""
            return f"{taken} by {in_words(process)}; take another port{end}"
    return f"{where}: {error.socketError.strerror or error.socketError}"


def server_endpoint(reactor: Any, text: str) -> IStreamServerEndpoint:
    """The endpoint that `text` describes. Raises `ValueError` if it describes none."""
    if text.startswith("haproxy:"):
        return ProxiedEndpoint(server_endpoint(reactor, text.removeprefix("haproxy:")))
    kind = text.partition(":")[0]
    wants_backlog = kind in ("tcp", "tcp6", "ssl", "tls", "unix") and ":backlog=" not in text
    try:
        endpoint: IStreamServerEndpoint = serverFromString(
            reactor, text + f":backlog={BACKLOG}" * wants_backlog
        )
    except Exception as error:
        raise ValueError(_why_no_systemd(error) if kind == "systemd" else explain(error)) from None
    return endpoint if kind in ("tcp", "tcp6", "unix", "systemd") else WrappingEndpoint(endpoint)


def _why_no_systemd(error: Exception) -> str:
    """Why an endpoint of systemd cannot be had, for which its parser raised `error`."""
    if isinstance(error, LookupError):
        return "systemd has passed no such socket: start its .socket unit instead of the server"
    return (
        "write systemd:domain=INET:index=0 (or INET6, or UNIX), or name=NAME in place of the "
        "index, for the FileDescriptorName= of the .socket unit"
    )
