"""How lines are written to what may be a pipe: whole."""

from __future__ import annotations

from select import PIPE_BUF


def at_once(lines: bytearray, start: int = 0) -> bytearray:
    """The first of `lines`, from `start` on, that a pipe takes at once or not at all.

    Of more than `PIPE_BUF` bytes a pipe may take a part, which ends within a line. A line that is
    as long itself is returned with all that follows.
    """
    end = lines.rfind(b"\n", start, start + PIPE_BUF) + 1 or len(lines)
    return lines[start:end]
