"""What all dialects have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import NamedTuple

from ..message import MAX_MESSAGE, Message, MessageError, TooLong


class Dialect(ABC):
    """How one peer writes its messages."""

    newline_may_follow = False
    """Whether a message is answered before it is known whether a newline ends it."""

    @property
    def shape(self) -> Hashable:
        """What all dialects of one name in the table have in common; None without a name."""
        return None

    @abstractmethod
    def encode(self, message: Message) -> bytes:
        """The bytes of `message`."""

    @abstractmethod
    def encode_error(self, error: MessageError, hint: str = "") -> bytes:
        """The bytes that tell the peer of `error`, with the `hint`, a sentence, if there is room.

        They are at most `MAX_MESSAGE`.
        """


class Received(NamedTuple):
    """A whole message, and the dialect that it came in."""

    message: Message
    dialect: Dialect


class Newline(NamedTuple):
    """The newline behind a message that has been answered: `data` is to be answered, too."""

    data: bytes


Taken = tuple[Received, int]
"""What a `Framing` found, and the index of the first byte behind it."""


class Begun:
    """How far the next message has been read; each message begins with a new one."""

    __slots__ = ("looked", "state")

    def __init__(self) -> None:
        self.looked = 0
        """How many of its bytes need no second look, but for the last."""
        self.state: tuple[int, ...] = ()
        """What else its framing has to know to go on from there."""


class Framing(ABC):
    """How the end of a message is known. Has no state: the same bytes always read the same.

    What it knows of a message that is not whole is in a `Begun`. So a byte costs the same, however
    many came before it.
    """

    @abstractmethod
    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        """The message that begins at `start`; None if its end is not there yet.

        Then `begun` says how far it was read, and is to be given again when `data` has more of it.
        Raises `MessageError` as soon as the bytes cannot become a message any more.
        """

    @abstractmethod
    def finish(self, data: bytes, start: int) -> Taken | None:
        """The message from `start` to the end of `data`, for one that only silence ends.

        None if the bytes are no whole message. Raises `MessageError` like `take`.
        """

    @abstractmethod
    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        """How to tell the peer that what begins at `start` is wrong; None if nothing shows it."""


def too_long() -> TooLong:
    """The error for more bytes than a message may have."""
    return TooLong(f"a message has at most {MAX_MESSAGE} bytes")
