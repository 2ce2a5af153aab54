"""The decoder of replies: a server may tell more than its name and number. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from ..message import INTEGER, MAX_MESSAGE, Malformed, ReportedError, parse_name, parse_number
from .asides import cut_asides
from .base import Begun, Newline, Received
from .decoder import REPLIES, Decoder
from .labels import labelled
from .objects import leaves_of
from .structures import find_end
from .sums import NO_NAME
from .words import Kind, kind_of, party_of

_TEXT = re.compile(rb"[\r\n\t]*[^\x00-\x1f{\[\xfe\xff]")
"""What lines of text begin with. In what has its length before it, none may be cut."""


class ReplyDecoder(Decoder):
    """A `Decoder` of replies, which may have asides: they are cut out before it reads a line.

    An object or a list is read as it is first, since most of their asides are no hindrance.
    """

    def __init__(self) -> None:
        super().__init__(REPLIES)
        self._has_cut = False

    def feed(self, data: bytes) -> None:
        super().feed(data)
        if b"\n" in data:
            self._cut(self._data.rfind(b"\n") + 1)

    def take(self) -> Received | Newline | None:
        return self._read(super().take)

    def finish(self) -> Received | None:
        self._cut(len(self._data))
        if self._has_cut:
            self._name_nobody()
        received = self.take() or self._read(super().finish)
        return received if isinstance(received, Received) else None

    def _read(self, read: Callable[[], Received | Newline | None]) -> Received | Newline | None:
        """What `read` reads or, if that fails, the object or list without its asides."""
        try:
            received = read()
        except ReportedError:
            raise
        except Malformed:
            if not self._cut_structure():
                raise
            received = super().take()
        if received:
            self._has_cut = False
        return received

    def _cut(self, end: int) -> None:
        """Cut asides out of the text that is there up to `end`."""
        data = self._data[self._start : end]
        if not _TEXT.match(data) or len(data) > 2 * MAX_MESSAGE:
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return
        if (cut := cut_asides(text)) != text:
            self._replace(cut, end)

    def _name_nobody(self) -> None:
        """If only a number is there, add `NO_NAME` to it."""
        text = self._data[self._start :].decode(errors="replace").strip()
        found = labelled(text)
        if len(found) != 1 or "\n" in text or found[0].kind is not Kind.NUMBER:
            return
        if INTEGER.fullmatch(number := found[0].text):
            self._replace(_write(NO_NAME, [parse_number(number)]), len(self._data))

    def _cut_structure(self) -> bool:
        """Cut the asides out of the object or list that is next; False if that is of no use."""
        data, start = self._data, self._start
        if data[start : start + 1] not in (b"{", b"[", b"("):
            return False
        end = len(data) if data[start] == ord("(") else find_end(data, start, Begun())
        try:
            written = _write_structure(data[start:end].decode().strip())
        except (UnicodeDecodeError, Malformed):
            return False
        if written:
            has_newline = data[end : end + 1] in (b"\r", b"\n")
            self._replace(written if has_newline else f"{written}\n", end)
        return bool(written)

    def _replace(self, text: str, end: int) -> None:
        """Have `text` instead of the data up to `end`."""
        self._data = self._data[: self._start] + text.encode() + self._data[end:]
        self._begun = Begun()
        self._has_cut = True


def _write_structure(text: str) -> str | None:
    """A line with the name and the numbers that are in the object or list `text`, but no asides.

    None if these do not show. Raises `Malformed` if it is no object or list.
    """
    names: list[str] = []
    numbers: list[int] = []
    for leaf in leaves_of(text):
        keys = [text[start:end][1:-1] for start, end in leaf.keys]
        value = leaf.value
        kind = kind_of(keys[-1]) if keys else None
        if kind is Kind.SUM or "client" in map(party_of, keys):
            continue
        if isinstance(value, int):
            numbers.append(value)
        elif value is not None:
            names.append(value)
    if not numbers or len(names) > 1:
        return None
    return _write(parse_name(names[0]) if names else NO_NAME, numbers)


def _write(name: str, numbers: Sequence[int]) -> str:
    """A text of `name` and `numbers`."""
    if len(numbers) == 1:
        return json.dumps({"name": name, "number": numbers[0]}, ensure_ascii=False)
    return ",".join([name, *map(str, numbers)])
