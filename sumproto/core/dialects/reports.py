"""Errors that a server reports in a line of text: none is a message, whatever it says. Pure.

An error quotes what came, so that there may be a name and a number in it.
"""

from __future__ import annotations

import re

from ..message import ReportedError

_START = "ERROR "
_BEGUN = re.compile(r"ERROR [a-z-]+: ")
_ERROR = re.compile(r"ERROR ([a-z-]+): (.*)\.")


def is_report(line: str) -> bool:
    """Whether `line` begins as an error does; the rest of it may still be on its way."""
    return line.startswith(_START) and bool(_BEGUN.match(line))


def check_no_report(text: str) -> None:
    """Raise `ReportedError` if `text`, without its newline, is an error of the peer."""
    if text.startswith(_START) and (reported := _ERROR.fullmatch(text)):
        raise ReportedError(*reported.groups())
