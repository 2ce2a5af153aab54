"""``python -m sumproto.journal``: what journals say of each client."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from ..commandline import Parser, silence_stdout
from ..core import escape
from .summary import Summary, as_csv, as_table

_PIECE = 64 * 1024
"""Bytes of a line that are read at a time; no line of a journal has as many."""


def main() -> None:
    """Print the summary. Ends with status 1 if it cannot read a file, or cannot print."""
    for number in signal.SIGINT, signal.SIGPIPE:
        signal.signal(number, signal.SIG_DFL)  # end as other filters do, without a word
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = Parser(
        prog="python -m sumproto.journal",
        description="Of each client in the journals of a server: how many exchanges and errors "
        "there were, and when the first and the last, in UTC.",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="what --journal wrote, in any order"
    )
    parser.add_argument(
        "--csv",
        dest="format",
        action="store_const",
        const=as_csv,
        default=as_table,
        help="for a spreadsheet",
    )
    options = parser.parse_args()
    summary = Summary()
    status = 0
    for name in options.files:
        try:
            with Path(name).open("rb") as file:
                summary.read(_lines(file))
        except OSError as wrong:
            _complain(f"{escape(name)}: {wrong.strerror}")
            status = 1
    if summary.broken:
        _complain(f"lines skipped that are none of a journal: {summary.broken}")
    if summary.lost:
        _complain(f"lines missing that the server could not write: {summary.lost}")
    try:
        print(options.format(summary.rows()), end="", flush=True)
    except OSError as wrong:
        silence_stdout()
        _complain(f"cannot print: {wrong.strerror}")
        status = 1
    raise SystemExit(status)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of `file`; of a line too long for a journal, the beginning."""
    within = False
    while piece := file.readline(_PIECE):
        if not within:
            yield piece
        within = not piece.endswith(b"\n")


def _complain(text: str) -> None:
    print(f"python -m sumproto.journal: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
