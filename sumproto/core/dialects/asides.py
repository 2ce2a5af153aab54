"""Asides: what a reply says beside the server's name and number, the sum and the client's. Pure.

The exercise has a server tell its name and number, but many tell all that they print. What has a
label that says so is cut out, and the rest is read like any other reply. What has no label `sums`
knows by its value.
"""

from __future__ import annotations

import re

from .reports import is_report

# ruff: noqa: RUF001 - the apostrophe of typography is meant

# All repeats are bounded, or a hostile server could make them cost much.
_GAP = r"[ \t]{0,4}"
_INTEGER = r"""["']?[+-]?[0-9]+(?![0-9.]*[0-9])["']?"""
_IS = rf"""["']?{_GAP}(?:is\b|are\b|[:=]+>?|->){_GAP}"""
_SUM = (
    r"(?:[\w'’-]{0,20}(?<![A-Za-z]))?(?:sum|total|result)"
    rf"(?:{_IS}|[ \t]{{1,4}}|[ \t]{{1,4}}of\b[^:=\n]{{0,40}}?{_IS}){_INTEGER}"
)
_CLIENTS = r"(?:client(?:['’]?s)?|your)[ \t_-]{0,4}"
_CLIENTS_NUMBER = rf"{_CLIENTS}(?:number|integer|num|int|value|no|nr){_IS}{_INTEGER}"
_CLIENTS_NAME = (
    rf"{_CLIENTS}name{_IS}[^,;|&\r\n]{{0,100}}?"
    r"(?=[,;|&\r\n]|[ \t]{1,2}(?:server|your)\b|\Z)"
)

_ASIDE = re.compile(
    rf"""(?P<before>[,;|&(]?{_GAP})(?<![A-Za-z])(?:the[ \t])?["']?"""
    rf"""(?:{_SUM}|{_CLIENTS_NUMBER}|{_CLIENTS_NAME})(?P<behind>[)]?{_GAP}[,;|&.]?{_GAP})""",
    re.IGNORECASE,
)
_MAY_BE_ASIDE = re.compile(r"sum|total|result|client|your", re.IGNORECASE)
_LINE = re.compile(r"[^\n]*\n?")
_NEWLINE = re.compile(r"[\r\n]*\Z")
_BLANK = " \t,;|&\r\n"


def cut_asides(text: str) -> str:
    """The lines of `text` without what has a label of the sum or of the client's name and number.

    A line of which nothing is left is left out.
    """
    if not _MAY_BE_ASIDE.search(text):
        return text
    return "".join(map(_cut_line, _LINE.findall(text)))


def _cut_line(line: str) -> str:
    if is_report(line):
        return line
    cut = _ASIDE.sub(lambda found: found["before"] if found["behind"] else "", line)
    if cut == line:
        return line
    newline = _NEWLINE.search(line)
    assert newline
    rest = cut.strip(_BLANK)
    return rest + newline[0] if rest else ""
