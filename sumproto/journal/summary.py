"""What a journal says of each client: tallies, as a table or for a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ..core import MAX_NAME, escape

_MAX_LOST = 2**53
"""The most lost lines that one line may report: all readers of JSON agree on integers up to it."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20\t\r\n")
"""The beginnings of a cell that a spreadsheet takes for a formula, by OWASP's list."""


_COLUMNS = (
    *("client_name", "address", "same_address", "dialect", "transports"),
    *("exchanges", "errors", "first", "last"),
)

_SHOWN = 8
"""The most addresses or names in a cell: a spreadsheet takes no cell of any length."""


@dataclass
class Tally:
    """The counts of one client or peer, how it came, and its first and last times, in UTC."""

    first: str
    last: str
    exchanges: int = 0
    errors: int = 0
    addresses: set[str] = field(default_factory=set)
    dialects: set[str] = field(default_factory=set)
    transports: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    """Some of the other names that came from the same addresses."""

    def add(self, other: Tally) -> None:
        """Count what `other` has, too."""
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)
        self.exchanges += other.exchanges
        self.errors += other.errors
        self.addresses |= other.addresses
        self.dialects |= other.dialects
        self.transports |= other.transports


class Summary:
    """What lines of journals, in any order, say of each client."""

    def __init__(self) -> None:
        self.broken = 0
        """Lines that are not of a journal."""
        self.lost = 0
        """Lines that a server had to give up."""
        self._clients: dict[str, Tally] = {}
        self._errors: dict[str, Tally] = {}  # by peer
        self._names: dict[str, set[str]] = {}  # of a peer

    def read(self, lines: Iterable[bytes]) -> bool:
        """Count `lines`. Returns whether one of them was of a journal."""
        found = False
        for line in lines:
            try:
                self._count(json.loads(line))
                found = True
            except (ValueError, RecursionError):
                self.broken += 1
        return found

    def rows(self) -> list[tuple[str, Tally]]:
        """Each client and its counts, by name; then the peers whose errors belong to no client.

        An error says no name. It is taken for one of the client whose exchanges came from the same
        peer, if they were all under one name.
        """
        clients = {name: deepcopy(tally) for name, tally in self._clients.items()}
        others = []
        for peer, tally in self._errors.items():
            if len(names := self._names.get(peer, set())) == 1:
                clients[next(iter(names))].add(tally)
            else:
                others.append((f"(errors from {peer})", tally))
        in_order = {peer: sorted(names, key=_in_order) for peer, names in self._names.items()}
        for name, tally in clients.items():
            addresses = sorted(tally.addresses & in_order.keys())
            tally.others = _others(name, (in_order[address] for address in addresses))
        return sorted(clients.items(), key=_by_name) + sorted(others, key=_by_name)

    def _count(self, entry: object) -> None:
        match entry:
            case {
                "event": "exchange",
                "time": str(when),
                "peer": str() | None as peer,
                "client_name": str(name),
            } if _TIME.fullmatch(when) and len(name) <= MAX_NAME:
                name, address = escape(name), _address(peer)
                _tally(self._clients, name, Tally(when, when, exchanges=1, **_how(entry, peer)))
                self._names.setdefault(address, set()).add(name)
            case {"event": "error", "time": str(when), "peer": str() | None as peer} if (
                _TIME.fullmatch(when)
            ):
                _tally(
                    self._errors, _address(peer), Tally(when, when, errors=1, **_how(entry, peer))
                )
            case {"event": "lost", "lines": int(lines)} if (
                0 < lines <= _MAX_LOST and lines is not True
            ):
                self.lost += lines
            case _:
                raise ValueError("not of a journal")


def _address(host: str | None) -> str:
    """What to call where a peer is. Raises `ValueError` if `host` is too long."""
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


def _how(entry: Any, peer: str | None) -> Any:
    """How a message came from `peer`, as arguments of a `Tally`; `entry` may be any object."""

    def known(value: object) -> set[str]:
        return {escape(value)} if isinstance(value, str) and len(value) <= MAX_NAME else set()

    return {
        "addresses": known(peer),
        "dialects": known(entry.get("dialect")),
        "transports": known(entry.get("transport")),
    }


def _others(name: str, names: Iterable[list[str]]) -> list[str]:
    """The `names` of one address after another, but for `name`: as many as are shown, and one."""
    found: dict[str, None] = {}
    for several in names:
        found.update(dict.fromkeys(other for other in several[: _SHOWN + 2] if other != name))
        if len(found) > _SHOWN:
            break
    return list(found)[: _SHOWN + 1]


def _in_order(name: str) -> tuple[str, str]:
    return name.casefold(), name


def _by_name(row: tuple[str, Tally]) -> tuple[str, str]:
    return _in_order(row[0])


def _some(values: Iterable[str]) -> str:
    """`values` in a cell, the first `_SHOWN` of them."""
    shown = list(islice(values, _SHOWN + 1))
    return ", ".join(shown[:_SHOWN]) + ", ..." * (len(shown) > _SHOWN)


def _when(time: str) -> str:
    """`time` to the second."""
    return f"{time[:19]}Z"


def as_csv(rows: Iterable[tuple[str, Tally]]) -> str:
    """`rows` as RFC 4180 has them; what a spreadsheet would evaluate is behind a ``'``."""
    text = io.StringIO()
    # Quoted, or a spreadsheet that divides at ";" would find a formula within a name.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    for name, tally in rows:
        texts = (
            name,
            _some(sorted(tally.addresses)),
            _some(tally.others),
            _some(sorted(tally.dialects)),
            _some(sorted(tally.transports)),
        )
        writer.writerow(
            [
                *("'" * text.startswith(_FORMULA) + text for text in texts),
                *(tally.exchanges, tally.errors, _when(tally.first), _when(tally.last)),
            ]
        )
    return text.getvalue()


def as_table(rows: Iterable[tuple[str, Tally]]) -> str:
    """`rows` in columns, for a terminal; behind a client, other names from its addresses."""
    cells = [
        ("client name", "address", "exchanges", "errors", "first", "last", ""),
        *(
            (
                name,
                _some(sorted(tally.addresses)),
                tally.exchanges,
                tally.errors,
                _when(tally.first),
                _when(tally.last),
                f"  from there also: {_some(tally.others)}" if tally.others else "",
            )
            for name, tally in rows
        ),
    ]
    names = max(_width(name) for name, *_ in cells)
    addresses = max(_width(address) for _, address, *_ in cells)
    return "".join(
        f"{name}{' ' * (names - _width(name))}  {address}{' ' * (addresses - _width(address))}  "
        f"{exchanges:>9}  {errors:>6}  {first:20}  {last:20}{also}".rstrip(" ")
        + "\n"
        for name, address, exchanges, errors, first, last, also in cells
    )


def _width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
