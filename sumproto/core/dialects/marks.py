"""Marks: what may stand around a name and a number, and where between them the two end. Pure."""

from __future__ import annotations

import re
from itertools import chain
from string import punctuation
from typing import NamedTuple

from ..message import Malformed, Reason, shorten

BLANKS = " \t"
DIGITS = "0123456789"
CLASSIC = ",;:|"
"""The separators that most programs write."""

# ruff: noqa: RUF001 - the quotes and dashes of typography, and the punctuation of Chinese, are meant
QUOTES = "\"'`"
CLOSING = dict(zip("([{<“‘«" + QUOTES, ")]}>”’»" + QUOTES, strict=True))
OPENERS = BLANKS + "".join(CLOSING)
CLOSERS = BLANKS + "".join(CLOSING.values())
_BEYOND_ASCII = "–—…·•→、，。：；｜／"
AROUND = BLANKS + punctuation + "“”‘’«»" + _BEYOND_ASCII
"""What may stand around a name or a number without being part of it."""

USUAL = frozenset(CLASSIC + "/-_#~=&.+*" + _BEYOND_ASCII)
"""What people write between a name and a number, but for brackets and quotes."""

_OPENING = {closer: opener for opener, closer in CLOSING.items() if opener != closer}
_QUOTED = {quote: re.compile(rf"(?:[^\\{quote}]|\\.)*(?={quote})") for quote in QUOTES}
_BEHIND_STOP = frozenset(BLANKS + CLASSIC + CLOSERS + "&<")
_BRACKETS = frozenset(OPENERS + CLOSERS) - frozenset(BLANKS)
BEHIND = "".join(c for c in AROUND if c not in ".!?…。")
"""What may end a message. A full stop may not: an error ends in it, and is no message."""

_BEFORE_SIGN = "".join(c for c in AROUND if c not in "+-<")
SEPARATORS = tuple(",;:|=/#~")
_NUMERAL_CHARACTERS = DIGITS + "._eE+-"
NO_INTEGER = re.compile(r"[+-]?(?:[.]\d|\d+(?:[._]\d|[eE][+-]?\d))[\d._]*")


class Span(NamedTuple):
    start: int
    end: int


_Found = tuple[Span, Span]
"""Where the name is, and where the number."""


def unpaired(around: str) -> str:
    """`around` without its blanks, and without its brackets and quotes that are in pairs."""
    open_: list[str] = []
    for mark in around:
        if open_ and CLOSING.get(open_[-1]) == mark:
            open_.pop()
        elif mark not in BLANKS:
            open_.append(mark)
    return "".join(open_)


def has_sign(before: str) -> bool:
    """Whether what is `before` digits ends in their sign.

    ``Ann,-5`` is minus five and ``Ann-5`` is five: a blank or a separator comes before a sign.
    """
    return before[-1:] in ("+", "-") and (len(before) == 1 or before[-2] in _BEFORE_SIGN)


def plain_start(text: str, end: int) -> int:
    """Where a name begins in the punctuation up to `end` that `text` begins with.

    Openers are not part of it, nor is a mark that `text` ends in as well: ``|Ann|42|``.
    """
    last = text.rstrip(BLANKS)[-1:]
    for start, character in enumerate(text[:end]):
        if character not in OPENERS and character != last:
            return start
    return end


def fit(text: str, name: Span, number: Span) -> Span:
    """`name` with the brackets and quotes of its own: those without a partner outside.

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
        if index == end and _is_open(text[start:end], character):
            end += 1
        elif unmatched and CLOSING[text[unmatched[-1]]] == character:
            unmatched.pop()
        elif index == end and character in QUOTES and character in text[start:end]:
            end += 1
        elif character in CLOSING:
            unmatched.append(index)
    own = [index for index in unmatched if index < start and (name < number or index >= number.end)]
    return Span(min(own, default=start), end)


def quoted_end(text: str, start: int) -> int:
    """Where the quoted text from `start` on ends; 0 if it has no opening or closing quote."""
    quote = text[start - 1 : start]
    if not quote or quote not in QUOTES:
        return 0
    found = _QUOTED[quote].match(text, start)
    return found.end() if found else 0


def own_end(text: str, start: int, end: int) -> int:
    """Where a name ends if `end` is followed by its own closing brackets or its full stop.

    The one in ``Davis Jr.,42`` is its own: a separator, blank or quote is behind it.
    """
    while _is_open(text[start:end], text[end : end + 1]):
        end += 1
    return end + (text[end : end + 1] == "." and text[end + 1 : end + 2] in _BEHIND_STOP)


def _is_open(text: str, closer: str) -> bool:
    """Whether `closer` is a bracket that closes one in `text`."""
    opener = _OPENING.get(closer)
    return opener is not None and text.count(opener) > text.count(closer)


def check_numeral(text: str, end: int) -> None:
    """Raise `Malformed` if what is before `end` is a number, but not an integer."""
    start = len(text[:end].rstrip(_NUMERAL_CHARACTERS))
    field = text[start:end]
    if NO_INTEGER.fullmatch(field) and not text[:start][-1:].isalnum():
        raise Malformed(f"'{shorten(field)}' is not an integer", Reason.NO_INTEGER)
