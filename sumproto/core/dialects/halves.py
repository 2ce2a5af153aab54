"""Halves: lines that hold the name or the number alone, of which two make a message. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..message import INTEGER, MAX_NAME, Malformed, Reason, parse_name, parse_number, shorten
from .credible import Width
from .labels import label_at
from .marks import AROUND, BLANKS, NO_INTEGER, QUOTES, SEPARATORS, Span, check_numeral
from .notation import Read
from .reading import make, make_simple
from .words import Kind

_SIMPLE_HALF = re.compile(r"([0-9]+)|[^\W\d_]+(?: [^\W\d_]+)*")


class Half(NamedTuple):
    """A line that holds one of the two, the name or the number, and where in it that is."""

    text: str
    is_number: bool
    value: Span


def read_half(text: str) -> Half:
    """The name or the number alone that is in `text`, perhaps with a label.

    Raises `Malformed` if it is neither, or rather meant as a whole message with a number that is
    no integer.
    """
    if (simple := _SIMPLE_HALF.fullmatch(text)) and len(text) <= MAX_NAME:
        return Half(text, bool(simple[1]), Span(0, len(text)))
    start = len(text) - len(text.lstrip(BLANKS))
    number = label_at(text, start, Kind.NUMBER)
    start = number or label_at(text, start, Kind.NAME) or start
    end = len(text.rstrip(BLANKS))
    if end - start > 1 and text[start] in QUOTES and text[start] == text[end - 1]:
        start, end = start + 1, end - 1
    value = text[start:end]
    if number or INTEGER.fullmatch(value):
        parse_number(value)
        return Half(text, True, Span(start, end))
    check_numeral(text, end)
    if (numeral := NO_INTEGER.match(value)) and not value[numeral.end() :].strip(BLANKS):
        raise Malformed(f"'{shorten(numeral[0])}' is not an integer", Reason.NO_INTEGER)
    if value.endswith(SEPARATORS):
        raise Malformed("there is no number behind the last separator", Reason.NO_NUMBER)
    if INTEGER.fullmatch(value.strip(AROUND)):
        raise Malformed("there is no name", Reason.NO_NAME)
    if value[-1:].isdigit() and not value[-1:].isascii():
        raise Malformed(f"'{shorten(value)}' has no digits of ASCII", Reason.NO_INTEGER)
    parse_name(value)
    return Half(text, False, Span(start, end))


def join(first: Half, newline: str, second: Half, least: Width = Width.LABELLED) -> Read:
    """The message in two lines with `newline` between them.

    `least` is as in `read`. Raises `Malformed` if it is none.
    """
    if first.is_number == second.is_number:
        if first.is_number:
            raise Malformed("there is no name", Reason.NO_NAME)
        parse_number(second.text[slice(*second.value)])
    width = max(least, Width.NUMBER_FIRST if first.is_number else Width.CLASSIC)
    by_name, by_number = (second, first) if first.is_number else (first, second)
    if _SIMPLE_HALF.fullmatch(by_name.text) and by_number.text.isdigit():
        return make_simple(by_name.text, newline, by_number.text, width, first.is_number)
    text = first.text + newline + second.text
    offset = len(first.text) + len(newline)
    spans = first.value, Span(second.value.start + offset, second.value.end + offset)
    name, number = reversed(spans) if first.is_number else spans
    return make(text, name, number, width)
