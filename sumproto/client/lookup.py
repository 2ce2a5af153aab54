"""Looks up the addresses of a host, in a thread that nobody waits for.

The system's look-up may take many seconds, and cannot be interrupted. Twisted has it done by a
thread of a pool, for whose end the process waits at its own.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from threading import Thread
from typing import Any, TypeAlias

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution
from twisted.python.failure import Failure
from zope.interface import implementer

Found: TypeAlias = "list[tuple[socket.AddressFamily, tuple[Any, ...]]]"
"""The family of each address, and what a socket of it connects to."""


def look_up(reactor: Any, host: str, port: int, kind: socket.SocketKind) -> Deferred[Found]:
    """The addresses of `port` at `host`, a name or an address, for sockets of `kind`; best first.

    It fails with `OSError` if there are none, and with `UnicodeError` if `host` can be no name. If
    it is made to fail by others before, what is found is dropped.
    """
    found: Deferred[Found] = Deferred()

    def tell(result: Found | Failure) -> None:
        if not found.called:
            found.callback(result)

    def ask() -> None:
        result: Found | Failure
        try:
            answers = socket.getaddrinfo(host, port, type=kind)
            result = [(family, address) for family, *_, address in answers]
        except (OSError, UnicodeError) as wrong:
            result = Failure(wrong)
        reactor.callFromThread(tell, result)

    Thread(target=ask, daemon=True).start()
    return found


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str, found: Deferred[Found]) -> None:
        self.name = name
        self.cancel = found.cancel


@implementer(IHostnameResolver)
class Resolver:
    """Has the endpoints of `reactor` look up names by `look_up`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell `resolutionReceiver` the addresses of `hostName` for TCP; none if there are none."""

        def tell(found: Found | Failure) -> None:
            for family, address in [] if isinstance(found, Failure) else found:
                kind = IPv6Address if family == socket.AF_INET6 else IPv4Address
                if addressTypes is None or kind in addressTypes:
                    resolutionReceiver.addressResolved(kind("TCP", *address))
            resolutionReceiver.resolutionComplete()

        found = look_up(self._reactor, hostName, portNumber, socket.SOCK_STREAM)
        resolution = _Resolution(hostName, found)
        resolutionReceiver.resolutionBegan(resolution)
        found.addBoth(tell)
        return resolution
