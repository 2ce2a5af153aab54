"""The load generator in Python, for where no compiler is; load.c says what it does, and is faster.

python load.py connect|keep|udp PORT CONNECTIONS DEPTH SECONDS SERVER_NAME
"""

from __future__ import annotations

import re
import sys
from collections import deque
from contextlib import suppress
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from socket import AF_INET, SOCK_DGRAM, SOCK_STREAM, inet_ntoa, socket
from time import monotonic

NAMES = 1009
PATIENCE = 10.0
UDP_AT_ONCE = 64
UDP_IN_A_ROW = 40


def letters(number: int) -> str:
    """A name of its own for each `number`."""
    name = ""
    while True:
        number, digit = divmod(number, 26)
        name += chr(ord("a") + digit)
        if not number:
            return name


class Peer:
    """A socket, its requests, and the replies to them."""

    _names = tuple(f"Client of {letters(index * index * 7919)}," for index in range(NAMES))
    _next = count()
    _sources = count(2)

    def __init__(self, mode: str, port: int, depth: int, reply: re.Pattern[bytes]) -> None:
        self._depth = depth
        self._reply = reply
        self._came = b""
        self.sent = 0
        self.socket = socket(AF_INET, SOCK_DGRAM if mode == "udp" else SOCK_STREAM)
        if mode == "udp":
            source = (127 << 24) + next(self._sources)
            self.socket.bind((inet_ntoa(source.to_bytes(4, "big")), 0))
        elif mode == "connect":
            self.socket.setblocking(False)
        with suppress(BlockingIOError):
            self.socket.connect(("127.0.0.1", port))

    def ask(self) -> None:
        """Send the next requests."""
        batch = [next(self._next) for _ in range(self._depth)]
        requests = [f"{self._names[index % NAMES]}{index % 100 + 1}\n" for index in batch]
        self.socket.sendall("".join(requests).encode())
        self.sent += self._depth

    def take(self) -> bool:
        """Take what has come, and return whether that is all. A wrong reply ends the program."""
        data = self.socket.recv(65536)
        self._came += data
        if not data or self._came.count(b"\n") > self._depth:
            sys.exit("closed by the server" if not data else "a reply to no request")
        if self._came.count(b"\n") < self._depth:
            return False
        if not self._reply.fullmatch(self._came):
            sys.exit(f"wrong reply: {self._came!r}")
        self._came = b""
        return True


class Load:
    """Exchanges over many sockets."""

    def __init__(self, mode: str, port: int, connections: int, depth: int, server: str) -> None:
        number = b"(?:[1-9][0-9]?|100)"
        reply = re.compile(b"(?:%s,%s\n)+" % (re.escape(server.encode()), number))
        self._mode = mode
        self._peer = (mode, port, depth, reply)
        self._connections = connections
        self._depth = depth
        self._selector = DefaultSelector()
        self._resting = deque[Peer]()
        if mode != "connect":
            for _ in range(connections):
                self._resting.append(self._open(EVENT_READ))

    def _open(self, events: int) -> Peer:
        peer = Peer(*self._peer)
        self._selector.register(peer.socket, events, peer)
        return peer

    def _begin(self) -> None:
        """Begin one more exchange, or as many as are sent at once."""
        if self._mode == "connect":
            self._open(EVENT_WRITE)
        else:
            self._resting.popleft().ask()

    def _end(self, peer: Peer) -> None:
        """Do what is to be done with `peer` after an exchange."""
        used_up = self._mode == "udp" and peer.sent == UDP_IN_A_ROW
        if self._mode == "connect" or used_up:
            self._selector.unregister(peer.socket)
            peer.socket.close()
        else:
            self._resting.append(peer)
        if used_up:
            self._resting.append(self._open(EVENT_READ))

    def exchange(self, seconds: float) -> int:
        """Exchange for so long; returns how many exchanges that were."""
        end = monotonic() + seconds
        active = min(self._connections, UDP_AT_ONCE if self._mode == "udp" else self._connections)
        exchanges = 0
        for _ in range(active):
            self._begin()
        while active:
            events = self._selector.select(PATIENCE)
            if not events:
                sys.exit(f"no reply for {PATIENCE:.0f} s")
            for key, ready in events:
                peer: Peer = key.data
                if ready & EVENT_WRITE:
                    self._selector.modify(peer.socket, EVENT_READ, peer)
                    peer.ask()
                elif peer.take():
                    exchanges += self._depth
                    self._end(peer)
                    if monotonic() < end:
                        self._begin()
                    else:
                        active -= 1
        return exchanges


def main(mode: str, port: str, connections: str, depth: str, seconds: str, server: str) -> None:
    load = Load(mode, int(port), int(connections), int(depth), server)
    load.exchange(float(seconds) / 5)
    print("ready", flush=True)
    sys.stdin.readline()
    print(load.exchange(float(seconds)), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(str(error))
