"""What Twisted has no public way to do: for each a small function, with the reason for it."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper

from .unix import fcntl, termios


def run_on_monotonic_clock(reactor: Any) -> None:
    """Have the timers of `reactor` go by `time.monotonic`. A second call changes nothing.

    Twisted's timers go by `time.time`, and can go by no other clock (ticket #2424). When somebody
    sets that clock back by an hour, they are all an hour late; when it is set forward, they all
    fire at once. A timer that is running keeps the seconds that it has left. One that is cancelled
    is moved as well: it stays in the reactor's heap, and would hold up those behind it.
    """
    shift = time.monotonic() - reactor.seconds()
    for call in (*reactor._pendingTimedCalls, *reactor._newTimedCalls):
        call.time += shift
        call.seconds = time.monotonic
    reactor.seconds = time.monotonic


def unread(transport: Any) -> int:
    """How many bytes the kernel has received for `transport` that the reactor has not read yet.

    A transport shows only what it has read. Over UDP this is the size of the next datagram.
    """
    try:
        count = fcntl.ioctl(transport.fileno(), termios.FIONREAD, bytes(4))
    except (OSError, ValueError):  # there is no connection any more
        return 0
    return int.from_bytes(count, sys.byteorder)


def has_unsent(transport: Any) -> bool:
    """Whether something that was written to `transport` has not been given to the kernel yet.

    A transport keeps what is written until the next turn of the reactor, and in that turn it reads
    first. So what it delivers until then came before the written bytes were sent; only in the turn
    in which the connection is made it may write first. Over TLS, the connection below keeps what is
    written as well, and TLS itself keeps it until the handshake is done or the turn ends.
    """
    aggregated = getattr(getattr(transport, "_aggregator", None), "_buffer", None)
    return bool(
        getattr(transport, "_tempDataLen", 0)
        or getattr(transport, "dataBuffer", b"")
        or getattr(transport, "_appSendBuffer", None)
        or aggregated
    )


def read_at_most(transport: Any, size: int) -> None:
    """Have `transport` read `size` bytes at the most in a turn of the reactor.

    Twisted reads up to 64 KiB, and then calls the protocol with all of it. The limit is an
    attribute of the transport that no interface has; below TLS or a PROXY header, it is that of the
    wrapped connection.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    transport.bufferSize = size


def read_datagrams_at_most(port: Any, size: int) -> None:
    """Have the UDP `port` read datagrams in a turn of the reactor until they have `size` bytes.

    With 0 it reads no further one in this turn. Twisted's own bound, 256 KiB, is an attribute that
    no interface has.
    """
    port.maxThroughput = size


def why_closed(sock: socket.socket) -> OSError | None:
    """What made the reactor close the connected UDP socket `sock`; None if we closed it.

    The epoll and poll reactors take ECONNREFUSED, which says that nobody listens at the other end,
    for the end of the port. They close it and do not call `connectionRefused` (tickets #5377 and
    #6467).
    """
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return OSError(number, os.strerror(number)) if number else None


def accept_at_most(port: Any, count: int) -> None:
    """Have the TCP or UNIX `port` accept `count` connections at the most in a turn of the reactor.

    After each turn in which there were more than it accepts, Twisted has it accept 20 more in the
    next one, without end. So a flood of connections would make the turns longer and longer.
    """
    accept = port.doRead

    def do_read() -> object:
        port.numberAccepts = count
        return accept()

    port.doRead = do_read


def log_through(port: Any, logger: Logger) -> None:
    """Have the TCP or UNIX `port` log by `logger`.

    A port logs three lines for each connection that there is no file descriptor for, and has no
    option for fewer.
    """
    port._logger = logger


def handle_stop_signals(reactor: Any, handle: Callable[..., object]) -> None:
    """Have `reactor`, when it starts, install `handle` for SIGINT and SIGTERM.

    Its own handlers let the signal kill the process after a graceful stop, as if it had crashed
    (ticket #9755), and raise an error at a second signal (ticket #4406). It installs what it finds
    under these names.
    """
    reactor.sigInt = reactor.sigTerm = handle


class LauncherErrors:
    """The stderr of a twistd that waits for its daemon; it leaves out what has `known` in it.

    When a daemon cannot start, that twistd prints the repr of the first 100 bytes of the exception,
    its class and module first, to `sys.__stderr__`. It has no way to print a line of ours.
    """

    def __init__(self, known: str) -> None:
        self._known = known
        self._stderr: Any = sys.__stderr__
        vars(sys)["__stderr__"] = self

    def write(self, text: str) -> None:
        """Print `text`, or leave it out."""
        if self._stderr and self._known not in text:
            self._stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stderr, name)

    def undo(self) -> None:
        """Have the real stderr again."""
        vars(sys)["__stderr__"] = self._stderr
