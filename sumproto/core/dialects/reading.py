"""Reading: where in a text the one name and the one number are. Pure."""

from __future__ import annotations

import re
from contextlib import suppress

from ..message import (
    Malformed,
    Message,
    Reason,
    parse_name,
    parse_number,
    read_integer,
    shorten,
)
from .credible import Width, check_credible
from .labels import label_at, label_before, labels_in, may_have_labels, value_at
from .marks import (
    AROUND,
    BEHIND,
    BLANKS,
    CLASSIC,
    CLOSERS,
    DIGITS,
    NO_INTEGER,
    QUOTES,
    USUAL,
    Span,
    check_numeral,
    fit,
    has_sign,
    own_end,
    plain_start,
    quoted_end,
    unpaired,
)
from .notation import Coding, Notation, Read, decode_name
from .reports import check_no_report, is_report
from .words import Kind, as_server, is_no_name

_CLASSIC = ("", *CLASSIC)
_SIMPLE = re.compile(r"([^\W\d_]+(?: [^\W\d_]+)*)([ \t]*[,;|][ \t]*|[ \t]+)([0-9]+)")
_ARROW = re.compile("<?[-=~]+>|:=+")
_DIGIT = re.compile("[0-9]")
_FIELD = re.compile(r"""[,;:|=&/+*(\[{<"'\\\t][ \t]{0,4}([+-]?[0-9]{1,9})(?![^\W_])""")
_NUMBER_FIRST = re.compile(r"[ \t]*[+-]?[0-9]+[ \t,;:|]")

# The end of the first line of a request: a web page may choose what is before it, ``101 /``, say.
_HTTP = re.compile(r"[ \t]HTTP/[0-9.]+[ \t]*\Z", re.IGNORECASE)

_Found = tuple[Span, Span]
"""Where the name is, and where the number."""


def read(text: str, *, glued: bool = False, least: Width = Width.LABELLED) -> Read | None:
    """The message that is `text`; None if there are no name and number in it.

    With `glued`, there need be nothing between a name and the number behind it. The name is checked
    as in a way of the width `least` or wider. Raises `Malformed` if the number in its place is no
    integer, and `ReportedError` for an error of the peer.
    """
    check_no_report(text)
    if is_report(text) or not _DIGIT.search(text) or text.strip(BLANKS).isdigit():
        return None
    if simple := _SIMPLE.fullmatch(text):
        width = Width.COMMA if "," in simple[2] else Width.CLASSIC
        return make_simple(simple[1], simple[2], simple[3], max(least, width))
    if "/" in text and _HTTP.search(text):
        raise Malformed("this is HTTP", Reason.PROTOCOL)
    if may_have_labels(text) and (found := _find_labelled(text)):
        return make(text, *found, Width.LABELLED)
    if found := _find(text):
        return make(text, *found, least=least)
    if glued and (found := _find_glued(text)):
        return make(text, *found, Width.GLUED)
    return None


def make_simple(
    name: str, between: str, digits: str, width: Width, number_first: bool = False
) -> Read:
    """The message of letters and blanks, a separator and digits, made with less effort."""
    message = Message(parse_name(name), read_integer(digits))
    if is_no_name(name):
        raise Malformed(f"'{name}' is no name", Reason.NO_NAME)
    check_credible(name, message.number, len(digits), width)
    return message, Notation("", between, "", number_first)


def split_numbers(message: Message, notation: Notation) -> tuple[str, list[int]]:
    """The name of `message` without numbers that are fields of their own, and these numbers.

    ``Ann,42,0`` is read as 0 from ``Ann,42``, but may mean 42: this gives ``Ann`` and 42. Those at
    the end come first, from the last on, then those at the start.
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


def split_fields(message: Message, notation: Notation) -> tuple[str, list[int]]:
    """What `split_numbers` gives, with the numbers behind any mark that parts fields.

    ``Ann,42 0`` may mean 42, too: this gives ``Ann`` and 42.
    """
    name, numbers = split_numbers(message, notation)
    if notation.coding in (Coding.PLAIN, Coding.QUOTED) and (found := _FIELD.search(name)):
        numbers += map(int, _FIELD.findall(name))
        name = name[: found.start()].rstrip(AROUND)
    return name, numbers


def _digits_at_end(name: str, beside: str) -> str:
    """The digits at the end of `name`, if one of `beside` is before them."""
    rest = name.rstrip(DIGITS)
    before = rest if beside == BLANKS else rest.rstrip(BLANKS)
    return name[len(rest) :] if before[-1:] and before[-1] in beside else ""


def _width(before: str, between: str, behind: str, number_first: bool) -> Width:
    """The width of the way in which a text is written."""
    separator = between.strip(BLANKS)
    if separator in _CLASSIC and not before and behind.strip(BLANKS) in ("", separator):
        if number_first:
            return Width.NUMBER_FIRST
        return Width.COMMA if separator == "," else Width.CLASSIC
    if _ARROW.fullmatch(separator):
        separator = ""
    elif separator[-1:] in CLASSIC:
        separator = separator[:-1] or separator
    marks = set(unpaired(before + behind)) | set(separator)
    if not marks.issubset(USUAL):  # quotes and brackets around the two, not around all
        marks = set(unpaired(f"{before}{separator}{behind}"))
    if any(map(str.isalpha, marks)):  # a label
        return Width.PUNCTUATION
    is_usual = not number_first and len(marks) <= 1 and marks.issubset(USUAL)
    return Width.PUNCTUATION if is_usual else Width.UNUSUAL


def make(
    text: str, name: Span, number: Span, width: Width | None = None, least: Width = Width.LABELLED
) -> Read:
    """The message with its name and number at these places of `text`, and all around them.

    `width` is that of the way it is written. If None, `text` shows it; it is at least `least`.
    """
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
        written = decode_name(written, coding)
    message = Message(parse_name(written), parse_number(text[number.start : number.end]))
    if is_no_name(message.name):
        raise Malformed(f"'{shorten(message.name)}' is no name", Reason.NO_NAME)
    if width is None:
        width = _width(before, between, behind, number_first)
        if quoted_end(text, name.start) == name.end:
            width = min(width, Width.CLASSIC)
        width = max(least, width)
    around = as_server(before), as_server(between), as_server(behind)
    notation = Notation(*around, number_first, coding)
    name_alone, _ = split_fields(message, notation)
    if any(map(str.isalpha, message.name[len(name_alone) :])):
        name_alone, _ = split_numbers(message, notation)
    check_credible(name_alone, message.number, number.end - number.start, width)
    return message, notation


def _coding(text: str, name: Span, written: str) -> Coding:
    """The coding of the name `written` at `name`, shown by the character before it."""
    before = text[name.start - 1] if name.start else " "
    if before in QUOTES:
        return Coding.QUOTED
    if before == ">" and "</" in text:
        return Coding.XML
    if before == "=" and "&" in text and " " not in written:
        return Coding.PERCENT if "%20" in written else Coding.PLUS
    return Coding.PLAIN


def _find(text: str) -> _Found | None:
    """The two in a text with no labels."""
    if _NUMBER_FIRST.match(text):
        with suppress(Malformed):
            found = _find_name_first(text)
            if found and _is_divided(text[found[0].end : found[1].start]):
                return found
        return _find_number_first(text)
    return _find_name_first(text) or _find_number_first(text)


def _is_divided(between: str) -> bool:
    """Whether `between` ends in a blank or in a separator that most programs write."""
    return between[-1:] in BLANKS or between[-1:] in CLASSIC


def _find_name_first(text: str) -> _Found | None:
    """``Client of Ann,42``: blanks or punctuation between the two, and perhaps around them."""
    end = len(text.rstrip(BEHIND))
    start = len(text[:end].rstrip(DIGITS))
    if start == end:
        return None
    number = Span(start - has_sign(text[:start]), end)
    name_end = label_before(text, number.start)
    name_start = len(text) - len(text.lstrip(AROUND))
    if name_start < (labelled := label_at(text, name_start, Kind.NAME)) < name_end:
        name_start = labelled
    else:
        name_start = plain_start(text, name_start)
    if name_start >= name_end or name_end == number.start:
        return None
    closing = quoted_end(text, name_start)
    if name_start < closing <= number.start and not text[closing : number.start].strip(AROUND):
        name = Span(name_start, closing)
    else:
        name = fit(text, Span(name_start, name_end), number)
        name = Span(name.start, own_end(text, *name))
    if name.end == number.start:
        return None
    check_numeral(text, end)
    return name, number


def _find_number_first(text: str) -> _Found | None:
    """``42,Client of Ann``, in the same ways."""
    start = len(text) - len(text.lstrip(AROUND))
    start = label_at(text, start, Kind.NUMBER) or start
    end = len(text) - len(text[start:].lstrip(DIGITS))
    if start == end:
        return None
    number = Span(start - has_sign(text[:start]), end)
    if not label_at(text, 0, Kind.NUMBER) and plain_start(text, number.start) < number.start:
        return None
    name_start = len(text) - len(text[end:].lstrip(AROUND))
    if name_start == end:
        return None
    between = text[end:name_start]
    name_start = label_at(text, name_start, Kind.NAME) or name_start
    name_end = len(text.rstrip(BLANKS))
    while name_end > name_start and text[name_end - 1] in between and text[name_end - 1] in BEHIND:
        name_end -= 1
    name_end = len(text[:name_end].rstrip(CLOSERS))
    if name_start >= name_end:
        return None
    numeral = NO_INTEGER.match(text, number.start)
    if numeral and not text[numeral.end() : numeral.end() + 1].isalpha():
        raise Malformed(f"'{shorten(numeral[0])}' is not an integer", Reason.NO_INTEGER)
    closing = quoted_end(text, name_start)
    if closing > name_start and not text[closing:].strip(AROUND):
        name = Span(name_start, closing)
    else:
        name = fit(text, Span(name_start, name_end), number)
    return (name, number) if name.start > number.end else None


def _find_glued(text: str) -> _Found | None:
    """``Client of Ann42``, with nothing between."""
    start = len(text.rstrip(DIGITS))
    if start == len(text) or not text[:start][-1:].isalpha():
        return None
    check_numeral(text, len(text))
    return Span(0, start), Span(start, len(text))


def _find_labelled(text: str) -> _Found | None:
    """``Name: Ann, Number: 42``: both with a label, in either order, and perhaps among others."""
    labels = list(labels_in(text))
    names = [label for label in labels if label.kind is Kind.NAME]
    numbers = [label for label in labels if label.kind is Kind.NUMBER]
    if len(names) != 1 or len(numbers) != 1:
        return None
    starts = [*(label.start for label in labels), len(text)]
    name, number = (
        value_at(text, label.end, min(start for start in starts if start >= label.end))
        for label in (names[0], numbers[0])
    )
    return (name, number) if name.start < name.end and number.start < number.end else None
