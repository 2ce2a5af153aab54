"""The phases of a connection of the server."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """How far a connection is on the way to its end. It only goes forward::

                 windUp            what had come is answered
            OPEN ──────> FINISHING ─────────────────────────> CLOSING ──> lost
              └──────────────┴───────────────────────────────────┘
                an error is answered, or the peer has closed its
                side and has been written all its replies

    Whether the peer has closed its side is known beside that. In OPEN and FINISHING it means that
    no more requests will come; in CLOSING it means that we can close the connection itself.
    """

    OPEN = "requests are answered as they come"
    FINISHING = "the server stops: requests that have reached the kernel by then are answered"
    CLOSING = "the last reply is written, and what still comes is discarded"
