"""Lines in UTF-16, which a byte-order mark announces. Pure."""

from __future__ import annotations

import re

from ..message import MAX_MESSAGE, Malformed, Reason
from .base import Begun, Dialect, Framing, Received, Taken, too_long
from .envelopes import Utf16
from .notation import Notation
from .objects import read_any
from .text import Text, text_dialect

_MARK = "\ufeff"
_LINE = re.compile(r"([^\r\n]*)(\r?\n)")


class Utf16Lines(Framing):
    """A line in UTF-16 with the byte `order` of `struct`, with its newline or ended by silence."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._codec = "utf-16-le" if order == "<" else "utf-16-be"

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        text = self.decode(data, start)
        found = _LINE.match(text)
        if not found:
            if len(data) - start > MAX_MESSAGE:
                raise too_long()
            return None
        taken = self._read(found[1], found[2], start)
        if not taken:
            raise Malformed("there is no number in it", Reason.NO_NUMBER)
        return taken

    def finish(self, data: bytes, start: int) -> Taken | None:
        return self._read(self.decode(data, start), "", start)

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        text = data[start : start + MAX_MESSAGE].decode(self._codec, errors="replace")
        found = _LINE.match(text)
        mark = _MARK if text.startswith(_MARK) else ""
        envelope = Utf16(self._order, mark, found[2] if found else "")
        return Text(Notation("", ",", ""), envelope)

    def decode(self, data: bytes, start: int = 0) -> str:
        """The text from `start` on, as far as its characters are whole.

        Raises `Malformed` if it is not UTF-16.
        """
        end = start + min(MAX_MESSAGE, (len(data) - start) // 2 * 2)
        try:
            return data[start:end].decode(self._codec)
        except UnicodeDecodeError as error:
            text = data[start : start + error.start].decode(self._codec)
            if error.end < end - start and "\n" not in text:
                raise Malformed("it is not UTF-16", Reason.ENCODING) from None
            return text

    def _read(self, text: str, newline: str, start: int) -> Taken | None:
        mark = _MARK if text.startswith(_MARK) else ""
        body = text[len(mark) :]
        end = start + len((text + newline).encode(self._codec))
        found = read_any(body, glued=not newline)
        if not found:
            return None
        message, notation, id_ = found
        envelope = Utf16(self._order, mark, newline)
        return Received(message, text_dialect(notation, envelope, id_)), end
