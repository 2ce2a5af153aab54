"""Servers in Python that do the least: parse a request, check its range, reply, and nothing else.

    python minimal.py asyncio|uvloop|twisted|threading SERVER_NAME

Each serves TCP and UDP on a port that it prints, in the words of sumproto's log. A wrong request
raises, which ends the connection.
"""

from __future__ import annotations

import asyncio
import importlib
import socketserver
import sys
from collections.abc import Callable
from random import random
from threading import Thread
from typing import Any, cast

HOST = "127.0.0.1"
BACKLOG = 1024
NAME = sys.argv[2] if len(sys.argv) > 2 else ""
REPLIES = [f"{NAME},{number}\n".encode() for number in range(1, 101)]


def reply(line: bytes) -> bytes:
    """The reply to a request. Raises `ValueError`."""
    name, _, number = line.rpartition(b",")
    if not name or not 1 <= int(number) <= 100:
        raise ValueError
    return REPLIES[int(random() * 100)]


def say_ready(port: int) -> None:
    print(f"Server is ready to receive on ('{HOST}', {port})", flush=True)


class Stream(asyncio.Protocol):
    """A connection on an event loop of asyncio."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._transport.write(b"".join([reply(line) for line in lines]))


class Datagrams(asyncio.DatagramProtocol):
    """A UDP port on an event loop of asyncio."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(reply(data), address)


def serve_on(loop: asyncio.AbstractEventLoop) -> None:
    server = loop.run_until_complete(loop.create_server(Stream, HOST, 0, backlog=BACKLOG))
    port = server.sockets[0].getsockname()[1]
    loop.run_until_complete(loop.create_datagram_endpoint(Datagrams, (HOST, port)))
    say_ready(port)
    loop.run_forever()


def serve_by_asyncio() -> None:
    serve_on(asyncio.new_event_loop())


def serve_by_uvloop() -> None:
    serve_on(importlib.import_module("uvloop").new_event_loop())


def serve_by_twisted() -> None:
    from twisted.internet import reactor as installed
    from twisted.internet.protocol import DatagramProtocol, Factory
    from twisted.protocols.basic import LineReceiver

    reactor: Any = installed

    class Line(LineReceiver):
        delimiter = b"\n"
        transport: Any

        def lineReceived(self, line: bytes) -> None:
            self.transport.write(reply(line))

    class Datagram(DatagramProtocol):
        transport: Any

        def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
            self.transport.write(reply(datagram), addr)

    port = reactor.listenTCP(0, Factory.forProtocol(Line), BACKLOG, HOST).getHost().port
    reactor.listenUDP(port, Datagram(), HOST)
    say_ready(port)
    reactor.run()


class StreamHandler(socketserver.StreamRequestHandler):
    """A connection with a thread of its own."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(reply(line))


class DatagramHandler(socketserver.BaseRequestHandler):
    """A datagram with a thread of its own."""

    def handle(self) -> None:
        data, port = self.request
        port.sendto(reply(data), self.client_address)


class ThreadingServer(socketserver.ThreadingTCPServer):
    """Socketserver's, with room for a burst of connections."""

    request_queue_size = BACKLOG
    daemon_threads = True


def serve_by_threading() -> None:
    server = ThreadingServer((HOST, 0), StreamHandler)
    udp = socketserver.ThreadingUDPServer(server.server_address, DatagramHandler)
    Thread(target=udp.serve_forever).start()
    say_ready(server.server_address[1])
    server.serve_forever()


SERVERS: dict[str, Callable[[], None]] = {
    "asyncio": serve_by_asyncio,
    "uvloop": serve_by_uvloop,
    "twisted": serve_by_twisted,
    "threading": serve_by_threading,
}


if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
