"""Lines: text that ends in a newline, in NULs or, if it is a whole message, in silence. Pure."""

from __future__ import annotations

import re

from ..message import MAX_MESSAGE, Malformed, Reason
from .base import Begun, Dialect, Framing, Received, Taken, too_long
from .counted import MAY_COUNT, take_counted, waits_for_more
from .credible import Width
from .envelopes import Padded, Terminated
from .halves import Half, join, read_half
from .marks import BLANKS
from .notation import Read
from .quick import QuickReader
from .reading import read
from .reports import check_no_report
from .structs import finish_struct, may_be_struct, take_struct
from .text import decode, line, separated, taken, text_dialect

# Behind IAC and WILL, WONT, DO or DONT there is the option that telnet wants.
_END = re.compile(rb"\r?\n|\r\0|\r(?=[^\n\0])|(?<!\xff[\xfb-\xfe])\0")
_CONTROL = re.compile(rb"(?<!\xff[\xfb-\xfe])[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f\xff]")
_IN_NAMES = ("", "-", "_", "#", ".")
_CR = ord("\r")
_NULS = re.compile(rb"\0+")
_MORE_DIGITS = re.compile(rb"[0-9]*\r?\n?")

# A long number is out of range rather than too long, but its length needs some limit.
_MAX_WITH_DIGITS = 8 * MAX_MESSAGE


def _read_line(data: bytes, newline: bytes) -> Received | None:
    """The message that is a line; None if it may be the first of two, or is more than a line."""
    if _NO_TEXT.search(data):
        return None
    read_ = read(decode(data))
    return Received(read_[0], text_dialect(read_[1], line(newline.decode()))) if read_ else None


def _read_two_lines(data: bytes, newline: bytes) -> Received | None:
    """The message in two lines; None if there are not two, or the first is a message."""
    found = _END.search(data)
    if not found or _END.search(data, found.end()) or b"\0" in data:
        return None
    first, second = decode(data[: found.start()]), decode(data[found.end() :])
    if read(first):
        return None
    read_ = join(read_half(first), found[0].decode(), read_half(second))
    return Received(read_[0], text_dialect(read_[1], line(newline.decode())))


_QUICK = QuickReader(_read_line)
_QUICK_TWO = QuickReader(_read_two_lines)


class Lines(Framing):
    """A message is a line or two; without a newline, its length, NULs or silence end it."""

    def take(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        if data[start] in MAY_COUNT:
            counted = take_counted(data, start)
            if counted is not None:
                return counted or None
        return (not begun.looked and _take_quickly(data, start)) or self._take_lines(
            data, start, begun
        )

    def _take_lines(self, data: bytes, start: int, begun: Begun) -> Taken | None:
        looked = begun.looked
        first, second = begun.state or (0, 0)  # where the first line ends and the second begins
        half = None
        while found := _END.search(data, start + looked):
            here, end = found.span()
            if data[here] == 0:
                return _take_padded(data, start, here)
            if end - start > MAX_MESSAGE:
                self._check_length(data, start, end, looked)
            _check_controls(data, start + looked, here)
            if second:
                half = half or read_half(decode(data[start : start + first]))
                between = data[start + first : start + second].decode()
                other = read_half(decode(data[start + second : here]))
                read_ = join(half, between, other, _least_width(found[0]))
                return taken(read_, line(found[0].decode()), start, end)
            text = decode(data[start:here])
            if one := read(text, least=_least_width(found[0])):
                return taken(one, line(found[0].decode()), start, end)
            half = read_half(text)
            first, second = here - start, end - start
            looked = begun.looked = second
            begun.state = (first, second)
        self._check_length(data, start, len(data), looked)
        # The byte behind a CR shows which newline it begins.
        begun.looked = len(data) - start - data.endswith(b"\r", start)
        return None

    def finish(self, data: bytes, start: int) -> Taken | None:
        if data[start] in MAY_COUNT and waits_for_more(data, start):
            return None
        found = _END.search(data, start)
        if found and data[found.start()] == 0:
            return _finish_padded(data, start, found.start())
        end = len(data) - data.endswith(b"\r", start)
        newline = data[end:].decode()
        try:
            last = data[found.end() if found else start : end].decode()
        except UnicodeDecodeError:
            return None
        if found:
            half = read_half(decode(data[start : found.start()]))
            read_ = _finish_two(half, found[0].decode(), last)
        else:
            read_ = read(last, glued=True)
        return taken(read_, line(newline), start, len(data)) if read_ else None

    def error_dialect(self, data: bytes, start: int) -> Dialect | None:
        found = _END.search(data, start)
        if not found or data[found.start()] == 0:
            return None
        return separated(",", found[0].decode())

    def _check_length(self, data: bytes, start: int, end: int, looked: int) -> None:
        """Raise if the bytes from `start` to `end` are too long or show that they are no text.

        They are a message or its beginning, of which the first `looked` need no second look. Beyond
        the limit there may only be more digits of the number at its end.
        """
        limit = start + MAX_MESSAGE
        _check_controls(data, start + looked, min(end, limit + 1))
        if end <= limit:
            return
        if looked <= MAX_MESSAGE and not self._is_whole(data[start : limit + 1]):
            raise too_long()
        more = _MORE_DIGITS.fullmatch(data, max(limit, start + looked - 1), end)
        if not more or end - start > _MAX_WITH_DIGITS:
            raise too_long()

    def _is_whole(self, data: bytes) -> bool:
        """Whether `data` is a message, with the newline that ends it or without."""
        try:
            return bool(self.finish(data.removesuffix(b"\n").removesuffix(b"\r"), 0))
        except Malformed:
            return False


def _take_quickly(data: bytes, start: int) -> Taken | None:
    """The line or two from `start` on, if the quick way can read them."""
    end = start - 1
    for reader in _QUICK, _QUICK_TWO:
        end = data.find(b"\n", end + 1)
        if end < 0:
            return None
        newline = b"\r\n" if data[end - 1] == _CR else b"\n"
        if quick := reader.read(data[start : end + 1 - len(newline)], newline):
            return quick, end + 1
    return None


def _least_width(newline: bytes) -> Width:
    """The least width of a text that ends in `newline`: noise has many CRs."""
    return Width.PUNCTUATION if newline == b"\r" else Width.LABELLED


class ReplyLines(Lines):
    """Lines of replies: an error among them needs no newline."""

    def finish(self, data: bytes, start: int) -> Taken | None:
        check_no_report(data[start:].decode(errors="replace"))
        return super().finish(data, start)


def _check_controls(data: bytes, start: int, end: int) -> None:
    """Raise `Malformed` if there are control characters from `start` to `end`."""
    if _CONTROL.search(data, start, end):
        raise Malformed("there are control characters in it", Reason.CONTROLS)


def _finish_two(first: Half, newline: str, text: str) -> Read | None:
    """The message of two lines, the second of which silence has ended; None if it is none yet."""
    try:
        second = read_half(text)
    except Malformed:
        return None
    return join(first, newline, second) if first.is_number != second.is_number else None


# Text of C, which NULs end


def _take_padded(data: bytes, start: int, nul: int) -> Taken | None:
    """The message whose text ends at `nul`, if the first byte of the next one is there."""
    _check_controls(data, start, nul)
    nuls = _NULS.match(data, nul)
    assert nuls
    if nuls.end() - start > MAX_MESSAGE:
        raise too_long()
    end = nuls.end()
    read_ = read(decode(data[start:nul]), glued=True)
    if end == len(data) and read_:
        return None
    if not read_ or (_may_be_name(read_) and may_be_struct(data, start, nul, end)):
        return take_struct(data, start, nul, end)
    return _padded(read_, start, nul, end)


def _finish_padded(data: bytes, start: int, nul: int) -> Taken | None:
    read_ = read(decode(data[start:nul]), glued=True)
    if not read_ or _may_be_name(read_):
        struct = finish_struct(data, start, nul)
        if struct or not read_:
            return struct
    return _padded(read_, start, nul, len(data))


def _may_be_name(read_: Read) -> bool:
    """Whether the message may as well be a name alone, such as ``Player1`` or ``Client 7``."""
    notation = read_[1]
    around = notation.before + notation.between + notation.behind
    return not notation.number_first and around.strip(BLANKS) in _IN_NAMES


def _padded(read_: Read, start: int, nul: int, end: int) -> Taken:
    return taken(read_, Terminated() if end == nul + 1 else Padded(end - start), start, end)
