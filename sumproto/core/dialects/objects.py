"""Objects and lists, of JSON or as Python prints them, and where the two are in them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..message import INTEGER, Malformed, Message, Reason, ReportedError, parse_name, parse_number
from .notation import Coding, Notation
from .reading import read
from .words import Kind, as_server, kind_of

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:([][{}(),:])|("[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')"""
    r"""|([^][ \t\r\n{}(),:"']+))""",
    re.S,
)
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_BEGINNING = re.compile(r"""\{|\[[ \t\r\n]*["[{]""")
"""An object; or a list of JSON, in which a string or a bracket is first."""

_SCALAR = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?|true|false|null|True|False|None")
_ESCAPED = re.compile(r"\\(.)", re.S)

_NO_MESSAGE = "it is no object or list of a name and a number"


class Leaf(NamedTuple):
    """A value that holds no others: where it is, and where the keys are that lead to it."""

    value: str | int | None
    """A string, an integer, or None for what is neither."""
    start: int
    end: int
    keys: tuple[tuple[int, int], ...]


Found = tuple[Message, Notation, str | None]
"""A message, what is around it, and the id that came with it, as JSON."""


def read_any(text: str, *, glued: bool = False) -> Found | None:
    """The message that is `text`, an object, a list or neither; None if there is no message.

    With no quotes around its name it is read as text, whatever its brackets: ``[Ann, 42]``. `glued`
    and the errors are as for `read` and `read_structure`.
    """
    if _BEGINNING.match(text):
        try:
            return read_structure(text)
        except ReportedError:
            raise
        except Malformed:
            found = None if '"' in text else read(text)
            if not found:
                raise
    else:
        found = read(text, glued=glued)
    return (*found, None) if found else None


def read_structure(text: str) -> Found:
    """The message that is `text`, from a bracket to the one that closes it, and its id as JSON.

    The name is the only string, or else the only one whose key says so; the number is the only
    integer likewise, and if there is none, a string of digits. Raises `Malformed` if either is
    missing, and `ReportedError` for an error of the peer.
    """
    leaves = leaves_of(text)
    _check_no_report(text, leaves)
    strings = [leaf for leaf in leaves if isinstance(leaf.value, str)]
    number = _choose(text, [leaf for leaf in leaves if isinstance(leaf.value, int)], Kind.NUMBER)
    if number is None:
        digits = [leaf for leaf in strings if INTEGER.fullmatch(str(leaf.value))]
        number = _choose(text, digits, Kind.NUMBER)
        strings = [leaf for leaf in strings if leaf is not number]
    name = _choose(text, strings, Kind.NAME)
    if number is None:
        for leaf in leaves:
            if leaf.value is None:
                parse_number(text[leaf.start : leaf.end])
        raise Malformed("which integer is the number does not show", Reason.STRUCTURE)
    if name is None:
        raise Malformed("which string is the name does not show", Reason.STRUCTURE)
    message = Message(parse_name(str(name.value)), parse_number(str(number.value)))
    ids = [leaf for leaf in leaves if _key(text, leaf) == "id" and leaf not in (name, number)]
    id_ = json.dumps(ids[0].value) if ids and ids[0].value is not None else None
    return message, _notation(text, name, number), id_


def _choose(text: str, leaves: Sequence[Leaf], kind: Kind) -> Leaf | None:
    """The one of `leaves` that is the name or the number, as `kind` says; None if unclear."""
    if len(leaves) > 1:
        aside = [leaf for leaf in leaves if not _is_aside(_key(text, leaf))]
        leaves = (
            aside
            if len(aside) == 1
            else [leaf for leaf in leaves if kind_of(_key(text, leaf)) is kind]
        )
    return leaves[0] if len(leaves) == 1 else None


def _is_aside(key: str) -> bool:
    """Whether a value with this key is passed over if there is another one."""
    return key == "id" or kind_of(key) is Kind.SUM


def _key(text: str, leaf: Leaf) -> str:
    """The innermost key that leads to `leaf`; "" if it is in lists alone."""
    return text[slice(*leaf.keys[-1])][1:-1] if leaf.keys else ""


def _notation(text: str, name: Leaf, number: Leaf) -> Notation:
    """What is around `name` and `number`, with their keys as a server writes them."""
    coding = Coding.JSON
    if text[name.start] == "'":
        coding = Coding.QUOTED
        name = name._replace(start=name.start + 1, end=name.end - 1)
    if isinstance(number.value, str):
        number = number._replace(start=number.start + 1, end=number.end - 1)
    first, second = sorted([name, number], key=lambda leaf: leaf.start)
    keys = sorted({*name.keys, *number.keys})

    def between(start: int, end: int) -> str:
        pieces = []
        for key_start, key_end in keys:
            if start <= key_start < end:
                pieces += [text[start:key_start], as_server(text[key_start:key_end])]
                start = key_end
        return "".join(pieces) + text[start:end]

    return Notation(
        between(0, first.start),
        between(first.end, second.start),
        between(second.end, len(text)),
        first is number,
        coding,
    )


def _check_no_report(text: str, leaves: Sequence[Leaf]) -> None:
    """Raise `ReportedError` if `text` reports an error."""
    values = {_key(text, leaf): leaf.value for leaf in leaves if len(leaf.keys) == 1}
    if isinstance(values.get("error"), str):
        detail, hint = (str(values.get(key) or "") for key in ("detail", "hint"))
        raise ReportedError(
            str(values["error"]), f"{detail}. {hint}".rstrip(".") if hint else detail
        )


def leaves_of(text: str) -> list[Leaf]:
    """All values in `text` that hold no others. Raises `Malformed` if it is no whole structure."""
    scanner = _Scanner(text)
    end = 0
    while end < len(text):
        found = _TOKEN.match(text, end)
        if not found:
            raise Malformed(_NO_MESSAGE, Reason.STRUCTURE)
        end = found.end()
        mark, string, other = found.groups()
        if mark:
            scanner.take_mark(mark)
        else:
            scanner.take_token(string or other, found.span(2 if string else 3))
    return scanner.finish()


_Keys = tuple[tuple[int, int], ...]


class _Around(NamedTuple):
    """An open bracket: what closes it, the keys that lead to it, and the keys seen in it."""

    closer: str
    keys: _Keys
    seen: set[str]


class _Scanner:
    """Reads the tokens of a structure, one after the other: a table of what may come next.

    | wanted | comes | then wanted |
    |---|---|---|
    | value, first value | a token | comma |
    | value, first value | an opening bracket | first key or first value |
    | key, first key | a string | colon |
    | colon | ``:`` | value |
    | comma | ``,`` | key or value |
    | comma, first key, first value | the closing bracket | comma |
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._leaves: list[Leaf] = []
        self._around: list[_Around] = []
        self._keys: _Keys = ()
        self._wanted = "value"

    def take_mark(self, mark: str) -> None:
        """A bracket, a comma or a colon is next."""
        around = self._around
        if mark in _CLOSING and self._wanted in ("value", "first value"):
            around.append(_Around(_CLOSING[mark], self._keys, set()))
            self._wanted = "first key" if mark == "{" else "first value"
        elif around and mark == around[-1].closer and self._wanted in _BEFORE_CLOSER:
            around.pop()
            self._wanted = "comma"
        elif around and mark == "," and self._wanted == "comma":
            self._keys = around[-1].keys
            self._wanted = "key" if around[-1].closer == "}" else "value"
        elif mark == ":" and self._wanted == "colon":
            self._wanted = "value"
        else:
            raise Malformed(_NO_MESSAGE, Reason.STRUCTURE)

    def take_token(self, token: str, span: tuple[int, int]) -> None:
        """A string or another value is next."""
        if self._wanted in ("value", "first value"):
            self._leaves.append(Leaf(_value(token), *span, self._keys))
            self._wanted = "comma"
        elif self._wanted in ("key", "first key") and token[0] in "\"'":
            around = self._around[-1]
            if token in around.seen:
                raise Malformed("a key is in it twice", Reason.STRUCTURE)
            around.seen.add(token)
            self._keys = (*around.keys, span)
            self._wanted = "colon"
        else:
            raise Malformed(_NO_MESSAGE, Reason.STRUCTURE)

    def finish(self) -> list[Leaf]:
        """What was found, if it is whole."""
        if self._around or self._wanted != "comma":
            raise Malformed(_NO_MESSAGE, Reason.STRUCTURE)
        return self._leaves


_BEFORE_CLOSER = ("comma", "first key", "first value")


def _value(token: str) -> str | int | None:
    """What the token of a leaf stands for."""
    if token[0] == "'":
        return _ESCAPED.sub(r"\1", token[1:-1])
    if token[0] == '"':
        try:
            return str(json.loads(token))
        except ValueError:
            raise Malformed(_NO_MESSAGE, Reason.STRUCTURE) from None
    if INTEGER.fullmatch(token):
        return parse_number(token)
    if not _SCALAR.fullmatch(token):
        raise Malformed(_NO_MESSAGE, Reason.STRUCTURE)
    return None
