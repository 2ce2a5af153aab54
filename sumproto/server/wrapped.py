"""Endpoints that wrap each protocol in one of their own: ``haproxy:``, and those of TLS."""

from __future__ import annotations

import re
import struct
from ipaddress import ip_address
from socket import AF_INET6, inet_ntop
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

# --- what all such endpoints need


@implementer(IStreamServerEndpoint)
class WrappingEndpoint:
    """An endpoint that wraps what the factory builds, such as that of TLS."""

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        return self._endpoint.listen(_WrappedFactory(protocolFactory))


class _WrappedFactory(Factory):
    """Builds what `factory` does, and a protocol even where that builds None.

    Twisted's wrappers fail on None, while a bare TCP port closes the connection.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: Any) -> Any:
        return self._factory.buildProtocol(addr) or _Dropped()

    def __conform__(self, interface: Any) -> Any:
        """What the wrapped factory is for `interface`: TLS asks which protocols it may agree on.

        Twisted 24.11 asks in another way, gets no answer, and agrees on none, which means HTTP/1.1
        to a browser. An answer would do harm there: it changes an OpenSSL context that is in use,
        and pyOpenSSL 26.4 raises an error for that.
        """
        return interface(self._factory, None)


class _Dropped(Protocol):
    """A connection that is closed at once, with nothing sent."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


# --- the PROXY protocol, https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

MAX_PROXY_HEADER = 4096
"""The longest header that is taken, in bytes; version 2 could say it has 64 KiB."""

_MAX_LINE = 107
_LINE = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) [0-9A-Fa-f:.]+ ([0-9]{1,5}) [0-9]{1,5}")

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = struct.Struct(">12sBBH")  # signature, version and command, family and protocol, length
_LOCAL, _PROXY = 0x20, 0x21
_UNIX, _DATAGRAM = 3, 2  # the last of the families, and of the protocols
_ADDRESSES = {1: (4, struct.Struct(">4s4sHH")), 2: (6, struct.Struct(">16s16sHH"))}
"""By family: the version of IP, and both addresses with both ports."""


class ProxyHeader(NamedTuple):
    """What a proxy says of a connection, and how many bytes its header has.

    `source` is the address that connected to the proxy. It is None if the proxy itself makes the
    connection, or names no IP address: a UNIX socket of its host is no socket of ours.
    """

    source: IPv4Address | IPv6Address | None
    size: int


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The PROXY header, of version 1 or 2, that `data` begins with; None if its end is missing.

    Raises `ValueError` as soon as `data` cannot become one.
    """
    if _SIGNATURE.startswith(data[: len(_SIGNATURE)]):
        return _read_binary(data)
    if b"PROXY ".startswith(data[:6]):
        return _read_line(data)
    raise ValueError("it begins with other bytes")


def _read_line(data: bytes) -> ProxyHeader | None:
    line, newline, _ = data[:_MAX_LINE].partition(b"\r\n")
    if not newline:
        if len(data) >= _MAX_LINE:
            raise ValueError(f"it has more than {_MAX_LINE} bytes")
        return None
    size = len(line) + len(newline)
    if line.split(b" ")[1] == b"UNKNOWN":  # whatever follows
        return ProxyHeader(None, size)
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError("it has no two addresses and ports")
    version, host, port = found.groups()
    return ProxyHeader(_address(int(version), host.decode(), int(port)), size)


def _read_binary(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED.size:
        return None
    _, command, kind, length = _FIXED.unpack_from(data)
    family, protocol = divmod(kind, 16)
    if command not in (_LOCAL, _PROXY) or family > _UNIX or protocol > _DATAGRAM:
        raise ValueError("its version, command or family is unknown")
    size = _FIXED.size + length
    if size > MAX_PROXY_HEADER:
        raise ValueError(f"it has more than {MAX_PROXY_HEADER} bytes")
    if len(data) < size:
        return None
    if command == _LOCAL or family not in _ADDRESSES or not protocol:
        return ProxyHeader(None, size)
    version, addresses = _ADDRESSES[family]
    if length < addresses.size:
        raise ValueError("it is too short for two addresses and ports")
    host, _, port, _ = addresses.unpack_from(data, _FIXED.size)
    return ProxyHeader(_address(version, host, port), size)


def _address(version: int, host: str | bytes, port: int) -> IPv4Address | IPv6Address:
    """The address of TCP. Raises `ValueError` unless `host` is of that version of IP."""
    ip = ip_address(host)
    if ip.version != version or port > 65535:
        raise ValueError("an address or port is none")
    if version == 4:
        return IPv4Address("TCP", str(ip), port)
    return IPv6Address("TCP", inet_ntop(AF_INET6, ip.packed), port)  # as the kernel writes it


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """An endpoint for proxies that begin each connection with a PROXY header: ``haproxy:``.

    It replaces Twisted's own, which takes neither a header in pieces nor ``PROXY UNKNOWN`` alone,
    passes on no half-close, raises an error if a port is no number, and takes the UNIX socket of a
    proxy for one of this host.
    """

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        return self._endpoint.listen(_ProxiedFactory(_WrappedFactory(protocolFactory)))


class _Proxied(ProtocolWrapper):
    """Reads the PROXY header of a connection, which names its peer, and passes on the rest."""

    transport: Any  # what a reactor gives is more than an interface promises
    wrappedProtocol: Any

    def __init__(self, factory: Any, wrappedProtocol: Any) -> None:
        super().__init__(factory, wrappedProtocol)
        self._begun = b""  # what there is of the header
        self._header: ProxyHeader | None = None
        self._wrong: ValueError | None = None

    def connectionMade(self) -> None:
        if IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            alsoProvides(self, IHalfCloseableProtocol)
        super().connectionMade()

    def getPeer(self) -> IAddress:
        source = self._header and self._header.source
        peer: IAddress = source or self.transport.getPeer()
        return peer

    def dataReceived(self, data: bytes) -> None:
        if self._header is None:
            self._begun += data
            try:
                self._header = read_proxy_header(self._begun)
            except ValueError as wrong:
                self._wrong = ValueError(f"not a PROXY header: {wrong}")
                self.transport.abortConnection()
                return
            if self._header is None:
                return
            data, self._begun = self._begun[self._header.size :], b""
        if data:
            super().dataReceived(data)

    def readConnectionLost(self) -> None:
        self.wrappedProtocol.readConnectionLost()

    def writeConnectionLost(self) -> None:
        self.wrappedProtocol.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(Failure(self._wrong) if self._wrong else reason)


class _ProxiedFactory(WrappingFactory):
    noisy = False
    protocol = _Proxied
