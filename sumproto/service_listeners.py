"""Where the service listens, as its options say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IStreamServerEndpoint

from .commandline import HOST, PORT, end_with_usage_error
from .core import escape
from .deadline import Pulse
from .server import (
    ConnectionListener,
    DatagramListener,
    Listener,
    Responder,
    SumFactory,
    server_endpoint,
)
from .service_options import WEB_CONNECTIONS, Options
from .trace import Throttle

if TYPE_CHECKING:
    from .web import Tally


def make_factory(options: Options, responder: Responder, pulse: Pulse) -> SumFactory:
    """What makes all connections, whose requests `responder` answers."""
    return SumFactory(
        responder,
        quiet_period=options["quiet-period"],
        idle_timeout=options["idle-timeout"],
        begun_timeout=options["begun-timeout"],
        max_connections=options["max-connections"],
        pulse=pulse,
    )


def make_listeners(
    options: Options, reactor: Any, factory: SumFactory, throttle: Throttle
) -> list[Listener]:
    """What listens for requests: for connections of `factory`, and for datagrams.

    Raises `SystemExit` for an endpoint that cannot be had.
    """
    responder = factory.responder
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


def make_web_listener(
    options: Options,
    reactor: Any,
    tally: Tally,
    factory: SumFactory,
    listeners: Sequence[Listener],
) -> Listener:
    """What listens for those who watch the server."""
    from .web import WebListener

    return WebListener(
        reactor,
        _endpoint(reactor, "web", options["web"]),
        scheme="https" if options["web"].startswith(("ssl:", "tls:")) else "http",
        tally=tally,
        factory=factory,
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
