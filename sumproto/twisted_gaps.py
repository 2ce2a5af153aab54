"""What Twisted has no public way to do: each a small function, with the reason for it."""

from __future__ import annotations

from typing import Any


def has_unsent(transport: Any) -> bool:
    """Whether something that was written to `transport` has not been given to the kernel yet.

    A transport keeps what is written until the next turn of the reactor, and in that it reads
    first. So what it delivers until then came before what was written was sent. Over TLS it is
    what the connection below keeps.
    """
    unsent = getattr(transport, "_tempDataLen", 0) + len(getattr(transport, "dataBuffer", b""))
    return bool(unsent)
