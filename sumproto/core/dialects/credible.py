"""Whether what reads as a message was meant as one, or is noise with a digit at its end. Pure.

Of random text, one in ten ends in a digit, and one in three characters is punctuation. So the less
usual a way to write a message is, the more its name has to look like a name:

| way | letters | name |
|---|---|---|
| with labels, as an object or a list | 0 | any |
| name, comma, number | 1 | no more than one symbol in 8 characters, or regular |
| name, one of ``;`` ``:`` ``|``, a blank or a newline, number | 1, or 2 before a digit | regular |
| number, one of these, name | 3, or 4 | plain, or regular |
| name, a usual mark, number; brackets and quotes in pairs | 3 | plain |
| a line that a CR alone ends, unless a later row fits | 3 | plain |
| any other punctuation, or number, punctuation, name | 5 | plain |
| nothing between name and number | 5 | plain |

A name that says ``client``, ``server``, ``user`` or ``student`` is believed in all of them. A
regular name has words of letters, perhaps with digits, and single marks between them: ``R2-D2 7``,
``J.R.``. A plain one has words of two letters and more, in small letters, capitals or with a
capital first, that can be spoken: three consonants alone are no word. Beyond ASCII, each character
counts as three letters. A usual mark is one of ``/-_#~=&.+*`` and those above, once or more, or an
arrow.

A number that is out of range may stop the server. So its name needs more, except in the first way.
In the next two it is regular, with two letters before a comma and three before the others; or
plain, with three, if the number has less than three characters, ``-5``. In all further ways it is
plain, with two letters more. In binary, before a number above 65,535, it is plain, with five.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from ..message import Malformed, Reason, in_range, shorten


class Width(IntEnum):
    """Ways to write a message; the wider one is, the more texts fit it."""

    LABELLED = 0
    COMMA = 1
    CLASSIC = 2
    NUMBER_FIRST = 3
    PUNCTUATION = 4
    UNUSUAL = 5
    GLUED = 6


_LETTERS = (0, 1, 1, 3, 3, 5, 5)
"""How many letters a name needs, by width."""

_SAYS_SO = re.compile(r"(?<![^\W_])(?:client|server|user|student)", re.IGNORECASE)
# Read in one way only: a word that two alternatives fit, again and again, would cost a hostile name
# exponential time. So the second one has a digit, and then a capital.
_WORD = (
    r"(?:(?:[0-9]{1,3}(?=[a-z]{2}))?(?:[A-Z]?[a-z]+|[A-Z]+)(?:[A-Z][a-z]+)?[0-9]{0,9}"
    r"|(?=(?:[0-9]*[A-Z]){2})(?=[A-Z]*[0-9]+[A-Z])[A-Z0-9]{3,})(?![A-Za-z0-9])"
)
_GAP = r"(?:[].,)\"']{0,2} [(\[&\"'#-]? ?|[.,'&/@+#_-])"
_REGULAR = re.compile(
    rf"[(\"']?(?:[0-9]{{1,9}} )?{_WORD}(?:{_GAP}(?:{_WORD}|[0-9]{{1,9}}[a-z]?))*"
    r"(?:[].)\"']{0,2}|[+!?]{1,2})"
)
_LIKELY = r"(?:[a-z]+|[A-Z][a-z]+(?:[A-Z][a-z]{2,})?|[A-Z]+)(?<=[A-Za-z]{2})[0-9]{0,4}"
_PLAIN = re.compile(
    rf"(?:[A-Z](?=['. ])|{_LIKELY})(?:(?:[.,]? |['_-])(?:{_LIKELY}|[A-Z]|[0-9]{{1,4}}))*[.]?"
)
_UNSPOKEN = re.compile(r"(?<![A-Za-z])[^AEIOUYaeiouy\W\d_]{3,}(?![A-Za-z])")
_OTHER = re.compile(r"[^\x00-\x7f]")
_SYMBOL = re.compile(r"[^A-Za-z0-9 \t]")
_LETTER = re.compile(r"[A-Za-z]")
_TWO_DIGITS = re.compile(rb"[0-9]{2}")

_TELLING = 3
"""Letters of a name, or characters of a number, that noise seldom has."""

_MOST_SYMBOLS = 1 / 8
_DIGITS_OF_AN_ID = 5
_MOST_PROBABLE = 0xFFFF
"""The highest of the numbers that people try; noise in binary has higher ones."""

IN_BINARY = 1
"""The characters of a number that is written in none."""


def check_credible(name: str, number: int, written: int, width: Width) -> None:
    """Raise `Malformed` if `name` and `number`, of `written` characters, are more likely noise."""
    if width is Width.LABELLED:
        return
    letters, shape = _look_at(name)
    needed = _LETTERS[width]
    if width is Width.CLASSIC and letters + written < _TELLING:
        needed = _TELLING
    if not in_range(number):
        letters = sum(map(str.isalpha, name))
        if written == IN_BINARY and abs(number) > _MOST_PROBABLE:
            needed, width = _LETTERS[Width.UNUSUAL], max(width, Width.PUNCTUATION)
        elif width > Width.CLASSIC:
            needed, width = needed + 2, max(width, Width.PUNCTUATION)
        elif written < _TELLING:
            needed, width = _TELLING, Width.PUNCTUATION
        else:
            needed, width = width + 1, Width.CLASSIC
    if width is Width.NUMBER_FIRST and shape is _Shape.REGULAR:
        needed += 1
    if shape is not _Shape.SAYS_SO and (letters < needed or width > _WIDEST[shape]):
        raise Malformed(f"'{shorten(name)}' does not look like a name", Reason.ODD_NAME)


def check_int(written: bytes, number: int) -> None:
    """Raise `Malformed` if the int `written` may have been meant otherwise than as this `number`.

    It may be digits, in the other byte order or cut, or the last letters of a name and a part of
    the int, if the length of the name is too small. A number in range has one byte and three NULs.
    """
    if in_range(number):
        return
    is_moved = written.count(0) == len(written) - 1 and in_range(max(written))
    if _TWO_DIGITS.search(written) or is_moved:
        text = "the number may be digits, in another byte order, or cut"
        raise Malformed(text, Reason.NO_INTEGER)
    if abs(number) > _MOST_PROBABLE and written[:1].isalpha():
        raise Malformed("text may go on behind its length", Reason.LENGTH)


class _Shape(IntEnum):
    ODD = 0
    MIXED = 1
    REGULAR = 2
    PLAIN = 3
    SAYS_SO = 4


_WIDEST = (Width.LABELLED, Width.COMMA, Width.NUMBER_FIRST, Width.GLUED, Width.GLUED)
"""The widest way of writing in which a name of each shape is believed."""


@lru_cache(maxsize=1024)
def _look_at(name: str) -> tuple[int, _Shape]:
    """How many letters there are in `name`, and how much it looks like one."""
    if _SAYS_SO.search(name):
        return len(name), _Shape.SAYS_SO
    text = _OTHER.sub("aaa", name)
    letters = len(_LETTER.findall(text))
    if text.isdigit() and len(text) >= _DIGITS_OF_AN_ID:
        return len(text), _Shape.REGULAR
    if _PLAIN.fullmatch(text) and not _UNSPOKEN.search(text):
        return letters, _Shape.PLAIN
    if _REGULAR.fullmatch(text):
        return letters, _Shape.REGULAR
    symbols = len(_SYMBOL.findall(text))
    return letters, _Shape.MIXED if symbols <= len(text) * _MOST_SYMBOLS else _Shape.ODD
