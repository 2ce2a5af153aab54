"""JSON: an object with a name and a number, under whatever keys."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import NamedTuple

from ..message import (
    MAX_MESSAGE,
    Malformed,
    Message,
    MessageError,
    ReportedError,
    parse_name,
    parse_number,
)
from .base import Begun, Dialect, Framing, Received, Taken, too_long

_STRING = r'"(?:[^"\\]|\\.)*"'
_BLANKS = r"[ \t\r\n]*"
_QUOTE = ord('"')
_INSIDE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.S)
_OUTSIDE = re.compile(rb'[^"}]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"}]*)*', re.S)
_MEMBER = re.compile(
    rf'{_BLANKS}({_STRING}){_BLANKS}:{_BLANKS}({_STRING}|[^",}}\s]+){_BLANKS}[,}}]', re.S
)
_ID = re.compile(rf'(?<!\\)"id"{_BLANKS}:{_BLANKS}({_STRING}|-?[0-9]+){_BLANKS}[,}}]', re.S)
_CLIENT = re.compile(r'"(client|Client|CLIENT)')
_SERVER = {"client": '"server', "Client": '"Server', "CLIENT": '"SERVER'}


class JsonObject(Dialect):
    """``{"name": "Client of Ann", "number": 42}``; a reply differs from it in the values alone.

    `around` is the text before, between and behind the name and the number, which comes first if
    `number_first`. `id_` is the value, as JSON, of an ``"id"`` that errors have to repeat.
    """

    label = "json"

    def __init__(
        self,
        around: tuple[str, str, str],
        number_first: bool,
        terminator: str,
        id_: str | None = None,
    ) -> None:
        self.around = around
        self.number_first = number_first
        self.terminator = terminator
        self.id = id_
        self.newline_may_follow = not terminator

    def encode(self, message: Message) -> bytes:
        values = [json.dumps(message.name, ensure_ascii=False), str(message.number)]
        if self.number_first:
            values.reverse()
        before, between, behind = self.around
        return f"{before}{values[0]}{between}{values[1]}{behind}{self.terminator}".encode()

    def encode_error(self, error: MessageError) -> bytes:
        text = json.dumps({"error": error.code, "detail": str(error)}, ensure_ascii=False)
        if self.id:
            with_id = f'{text[:-1]}, "id": {self.id}}}'
            if len(with_id.encode()) + len(self.terminator) <= MAX_MESSAGE:
                text = with_id
        return (text + self.terminator).encode()


class Objects(Framing):
    """A JSON object ends with its brace; a newline right behind it is part of the message.

    Members whose keys are in `aside` may be there besides the name and the number.
    """

    def __init__(self, aside: Collection[str]) -> None:
        self._aside = aside

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        end = _find_end(data, start, begun)
        if not end:
            if len(data) - start > MAX_MESSAGE:
                raise too_long()
            return None
        try:
            text = data[start:end].decode()
        except UnicodeDecodeError:
            raise Malformed("it is not UTF-8") from None
        terminator = _newline(data, end)
        return self._read(text, terminator), end + len(terminator)

    def finish(self, data: bytes, start: int) -> Taken | None:
        return None

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        end = _find_end(data, start, Begun())
        terminator = _newline(data, end) if end else ""
        text = data[start : start + MAX_MESSAGE].decode(errors="replace")
        return JsonObject(("", "", ""), False, terminator, _find_id(text))

    def _read(self, text: str, terminator: str) -> Received:
        members = _read_members(text)
        aside = self._aside if len(members) > 2 else ()
        pair = [member for member in members if member.key not in aside]
        names = [member.value for member in pair if isinstance(member.value, str)]
        numbers = [member.value for member in pair if isinstance(member.value, int)]
        if len(names) != 1 or len(numbers) != 1:
            _check_no_report(members)
            raise Malformed("an object has one string and one integer")
        return Received(
            Message(parse_name(names[0]), numbers[0]),
            JsonObject(
                _around(text, pair),
                isinstance(pair[0].value, int),
                terminator,
                _find_id(text) if len(members) > 2 else None,
            ),
        )


def _find_end(data: bytes, start: int, begun: Begun) -> int:
    """The index behind the object that begins at `start`; 0 if its end is not there yet.

    The state of `begun` is there while that is within a string.
    """
    limit = min(len(data), start + MAX_MESSAGE)
    at = start + begun.looked
    if begun.state:
        at = _skip(_INSIDE, data, at, limit)
        if at < limit and data[at] == _QUOTE:
            at += 1
            begun.state = ()
    if not begun.state:
        at = _skip(_OUTSIDE, data, at, limit)
        if at < limit and data[at] != _QUOTE:
            return at + 1
        if at < limit:  # a string that does not end yet
            at = _skip(_INSIDE, data, at + 1, limit)
            begun.state = (_QUOTE,)
    begun.looked = at - start
    return 0


def _skip(what: re.Pattern[bytes], data: bytes, start: int, limit: int) -> int:
    """The index behind `what`, which may be nothing, at `start`; not beyond `limit`."""
    found = what.match(data, start, limit)
    return found.end() if found else start


class _Member(NamedTuple):
    key: str
    value: str | int
    found: re.Match[str]


def _read_members(text: str) -> list[_Member]:
    """The members of the object that is `text`. Raises `MessageError` if it is none."""
    members: list[_Member] = []
    end = 1
    while end < len(text):
        found = _MEMBER.match(text, end)
        if not found:
            raise Malformed("it is not a flat JSON object")
        key, value = found.groups()
        is_string = value.startswith('"')
        members.append(
            _Member(
                _read_string(key), _read_string(value) if is_string else parse_number(value), found
            )
        )
        end = found.end()
    if len({member.key for member in members}) < len(members):
        raise Malformed("a key is in it twice")
    return members


def _read_string(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        raise Malformed("it is not a flat JSON object") from None


def _check_no_report(members: list[_Member]) -> None:
    """Raise `ReportedError` if `members` are those of an error."""
    values = {member.key: member.value for member in members}
    if isinstance(values.get("error"), str):
        raise ReportedError(str(values["error"]), str(values.get("detail", "")))


def _around(text: str, pair: list[_Member]) -> tuple[str, str, str]:
    """What is around the values of `pair` in `text`, with the keys that a reply has."""
    around = []
    end = 0
    for member in pair:
        key_start, key_end = member.found.span(1)
        key = _CLIENT.sub(lambda client: _SERVER[client[1]], member.found[1])
        around.append(text[end:key_start] + key + text[key_end : member.found.start(2)])
        end = member.found.end(2)
    return around[0], around[1], text[end:]


def _find_id(text: str) -> str | None:
    found = _ID.search(text)
    try:
        return found and json.dumps(json.loads(found[1]))
    except ValueError:
        return None


def _newline(data: bytes, start: int) -> str:
    """The newline at `start`, or nothing."""
    if data.startswith(b"\n", start):
        return "\n"
    return "\r\n" if data.startswith(b"\r\n", start) else ""
