"""Replies with more numbers than one: which of them is the server's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..message import INTEGER, Malformed, Message, parse_number
from .base import Received
from .labels import labelled
from .marks import BLANKS
from .reading import split_numbers
from .text import Text
from .words import Kind

NO_NAME = "(no name)"
"""Who speaks in a reply whose labels are for numbers alone."""


def without_sum(received: Received, own: int) -> Message:
    """The message of a reply to a request with the number `own`.

    A server may show the sum beside its number, and the client's number, too. Labels tell them
    apart, or else that the others are `own` and the sum. Raises `Malformed` if neither does.
    """
    message, dialect = received
    if not isinstance(dialect, Text):
        return message
    notation = dialect.notation
    if by_labels := _by_labels(notation.write(message)):
        return by_labels
    name, others = split_numbers(message, notation)
    numbers = [*others[::-1], message.number]  # the sum is likely to be the last
    for number in numbers:
        if others and _explains(number, numbers, own):
            return Message(name, number)
    if others and notation.between.strip(BLANKS):
        raise _unclear()
    return message


def _by_labels(text: str) -> Message | None:
    """The message in `text` if it has labels for several numbers."""
    found = labelled(text)
    numbers = [
        one for one in found if one.kind in (Kind.NUMBER, Kind.SUM) and INTEGER.fullmatch(one.text)
    ]
    if len(numbers) < 2:
        return None
    servers = [one.text for one in numbers if one.kind is Kind.NUMBER and one.party != "client"]
    if len(servers) != 1:
        raise _unclear()
    names = [one.text for one in found if one.kind is Kind.NAME and one.party != "client"]
    return Message(names[0] if len(names) == 1 and names[0] else NO_NAME, parse_number(servers[0]))


def _explains(number: int, numbers: Sequence[int], own: int) -> bool:
    """Whether all `numbers` but one are `own` or the sum, if `number` is the server's."""
    others = list(numbers)
    others.remove(number)
    return all(other in (own, number + own) for other in others)


def _unclear() -> Malformed:
    return Malformed("which of the numbers is the server's does not show")
