"""Labels: the words in a text that say what stands behind them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from .marks import AROUND, BLANKS, CLOSING, OPENERS, QUOTES, Span, own_end, quoted_end
from .words import Kind, kind_of, party_of, says_whose

_DELIMITER = re.compile(r"[:=]+>?|>(?![ \t]*<)")
_LAST_WORD = re.compile(r"""(?<!\w)([^\W\d_](?:[\w-]|['\u2019](?=\w))*)["'`]?[ \t]*\Z""")
_ENDS = {">": "<", "=": "&"}
"""What ends a value in XML, and one that is urlencoded."""

_LONGEST_LABEL = 40
_MOST_LABELS = 32


class Label(NamedTuple):
    """A word and the ``:``, ``=`` or ``>`` behind it; its value begins at `end`."""

    kind: Kind | None
    start: int
    end: int


def labels_in(text: str) -> Iterator[Label]:
    """The labels in `text`, from left to right."""
    for found in islice(_DELIMITER.finditer(text), _MOST_LABELS):
        start = _label_start(text, found.start())
        is_tag = found[0] == ">"
        if start < found.start() and (not is_tag or text[start - 1 : start] == "<"):
            yield Label(kind_of(text[start : found.start()]), start, found.end())


def _label_start(text: str, end: int) -> int:
    """Where the label before `end` begins, its owner included; `end` if there is none.

    All of ``Client's number`` is a label, but only ``number`` of ``Ann number``.
    """
    start = end
    first = max(0, end - _LONGEST_LABEL)
    while word := _LAST_WORD.search(text[first:start]):
        if start < end and not says_whose(word[1]):
            break
        start -= len(word[0])
    return start


def label_before(text: str, number_start: int) -> int:
    """Where the name before a number ends; the number may have a label of its own."""
    end = len(text[:number_start].rstrip(AROUND))
    if not text[end:number_start].lstrip(BLANKS + QUOTES).startswith((":", "=")):
        return end
    start = _label_start(text, end)
    if kind_of(text[start:end]) is not Kind.NUMBER:
        return end
    return len(text[:start].rstrip(AROUND))


def label_at(text: str, start: int, kind: Kind) -> int:
    """Where the value of the label of `kind` at `start` begins; 0 if there is no such label."""
    found = _DELIMITER.search(text, start, start + _LONGEST_LABEL)
    if not found or kind_of(text[start : found.start()]) is not kind:
        return 0
    return len(text) - len(text[found.end() :].lstrip(OPENERS))


def may_have_labels(text: str) -> bool:
    return ":" in text or "=" in text or "</" in text


def value_at(text: str, start: int, end: int) -> Span:
    """The value from `start` to `end`, without marks around it."""
    start = end - len(text[start:end].lstrip(OPENERS))
    before = text[start - 1]
    closing = quoted_end(text, start) or -1
    if before not in QUOTES:
        closing = text.find(_ENDS.get(before) or CLOSING.get(before, "\n"), start, end)
    if 0 <= closing <= end:
        return Span(start, start + len(text[start:closing].rstrip(BLANKS)))
    return Span(start, min(end, own_end(text, start, start + len(text[start:end].rstrip(AROUND)))))


class Labelled(NamedTuple):
    """A value with a label: its party, ``client``, ``server`` or None, its kind and its text."""

    party: str | None
    kind: Kind | None
    text: str


def labelled(text: str) -> list[Labelled]:
    """All values with a label in `text`; at the latest, a value ends at the next label."""
    labels = list(labels_in(text))
    starts = [*(label.start for label in labels), len(text)]
    return [
        Labelled(
            party_of(text[label.start : label.end]),
            label.kind,
            text[slice(*value_at(text, label.end, min(at for at in starts if at >= label.end)))],
        )
        for label in labels
    ]
