"""Messages that a terminal or a log must not show as they are."""

from __future__ import annotations

NAMES = ["\x1b[2J\x1b[31mAnn", "Ann\rBob", "A\u202ennA", "A\0nn", "A\x9bnn", "A\u2028nn", "A\x7fnn"]

EVIL = [
    *(f"{name},42\r\n".encode() for name in NAMES),
    *(f'{{"name": "{name}", "number": 42}}'.encode() for name in NAMES),
    *(b"\0\x10" + f"{name:16}".encode()[:16] + b"\0\0\0\x2a" for name in NAMES),
    *(f"ERROR busy: {name}.\r\n".encode() for name in NAMES),
    rb'{"error": "\u001b[31m", "detail": "\u202e"}',
    rb'{"name": "\u001b[31m", "number": 42}',
    b"Ann,42\x1b[31m\n",
    b"\xff\xfe\x1b,42\n",
]
"""Messages that would play tricks on a terminal or a log."""


def is_harmless(text: str) -> bool:
    """Whether `text` is lines of what prints."""
    return all(line.replace("\t", "").isprintable() for line in text.split("\n"))
