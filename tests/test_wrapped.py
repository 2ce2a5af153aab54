"""Behind a proxy: whom the PROXY header names, and that nothing in it does harm."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FakeServer, Transport
from twisted.internet.address import IPv4Address, IPv6Address

from sumproto.core.exchange import Rule
from sumproto.core.observer import Peer
from sumproto.server.wrapped import MAX_PROXY_HEADER, _Proxied, _ProxiedFactory, read_proxy_header

Address = IPv4Address | IPv6Address

FAR = IPv4Address("TCP", "192.0.2.1", 54321)
FAR6 = IPv6Address("TCP", "2001:db8::1", 54321)
MAPPED = IPv6Address("TCP", "::ffff:127.0.0.1", 54321)
PROXY = IPv4Address("TCP", "192.0.2.7", 1)


def binary(kind: int, content: bytes, command: int = 0x21, length: int | None = None) -> bytes:
    """A header of version 2, that says it is as long as it is unless `length` is given."""
    length = len(content) if length is None else length
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", command, kind, length) + content


def pair(host: str) -> bytes:
    """The addresses and ports of a header of version 2, twice the same."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host) * 2 + struct.pack(">HH", 54321, 12000)


TLV = b"\x20\0\x05hello"
UNIX = b"/run/proxy".ljust(108, b"\0") * 2

HEADERS: dict[bytes, Address | None] = {
    b"PROXY TCP4 192.0.2.1 127.0.0.1 54321 12000\r\n": FAR,
    b"PROXY TCP6 2001:DB8::1 ::1 54321 12000\r\n": FAR6,
    b"PROXY TCP6 ::ffff:127.0.0.1 ::1 54321 12000\r\n": MAPPED,
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN 127.0.0.1 \xff\r\n": None,
    binary(0x11, pair("192.0.2.1")): FAR,
    binary(0x11, pair("192.0.2.1") + TLV): FAR,
    binary(0x12, pair("192.0.2.1")): FAR,
    binary(0x21, pair("2001:db8::1") + TLV * 100): FAR6,
    binary(0x21, pair("::ffff:127.0.0.1")): MAPPED,
    binary(0x31, UNIX): None,
    binary(0x32, UNIX + TLV): None,
    binary(0x31, b""): None,
    binary(0x00, b""): None,
    binary(0x00, TLV): None,
    binary(0x10, pair("127.0.0.1")): None,
    binary(0x11, pair("127.0.0.1"), command=0x20): None,  # LOCAL: what it has is to be ignored
    binary(0x11, b"", command=0x20): None,
}

NONE = [
    b"Ann,42\r\n",
    b"\r\n\r\nAnn",
    b"PROXY\r\n",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP5 192.0.2.1 127.0.0.1 54321 12000\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY  UNKNOWN\r\n",
    b"PROXY TCP4 192.0.2.1 127.0.0.1 x 5\r\n",
    b"PROXY TCP4 192.0.2.1 127.0.0.1 +1 5\r\n",
    b"PROXY TCP4 192.0.2.1 127.0.0.1 65536 5\r\n",
    b"PROXY TCP4 192.0.2.1 127.0.0.1 54321 12000 \r\n",
    b"PROXY TCP4 ::1 ::1 54321 12000\r\n",
    b"PROXY TCP6 127.0.0.1 127.0.0.1 54321 12000\r\n",
    b"PROXY TCP4 localhost localhost 54321 12000\r\n",
    b"PROXY TCP6 ::1%lo ::1 54321 12000\r\n",
    b"PROXY TCP4 \xff 1.2.3.4 1 5\r\n",
    b"PROXY TCP4 " + b"1" * 200,
    b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    binary(0x11, pair("127.0.0.1")[:11]),
    binary(0x21, pair("127.0.0.1")),
    binary(0x11, b"", length=11) + b"Client of Ann,42\n",
    binary(0x41, b""),
    binary(0x13, pair("127.0.0.1")),
    binary(0x11, pair("127.0.0.1"), command=0x11),
    binary(0x11, pair("127.0.0.1"), command=0x22),
    binary(0x00, b"", length=MAX_PROXY_HEADER),
]


@pytest.mark.parametrize(("header", "source"), HEADERS.items())
def test_headers(header: bytes, source: Address | None) -> None:
    for end in range(len(header)):
        assert read_proxy_header(header[:end]) is None
    for behind in b"", b"Ann,42\n", header:
        assert read_proxy_header(header + behind) == (source, len(header))


@pytest.mark.parametrize("data", NONE)
def test_what_is_no_header(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_proxy_header(data)


@given(st.sampled_from([*HEADERS, *NONE]), st.data())
def test_a_header_with_errors(header: bytes, data: st.DataObject) -> None:
    """It is one, or it is none, or more has to come; and that is so however it is cut."""
    at = data.draw(st.integers(0, len(header)))
    until = data.draw(st.integers(at, len(header)))
    changed = header[:at] + data.draw(st.binary(max_size=20)) + header[until:]
    try:
        found = read_proxy_header(changed)
    except ValueError:
        return
    if found:
        assert found.size <= min(len(changed), MAX_PROXY_HEADER)
        assert read_proxy_header(changed[: found.size - 1]) is None
    else:
        assert len(changed) < MAX_PROXY_HEADER


class ProxiedServer(FakeServer):
    """A server with one connection, from a proxy at another host."""

    def __init__(self) -> None:
        super().__init__()
        self.transport = Transport(peer=PROXY)
        built = _ProxiedFactory(self.factory).buildProtocol(PROXY)
        assert isinstance(built, _Proxied)
        self.proxied = self.transport.protocol = built
        built.makeConnection(self.transport)

    def receive(self, data: bytes) -> bytes:
        """What the server has written, after `data` has come a byte at a time."""
        for byte in data:
            self.proxied.dataReceived(bytes([byte]))
        return b"".join(self.transport.writes)


@pytest.mark.parametrize(("header", "source"), HEADERS.items())
def test_who_counts_by_a_proxy_header(header: bytes, source: Address | None) -> None:
    """It is the proxy, which is at another host and may not stop the server, if nobody is named."""
    server = ProxiedServer()
    assert server.receive(header + b"Ann,42\n") == b"Server of Bob,58\n"
    peer = source or PROXY
    assert server.recorder.peers == [Peer("tcp", peer.host, peer.port)]
    server.receive(b"Ann,101\n")
    assert server.stops == (source == MAPPED)


@pytest.mark.parametrize("data", NONE)
def test_what_is_no_header_ends_the_connection(data: bytes) -> None:
    server = ProxiedServer()
    server.proxied.dataReceived(data)
    assert server.transport.aborted
    assert server.transport.value() == b""
    _, (event, why) = server.recorder.events
    assert event == "disconnected"
    assert str(why).startswith("not a PROXY header: ")


def test_half_close_behind_a_proxy() -> None:
    server = ProxiedServer()
    server.proxied.dataReceived(b"PROXY UNKNOWN\r\nAnn,42")
    server.proxied.readConnectionLost()
    assert server.transport.value() == b"Server of Bob,58"


def test_a_bug_of_ours_is_not_blamed_on_the_proxy() -> None:
    def pick() -> int:
        raise ValueError("a bug")

    server = ProxiedServer()
    server.responder.rule = Rule("Server of Bob", pick)
    with pytest.raises(ValueError, match="a bug"):
        server.proxied.dataReceived(b"PROXY UNKNOWN\r\nAnn,42\n")
    assert not server.transport.aborted
