"""The port of the web server, from the start of the process to its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from socket import gethostname
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint

from ..core import escape
from ..server import ACCEPTED, Listener, SumFactory
from ..twisted_gaps import accept_at_most
from .live import Live
from .resources import make_root
from .site import WebSite
from .tally import Tally

FAREWELL = 0.5
"""Seconds that browsers have, at the most, to read that the server stops."""


class WebListener(Listener):
    """Listens for those who watch a server: on the page, by its metrics, or by its health.

    The server that they watch has the connections of `factory` and listens at what `addresses`
    returns, which is called when this listener has its port; `tally` counts what it does. `scheme`
    is ``http`` or ``https``. At most `most` connections are served at a time.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamServerEndpoint,
        *,
        scheme: str,
        tally: Tally,
        factory: SumFactory,
        addresses: Callable[[], Sequence[IAddress]],
        most: int,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._scheme = scheme
        responder = factory.responder
        self._name = responder.rule.name
        self._addresses = addresses
        self._live = Live(tally, factory, reactor)
        self._site = WebSite(make_root(tally, responder, self._live, reactor), reactor, most)

    def listen(self) -> Deferred[IListeningPort]:
        return self._endpoint.listen(self._site)

    def listening(self, port: IListeningPort) -> None:
        accept_at_most(port, ACCEPTED)
        address = self.address
        where = " and ".join(_in_words([address]))
        if isinstance(address, IPv4Address | IPv6Address):
            self._site.for_this_host = not self.warn_of_other_hosts("shows names and addresses")
            host = "localhost" if ip_address(address.host).is_unspecified else address.host
            where = f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{address.port}/"
        self._log.info("Watch at {where}", where=where)
        self._live.about = {"name": self._name, "where": _in_words(self._addresses())}
        self._live.start()

    def drain(self, seconds: float) -> Deferred[Any]:
        """Listen no more, tell the browsers of the end, and close; after `FAREWELL` at the most."""
        closed = super().drain(seconds)
        self._live.stop()
        return gatherResults([closed, self._site.channels.drain(min(seconds, FAREWELL))])


def _in_words(addresses: Sequence[IAddress]) -> list[str]:
    """Where a program connects to, or sends datagrams to, in order to reach `addresses`."""
    kinds: dict[str, list[str]] = {}
    for address in addresses:
        if isinstance(address, IPv4Address | IPv6Address):
            host = gethostname() if ip_address(address.host).is_unspecified else address.host
            of_port = kinds.setdefault(f"{host} port {address.port}", [])
            if address.type not in of_port:  # UDP has two sockets where TCP has one for both IPs
                of_port.append(address.type)
        elif isinstance(address, UNIXAddress) and address.name:
            kinds[escape(os.fsdecode(address.name))] = ["UNIX socket"]
    return [f"{where} ({' and '.join(kind)})" for where, kind in kinds.items()]
