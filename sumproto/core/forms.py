"""Forms: how a client writes its requests, and the options that ask for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .dialects import DIALECTS, WITHOUT_NEWLINE, Dialect, Text, reads_back
from .dialects.envelopes import Line
from .dialects.notation import Coding, Notation
from .dialects.text import NEWLINES
from .message import Message, MessageError, escape, in_range

AUTO = "auto"
"""The label for the first dialect that the server understands."""

COMMA = "comma"
"""The dialect that most servers understand."""

_OFTEN = (COMMA, "space", "pipe", "semicolon", "json", "colon", "two-lines", "record")
"""The dialects that servers speak often, the most frequent first."""

_LABELS = r"Name: {name}\nNumber: {number}"
"""The template with a label on each of two lines, which has no name as a dialect."""

_FIELD = re.compile(r"\{(name|number)\}")
_NEWLINE = re.compile(r"\r?\n|\r")
_ESCAPE = re.compile(r"\\([nrt\\])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


class Form(NamedTuple):
    """A way to write requests."""

    name: str
    """What people call it, such as ``comma with no newline``."""
    options: str
    """The options of ``sumclient`` that ask for it, such as ``--dialect comma --unterminated``."""
    dialect: Dialect


def make_forms(newline: str) -> tuple[Form, ...]:
    """All that a server may understand, in the order in which they are to be tried.

    `newline` ends those that can have one; "" is for none.
    """
    seldom = [label for label in DIALECTS if label not in _OFTEN]
    forms = [make_form(label, newline) for label in _OFTEN]
    if newline:
        forms.append(make_form(COMMA, ""))
    forms += [make_form(label, newline) for label in seldom]
    labels = make_template(_LABELS, newline)
    options = f"--template '{_LABELS}'" + ("" if newline else " --unterminated")
    return (*forms, labels._replace(name="labels on two lines", options=options))


def make_form(label: str, newline: str, separator: str | None = None) -> Form:
    """The form of the dialect `label` with `newline`, and `separator` in place of its own.

    Raises `ValueError` if the dialect has no separator.
    """
    dialect = DIALECTS[label](newline)
    without = "" if newline or label in WITHOUT_NEWLINE else " with no newline"
    options = f"--dialect {label}" + (" --unterminated" if without else "")
    if separator is not None:
        if not isinstance(dialect, Text) or not _has_separator(dialect.notation):
            raise ValueError(f"--separator: there is none in the dialect {label}")
        notation = dialect.notation._replace(between=_unescape(separator))
        dialect = Text(notation, dialect.envelope)
    return Form(label + without, options, dialect)


def make_template(template: str, newline: str) -> Form:
    r"""The form of ``--template``: ``{name}`` and ``{number}`` in a text, and `newline`.

    ``\n``, ``\r`` and ``\t`` are a newline, a CR and a tab, ``\\`` is a backslash. If there is a
    newline within the text, the one at its end is the same. Raises `ValueError` unless each field
    is there once.
    """
    pieces = _FIELD.split(template)
    if sorted(pieces[1::2]) != ["name", "number"]:
        raise ValueError("--template: {name} and {number} have to be in it, each of them once")
    before, between, behind = map(_unescape, pieces[::2])
    if newline and (own := _NEWLINE.search(f"{before} {between} {behind}")):
        newline = own[0]
    notation = Notation(before, between, behind, number_first=pieces[1] == "number")
    return Form("the template", "--template", Text(notation, Line(newline)))


def choose_forms(
    requests: Sequence[Message],
    newline: str,
    label: str = AUTO,
    separator: str | None = None,
    template: str | None = None,
) -> Sequence[Form]:
    """The forms in which `requests` may be written, in the order in which they are to be tried.

    `label` is a dialect or `AUTO`. With `AUTO` there are several, but one alone if there is a
    `separator` or a `template`, or if the first number is out of range: that asks the server to
    stop, so there is no second try with it. Raises `ValueError` if what is asked for does not go
    together, or if a server would read something else.
    """
    if template is not None:
        if label != AUTO or separator is not None:
            raise ValueError("--template goes without --dialect and --separator")
        return [make_template(template, newline)]
    if label == AUTO and separator is None:
        forms = make_forms(newline)
        if clear := [form for form in forms if not _why_unclear(form, requests)]:
            return clear if in_range(requests[0].number) else clear[:1]
        form = forms[0]
    else:
        label = COMMA if label == AUTO else label
        if not newline and label in WITHOUT_NEWLINE:
            raise ValueError(f"--unterminated: a {label} has no newline anyway")
        form = make_form(label, newline, separator)
    if why := _why_unclear(form, requests):
        if separator is not None:
            why = f"--separator: with '{escape(separator)}', the message would be misread"
        raise ValueError(why)
    return [form]


def ends_in_newline(dialect: Dialect) -> bool:
    """Whether a newline ends the messages of `dialect`."""
    if not isinstance(dialect, Text):
        return False
    return isinstance(dialect.envelope, Line) and dialect.envelope.newline != ""


def _why_unclear(form: Form, requests: Sequence[Message]) -> str | None:
    """Why a server would not read all `requests` in `form` as they are meant; None if it does."""
    try:
        clear = all(reads_back(request, form.dialect) for request in requests)
    except MessageError as wrong:
        return str(wrong)
    return None if clear else f"in the dialect {form.name}, the name would be misread"


def _has_separator(notation: Notation) -> bool:
    return notation.coding is Coding.PLAIN and notation.between not in NEWLINES


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text)
