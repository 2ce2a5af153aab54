"""Notation: where in a text the one name and the one number are, and what is around them. Pure.

A reply is the text of its request with the server's name and number in it. To read a text is
therefore to find the two; all the rest is kept as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import chain, islice
from string import punctuation
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote_plus
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import unescape as unescape_xml

from ..message import INTEGER, Malformed, Message, parse_name, parse_number, shorten
from .credible import Width, check_credible
from .words import Kind, as_server, kind_of, party_of, says_whose

BLANKS = " \t"
DIGITS = "0123456789"
CLASSIC = ",;:|"
"""The separators that most programs write."""

_CLASSIC = ("", *CLASSIC)

# ruff: noqa: RUF001 - the quotes and dashes of typography, and the punctuation of Chinese, are meant
_QUOTES = "\"'`"
_CLOSING = dict(zip("([{<“‘«" + _QUOTES, ")]}>”’»" + _QUOTES, strict=True))
_OPENERS = BLANKS + "".join(_CLOSING)
_CLOSERS = BLANKS + "".join(_CLOSING.values())
_AROUND = BLANKS + punctuation + "“”‘’«»–—…·•→、，。：；｜／"
"""What may stand around a name or a number without being part of it."""

_BRACKETS = frozenset(_OPENERS + _CLOSERS) - frozenset(BLANKS)
_BEHIND = "".join(c for c in _AROUND if c not in ".!?…。")
"""What may end a message. A full stop may not: an error ends in it, and is no message."""

_BEFORE_SIGN = "".join(c for c in _AROUND if c not in "+-<")
_SEPARATORS = tuple(",;:|=/#~")
_NUMERAL_CHARACTERS = DIGITS + "._eE+-"
_NO_INTEGER = re.compile(r"[+-]?(?:[.]\d|\d+(?:[._]\d|[eE][+-]?\d))[\d._]*")

_DELIMITER = re.compile(r"[:=]+>?|>")
_LAST_WORD = re.compile(r"""(?<!\w)([^\W\d_](?:[\w-]|['’](?=\w))*)["'`]?[ \t]*\Z""")
_DIGIT = re.compile("[0-9]")

# The end of the first line of a request: a web page may choose what is before it, ``101 /``, say.
_HTTP = re.compile(r"[ \t]HTTP/[0-9.]+[ \t]*\Z", re.IGNORECASE)
_LONGEST_LABEL = 40
_MOST_LABELS = 32


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


class _Span(NamedTuple):
    start: int
    end: int


_Found = tuple[_Span, _Span]
"""Where the name is, and where the number."""


def read(text: str, *, glued: bool = False) -> Read | None:
    """The message that is `text`; None if there are no name and number in it.

    With `glued`, there need be nothing between a name and the number behind it. Raises `Malformed`
    if there is a number where one is due, but one that is no integer.
    """
    if not _DIGIT.search(text):
        return None
    if "/" in text and _HTTP.search(text):
        raise Malformed("this is an HTTP request")
    if _may_have_labels(text) and (found := _find_labelled(text)):
        return _make(text, *found, Width.LABELLED)
    if found := _find_name_first(text) or _find_number_first(text):
        return _make(text, *found)
    if glued and (found := _find_glued(text)):
        return _make(text, *found, Width.GLUED)
    return None


def split_numbers(message: Message, notation: Notation) -> tuple[str, list[int]]:
    """The name of `message` without the numbers that are fields of their own in it, and these.

    In ``Ann,42,0`` that is 42, and who wrote it may have meant either. Those at the end come first,
    the last before the others, then those at the start.
    """
    numbers: list[int] = []
    name = message.name
    if notation.coding is not Coding.PLAIN:
        return name, numbers
    beside = notation.between.strip(BLANKS) or BLANKS
    while digits := _digits_at_end(name, beside):
        numbers.append(parse_number(digits))
        name = name[: -len(digits)].rstrip(BLANKS + beside)
    while digits := _digits_at_end(name[::-1], beside)[::-1]:
        numbers.append(parse_number(digits))
        name = name[len(digits) :].lstrip(BLANKS + beside)
    return name, numbers


def _digits_at_end(name: str, beside: str) -> str:
    """The digits at the end of `name`, if one of `beside` is before them."""
    rest = name.rstrip(DIGITS)
    before = rest if beside == BLANKS else rest.rstrip(BLANKS)
    return name[len(rest) :] if before[-1:] and before[-1] in beside else ""


def _width(separator: str, before: str, behind: str, number_first: bool) -> Width:
    """How wide the way is in which a text is written."""
    if separator.strip(BLANKS) not in _CLASSIC or before or behind.strip(BLANKS):
        return Width.PUNCTUATION
    if number_first:
        return Width.NUMBER_FIRST
    return Width.COMMA if "," in separator else Width.CLASSIC


def _make(text: str, name: _Span, number: _Span, width: Width | None = None) -> Read:
    """The message whose name and number are there in `text`, and all that is around them."""
    number_first = number.start < name.start
    first, second = (number, name) if number_first else (name, number)
    before = text[: first.start]
    between = text[first.end : second.start]
    behind = text[second.end :]
    # Blanks at either end of a message are those around its name, which are not part of it.
    if number_first:
        behind = behind.rstrip(BLANKS)
    else:
        before = before.lstrip(BLANKS)
    written = text[name.start : name.end]
    coding = _coding(text, name, written)
    if coding is not Coding.PLAIN:
        written = _DECODE[coding](written)
    message = Message(parse_name(written), parse_number(text[number.start : number.end]))
    if width is None:
        width = _width(between, before, behind, number_first)
    around = as_server(before), as_server(between), as_server(behind)
    notation = Notation(*around, number_first, coding)
    name_alone, _ = split_numbers(message, notation)
    check_credible(name_alone, message.number, number.end - number.start, width)
    return message, notation


def _coding(text: str, name: _Span, written: str) -> Coding:
    """How the name that is `written` at `name` is, which what is right before it shows."""
    before = text[name.start - 1] if name.start else " "
    if before in _QUOTES:
        return Coding.QUOTED
    if before == ">" and "</" in text:
        return Coding.XML
    if before == "=" and "&" in text and " " not in written:
        return Coding.PERCENT if "%20" in written else Coding.PLUS
    return Coding.PLAIN


# Each of these finds the two in a text that is written in one way.


def _find_name_first(text: str) -> _Found | None:
    """``Client of Ann,42``: blanks or punctuation between the two, and perhaps around them."""
    end = len(text.rstrip(_BEHIND))
    start = len(text[:end].rstrip(DIGITS))
    if start == end:
        return None
    number = _Span(start - _has_sign(text[:start]), end)
    name_end = _label_before(text, number.start)
    name_start = len(text) - len(text.lstrip(_AROUND))
    if name_start < (labelled := _label_at(text, name_start, Kind.NAME)) < name_end:
        name_start = labelled
    else:
        name_start = _plain_start(text, name_start)
    if name_start >= name_end or name_end == number.start:
        return None
    name = _fit(text, _Span(name_start, name_end), number)
    if text[name.end] == "." and text[name.end + 1] in BLANKS + ",;:|":  # the one in "Davis Jr.,42"
        name = _Span(name.start, name.end + 1)
    if name.end == number.start:
        return None
    _check_numeral(text, end)
    return name, number


def _find_number_first(text: str) -> _Found | None:
    """``42,Client of Ann``, in the same ways."""
    start = len(text) - len(text.lstrip(_AROUND))
    start = _label_at(text, start, Kind.NUMBER) or start
    end = len(text) - len(text[start:].lstrip(DIGITS))
    if start == end:
        return None
    number = _Span(start - _has_sign(text[:start]), end)
    if not _label_at(text, 0, Kind.NUMBER) and _plain_start(text, number.start) < number.start:
        return None
    name_start = len(text) - len(text[end:].lstrip(_AROUND))
    if name_start == end:
        return None
    between = text[end:name_start]
    name_start = _label_at(text, name_start, Kind.NAME) or name_start
    name_end = len(text.rstrip(BLANKS))
    while name_end > name_start and text[name_end - 1] in between and text[name_end - 1] in _BEHIND:
        name_end -= 1
    name_end = len(text[:name_end].rstrip(_CLOSERS))
    if name_start >= name_end:
        return None
    if (numeral := _NO_INTEGER.match(text, number.start)) and not text[numeral.end()].isalpha():
        raise Malformed(f"'{shorten(numeral[0])}' is not an integer")
    name = _fit(text, _Span(name_start, name_end), number)
    return (name, number) if name.start > number.end else None


def _find_glued(text: str) -> _Found | None:
    """``Client of Ann42``, with nothing between."""
    start = len(text.rstrip(DIGITS))
    if start == len(text) or not text[:start][-1:].isalpha():
        return None
    _check_numeral(text, len(text))
    return _Span(0, start), _Span(start, len(text))


def _find_labelled(text: str) -> _Found | None:
    """``Name: Ann, Number: 42``: both with a label, in either order, and perhaps among others."""
    labels = list(_labels(text))
    names = [label for label in labels if label.kind is Kind.NAME]
    numbers = [label for label in labels if label.kind is Kind.NUMBER]
    if len(names) != 1 or len(numbers) != 1:
        return None
    starts = [*(label.start for label in labels), len(text)]
    name, number = (
        _value(text, label.end, min(start for start in starts if start >= label.end))
        for label in (names[0], numbers[0])
    )
    return (name, number) if name.start < name.end and number.start < number.end else None


# Labels


class _Label(NamedTuple):
    """A word and what announces its value, which is behind `end`: ``:``, ``=`` or ``>``."""

    kind: Kind | None
    start: int
    end: int


def _labels(text: str) -> Iterator[_Label]:
    """The labels in `text`, from left to right."""
    for found in islice(_DELIMITER.finditer(text), _MOST_LABELS):
        start = _label_start(text, found.start())
        is_tag = found[0] == ">"
        if start < found.start() and (not is_tag or text[start - 1 : start] == "<"):
            yield _Label(kind_of(text[start : found.start()]), start, found.end())


def _label_start(text: str, end: int) -> int:
    """Where the label begins that ends before `end`, with what says whose it is; `end` if none.

    ``Client's number`` is a label, of ``Ann number`` only the number is one.
    """
    start = end
    while word := _LAST_WORD.search(text[max(0, start - _LONGEST_LABEL) : start]):
        if start < end and not says_whose(word[1]):
            break
        start -= len(word[0])
    return start


def _label_before(text: str, number_start: int) -> int:
    """Where a name ends behind which there is a number, perhaps with a label of its own."""
    end = len(text[:number_start].rstrip(_AROUND))
    if not text[end:number_start].lstrip(BLANKS + _QUOTES).startswith((":", "=")):
        return end
    start = _label_start(text, end)
    if kind_of(text[start:end]) is not Kind.NUMBER:
        return end
    return len(text[:start].rstrip(_AROUND))


def _label_at(text: str, start: int, kind: Kind) -> int:
    """Where the value begins whose label, of `kind`, is at `start`; 0 if there is no such label."""
    found = _DELIMITER.search(text, start, start + _LONGEST_LABEL)
    if not found or kind_of(text[start : found.start()]) is not kind:
        return 0
    return len(text) - len(text[found.end() :].lstrip(_OPENERS))


def _may_have_labels(text: str) -> bool:
    return ":" in text or "=" in text or "</" in text


def _value(text: str, start: int, end: int) -> _Span:
    """What is from `start` to `end` without what is around it."""
    start = end - len(text[start:end].lstrip(_OPENERS))
    before = text[start - 1]
    if before in _CLOSING and (closing := text.find(_CLOSING[before], start, end)) >= 0:
        end = closing
    elif before == ">" and (tag := text.find("<", start, end)) >= 0:
        end = tag
    return _Span(start, start + len(text[start:end].rstrip(_AROUND)))


# Where a name and a number begin and end


def _has_sign(before: str) -> bool:
    """Whether what is `before` digits ends in their sign.

    ``Ann,-5`` is minus five and ``Ann-5`` is five: a blank or a separator comes before a sign.
    """
    return before[-1:] in ("+", "-") and (len(before) == 1 or before[-2] in _BEFORE_SIGN)


def _plain_start(text: str, end: int) -> int:
    """Where in the punctuation before `end`, with which `text` begins, a name begins.

    Blanks and openers are around it, and so is what `text` ends in as well: ``|Ann|42|``.
    """
    last = text.rstrip(BLANKS)[-1:]
    for start, character in enumerate(text[:end]):
        if character not in _OPENERS and character != last:
            return start
    return end


def _fit(text: str, name: _Span, number: _Span) -> _Span:
    """`name` with the brackets and quotes that are its own: those in pairs with none outside.

    ``(TA) Ann,42`` is from ``(TA) Ann``, but ``(Ann),42`` is from ``Ann``.
    """
    start, end = name
    first, second = (name, number) if name < number else (number, name)
    if _BRACKETS.isdisjoint(text[: first.start]) and _BRACKETS.isdisjoint(text[first.end :]):
        return name
    unmatched: list[int] = []
    outside = chain(
        range(first.start), range(first.end, second.start), range(second.end, len(text))
    )
    for index in outside:
        character = text[index]
        if unmatched and _CLOSING[text[unmatched[-1]]] == character:
            unmatched.pop()
        elif index == end and character in _CLOSERS and _opens(text[start:end], character):
            end += 1
        elif character in _CLOSING:
            unmatched.append(index)
    own = [index for index in unmatched if index < start and (name < number or index >= number.end)]
    return _Span(min(own, default=start), end)


def _opens(text: str, closer: str) -> bool:
    """Whether something in `text` is closed by `closer`."""
    return any(_CLOSING.get(character) == closer for character in text)


def _check_numeral(text: str, end: int) -> None:
    """Raise `Malformed` if what is before `end` is a number, but not an integer."""
    start = len(text[:end].rstrip(_NUMERAL_CHARACTERS))
    field = text[start:end]
    if _NO_INTEGER.fullmatch(field) and not text[:start][-1:].isalnum():
        raise Malformed(f"'{shorten(field)}' is not an integer")


# Two lines


class Half(NamedTuple):
    """A line that holds one of the two, the name or the number, and where in it that is."""

    text: str
    is_number: bool
    value: _Span


def read_half(text: str) -> Half:
    """The name or the number alone that is in `text`, perhaps with a label.

    Raises `Malformed` if it is neither, or rather meant as a whole message with a number that is
    no integer.
    """
    start = len(text) - len(text.lstrip(BLANKS))
    number = _label_at(text, start, Kind.NUMBER)
    start = number or _label_at(text, start, Kind.NAME) or start
    end = len(text.rstrip(BLANKS))
    if end - start > 1 and text[start] in _QUOTES and text[start] == text[end - 1]:
        start, end = start + 1, end - 1
    value = text[start:end]
    if number or INTEGER.fullmatch(value):
        parse_number(value)
        return Half(text, True, _Span(start, end))
    _check_numeral(text, end)
    if (numeral := _NO_INTEGER.match(value)) and not value[numeral.end() :].strip(BLANKS):
        raise Malformed(f"'{shorten(numeral[0])}' is not an integer")
    if value.endswith(_SEPARATORS):
        raise Malformed("there is no number behind the last separator")
    if INTEGER.fullmatch(value.strip(_AROUND)):
        raise Malformed("there is no name")
    if value[-1:].isdigit() and not value[-1:].isascii():
        raise Malformed(f"'{shorten(value)}' has no digits of ASCII")
    parse_name(value)
    return Half(text, False, _Span(start, end))


def join(first: Half, newline: str, second: Half) -> Read:
    """The message in two lines with `newline` between them. Raises `Malformed` if it is none."""
    if first.is_number == second.is_number:
        if first.is_number:
            raise Malformed("there is no name")
        parse_number(second.text[slice(*second.value)])
    text = first.text + newline + second.text
    offset = len(first.text) + len(newline)
    spans = first.value, _Span(second.value.start + offset, second.value.end + offset)
    name, number = reversed(spans) if first.is_number else spans
    return _make(text, name, number, Width.NUMBER_FIRST if first.is_number else Width.CLASSIC)


# Several numbers


class Labelled(NamedTuple):
    """What has a label: whose it is, ``client`` or ``server`` or nobody's, what, and its text."""

    party: str | None
    kind: Kind | None
    text: str


def labelled(text: str) -> list[Labelled]:
    """All that has a label in `text`; behind what has none of its own, it may say anything."""
    labels = list(_labels(text))
    starts = [*(label.start for label in labels), len(text)]
    return [
        Labelled(
            party_of(text[label.start : label.end]),
            label.kind,
            text[slice(*_value(text, label.end, min(at for at in starts if at >= label.end)))],
        )
        for label in labels
    ]
