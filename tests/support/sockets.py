"""Plain sockets: a peer of a real server, and a server that a test plays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.project import PATIENCE


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), PATIENCE)


def read_all(peer: socket.socket) -> bytes:
    """What `peer` sends until it closes."""
    data = b""
    while chunk := peer.recv(65536):
        data += chunk
    return data


def try_read(peer: socket.socket) -> tuple[bytes, bool]:
    """What `peer` sends, and whether it closes cleanly in the end."""
    data = b""
    try:
        while chunk := peer.recv(65536):
            data += chunk
    except OSError:  # a reset, or with TLS a close without a farewell
        return data, False
    return data, True


def ask(port: int, request: bytes, *, half_close: bool = True) -> bytes:
    """All that a server answers to `request` until it closes."""
    with connect(port) as peer:
        peer.sendall(request)
        if half_close:
            peer.shutdown(socket.SHUT_WR)
        return read_all(peer)


Handler = Callable[[socket.socket], object]


@contextmanager
def fake_server(handle: Handler) -> Iterator[str]:
    """A server for one connection, which `handle` gets; yields its port."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            handle(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=serve)
        thread.start()
        yield str(listener.getsockname()[1])
        thread.join(PATIENCE)


def answer(reply: bytes) -> Handler:
    def handle(peer: socket.socket) -> None:
        peer.recv(1024)
        peer.sendall(reply)
        peer.shutdown(socket.SHUT_WR)
        read_all(peer)

    return handle
