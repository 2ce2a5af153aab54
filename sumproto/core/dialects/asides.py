"""Asides: the sum, and the client's name and number, where a reply has them, too. Pure.

The exercise has a server tell its name and number, but many tell all that they print. An aside with
a label is cut out, and the rest is read like any other reply. `sums` finds one without a label, by
its value.
"""

from __future__ import annotations

import re

from .reports import is_report

# ruff: noqa: RUF001 - the apostrophe of typography is meant

# All repeats are bounded, or a hostile server could make them cost much.
_GAP = r"[ \t]{0,4}"
_INTEGER = r"""["']?[+-]?[0-9]{1,64}(?![0-9.]{0,64}[0-9])["']?"""
_IS = rf"""["']?{_GAP}(?:is\b|are\b|[:=]+>?|->){_GAP}"""
_SUM = (
    r"(?:[\w'’-]{0,20}(?<![A-Za-z]))?(?:sum|total|result)"
    rf"(?:{_IS}|[ \t]{{1,4}}|[ \t]{{1,4}}of\b[^:=\n]{{0,40}}?{_IS}){_INTEGER}"
)
_CLIENTS = r"(?:client(?:['’]?s)?|your)[ \t_-]{0,4}"
_CLIENTS_NUMBER = rf"{_CLIENTS}(?:number|integer|num|int|value|no|nr){_IS}{_INTEGER}"
_CLIENTS_OWN = rf"(?:client|you[ \t]sent|number[ \t]received|received){_IS}{_INTEGER}"
_CLIENTS_NAME = (
    rf"{_CLIENTS}name{_IS}[^,;|&\r\n]{{0,100}}?"
    r"(?=[,;|&\r\n]|[ \t]{1,2}(?:server|your)\b|\Z)"
)

_ASIDE = re.compile(
    rf"""(?P<before>[,;|&(]?{_GAP})(?<![A-Za-z])(?:the[ \t])?["']?"""
    rf"""(?:{_SUM}|{_CLIENTS_NUMBER}|{_CLIENTS_OWN}|{_CLIENTS_NAME})(?P<behind>[)]?{_GAP}[,;|&.]?{_GAP})""",
    re.IGNORECASE,
)
_MAY_BE_ASIDE = re.compile(r"sum|total|result|client|you|received", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*\n?")
_NEWLINE = re.compile(r"[\r\n]*\Z")
_BLANK = " \t,;|&\r\n"

_LONGEST_LINE = 512
"""Characters of a line that has asides; to look for them costs much, and a line may have 1024."""


def cut_asides(text: str) -> str:
    """`text` without anything labelled as the sum, or as the client's name or number.

    A line that this empties is left out.
    """
    if not _MAY_BE_ASIDE.search(text):
        return text
    return "".join(map(_cut_line, _LINE.findall(text)))


def _instead(found: re.Match[str]) -> str:
    """What is left of an aside: the mark before it, if there is more behind it."""
    in_brackets = found["before"].startswith("(") and ")" in found["behind"]
    return found["before"] if found["behind"] and not in_brackets else ""


def _cut_line(line: str) -> str:
    if is_report(line) or len(line) > _LONGEST_LINE:
        return line
    cut = _ASIDE.sub(_instead, line)
    if cut == line:
        return line
    newline = _NEWLINE.search(line)
    assert newline
    rest = cut.strip(_BLANK)
    return rest + newline[0] if rest else ""
