"""What the web server has at each path: the page, the metrics, the health, the events."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from ..server import Responder
from .live import Live
from .metrics import Metrics
from .tally import Tally

_PAGE = Path(__file__).parent / "page"
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    "script.js": ("script.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}


class _File(Resource):
    """Has a file of the page."""

    isLeaf = True

    def __init__(self, name: str, content_type: str) -> None:
        super().__init__()
        self._data = (_PAGE / name).read_bytes()
        self._content_type = content_type

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("Content-Type", self._content_type)
        return self._data


class _Metrics(Resource):
    """Has all metrics, in the format that the client asks for."""

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
    """Says whether the server is up, or stopping."""

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


class WithoutBody(Resource):
    """Answers HEAD as `resource` answers GET. Without it, Twisted logs that there was a body."""

    isLeaf = True

    def __init__(self, resource: IResource) -> None:
        super().__init__()
        self._resource = resource

    def render(self, request: Request) -> bytes:
        self._resource.render(request)
        return b""


def make_root(tally: Tally, responder: Responder, live: Live, clock: IReactorTime) -> IResource:
    """All that can be watched of a server: what `tally` has counted, and `live`, its events."""
    root = Resource()
    for path, (file, content_type) in _FILES.items():
        root.putChild(path.encode(), _File(file, content_type))
    root.putChild(b"events", live)
    root.putChild(b"metrics", _Metrics(Metrics(tally, clock)))
    root.putChild(b"healthz", _Health(responder))
    return root
