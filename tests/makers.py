"""Dialects made from what is between and around, in the words of the tests."""

from __future__ import annotations

from sumproto.core.dialects.envelopes import Line
from sumproto.core.dialects.notation import Coding, Notation
from sumproto.core.dialects.records import Record
from sumproto.core.dialects.text import TEXT_RECORD, Text, separated


def two_lines(between: str, newline: str) -> Text:
    """A name and a number on a line each, with the newline `between` them."""
    return separated(between, newline)


def text_record(separator: str) -> Text:
    """Text with `separator` behind its length."""
    return Text(Notation("", separator, ""), TEXT_RECORD)


def record() -> Record:
    """A length, a name and a number."""
    return Record(TEXT_RECORD)


def json_object(around: tuple[str, str, str], number_first: bool, newline: str) -> Text:
    """A JSON object with `around` before, between and behind its two values."""
    return Text(Notation(*around, number_first, Coding.JSON), Line(newline))


__all__ = ["json_object", "record", "separated", "text_record", "two_lines"]
