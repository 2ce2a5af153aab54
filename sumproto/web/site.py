"""The web server around its resources: connections, and which requests are refused."""

from __future__ import annotations

import re
from ipaddress import ip_address
from socket import gethostname
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.pages import errorPage
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from ..server import Connections
from ..twisted_gaps import read_at_most
from .resources import WithoutBody

IDLE_TIMEOUT = 30
"""Seconds that a connection may be without a request."""

_HEAD = 8 * 1024
"""The most bytes of a request line and all headers, and the most that are read in a turn."""

_LINES = 100
"""The most lines of a head."""

_PATH = 100
"""The most bytes of a path that are looked at; all paths that there are have fewer."""

_READ = {b"accept", b"connection", b"content-length", b"host", b"transfer-encoding"}
"""The headers of a request that are looked at."""

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Request(Request):
    channel: _Channel

    def gotLength(self, length: int | None) -> None:
        """Refuse a body: nothing here has a use for one, and Twisted keeps any length of it."""
        super().gotLength(0)
        if length != 0:
            self.channel.refuse("413 Content Too Large")

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Leave off the query, and what no path here has: Twisted would take them apart."""
        super().requestReceived(command, path.partition(b"?")[0][:_PATH], version)


class _Channel(HTTPChannel):
    """A connection of the `site`.

    It answers one request in a turn of the reactor, and none while the peer reads no responses. The
    base class would answer all requests of one read, a thousand, before anybody else has a turn,
    and keep the responses that are not read.
    """

    site: WebSite
    transport: Any  # what a reactor gives is more than an interface promises

    # Half of what Twisted allows, so that no request takes a long turn to read.
    MAX_LENGTH = totalHeadersSize = _HEAD

    def __init__(self) -> None:
        super().__init__()
        self._lines = 0  # of the head that is being read
        self._full = False  # the transport has more to send than it wants
        self._next: IDelayedCall | None = None  # takes up the next request

    def connectionMade(self) -> None:
        super().connectionMade()
        read_at_most(self.transport, _HEAD)
        self.site.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._next:
            self._next.cancel()
            self._next = None
        self.site.channels.remove(self)

    def lineReceived(self, line: bytes) -> None:
        """Refuse a head of many lines, or with a folded one, which HTTP/1.1 has given up."""
        self._lines = self._lines + 1 if line else 0
        if self._lines > _LINES or line.startswith((b" ", b"\t")):
            self.refuse("400 Bad Request")
        else:
            super().lineReceived(line)

    def headerReceived(self, line: bytes) -> bool:
        """Take the header if it is one that is looked at.

        The base class would take apart cookies, and remember names that others make up.
        """
        name, colon, _ = line.partition(b":")
        if colon and _NAME.fullmatch(name) and name.lower() not in _READ:
            return True
        try:
            return bool(super().headerReceived(line))
        except ValueError:  # a Content-Length of more digits than `int` takes
            self.refuse("413 Content Too Large")
            return False

    def refuse(self, status: str) -> None:
        """Answer with `status` and no more, and close."""
        answer = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        self.transport.write(answer.encode())
        self.setRawMode()  # in which what still comes is dropped
        self.loseConnection()

    def requestDone(self, request: Any) -> None:
        """Keep what has come behind `request` in the buffer of LineReceiver, and read no more.

        `_take_up` goes on with it, in the next turn of the reactor.
        """
        self.paused = True
        super().requestDone(request)
        if self.persistent:
            self.transport.pauseProducing()
            self._next = self.callLater(0, self._take_up)

    def _take_up(self) -> None:
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
            self._take_up()

    def rawDataReceived(self, data: bytes) -> None:
        """Drop what comes behind the request for a stream, or after an error, and read no more.

        Such a connection carries no further request. (No body gets here: `_Request` refuses them.)
        """
        self.persistent = False
        self.transport.pauseProducing()

    def loseConnection(self) -> None:
        """Close when all is sent; a peer that does not read has as long as for a request."""
        self.setTimeout(IDLE_TIMEOUT)
        super().loseConnection()

    def resetTimeout(self) -> None:
        """Do nothing when bytes come: only a whole request gives a connection more time."""

    def timeoutConnection(self) -> None:
        """Close at once. The base class does that, too, but logs each time."""
        self.abort()

    def windUp(self) -> None:
        """Close when all is sent."""
        self.loseConnection()

    def abort(self) -> None:
        """Close at once, whatever is lost."""
        self.transport.abortConnection()


class WebSite(Site):
    """Serves `root` over at most `most` connections at a time, and logs no request."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]
    requestFactory = _Request

    def __init__(self, root: IResource, reactor: Any, most: int) -> None:
        super().__init__(root, reactor=reactor, timeout=IDLE_TIMEOUT)
        self.channels: Connections[_Channel] = Connections(reactor, most)
        self.for_this_host = False
        """Whether only this host can reach it."""

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """Open no log, as the base class would."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return None if self.channels.full else super().buildProtocol(addr)

    def getResourceFor(self, request: Request) -> IResource:
        resource: IResource
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        hosts = request.requestHeaders.getRawHeaders(b"Host", [])
        if not request.uri.isascii():  # Twisted would log a traceback if the method is wrong, too
            resource = errorPage(400, "Bad Request", "A path is of ASCII.")
        elif len(hosts) > 1 or not (hosts or request.clientproto == b"HTTP/1.0"):
            # RFC 9112, section 3.2. A proxy before us may have looked at the other one of two.
            resource = errorPage(400, "Bad Request", "There must be one Host header.")
        # "DNS rebinding": a page from elsewhere runs in a browser on this host, and its owner has
        # made its name stand for the address of this host. Without this check the page could read
        # what is here. A browser always sends a Host.
        elif self.for_this_host and hosts and not _is_this_host(hosts[0].decode(errors="replace")):
            resource = errorPage(403, "Forbidden", "This is not the host that you asked for.")
        else:
            resource = super().getResourceFor(request)
        return WithoutBody(resource) if request.method == b"HEAD" else resource


_LONGEST_HOST = 300
"""Bytes of a ``Host``; no name of a host has more than 253, and a port has 5."""

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+?)\.?)(?::[0-9]*)?", re.ASCII | re.IGNORECASE)


def _is_this_host(host: str) -> bool:
    """Whether `host`, the value of a ``Host`` header, is this host by its name or an address."""
    found = len(host) <= _LONGEST_HOST and _HOST.fullmatch(host)
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
