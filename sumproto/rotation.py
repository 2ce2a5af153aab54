"""How files that only grow are kept within bounds: the log and the journal."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

MAX_SIZE = 10 * 1024 * 1024
"""Bytes of a file, but for a write more, when it is rotated."""

FILES = 10
"""Files that are kept, the one that is written included."""


def rotate(path: Path) -> None:
    """Rename the file to ``.1``, and that to ``.2``; the last of `FILES` is overwritten.

    Without the file, nothing is renamed. Raises `OSError`.
    """
    path = path.resolve()  # it may be a link to the file that is written
    if not path.exists():
        return  # or trying again and again to open a new one would rename them all away
    files = [path, *(Path(f"{path}.{number}") for number in range(1, FILES))]
    for file, older in reversed(list(pairwise(files))):
        with suppress(FileNotFoundError):
            file.replace(older)
