"""The dialects that have a name, each declared once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from .base import Dialect
from .envelopes import Line
from .notation import Coding, Notation
from .records import Record
from .text import TEXT_RECORD, Text, separated

TEMPLATE = "template"
"""The label of all dialects without a name."""


class Declaration(NamedTuple):
    """A dialect with a name."""

    label: str
    """Its name, as an option and wherever it is counted."""
    make: Callable[[str], Dialect]
    """Makes it; takes the newline that ends its messages, "" for none."""
    example: str
    """A message in it, for ``--help``."""
    takes_newline: bool = True
    """Whether a newline ends its messages."""


DECLARATIONS = (
    Declaration("comma", lambda newline: separated(",", newline), "Client of Ann,42"),
    Declaration("pipe", lambda newline: separated("|", newline), "Client of Ann|42"),
    Declaration("semicolon", lambda newline: separated(";", newline), "Client of Ann;42"),
    Declaration("colon", lambda newline: separated(":", newline), "Client of Ann:42"),
    Declaration("space", lambda newline: separated(" ", newline), "Client of Ann 42"),
    Declaration("number-first", lambda newline: separated(",", newline, True), "42,Client of Ann"),
    Declaration(
        "two-lines", lambda newline: separated("\r\n", newline), "Client of Ann, then 42 on a line"
    ),
    Declaration(
        "json",
        lambda newline: Text(
            Notation('{"name": ', ', "number": ', "}", coding=Coding.JSON), Line(newline)
        ),
        '{"name": "Client of Ann", "number": 42}',
    ),
    Declaration(
        "record", lambda newline: Record(TEXT_RECORD), "a length, a name, a number, binary", False
    ),
    Declaration(
        "text-record",
        lambda newline: Text(Notation("", ",", ""), TEXT_RECORD),
        "a length in binary, Client of Ann,42",
        False,
    ),
)

DIALECTS: Mapping[str, Callable[[str], Dialect]] = {
    declared.label: declared.make for declared in DECLARATIONS
}
"""What a client can speak: each is made from the newline that ends its messages."""

LABELS = (*DIALECTS, TEMPLATE)
"""All labels that `label_of` gives."""

WITHOUT_NEWLINE = frozenset(
    declared.label for declared in DECLARATIONS if not declared.takes_newline
)
"""The `DIALECTS` whose messages never end in a newline."""

_BY_SHAPE = {declared.make("\n").shape: declared.label for declared in DECLARATIONS}


@lru_cache(maxsize=1024)
def label_of(dialect: Dialect) -> str:
    """The label of `dialect`, one of `LABELS`."""
    return _BY_SHAPE.get(dialect.shape, TEMPLATE)
