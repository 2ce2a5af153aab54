"""Notation: what is around the name and the number of a text. Pure.

A reply is the text of its request with the server's name and number in it; all the rest is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote_plus
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import unescape as unescape_xml

from ..message import Message


class Coding(Enum):
    """How a name is written where some characters have a meaning of their own."""

    PLAIN = "as it is"
    QUOTED = "in quotes, with backslashes"
    PLUS = "urlencoded, + for a blank"
    PERCENT = "urlencoded, %20 for a blank"
    XML = "with entities"
    JSON = "a string of JSON"


_ESCAPED = re.compile(r"\\(.)")
_SPECIAL = re.compile(r"[\\\"'`]")
_ENTITIES = {"&quot;": '"', "&apos;": "'"}

_DECODE: dict[Coding, Callable[[str], str]] = {
    Coding.PLAIN: str,
    Coding.QUOTED: lambda text: _ESCAPED.sub(r"\1", text),
    Coding.PLUS: unquote_plus,
    Coding.PERCENT: unquote_plus,
    Coding.XML: lambda text: unescape_xml(text, _ENTITIES),
}
_ENCODE: dict[Coding, Callable[[str], str]] = {
    Coding.PLAIN: str,
    Coding.QUOTED: lambda name: _SPECIAL.sub(r"\\\g<0>", name),
    Coding.PLUS: quote_plus,
    Coding.PERCENT: quote,
    Coding.XML: escape_xml,
    Coding.JSON: json.JSONEncoder(ensure_ascii=False).encode,
}


class Notation(NamedTuple):
    """What is before, between and behind the name and the number, and which of them is first."""

    before: str
    between: str
    behind: str
    number_first: bool = False
    coding: Coding = Coding.PLAIN

    def write(self, message: Message) -> str:
        """The text of `message`."""
        name = _ENCODE[self.coding](message.name)
        if self.number_first:
            return f"{self.before}{message.number}{self.between}{name}{self.behind}"
        return f"{self.before}{name}{self.between}{message.number}{self.behind}"


Read = tuple[Message, Notation]


def decode_name(written: str, coding: Coding) -> str:
    """The name that is `written` in `coding`, any but JSON."""
    return _DECODE[coding](written)
