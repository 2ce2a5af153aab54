"""What a server listens on, with real sockets."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any, cast

from support import FakeServer, connect
from twisted.trial.unittest import TestCase

from sumproto.server import ACCEPTED, ConnectionListener, server_endpoint
from sumproto.trace import Throttle


class Listening(TestCase):
    """A listener on a free port, whose turns of the reactor are those that a test takes."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.server = FakeServer(max_connections=1000)
        endpoint = server_endpoint(reactor, "tcp:0:interface=127.0.0.1")
        throttle = Throttle(self.server.clock)
        self.listener = ConnectionListener(endpoint, self.server.factory, throttle)
        self.listener.privilegedStartService()
        self.port = cast(Any, self.listener)._port
        self.addCleanup(self.listener.stopService)
        self.peers = ExitStack()
        self.addCleanup(self.peers.close)

    def connect(self, count: int) -> list[socket.socket]:
        port = self.listener.address.port
        return [self.peers.enter_context(connect(port)) for _ in range(count)]

    @property
    def accepted(self) -> int:
        """How many connections have been accepted."""
        return len([event for event in self.server.recorder.events if event[0] == "connected"])

    def test_a_flood_of_connections_makes_no_turn_longer(self) -> None:
        self.connect(2 * ACCEPTED + 20)
        self.port.doRead()
        assert self.accepted == ACCEPTED
        self.port.doRead()
        assert self.accepted == 2 * ACCEPTED
        self.port.doRead()
        assert self.accepted == 2 * ACCEPTED + 20

    def test_a_stop_accepts_all_that_wait(self) -> None:
        self.connect(2 * ACCEPTED + 20)
        self.listener.accept_waiting()
        assert self.accepted == 2 * ACCEPTED + 20
