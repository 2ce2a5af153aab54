"""``python -m sumproto.journal``: what journals say of each client."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace
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
    """Print the summary.

    Ends with status 1 if a file cannot be read or is no journal, or if it cannot print.
    """
    for number in signal.SIGINT, signal.SIGPIPE:
        signal.signal(number, signal.SIG_DFL)  # end as other filters do, without a word
    options = _options()
    if isinstance(sys.stdout, TextIOWrapper):
        encoding = "utf-8" if options.csv else None  # as the byte-order mark says
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    summary = Summary()
    were_journals = [_read(name, summary) for name in options.files]
    if summary.broken:
        _complain(f"lines skipped that are none of a journal: {summary.broken}")
    if summary.lost:
        _complain(f"lines missing that the server could not write: {summary.lost}")
    mark = "\ufeff" if options.csv and not options.no_bom else ""
    as_text = as_csv if options.csv else as_table
    try:
        print(mark + as_text(summary.rows()), end="", flush=True)
    except OSError as wrong:
        silence_stdout()
        _complain(f"cannot print: {wrong.strerror}")
        raise SystemExit(1) from None
    raise SystemExit(0 if all(were_journals) else 1)


def _options() -> Namespace:
    """What the command line says. Raises `SystemExit` for a usage error."""
    parser = Parser(
        prog="python -m sumproto.journal",
        description="Of each client in the journals of a server: its addresses, how many exchanges "
        "and errors there were, when the first and the last, in UTC, and other names that came "
        "from the same addresses.",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="what --journal wrote, in any order"
    )
    parser.add_argument(
        "--csv",
        action="store_true",
        help="for a spreadsheet, with dialects and transports as well",
    )
    parser.add_argument(
        "--no-bom",
        action="store_true",
        help="with --csv: no byte-order mark, by which a spreadsheet knows UTF-8",
    )
    options = parser.parse_args()
    if options.no_bom and not options.csv:
        parser.error("--no-bom goes with --csv")
    return options


def _read(name: str, summary: Summary) -> bool:
    """Have `summary` read the file `name`. Returns whether it is a journal; complains if not."""
    try:
        with Path(name).open("rb") as file:
            if summary.read(_lines(file)):
                return True
            why = "there is no line of a journal in it"
    except OSError as wrong:
        why = wrong.strerror or str(wrong)
    _complain(f"{escape(name)}: {why}")
    return False


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
