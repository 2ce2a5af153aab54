"""Replies with more numbers than one: which of them is the server's. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..message import INTEGER, Malformed, Message, Reason, parse_number
from .asides import cut_asides
from .base import Received
from .labels import labelled
from .marks import BLANKS
from .notation import Coding, Notation
from .reading import read, split_fields
from .text import Text
from .words import Kind, kind_of

_KEY = re.compile(r"""["'](\w{1,40})["'][ \t\r\n]*:[ \t\r\n]*["']?\Z""")

NO_NAME = "(no name)"
"""The name of a server whose reply does not give one."""


def without_sum(received: Received, own: int) -> Message:
    """The message of a reply to a request with the number `own`.

    A server may show the sum beside its number, and the client's number, too. Labels tell them
    apart; without labels, the sum does. Raises `Malformed` if neither shows which is which.
    """
    message, dialect = received
    if not isinstance(dialect, Text):
        return message
    notation = dialect.notation
    if _is_sum(notation):
        raise _unclear()
    text = notation.write(message)
    if notation.coding is Coding.PLAIN and (cut := cut_asides(text)) != text:
        if not (read_ := read(cut)):
            raise _unclear()
        message, notation = read_
    if by_labels := _by_labels(notation.write(message)):
        return by_labels
    name, others = split_fields(message, notation)
    if not others:
        if "=" in notation.between and "+" in message.name:  # ``Bob + Ann = 100``
            raise _unclear()
        return message
    numbers = [*others, message.number]
    explained = {number for number in numbers if _explains(number, numbers, own)}
    if name and len(explained) == 1:
        return Message(name, explained.pop())
    if len(explained) == 1 or notation.between.strip(BLANKS):
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


def _is_sum(notation: Notation) -> bool:
    """Whether the one number that is in an object has the key of a sum."""
    key = _KEY.search(notation.before if notation.number_first else notation.between)
    return key is not None and kind_of(key[1]) is Kind.SUM


def _explains(number: int, numbers: Sequence[int], own: int) -> bool:
    """Whether the other `numbers` are the sum of `number` and `own`, perhaps with `own`."""
    others = list(numbers)
    others.remove(number)
    return sorted(others) in ([number + own], sorted([own, number + own]))


def _unclear() -> Malformed:
    return Malformed("which of the numbers is the server's does not show", Reason.TWO_NUMBERS)
