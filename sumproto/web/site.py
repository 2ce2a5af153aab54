"""The web server: what is where, to whom, and from the start of the process to its end."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.pages import errorPage
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from ..core import escape
from ..server import Connections, Listener, Responder
from .live import Live
from .metrics import Metrics
from .tally import Tally

IDLE_TIMEOUT = 30
"""Seconds that a connection may be without a request."""

FAREWELL = 0.5
"""Seconds that browsers have, at the most, to take the last that they are sent."""

_HEAD = 8 * 1024
"""The most bytes of a request line and all headers, and the most that are read in a turn."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_NO_BODIES = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_PAGE = Path(__file__).parent / "page"
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    "script.js": ("script.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}


class _File(Resource):
    """A file of the page."""

    isLeaf = True

    def __init__(self, name: str, content_type: str) -> None:
        super().__init__()
        self._data = (_PAGE / name).read_bytes()
        self._content_type = content_type

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", self._content_type)
        return self._data


class _Metrics(Resource):
    """All metrics, in the format that is asked for."""

    isLeaf = True

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def render_GET(self, request: Request) -> bytes:
        accept = (request.getHeader(b"Accept") or b"").decode(errors="replace")
        text, content_type = self._metrics.encode(accept)
        request.setHeader("Content-Type", content_type)
        return text


class _Health(Resource):
    """Whether the server serves."""

    isLeaf = True

    def __init__(self, responder: Responder) -> None:
        super().__init__()
        self._responder = responder

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "text/plain")
        if self._responder.stopping:
            request.setResponseCode(503)
            return b"stopping\n"
        return b"ok\n"


class _WithoutBody(Resource):
    """What answers HEAD: Twisted would leave out the body, too, but log that there was one."""

    isLeaf = True

    def __init__(self, resource: IResource) -> None:
        super().__init__()
        self._resource = resource

    def render(self, request: Request) -> bytes:
        self._resource.render(request)
        return b""


class _Request(Request):
    channel: _Channel

    def gotLength(self, length: int | None) -> None:
        """Twisted keeps a body, of any length, on the disk; nothing here has a use for one."""
        super().gotLength(0)
        if length != 0:
            self.channel.refuseBody()


class _Channel(HTTPChannel):
    """A connection of the site, which knows of it.

    It answers one request in a turn of the reactor. The base class would answer all that one read
    brings, a thousand, before anybody else has a turn, and keep the responses that are not read.
    """

    site: WebSite
    transport: Any  # what a reactor gives is more than an interface promises

    # Half of what Twisted allows, or less: to read a request is to take no long turn either.
    MAX_LENGTH = totalHeadersSize = _HEAD
    maxHeaders = 100

    def __init__(self) -> None:
        super().__init__()
        self._full = False  # the transport has more to send than it wants
        self._next: IDelayedCall | None = None  # takes up the next request

    def connectionMade(self) -> None:
        super().connectionMade()
        transport = self.transport
        while isinstance(transport, ProtocolWrapper):
            transport = transport.transport
        transport.bufferSize = _HEAD
        self.site.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._next:
            self._next.cancel()
            self._next = None
        self.site.channels.remove(self)

    def headerReceived(self, line: bytes) -> bool:
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of more digits than `int` takes
            self.refuseBody()
            return False

    def refuseBody(self) -> None:
        """Say that there must be none, and close."""
        self.transport.write(_NO_BODIES)
        self.loseConnection()

    def requestDone(self, request: Any) -> None:
        """Leave what has come behind `request` in the buffer of LineReceiver, and the rest unread.

        Later, `_takeUp` goes on.
        """
        self.paused = True
        super().requestDone(request)
        if self.persistent:
            self.transport.pauseProducing()
            self._next = self.callLater(0, self._takeUp)

    def _takeUp(self) -> None:
        """Handle the next request, if it has come, and there is room for its response."""
        self._next = None
        if not self._full:
            self.paused = False
            self.transport.resumeProducing()
            self.dataReceived(b"")

    def pauseProducing(self) -> None:
        """The peer does not read, so read nothing from it either.

        The base class would keep all that comes while a request is being answered.
        """
        self._full = True
        super().pauseProducing()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self._full = False
        super().resumeProducing()
        if self.paused and not self._next:
            self._takeUp()

    def rawDataReceived(self, data: bytes) -> None:
        """Drop what comes behind the request for a stream, or after an error, and read no more.

        Such a connection carries no further request. (No body gets here: `_Request` refuses them.)
        """
        self.persistent = False
        self.transport.pauseProducing()

    def loseConnection(self) -> None:
        """Close when all is sent; who does not take it has as long as for a request."""
        self.setTimeout(IDLE_TIMEOUT)
        super().loseConnection()

    def resetTimeout(self) -> None:
        """Only a whole request gives more time: a byte now and then must not hold a connection."""

    def timeoutConnection(self) -> None:
        """As the base class, which logs each."""
        self.abort()

    def abort(self) -> None:
        """Close at once, whatever is lost."""
        self.transport.abortConnection()


class WebSite(Site):
    """Serves what can be watched, over `most` connections at a time, and logs none of it."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]
    requestFactory = _Request

    def __init__(self, root: IResource, reactor: Any, most: int) -> None:
        super().__init__(root, reactor=reactor, timeout=IDLE_TIMEOUT)
        self.channels: Connections[_Channel] = Connections(reactor)
        self.for_this_host = False
        """Whether it can be reached from this host alone."""
        self._most = most

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """The base class opens its log."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return super().buildProtocol(addr) if len(self.channels) < self._most else None

    def getResourceFor(self, request: Request) -> IResource:
        resource: IResource
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        if not request.uri.isascii():  # or Twisted logs a traceback if it refuses the method, too
            resource = errorPage(400, "Bad Request", "A path is of ASCII.")
        elif len(hosts) > 1 or not (hosts or request.clientproto == b"HTTP/1.0"):
            # RFC 9112, section 3.2. Of two, a proxy before us may have looked at the other one.
            resource = errorPage(400, "Bad Request", "There must be one Host header.")
        # Or a page from elsewhere, whose name its owner has made to stand for this host, could
        # read what is here in the browser of a user of this host ("DNS rebinding"). A browser
        # sends a Host, so who sends none is no browser.
        elif self.for_this_host and hosts and not _is_this_host(hosts[0].decode(errors="replace")):
            resource = errorPage(403, "Forbidden", "This is not the host that you asked for.")
        else:
            resource = super().getResourceFor(request)
        return _WithoutBody(resource) if request.method == b"HEAD" else resource

    def close(self, seconds: float) -> Deferred[None]:
        """Close all connections, at once those which take longer than `seconds`."""
        return self.channels.drain(seconds, _Channel.loseConnection, _Channel.abort)


_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+?)\.?)(?::[0-9]*)?", re.ASCII | re.IGNORECASE)


def _is_this_host(host: str) -> bool:
    """Whether `host`, the value of a ``Host`` header, is this host by its name or an address."""
    found = _HOST.fullmatch(host)
    if not found:
        return False
    name = (found[1] or found[2]).lower()
    if name in ("localhost", gethostname().lower()):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class WebListener(Listener):
    """Listens for who watches a server: for the page, for metrics, and for its health.

    What there is to see is `tally`, of a server with `responder` that is called `name`.
    `addresses` tells where that listens, once it does. `most` connections are served at a time.
    Browsers have `patience` seconds, and no more than `FAREWELL`, to be told of the end.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamServerEndpoint,
        *,
        scheme: str,
        tally: Tally,
        responder: Responder,
        addresses: Callable[[], Sequence[IAddress]],
        most: int,
        patience: float,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._scheme = scheme
        self._name = responder.rule.name
        self._addresses = addresses
        self._patience = min(patience, FAREWELL)
        self._live = Live(tally, reactor)
        root = Resource()
        for path, (file, content_type) in _FILES.items():
            root.putChild(path.encode(), _File(file, content_type))
        root.putChild(b"events", self._live)
        root.putChild(b"metrics", _Metrics(Metrics(tally, reactor)))
        root.putChild(b"healthz", _Health(responder))
        self._site = WebSite(root, reactor, most)

    def listen(self) -> Deferred[IListeningPort]:
        return self._endpoint.listen(self._site)

    def listening(self, port: IListeningPort) -> None:
        address = self.address
        where = " and ".join(_in_words([address]))
        if isinstance(address, IPv4Address | IPv6Address):
            ip = ip_address(address.host)
            self._site.for_this_host = ip.is_loopback
            if not ip.is_loopback:
                text = "{address} can be reached from other hosts, and shows names and addresses"
                self._log.warn(text, address=(address.host, address.port))
            host = "localhost" if ip.is_unspecified else address.host
            where = f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{address.port}/"
        self._log.info("Watch at {where}", where=where)
        self._live.about = {
            "name": self._name,
            "where": _in_words(self._addresses()),
        }
        self._live.start()

    def stopService(self) -> Deferred[Any]:
        closed: Deferred[Any] = super().stopService()
        self._live.stop()
        return gatherResults([closed, self._site.close(self._patience)])


def _in_words(addresses: Sequence[IAddress]) -> list[str]:
    """Where programs connect to, or send datagrams to, that are to reach `addresses`."""
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
