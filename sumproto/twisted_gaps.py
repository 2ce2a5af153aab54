"""What Twisted has no public way to do: each a small function, with the reason for it."""

from __future__ import annotations

import sys
import time
from typing import Any

from .unix import fcntl, termios


def run_on_monotonic_clock(reactor: Any) -> None:
    """Have the timers of `reactor` go by `time.monotonic`. Done again, it changes nothing.

    Twisted's go by `time.time`, and know no other clock (ticket #2424). When somebody sets that
    back by an hour, they all are an hour late; set forward, they all fire at once. What waits
    already keeps the seconds that it has left. A call that is cancelled moves as well: it stays in
    the reactor's heap, and would hold up those behind it.
    """
    shift = time.monotonic() - reactor.seconds()
    for call in (*reactor._pendingTimedCalls, *reactor._newTimedCalls):
        call.time += shift
        call.seconds = time.monotonic
    reactor.seconds = time.monotonic


def unread(transport: Any) -> int:
    """How many bytes the kernel has received for `transport` that the reactor has not read yet.

    A transport tells only what it has read. Over UDP it is the size of the next datagram.
    """
    try:
        count = fcntl.ioctl(transport.fileno(), termios.FIONREAD, bytes(4))
    except (OSError, ValueError):  # there is no connection any more
        return 0
    return int.from_bytes(count, sys.byteorder)


def has_unsent(transport: Any) -> bool:
    """Whether something that was written to `transport` has not been given to the kernel yet.

    A transport keeps what is written until the next turn of the reactor, and in that it reads
    first. So what it delivers until then came before what was written was sent. Over TLS it is
    what the connection below keeps.
    """
    unsent = getattr(transport, "_tempDataLen", 0) + len(getattr(transport, "dataBuffer", b""))
    return bool(unsent)
