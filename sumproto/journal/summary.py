"""What a journal says of each client: tallies, as a table or for a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..core import MAX_NAME, escape

_MAX_LOST = 2**53
"""The most lost lines that one line may report: all readers of JSON agree on integers up to it."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n")
"""The beginnings of a cell that a spreadsheet takes for a formula, by OWASP's list."""


@dataclass
class Tally:
    """The counts of one client or peer, and its first and last times, in UTC."""

    first: str
    last: str
    exchanges: int = 0
    errors: int = 0

    def add(self, other: Tally) -> None:
        """Count what `other` has, too."""
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.exchanges += other.exchanges
        self.errors += other.errors


class Summary:
    """What lines of journals, in any order, say of each client."""

    def __init__(self) -> None:
        self.broken = 0
        """Lines that are not of a journal."""
        self.lost = 0
        """Lines that a server had to give up."""
        self._clients: dict[str, Tally] = {}
        self._errors: dict[str, Tally] = {}  # by peer
        self._names: dict[str, str | None] = {}  # of a peer; None if it has several

    def read(self, lines: Iterable[bytes]) -> None:
        """Count `lines`."""
        for line in lines:
            try:
                self._count(json.loads(line))
            except (ValueError, RecursionError):
                self.broken += 1

    def rows(self) -> list[tuple[str, Tally]]:
        """Each client and its counts, by name; then the peers whose errors belong to no client.

        An error says no name. It is taken for one of the client whose exchanges came from the same
        peer, if they were all under one name.
        """
        clients = {name: replace(tally) for name, tally in self._clients.items()}
        others = []
        for peer, tally in self._errors.items():
            name = self._names.get(peer)
            if name is None:
                others.append((f"(errors from {peer})", tally))
            else:
                clients[name].add(tally)
        return sorted(clients.items(), key=_by_name) + sorted(others, key=_by_name)

    def _count(self, entry: object) -> None:
        match entry:
            case {
                "event": "exchange",
                "time": str(when),
                "peer": str() | None as peer,
                "client_name": str(name),
            } if _TIME.fullmatch(when) and len(name) <= MAX_NAME:
                name, peer = escape(name), _peer(peer)
                _tally(self._clients, name, Tally(when, when, exchanges=1))
                if self._names.setdefault(peer, name) != name:
                    self._names[peer] = None
            case {"event": "error", "time": str(when), "peer": str() | None as peer} if (
                _TIME.fullmatch(when)
            ):
                _tally(self._errors, _peer(peer), Tally(when, when, errors=1))
            case {"event": "lost", "lines": int(lines)} if (
                0 < lines <= _MAX_LOST and lines is not True
            ):
                self.lost += lines
            case _:
                raise ValueError("not of a journal")


def _peer(host: str | None) -> str:
    """What to call a peer. Raises `ValueError` if `host` is too long."""
    if host is None:
        return "a UNIX socket"
    if len(host) > MAX_NAME:
        raise ValueError("not an address")
    return escape(host)


def _tally(tallies: dict[str, Tally], key: str, tally: Tally) -> None:
    if key in tallies:
        tallies[key].add(tally)
    else:
        tallies[key] = tally


def _by_name(row: tuple[str, Tally]) -> tuple[str, str]:
    return row[0].casefold(), row[0]


def _cells(row: tuple[str, Tally]) -> tuple[str, int, int, str, str]:
    name, tally = row
    first, last = (f"{when[:19]}Z" for when in (tally.first, tally.last))
    return name, tally.exchanges, tally.errors, first, last


def as_csv(rows: Iterable[tuple[str, Tally]]) -> str:
    """`rows` as RFC 4180 has them; a name that a spreadsheet would evaluate is behind a ``'``."""
    text = io.StringIO()
    # Quoted, or a spreadsheet that divides at ";" would find a formula within a name.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["client_name", "exchanges", "errors", "first", "last"])
    for name, *others in map(_cells, rows):
        writer.writerow(["'" * name.startswith(_FORMULA) + name, *others])
    return text.getvalue()


def as_table(rows: Iterable[tuple[str, Tally]]) -> str:
    """`rows` in columns, for a terminal."""
    cells = [("client name", "exchanges", "errors", "first", "last"), *map(_cells, rows)]
    width = max(_width(name) for name, *_ in cells)
    return "".join(
        f"{name}{' ' * (width - _width(name))}  {exchanges:>9}  {errors:>6}  {first:20}  {last}\n"
        for name, exchanges, errors, first, last in cells
    )


def _width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
